//! What a peer sees of an engine that downloads.

use std::time::Duration;

use crate::scene::{BLOCK, FAST, PLAIN, Scene, block, invite, offer, requests, serve};
use superseed_engine::{Settings, TorrentOptions};
use superseed_sim::{Frame, HostSpec, LinkSpec};

#[test]
fn an_engine_is_interested_asks_for_blocks_and_announces_the_piece() {
    let mut scene = Scene::leeching("an_engine_is_interested");
    scene.connect(PLAIN);
    let content = scene.content.clone();
    let only = scene.bitfield([4]);
    let mut wire = scene.wire();
    let asked = offer(&mut wire, only);
    let mut sorted = asked.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, content.blocks(4).collect::<Vec<_>>());
    for request in asked {
        wire.send(block(&content, request));
    }
    // BEP 3 leaves it open whether a peer that has the piece is told of it.
    wire.expect(Frame::NotInterested);
    let stats = scene.world.stats(scene.host, &scene.content);
    assert_eq!((stats.pieces_have, stats.wasted_bytes), (1, 0));
}

#[test]
fn a_late_bitfield_counts_as_haves() {
    let mut scene = Scene::leeching("a_late_bitfield_counts_as_haves");
    scene.connect(PLAIN);
    let (first, late) = (scene.bitfield([]), scene.bitfield([3]));
    let mut wire = scene.wire();
    wire.send(first).send(late.clone());
    wire.expect(Frame::Interested).send(Frame::Unchoke);
    let asked = requests(&mut wire);
    assert!(asked.iter().all(|(piece, _, _)| *piece == 3), "{asked:?}");
    // The same once more changes nothing.
    wire.send(late);
    assert!(requests(&mut wire).is_empty());
}

#[test]
fn a_peer_with_nothing_new_is_told_of_each_piece() {
    let mut scene = Scene::leeching("a_peer_with_nothing_new");
    let other = scene.world.add_script(LinkSpec::default());
    scene.connect(PLAIN);
    scene.connect_as(other, PLAIN);
    let content = scene.content.clone();
    let only = scene.bitfield([2]);
    let mut wire = scene.wire();
    serve(&mut wire, &content, only);
    scene.world.wire(other, 0).expect(Frame::Have(2));
}

#[test]
fn a_peer_that_has_the_piece_is_told_of_it_with_the_next_message_or_a_second_later() {
    for talks in [false, true] {
        let mut scene = Scene::leeching("a_peer_that_has_the_piece_is_told_of_it");
        let other = scene.world.add_script(LinkSpec::default());
        scene.connect(PLAIN);
        scene.connect_as(other, PLAIN);
        let content = scene.content.clone();
        let (only, more) = (scene.bitfield([2]), scene.bitfield([2, 3]));
        scene.world.wire(other, 0).send(more);
        let mut wire = scene.wire();
        serve(&mut wire, &content, only);
        wire.expect(Frame::NotInterested);
        let begun = scene.world.now();
        let mut wire = scene.world.wire(other, 0);
        if talks {
            wire.send(Frame::Unchoke);
        }
        let is_have = |frame: &Frame| *frame == Frame::Have(2);
        let patience = Duration::from_secs(2);
        let (at, _) = wire.expect_within(patience, "HAVE", is_have);
        let waited = at.since(begun) > Duration::from_millis(900);
        assert_eq!(waited, !talks, "told after {:?}", at.since(begun));
    }
}

#[test]
fn only_missing_blocks_are_asked_for_again_after_a_choke_without_the_fast_extension() {
    let mut scene = Scene::leeching("only_missing_blocks_are_asked_for_again");
    scene.connect(PLAIN);
    let content = scene.content.clone();
    let only = scene.bitfield([1]);
    let mut wire = scene.wire();
    let asked = offer(&mut wire, only);
    assert_eq!(asked.len(), 4);
    wire.send(block(&content, asked[0]))
        .send(block(&content, asked[1]));
    wire.send(Frame::Choke);
    let choked = requests(&mut wire);
    assert!(choked.is_empty(), "asked while choked: {choked:?}");
    wire.send(Frame::Unchoke);
    let mut again = requests(&mut wire);
    again.sort_unstable();
    let mut missing = asked[2..].to_vec();
    missing.sort_unstable();
    assert_eq!(again, missing);
}

