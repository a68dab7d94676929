//! Commands that chores run.

use std::process::Command;

use anyhow::{Context, Result, ensure};

/// Runs cargo in the work tree and fails if it fails.
pub(crate) fn cargo(args: &[&str]) -> Result<()> {
    run(cargo_command().args(args))
}

/// Cargo, as it runs this program, in the work tree.
pub(crate) fn cargo_command() -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(crate::root());
    command
}

/// Runs a command and fails if it fails.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let line = describe(command);
    let status = command
        .status()
        .with_context(|| format!("cannot start {line}"))?;
    ensure!(status.success(), "{line}: {status}");
    Ok(())
}

/// The lines of what a program has written so far, but one that it is still at.
pub(crate) fn whole_lines(output: &str) -> impl DoubleEndedIterator<Item = &str> {
    let whole = output.rsplit_once('\n').map_or("", |(lines, _)| lines);
    whole.lines()
}

/// Gives a command the environment that was set for another.
pub(crate) fn take_envs(command: &mut Command, from: &Command) {
    for (name, value) in from.get_envs() {
        if let Some(value) = value {
            command.env(name, value);
        }
    }
}

/// A command as one would type it.
pub(crate) fn describe(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(|word| word.to_string_lossy().into_owned())
        .collect::<Vec<_>>()
        .join(" ")
}
