//! Extension messages (BEP 9, 10, 21, 54): what is told, what is heard, what is
//! a fault.

use std::time::Duration;

use bytes::Bytes;
use superseed_proto::wire::{
    DontHave, ExtendedHandshake, ExtensionIds, METADATA_BLOCK_LEN, MetadataMessage, UploadOnly,
};
use superseed_sim::{ContentSpec, Frame, HostSpec, LinkSpec, Split, Wire, World};

use crate::scene::{BLOCK, Scene, invite, requests};

/// Reserved bytes of a peer that speaks BEP 10.
const EXTENDED: [u8; 8] = [0, 0, 0, 0, 0, 0x10, 0, 0];
/// The same with BEP 6.
const EXTENDED_FAST: [u8; 8] = [0, 0, 0, 0, 0, 0x10, 0, 4];

/// The handshake of a peer that takes these messages.
fn handshake(m: ExtensionIds) -> Frame {
    let handshake = ExtendedHandshake {
        m,
        ..ExtendedHandshake::default()
    };
    Frame::Extended(0, handshake.encode().into())
}

/// The extension handshake of the engine.
fn heard(wire: &mut Wire<'_>) -> ExtendedHandshake {
    let is = |frame: &Frame| matches!(frame, Frame::Extended(0, _));
    let Frame::Extended(_, payload) = wire.expect_some("its extension handshake", is) else {
        unreachable!("it was looked for");
    };
    ExtendedHandshake::decode(&payload).unwrap()
}

fn lost(id: u8, piece: u32) -> Frame {
    Frame::Extended(id, Bytes::copy_from_slice(&DontHave { piece }.encode()))
}

fn ask(id: u8, piece: u32) -> Frame {
    Frame::Extended(id, MetadataMessage::Request { piece }.encode().into())
}

/// Asks for a block of metadata, and takes the answer.
fn fetch(wire: &mut Wire<'_>, id: u8, piece: u32) -> (u32, Option<u32>, Bytes) {
    wire.send(ask(id, piece));
    let is = |frame: &Frame| matches!(frame, Frame::Extended(9, _));
    let Frame::Extended(_, payload) = wire.expect_some("a block of metadata", is) else {
        unreachable!("it was looked for");
    };
    match MetadataMessage::decode(&payload).unwrap() {
        MetadataMessage::Data {
            piece,
            total_len,
            block,
        } => (piece, total_len, Bytes::copy_from_slice(block)),
        other => panic!("{other:?} instead of a block"),
    }
}

/// Ids of the engine, and our own for metadata is 9.
fn meet(scene: &mut Scene, reserved: [u8; 8]) -> ExtendedHandshake {
    scene.connect(reserved);
    let mut wire = scene.wire();
    let theirs = heard(&mut wire);
    wire.send(handshake(ExtensionIds {
        ut_metadata: Some(9),
        upload_only: Some(8),
        ..ExtensionIds::default()
    }));
    theirs
}

#[test]
fn a_seed_offers_its_metadata_and_serves_it() {
    let mut scene = Scene::seeding("a_seed_offers_its_metadata");
    let raw = scene.content.metainfo().raw_info.clone();
    let theirs = meet(&mut scene, EXTENDED_FAST);
    assert_eq!(theirs.metadata_size, Some(raw.len() as u32));
    let id = theirs.m.ut_metadata.unwrap();
    let (piece, total, block) = fetch(&mut scene.wire(), id, 0);
    assert_eq!((piece, total), (0, Some(raw.len() as u32)));
    assert_eq!(block, raw);
}

#[test]
fn who_asks_for_metadata_without_end_is_rejected() {
    let mut scene = Scene::seeding("who_asks_for_metadata_without_end");
    let theirs = meet(&mut scene, EXTENDED);
    let id = theirs.m.ut_metadata.unwrap();
    let mut wire = scene.wire();
    for _ in 0..3 {
        fetch(&mut wire, id, 0);
    }
    wire.send(ask(id, 0));
    let reject = MetadataMessage::Reject { piece: 0 }.encode();
    wire.expect(Frame::Extended(9, reject.into()));
    assert!(wire.is_up());
}

