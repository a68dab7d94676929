//! Rate limits of whole engines, measured on the wire.
//!
//! The seed of a run chooses its limit, its number of peers and where the limit
//! is set, so that [`COMBINATIONS`] seeds in a row are all of them.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use superseed_engine::{Command, RateLimits, Settings, TorrentOptions};

use super::{Outcome, Run, Scenario};
use crate::content::{Content, ContentSpec};
use crate::net::LinkSpec;
use crate::world::{HostId, HostSpec, Tally, World};

/// Scenarios of this group.
pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "limit-upload",
        about: "a seed with an upload limit feeds equal leechers",
        run: |run| limited(run, Way::Up),
    },
    Scenario {
        name: "limit-download",
        about: "a leecher with a download limit fetches from equal seeds",
        run: |run| limited(run, Way::Down),
    },
    Scenario {
        name: "limit-changed",
        about: "a limit that changes while bytes flow",
        run: changed,
    },
    Scenario {
        name: "limit-of-one",
        about: "two torrents under one limit, one of them under a lower one of its own",
        run: of_one,
    },
];

const RATES_BYTES_PER_S: [u64; 5] = [1 << 10, 10 << 10, 100 << 10, 1 << 20, 10 << 20];
const PEERS: [usize; 3] = [1, 5, 50];
const PLACES: [Place; 3] = [Place::Session, Place::Torrent, Place::Both];

/// How many seeds in a row are every limit, number of peers and place.
pub const COMBINATIONS: u64 = (RATES_BYTES_PER_S.len() * PEERS.len() * PLACES.len()) as u64;

/// For how long the limit must hold.
const WINDOW: Duration = Duration::from_secs(60);
/// What each peer could have had when shares are compared: less than a block
/// says nothing.
const SHARE_BYTES: u64 = 16 << 10;

/// From which limit to which, bytes per second.
const CHANGES: [[u64; 2]; 3] = [
    [1 << 20, 64 << 10],
    [64 << 10, 1 << 20],
    [8 << 20, 16 << 10],
];

/// How many seeds in a row are every change, way and place.
pub const CHANGES_COMBINED: u64 = 4 * CHANGES.len() as u64;

/// The limit of a session and that of one of its two torrents, bytes per second.
const PAIRS: [[u64; 2]; 4] = [
    [1 << 20, 16 << 10],
    [1 << 20, 256 << 10],
    [32 << 20, 16 << 10],
    [32 << 20, 8 << 20],
];

/// How many seeds in a row are every pair and way.
pub const PAIRS_COMBINED: u64 = 2 * PAIRS.len() as u64;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Up,
    Down,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Session,
    Torrent,
    Both,
}

/// A limit one way.
fn one_way(way: Way, rate: u64) -> RateLimits {
    match way {
        Way::Up => RateLimits {
            upload_bytes_per_s: Some(rate),
            download_bytes_per_s: None,
        },
        Way::Down => RateLimits {
            upload_bytes_per_s: None,
            download_bytes_per_s: Some(rate),
        },
    }
}

/// The limits of a session and of its torrent.
fn limits(way: Way, place: Place, rate: u64) -> (RateLimits, RateLimits) {
    let one = |rate| one_way(way, rate);
    match place {
        Place::Session => (one(rate), RateLimits::default()),
        Place::Torrent => (RateLimits::default(), one(rate)),
        // The lower one decides.
        Place::Both => (one(rate), one(rate + rate / 2)),
    }
}

