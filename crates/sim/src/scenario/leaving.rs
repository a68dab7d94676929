//! Leechers that leave as soon as they have everything.
//!
//! With each the swarm loses an uplink while others still wait, so the last is
//! the sooner done the more alike all are served. `cargo xtask swarm` measures
//! the same with real processes: a download ends there when it is complete.

use std::time::Duration;

use superseed_engine::Settings;

use super::swarms::{Swarm, fluid_limit_s, line};
use super::{Outcome, Run, Scenario};
use crate::content::ContentSpec;
use crate::disk::CrashLoss;
use crate::world::World;

/// Scenarios of this group.
pub const SCENARIOS: &[Scenario] = &[Scenario {
    name: "leave-when-done",
    about: "64 MiB to ten equal leechers of which each leaves when it has everything",
    run: leave_when_done,
}];

const LEN: usize = 64 << 20;
const LEECHERS: usize = 10;
const SEED_UP: u64 = 4 << 20;
const UP: u64 = 2 << 20;
const DOWN: u64 = 64 << 20;
/// A seed that serves fewer than there are, so that some get much more of it.
const SEED_SLOTS: usize = 8;
const LOOK: Duration = Duration::from_millis(50);
const PATIENCE: Duration = Duration::from_secs(600);

fn leave_when_done(run: &Run) -> Outcome {
    let mut world = run.world();
    let mut latency = || Duration::from_micros(world.rng().between(500, 5_000));
    let mut seed = line(SEED_UP, DOWN, latency());
    let specs = (0..LEECHERS).map(|_| line(UP, DOWN, latency())).collect();
    seed.settings = Settings {
        upload_slots: Some(SEED_SLOTS),
        ..Settings::default()
    };
    let swarm = Swarm::start(&mut world, ContentSpec::new(LEN, 256 << 10), seed, specs);
    let mut here = swarm.leechers.clone();
    let mut times = Vec::new();
    while !here.is_empty() {
        let any = |world: &World| {
            let mut here = here.iter();
            here.any(|host| world.finished(*host, &swarm.content))
        };
        if !world.run_until(PATIENCE, any) {
            world.fail("not everyone finished");
        }
        let (gone, rest): (Vec<_>, _) =
            (here.into_iter()).partition(|host| world.finished(*host, &swarm.content));
        here = rest;
        for host in gone {
            times.push(world.now().since(swarm.begun).as_secs_f64());
            world.crash(host, CrashLoss::Nothing);
        }
        world.run_for(LOOK);
    }
    let limit = fluid_limit_s(
        LEN as f64,
        SEED_UP as f64,
        DOWN as f64,
        &[UP as f64; LEECHERS],
    );
    let sent = world
        .stats(swarm.seed, &swarm.content)
        .session_uploaded_bytes;
    let figures = vec![
        ("first_to_limit", times[0] / limit),
        ("last_to_limit", times[LEECHERS - 1] / limit),
        ("copies_sent_by_seed", sent as f64 / LEN as f64),
    ];
    Outcome::of(&world, figures)
}
