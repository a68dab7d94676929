//! Whom the user's blocklists name: nobody speaks with them, from the moment on
//! that they are named.

use core::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use superseed_engine::filter::{Filter, FilterBuilder};
use superseed_engine::{
    Action, AddTorrent, Command, EventKind, Input, ListenerId, Settings, Ticket, TorrentOptions,
    TorrentSource,
};
use superseed_proto::blocklist::AddrRange;

use crate::scene::{Scene, everything, nothing, torrent};

pub(crate) fn filter(first: &str, last: &str) -> Arc<Filter> {
    let mut builder = FilterBuilder::new();
    let range = AddrRange::new(first.parse().unwrap(), last.parse().unwrap()).unwrap();
    builder.block(range).unwrap();
    Arc::new(builder.build())
}

fn options(peers: &[&str], trackers: &[&str]) -> TorrentOptions {
    TorrentOptions {
        peers: peers.iter().map(|peer| peer.parse().unwrap()).collect(),
        trackers: trackers.iter().map(|&url| url.to_owned()).collect(),
        ..TorrentOptions::default()
    }
}

fn connects(scene: &Scene) -> Vec<SocketAddr> {
    let remotes = scene.actions.iter().filter_map(|action| match action {
        Action::Connect { remote, .. } => Some(*remote),
        _ => None,
    });
    remotes.collect()
}

fn incoming(scene: &mut Scene, remote: &str) {
    scene.handle(Input::Incoming {
        ticket: Ticket(77),
        remote: remote.parse().unwrap(),
        listener: ListenerId(0),
    });
}

#[test]
fn candidates_that_are_blocked_are_not_tried() {
    let mut scene = Scene::new(Settings::default());
    scene.command(Command::SetFilter(filter("10.0.1.0", "10.0.1.255")));
    let metainfo = torrent("a", 16_384, 4);
    let options = options(&["10.0.1.1:1", "10.0.2.1:1"], &[]);
    scene.add_open(&metainfo, options, nothing(4));
    scene.pass(Duration::from_secs(600));
    let tried = connects(&scene);
    assert!(!tried.is_empty());
    assert!(
        tried
            .iter()
            .all(|remote| *remote == "10.0.2.1:1".parse().unwrap())
    );
}

#[test]
fn candidates_are_forgotten_when_they_are_blocked() {
    let mut scene = Scene::new(Settings::default());
    let metainfo = torrent("a", 16_384, 4);
    let key = scene.add_open(&metainfo, options(&["10.0.1.1:1"], &[]), nothing(4));
    scene.take_connects();
    scene.command(Command::SetFilter(filter("10.0.1.1", "10.0.1.1")));
    scene.pass(Duration::from_secs(600));
    assert_eq!(connects(&scene), []);
    assert_eq!(scene.engine.holdings().of_one_torrent.candidates, 0);
    scene.command(Command::AddPeer(key, "10.0.1.1:1".parse().unwrap()));
    assert_eq!(connects(&scene), []);
    scene.command(Command::SetFilter(Arc::default()));
    scene.command(Command::AddPeer(key, "10.0.1.1:1".parse().unwrap()));
    assert_eq!(connects(&scene), ["10.0.1.1:1".parse().unwrap()]);
}

#[test]
fn whoever_is_blocked_is_refused_at_the_door() {
    let mut scene = Scene::new(Settings::default());
    let metainfo = torrent("a", 16_384, 4);
    scene.add_open(&metainfo, TorrentOptions::default(), everything(4));
    scene.command(Command::SetFilter(filter("10.0.1.1", "10.0.1.1")));
    incoming(&mut scene, "10.0.1.1:50000");
    assert!(matches!(
        scene.actions.pop(),
        Some(Action::Refuse { ticket: Ticket(77) })
    ));
    incoming(&mut scene, "[::ffff:10.0.1.1]:50000");
    assert!(matches!(scene.actions.pop(), Some(Action::Refuse { .. })));
    incoming(&mut scene, "10.0.1.2:50000");
    assert!(matches!(scene.actions.pop(), Some(Action::Accept { .. })));
}

