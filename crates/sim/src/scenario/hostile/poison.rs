//! A tracker that poisons: thousands of addresses at which nobody is.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::{LEN, PIECE_LEN, Swarm, verdict};
use crate::content::ContentSpec;
use crate::scenario::{Outcome, Run};
use crate::tracker::TrackerSpec;
use crate::world::{TrackerId, World};

/// Addresses at which nobody answers: more than a torrent keeps.
const DEAD: usize = 4_000;
/// How much later the last may have it than with an honest tracker alone.
const SLOWER_MAX: f64 = 2.0;
/// Seconds between the announces that the poisoner asks for.
const INTERVAL_S: u32 = 60;

/// The swarm of one honest tracker, with or without a second one that poisons.
fn begin(run: &Run, world: &mut World, poison: bool) -> (Swarm, Option<TrackerId>) {
    let (honest, url) = world.add_tracker(TrackerSpec::default());
    let mut spec = ContentSpec::new(LEN, PIECE_LEN);
    let mut poisoner = None;
    if poison {
        // It answers first: what it names is there before anyone else's.
        let (tracker, url) = world.add_tracker(TrackerSpec {
            interval_s: INTERVAL_S,
            latency: std::time::Duration::ZERO,
            ..TrackerSpec::default()
        });
        poisoner = Some(tracker);
        spec = spec.tracker(url);
    }
    let content = spec.tracker(url).make(run.seed);
    (Swarm::gather_at(world, honest, content), poisoner)
}

pub(super) fn poisoned(run: &Run) -> Outcome {
    let mut peace = run.world();
    let calm = begin(run, &mut peace, false).0.play(&mut peace);
    let mut world = run.world();
    let (swarm, poisoner) = begin(run, &mut world, true);
    let addrs = poison(&mut world, &swarm);
    if let Some(poisoner) = poisoner {
        world.set_named_peers(poisoner, addrs);
    }
    let time = swarm.play(&mut world);
    swarm.check_bans(&world, &[]);
    verdict(&world, calm, time, SLOWER_MAX)
}

fn poison(world: &mut World, swarm: &Swarm) -> Vec<SocketAddr> {
    let mut addrs: Vec<_> = (0..DEAD).map(|_| world.nowhere()).collect();
    // Each engine is told of itself, under other ports too.
    for host in swarm.hosts() {
        let own = world.addr(host);
        addrs.extend([own, SocketAddr::new(own.ip(), 1)]);
    }
    let reserved = [
        Ipv4Addr::UNSPECIFIED,
        Ipv4Addr::LOCALHOST,
        Ipv4Addr::BROADCAST,
        Ipv4Addr::new(224, 0, 0, 1),
        Ipv4Addr::new(240, 0, 0, 1),
    ];
    addrs.extend(reserved.map(|ip| SocketAddr::new(IpAddr::V4(ip), 6_881)));
    addrs.push(SocketAddr::new(addrs[0].ip(), 0));
    addrs.extend_from_within(..100);
    world.rng().shuffle(&mut addrs);
    addrs
}
