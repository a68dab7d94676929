//! What a peer sees of an engine that super-seeds (BEP 16).

use std::time::Duration;

use crate::scene::{BLOCK, FAST, PLAIN, Scene};
use superseed_engine::{Command, TorrentOptions};
use superseed_proto::wire::ExtendedHandshake;
use superseed_sim::{Frame, LinkSpec, ScriptId};

/// What a client that speaks BEP 6 and 10 sets.
const EXTENDED: [u8; 8] = [0, 0, 0, 0, 0, 0x10, 0, 4];

fn scene(test: &str) -> Scene {
    let options = TorrentOptions {
        super_seed: true,
        ..TorrentOptions::default()
    };
    Scene::seeding_as(test, options)
}

/// Everything that came in a while.
fn heard(scene: &mut Scene, peer: ScriptId, time: Duration) -> Vec<Frame> {
    let mut wire = scene.world.wire(peer, 0);
    wire.expect_none(time, "nothing forbidden", |_| false)
}

fn haves(frames: &[Frame]) -> Vec<u32> {
    let haves = frames.iter().filter_map(|frame| match frame {
        Frame::Have(piece) => Some(*piece),
        _ => None,
    });
    haves.collect()
}

/// The pieces that a peer with nothing is shown at once.
fn first_shown(scene: &mut Scene, peer: ScriptId) -> Vec<u32> {
    scene.world.wire(peer, 0).send(Frame::HaveNone);
    haves(&heard(scene, peer, Duration::from_secs(1)))
}

/// Fetches a piece as an unchoked peer does.
fn fetch(scene: &mut Scene, peer: ScriptId, piece: u32) {
    for begin in (0..4).map(|block| block * BLOCK) {
        let answer = scene.block((piece, begin, BLOCK));
        let mut wire = scene.world.wire(peer, 0);
        wire.send(Frame::Request(piece, begin, BLOCK))
            .expect(answer);
    }
    scene.world.wire(peer, 0).send(Frame::Have(piece));
}

#[test]
fn a_super_seed_says_that_it_has_nothing_and_shows_one_piece() {
    let mut scene = scene("a_super_seed_says_that_it_has_nothing");
    scene.connect(EXTENDED);
    let peer = scene.peer;
    scene.wire().send(Frame::HaveNone);
    let frames = heard(&mut scene, peer, Duration::from_secs(8));
    assert!(frames.contains(&Frame::HaveNone), "{frames:?}");
    assert_eq!(haves(&frames).len(), 1, "{frames:?}");
    for frame in frames {
        match frame {
            Frame::HaveAll | Frame::Bitfield(_) => panic!("it gave itself away: {frame:?}"),
            Frame::Extended(_, payload) => {
                let handshake = ExtendedHandshake::decode(&payload).unwrap();
                assert_eq!(handshake.upload_only, None);
            }
            Frame::AllowedFast(piece) => panic!("it allowed {piece}, which it does not show"),
            _ => {}
        }
    }
}

#[test]
fn a_peer_without_the_fast_extension_gets_no_bitfield() {
    let mut scene = scene("a_peer_without_the_fast_extension_gets_no_bitfield");
    scene.connect(PLAIN);
    let peer = scene.peer;
    let frames = heard(&mut scene, peer, Duration::from_secs(5));
    assert_eq!(haves(&frames).len(), 1, "{frames:?}");
    assert!(
        !frames
            .iter()
            .any(|frame| matches!(frame, Frame::Bitfield(_)))
    );
}

#[test]
fn what_was_not_shown_is_rejected_and_what_was_is_served() {
    let mut scene = scene("what_was_not_shown_is_rejected");
    // Two keep the line busy, so that neither is shown everything.
    let other = scene.world.add_script(LinkSpec::default());
    let peer = scene.peer;
    let mut shown = Vec::new();
    for peer in [other, peer] {
        scene.connect_as(peer, FAST);
        shown = first_shown(&mut scene, peer);
        let mut wire = scene.world.wire(peer, 0);
        wire.send(Frame::Interested).expect(Frame::Unchoke);
    }
    shown.extend(haves(&heard(&mut scene, peer, Duration::from_secs(1))));
    let hidden = (0..7).find(|piece| !shown.contains(piece));
    let hidden = hidden.expect("half is hidden");
    let shown = shown[0];
    let piece = scene.block((shown, 0, BLOCK));
    let mut wire = scene.wire();
    wire.send(Frame::Request(hidden, 0, BLOCK))
        .expect(Frame::Reject(hidden, 0, BLOCK))
        .send(Frame::Request(shown, 0, BLOCK))
        .expect(piece);
    assert!(wire.is_up());
}

