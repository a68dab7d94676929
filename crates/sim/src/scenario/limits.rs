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

/// The limits of a session and of its torrent.
fn limits(way: Way, place: Place, rate: u64) -> (RateLimits, RateLimits) {
    let one = |rate: u64| match way {
        Way::Up => RateLimits {
            upload_bytes_per_s: Some(rate),
            download_bytes_per_s: None,
        },
        Way::Down => RateLimits {
            upload_bytes_per_s: None,
            download_bytes_per_s: Some(rate),
        },
    };
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