#[test]
fn a_block_that_was_rejected_is_asked_of_another_peer() {
    let mut scene = Scene::leeching("a_block_that_was_rejected");
    let other = scene.world.add_script(LinkSpec::default());
    scene.connect(FAST);
    let content = scene.content.clone();
    let only = scene.bitfield([6]);
    let mut wire = scene.wire();
    let asked = offer(&mut wire, only.clone());
    assert_eq!(asked.len(), 4);
    for (piece, begin, len) in &asked[1..] {
        wire.send(Frame::Reject(*piece, *begin, *len));
    }
    wire.send(block(&content, asked[0])).send(Frame::Choke);
    // What crossed the choke is given up after two seconds.
    scene.world.run_for(Duration::from_secs(3));
    scene.connect_as(other, FAST);
    let mut wire = scene.world.wire(other, 0);
    let mut again = offer(&mut wire, only);
    again.sort_unstable();
    let mut rejected = asked[1..].to_vec();
    rejected.sort_unstable();
    assert_eq!(again, rejected);
}

#[test]
fn a_peer_that_rejects_everything_is_not_asked_in_a_storm() {
    let mut scene = Scene::leeching("a_peer_that_rejects_everything");
    scene.connect(FAST);
    let mut wire = scene.wire();
    invite(&mut wire, Frame::HaveAll);
    let mut asked = 0;
    for _ in 0..200 {
        let frames = wire.expect_none(Duration::from_millis(50), "nothing forbidden", |_| false);
        for frame in frames {
            if let Frame::Request(piece, begin, len) = frame {
                asked += 1;
                wire.send(Frame::Reject(piece, begin, len));
            }
        }
    }
    // Each of the 32 blocks once, and a few again in ten seconds.
    assert!(asked <= 200, "{asked} requests in ten seconds");
}

#[test]
fn a_peer_that_gives_nothing_loses_its_blocks_to_one_that_does() {
    let mut scene = Scene::leeching("a_peer_that_gives_nothing");
    let other = scene.world.add_script(LinkSpec::default());
    scene.connect(PLAIN);
    let content = scene.content.clone();
    let only = scene.bitfield([6]);
    let mut wire = scene.wire();
    assert_eq!(offer(&mut wire, only.clone()).len(), 4);
    scene.connect_as(other, PLAIN);
    scene
        .world
        .wire(other, 0)
        .send(only)
        .expect(Frame::Interested)
        .send(Frame::Unchoke);
    for _ in 0..4 {
        let is_request = |frame: &Frame| matches!(frame, Frame::Request(..));
        let mut wire = scene.world.wire(other, 0);
        let (_, frame) = wire.expect_within(Duration::from_secs(90), "a request", is_request);
        if let Frame::Request(piece, begin, len) = frame {
            wire.send(block(&content, (piece, begin, len)));
        }
    }
    scene.world.run_for(Duration::from_secs(1));
    assert_eq!(scene.world.stats(scene.host, &content).pieces_have, 1);
}

#[test]
fn what_was_cancelled_holds_its_place_until_a_fast_peer_answers() {
    let mut scene = Scene::leeching("what_was_cancelled_holds_its_place");
    scene.connect(FAST);
    let content = scene.content.clone();
    let mut wire = scene.wire();
    let asked = offer(&mut wire, Frame::HaveAll);
    let (kept, cancelled) = asked.split_first().unwrap();
    let is_cancel = |frame: &Frame| matches!(frame, Frame::Cancel(..));
    for _ in cancelled {
        wire.expect_within(Duration::from_secs(90), "a cancel", is_cancel);
    }
    wire.send(block(&content, *kept));
    assert!(requests(&mut wire).is_empty(), "its window is still full");
    for &(piece, begin, len) in cancelled {
        wire.send(Frame::Reject(piece, begin, len));
    }
    assert!(!requests(&mut wire).is_empty());
}