#[test]
fn two_peers_are_shown_different_pieces() {
    let mut scene = scene("two_peers_are_shown_different_pieces");
    let other = scene.world.add_script(LinkSpec::default());
    scene.connect(FAST);
    scene.connect_as(other, FAST);
    let peer = scene.peer;
    let (first, second) = (
        first_shown(&mut scene, peer),
        first_shown(&mut scene, other),
    );
    assert!(first.iter().all(|piece| !second.contains(piece)));
}

#[test]
fn a_piece_that_another_peer_has_is_not_shown_before_one_that_nobody_has() {
    let mut scene = scene("a_piece_that_another_peer_has");
    let other = scene.world.add_script(LinkSpec::default());
    scene.connect_as(other, FAST);
    let most = scene.bitfield(0..7);
    scene.world.wire(other, 0).send(most);
    scene.connect(FAST);
    // The last piece is shown to the other one, who lacks nothing else.
    let peer = scene.peer;
    let frames = heard(&mut scene, other, Duration::from_secs(1));
    assert_eq!(haves(&frames), [7]);
    assert_eq!(first_shown(&mut scene, peer).len(), 1);
}

#[test]
fn an_only_peer_gets_everything_piece_by_piece() {
    let mut scene = scene("an_only_peer_gets_everything");
    scene.connect(FAST);
    let peer = scene.peer;
    let mut shown = first_shown(&mut scene, peer);
    scene.wire().send(Frame::Interested).expect(Frame::Unchoke);
    let mut at = 0;
    while at < shown.len() {
        let piece = shown[at];
        let len = scene
            .content
            .layout()
            .piece_len(superseed_proto::PieceIndex(piece));
        for begin in (0..len).step_by(BLOCK as usize) {
            let request = (piece, begin, BLOCK.min(len - begin));
            let answer = scene.block(request);
            scene
                .wire()
                .send(Frame::Request(request.0, request.1, request.2));
            loop {
                let frame = scene.wire().expect_some("a block or a HAVE", |frame| {
                    *frame == answer || matches!(frame, Frame::Have(_))
                });
                match frame {
                    Frame::Have(piece) => shown.push(piece),
                    _ => break,
                }
            }
        }
        scene.wire().send(Frame::Have(piece));
        let more = heard(&mut scene, peer, Duration::from_millis(200));
        shown.extend(haves(&more));
        at += 1;
    }
    shown.sort_unstable();
    assert_eq!(shown, (0..8).collect::<Vec<_>>());
}

#[test]
fn a_super_seed_closes_the_connection_to_a_seed() {
    let mut scene = scene("a_super_seed_closes_the_connection_to_a_seed");
    scene.connect(FAST);
    scene
        .wire()
        .send(Frame::HaveAll)
        .expect_end(Duration::from_secs(30));
}

#[test]
fn who_was_shown_little_is_told_of_everything_when_the_option_is_turned_off() {
    let mut scene = scene("who_was_shown_little_is_told_of_everything");
    scene.connect(FAST);
    let peer = scene.peer;
    let mut shown = first_shown(&mut scene, peer);
    let key = scene.world.torrent_key(scene.host, &scene.content);
    scene
        .world
        .command(scene.host, Command::SetSuperSeed(key, false));
    shown.extend(haves(&heard(&mut scene, peer, Duration::from_secs(1))));
    shown.sort_unstable();
    assert_eq!(shown, (0..8).collect::<Vec<_>>());
    // A new peer is told in the usual way.
    let other = scene.world.add_script(LinkSpec::default());
    scene.connect_as(other, FAST);
    scene.world.wire(other, 0).expect(Frame::HaveAll);
}

#[test]
fn the_option_concerns_new_connections_only_when_it_is_turned_on() {
    let mut scene = Scene::seeding("the_option_concerns_new_connections_only");
    scene.connect(FAST);
    scene.wire().expect(Frame::HaveAll).send(Frame::HaveNone);
    let key = scene.world.torrent_key(scene.host, &scene.content);
    scene
        .world
        .command(scene.host, Command::SetSuperSeed(key, true));
    scene.wire().send(Frame::Interested).expect(Frame::Unchoke);
    let peer = scene.peer;
    fetch(&mut scene, peer, 3);
    let other = scene.world.add_script(LinkSpec::default());
    scene.connect_as(other, FAST);
    scene.world.wire(other, 0).expect(Frame::HaveNone);
}

#[test]
fn data_that_is_being_checked_is_hidden_too_unless_some_of_it_is_wrong() {
    let options = TorrentOptions {
        super_seed: true,
        ..TorrentOptions::default()
    };
    for (spoilt, told) in [(vec![], 1), (vec![7], 7)] {
        let mut scene = Scene::checking_as("data_that_is_being_checked", options.clone(), &spoilt);
        scene.connect(FAST);
        scene.wire().expect(Frame::HaveNone).send(Frame::HaveNone);
        let peer = scene.peer;
        let frames = heard(&mut scene, peer, Duration::from_secs(8));
        assert_eq!(haves(&frames).len(), told, "{frames:?}");
    }
}
