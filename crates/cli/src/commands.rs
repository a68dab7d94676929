//! `completions` and `man`: what the definition of the command line gives for free.

use std::fs;
use std::path::Path;

use clap_complete::Shell;

use crate::args::command::{definition, described};
use crate::env::Env;
use crate::exit::{Exit, Failure};

/// Prints the completions of a shell.
pub(crate) fn completions(shell: Shell, env: &Env) -> Result<Exit, Failure> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut definition(), "superseed", &mut text);
    env.stdout.write(text)?;
    Ok(Exit::Success)
}

/// Prints the main man page, or writes one per command to a directory.
pub(crate) fn man(dir: Option<&Path>, env: &Env) -> Result<Exit, Failure> {
    let Some(dir) = dir else {
        let mut text = Vec::new();
        clap_mangen::Man::new(described()).render(&mut text)?;
        env.stdout.write(text)?;
        return Ok(Exit::Success);
    };
    let failed = |error| Failure::file("write man pages to", dir.display(), &error);
    fs::create_dir_all(dir).map_err(failed)?;
    // The generator knows the names of subcommands only after a build.
    let mut command = described().disable_help_subcommand(true);
    command.build();
    clap_mangen::generate_to(command, dir).map_err(failed)?;
    env.stdout.line(dir.display().to_string())?;
    Ok(Exit::Success)
}
