//! How an option is called in each layer.
//!
//! `download` and `seed` share theirs: `SUPERSEED_DIR`, `dir` at the top of the
//! file, or in the table of the command. Options of other commands carry the
//! name of the command, so that the tracker's `listen` is not the client's.

use clap::{Arg, Command};

use crate::args::command::is_option;

/// To whom an option belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope<'a> {
    /// Every command.
    Global,
    /// `download` or `seed`.
    Transfer(&'a str),
    /// One other command.
    Own(&'a str),
}

impl<'a> Scope<'a> {
    /// The scope of a command's own options.
    pub(crate) fn of_command(name: &'a str) -> Self {
        match name {
            "download" | "seed" => Self::Transfer(name),
            _ => Self::Own(name),
        }
    }

    /// The table of the file that is asked first, if there is one.
    pub(crate) fn table(self) -> Option<&'a str> {
        match self {
            Self::Global => None,
            Self::Transfer(name) | Self::Own(name) => Some(name),
        }
    }

    /// Whether the option may stand at the top of the file.
    pub(crate) fn at_top(self) -> bool {
        !matches!(self, Self::Own(_))
    }

    /// The environment variable of an option.
    pub(crate) fn variable(self, key: &str) -> String {
        let key = key.to_ascii_uppercase().replace('-', "_");
        match self {
            Self::Own(command) => format!("SUPERSEED_{}_{key}", command.to_ascii_uppercase()),
            _ => format!("SUPERSEED_{key}"),
        }
    }
}

/// Every option of a definition that lower layers can set, with its scope.
pub(crate) fn options(definition: &Command) -> Vec<(Scope<'_>, &Arg)> {
    let own = definition.get_subcommands().flat_map(|command| {
        let scope = Scope::of_command(command.get_name());
        command.get_arguments().map(move |arg| (scope, arg))
    });
    definition
        .get_arguments()
        .map(|arg| (Scope::Global, arg))
        .chain(own)
        .filter(|(_, arg)| is_option(arg))
        .collect()
}

/// The name of an option in files and in the environment: its long name.
pub(crate) fn key(arg: &Arg) -> &str {
    arg.get_long().unwrap_or_default()
}
