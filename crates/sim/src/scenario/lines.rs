//! How much of its line one leecher uses: over long distances, with pieces of
//! any length, and with one slow peer among fast ones.

use std::sync::Arc;
use std::time::Duration;

use superseed_engine::{Command, RateLimits, Time, TorrentOptions};

use super::{Outcome, Run, Scenario};
use crate::content::{Content, ContentSpec};
use crate::net::LinkSpec;
use crate::world::{HostId, HostSpec, World};

/// Scenarios of this group.
pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "line",
        about: "one seed at 1 Gbit/s: round trips of 1 to 200 ms and pieces of 16 KiB to 16 MiB, \
                a pair for each of 36 seeds",
        run: |run| {
            let rtts = [1, 10, 50, 100, 150, 200];
            let (rtt, piece) = (run.seed / 6 % 6, run.seed % 6);
            line(run, rtts[rtt as usize], (16 << 10) << (2 * piece))
        },
    },
    Scenario {
        name: "line-100ms",
        about: "one seed at 1 Gbit/s and a round trip of 100 ms",
        run: |run| line(run, 100, 256 << 10),
    },
    Scenario {
        name: "slow-peer",
        about: "1 GiB from ten fast peers, without and with one of 10 KiB/s",
        run: slow_peer,
    },
    Scenario {
        name: "thousand-peers",
        about: "1 GiB from a thousand seeds of 200 KiB/s, which the memory for blocks has to serve",
        run: thousand_peers,
    },
];

const LEN: usize = 1 << 30;
const GIGABIT: u64 = 125_000_000;

/// A machine half of whose round trip to another is `rtt`.
fn machine(rate: u64, rtt: Duration) -> HostSpec {
    HostSpec {
        link: LinkSpec {
            up_bytes_per_s: Some(rate),
            down_bytes_per_s: Some(rate),
            latency: rtt / 4,
            send_buffer_bytes: 4 << 20,
            // Linux lets a window grow to this (`tcp_rmem`), more than 1 Gbit/s
            // over 200 ms needs.
            window_bytes: 32 << 20,
            ..LinkSpec::default()
        },
        ..HostSpec::default()
    }
}

fn seed(world: &mut World, content: &Arc<Content>, spec: HostSpec) -> HostId {
    let host = world.add_host(spec);
    world.add_seed(host, content, TorrentOptions::default());
    host
}

/// Runs until so many tenths of the bytes have come; gives when.
fn received(world: &mut World, tenths: u64) -> Time {
    let bytes = LEN as u64 / 10 * tenths;
    if !world.run_until(Duration::from_secs(600), |world| {
        world.ledger().received >= bytes
    }) {
        world.fail("the line came to a halt");
    }
    world.now()
}

fn line(run: &Run, rtt_ms: u64, piece_len: u32) -> Outcome {
    let mut world = run.world();
    let rtt = Duration::from_millis(rtt_ms);
    let content = ContentSpec::new(LEN, piece_len).make(run.seed);
    let seed = seed(&mut world, &content, machine(GIGABIT, rtt));
    let leecher = world.add_host(machine(GIGABIT, rtt));
    let addr = world.addr(seed);
    world.add_leech(leecher, &content, vec![addr]);
    let begun = world.now();
    let (tenth, nine_tenths) = (received(&mut world, 1), received(&mut world, 9));
    world.complete(leecher, &content, Duration::from_secs(600));
    let ideal = LEN as f64 / GIGABIT as f64;
    let seconds = |from, to: Time| to.since(from).as_secs_f64();
    let figures = vec![
        ("rtt_ms", rtt_ms as f64),
        ("piece_kib", f64::from(piece_len >> 10)),
        ("line_share", 0.8 * ideal / seconds(tenth, nine_tenths)),
        ("with_start_up", ideal / seconds(begun, world.now())),
    ];
    Outcome::of(&world, figures)
}

fn thousand_peers(run: &Run) -> Outcome {
    const PEERS: usize = 1_000;
    const RATE: u64 = 200 << 10;
    const RTT: Duration = Duration::from_millis(2);
    let mut world = run.world();
    let content = ContentSpec::new(LEN, 1 << 20).make(run.seed);
    let mut spec = machine(10 * GIGABIT, RTT);
    spec.settings.connections_max = 2 * PEERS;
    spec.settings.connections_per_torrent_max = PEERS;
    let leecher = world.add_host(spec);
    let peers: Vec<_> = (0..PEERS)
        .map(|_| seed(&mut world, &content, machine(RATE, RTT)))
        .collect();
    let peers = peers.into_iter().map(|host| world.addr(host)).collect();
    world.add_leech(leecher, &content, peers);
    // Some connect each second: nothing much happens until all of them have.
    let (key, slowly) = (world.torrent_key(leecher, &content), 1 << 20);
    let limits = |download_bytes_per_s| RateLimits {
        download_bytes_per_s,
        ..RateLimits::default()
    };
    world.command(leecher, Command::SetLimits(key, limits(Some(slowly))));
    world.run_until(Duration::from_secs(120), |world| {
        world.peers(leecher, &content).len() == PEERS
    });
    world.command(leecher, Command::SetLimits(key, limits(None)));
    let (begun, nine_tenths) = (received(&mut world, 2), received(&mut world, 9));
    world.complete(leecher, &content, Duration::from_secs(600));
    let bytes_per_s = 0.7 * LEN as f64 / nine_tenths.since(begun).as_secs_f64();
    let wasted = world.stats(leecher, &content).wasted_bytes;
    let figures = vec![
        ("rate_share", bytes_per_s / (PEERS as u64 * RATE) as f64),
        ("wasted_share", wasted as f64 / LEN as f64),
    ];
    Outcome::of(&world, figures)
}

fn slow_peer(run: &Run) -> Outcome {
    const FAST: u64 = 10 << 20;
    const SLOW: u64 = 10 << 10;
    const RTT: Duration = Duration::from_millis(50);
    let content = ContentSpec::new(LEN, 1 << 20).make(run.seed);
    let race = |slow: bool| {
        let mut world = run.world();
        let leecher = world.add_host(machine(GIGABIT, RTT));
        let mut peers: Vec<_> = (0..10)
            .map(|_| seed(&mut world, &content, machine(FAST, RTT)))
            .collect();
        if slow {
            peers.push(seed(&mut world, &content, machine(SLOW, RTT)));
        }
        let peers = peers.into_iter().map(|host| world.addr(host)).collect();
        world.add_leech(leecher, &content, peers);
        let begun = world.now();
        world.complete(leecher, &content, Duration::from_secs(600));
        let stats = world.stats(leecher, &content);
        (world.now().since(begun), stats.wasted_bytes, world)
    };
    let (alone, ..) = race(false);
    let (with, wasted, world) = race(true);
    let figures = vec![
        ("without_s", alone.as_secs_f64()),
        ("with_s", with.as_secs_f64()),
        (
            "later_rtts",
            (with.as_secs_f64() - alone.as_secs_f64()) / RTT.as_secs_f64(),
        ),
        ("duplicate_share", wasted as f64 / LEN as f64),
        (
            "to_limit",
            with.as_secs_f64() / (LEN as f64 / (10 * FAST) as f64),
        ),
    ];
    Outcome::of(&world, figures)
}
