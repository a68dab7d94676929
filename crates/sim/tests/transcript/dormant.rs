//! Torrents that fall asleep and are woken.

use std::time::Duration;

use crate::scene::{DORMANT_AFTER, FAST, PLAIN, Scene};
use superseed_engine::{Command, DiskErrorKind, EventKind, Priority, RateLimits, TorrentState};
use superseed_proto::layout::FileIndex;
use superseed_sim::{Frame, LinkSpec};

fn is_have_all(frame: &Frame) -> bool {
    *frame == Frame::HaveAll
}

#[test]
fn a_complete_torrent_without_peers_falls_asleep_and_not_before_its_time() {
    let mut scene = Scene::dormant("a_complete_torrent_without_peers_falls_asleep");
    let stats = scene.world.stats(scene.host, &scene.content);
    assert_eq!(stats.state, TorrentState::Seeding);
    assert_eq!((stats.left_bytes, stats.pieces_have), (0, 8));
    assert!(stats.seeding >= DORMANT_AFTER);
    scene.connect(FAST);
    scene.world.run_for(Duration::from_secs(60));
    assert!(!scene.is_dormant(), "it has a peer");
    scene.wire().close();
    scene.world.run_for(DORMANT_AFTER - Duration::from_secs(1));
    assert!(!scene.is_dormant(), "its peer left a moment ago");
    scene.fall_asleep();
}

#[test]
fn a_torrent_that_lacks_something_stays_awake() {
    let mut scene = Scene::leeching("a_torrent_that_lacks_something_stays_awake");
    scene.world.configure(scene.host, |settings| {
        settings.dormant_after = Some(DORMANT_AFTER);
    });
    scene.world.run_for(10 * DORMANT_AFTER);
    assert!(!scene.is_dormant());
}

#[test]
fn a_handshake_is_answered_in_sleep_and_the_pieces_follow_before_anything_else() {
    let mut scene = Scene::dormant("a_handshake_is_answered_in_sleep");
    let conn = scene.world.script_connect(scene.peer, scene.host);
    let swarm = scene.content.swarm().0;
    let whole = Frame::Handshake(FAST, swarm, [b'x'; 20]).to_bytes();
    let mut wire = scene.world.wire(scene.peer, conn);
    wire.send_raw(whole.slice(..48));
    wire.expect_some(
        "its handshake",
        |frame| matches!(frame, Frame::Handshake(_, key, _) if *key == swarm),
    );
    assert!(scene.is_dormant(), "so far it need not be awake");
    // What follows the handshake at once waits until somebody can read it.
    let mut rest = whole.slice(48..).to_vec();
    Frame::HaveNone.encode(&mut rest);
    Frame::Interested.encode(&mut rest);
    let mut wire = scene.world.wire(scene.peer, conn);
    wire.send_raw(rest);
    wire.expect(Frame::HaveAll);
    wire.expect_some("to be unchoked", |frame| *frame == Frame::Unchoke);
    let piece = (2, 0, 16 << 10);
    wire.send(Frame::Request(piece.0, piece.1, piece.2));
    let block = scene.block(piece);
    scene
        .world
        .wire(scene.peer, conn)
        .expect_some("its block", |frame| *frame == block);
}

#[test]
fn two_peers_that_come_while_it_is_being_woken_are_both_served() {
    let mut scene = Scene::dormant("two_peers_that_come_while_it_is_being_woken");
    let other = scene.world.add_script(LinkSpec::default());
    let swarm = scene.content.swarm().0;
    let mut conns = Vec::new();
    for (peer, id) in [(scene.peer, [b'x'; 20]), (other, [b'y'; 20])] {
        let conn = scene.world.script_connect(peer, scene.host);
        let mut wire = scene.world.wire(peer, conn);
        wire.send(Frame::Handshake(FAST, swarm, id));
        conns.push((peer, conn));
    }
    for (peer, conn) in conns {
        let mut wire = scene.world.wire(peer, conn);
        wire.expect_some("all pieces", is_have_all);
    }
    assert_eq!(scene.world.peers(scene.host, &scene.content).len(), 2);
}

#[test]
fn who_leaves_before_it_is_awake_is_not_waited_for() {
    let mut scene = Scene::dormant("who_leaves_before_it_is_awake");
    let conn = scene.world.script_connect(scene.peer, scene.host);
    let hello = Frame::Handshake(PLAIN, scene.content.swarm().0, [b'x'; 20]);
    let mut wire = scene.world.wire(scene.peer, conn);
    wire.send(hello).close();
    scene.fall_asleep();
    assert!(scene.world.peers(scene.host, &scene.content).is_empty());
}

#[test]
fn what_cannot_be_woken_fails_with_its_sentence_and_is_woken_when_it_is_resumed() {
    let mut scene = Scene::dormant("what_cannot_be_woken_fails");
    let fault = Some(DiskErrorKind::Io);
    scene
        .world
        .set_disk_fault(scene.host, &scene.content, fault);
    let conn = scene.world.script_connect(scene.peer, scene.host);
    let hello = Frame::Handshake(PLAIN, scene.content.swarm().0, [b'x'; 20]);
    let mut wire = scene.world.wire(scene.peer, conn);
    wire.send(hello.clone());
    wire.expect_end(Duration::from_secs(5));
    let stats = scene.world.stats(scene.host, &scene.content);
    assert_eq!(stats.state, TorrentState::Failed);
    assert!(stats.error.is_some());
    let failed = |kind: &EventKind| matches!(kind, EventKind::Failed(_));
    assert!(scene.world.saw(scene.host, failed));

    let conn = scene.world.script_connect(scene.peer, scene.host);
    let mut wire = scene.world.wire(scene.peer, conn);
    wire.send(hello);
    wire.expect_end(Duration::from_secs(5));

    scene.world.set_disk_fault(scene.host, &scene.content, None);
    let key = scene.world.torrent_key(scene.host, &scene.content);
    scene.world.command(scene.host, Command::Resume(key));
    scene.world.run_for(Duration::from_secs(1));
    let stats = scene.world.stats(scene.host, &scene.content);
    assert_eq!((stats.state, stats.error), (TorrentState::Seeding, None));
    assert!(!scene.is_dormant());
    scene.connect(FAST);
}