#[test]
fn the_end_of_a_download_asks_twice_and_cancels() {
    let mut scene = Scene::leeching("the_end_of_a_download_asks_twice");
    let other = scene.world.add_script(LinkSpec::default());
    scene.connect(PLAIN);
    scene.connect_as(other, PLAIN);
    let content = scene.content.clone();
    let full = scene.full_bitfield();
    // The first peer serves everything but two blocks.
    let mut wire = scene.wire();
    invite(&mut wire, full.clone());
    let mut kept = Vec::new();
    loop {
        let asked = requests(&mut wire);
        if asked.is_empty() {
            break;
        }
        for request in asked {
            if request.0 == 5 && request.1 < 2 * BLOCK {
                kept.push(request);
            } else {
                wire.send(block(&content, request));
            }
        }
    }
    assert_eq!(kept.len(), 2);
    let mut wire = scene.world.wire(other, 0);
    invite(&mut wire, full);
    for _ in 0..2 {
        let frame = wire.expect_some("a request", |frame| matches!(frame, Frame::Request(5, ..)));
        if let Frame::Request(piece, begin, len) = frame {
            wire.send(block(&content, (piece, begin, len)));
        }
    }
    let mut wire = scene.wire();
    for (piece, begin, len) in kept {
        // The order of the cancels is free.
        let _ = (begin, len);
        wire.expect_some(
            "a cancel",
            |frame| matches!(frame, Frame::Cancel(at, ..) if *at == piece),
        );
    }
    assert!(scene.world.finished(scene.host, &content));
    assert_eq!(scene.world.stats(scene.host, &content).wasted_bytes, 0);
}

/// A peer that answers each request after so long, one after the other.
struct Paced {
    wire: (superseed_sim::ScriptId, usize),
    block_ms: u64,
    busy_until: Duration,
    owed: Vec<(u32, u32, u32)>,
}

#[test]
fn a_fast_peer_takes_over_what_a_slow_one_would_bring_later_and_no_block_is_asked_of_three() {
    let mut scene = Scene::leeching("a_fast_peer_takes_over");
    let content = scene.content.clone();
    let full = scene.full_bitfield();
    let mut peers: Vec<Paced> = Vec::new();
    for block_ms in [400, 400, 10] {
        let script = scene.world.add_script(LinkSpec::default());
        let conn = scene.connect_as(script, PLAIN);
        let mut wire = scene.world.wire(script, conn);
        invite(&mut wire, full.clone());
        peers.push(Paced {
            wire: (script, conn),
            block_ms,
            busy_until: Duration::ZERO,
            owed: Vec::new(),
        });
    }
    // For each block, who has it asked of it now; and what was taken from whom.
    let mut asked = std::collections::BTreeMap::<_, Vec<usize>>::new();
    let mut taken_over = 0;
    let mut cancelled = std::collections::BTreeSet::new();
    while !scene.world.finished(scene.host, &content) {
        assert!(scene.world.elapsed() < Duration::from_secs(60));
        let now = scene.world.elapsed();
        for (at, peer) in peers.iter_mut().enumerate() {
            let (script, conn) = peer.wire;
            let mut wire = scene.world.wire(script, conn);
            for frame in wire.expect_none(Duration::from_millis(1), "nothing forbidden", |_| false)
            {
                match frame {
                    Frame::Request(piece, begin, len) => {
                        let holders = asked.entry((piece, begin)).or_default();
                        holders.push(at);
                        assert!(holders.len() <= 2, "asked of {holders:?}");
                        taken_over += u32::from(at == 2 && cancelled.contains(&(piece, begin)));
                        peer.owed.push((piece, begin, len));
                    }
                    Frame::Cancel(piece, begin, _) => {
                        let holders = asked.entry((piece, begin)).or_default();
                        holders.retain(|holder| *holder != at);
                        peer.owed.retain(|owed| (owed.0, owed.1) != (piece, begin));
                        cancelled.insert((piece, begin));
                    }
                    _ => {}
                }
            }
            if now >= peer.busy_until && !peer.owed.is_empty() {
                wire.send(block(&content, peer.owed.remove(0)));
                peer.busy_until = now + Duration::from_millis(peer.block_ms);
            }
        }
    }
    assert!(taken_over > 0, "nothing was taken from the slow");
    // What crossed its CANCEL may come twice, no more.
    let wasted = scene.world.stats(scene.host, &content).wasted_bytes;
    assert!(wasted <= 2 * u64::from(BLOCK), "{wasted} bytes came twice");
}

