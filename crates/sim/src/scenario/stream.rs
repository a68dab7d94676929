//! A reader that follows a download at a bit rate: how often must it wait?

use std::time::Duration;

use superseed_engine::{Command, TorrentOptions};
use superseed_proto::layout::PieceIndex;

use super::{Outcome, Run, Scenario};
use crate::content::ContentSpec;
use crate::net::LinkSpec;
use crate::world::{HostSpec, World};

/// Scenarios of this group.
pub const SCENARIOS: &[Scenario] = &[Scenario {
    name: "stream",
    about: "a reader at 1 MiB/s among ten slow and two fast seeds, in order and with deadlines",
    run: stream,
}];

const PIECE_LEN: u32 = 256 << 10;
const LEN: usize = 96 << 20;
/// What the reader takes in a second.
const READS_BYTES_PER_S: u64 = 1 << 20;
/// What the fast ones send in a second: together with the slow ones a fifth
/// more than the reader takes.
const FAST_BYTES_PER_S: [u64; 2] = [640 << 10, 320 << 10];
const SLOW: usize = 10;
/// Pieces ahead of the reader that have a deadline.
const AHEAD: u32 = 40;
/// How long the reader waits before it begins.
const BUFFER: Duration = Duration::from_secs(4);

/// How the reader fared.
#[derive(Default)]
struct Waits {
    stalls: u32,
    stalled: Duration,
    wasted_bytes: u64,
}

fn stream(run: &Run) -> Outcome {
    let (_, in_order) = read_along(run, false);
    let (world, deadlines) = read_along(run, true);
    let figures = vec![
        ("stalls_in_order", f64::from(in_order.stalls)),
        ("stalls_with_deadlines", f64::from(deadlines.stalls)),
        ("stalled_s_in_order", in_order.stalled.as_secs_f64()),
        ("stalled_s_with_deadlines", deadlines.stalled.as_secs_f64()),
        (
            "wasted_share_with_deadlines",
            deadlines.wasted_bytes as f64 / LEN as f64,
        ),
    ];
    Outcome::of(&world, figures)
}

fn read_along(run: &Run, deadlines: bool) -> (World, Waits) {
    let mut world = run.world();
    let content = ContentSpec::new(LEN, PIECE_LEN).make(run.seed);
    let mut peers = Vec::new();
    for number in 0..FAST_BYTES_PER_S.len() + SLOW {
        let up = FAST_BYTES_PER_S.get(number).copied();
        let up = up.unwrap_or_else(|| world.rng().between(5 << 10, 45 << 10));
        let latency = Duration::from_micros(world.rng().between(5_000, 60_000));
        let seed = world.add_host(HostSpec {
            link: LinkSpec {
                up_bytes_per_s: Some(up),
                latency,
                send_buffer_bytes: 16 << 10,
                window_bytes: 64 << 10,
                ..LinkSpec::default()
            },
            ..HostSpec::default()
        });
        world.add_seed(seed, &content, TorrentOptions::default());
        peers.push(world.addr(seed));
    }
    world.run_for(Duration::from_secs(1));
    let host = world.add_host(HostSpec::default());
    let options = TorrentOptions {
        peers,
        sequential: true,
        ..TorrentOptions::default()
    };
    world.add_torrent(host, &content, options);
    let key = world.torrent_key(host, &content);
    let of_piece = Duration::from_micros(u64::from(PIECE_LEN) * 1_000_000 / READS_BYTES_PER_S);
    let pieces = content.layout().piece_count();
    let ask = |world: &mut World, piece: u32, within: Duration| {
        if deadlines && piece < pieces {
            let piece = PieceIndex(piece);
            world.command(host, Command::SetDeadline(key, piece, Some(within)));
        }
    };
    for piece in 0..AHEAD {
        ask(&mut world, piece, BUFFER + of_piece * piece);
    }
    world.run_for(BUFFER);
    let mut waits = Waits::default();
    for piece in 0..pieces {
        let due = world.now();
        wait_for(&mut world, host, &content, piece);
        let waited = world.now().since(due);
        if !waited.is_zero() {
            waits.stalls += 1;
            waits.stalled += waited;
            // The reader is later than it said: what it needs next it needs later.
            for next in 1..AHEAD {
                ask(&mut world, piece + next, of_piece * next);
            }
        }
        ask(&mut world, piece + AHEAD, of_piece * AHEAD);
        world.run_for(of_piece);
    }
    waits.wasted_bytes = world.stats(host, &content).wasted_bytes;
    (world, waits)
}

fn wait_for(
    world: &mut World,
    host: crate::world::HostId,
    content: &std::sync::Arc<crate::content::Content>,
    piece: u32,
) {
    let there = |world: &World| world.has_piece(host, content, PieceIndex(piece));
    if !world.run_until(Duration::from_secs(600), there) {
        world.fail(&format!("piece {piece} did not come"));
    }
}
