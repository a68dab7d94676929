//! Two connections between the same two clients.

use superseed_engine::{Input, Settings, TorrentOptions};
use superseed_proto::PeerId;

use crate::scene::{Scene, nothing, torrent};

/// Both sides connect at once; which of the two connections stays?
fn incoming_stays(remote: PeerId) -> bool {
    let mut scene = Scene::new(Settings::default());
    let metainfo = torrent("a", 32_768, 2);
    let peers = vec![([10, 0, 9, 9], 6881).into()];
    let options = TorrentOptions {
        peers,
        ..TorrentOptions::default()
    };
    scene.add_open(&metainfo, options, nothing(2));
    let outgoing = scene.take_connects()[0];
    scene.handle(Input::Connected { conn: outgoing });
    scene.shake_hands(outgoing, &metainfo, remote);
    let incoming = scene.peer_with_id(&metainfo, remote);
    assert_ne!(scene.is_closed(outgoing), scene.is_closed(incoming));
    scene.is_closed(outgoing)
}

#[test]
fn of_two_connections_that_cross_both_sides_keep_that_of_the_greater_id() {
    // Our own id begins with a hyphen.
    assert!(incoming_stays(PeerId([b'~'; 20])));
    assert!(!incoming_stays(PeerId([b'!'; 20])));
}

#[test]
fn a_second_connection_in_the_same_direction_is_refused() {
    let mut scene = Scene::new(Settings::default());
    let metainfo = torrent("a", 32_768, 2);
    scene.add_open(&metainfo, TorrentOptions::default(), nothing(2));
    let first = scene.peer_with_id(&metainfo, PeerId([b'~'; 20]));
    let second = scene.peer_with_id(&metainfo, PeerId([b'~'; 20]));
    assert!(!scene.is_closed(first) && scene.is_closed(second));
}