#[test]
fn long_metadata_comes_whole_in_whatever_order_it_is_asked_for() {
    // 20 bytes of hashes for each of 4,000 pieces: five blocks.
    let content = ContentSpec::new(4_000 * 1_024, 1_024).make(7);
    let mut world = World::new(7, "cargo test -p superseed-sim long_metadata");
    let host = world.add_host(HostSpec {
        split: Split::UpTo(5_000),
        ..HostSpec::default()
    });
    let peer = world.add_script(LinkSpec::default());
    world.add_seed(host, &content, superseed_engine::TorrentOptions::default());
    world.run_for(Duration::from_secs(1));
    let conn = world.script_connect(peer, host);
    world.wire(peer, conn).shake_hands(&content, EXTENDED);
    let mut wire = world.wire(peer, conn);
    let id = heard(&mut wire).m.ut_metadata.unwrap();
    wire.send(handshake(ExtensionIds {
        ut_metadata: Some(9),
        ..ExtensionIds::default()
    }));
    let raw = content.metainfo().raw_info.clone();
    let blocks = (raw.len() as u32).div_ceil(METADATA_BLOCK_LEN);
    assert_eq!(blocks, 5);
    let mut got = vec![Bytes::new(); blocks as usize];
    for piece in (0..blocks).rev() {
        let (piece, _, block) = fetch(&mut wire, id, piece);
        got[piece as usize] = block;
    }
    assert_eq!(got.concat(), raw);
}

#[test]
fn metadata_past_its_end_and_messages_that_cannot_be_read_end_the_connection() {
    let bad = |id: fn(&ExtensionIds) -> Option<u8>, payload: Bytes| (id, payload);
    let metadata: fn(&ExtensionIds) -> Option<u8> = |ids| ids.ut_metadata;
    for (id, payload) in [
        bad(
            metadata,
            MetadataMessage::Request { piece: 1 }.encode().into(),
        ),
        bad(
            metadata,
            MetadataMessage::Request { piece: u32::MAX }.encode().into(),
        ),
        bad(metadata, Bytes::from_static(b"i1e")),
        bad(|ids| ids.upload_only, Bytes::from_static(b"yes")),
        bad(|ids| ids.lt_donthave, Bytes::from_static(b"\0")),
        bad(|ids| ids.lt_donthave, Bytes::from_static(b"\0\0\0\x08")),
    ] {
        let mut scene = Scene::seeding("metadata_past_its_end");
        let theirs = meet(&mut scene, EXTENDED);
        let mut wire = scene.wire();
        wire.send(Frame::Extended(id(&theirs.m).unwrap(), payload));
        wire.expect_end(Duration::from_secs(5));
    }
}

#[test]
fn what_was_not_offered_is_passed_over_and_so_is_what_comes_before_the_handshake() {
    let mut scene = Scene::seeding("what_was_not_offered");
    scene.connect(EXTENDED);
    let mut wire = scene.wire();
    let theirs = heard(&mut wire);
    wire.send(Frame::Extended(200, Bytes::from_static(b"anything")));
    wire.send(ask(theirs.m.ut_metadata.unwrap(), 0));
    wire.expect_none(Duration::from_secs(1), "nothing extended", |frame| {
        matches!(frame, Frame::Extended(..))
    });
    assert!(wire.is_up());
}

#[test]
fn ids_of_the_second_handshake_replace_those_of_the_first() {
    let mut scene = Scene::seeding("ids_of_the_second_handshake");
    let theirs = meet(&mut scene, EXTENDED);
    let mut wire = scene.wire();
    wire.send(handshake(ExtensionIds {
        ut_metadata: Some(77),
        ..ExtensionIds::default()
    }));
    wire.send(ask(theirs.m.ut_metadata.unwrap(), 0));
    wire.expect_some("a block under the new id", |frame| {
        matches!(frame, Frame::Extended(77, _))
    });
}

