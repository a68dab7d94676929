//! `superseed config`: the options in force and where they come from.

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches};

use super::file;
use super::layers::{Layers, Origin};
use super::scope::{self, Scope};
use crate::args::command::definition;
use crate::args::{ConfigAction, GlobalArgs};
use crate::env::Env;
use crate::exit::{Exit, Failure};

/// Runs `config show`, `config path` or `config check`.
pub(crate) fn run(action: ConfigAction, global: &GlobalArgs, env: &Env) -> Result<Exit, Failure> {
    match action {
        ConfigAction::Show => show(global, env),
        ConfigAction::Path => path(global, env),
        ConfigAction::Check => check(global, env),
    }
}

/// One line of `config show`.
struct Row {
    name: String,
    values: Vec<String>,
    origin: Origin,
}

fn show(global: &GlobalArgs, env: &Env) -> Result<Exit, Failure> {
    let rows = rows(global, env)?;
    if global.json {
        for row in &rows {
            let line = serde_json::json!({
                "option": row.name,
                "values": row.values,
                "origin": row.origin.to_string(),
            });
            env.stdout.line(line.to_string())?;
        }
        return Ok(Exit::Success);
    }
    let text = |row: &Row| match row.values.as_slice() {
        [] => "-".to_owned(),
        values => values.join(" "),
    };
    let widest = |of: &dyn Fn(&Row) -> usize| rows.iter().map(of).max().unwrap_or_default();
    let name_width = widest(&|row| row.name.chars().count());
    let value_width = widest(&|row| text(row).chars().count()).min(40);
    for row in &rows {
        env.stdout.line(format!(
            "{:name_width$}  {:value_width$}  {}",
            row.name,
            text(row),
            row.origin
        ))?;
    }
    Ok(Exit::Success)
}

/// Every option with its value; those of `seed` only where they are not those
/// of `download`, with which it shares them.
fn rows(global: &GlobalArgs, env: &Env) -> Result<Vec<Row>, Failure> {
    let definition = definition();
    let given = definition.clone().try_get_matches_from(&env.args).ok();
    let layers = Layers::read(global.config.as_deref(), env, &definition)?;
    let mut rows: Vec<Row> = Vec::new();
    for (scope, arg) in scope::options(&definition) {
        let key = scope::key(arg);
        let (values, origin) = match command_line(given.as_ref(), scope, arg) {
            Some(values) => (values, Origin::CommandLine),
            None => layers
                .find(scope, arg)?
                .unwrap_or_else(|| (defaults(arg), Origin::Default)),
        };
        let name = match scope {
            Scope::Global | Scope::Transfer("download") => key.to_owned(),
            Scope::Transfer(command) | Scope::Own(command) => format!("{command}.{key}"),
        };
        let as_download =
            |row: &Row| row.name == key && row.origin == origin && same(&row.values, &values);
        if scope == Scope::Transfer("seed") && rows.iter().any(as_download) {
            continue;
        }
        rows.push(Row {
            name,
            values: values.iter().map(|value| without_password(value)).collect(),
            origin,
        });
    }
    Ok(rows)
}

/// Whether a row shows these values.
fn same(shown: &[String], values: &[String]) -> bool {
    let values = values.iter().map(|value| without_password(value));
    values.eq(shown.iter().cloned())
}

/// A URL, of a proxy for example, without the password in it: what is shown is
/// copied into reports.
fn without_password(value: &str) -> String {
    let hidden = || {
        let (scheme, rest) = value.split_once("://")?;
        let authority = rest.split(['/', '?', '#']).next()?;
        let (user, _) = authority.rsplit_once('@')?;
        let (name, _) = user.split_once(':')?;
        Some(format!("{scheme}://{name}:…{}", &rest[user.len()..]))
    };
    hidden().unwrap_or_else(|| value.to_owned())
}

fn defaults(arg: &Arg) -> Vec<String> {
    if matches!(arg.get_action(), ArgAction::Count) {
        return vec!["0".to_owned()];
    }
    let values = arg.get_default_values().iter();
    values.map(|v| v.to_string_lossy().into_owned()).collect()
}

/// The values that the command line of this very call gives to a global option.
fn command_line(given: Option<&ArgMatches>, scope: Scope<'_>, arg: &Arg) -> Option<Vec<String>> {
    let given = given.filter(|_| scope == Scope::Global)?;
    let id = arg.get_id().as_str();
    if given.value_source(id) != Some(ValueSource::CommandLine) {
        return None;
    }
    let raw = given.get_raw(id).into_iter().flatten();
    let values: Vec<_> = raw.map(|v| v.to_string_lossy().into_owned()).collect();
    // An option that counts has no values, only occurrences.
    Some(if values.is_empty() {
        vec![given.get_count(id).to_string()]
    } else {
        values
    })
}

fn path(global: &GlobalArgs, env: &Env) -> Result<Exit, Failure> {
    let paths = match &global.config {
        Some(path) => vec![path.clone()],
        None => file::paths(env),
    };
    for path in paths {
        let found = path.is_file();
        env.stdout.line(if global.json {
            serde_json::json!({ "path": path, "found": found }).to_string()
        } else {
            let word = if found { "found" } else { "absent" };
            format!("{}  {word}", path.display())
        })?;
    }
    Ok(Exit::Success)
}

fn check(global: &GlobalArgs, env: &Env) -> Result<Exit, Failure> {
    rows(global, env)?;
    let definition = definition();
    let options = scope::options(&definition);
    let known = |name: &str| {
        options
            .iter()
            .any(|(scope, arg)| scope.variable(scope::key(arg)) == name)
    };
    let names = env
        .vars
        .keys()
        .filter(|name| name.starts_with("SUPERSEED_"));
    match names.into_iter().find(|name| !known(name)) {
        None => Ok(Exit::Success),
        Some(name) => Err(Failure::usage(format!(
            "the environment variable {name} names no option"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_in_urls_are_not_shown() {
        let shown = without_password("socks5://me:pass@word@10.0.0.1:1080/");
        assert_eq!(shown, "socks5://me:…@10.0.0.1:1080/");
        for plain in ["socks5://me@10.0.0.1:1080", "http://t/a:b@c", "a:b@c", "2M"] {
            assert_eq!(without_password(plain), plain);
        }
    }
}
