//! Peers and trackers that would have the engine hold, read or wait for more
//! than is good for it.

use std::time::Duration;

use superseed_engine::limits::{PEERS_PER_ANSWER_MAX, READS_PER_PEER_MAX};
use superseed_engine::{Action, ConnKey, DiskOp, Input, Settings, TorrentOptions};
use superseed_proto::bencode::Encoder;
use superseed_proto::metainfo::Metainfo;
use superseed_proto::wire::{Message, encode_piece_header};
use superseed_proto::{BLOCK_LEN, PeerId};

use crate::scene::{Scene, everything, hello, nothing, torrent};

const PIECE_LEN: u32 = 256 << 10;

fn request(piece: u32, begin: u32, len: u32) -> Message<'static> {
    Message::Request { piece, begin, len }
}

/// A scene with a seed, and a peer that has a slot.
fn served(pieces: u32) -> (Scene, ConnKey) {
    let mut scene = Scene::new(Settings::default());
    let metainfo = torrent("a", PIECE_LEN, pieces);
    scene.add_open(&metainfo, TorrentOptions::default(), everything(pieces));
    let peer = scene.peer(&metainfo);
    scene.say(peer, &Message::HaveNone);
    scene.say(peer, &Message::Interested);
    scene.pass(Duration::from_secs(2));
    (scene, peer)
}

fn reads(scene: &Scene) -> usize {
    let jobs = scene.jobs.iter();
    jobs.filter(|job| matches!(job.op, DiskOp::Read { .. }))
        .count()
}

#[test]
fn requests_and_cancels_in_turns_do_not_start_reads_without_end() {
    let (mut scene, peer) = served(64);
    for piece in 0..64 {
        scene.say(peer, &request(piece, 0, BLOCK_LEN));
        scene.say(
            peer,
            &Message::Cancel {
                piece,
                begin: 0,
                len: BLOCK_LEN,
            },
        );
    }
    assert!((1..=READS_PER_PEER_MAX).contains(&reads(&scene)));
    // The reads that it waited for are over: it is served again.
    scene.serve_disk();
    scene.say(peer, &request(63, 0, BLOCK_LEN));
    assert_eq!(reads(&scene), 1);
}

#[test]
fn single_bytes_from_all_over_a_torrent_keep_few_runs_in_memory() {
    let (mut scene, peer) = served(64);
    scene.is_deaf = true;
    for piece in 0..64 {
        scene.say(peer, &request(piece, 0, 1));
        scene.serve_disk();
    }
    let held = scene.engine.holdings().of_one_peer;
    assert!((1..=3).contains(&held.runs), "{held:?}");
    scene.is_deaf = false;
    scene.flush(peer);
    scene.serve_disk();
    assert_eq!(scene.engine.holdings().of_one_peer.requests_in, 0);
}

#[test]
fn a_peer_that_reads_nothing_for_three_minutes_is_dropped() {
    let (mut scene, peer) = served(64);
    scene.is_deaf = true;
    scene.say(peer, &request(0, 0, BLOCK_LEN));
    scene.serve_disk();
    for _ in 0..2 {
        scene.pass(Duration::from_secs(80));
        scene.hear(peer, &[0; 4]);
    }
    assert!(!scene.is_closed(peer));
    for _ in 0..2 {
        scene.pass(Duration::from_secs(80));
        scene.hear(peer, &[0; 4]);
    }
    assert!(scene.is_closed(peer));
}

/// A peer connects; gives the pieces that it is allowed while it is choked.
fn newcomer(scene: &mut Scene, metainfo: &Metainfo, stranger: u8) -> (ConnKey, Vec<u32>) {
    let peer = scene.connect_as(stranger);
    scene.hear(peer, &hello(metainfo, PeerId([stranger; 20])));
    let stream = scene.streams.remove(&peer).unwrap_or_default();
    let mut messages = &stream[68..];
    let mut pieces = Vec::new();
    while let Some((len, rest)) = messages.split_first_chunk() {
        let (message, rest) = rest.split_at(u32::from_be_bytes(*len) as usize);
        if let [0x11, piece @ ..] = message {
            pieces.push(u32::from_be_bytes(piece.try_into().unwrap()));
        }
        messages = rest;
    }
    (peer, pieces)
}

#[test]
fn what_is_allowed_to_the_choked_ends_and_coming_again_does_not_renew_it() {
    let mut scene = Scene::new(Settings::default());
    let metainfo = torrent("a", PIECE_LEN, 64);
    scene.add_open(&metainfo, TorrentOptions::default(), everything(64));
    let (peer, pieces) = newcomer(&mut scene, &metainfo, 1);
    assert_eq!(pieces.len(), 5);
    for _ in 0..50 {
        for begin in (0..PIECE_LEN).step_by(BLOCK_LEN as usize) {
            scene.say(peer, &request(pieces[0], begin, BLOCK_LEN));
            scene.serve_disk();
        }
    }
    let taken = scene.taken[&peer] as u32;
    assert!((10 * PIECE_LEN..11 * PIECE_LEN).contains(&taken), "{taken}");
    assert!(scene.is_closed(peer), "it asked on");
    let (_, pieces) = newcomer(&mut scene, &metainfo, 1);
    assert!(pieces.is_empty());
}

