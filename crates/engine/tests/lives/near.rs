//! Torrents and neighbours (BEP 14).

use core::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use superseed_engine::{
    Action, Command, ConnKey, Input, ListenerId, Settings, TorrentKey, TorrentOptions,
};
use superseed_proto::SwarmKey;
use superseed_proto::lsd::{LsdAnnounce, encode};
use superseed_proto::metainfo::{Metainfo, TorrentBuilder};
use superseed_proto::tracker::AddressFamily;

use crate::scene::{Scene, everything, nothing, torrent};

const MINUTES: Duration = Duration::from_secs(600);
const NEIGHBOUR: SocketAddr = SocketAddr::new(
    core::net::IpAddr::V4(core::net::Ipv4Addr::new(10, 0, 0, 9)),
    6881,
);

fn near(settings: Settings) -> Scene {
    Scene::new(Settings {
        lsd: true,
        ..settings
    })
}

/// The swarms that neighbours were told of since this was last asked.
fn take_said(scene: &mut Scene) -> Vec<SwarmKey> {
    let mut said = Vec::new();
    scene.actions.retain(|action| match action {
        Action::SendMulticast { listener, bytes } => {
            assert_eq!(*listener, ListenerId(0));
            let announce = LsdAnnounce::decode(bytes).unwrap();
            assert_eq!(announce.port, 6881);
            said.extend(announce.swarms);
            false
        }
        _ => true,
    });
    said
}

fn swarm(metainfo: &Metainfo) -> SwarmKey {
    metainfo.info_hashes.primary_swarm_key()
}

/// A neighbour says that it is in a swarm; gives the connections that follow.
fn hear(scene: &mut Scene, metainfo: &Metainfo) -> Vec<ConnKey> {
    let bytes = encode(AddressFamily::V4, NEIGHBOUR.port(), &[swarm(metainfo)], 1);
    scene.handle(Input::Multicast {
        near: true,
        from: NEIGHBOUR,
        bytes: &bytes,
    });
    scene.take_connects()
}

fn leech(scene: &mut Scene, metainfo: &Arc<Metainfo>) -> TorrentKey {
    scene.add_open(metainfo, TorrentOptions::default(), nothing(2))
}

fn private(name: &str) -> Arc<Metainfo> {
    let torrent = TorrentBuilder::new(name, 32_768)
        .single_file(65_536)
        .private(true);
    Arc::new(Metainfo::parse(&torrent.hash_content(&[7; 65_536]).build()).unwrap())
}

#[test]
fn a_torrent_is_named_to_neighbours_while_it_runs_and_calls_those_who_are_in_it() {
    let mut scene = near(Settings::default());
    let metainfo = torrent("a", 32_768, 2);
    let key = leech(&mut scene, &metainfo);
    scene.pass(Duration::ZERO);
    assert_eq!(take_said(&mut scene), [swarm(&metainfo)]);
    assert_eq!(hear(&mut scene, &metainfo).len(), 1);
    scene.command(Command::Pause(key));
    scene.pass(MINUTES);
    assert_eq!(take_said(&mut scene), []);
    scene.command(Command::Resume(key));
    scene.pass(Duration::ZERO);
    assert_eq!(take_said(&mut scene), [swarm(&metainfo)]);
    scene.command(Command::Remove(key));
    scene.pass(MINUTES);
    assert_eq!(take_said(&mut scene), []);
}

#[test]
fn a_private_torrent_is_neither_named_to_neighbours_nor_are_they_called() {
    let mut scene = near(Settings::default());
    let metainfo = private("a");
    leech(&mut scene, &metainfo);
    scene.pass(MINUTES);
    assert_eq!(hear(&mut scene, &metainfo), []);
    scene.pass(MINUTES);
    assert_eq!(take_said(&mut scene), []);
}

#[test]
fn without_the_setting_neighbours_are_neither_told_nor_heard() {
    let mut scene = Scene::new(Settings::default());
    let metainfo = torrent("a", 32_768, 2);
    leech(&mut scene, &metainfo);
    scene.pass(MINUTES);
    assert_eq!(hear(&mut scene, &metainfo), []);
    assert_eq!(take_said(&mut scene), []);
    scene.command(Command::Configure(Box::new(Settings {
        lsd: true,
        ..Settings::default()
    })));
    scene.pass(Duration::ZERO);
    assert_eq!(take_said(&mut scene), [swarm(&metainfo)]);
    scene.command(Command::Configure(Box::default()));
    scene.pass(MINUTES);
    assert_eq!(take_said(&mut scene), []);
}

#[test]
fn a_neighbour_of_a_torrent_that_is_not_ours_is_nobodys() {
    let mut scene = near(Settings::default());
    leech(&mut scene, &torrent("a", 32_768, 2));
    assert_eq!(hear(&mut scene, &torrent("b", 32_768, 2)), []);
    scene.handle(Input::Multicast {
        near: true,
        from: NEIGHBOUR,
        bytes: b"BT-SEARCH * HTTP/1.1\r\n",
    });
    assert_eq!(scene.take_connects(), []);
}

#[test]
fn a_neighbour_that_wants_a_complete_torrent_is_called() {
    let mut scene = near(Settings::default());
    let metainfo = torrent("a", 32_768, 2);
    scene.add_open(&metainfo, TorrentOptions::default(), everything(2));
    assert_eq!(hear(&mut scene, &metainfo).len(), 1);
}
