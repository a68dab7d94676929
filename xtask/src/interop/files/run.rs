//! Running the program on files, and what that took.

use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};

use crate::interop::clients::superseed_program;
use crate::interop::stage::{Stage, python, script};
use crate::process::take_envs;

/// A run that has ended.
pub(super) struct Ran {
    pub(super) exit: i32,
    pub(super) seconds: f64,
    /// The most memory it had at a time (`ru_maxrss`), bytes.
    pub(super) peak_bytes: u64,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Ran {
    /// Fails unless it ended with `exit`.
    pub(super) fn expect(self, exit: i32) -> Result<Self> {
        ensure!(
            self.exit == exit,
            "exit {} and not {exit}: {}",
            self.exit,
            self.stderr.trim()
        );
        Ok(self)
    }
}

/// Runs `superseed ARGS` in a directory.
pub(super) fn superseed<A: AsRef<std::ffi::OsStr>>(
    stage: &Stage,
    dir: &Path,
    args: impl IntoIterator<Item = A>,
) -> Result<Ran> {
    let program = superseed_program(stage);
    let mut command = Command::new(python());
    command.arg(script("measure.py")).arg(program.get_program());
    command.args(args).current_dir(dir);
    take_envs(&mut command, &program);
    let output = command.output().context("cannot start python")?;
    let stderr = text(&output.stderr);
    let (stderr, figures) = stderr
        .trim_end()
        .rsplit_once('\n')
        .unwrap_or(("", stderr.trim_end()));
    let mut figures = figures.split(' ');
    let mut figure = || figures.next().context("measure.py said nothing");
    Ok(Ran {
        exit: figure()?.parse()?,
        seconds: figure()?.parse()?,
        peak_bytes: figure()?.parse()?,
        stdout: text(&output.stdout),
        stderr: stderr.to_owned(),
    })
}

/// Runs another program and fails if it does; gives what it printed.
pub(super) fn other(command: &mut Command) -> Result<String> {
    let line = crate::process::describe(command);
    let output: Output = command
        .output()
        .with_context(|| format!("cannot start {line}"))?;
    ensure!(
        output.status.success(),
        "{line}: {}: {}",
        output.status,
        text(&output.stderr).trim()
    );
    Ok(text(&output.stdout))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
