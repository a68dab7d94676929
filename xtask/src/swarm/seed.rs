//! The seed of both benches: libtorrent, whoever the leechers are.

use std::net::IpAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::interop::clients::{Job, libtorrent};
use crate::interop::fixture::Fixture;
use crate::interop::stage::{Process, Stage, link_tree, wait_until};

/// How long it may take to hash its data.
const READY_MAX: Duration = Duration::from_secs(30);

/// Starts it with the data of `fixture` and waits until it serves.
///
/// `place` turns a command into one that runs where the seed is to be.
pub(super) fn start(
    stage: &Stage,
    fixture: &Fixture,
    torrent: &Path,
    ip: IpAddr,
    place: impl Fn(Command) -> Command,
) -> Result<Process> {
    let dir = stage.data("seed")?;
    let name = fixture.content.file_name();
    link_tree(
        &fixture.content,
        &dir.join(name.context("content has a name")?),
    )?;
    let job = Job {
        torrent,
        dir: &dir,
        ip,
        peers: &[],
        upload_limit: None,
    };
    let command = libtorrent::command(&job, libtorrent::Role::Seed);
    let mut seed = stage.spawn("seed", &mut place(command))?;
    wait_until(READY_MAX, "the seed to be ready", || {
        seed.ensure_runs()?;
        Ok(seed.output()?.contains(r#""state": "seeding""#))
    })?;
    Ok(seed)
}
