//! Blocks that nobody would ask for any more.

use std::time::Duration;

use superseed_engine::{Command, Priority, Settings, TorrentOptions};
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
