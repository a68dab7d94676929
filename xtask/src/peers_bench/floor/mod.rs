//! The least that moving bytes can take on this machine: programs that do what
//! a client cannot leave out, and nothing else.
//!
//! They are processes of their own, of this program built with all
//! optimisations (`xtask peers-bench --floor KIND ARGS`), and use the hash
//! functions of superseed.

mod check;
mod leech;
mod seed;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use superseed_proto::metainfo::{Info, Metainfo};

/// The command of a floor of this kind.
pub(super) fn command(program: &Path, kind: &str) -> Command {
    let mut command = Command::new(program);
    command.args(["peers-bench", "--floor", kind]);
    command
}

/// Runs a floor.
pub(super) fn run(args: &[&str]) -> Result<()> {
    match args {
        ["leech", threads, torrent, dir, peer] => {
            let (info, info_hash) = read_torrent(torrent)?;
            let out = PathBuf::from(dir).join(&info.name);
            leech::run(&info, info_hash, &out, peer.parse()?, threads.parse()?)
        }
        ["seed", listen, content] => seed::send(listen.parse()?, Path::new(content)),
        ["take", peer] => seed::take(peer.parse()?),
        ["check", content, torrent] => check::run(Path::new(content), &read_torrent(torrent)?.0),
        _ => bail!("no such floor: {}", args.join(" ")),
    }
}

/// What a torrent file says, and its info-hash.
pub(super) fn read_torrent(torrent: &str) -> Result<(Info, [u8; 20])> {
    let bytes = std::fs::read(torrent).with_context(|| format!("cannot read {torrent}"))?;
    let metainfo = Metainfo::parse(&bytes)?;
    let hash = metainfo.info_hashes.v1().context("the torrent is not v1")?;
    Ok((metainfo.info, hash.0))
}
