//! The clap command: the derived definition with the values of lower layers
//! (configuration and environment) as its defaults.

use clap::builder::BoolishValueParser;
use clap::{Arg, ArgAction, Command, CommandFactory};

use super::Plan;
use crate::exit::Exit;

/// The words below `--help`.
const AFTER: &str = "Options of download and seed can also be set as environment variables \
(SUPERSEED_MAX_DOWNLOAD_LIMIT=2M) and in the configuration file (max-download-limit = \"2M\"); \
the command line wins over the environment, the environment over the file. \
`superseed config show` tells where each value comes from. \
A switch that is on is turned off by =false (--seed=false). \
Sizes and rates: 500K and 2M count in 1024, 500kB and 2MB in 1000.";

/// The definition of the command line.
pub(crate) fn definition() -> Command {
    described()
        .mut_args(switch)
        .mut_subcommands(|command| command.mut_args(switch))
}

/// The definition as people read it: a value that hardly anybody gives to a
/// switch does not stand beside every one of them.
pub(crate) fn described() -> Command {
    Plan::command()
        .after_help(AFTER)
        .after_long_help(format!("{AFTER}\n\nExit codes:\n{}", exit_codes()))
}

/// What `switch` adds to the name of an option.
pub(crate) const SWITCH_VALUE: &str = "[=<BOOL>]";

fn exit_codes() -> String {
    Exit::ALL
        .iter()
        .map(|(exit, meaning)| format!("  {:>3}  {meaning}\n", exit.code()))
        .collect()
}

/// Lets a switch be turned off again (`--seed=false`), as in aria2: what the
/// configuration turned on could otherwise not be undone.
fn switch(arg: Arg) -> Arg {
    if !matches!(arg.get_action(), ArgAction::SetTrue) {
        return arg;
    }
    arg.action(ArgAction::Set)
        // Variables of the environment are often set to 1.
        .value_parser(BoolishValueParser::new())
        .value_name("BOOL")
        .num_args(0..=1)
        .require_equals(true)
        .default_value("false")
        .default_missing_value("true")
        .hide_default_value(true)
        .hide_possible_values(true)
}

/// Whether an option is one that can be set by a lower layer.
pub(crate) fn is_option(arg: &Arg) -> bool {
    let acts = matches!(
        arg.get_action(),
        ArgAction::Set | ArgAction::Append | ArgAction::Count
    );
    acts && arg.get_long().is_some()
}

/// Inserts `download` where the user named no command: before the first
/// argument that is neither an option of every command nor its value.
pub(crate) fn with_default_command(
    definition: &Command,
    args: &[std::ffi::OsString],
) -> Vec<std::ffi::OsString> {
    let mut at = 1;
    while let Some(arg) = args.get(at) {
        let text = arg.to_string_lossy();
        let is_name = |command: &Command| {
            command.get_name() == text || command.get_all_aliases().any(|alias| alias == text)
        };
        if text == "help" || definition.get_subcommands().any(is_name) {
            return args.to_vec();
        }
        if matches!(&*text, "-h" | "--help" | "-V" | "--version") {
            return args.to_vec();
        }
        match global_option(definition, &text) {
            Some(takes_next) => at += 1 + usize::from(takes_next),
            None => {
                let mut all = args.to_vec();
                all.insert(at, "download".into());
                return all;
            }
        }
    }
    args.to_vec()
}

/// Whether `text` is an option of every command, and if so whether its value
/// is the next argument.
fn global_option(definition: &Command, text: &str) -> Option<bool> {
    let (name, has_value) = match text.split_once('=') {
        Some((name, _)) => (name, true),
        None => (text, false),
    };
    definition.get_arguments().find_map(|arg| {
        let long = arg
            .get_long()
            .is_some_and(|long| name.strip_prefix("--") == Some(long));
        // Shorts of every command take no value, so -qv is a run of them.
        let short = name
            .strip_prefix('-')
            .is_some_and(|run| !run.is_empty() && run.chars().all(|c| arg.get_short() == Some(c)));
        let optional = arg.get_num_args().is_some_and(|n| n.min_values() == 0);
        let takes = !has_value && !optional && matches!(arg.get_action(), ArgAction::Set);
        (long || short).then_some(takes)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsString;

    fn inserted(line: &str) -> String {
        let args: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        let args = with_default_command(&definition(), &args);
        let args: Vec<_> = args.iter().map(|arg| arg.to_string_lossy()).collect();
        args.join(" ")
    }

    #[test]
    fn the_definition_is_consistent() {
        definition().debug_assert();
        described().debug_assert();
    }

    #[test]
    fn a_bare_torrent_is_downloaded() {
        let table = [
            ("superseed x.torrent", "superseed download x.torrent"),
            ("superseed -q x.torrent", "superseed -q download x.torrent"),
            ("superseed -vv x", "superseed -vv download x"),
            ("superseed -d dir x", "superseed download -d dir x"),
            (
                "superseed --config show x",
                "superseed --config show download x",
            ),
            ("superseed --config=c x", "superseed --config=c download x"),
            ("superseed --json show x", "superseed --json show x"),
            ("superseed get x", "superseed get x"),
            ("superseed --version", "superseed --version"),
            ("superseed help", "superseed help"),
            ("superseed", "superseed"),
            ("superseed -", "superseed download -"),
        ];
        for (line, expected) in table {
            assert_eq!(inserted(line), expected);
        }
    }
}
