//! rqbit 9.1, for benches only.

use std::process::Command;

use super::Job;
use crate::interop::install;

fn command(job: &Job<'_>, options: &[&str]) -> Command {
    let mut command = Command::new(install::rqbit());
    command.args([
        "--disable-dht",
        "--disable-dht-persistence",
        "--disable-upnp-port-forward",
        "--disable-lsd",
    ]);
    command.args(["--listen-ip", &job.ip.to_string()]);
    command.args(["--listen-port", &super::PORT.to_string()]);
    if let Some(limit) = job.upload_limit {
        command.args(["--ratelimit-upload", &limit.to_string()]);
    }
    command
        .args(["download", "--disable-http-api"])
        .args(options);
    if !job.peers.is_empty() {
        let peers: Vec<String> = job.peers.iter().map(ToString::to_string).collect();
        command.args(["--initial-peers", &peers.join(",")]);
    }
    command.arg("--output-folder").arg(job.dir);
    command.arg(job.torrent);
    command
}

/// A download that ends when it is complete.
pub(crate) fn download_command(job: &Job<'_>) -> Command {
    command(job, &["--exit-on-finish"])
}

/// Checks data that is there and serves it until killed.
pub(crate) fn seed_command(job: &Job<'_>) -> Command {
    command(job, &["--overwrite"])
}
