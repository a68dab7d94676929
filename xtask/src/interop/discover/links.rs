//! Magnet links without trackers (BEP 9): what they stand for comes from the
//! peer that the link names, and so does all else.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use superseed_proto::magnet::{Magnet, MagnetPeer};
use superseed_proto::metainfo::Metainfo;

use crate::interop::case::{Case, Group};
use crate::interop::clients::{Client, Job, PORT};
use crate::interop::fixture::{Fixture, Set};
use crate::interop::install::Tool;
use crate::interop::metainfo::with_trackers;
use crate::interop::namespace::host;
use crate::interop::stage::{Stage, wait_until};
use crate::interop::tracker::Via;

const LIMIT: Duration = Duration::from_secs(60);

/// A torrent that one client has, and another knows a link of.
#[derive(Clone, Copy, Debug)]
struct Transfer {
    from: Client,
    to: Client,
}

/// Each client in both directions.
pub(super) fn cases() -> Vec<Case> {
    let theirs = [Client::Libtorrent, Client::Aria2, Client::Transmission];
    let ours = Client::Superseed;
    let down = theirs.map(|from| Transfer { from, to: ours });
    let up = theirs.map(|to| Transfer { from: ours, to });
    let all = down.into_iter().chain(up);
    all.map(Transfer::case).collect()
}

/// The link of a fixture's torrent, which names this peer.
pub(super) fn link(fixture: &Fixture, peer: Option<MagnetPeer>) -> Result<Magnet> {
    let torrent = std::fs::read(&fixture.torrent)?;
    let metainfo = Metainfo::parse(&torrent).context("the fixture's torrent")?;
    let mut link = Magnet::of(&metainfo);
    link.trackers.clear();
    link.peers.extend(peer);
    Ok(link)
}

impl Transfer {
    fn case(self) -> Case {
        let Self { from, to } = self;
        let mut needs = vec![Tool::Iproute, Tool::Libtorrent];
        needs.extend([from.tool(), to.tool()].into_iter().flatten());
        let name = match to {
            Client::Superseed => format!("magnet-from-{}", from.name()),
            _ => format!("magnet-to-{}", to.name()),
        };
        Case {
            name,
            group: Group::Default,
            shares: true,
            needs,
            sets: vec![Set::Scripts],
            limit: LIMIT + Duration::from_secs(30),
            run: Box::new(move |stage| self.run(stage)),
        }
    }

    fn run(self, stage: &Stage) -> Result<String> {
        let fixture = Set::Scripts.fixture()?;
        let (seed_dir, leech_dir) = (stage.data("seed")?, stage.data("leech")?);
        fixture.link_into(&seed_dir)?;
        // Others than we take a peer's address from nobody but a tracker.
        let mut tracker = match self.to {
            Client::Superseed => None,
            _ => Some(Via::SuperseedHttp.start_at(stage, fixture.info_hash, host(9))?),
        };
        let urls: Vec<_> = tracker.iter().map(|tracker| tracker.url.clone()).collect();
        let torrent = with_trackers(&fixture, &urls, &stage.path("torrent"))?;
        let seed_job = Job {
            torrent: &torrent,
            dir: &seed_dir,
            ip: host(2),
            peers: &[],
            upload_limit: None,
        };
        let mut seeder = self.from.seed(stage, &seed_job)?;
        match &mut tracker {
            Some(tracker) => tracker.wait_for_peer()?,
            None => wait_until(Duration::from_secs(20), "the seed to listen", || {
                seeder.process.ensure_runs()?;
                Ok(std::net::TcpStream::connect((host(2), PORT)).is_ok())
            })?,
        }
        let peer = MagnetPeer::Ip((host(2), PORT).into());
        let mut link = link(&fixture, tracker.is_none().then_some(peer))?;
        for url in &urls {
            link.add_tracker(url);
        }
        let begun = Instant::now();
        let link = PathBuf::from(link.to_string());
        let leech_job = Job {
            torrent: Path::new(&link),
            dir: &leech_dir,
            ip: host(3),
            ..seed_job
        };
        let mut leecher = self.to.download(stage, &leech_job)?;
        leecher.wait_complete(LIMIT)?;
        let seconds = begun.elapsed().as_secs_f64();
        seeder.process.ensure_runs()?;
        drop((leecher, seeder));
        super::arrived(&fixture, &leech_dir, self.to, seconds)
    }
}
