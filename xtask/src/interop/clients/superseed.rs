//! The program under test.

use std::process::Command;

use anyhow::Result;

use super::{Job, Running};
use crate::interop::stage::{Stage, superseed};

/// The program with a home of its own, so that neither the user's
/// configuration nor the state of another case plays a part.
pub(crate) fn program(stage: &Stage) -> Command {
    let mut command = Command::new(superseed());
    let home = stage.path("home");
    command.env("HOME", &home);
    for variable in ["XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"] {
        command.env(variable, home.join(variable));
    }
    command
}

/// `superseed VERB`, with all it has to say.
pub(crate) fn command(stage: &Stage, verb: &str) -> Command {
    let mut command = program(stage);
    command.args([verb, "--json", "-v"]);
    command
}

/// Adds what a job asks for.
pub(crate) fn arguments(command: &mut Command, job: &Job<'_>) {
    command.arg(job.torrent).arg("--dir").arg(job.dir);
    command.args([
        "--listen",
        &job.listen().to_string(),
        "--summary-interval",
        "1",
    ]);
    for peer in job.peers {
        command.args(["--peer", &peer.to_string()]);
    }
    if let Some(limit) = job.upload_limit {
        command.args(["--max-upload-limit", &limit.to_string()]);
    }
}

/// Leaves it the peers and trackers that it is given, and no other way to peers.
pub(crate) fn keep_to_itself(command: &mut Command) {
    command.args(["--no-lsd", "--no-dht", "--no-pex", "--no-port-mapping"]);
}

pub(super) fn seed(stage: &Stage, job: &Job<'_>, options: &[&str]) -> Result<Running> {
    let mut command = command(stage, "seed");
    arguments(&mut command, job);
    keep_to_itself(&mut command);
    command.args(options);
    Running::until_exit(stage, "superseed", command)
}

/// Seeds or downloads with what is wanted of encryption, and tells what its
/// streams are, which last long enough for that.
pub(crate) fn start_encrypting(
    stage: &Stage,
    job: &Job<'_>,
    is_seed: bool,
    encryption: &str,
) -> Result<Running> {
    let limit = if is_seed {
        "--max-upload-limit"
    } else {
        "--max-download-limit"
    };
    let options = ["--peers-table", "--encryption", encryption, limit, "2M"];
    if is_seed {
        return seed(stage, job, &options);
    }
    let mut command = download_command(stage, job);
    command.args(options);
    Running::until_exit(stage, "superseed", command)
}

pub(super) fn download(stage: &Stage, job: &Job<'_>) -> Result<Running> {
    Running::until_exit(stage, "superseed", download_command(stage, job))
}

/// A download that ends when it is complete.
pub(crate) fn download_command(stage: &Stage, job: &Job<'_>) -> Command {
    let mut command = command(stage, "download");
    arguments(&mut command, job);
    keep_to_itself(&mut command);
    command
}
