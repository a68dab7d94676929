//! A gateway that lets peers in at another port than ours.

use superseed_engine::{
    Action, Command, Input, ListenerId, Settings, TorrentKey, TorrentOptions, TransferError,
};
use superseed_proto::PeerId;
use superseed_proto::wire::{Capability, Handshake, Reserved};

use crate::scene::{Scene, nothing, torrent};

const TRACKER: &str = "http://tracker.example/announce";

fn scene() -> (Scene, TorrentKey) {
    let mut scene = Scene::new(Settings::default());
    let options = TorrentOptions {
        trackers: vec![TRACKER.to_owned()],
        ..TorrentOptions::default()
    };
    let key = scene.add_open(&torrent("a", 32_768, 2), options, nothing(2));
    (scene, key)
}

fn map(scene: &mut Scene, external: Option<&str>) {
    scene.handle(Input::Mapped {
        listener: ListenerId(0),
        external: external.map(|addr| addr.parse().unwrap()),
    });
}

/// The ports of the announces since this was last asked, each answered.
fn take_ports(scene: &mut Scene) -> Vec<String> {
    let mut ports = Vec::new();
    for action in std::mem::take(&mut scene.actions) {
        let Action::HttpAnnounce(announce) = action else {
            continue;
        };
        let port = announce.url.split("port=").nth(1).unwrap();
        ports.push(port.split('&').next().unwrap().to_owned());
        scene.handle(Input::AnnounceDone {
            announce: announce.announce,
            result: Ok::<_, TransferError>(b"d8:intervali1800e5:peers0:e"),
        });
    }
    ports
}

/// The port that a peer is told in our handshake.
fn told_port(scene: &mut Scene, key: TorrentKey, peer: &str, id: u8) -> String {
    scene.command(Command::AddPeer(key, peer.parse().unwrap()));
    let conn = scene.take_connects()[0];
    scene.handle(Input::Connected { conn });
    let handshake = Handshake {
        reserved: Reserved::default().with(Capability::ExtensionProtocol),
        swarm: torrent("a", 32_768, 2).info_hashes.primary_swarm_key(),
        peer_id: PeerId([id; 20]),
    };
    scene.hear(conn, &handshake.encode());
    let stream = scene.streams.remove(&conn).unwrap();
    let text = String::from_utf8_lossy(&stream).into_owned();
    let port = text.split("1:pi").nth(1).unwrap();
    port.split('e').next().unwrap().to_owned()
}

#[test]
fn trackers_hear_of_the_gateways_port_and_of_ours_when_it_ceases() {
    let (mut scene, _) = scene();
    assert_eq!(take_ports(&mut scene), ["6881"]);
    map(&mut scene, Some("93.184.216.34:6881"));
    assert_eq!(take_ports(&mut scene), [""; 0], "it is the same port");
    map(&mut scene, Some("93.184.216.34:7000"));
    assert_eq!(take_ports(&mut scene), ["7000"]);
    map(&mut scene, None);
    assert_eq!(take_ports(&mut scene), ["6881"]);
}

#[test]
fn peers_outside_are_told_the_gateways_port_and_those_near_our_own() {
    let (mut scene, key) = scene();
    map(&mut scene, Some("93.184.216.34:7000"));
    assert_eq!(told_port(&mut scene, key, "93.184.216.1:6881", 1), "7000");
    assert_eq!(told_port(&mut scene, key, "10.0.0.77:6881", 2), "6881");
}
