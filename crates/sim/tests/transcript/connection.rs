//! Handshakes, silence, and who is let in.

use std::time::Duration;

use crate::scene::{PLAIN, Scene};
use superseed_engine::TorrentOptions;
use superseed_sim::{ContentSpec, Frame, HostSpec, LinkSpec, TrackerSpec, World};

#[test]
fn a_handshake_for_an_unknown_torrent_is_not_answered() {
    let mut scene = Scene::seeding("a_handshake_for_an_unknown_torrent");
    let conn = scene.world.script_connect(scene.peer, scene.host);
    let mut wire = scene.world.wire(scene.peer, conn);
    wire.send(Frame::Handshake(PLAIN, [9; 20], [b'x'; 20]));
    wire.expect_end(Duration::from_secs(5));
}

#[test]
fn the_answer_to_a_handshake_comes_before_the_peer_id() {
    let mut scene = Scene::seeding("the_answer_to_a_handshake");
    let conn = scene.world.script_connect(scene.peer, scene.host);
    let swarm = scene.content.swarm().0;
    let whole = Frame::Handshake(PLAIN, swarm, [b'x'; 20]).to_bytes();
    let mut wire = scene.world.wire(scene.peer, conn);
    wire.send_raw(whole.slice(..48));
    wire.expect_some(
        "its handshake",
        |frame| matches!(frame, Frame::Handshake(_, key, _) if *key == swarm),
    );
    wire.send_raw(whole.slice(48..));
    wire.expect_some("its bitfield", |frame| matches!(frame, Frame::Bitfield(_)));
}

#[test]
fn a_peer_that_says_nothing_is_dropped_after_ten_seconds() {
    let mut scene = Scene::seeding("a_peer_that_says_nothing");
    let conn = scene.world.script_connect(scene.peer, scene.host);
    scene.world.run_for(Duration::from_secs(8));
    assert!(scene.world.wire(scene.peer, conn).is_up());
    scene
        .world
        .wire(scene.peer, conn)
        .expect_end(Duration::from_secs(4));
}

#[test]
fn a_second_connection_from_the_same_client_is_refused() {
    let mut scene = Scene::seeding("a_second_connection_from_the_same_client");
    scene.connect(PLAIN);
    let content = scene.content.clone();
    let conn = scene.world.script_connect(scene.peer, scene.host);
    let mut wire = scene.world.wire(scene.peer, conn);
    let mut peer_id = *b"-TT0001-wire00000000";
    peer_id[18] = b'0';
    wire.send(Frame::Handshake(PLAIN, content.swarm().0, peer_id));
    wire.expect_end(Duration::from_secs(5));
    assert!(scene.wire().is_up());
}

#[test]
fn an_engine_that_is_told_of_itself_does_not_keep_the_connection() {
    let mut scene = Scene::leeching("an_engine_that_is_told_of_itself");
    let content = scene.content.clone();
    let own = scene.world.addr(scene.host);
    scene.world.introduce(scene.host, &content, own);
    scene.world.run_for(Duration::from_secs(60));
    assert!(scene.world.peers(scene.host, &content).is_empty());
}

#[test]
fn a_quiet_connection_is_kept_alive_by_us_and_dropped_without_an_answer() {
    let mut scene = Scene::seeding("a_quiet_connection_is_kept_alive");
    scene.connect(PLAIN);
    let mut wire = scene.wire();
    wire.send(Frame::Interested);
    let keep_alive = |frame: &Frame| *frame == Frame::KeepAlive;
    wire.expect_within(Duration::from_secs(125), "a keep-alive", keep_alive);
    assert!(wire.is_up());
    wire.send(Frame::KeepAlive);
    wire.expect_within(Duration::from_secs(125), "a keep-alive", keep_alive);
    wire.expect_end(Duration::from_secs(190));
}

#[test]
fn a_private_torrent_takes_peers_from_its_tracker_only() {
    let mut world = World::new(7, "cargo test -p superseed-sim a_private_torrent");
    let tracked = world.add_script(LinkSpec::default());
    let extra_peers = vec![world.script_addr(tracked)];
    let (_, url) = world.add_tracker(TrackerSpec {
        extra_peers,
        ..TrackerSpec::default()
    });
    let content = ContentSpec::new(1 << 20, 64 << 10)
        .tracker(url)
        .private()
        .make(7);
    let host = world.add_host(HostSpec::default());
    world.add_torrent(host, &content, TorrentOptions::default());
    world.run_for(Duration::from_secs(10));
    assert_eq!(world.script_conns(tracked), 1);
}

#[test]
fn a_refused_peer_is_tried_again_later_and_not_in_a_storm() {
    let mut scene = Scene::leeching("a_refused_peer_is_tried_again");
    let content = scene.content.clone();
    let addr = scene.world.script_addr(scene.peer);
    scene.world.introduce(scene.host, &content, addr);
    // The peer closes each connection at once.
    let mut closed = 0;
    for _ in 0..600 {
        scene.world.run_for(Duration::from_secs(1));
        while closed < scene.world.script_conns(scene.peer) {
            scene.world.wire(scene.peer, closed).close();
            closed += 1;
        }
    }
    assert!(
        (2..=12).contains(&closed),
        "{closed} attempts in ten minutes"
    );
}
