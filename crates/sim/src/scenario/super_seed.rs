//! Swarms that begin with one seed: how much of its line a whole copy costs.

use std::time::Duration;

use superseed_engine::{EventKind, TorrentOptions};
use superseed_proto::Bitfield;

use super::swarms::{Swarm, fluid_limit_s, line};
use super::{Outcome, Run, Scenario};
use crate::content::ContentSpec;
use crate::world::World;

/// Scenarios of this group.
pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "super-seed-10",
        about: "homogeneous-10 with a super-seeding seed",
        run: |run| homogeneous(run, 10, true),
    },
    Scenario {
        name: "super-seed-50",
        about: "homogeneous-50 with a super-seeding seed",
        run: |run| homogeneous(run, 50, true),
    },
    Scenario {
        name: "super-seed-200",
        about: "homogeneous-200 with a super-seeding seed",
        run: |run| homogeneous(run, 200, true),
    },
    Scenario {
        name: "super-seed-small",
        about: "64 MiB to ten equal leechers from a super-seeding seed",
        run: |run| equal_leechers(run, 10, 64 << 20, true),
    },
];

/// How often the first copy is looked for: 0.2 MiB of the seed's line.
const LOOK: Duration = Duration::from_millis(50);

/// Equal leechers with round trips of 20 to 80 ms, who all come at once.
pub(super) fn homogeneous(run: &Run, leechers: usize, super_seed: bool) -> Outcome {
    equal_leechers(run, leechers, 256 << 20, super_seed)
}

fn equal_leechers(run: &Run, leechers: usize, len: usize, super_seed: bool) -> Outcome {
    const SEED_UP: u64 = 4 << 20;
    const UP: u64 = 2 << 20;
    const DOWN: u64 = 16 << 20;
    let mut world = run.world();
    // A quarter of a round trip at each of two ends, there and back.
    let latency = |world: &mut World| Duration::from_micros(world.rng().between(5_000, 20_000));
    let seed = line(SEED_UP, DOWN, latency(&mut world));
    let specs = (0..leechers)
        .map(|_| line(UP, DOWN, latency(&mut world)))
        .collect();
    let options = TorrentOptions {
        super_seed,
        ..TorrentOptions::default()
    };
    let spec = ContentSpec::new(len, 256 << 10);
    let swarm = Swarm::start_as(&mut world, spec, seed, options, specs);
    let copies = copies_until_the_first(&mut world, &swarm, Duration::from_secs(1_200));
    let times = swarm.finish(&mut world, Duration::from_secs(1_200));
    let ups = vec![UP as f64; leechers];
    let limit = fluid_limit_s(len as f64, SEED_UP as f64, DOWN as f64, &ups);
    let seconds = |time: Option<&Duration>| time.map_or(0.0, Duration::as_secs_f64);
    let wasted: u64 = (swarm.leechers.iter())
        .map(|host| world.stats(*host, &swarm.content).wasted_bytes)
        .sum();
    let figures = vec![
        ("last_to_limit", seconds(times.iter().max()) / limit),
        ("first_to_limit", seconds(times.iter().min()) / limit),
        ("wasted_share", wasted as f64 / (leechers * len) as f64),
        ("copies_sent_when_first_complete", copies),
    ];
    Outcome::of(&world, figures)
}

/// Runs until the leechers together have verified every piece, and returns how
/// many times the torrent the seed had sent by then.
fn copies_until_the_first(world: &mut World, swarm: &Swarm, limit: Duration) -> f64 {
    let layout = swarm.content.layout();
    let mut union = Bitfield::new(layout.piece_count());
    let mut seen = vec![0; swarm.leechers.len()];
    let end = world.now() + limit;
    while !union.is_full() {
        if world.now() >= end {
            world.fail("the leechers together lack something");
        }
        world.run_for(LOOK);
        for (host, seen) in swarm.leechers.iter().zip(&mut seen) {
            let events = world.events(*host);
            for (_, event) in &events[*seen..] {
                if let EventKind::Piece(piece) = event.kind {
                    union.insert(piece);
                }
            }
            *seen = events.len();
        }
    }
    let sent = world.stats(swarm.seed, &swarm.content);
    sent.session_uploaded_bytes as f64 / layout.total_len() as f64
}