#[test]
fn a_peer_that_loses_a_piece_is_not_asked_for_it() {
    let mut scene = Scene::leeching("a_peer_that_loses_a_piece");
    let all = scene.full_bitfield();
    let theirs = meet(&mut scene, EXTENDED);
    let id = theirs.m.lt_donthave.unwrap();
    let mut wire = scene.wire();
    wire.send(all);
    for piece in 1..8 {
        wire.send(lost(id, piece));
    }
    wire.expect(Frame::Interested).send(Frame::Unchoke);
    let asked = requests(&mut wire);
    assert_eq!(asked.len(), 4);
    assert!(asked.iter().all(|(piece, ..)| *piece == 0), "{asked:?}");
    // It ends with the last piece.
    wire.send(lost(id, 0)).expect(Frame::NotInterested);
}

#[test]
fn what_it_owed_comes_back_without_fast() {
    let mut scene = Scene::leeching("what_it_owed_comes_back");
    let one = scene.bitfield([3]);
    let theirs = meet(&mut scene, EXTENDED);
    let id = theirs.m.lt_donthave.unwrap();
    let mut wire = scene.wire();
    invite(&mut wire, one);
    assert_eq!(requests(&mut wire).len(), 4);
    wire.send(lost(id, 3)).expect(Frame::NotInterested);
    wire.send(Frame::Have(3)).expect(Frame::Interested);
    let again = requests(&mut wire);
    assert_eq!(again.len(), 4, "all of it is asked for again: {again:?}");
}

#[test]
fn with_fast_its_requests_come_back_by_reject() {
    let mut scene = Scene::leeching("with_fast_its_requests");
    let one = scene.bitfield([3]);
    let theirs = meet(&mut scene, EXTENDED_FAST);
    let id = theirs.m.lt_donthave.unwrap();
    let mut wire = scene.wire();
    invite(&mut wire, one);
    let asked = requests(&mut wire);
    assert_eq!(asked.len(), 4);
    wire.send(lost(id, 3)).expect(Frame::NotInterested);
    wire.send(Frame::Have(3)).expect(Frame::Interested);
    assert_eq!(requests(&mut wire), [], "they are still with the peer");
    for (piece, begin, len) in asked {
        wire.send(Frame::Reject(piece, begin, len));
    }
    assert_eq!(requests(&mut wire).len(), 4);
}

#[test]
fn a_partial_seed_says_so_when_it_becomes_one_and_when_it_wants_more() {
    use superseed_engine::{Command, Priority};
    use superseed_proto::layout::FileIndex;

    let mut world = World::new(7, "cargo test -p superseed-sim a_partial_seed_says_so");
    let content = ContentSpec::new(4 * BLOCK as usize, BLOCK).make(7);
    let host = world.add_host(HostSpec::default());
    let peer = world.add_script(LinkSpec::default());
    world.add_torrent(host, &content, superseed_engine::TorrentOptions::default());
    world.run_for(Duration::from_secs(1));
    let conn = world.script_connect(peer, host);
    world.wire(peer, conn).shake_hands(&content, EXTENDED);
    let mut wire = world.wire(peer, conn);
    heard(&mut wire);
    wire.send(handshake(ExtensionIds {
        upload_only: Some(8),
        ..ExtensionIds::default()
    }));
    world.run_for(Duration::from_secs(1));
    for (priority, is_on) in [(Priority::Skip, true), (Priority::Normal, false)] {
        let key = world.torrent_key(host, &content);
        let file = vec![(FileIndex(0), priority)];
        world.command(host, Command::SetPriorities(key, file));
        let said = Bytes::copy_from_slice(&UploadOnly { is_on }.encode());
        world.wire(peer, conn).expect(Frame::Extended(8, said));
    }
}
