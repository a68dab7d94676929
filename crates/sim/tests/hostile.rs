//! Swarms among hostile peers, and what becomes of a banned one.
#![allow(clippy::unwrap_used, reason = "in a test, a panic is the verdict")]

use std::time::Duration;

use superseed_sim::scenario::{all, run_seeds};
use superseed_sim::{ContentSpec, FakeSeed, Frame, HostSpec, LinkSpec, World};

#[test]
fn a_swarm_among_hostile_peers_finishes_within_its_bound_and_bans_none_but_liars() {
    let hostile = all().filter(|scenario| scenario.name.starts_with("hostile-"));
    let mut run = 0;
    for scenario in hostile {
        run_seeds(scenario, 0..2, 2);
        run += 1;
    }
    assert!(run > 0, "there are no such scenarios");
}

/// A liar that brings everything alone is banned; then it calls again, and so
/// does its neighbour. Tells who is let in.
fn calls_after_ban(ipv6: bool) -> [bool; 2] {
    let replay = "cargo test -p superseed-sim --test hostile a_ban_survives";
    let mut world = World::new(7, replay);
    if ipv6 {
        world.use_ipv6();
    }
    let content = ContentSpec::new(1 << 20, 64 << 10).make(7);
    let mut seed = FakeSeed::new(&content, 1);
    seed.spoils_every = Some(1);
    let liar = world.add_fake_seed(LinkSpec::default(), seed);
    let neighbour = world.add_script_beside(liar, LinkSpec::default());
    let host = world.add_host(HostSpec::default());
    world.add_leech(host, &content, vec![world.script_addr(liar)]);
    let banned = |world: &World| !world.progress(host, &content).banned.is_empty();
    assert!(world.run_until(Duration::from_secs(60), banned));
    [liar, neighbour].map(|script| {
        // Another port each time, and another name.
        let conn = world.script_connect(script, host);
        world.run_for(Duration::from_secs(1));
        let hello = Frame::Handshake([0; 8], content.swarm().0, *b"-HX0001-somebodyelse");
        world.wire(script, conn).send(hello);
        world.run_for(Duration::from_secs(1));
        world.wire(script, conn).is_up()
    })
}

#[test]
fn a_ban_survives_reconnection_from_the_same_address_and_is_of_nobody_else() {
    assert_eq!(calls_after_ban(false), [false, true]);
}

#[test]
fn a_ban_survives_reconnection_from_the_same_ipv6_network() {
    assert_eq!(calls_after_ban(true), [false, false]);
}
