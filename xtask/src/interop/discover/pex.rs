//! A seed that is known by peer exchange alone (BEP 11): a leecher is given the
//! address of one peer that has next to nothing and is connected to the seed.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use superseed_proto::magnet::MagnetPeer;

use super::links;
use crate::interop::case::{Case, Group};
use crate::interop::clients::{Client, Job, PORT, Running, transmission};
use crate::interop::fixture::Set;
use crate::interop::install::Tool;
use crate::interop::metainfo::with_trackers;
use crate::interop::namespace::host;
use crate::interop::scripted::tracker_of_peers;
use crate::interop::stage::Stage;

const LIMIT: Duration = Duration::from_secs(150);
/// What the one between downloads: nothing that helps anybody.
const BETWEEN_BYTES_PER_S: u64 = 1_000;
/// How long it has the seed to itself.
const ALONE: Duration = Duration::from_secs(5);

/// One torrent from a seed to a leecher that hears of it from a third.
#[derive(Clone, Copy, Debug)]
struct Telling {
    from: Client,
    between: Client,
    to: Client,
    /// The leecher has a link, which names the one between.
    by_link: bool,
}

/// Each client as a seed, and as one that hears of it.
pub(super) fn cases() -> Vec<Case> {
    let (ours, libtorrent) = (Client::Superseed, Client::Libtorrent);
    let telling = |from, between, to| Telling {
        from,
        between,
        to,
        by_link: false,
    };
    let by_link = |from| Telling {
        by_link: true,
        ..telling(from, libtorrent, ours)
    };
    let tellings = [
        by_link(libtorrent),
        by_link(Client::Aria2),
        by_link(Client::Transmission),
        telling(ours, ours, ours),
        telling(ours, libtorrent, ours),
        telling(libtorrent, libtorrent, ours),
        telling(Client::Aria2, libtorrent, ours),
        telling(Client::Transmission, libtorrent, ours),
        telling(libtorrent, ours, libtorrent),
        telling(libtorrent, ours, Client::Aria2),
        telling(libtorrent, ours, Client::Transmission),
    ];
    tellings.into_iter().map(Telling::case).collect()
}

impl Telling {
    fn case(self) -> Case {
        let Self {
            from,
            between,
            to,
            by_link,
        } = self;
        let tools = [from, between, to].map(Client::tool);
        let mut needs = vec![Tool::Libtorrent];
        needs.extend(tools.into_iter().flatten());
        let name = match (from, between, to) {
            (from, ..) if by_link => format!("pex-magnet-from-{}", from.name()),
            (from, Client::Libtorrent, _) => format!("pex-from-{}", from.name()),
            (_, _, Client::Superseed) => "pex-among-superseed".to_owned(),
            (_, _, to) => format!("pex-to-{}", to.name()),
        };
        Case {
            name,
            group: Group::Default,
            shares: true,
            needs,
            sets: vec![Set::Single],
            limit: LIMIT + Duration::from_secs(30),
            run: Box::new(move |stage| self.run(stage)),
        }
    }

    fn run(self, stage: &Stage) -> Result<String> {
        let fixture = Set::Single.fixture()?;
        let torrent = with_trackers(&fixture, &[], &stage.path("torrent"))?;
        let dirs = [
            stage.data("seed")?,
            stage.data("between")?,
            stage.data("leech")?,
        ];
        let [seed_dir, between_dir, leech_dir] = &dirs;
        fixture.link_into(seed_dir)?;
        let [seed_addr, between_addr] = [1, 2].map(|n| SocketAddr::new(host(n), PORT));

        let seed_job = job(1, &torrent, seed_dir, &[]);
        let mut seeder = start(stage, self.from, &seed_job, Role::Seed)?;
        let known = [seed_addr];
        let between_job = job(2, &torrent, between_dir, &known);
        let mut between = start(stage, self.between, &between_job, Role::Between)?;
        std::thread::sleep(ALONE);
        let begun = Instant::now();
        let known = [between_addr];
        // Who takes no address hears of the one from a tracker.
        let named = stage.path("named");
        let leech_torrent = match self.to {
            Client::Aria2 | Client::Transmission => {
                let url = tracker_of_peers(host(9), &known)?;
                with_trackers(&fixture, &[url], &named)?
            }
            _ if self.by_link => {
                let link = links::link(&fixture, Some(MagnetPeer::Ip(between_addr)))?;
                link.to_string().into()
            }
            _ => torrent.clone(),
        };
        let named_to_it = if self.by_link { &[] } else { &known[..] };
        let leech_job = job(3, &leech_torrent, leech_dir, named_to_it);
        let mut leecher = start(stage, self.to, &leech_job, Role::Leech)?;
        leecher.wait_complete(LIMIT)?;
        let seconds = begun.elapsed().as_secs_f64();
        seeder.process.ensure_runs()?;
        between.process.ensure_runs()?;
        drop((leecher, between, seeder));
        super::arrived(&fixture, leech_dir, self.to, seconds)
    }
}

/// What a client does in a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Seed,
    Between,
    Leech,
}

fn job<'a>(n: u8, torrent: &'a Path, dir: &'a Path, peers: &'a [SocketAddr]) -> Job<'a> {
    Job {
        torrent,
        dir,
        ip: host(n),
        peers,
        upload_limit: None,
    }
}

/// Starts a client that exchanges peers.
fn start(stage: &Stage, client: Client, job: &Job<'_>, role: Role) -> Result<Running> {
    if client == Client::Transmission {
        let wants = transmission::Wants {
            pex: true,
            ..transmission::Wants::default()
        };
        return transmission::start_wanting(stage, job, "--log-debug", &wants);
    }
    let mut command = client.command(stage, job, role == Role::Seed)?;
    let limit = match client {
        Client::Aria2 => {
            command.arg("--enable-peer-exchange=true");
            None
        }
        Client::Superseed | Client::SuperSeed => {
            command.args(["--no-lsd", "--no-dht"]);
            Some("--max-download-limit")
        }
        _ => Some("--download-limit"),
    };
    if role == Role::Between {
        let limit = limit.context("it cannot be slowed down")?;
        command.args([limit, &BETWEEN_BYTES_PER_S.to_string()]);
    }
    let name = format!("{}-{role:?}", client.name()).to_lowercase();
    Running::until_exit(stage, &name, command)
}