#[test]
fn peers_and_strangers_inside_a_new_filter_are_disconnected() {
    let mut scene = Scene::new(Settings::default());
    let metainfo = torrent("a", 16_384, 4);
    scene.add_open(&metainfo, TorrentOptions::default(), everything(4));
    let peers: Vec<_> = (0..3).map(|_| scene.peer(&metainfo)).collect();
    let (blocked, stranger) = (scene.connect_as(100), scene.connect_as(101));
    scene.actions.clear();
    // The peers are 10.0.1.1 to 10.0.1.3.
    scene.command(Command::SetFilter(filter("10.0.1.2", "10.0.1.100")));
    assert!(!scene.is_closed(peers[0]) && !scene.is_closed(stranger));
    for closed in [peers[1], peers[2], blocked] {
        assert!(scene.is_closed(closed));
    }
}

#[test]
fn peers_of_a_torrent_without_metadata_are_disconnected() {
    let mut scene = Scene::new(Settings::default());
    let metainfo = torrent("a", 16_384, 4);
    scene.command(Command::Add(Box::new(AddTorrent {
        ticket: Ticket(1),
        source: TorrentSource::InfoHashes(metainfo.info_hashes),
        options: TorrentOptions::default(),
    })));
    let peers: Vec<_> = (0..2).map(|_| scene.peer(&metainfo)).collect();
    scene.command(Command::SetFilter(filter("10.0.1.2", "10.0.1.2")));
    assert!(!scene.is_closed(peers[0]));
    assert!(scene.is_closed(peers[1]));
}

#[test]
fn trackers_that_are_blocked_are_not_asked_and_said_to_be() {
    let mut scene = Scene::new(Settings::default());
    let metainfo = torrent("a", 16_384, 4);
    let urls = [
        "udp://10.0.1.1:1/announce",
        "udp://tracker.example:1/announce",
    ];
    scene.command(Command::SetFilter(filter("10.0.1.0", "10.0.1.255")));
    scene.add_open(&metainfo, options(&[], &urls), nothing(4));
    scene.pass(Duration::from_secs(1));
    let resolve = scene.actions.iter().find_map(|action| match action {
        Action::Resolve { resolve, .. } => Some(*resolve),
        _ => None,
    });
    scene.handle(Input::Resolved {
        resolve: resolve.expect("the name is looked up"),
        addrs: vec![IpAddr::from([10, 0, 1, 2])],
    });
    let failures = scene.actions.iter().filter_map(|action| match action {
        Action::Event(event) => match &event.kind {
            EventKind::TrackerFailed { error, .. } => Some(error.as_str()),
            _ => None,
        },
        _ => None,
    });
    let mut failures: Vec<_> = failures.collect();
    failures.sort_unstable();
    assert_eq!(
        failures,
        [
            "the blocklist forbids the address of 10.0.1.1",
            "the blocklist forbids the address of tracker.example",
        ]
    );
    let sent = |action: &Action| matches!(action, Action::SendDatagram { .. });
    assert!(!scene.actions.iter().any(sent));
}

#[test]
fn announces_on_their_way_are_given_up_when_their_tracker_is_blocked() {
    let mut scene = Scene::new(Settings::default());
    let metainfo = torrent("a", 16_384, 4);
    let urls = ["udp://10.0.1.1:1/announce"];
    scene.add_open(&metainfo, options(&[], &urls), nothing(4));
    scene.pass(Duration::from_secs(1));
    let sent = |scene: &Scene| {
        let sent = scene.actions.iter();
        sent.filter(|action| matches!(action, Action::SendDatagram { .. }))
            .count()
    };
    assert_eq!(sent(&scene), 1);
    scene.command(Command::SetFilter(filter("10.0.1.1", "10.0.1.1")));
    scene.pass(Duration::from_secs(120));
    assert_eq!(sent(&scene), 1);
}