#[test]
fn a_seed_that_shows_one_piece_at_a_time_hears_of_each_at_once() {
    let mut scene = Scene::leeching("a_seed_that_shows_one_piece_at_a_time");
    let other = scene.world.add_script(LinkSpec::default());
    scene.connect(PLAIN);
    scene.connect_as(other, PLAIN);
    let content = scene.content.clone();
    let (second, both) = (scene.bitfield([1]), scene.bitfield([0, 1]));
    // Another owes the second piece, so we stay interested and ask for nothing
    // more: no message takes the HAVE along.
    let owed = offer(&mut scene.world.wire(other, 0), second);
    assert_eq!(owed.len(), 4);
    let mut wire = scene.wire();
    let asked = offer(&mut wire, both);
    assert!(asked.iter().all(|(piece, ..)| *piece == 0), "{asked:?}");
    for request in asked {
        wire.send(block(&content, request));
    }
    let patience = Duration::from_millis(300);
    wire.expect_within(patience, "HAVE", |frame| *frame == Frame::Have(0));
}

#[test]
fn a_length_of_four_gibibytes_ends_the_connection_at_once() {
    let mut scene = Scene::leeching("a_length_of_four_gibibytes");
    scene.connect(PLAIN);
    let mut wire = scene.wire();
    wire.send_raw(vec![0xff, 0xff, 0xff, 0xff, 7]);
    wire.expect_end(Duration::from_secs(1));
}

#[test]
fn wrong_pieces_bitfields_and_fast_messages_end_the_connection() {
    let sins = [
        Frame::Have(8),
        Frame::Bitfield(vec![0xff, 0x80].into()),
        Frame::Bitfield(vec![].into()),
        Frame::HaveAll,
        Frame::Reject(0, 0, BLOCK),
    ];
    for sin in sins {
        let mut scene = Scene::leeching("wrong_pieces_bitfields_and_fast_messages");
        scene.connect(PLAIN);
        let mut wire = scene.wire();
        wire.send(sin);
        wire.expect_end(Duration::from_secs(5));
    }
}

#[test]
fn a_download_under_a_rate_limit_keeps_to_it() {
    let mut settings = Settings::default();
    settings.limits.download_bytes_per_s = Some(20_000);
    let spec = HostSpec {
        settings,
        ..HostSpec::default()
    };
    let mut scene = Scene::leeching_as("a_download_under_a_rate_limit", spec);
    let seed = scene.world.add_host(HostSpec::default());
    let content = scene.content.clone();
    scene
        .world
        .add_seed(seed, &content, TorrentOptions::default());
    let addr = scene.world.addr(seed);
    scene.world.introduce(scene.host, &content, addr);
    scene.world.run_for(Duration::from_secs(20));
    let got = scene
        .world
        .stats(scene.host, &content)
        .session_downloaded_bytes;
    assert!(
        (340_000..440_000).contains(&got),
        "{got} bytes in 20 s at 20,000 B/s"
    );
}