#[test]
fn a_dormant_torrent_that_is_paused_refuses_peers_until_it_is_resumed() {
    let mut scene = Scene::dormant("a_dormant_torrent_that_is_paused");
    let key = scene.world.torrent_key(scene.host, &scene.content);
    scene.world.command(scene.host, Command::Pause(key));
    let conn = scene.world.script_connect(scene.peer, scene.host);
    let hello = Frame::Handshake(PLAIN, scene.content.swarm().0, [b'x'; 20]);
    let mut wire = scene.world.wire(scene.peer, conn);
    wire.send(hello);
    wire.expect_end(Duration::from_secs(5));
    assert!(scene.is_dormant());
    let stats = scene.world.stats(scene.host, &scene.content);
    assert_eq!(stats.state, TorrentState::Paused);
    let seeding = stats.seeding;
    scene.world.run_for(Duration::from_secs(100));
    let stats = scene.world.stats(scene.host, &scene.content);
    assert_eq!(stats.seeding, seeding, "a pause is no seeding");
    scene.world.command(scene.host, Command::Resume(key));
    scene.connect(FAST);
    assert_eq!(scene.world.peers(scene.host, &scene.content).len(), 1);
}

#[test]
fn a_dormant_torrent_wakes_to_be_checked_again() {
    let mut scene = Scene::dormant("a_dormant_torrent_wakes_to_be_checked");
    scene.world.rot(scene.host, &scene.content, 3);
    let key = scene.world.torrent_key(scene.host, &scene.content);
    scene.world.command(scene.host, Command::Recheck(key));
    scene.world.run_for(Duration::from_secs(5));
    let stats = scene.world.stats(scene.host, &scene.content);
    assert_eq!(stats.state, TorrentState::Downloading);
    assert_eq!(stats.pieces_have, 7);
    assert!(!scene.is_dormant());
}

#[test]
fn limits_that_are_set_in_sleep_hold_after_it_and_wake_nobody() {
    let mut scene = Scene::dormant("limits_that_are_set_in_sleep");
    let key = scene.world.torrent_key(scene.host, &scene.content);
    let limits = RateLimits {
        upload_bytes_per_s: Some(20_000),
        download_bytes_per_s: None,
    };
    scene
        .world
        .command(scene.host, Command::SetLimits(key, limits));
    assert!(scene.is_dormant());
    let whole: Vec<Frame> = (0..8)
        .map(|nth| Frame::Request(nth / 4, nth % 4 * (16 << 10), 16 << 10))
        .collect();
    scene.connect(FAST);
    let mut wire = scene.wire();
    wire.send(Frame::HaveNone).send(Frame::Interested);
    wire.expect_some("to be unchoked", |frame| *frame == Frame::Unchoke);
    for request in whole {
        wire.send(request);
    }
    scene.world.run_for(Duration::from_secs(4));
    let stats = scene.world.stats(scene.host, &scene.content);
    let sent = stats.session_uploaded_bytes;
    assert!((48 << 10..=96 << 10).contains(&sent), "{sent} bytes");
}

#[test]
fn a_wish_for_other_files_wakes_it() {
    let mut scene = Scene::dormant("a_wish_for_other_files_wakes_it");
    let key = scene.world.torrent_key(scene.host, &scene.content);
    let changes = vec![(FileIndex(0), Priority::High)];
    scene
        .world
        .command(scene.host, Command::SetPriorities(key, changes));
    scene.world.run_for(Duration::from_secs(1));
    assert!(!scene.is_dormant());
    scene.fall_asleep();
}

#[test]
fn totals_survive_sleep_and_the_record_has_the_time_of_it() {
    let mut scene = Scene::dormant("totals_survive_sleep");
    scene.connect(FAST);
    let mut wire = scene.wire();
    wire.send(Frame::HaveNone).send(Frame::Interested);
    wire.expect_some("to be unchoked", |frame| *frame == Frame::Unchoke);
    wire.send(Frame::Request(0, 0, 16 << 10));
    wire.expect_some("a block", |frame| matches!(frame, Frame::Piece(..)));
    wire.close();
    scene.fall_asleep();
    let uploaded = |scene: &Scene| {
        let stats = scene.world.stats(scene.host, &scene.content);
        (stats.uploaded_bytes, stats.session_uploaded_bytes)
    };
    assert_eq!(uploaded(&scene), (16 << 10, 16 << 10));
    scene.world.run_for(Duration::from_secs(1_000));
    assert!(scene.world.shut_down(scene.host, Duration::from_secs(5)));
    let totals = scene.world.recorded_totals(scene.host, &scene.content);
    let totals = totals.unwrap();
    assert_eq!(totals.uploaded_bytes, 16 << 10);
    assert!(totals.seeding_s > 1_000, "{totals:?}");
}

#[test]
fn a_candidate_wakes_it() {
    let mut scene = Scene::dormant("a_candidate_wakes_it");
    let peer = scene.world.script_addr(scene.peer);
    let content = scene.content.clone();
    scene.world.introduce(scene.host, &content, peer);
    scene.world.run_for(Duration::from_secs(2));
    assert!(!scene.is_dormant());
    assert_eq!(scene.world.script_conns(scene.peer), 1);
}
