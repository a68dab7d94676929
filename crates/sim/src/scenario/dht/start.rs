//! How soon a newcomer finds its first peer.

use std::sync::Arc;
use std::time::Duration;

use superseed_engine::{Command, TorrentOptions};

use super::{Network, outcome, settings};
use crate::scenario::{Outcome, Run};
use crate::world::HostId;

/// Round trips of 50 ms: an eighth of it between each host and the core, there
/// and back.
const LATENCY: Duration = Duration::from_micros(12_500);

/// A network of two hundred whose first host shares something.
fn network(run: &Run) -> (Network, super::Shared) {
    let mut network = Network::new(run);
    network.loss = 0.0;
    network.latency = (LATENCY, LATENCY);
    network.grow(200, Duration::from_secs(60));
    let shared = network.share(1, run.seed).remove(0);
    network.world.run_for(Duration::from_secs(300));
    (network, shared)
}

/// Lets a host that has just begun get the torrent by its link, and tells when it knew of
/// the first peer, in seconds since it had the torrent.
fn first_peer(network: &mut Network, host: HostId, shared: &super::Shared) -> f64 {
    let content = Arc::clone(&shared.content);
    let world = &mut network.world;
    let began = world.now();
    world.add_link(host, &content, TorrentOptions::default());
    let knows = |world: &crate::world::World| {
        let stats = world.stats(host, &content);
        stats.candidates + stats.peers > 0
    };
    if !world.run_until(Duration::from_secs(60), knows) {
        world.fail("the newcomer found nobody");
    }
    let first_s = world.now().since(began).as_secs_f64();
    world.complete(host, &content, Duration::from_secs(60));
    first_s
}

pub(super) fn cold(run: &Run) -> Outcome {
    let (mut network, shared) = network(run);
    let live = network.routers[0];
    let mut routers: Vec<_> = (0..2).map(|at| (format!("gone-{at}.sim"), 6881)).collect();
    routers.push((network.world.nowhere().ip().to_string(), 6881));
    routers.push((live.ip().to_string(), live.port()));
    let mut spec = network.spec();
    spec.settings = settings(&routers);
    let host = network.world.add_host(spec);
    let first_s = first_peer(&mut network, host, &shared);
    outcome(&network.world, vec![("first_peer_s", first_s)])
}

pub(super) fn warm(run: &Run) -> Outcome {
    let (mut network, shared) = network(run);
    let snapshot = network.world.snapshot(network.hosts[100]);
    let mut spec = network.spec();
    spec.settings = settings(&[]);
    let host = network.world.add_host(spec);
    let restore = Command::RestoreNodes(Box::new(snapshot));
    network.world.command(host, restore);
    let first_s = first_peer(&mut network, host, &shared);
    outcome(&network.world, vec![("first_peer_s", first_s)])
}
