//! Whole torrents from client to client, in both directions.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::case::{Case, Group};
use super::clients::{Client, Job};
use super::compare;
use super::fixture::Set;
use super::install::Tool;
use super::metainfo::with_trackers;
use super::namespace::{host, host_v6};
use super::stage::Stage;
use super::tracker::Via;

/// How long one transfer may take. Clients that wait for a second announce
/// before they find their peer take more than a minute.
const LIMIT: Duration = Duration::from_secs(100);

const CLIENTS: [Client; 3] = [Client::Aria2, Client::Transmission, Client::Libtorrent];
const SETS: [Set; 4] = [Set::Single, Set::Scripts, Set::LargePieces, Set::Tree];
const TRACKERS: [Via; 4] = [
    Via::OpentrackerHttp,
    Via::SuperseedUdp,
    Via::SuperseedHttp,
    Via::OpentrackerUdp,
];

/// One torrent from one client to another.
#[derive(Clone, Copy, Debug)]
struct Transfer {
    from: Client,
    to: Client,
    set: Set,
    via: Via,
    is_ipv6: bool,
}

/// Every client and every set, in both directions; trackers take turns.
pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (row, client) in CLIENTS.into_iter().enumerate() {
        for (column, set) in SETS.into_iter().enumerate() {
            let via = |turn: usize| match client {
                // aria2 knows UDP trackers only together with the DHT.
                Client::Aria2 => [Via::OpentrackerHttp, Via::SuperseedHttp][(column + turn) % 2],
                _ => TRACKERS[(row + column + turn) % TRACKERS.len()],
            };
            let (from, to) = (client, Client::Superseed);
            let download = Transfer {
                from,
                to,
                set,
                via: via(0),
                is_ipv6: false,
            };
            let upload = Transfer {
                from: to,
                to: from,
                set,
                via: via(1),
                is_ipv6: false,
            };
            cases.extend([download.case(Group::Default), upload.case(Group::Default)]);
        }
    }
    let single = |from, to, via| Transfer {
        from,
        to,
        set: Set::Single,
        via,
        is_ipv6: false,
    };
    let as_shipped = Client::LibtorrentAsShipped;
    cases.extend([
        single(as_shipped, Client::Superseed, Via::OpentrackerHttp).case(Group::Default),
        single(Client::Superseed, as_shipped, Via::OpentrackerHttp).case(Group::Default),
    ]);
    // A seed that shows its pieces one by one serves every client whole, but
    // Transmission, which looks at HAVEs once a second, only a piece a second.
    for client in [Client::Aria2, Client::Libtorrent] {
        let transfer = single(Client::SuperSeed, client, Via::SuperseedHttp);
        cases.push(transfer.case(Group::Default));
    }
    for (from, to, via) in [
        (Client::Libtorrent, Client::Superseed, Via::SuperseedHttp),
        (Client::Superseed, Client::Libtorrent, Via::SuperseedUdp),
    ] {
        let transfer = Transfer {
            from,
            to,
            set: Set::Scripts,
            via,
            is_ipv6: true,
        };
        cases.push(transfer.case(Group::Default));
    }
    for (from, to, set, via) in [
        (
            Client::Libtorrent,
            Client::Aria2,
            Set::Scripts,
            Via::OpentrackerHttp,
        ),
        (
            Client::Aria2,
            Client::Transmission,
            Set::Single,
            Via::OpentrackerHttp,
        ),
        (
            Client::Transmission,
            Client::Libtorrent,
            Set::LargePieces,
            Via::OpentrackerUdp,
        ),
    ] {
        cases.push(
            Transfer {
                from,
                to,
                set,
                via,
                is_ipv6: false,
            }
            .case(Group::Baseline),
        );
    }
    cases
}

/// A set from libtorrent, for the cases that are too long for every run.
pub(super) fn download_from_libtorrent(stage: &Stage, set: Set) -> Result<String> {
    let (from, to) = (Client::Libtorrent, Client::Superseed);
    Transfer {
        from,
        to,
        set,
        via: Via::SuperseedHttp,
        is_ipv6: false,
    }
    .run(stage)
}

impl Transfer {
    fn case(self, group: Group) -> Case {
        let Self {
            from,
            to,
            set,
            via,
            is_ipv6,
        } = self;
        let mut needs = vec![Tool::Iproute, Tool::Libtorrent];
        needs.extend(from.tool());
        needs.extend(to.tool());
        if matches!(via, Via::OpentrackerHttp | Via::OpentrackerUdp) {
            needs.push(Tool::Opentracker);
        }
        let family = if is_ipv6 { "-ipv6" } else { "" };
        Case {
            name: format!("{}-to-{}-{}{family}", from.name(), to.name(), set.name()),
            group,
            shares: true,
            needs,
            sets: vec![set],
            limit: LIMIT + Duration::from_secs(30),
            run: Box::new(move |stage| self.run(stage)),
        }
    }

    fn run(self, stage: &Stage) -> Result<String> {
        let fixture = self.set.fixture()?;
        let address = |n| if self.is_ipv6 { host_v6(n) } else { host(n) };
        let mut tracker = self.via.start_at(stage, fixture.info_hash, address(9))?;
        let urls = [tracker.url.clone()];
        let torrent = with_trackers(&fixture, &urls, &stage.path("torrent"))?;
        let (seed_dir, leech_dir) = (stage.data("seed")?, stage.data("leech")?);
        fixture.link_into(&seed_dir)?;

        let job = Job {
            torrent: &torrent,
            dir: &seed_dir,
            ip: address(2),
            peers: &[],
            upload_limit: None,
        };
        let mut seeder = self.from.seed(stage, &job)?;
        tracker.wait_for_peer()?;
        let start = Instant::now();
        let job = Job {
            dir: &leech_dir,
            ip: address(3),
            ..job
        };
        let mut leecher = self.to.download(stage, &job)?;
        leecher.wait_complete(LIMIT)?;
        let seconds = start.elapsed().as_secs_f64();
        seeder.process.ensure_runs()?;
        drop((leecher, seeder));
        let files = compare::same_tree(&fixture.content, &leech_dir, self.to.strictness())?;
        let mib = fixture.total_len >> 20;
        Ok(format!(
            "{files} files, {mib} MiB identical, {seconds:.1} s, {}",
            self.via.name()
        ))
    }
}
