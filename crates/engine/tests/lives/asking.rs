//! Blocks that nobody would ask for any more, and whom we want them of.

use std::time::Duration;

use superseed_engine::{Command, Input, Priority, Settings, StreamEnd, TorrentOptions};
use superseed_proto::layout::FileIndex;
use superseed_proto::wire::Message;

use crate::scene::{Scene, nothing, torrent};

#[test]
fn a_block_that_came_while_it_was_unwanted_is_asked_for_again() {
    let mut scene = Scene::new(Settings::default());
    let metainfo = torrent("a", 32_768, 2);
    let key = scene.add_open(&metainfo, TorrentOptions::default(), nothing(2));
    // No seed: we would close that as useless when nothing is wanted.
    let peer = scene.peer(&metainfo);
    scene.say(peer, &Message::HaveNone);
    scene.say(peer, &Message::Have(1));
    scene.say(peer, &Message::Unchoke);
    let asked = scene.take_asked(peer);
    assert_eq!(asked.len(), 2);
    let file = FileIndex(0);
    scene.command(Command::SetPriorities(key, vec![(file, Priority::Skip)]));
    for block in asked {
        scene.bring(peer, block);
    }
    scene.command(Command::SetPriorities(key, vec![(file, Priority::Normal)]));
    assert_eq!(scene.take_asked(peer).len(), 2);
}

#[test]
fn memory_that_one_torrent_gives_back_is_another_torrents_to_use() {
    let settings = Settings {
        piece_budget_bytes: 4 * 16_384,
        ..Settings::default()
    };
    let mut scene = Scene::new(settings);
    let (a, b) = (torrent("a", 65_536, 1), torrent("b", 65_536, 1));
    scene.add_open(&a, TorrentOptions::default(), nothing(1));
    scene.add_open(&b, TorrentOptions::default(), nothing(1));
    scene.serve_disk();
    let seed_of_a = scene.peer(&a);
    scene.say(seed_of_a, &Message::HaveAll);
    scene.say(seed_of_a, &Message::Unchoke);
    let asked = scene.take_asked(seed_of_a);
    assert_eq!(asked.len(), 4);
    let seed_of_b = scene.peer(&b);
    scene.say(seed_of_b, &Message::HaveAll);
    scene.say(seed_of_b, &Message::Unchoke);
    assert_eq!(scene.take_asked(seed_of_b).len(), 0);
    for block in asked {
        scene.bring(seed_of_a, block);
    }
    scene.serve_disk();
    scene.pass(Duration::from_secs(1));
    assert!(!scene.take_asked(seed_of_b).is_empty());
}

#[test]
fn the_blocks_of_a_peer_that_left_are_asked_of_another_at_once() {
    let settings = Settings {
        endgame: false,
        ..Settings::default()
    };
    let mut scene = Scene::new(settings);
    let metainfo = torrent("a", 65_536, 1);
    scene.add_open(&metainfo, TorrentOptions::default(), nothing(1));
    let [gone, other] = [(); 2].map(|()| {
        let peer = scene.peer(&metainfo);
        scene.say(peer, &Message::HaveAll);
        scene.say(peer, &Message::Unchoke);
        peer
    });
    let mut missing = scene.take_asked(gone);
    assert_eq!((missing.len(), scene.take_asked(other).len()), (4, 0));
    scene.bring(gone, missing.remove(0));
    let end = StreamEnd::Eof;
    scene.handle(Input::Closed { conn: gone, end });
    let mut again = scene.take_asked(other);
    again.sort_unstable();
    missing.sort_unstable();
    assert_eq!(again, missing);
}

#[test]
fn a_peer_is_told_of_our_interest_as_long_as_it_has_what_we_lack() {
    let interested = vec![0u8, 0, 0, 1, 2];
    let have_and_not_interested = vec![0u8, 0, 0, 5, 4, 0, 0, 0, 1, 0, 0, 0, 1, 3];
    let mut scene = Scene::new(Settings::default());
    let metainfo = torrent("a", 16_384, 3);
    scene.add_open(&metainfo, TorrentOptions::default(), nothing(3));
    let peer = scene.peer(&metainfo);
    scene.say(peer, &Message::HaveNone);
    assert_eq!(scene.streams.remove(&peer), None);
    scene.say(peer, &Message::Have(1));
    assert_eq!(scene.streams.remove(&peer), Some(interested.clone()));
    scene.say(peer, &Message::Unchoke);
    assert_eq!(scene.take_asked(peer), vec![(1, 0)]);
    scene.bring(peer, (1, 0));
    scene.serve_disk();
    let told = scene.streams.remove(&peer);
    assert_eq!(told, Some(have_and_not_interested));
    scene.say(peer, &Message::Choke);
    scene.say(peer, &Message::Have(2));
    assert_eq!(scene.streams.remove(&peer), Some(interested));
}
