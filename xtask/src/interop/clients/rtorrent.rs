//! rtorrent 0.9.8, for benches only.

use std::fs;
use std::process::Command;

use anyhow::Result;

use super::{Done, Job, Running};
use crate::interop::stage::Stage;

/// Starts it with the torrent: what is not there is downloaded, what is there is
/// checked and then served.
pub(crate) fn start(stage: &Stage, job: &Job<'_>) -> Result<Running> {
    let (config, done) = (stage.path("rtorrent.rc"), stage.path("rtorrent.done"));
    let lines = [
        "system.daemon.set = true".to_owned(),
        format!("network.bind_address.set = {}", job.ip),
        format!("network.port_range.set = {0}-{0}", super::PORT),
        "network.port_random.set = no".to_owned(),
        "dht.mode.set = disable".to_owned(),
        "protocol.pex.set = no".to_owned(),
        format!("directory.default.set = \"{}\"", job.dir.display()),
        format!(
            "method.set_key = event.download.finished, done, \"execute.nothrow = touch, \\\"{}\\\"\"",
            done.display()
        ),
        format!(
            "schedule2 = load, 0, 0, \"load.start = \\\"{}\\\"\"",
            job.torrent.display()
        ),
    ];
    fs::write(&config, lines.join("\n") + "\n")?;
    let mut command = Command::new("rtorrent");
    command
        .args(["-n", "-o"])
        .arg(format!("import={}", config.display()));
    Ok(Running {
        process: stage.spawn("rtorrent", &mut command)?,
        done: Done::File(done),
    })
}
