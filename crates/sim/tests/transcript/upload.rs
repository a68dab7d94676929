//! What a peer sees of an engine that serves.

use std::time::Duration;

use crate::scene::{BLOCK, FAST, PLAIN, Scene};
use superseed_sim::Frame;

#[test]
fn a_seed_offers_everything_and_answers_a_request_with_the_block() {
    let mut scene = Scene::seeding("a_seed_offers_everything");
    scene.connect(PLAIN);
    let (full, piece) = (scene.full_bitfield(), scene.block((3, BLOCK, BLOCK)));
    let mut wire = scene.wire();
    wire.expect(full)
        .send(Frame::Interested)
        .expect(Frame::Unchoke);
    wire.send(Frame::Request(3, BLOCK, BLOCK)).expect(piece);
}

#[test]
fn a_peer_with_the_fast_extension_gets_have_all_and_the_short_last_block() {
    let mut scene = Scene::seeding("a_peer_with_the_fast_extension_gets_have_all");
    scene.connect(FAST);
    let last = (7, 3 * BLOCK, BLOCK - 1_000);
    let piece = scene.block(last);
    let mut wire = scene.wire();
    wire.expect(Frame::HaveAll)
        .send(Frame::HaveNone)
        .send(Frame::Interested);
    wire.expect(Frame::Unchoke)
        .send(Frame::Request(last.0, last.1, last.2))
        .expect(piece);
}

#[test]
fn a_request_that_was_cancelled_is_rejected_or_answered_but_never_both() {
    let mut scene = Scene::seeding("a_request_that_was_cancelled");
    scene.connect(FAST);
    let mut wire = scene.wire();
    wire.send(Frame::HaveNone)
        .send(Frame::Interested)
        .expect(Frame::Unchoke);
    let mut bytes = Vec::new();
    for begin in [0, BLOCK, 2 * BLOCK] {
        Frame::Request(1, begin, BLOCK).encode(&mut bytes);
    }
    Frame::Cancel(1, 2 * BLOCK, BLOCK).encode(&mut bytes);
    wire.send_raw(bytes);
    let frames = wire.expect_none(Duration::from_secs(5), "nothing forbidden", |_| false);
    let answers = |begin: u32| {
        let fits = |frame: &&Frame| matches!(frame, Frame::Piece(1, at, _) | Frame::Reject(1, at, _) if *at == begin);
        frames.iter().filter(fits).count()
    };
    assert_eq!(
        [answers(0), answers(BLOCK), answers(2 * BLOCK)],
        [1, 1, 1],
        "{frames:?}"
    );
}

#[test]
fn a_request_while_choked_is_rejected_with_the_fast_extension_and_ignored_without() {
    let mut scene = Scene::seeding("a_request_while_choked");
    scene.connect(FAST);
    let mut wire = scene.wire();
    let request = Frame::Request(5, 0, BLOCK);
    wire.send(Frame::HaveNone).send(request.clone());
    wire.expect_some("a reject or the block of an allowed-fast piece", |frame| {
        matches!(frame, Frame::Reject(5, 0, BLOCK) | Frame::Piece(5, 0, _))
    });

    let mut scene = Scene::seeding("a_request_while_choked");
    scene.connect(PLAIN);
    let mut wire = scene.wire();
    wire.send(request);
    let answered = |frame: &Frame| matches!(frame, Frame::Reject(..) | Frame::Piece(..));
    wire.expect_none(Duration::from_secs(5), "an answer", answered);
    assert!(wire.is_up());
}

#[test]
fn a_request_beyond_its_piece_ends_the_connection() {
    for request in [
        (3, 4 * BLOCK, BLOCK),
        (8, 0, BLOCK),
        (3, 0, 200 << 10),
        (3, 3 * BLOCK + 1, BLOCK),
    ] {
        let mut scene = Scene::seeding("a_request_beyond_its_piece");
        scene.connect(PLAIN);
        let mut wire = scene.wire();
        wire.send(Frame::Interested).expect(Frame::Unchoke);
        wire.send(Frame::Request(request.0, request.1, request.2));
        wire.expect_end(Duration::from_secs(5));
    }
}

#[test]
fn a_peer_that_stops_reading_does_not_stop_another() {
    let mut scene = Scene::seeding("a_peer_that_stops_reading");
    let other = scene.world.add_script(superseed_sim::LinkSpec::default());
    scene.connect(PLAIN);
    scene.connect_as(other, PLAIN);
    for peer in [scene.peer, other] {
        scene
            .world
            .wire(peer, 0)
            .send(Frame::Interested)
            .expect(Frame::Unchoke);
    }
    scene.wire().set_deaf(true);
    for _ in 0..10 {
        for piece in 0..7 {
            for begin in [0, BLOCK, 2 * BLOCK, 3 * BLOCK] {
                scene.wire().send(Frame::Request(piece, begin, BLOCK));
            }
        }
    }
    let piece = scene.block((0, 0, BLOCK));
    scene
        .world
        .wire(other, 0)
        .send(Frame::Request(0, 0, BLOCK))
        .expect(piece);
}

#[test]
fn a_seed_closes_the_connection_to_a_seed() {
    let mut scene = Scene::seeding("a_seed_closes_the_connection_to_a_seed");
    scene.connect(PLAIN);
    let full = scene.full_bitfield();
    scene.wire().send(full).expect_end(Duration::from_secs(30));
}

/// Five peers want everything of a seed, which serves four; the first fetches a
/// quarter of a mebibyte. Tells whether it is choked within three seconds.
fn first_turn_ends(scene: &mut Scene) -> bool {
    let others = [(); 4].map(|()| scene.world.add_script(superseed_sim::LinkSpec::default()));
    scene.connect(PLAIN);
    scene.wire().send(Frame::Interested).expect(Frame::Unchoke);
    for other in others {
        scene.connect_as(other, PLAIN);
        scene.world.wire(other, 0).send(Frame::Interested);
    }
    scene.world.run_for(Duration::from_secs(2));
    for piece in 0..4 {
        for begin in [0, BLOCK, 2 * BLOCK, 3 * BLOCK] {
            let answer = scene.block((piece, begin, BLOCK));
            let mut wire = scene.wire();
            wire.send(Frame::Request(piece, begin, BLOCK))
                .expect(answer);
        }
    }
    let frames = scene
        .wire()
        .expect_none(Duration::from_secs(3), "nothing forbidden", |_| false);
    frames.contains(&Frame::Choke)
}

#[test]
fn while_a_seed_sends_the_first_copy_a_turn_ends_with_a_piece() {
    let mut scene = Scene::seeding("while_a_seed_sends_the_first_copy");
    assert!(first_turn_ends(&mut scene));
}

#[test]
fn where_the_peers_have_a_copy_together_a_seeds_turns_are_long() {
    let mut scene = Scene::seeding("where_the_peers_have_a_copy");
    let holders = [0..3, 3..8].map(|pieces| {
        let holder = scene.world.add_script(superseed_sim::LinkSpec::default());
        let pieces = scene.bitfield(pieces);
        scene.connect_as(holder, PLAIN);
        scene.world.wire(holder, 0).send(pieces);
        holder
    });
    assert!(!first_turn_ends(&mut scene));
    for holder in holders {
        assert!(scene.world.wire(holder, 0).is_up());
    }
}
