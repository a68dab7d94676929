//! transmission-daemon 3.00 and later, told by transmission-remote.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Result;

use super::{Done, Job, Running, Theirs};
use crate::interop::stage::{Process, Stage, wait_until};

const RPC_PORT: u16 = 9091;

/// Starts the daemon and gives it the torrent: what is not there is downloaded,
/// what is there is checked and then served. `log` is how much it writes down.
pub(crate) fn start(stage: &Stage, job: &Job<'_>, log: &str) -> Result<Running> {
    start_wanting(stage, job, log, &Wants::default())
}

/// What it is to do beside the usual, which is nothing.
pub(crate) struct Wants {
    /// Hear neighbours, and tell them.
    pub(crate) lsd: bool,
    /// Tell peers of each other, and hear them do so.
    pub(crate) pex: bool,
    /// Use the DHT, and begin with this node.
    pub(crate) dht: Option<SocketAddr>,
    pub(crate) encryption: Theirs,
}

impl Default for Wants {
    fn default() -> Self {
        Self {
            lsd: false,
            pex: false,
            dht: None,
            encryption: Theirs::Plain,
        }
    }
}

/// The same for a daemon that wants something.
pub(crate) fn start_wanting(
    stage: &Stage,
    job: &Job<'_>,
    log: &str,
    wants: &Wants,
) -> Result<Running> {
    let (mut daemon, done) = set_up(stage, job, log, wants)?;
    let mut process = stage.spawn("transmission", &mut daemon)?;
    wait_taken(&mut process, add(job))?;
    Ok(Running {
        process,
        done: Done::File(done),
    })
}

/// The daemon, with a configuration of its own, and the file that it makes when
/// a torrent is complete.
pub(crate) fn set_up(
    stage: &Stage,
    job: &Job<'_>,
    log: &str,
    wants: &Wants,
) -> Result<(Command, PathBuf)> {
    let config = stage.path("transmission");
    fs::create_dir_all(&config)?;
    let done = stage.path("transmission.done");
    let script = config.join("done.sh");
    fs::write(&script, format!("#!/bin/sh\ntouch '{}'\n", done.display()))?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
    let bind = match job.ip.is_ipv4() {
        true => format!(r#""bind-address-ipv4": "{}""#, job.ip),
        false => format!(r#""bind-address-ipv6": "{}""#, job.ip),
    };
    let settings = format!(
        r#"{{
            {bind}, "peer-port": {port}, "port-forwarding-enabled": false,
            "rpc-bind-address": "0.0.0.0", "rpc-port": {RPC_PORT}, "rpc-whitelist-enabled": false,
            "rpc-host-whitelist-enabled": false, "rpc-authentication-required": false,
            "dht-enabled": {dht}, "lpd-enabled": {lsd}, "pex-enabled": {pex}, "utp-enabled": false,
            "encryption": {encryption}, "speed-limit-up-enabled": {limited}, "speed-limit-up": {limit},
            "download-dir": "{dir}", "incomplete-dir-enabled": false, "trash-original-torrent-files": false,
            "script-torrent-done-enabled": true, "script-torrent-done-filename": "{script}"
        }}"#,
        port = super::PORT,
        lsd = wants.lsd,
        pex = wants.pex,
        dht = wants.dht.is_some(),
        encryption = match wants.encryption {
            Theirs::Plain => 0,
            Theirs::Prefer => 1,
            Theirs::Require => 2,
        },
        limited = job.upload_limit.is_some(),
        limit = job.upload_limit.unwrap_or_default() / 1000,
        dir = job.dir.display(),
        script = script.display(),
    );
    fs::write(config.join("settings.json"), settings)?;
    if let Some(node) = wants.dht {
        let line = format!("{} {}\n", node.ip(), node.port());
        fs::write(config.join("dht.bootstrap"), line)?;
    }
    let mut command = Command::new("transmission-daemon");
    command
        .args(["--foreground", log, "--config-dir"])
        .arg(&config);
    Ok((command, done))
}

/// What gives a running daemon the torrent.
pub(crate) fn add(job: &Job<'_>) -> Command {
    let mut remote = Command::new("transmission-remote");
    remote
        .arg(format!("{}:{RPC_PORT}", rpc_host(job)))
        .arg("--add")
        .arg(job.torrent);
    remote
}

/// Gives a daemon its torrent with `remote`. It takes commands only after it has
/// read its settings; until then adding fails.
pub(crate) fn wait_taken(daemon: &mut Process, mut remote: Command) -> Result<()> {
    remote.stdout(Stdio::null()).stderr(Stdio::null());
    let what = "transmission-daemon to take the torrent";
    wait_until(Duration::from_secs(15), what, || {
        daemon.ensure_runs()?;
        Ok(remote.status()?.success())
    })
}

/// It listens for commands on IPv4 in every case.
fn rpc_host(job: &Job<'_>) -> String {
    match job.ip.is_ipv4() {
        true => job.ip.to_string(),
        false => "127.0.0.1".to_owned(),
    }
}

/// Data that is there is checked when the torrent is added, and then served.
pub(super) fn seed(stage: &Stage, job: &Job<'_>) -> Result<Running> {
    start(stage, job, "--log-debug")
}

pub(super) fn download(stage: &Stage, job: &Job<'_>) -> Result<Running> {
    start(stage, job, "--log-debug")
}
