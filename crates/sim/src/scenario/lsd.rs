//! Neighbours that find each other without a tracker (BEP 14).

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use superseed_engine::{Settings, TorrentOptions};
use superseed_proto::lsd::{LsdAnnounce, encode};
use superseed_proto::tracker::AddressFamily;

use super::{Outcome, Run, Scenario};
use crate::content::{Content, ContentSpec};
use crate::net::{DatagramFaults, LinkSpec};
use crate::world::{HostId, HostSpec, World};

/// Scenarios of this group.
pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "lsd",
        about: "a site of twenty without a tracker, a site that hears nothing of it, a private torrent",
        run: site,
    },
    Scenario {
        name: "lsd-dormant",
        about: "a seed of a hundred torrents that sleep wakes for a neighbour",
        run: dormant,
    },
    Scenario {
        name: "hostile-neighbours",
        about: "two neighbours among ten that shout lies without end",
        run: hostile,
    },
];

const HERE: u32 = 1;
const ELSEWHERE: u32 = 2;
const LEN: usize = 2 << 20;

fn settings() -> Settings {
    Settings {
        lsd: true,
        ..Settings::default()
    }
}

fn spec(site: u32) -> HostSpec {
    HostSpec {
        settings: settings(),
        link: LinkSpec {
            up_bytes_per_s: Some(1 << 20),
            ..LinkSpec::default()
        },
        site: Some(site),
        ..HostSpec::default()
    }
}

fn site(run: &Run) -> Outcome {
    let mut world = run.world();
    let content = ContentSpec::new(LEN, 64 << 10).make(run.seed);
    let private = ContentSpec::new(64 << 10, 16 << 10)
        .private()
        .make(run.seed ^ 1);
    let mut lossy = spec(HERE);
    lossy.link.datagrams = DatagramFaults {
        loss: 0.1,
        duplication: 0.1,
        reordering: Duration::from_millis(100),
    };
    let here: Vec<_> = (0..20).map(|_| world.add_host(lossy.clone())).collect();
    let elsewhere: Vec<_> = (0..3).map(|_| world.add_host(spec(ELSEWHERE))).collect();
    let (seed, leechers) = here.split_first().expect("there are twenty");
    world.add_seed(*seed, &content, TorrentOptions::default());
    world.add_seed(*seed, &private, TorrentOptions::default());
    let mut begins = Vec::new();
    for leecher in leechers.iter().chain(&elsewhere) {
        let (leecher, content, private) = (*leecher, Arc::clone(&content), Arc::clone(&private));
        let after = world.rng().up_to(Duration::from_secs(120));
        begins.push(world.now() + after);
        world.plan(after, move |world| {
            world.add_torrent(leecher, &content, TorrentOptions::default());
            world.add_torrent(leecher, &private, TorrentOptions::default());
        });
    }
    world.run_for(Duration::from_secs(120));
    let done = world.run_until(Duration::from_secs(300), |world| {
        leechers.iter().all(|host| world.finished(*host, &content))
    });
    if !done {
        world.fail("a leecher of the site did not finish");
    }
    let slowest = leechers.iter().zip(begins).map(|(host, begin)| {
        let finished = world.progress(*host, &content).finished;
        finished.unwrap_or_default().since(begin)
    });
    let slowest_s = slowest.max().unwrap_or_default().as_secs_f64();
    world.run_for(Duration::from_secs(900));
    let there: Vec<_> = elsewhere
        .iter()
        .map(|host| world.addr(*host).ip())
        .collect();
    for host in elsewhere.iter().copied() {
        let peers = world.peers(host, &content);
        if peers.is_empty() {
            world.fail("somebody did not hear of the neighbours at its own site");
        }
        let stranger = peers.iter().any(|peer| !there.contains(&peer.addr.ip()));
        if stranger || world.stats(host, &content).have_bytes > 0 {
            world.fail("somebody heard of a torrent at another site");
        }
    }
    let hosts = || here.iter().chain(&elsewhere).copied();
    for host in hosts() {
        check_pace(&world, host);
        let stats = world.stats(host, &private);
        if stats.peers + stats.candidates > 0 || said(&world, host, &private) > 0 {
            world.fail("a private torrent was named to neighbours");
        }
    }
    let announces: usize = hosts().map(|host| world.multicasts(host).len()).sum();
    Outcome::of(
        &world,
        vec![("slowest_s", slowest_s), ("announces", announces as f64)],
    )
}