fn limited(run: &Run, way: Way) -> Outcome {
    let pick = |below: usize, from: u64| (run.seed / from) as usize % below;
    let rate = RATES_BYTES_PER_S[pick(RATES_BYTES_PER_S.len(), 1)];
    let peers = PEERS[pick(PEERS.len(), 5)];
    let place = PLACES[pick(PLACES.len(), 15)];
    // A crowd takes its time to shake hands through a line this narrow.
    let warm_up = Duration::from_secs(if rate < 100 << 10 { 120 } else { 20 });
    let share_s = (SHARE_BYTES * peers as u64).div_ceil(rate);
    let shares = WINDOW.max(Duration::from_secs(share_s));
    let (session, torrent) = limits(way, place, rate);
    let mut world = run.world();
    let lasts = (warm_up + shares).as_secs() + 10;
    let len = (rate * lasts * 5 / 4) as usize + peers * (256 << 10);
    let piece_len = if len > 16 << 20 { 256 << 10 } else { 64 << 10 };
    let content = ContentSpec::new(len, piece_len).make(run.seed);
    let settings = Settings {
        limits: session,
        // Who is served is the choker's; here it is about those who are.
        upload_slots: Some(peers),
        ..Settings::default()
    };
    let limited = world.add_host(HostSpec {
        settings,
        ..HostSpec::default()
    });
    let options = |peers| TorrentOptions {
        peers,
        ..TorrentOptions::default()
    };
    let others: Vec<HostId> = (0..peers)
        .map(|_| world.add_host(HostSpec::default()))
        .collect();
    if way == Way::Up {
        world.add_seed(limited, &content, TorrentOptions::default());
        world.run_for(Duration::from_secs(1));
        world.count_wire(limited);
        let seed = world.addr(limited);
        for other in &others {
            world.add_torrent(*other, &content, options(vec![seed]));
        }
    } else {
        let seeds = others.iter().map(|other| world.addr(*other)).collect();
        for other in &others {
            world.add_seed(*other, &content, TorrentOptions::default());
        }
        world.count_wire(limited);
        world.add_torrent(limited, &content, options(seeds));
    }
    let key = world.torrent_key(limited, &content);
    world.command(limited, Command::SetLimits(key, torrent));
    world.run_for(warm_up);
    let before = world.tally(limited);
    world.run_for(WINDOW);
    let bytes = moved(way, &world.tally(limited)) - moved(way, &before);
    let want = rate * WINDOW.as_secs();
    world.run_for(shares - WINDOW);
    let after = world.tally(limited);
    let (first, last) = (by_peer(way, &before), by_peer(way, &after));
    let got: Vec<f64> = others
        .iter()
        .map(|other| {
            let ip = world.addr(*other).ip();
            (last.get(&ip).unwrap_or(&0) - first.get(&ip).unwrap_or(&0)) as f64
        })
        .collect();
    let fetching = match way {
        Way::Up => &others[..],
        Way::Down => &[limited],
    };
    check(&world, limited, fetching, &content, peers);
    let least = got.iter().copied().fold(f64::MAX, f64::min);
    let mean = got.iter().sum::<f64>() / got.len() as f64;
    let figures = vec![
        ("error", bytes as f64 / want as f64 - 1.0),
        ("jain", jain(&got)),
        ("least_share", least / mean),
        (
            "connections_per_peer",
            after.connections as f64 / peers as f64,
        ),
        (
            "wasted_share",
            (after.late_bytes + after.duplicate_bytes) as f64 / after.received_bytes.max(1) as f64,
        ),
        ("rate", rate as f64),
        ("peers", peers as f64),
    ];
    Outcome::of(&world, figures)
}

/// A machine so near that nothing but limits bounds its rate.
fn near(limits: RateLimits) -> HostSpec {
    HostSpec {
        link: LinkSpec {
            latency: Duration::from_micros(200),
            ..LinkSpec::default()
        },
        settings: Settings {
            limits,
            ..Settings::default()
        },
        ..HostSpec::default()
    }
}

/// Adds torrents to the limited host, and to each a peer to send it to or get
/// it from, from when on what passes is counted.
fn connect(
    world: &mut World,
    way: Way,
    limited: HostId,
    torrents: &[(&Arc<Content>, RateLimits)],
) -> Vec<HostId> {
    let peers = torrents.iter().map(|(content, _)| {
        let peer = world.add_host(near(RateLimits::default()));
        let seed = if way == Way::Up { limited } else { peer };
        world.add_seed(seed, content, TorrentOptions::default());
        peer
    });
    let peers: Vec<HostId> = peers.collect();
    world.run_for(Duration::from_secs(1));
    world.count_wire(limited);
    for ((content, limits), peer) in torrents.iter().zip(&peers) {
        let (from, to) = match way {
            Way::Up => (limited, *peer),
            Way::Down => (*peer, limited),
        };
        let seed = world.addr(from);
        world.add_leech(to, content, vec![seed]);
        let key = world.torrent_key(limited, content);
        world.command(limited, Command::SetLimits(key, *limits));
    }
    peers
}

