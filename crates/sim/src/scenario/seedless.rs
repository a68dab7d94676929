//! Swarms that wait: nobody has what everyone lacks.

use std::time::Duration;

use superseed_engine::TorrentOptions;

use super::swarms::Swarm;
use super::{Outcome, Run, Scenario};
use crate::content::ContentSpec;
use crate::disk::CrashLoss;
use crate::net::LinkSpec;
use crate::world::{HostSpec, World};

/// Scenarios of this group.
pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "seedless-20",
        about: "twenty leechers wait for an hour for a seed that left too soon",
        run: |run| seedless(run, 20),
    },
    Scenario {
        name: "seedless-200",
        about: "two hundred leechers wait for an hour for a seed that left too soon",
        run: |run| seedless(run, 200),
    },
];

const LEN: usize = 8 << 20;
const PIECE_LEN: u32 = 64 << 10;
const UP_BYTES_PER_S: u64 = 200 << 10;
/// Long enough for half of the torrent to leave the seed.
const SEED_STAYS: Duration = Duration::from_secs(20);
const SEED_IS_AWAY: Duration = Duration::from_secs(3_600);

fn seedless(run: &Run, leechers: usize) -> Outcome {
    let mut world = run.world();
    let machine = || HostSpec {
        link: LinkSpec {
            up_bytes_per_s: Some(UP_BYTES_PER_S),
            ..LinkSpec::default()
        },
        ..HostSpec::default()
    };
    let swarm = Swarm::start(
        &mut world,
        ContentSpec::new(LEN, PIECE_LEN),
        machine(),
        vec![machine(); leechers],
    );
    world.run_for(SEED_STAYS);
    world.crash(swarm.seed, CrashLoss::Nothing);
    world.run_for(SEED_IS_AWAY);
    let have = |world: &World, host| world.stats(host, &swarm.content).pieces_have;
    let (first, last) = (
        have(&world, swarm.leechers[0]),
        have(&world, swarm.leechers[leechers - 1]),
    );
    if first != last || first == swarm.content.layout().piece_count() {
        world.fail(&format!(
            "without a seed one has {first} pieces and another {last}"
        ));
    }
    world.restart(swarm.seed);
    world.add_torrent(swarm.seed, &swarm.content, TorrentOptions::default());
    let times = swarm.finish(&mut world, Duration::from_secs(1_200));
    let last = times.iter().max().copied().unwrap_or_default();
    Outcome::of(&world, vec![("last_s", last.as_secs_f64())])
}
