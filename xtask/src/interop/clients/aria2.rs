//! aria2 1.36 and later.

use std::process::Command;

use anyhow::Result;

use super::{Job, Running};
use crate::interop::stage::Stage;

fn command(job: &Job<'_>) -> Command {
    let mut command = Command::new("aria2c");
    command.args([
        "--no-conf",
        "--enable-dht=false",
        "--enable-dht6=false",
        "--bt-enable-lpd=false",
        "--enable-peer-exchange=false",
        "--file-allocation=none",
        "--follow-torrent=true",
        "--allow-overwrite=true",
        "--enable-color=false",
        "--summary-interval=0",
        "--console-log-level=info",
        "--bt-tracker-timeout=5",
    ]);
    command.arg(format!("--interface={}", job.ip));
    command.arg(format!("--listen-port={}", super::PORT));
    command.arg(format!("--disable-ipv6={}", job.ip.is_ipv4()));
    if let Some(limit) = job.upload_limit {
        command.arg(format!("--max-overall-upload-limit={limit}"));
    }
    command.arg(format!("--dir={}", job.dir.display()));
    command
}

pub(super) fn seed(stage: &Stage, job: &Job<'_>) -> Result<Running> {
    Running::until_exit(stage, "aria2", seed_command(job))
}

/// Checks data that is there and serves it until killed.
pub(crate) fn seed_command(job: &Job<'_>) -> Command {
    let mut command = command(job);
    // A ratio of zero means for ever; without the check it would take the files for foreign.
    command
        .args(["--check-integrity=true", "--seed-ratio=0.0"])
        .arg(job.torrent);
    command
}

pub(super) fn download(stage: &Stage, job: &Job<'_>) -> Result<Running> {
    Running::until_exit(stage, "aria2", download_command(job))
}

/// A download that ends when it is complete.
pub(crate) fn download_command(job: &Job<'_>) -> Command {
    let mut command = command(job);
    command.arg("--seed-time=0").arg(job.torrent);
    command
}