fn changed(run: &Run) -> Outcome {
    const BEFORE: Duration = Duration::from_secs(20);
    const AFTER: Duration = Duration::from_secs(30);
    let way = [Way::Up, Way::Down][run.seed as usize % 2];
    let of_torrent = run.seed / 2 % 2 == 1;
    let [before, after] = CHANGES[(run.seed / 4) as usize % CHANGES.len()];
    let limits = |rate| match of_torrent {
        true => (RateLimits::default(), one_way(way, rate)),
        false => (one_way(way, rate), RateLimits::default()),
    };
    let mut world = run.world();
    let len = (before * BEFORE.as_secs() + after * AFTER.as_secs()) * 5 / 4;
    let content = ContentSpec::new(len as usize, 64 << 10).make(run.seed);
    let (session, torrent) = limits(before);
    let limited = world.add_host(near(session));
    let peers = connect(&mut world, way, limited, &[(&content, torrent)]);
    world.run_for(BEFORE);
    let (session, torrent) = limits(after);
    world.command(
        limited,
        Command::Configure(Box::new(near(session).settings)),
    );
    let key = world.torrent_key(limited, &content);
    world.command(limited, Command::SetLimits(key, torrent));
    let at_change = moved(way, &world.tally(limited));
    world.run_for(AFTER);
    let bytes = moved(way, &world.tally(limited)) - at_change;
    let fetching = match way {
        Way::Up => &peers[..],
        Way::Down => &[limited],
    };
    check(&world, limited, fetching, &content, peers.len());
    let want = (after * AFTER.as_secs()) as f64;
    Outcome::of(&world, vec![("error", bytes as f64 / want - 1.0)])
}

fn of_one(run: &Run) -> Outcome {
    const WARM_UP: Duration = Duration::from_secs(5);
    let way = [Way::Up, Way::Down][run.seed as usize % 2];
    let [session, own] = PAIRS[(run.seed / 2) as usize % PAIRS.len()];
    let window = Duration::from_secs(if session > 1 << 20 { 10 } else { 60 });
    let mut world = run.world();
    let limited = world.add_host(near(one_way(way, session)));
    let lasts = (WARM_UP + window).as_secs() + 2;
    let content = |rate: u64, piece_len| {
        let len = (rate * lasts) as usize + (1 << 20);
        ContentSpec::new(len, piece_len).make(run.seed)
    };
    let (narrow, wide) = (content(own, 64 << 10), content(session, 1 << 20));
    let torrents = [(&narrow, one_way(way, own)), (&wide, RateLimits::default())];
    let peers = connect(&mut world, way, limited, &torrents);
    world.run_for(WARM_UP);
    let before = world.tally(limited);
    world.run_for(window);
    let after = world.tally(limited);
    let rates: Vec<f64> = peers
        .iter()
        .map(|peer| {
            let ip = world.addr(*peer).ip();
            let [from, to] = [&before, &after].map(|tally| by_peer(way, tally).get(&ip).copied());
            (to.unwrap_or_default() - from.unwrap_or_default()) as f64 / window.as_secs_f64()
        })
        .collect();
    let figures = vec![
        ("error_of_one", rates[0] / own as f64 - 1.0),
        (
            "error_of_both",
            (rates[0] + rates[1]) / session as f64 - 1.0,
        ),
    ];
    Outcome::of(&world, figures)
}

fn by_peer(way: Way, tally: &Tally) -> &BTreeMap<IpAddr, u64> {
    match way {
        Way::Up => &tally.wire_out,
        Way::Down => &tally.wire_in,
    }
}

fn moved(way: Way, tally: &Tally) -> u64 {
    by_peer(way, tally).values().sum()
}

/// Nobody was lost on the way, and nobody is done before the end.
fn check(
    world: &World,
    limited: HostId,
    fetching: &[HostId],
    content: &Arc<Content>,
    peers: usize,
) {
    // Who is done leaves, so this comes first.
    if fetching.iter().any(|host| world.finished(*host, content)) {
        world.fail("the torrent was too small for the limit");
    }
    let connected = world.peers(limited, content).len();
    if connected != peers {
        world.fail(&format!("{connected} of {peers} peers are connected"));
    }
}

/// Jain's index: one if all are alike, 1/n if one has everything.
fn jain(values: &[f64]) -> f64 {
    let sum: f64 = values.iter().sum();
    let squares: f64 = values.iter().map(|value| value * value).sum();
    if squares == 0.0 {
        return 0.0;
    }
    sum * sum / (values.len() as f64 * squares)
}