#[test]
fn four_newcomers_at_a_time_are_allowed_pieces_while_they_are_choked() {
    let mut scene = Scene::new(Settings::default());
    let metainfo = torrent("a", BLOCK_LEN, 64);
    scene.add_open(&metainfo, TorrentOptions::default(), everything(64));
    let allowed = |scene: &mut Scene, stranger| newcomer(scene, &metainfo, stranger);
    let (first, pieces) = allowed(&mut scene, 1);
    for stranger in 2..=4 {
        assert_eq!(allowed(&mut scene, stranger).1.len(), 5);
    }
    assert!(
        allowed(&mut scene, 5).1.is_empty(),
        "a crowd shares no line"
    );
    for piece in pieces {
        scene.say(first, &request(piece, 0, BLOCK_LEN));
        scene.serve_disk();
    }
    assert_eq!(
        allowed(&mut scene, 6).1.len(),
        5,
        "the first has its pieces"
    );
    assert!(allowed(&mut scene, 7).1.is_empty());
    scene.pass(Duration::from_secs(61));
    assert_eq!(allowed(&mut scene, 8).1.len(), 5, "they do not want theirs");
}

#[test]
fn a_block_that_comes_a_byte_at_a_time_is_asked_of_another() {
    let settings = Settings {
        endgame: false,
        ..Settings::default()
    };
    let mut scene = Scene::new(settings);
    let metainfo = torrent("a", BLOCK_LEN, 1);
    scene.add_open(&metainfo, TorrentOptions::default(), nothing(1));
    let [slow, good] = [(); 2].map(|()| scene.peer(&metainfo));
    for peer in [slow, good] {
        scene.say(peer, &Message::HaveAll);
    }
    scene.say(slow, &Message::Unchoke);
    assert_eq!(scene.take_asked(slow), [(0, 0)]);
    let mut head = Vec::new();
    encode_piece_header(0, 0, BLOCK_LEN, &mut head);
    scene.hear(slow, &head);
    scene.say(good, &Message::Unchoke);
    let mut waited = 0;
    while scene.take_asked(good).is_empty() {
        scene.pass(Duration::from_secs(1));
        scene.hear(slow, &[7]);
        waited += 1;
        assert!(waited < 30, "nobody else is asked");
    }
}

#[test]
fn the_last_block_is_asked_of_one_who_answers_whoever_else_was_asked_for_it() {
    let mut scene = Scene::new(Settings::default());
    let metainfo = torrent("a", BLOCK_LEN, 1);
    scene.add_open(&metainfo, TorrentOptions::default(), nothing(1));
    let silent = [(); 4].map(|()| scene.peer(&metainfo));
    for peer in silent {
        scene.say(peer, &Message::HaveAll);
        scene.say(peer, &Message::Unchoke);
    }
    // All of them are snubbed by now, and asked again once in a minute.
    for _ in 0..5 {
        scene.pass(Duration::from_secs(30));
        for peer in silent {
            scene.hear(peer, &[0; 4]);
        }
    }
    let good = scene.peer(&metainfo);
    scene.say(good, &Message::HaveAll);
    scene.say(good, &Message::Unchoke);
    assert_eq!(scene.take_asked(good), [(0, 0)]);
}

#[test]
fn a_tracker_names_no_more_peers_than_it_was_asked_for() {
    let mut scene = Scene::new(Settings::default());
    let metainfo = torrent("a", BLOCK_LEN, 1);
    let options = TorrentOptions {
        trackers: vec!["http://tracker.test/announce".to_owned()],
        ..TorrentOptions::default()
    };
    scene.add_open(&metainfo, options, nothing(1));
    scene.pass(Duration::from_secs(1));
    let announces = scene.actions.iter().find_map(|action| match action {
        Action::HttpAnnounce(announce) => Some(announce.announce),
        _ => None,
    });
    let peers: Vec<u8> = (0..5_000_u32)
        .flat_map(|number| {
            let ip = (0x0b00_0000 + number).to_be_bytes();
            [ip[0], ip[1], ip[2], ip[3], 26, 225]
        })
        .collect();
    let body = Encoder::dict(|dict| {
        dict.int("interval", 60);
        dict.bytes("peers", peers);
    });
    scene.handle(Input::AnnounceDone {
        announce: announces.expect("an announce is due"),
        result: Ok(&body),
    });
    let known = scene.engine.holdings().of_one_torrent.candidates;
    assert_eq!(known, PEERS_PER_ANSWER_MAX);
}
