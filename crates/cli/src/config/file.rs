//! The configuration file: TOML, read and never written.
//!
//! ```toml
//! dir = "/srv/torrents"
//! max-upload-limit = "2M"
//! listen = ["10.0.0.1:6881", "[::]:6881"]
//!
//! [seed]                       # for one command only
//! max-upload-limit = 0
//!
//! [tracker]
//! listen = "[::]:6969"
//! ```

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::Command;
use toml::{Table, Value};

use super::scope::{self, Scope};
use crate::env::Env;
use crate::exit::Failure;

/// A configuration file that was read.
#[derive(Debug)]
pub(crate) struct File {
    /// Where it lies.
    pub(crate) path: PathBuf,
    table: Table,
}

/// Where the configuration is looked for, the most specific first.
pub(crate) fn paths(env: &Env) -> Vec<PathBuf> {
    let home = env
        .var("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        // The specification says to ignore relative paths.
        .filter(|path| path.is_absolute())
        .or_else(|| env.var("HOME").map(|home| Path::new(home).join(".config")));
    home.into_iter()
        .chain([env.etc.clone()])
        .map(|dir| dir.join("superseed").join("config.toml"))
        .collect()
}

/// Reads the named file, or those of [`paths`] that exist.
pub(crate) fn read_all(
    named: Option<&Path>,
    env: &Env,
    definition: &Command,
) -> Result<Vec<File>, Failure> {
    if let Some(path) = named {
        let file = read(path, definition)?;
        return file.map(|file| vec![file]).ok_or_else(|| {
            Failure::file(
                "read",
                path.display(),
                &io::Error::from_raw_os_error(2), // ENOENT
            )
        });
    }
    let files: Result<Vec<_>, _> = paths(env)
        .iter()
        .map(|path| read(path, definition))
        .collect();
    Ok(files?.into_iter().flatten().collect())
}

/// Reads a file; `None` if it does not exist.
fn read(path: &Path, definition: &Command) -> Result<Option<File>, Failure> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Failure::file("read", path.display(), &error)),
    };
    let table: Table = text.parse().map_err(|error: toml::de::Error| {
        let line = error.span().map_or(1, |span| {
            text.bytes()
                .take(span.start)
                .filter(|&b| b == b'\n')
                .count()
                + 1
        });
        let what = error.message().replace('\n', ", ");
        Failure::usage(format!("{}:{line}: {what}", path.display()))
    })?;
    let file = File {
        path: path.to_owned(),
        table,
    };
    file.check_names(definition)?;
    Ok(Some(file))
}

impl File {
    /// The values of an option, if the file has it.
    pub(crate) fn values(
        &self,
        scope: Scope<'_>,
        key: &str,
    ) -> Result<Option<Vec<String>>, Failure> {
        let in_table = scope
            .table()
            .and_then(|name| self.table.get(name)?.as_table()?.get(key));
        // `[tracker]` is the table of a command, `tracker` an option of another.
        let is_option = |value: &&Value| scope.at_top() && !value.is_table();
        let at_top = || self.table.get(key).filter(is_option);
        let Some(value) = in_table.or_else(at_top) else {
            return Ok(None);
        };
        let values = match value {
            Value::Array(values) => values.iter().map(scalar).collect(),
            value => scalar(value).map(|value| vec![value]),
        };
        values.map(Some).ok_or_else(|| {
            Failure::usage(format!(
                "{}: {key} is not a value or a list of values",
                self.path.display()
            ))
        })
    }

    /// A misspelt option would silently do nothing, so it is an error.
    fn check_names(&self, definition: &Command) -> Result<(), Failure> {
        let options = scope::options(definition);
        let unknown = |name: &str| {
            let path = self.path.display();
            Err(Failure::usage(format!("{path}: there is no option {name}")))
        };
        for (name, value) in &self.table {
            let commands = options.iter().any(|(scope, _)| scope.table() == Some(name));
            if let (true, Value::Table(table)) = (commands, value) {
                let known = |name_in: &String| {
                    options.iter().any(|(scope, arg)| {
                        scope.table() == Some(name) && scope::key(arg) == name_in
                    })
                };
                if let Some(name_in) = table.keys().find(|name_in| !known(name_in)) {
                    return unknown(&format!("{name}.{name_in}"));
                }
                continue;
            }
            let known = options
                .iter()
                .any(|(scope, arg)| scope.at_top() && scope::key(arg) == name && name != "config");
            if !known || value.is_table() {
                return unknown(name);
            }
        }
        Ok(())
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Boolean(yes) => Some(yes.to_string()),
        Value::Datetime(_) | Value::Array(_) | Value::Table(_) => None,
    }
}