/// How many datagrams of a host name a torrent.
fn said(world: &World, host: HostId, content: &Content) -> usize {
    let datagrams = world.multicasts(host).iter();
    let announces = datagrams.filter_map(|(_, bytes)| LsdAnnounce::decode(bytes));
    announces
        .filter(|announce| announce.swarms.contains(&content.swarm()))
        .count()
}

/// Nobody says more than an announce a minute, five of them saved up.
fn check_pace(world: &World, host: HostId) {
    let said = world.multicasts(host);
    for six in said.windows(6) {
        if six[5].0.since(six[0].0) < Duration::from_secs(60) {
            world.fail(&format!("{host:?} said six announces in a minute"));
        }
    }
}

fn dormant(run: &Run) -> Outcome {
    let mut world = run.world();
    let mut kept = spec(HERE);
    kept.settings.dormant_after = Some(Duration::from_secs(30));
    let seed = world.add_host(kept);
    let contents: Vec<_> = (0..100)
        .map(|number| ContentSpec::new(64 << 10, 16 << 10).make(run.seed << 8 | number))
        .collect();
    for content in &contents {
        world.add_seed(seed, content, TorrentOptions::default());
    }
    world.run_for(Duration::from_secs(600));
    if !contents
        .iter()
        .all(|content| world.is_dormant(seed, content))
    {
        world.fail("a torrent without a peer does not sleep");
    }
    if contents
        .iter()
        .any(|content| said(&world, seed, content) == 0)
    {
        world.fail("a torrent that sleeps was not announced");
    }
    check_pace(&world, seed);
    let leecher = world.add_host(spec(HERE));
    let wanted = &contents[world.rng().below(100) as usize];
    world.add_torrent(leecher, wanted, TorrentOptions::default());
    let begun = world.now();
    world.complete(leecher, wanted, Duration::from_secs(60));
    let time = world.now().since(begun);
    if time > Duration::from_secs(5) {
        world.fail(&format!("the neighbour was served after {time:?}"));
    }
    Outcome::of(&world, vec![("time_s", time.as_secs_f64())])
}

fn hostile(run: &Run) -> Outcome {
    let mut world = run.world();
    let content = ContentSpec::new(LEN, 64 << 10).make(run.seed);
    let private = ContentSpec::new(64 << 10, 16 << 10)
        .private()
        .make(run.seed ^ 1);
    let seed = world.add_host(spec(HERE));
    let leecher = world.add_host(spec(HERE));
    let liars: Vec<_> = (0..10).map(|_| world.nowhere()).collect();
    let outside = SocketAddr::from(([93, 184, 216, 34], 6881));
    let swarms = [content.swarm(), private.swarm()];
    for tenth in 0..600 {
        let (liars, after) = (liars.clone(), Duration::from_millis(100) * tenth);
        world.plan(after, move |world| {
            for liar in liars.iter().copied() {
                // Ten each, so that each host shouts a hundred times a second.
                for _ in 0..10 {
                    let port = world.rng().between(1, 65_535) as u16;
                    let lie = encode(AddressFamily::V4, port, &swarms, 1);
                    world.multicast(HERE, liar, true, &lie);
                }
            }
            let lie = encode(AddressFamily::V4, 6881, &swarms, 2);
            world.multicast(HERE, outside, false, &lie);
            let len = world.rng().below(1_500) as usize;
            let noise = (0..len)
                .map(|_| world.rng().below(256) as u8)
                .collect::<Vec<_>>();
            world.multicast(HERE, liars[0], true, &noise);
        });
    }
    world.run_for(Duration::from_secs(10));
    for host in [seed, leecher] {
        world.add_seed(host, &private, TorrentOptions::default());
    }
    world.add_seed(seed, &content, TorrentOptions::default());
    world.add_torrent(leecher, &content, TorrentOptions::default());
    let begun = world.now();
    world.complete(leecher, &content, Duration::from_secs(120));
    let time_s = world.now().since(begun).as_secs_f64();
    world.run_for(Duration::from_secs(120));
    for host in [seed, leecher] {
        check_pace(&world, host);
        let stats = world.stats(host, &private);
        if stats.peers + stats.candidates > 0 || said(&world, host, &private) > 0 {
            world.fail("a private torrent was talked about with neighbours");
        }
    }
    let candidates = world.stats(leecher, &content).candidates;
    Outcome::of(
        &world,
        vec![("time_s", time_s), ("candidates", candidates as f64)],
    )
}
