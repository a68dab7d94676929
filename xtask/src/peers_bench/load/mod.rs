//! Many peers in one process, to load a client with.
//!
//! They are processes of this program, built with all optimisations
//! (`xtask peers-bench --load KIND ARGS`), and frame messages by hand. What they
//! use of the machine is not counted.

mod conn;
mod knock;
mod leechers;
mod passed;
mod seeds;
mod strangers;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

pub(super) use passed::Passed;
pub(super) use strangers::Knocked;

use super::floor::read_torrent;
use seeds::Common;

/// The port that seeds of the generator listen on.
const PORT: u16 = 7100;

/// The command of a generator of this kind.
pub(super) fn command(program: &Path, kind: &str) -> Command {
    let mut command = Command::new(program);
    command.args(["peers-bench", "--load", kind]);
    command
}

/// Runs a generator.
pub(super) fn run(args: &[&str]) -> Result<()> {
    match args {
        ["leechers", count, torrent, content, seed] => {
            let (info, info_hash) = read_torrent(torrent)?;
            let (count, seed) = (count.parse()?, seed.parse()?);
            let said = leechers::run(&info, info_hash, Path::new(content), count, seed)?;
            println!("{said}");
            Ok(())
        }
        ["seeds", count, torrent, content, rate @ ..] => {
            seeds::run(&Common::of(count, torrent, content, rate.first().copied())?)
        }
        ["strangers", count, torrent, content, rate, client] => {
            let common = Common::of(count, torrent, content, Some(rate))?;
            strangers::run(&common, client.parse()?)
        }
        ["knock", hashes, seed, pieces @ ..] => {
            let pieces = pieces.first().map(|pieces| pieces.parse()).transpose()?;
            knock::run(Path::new(hashes), seed.parse()?, pieces)
        }
        _ => bail!("no such generator: {}", args.join(" ")),
    }
}

/// The address of peer `n`: each is a host of its own.
fn ip(n: u16) -> IpAddr {
    let [high, low] = (n / 250, n % 250).into();
    let (high, low) = (u8::try_from(high), u8::try_from(low));
    // 250 hosts in each of the namespace's networks, the first of which is taken.
    IpAddr::V4(Ipv4Addr::new(
        10,
        99,
        1 + high.unwrap_or(u8::MAX - 1),
        1 + low.unwrap_or_default(),
    ))
}

/// Where seed `n` listens.
pub(super) fn seed_addr(n: u16) -> SocketAddr {
    SocketAddr::new(ip(n), PORT)
}

/// The peer id of peer `n`.
fn peer_id(n: u16) -> [u8; 20] {
    let mut id = *b"-XT0001-load---00000";
    id[15..].copy_from_slice(format!("{n:05}").as_bytes());
    id
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_thousand_peers_have_as_many_addresses_and_names() {
        let ips: BTreeSet<_> = (0..1000).map(ip).collect();
        let ids: BTreeSet<_> = (0..1000).map(peer_id).collect();
        assert_eq!((ips.len(), ids.len()), (1000, 1000));
    }
}
