//! libtorrent, driven by xtask/interop/peer.py.

use std::process::Command;

use anyhow::{Context, Result};

use super::{Job, Running, Theirs};
use crate::interop::stage::{Process, Stage, python, script};
use crate::process::whole_lines;

/// What it does with its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Serves it until killed.
    Seed,
    /// Ends when it is complete.
    Download,
}

impl Role {
    pub(super) fn of(is_seed: bool) -> Self {
        if is_seed { Self::Seed } else { Self::Download }
    }
}

/// libtorrent without uTP and encryption.
pub(crate) fn command(job: &Job<'_>, role: Role) -> Command {
    let role = match role {
        Role::Seed => "seed",
        Role::Download => "download",
    };
    let mut command = Command::new(python());
    command
        .arg(script("peer.py"))
        .arg(role)
        .arg(job.torrent)
        .arg(job.dir);
    command.args(["--listen", &job.listen().to_string()]);
    for peer in job.peers {
        command.args(["--peer", &peer.to_string()]);
    }
    if let Some(limit) = job.upload_limit {
        command.args(["--upload-limit", &limit.to_string()]);
    }
    command
}

fn start(stage: &Stage, job: &Job<'_>, role: Role, as_shipped: bool) -> Result<Running> {
    let mut command = command(job, role);
    if as_shipped {
        command.arg("--as-shipped");
    }
    Running::until_exit(stage, "libtorrent", command)
}

/// The same with what it is to want of encryption.
pub(super) fn start_encrypting(
    stage: &Stage,
    job: &Job<'_>,
    role: Role,
    encryption: Theirs,
) -> Result<Running> {
    let mut command = command(job, role);
    command.args([
        "--encryption",
        match encryption {
            Theirs::Plain => "disabled",
            Theirs::Prefer => "enabled",
            Theirs::Require => "forced",
        },
    ]);
    Running::until_exit(stage, "libtorrent", command)
}

pub(super) fn seed(stage: &Stage, job: &Job<'_>, as_shipped: bool) -> Result<Running> {
    start(stage, job, Role::Seed, as_shipped)
}

pub(super) fn download(stage: &Stage, job: &Job<'_>, as_shipped: bool) -> Result<Running> {
    start(stage, job, Role::Download, as_shipped)
}

/// Payload that a libtorrent process has sent by now, bytes. It says so ten times a second.
pub(crate) fn uploaded(process: &Process) -> Result<u64> {
    let output = process.output()?;
    let figure = whole_lines(&output)
        .next_back()
        .and_then(|line| line.split("\"uploaded\": ").nth(1));
    let digits = figure.and_then(|rest| rest.split(',').next());
    digits
        .context("libtorrent has said nothing yet")?
        .parse()
        .context("uploaded is no number")
}

/// A check of data that is there. It says how long it took: seconds, and CPU
/// seconds.
pub(crate) fn check_command(job: &Job<'_>) -> Command {
    let mut command = Command::new(python());
    command
        .arg(script("check.py"))
        .arg(job.torrent)
        .arg(job.dir);
    command
}

/// Many torrents in one session, by xtask/interop/many.py, which says the rest.
pub(crate) fn many_command(verb: &str) -> Command {
    let mut command = Command::new(python());
    command.arg(script("many.py")).arg(verb);
    command
}
