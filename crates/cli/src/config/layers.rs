//! The layers on top of each other: command line > environment > files > defaults.
//!
//! A value of a lower layer becomes the default of its option in the
//! definition of the command line, so that every layer is parsed and checked
//! by the same code.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::builder::Resettable;
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Command, FromArgMatches};

use super::file::{self, File};
use super::scope::{self, Scope};
use crate::args::Plan;
use crate::args::command::{SWITCH_VALUE, definition, described, with_default_command};
use crate::env::{Colour, Env};
use crate::exit::Failure;

/// Why there is no plan.
#[derive(Debug)]
pub(crate) enum NoPlan {
    /// The user asked for this text.
    Help(String),
    /// The command line is wrong, in clap's words.
    Clap(String),
    /// A lower layer is wrong.
    Failure(Failure),
}

impl From<Failure> for NoPlan {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The option's own default.
    Default,
    /// A configuration file.
    File(PathBuf),
    /// An environment variable.
    Variable(String),
    /// The command line.
    CommandLine,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => path.display().fmt(f),
            Self::Variable(name) => f.write_str(name),
            Self::CommandLine => f.write_str("command line"),
        }
    }
}

/// The layers below the command line.
pub(crate) struct Layers<'a> {
    env: &'a Env,
    files: Vec<File>,
}

impl<'a> Layers<'a> {
    /// Reads the files; `named` is the value of `--config`.
    pub(crate) fn read(
        named: Option<&Path>,
        env: &'a Env,
        definition: &Command,
    ) -> Result<Self, Failure> {
        let variable = Scope::Global.variable("config");
        let named = named.or_else(|| env.var(&variable).map(Path::new));
        let files = file::read_all(named, env, definition)?;
        Ok(Self { env, files })
    }

    /// The checked values that an option gets from the highest layer that has any.
    pub(crate) fn find(
        &self,
        scope: Scope<'_>,
        arg: &Arg,
    ) -> Result<Option<(Vec<String>, Origin)>, Failure> {
        let variable = scope.variable(scope::key(arg));
        let set = self.env.vars.get(&variable).filter(|set| !set.is_empty());
        if let Some(value) = set {
            let text = value
                .to_str()
                .ok_or_else(|| Failure::usage(format!("{variable} is not valid Unicode")))?;
            let values = match arg.get_action() {
                ArgAction::Append => text.split_whitespace().map(str::to_owned).collect(),
                _ => vec![text.to_owned()],
            };
            check(arg, &values, &variable)?;
            return Ok(Some((values, Origin::Variable(variable))));
        }
        for file in &self.files {
            if let Some(values) = file.values(scope, scope::key(arg))? {
                check(arg, &values, file.path.display())?;
                return Ok(Some((values, Origin::File(file.path.clone()))));
            }
        }
        Ok(None)
    }
}

/// Lets the option itself say whether the values are good.
fn check(arg: &Arg, values: &[String], from: impl std::fmt::Display) -> Result<(), Failure> {
    if matches!(arg.get_action(), ArgAction::Count) {
        let count = match values {
            [value] => value.parse::<u8>().ok(),
            _ => None,
        };
        let key = scope::key(arg);
        return count
            .map(|_| ())
            .ok_or_else(|| Failure::usage(format!("{from}: {key} is not a number")));
    }
    let name = scope::key(arg);
    if values.len() > 1 && !matches!(arg.get_action(), ArgAction::Append) {
        return Err(Failure::usage(format!("{from}: {name} takes one value")));
    }
    Command::new("check")
        .no_binary_name(true)
        .disable_help_flag(true)
        // The options that it conflicts with are not part of this command.
        .arg(arg.clone().conflicts_with(Resettable::Reset))
        .try_get_matches_from(values.iter().map(|value| format!("--{name}={value}")))
        .map(|_| ())
        .map_err(|error| {
            let text = error.to_string();
            let line = text.lines().next().unwrap_or_default();
            let line = line.strip_prefix("error: ").unwrap_or(line);
            Failure::usage(format!("{from}: {}", line.replace(SWITCH_VALUE, "")))
        })
}

/// Parses the command line on top of the lower layers.
pub(crate) fn plan(env: &Env) -> Result<Plan, NoPlan> {
    let bare = definition();
    let args = with_default_command(&bare, &env.args);
    // The first parse finds the command and the configuration; what it finds
    // wrong is wrong whatever the lower layers say.
    let found = parse(bare.clone(), &args, env)?;
    let named = found.get_one::<PathBuf>("config").map(PathBuf::as_path);
    let layers = Layers::read(named, env, &bare)?;
    let command = found.subcommand_name().unwrap_or_default();
    let mut layered = bare.clone();
    for (scope, arg) in scope::options(&bare) {
        // A wrong value of another command's option must not be in the way.
        if scope.table().is_some_and(|name| name != command) {
            continue;
        }
        let Some((values, _)) = layers.find(scope, arg)? else {
            continue;
        };
        let with_default = |arg: Arg| arg.default_values(values.clone());
        let id = arg.get_id().as_str();
        layered = match scope.table() {
            None => layered.mut_arg(id, with_default),
            Some(name) => layered.mut_subcommand(name, |command| command.mut_arg(id, with_default)),
        };
    }
    let matches = parse(layered, &args, env)?;
    Plan::from_arg_matches(&matches).map_err(|error| NoPlan::Clap(error.to_string()))
}

fn parse(definition: Command, args: &[OsString], env: &Env) -> Result<ArgMatches, NoPlan> {
    definition.try_get_matches_from(args).map_err(|mut error| {
        if error.kind() == ErrorKind::DisplayHelp
            && let Err(plain) = described().try_get_matches_from(args)
            && plain.kind() == ErrorKind::DisplayHelp
        {
            error = plain;
        }
        let stream = if error.use_stderr() {
            &env.stderr
        } else {
            &env.stdout
        };
        let text = if stream.colour(Colour::Auto) {
            error.render().ansi().to_string()
        } else {
            error.render().to_string()
        };
        match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => NoPlan::Help(text),
            _ => NoPlan::Clap(text.replace(SWITCH_VALUE, "")),
        }
    })
}
