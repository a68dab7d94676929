//! Torrents and the DHT (BEP 5): what an engine tells one node, and learns of
//! it.

use core::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use superseed_engine::config::DhtSettings;
use superseed_engine::dht::Goal;
use superseed_engine::{
    Action, Command, Input, ListenerId, Settings, Ticket, TorrentKey, TorrentOptions,
};
use superseed_proto::PeerId;
use superseed_proto::krpc::{Kind, Message as Packet, NodeId, Query, Response};
use superseed_proto::metainfo::{Metainfo, TorrentBuilder};
use superseed_proto::wire::{Capability, Handshake, Message, Reserved};

use crate::scene::{Scene, everything, nothing, torrent};

/// The one node there is.
const NODE: SocketAddr = addr([10, 0, 0, 9], 7_000);
/// The peer that it names.
const PEER: SocketAddr = addr([10, 0, 3, 1], 8_000);
const SECOND: Duration = Duration::from_secs(1);

const fn addr(ip: [u8; 4], port: u16) -> SocketAddr {
    let [a, b, c, d] = ip;
    SocketAddr::new(
        core::net::IpAddr::V4(core::net::Ipv4Addr::new(a, b, c, d)),
        port,
    )
}

fn on(settings: Settings) -> Settings {
    Settings {
        dht: DhtSettings {
            enabled: true,
            routers: Some([].into()),
            ..DhtSettings::default()
        },
        ..settings
    }
}

fn scene() -> Scene {
    let mut scene = Scene::new(on(Settings::default()));
    scene.command(Command::AddNode(NODE.ip().to_string(), NODE.port()));
    serve(&mut scene);
    scene
}

/// What was sent to others than the node.
fn take_datagrams(scene: &mut Scene) -> Vec<(SocketAddr, Packet)> {
    let mut sent = Vec::new();
    scene.actions.retain(|action| match action {
        Action::SendDatagram { to, bytes, .. } => {
            sent.push((*to, Packet::decode(bytes).unwrap()));
            false
        }
        _ => true,
    });
    sent
}

/// Answers for the node, for ten seconds; gives what it was asked.
fn serve(scene: &mut Scene) -> Vec<Query> {
    let mut asked = Vec::new();
    for _ in 0..20 {
        for (to, packet) in take_datagrams(scene) {
            assert_eq!(to, NODE);
            let Kind::Query { query, .. } = packet.kind else {
                panic!("nobody asked: {packet:?}");
            };
            let mut response = Response::new(NodeId([9; 20]));
            response.token = Some(b"good".to_vec());
            if matches!(query, Query::GetPeers { .. }) {
                response.values = vec![PEER];
            }
            asked.push(query);
            let answer = Packet {
                transaction: packet.transaction,
                version: None,
                read_only: false,
                ip: Some(addr([10, 0, 0, 1], 6881)),
                kind: Kind::Response(Box::new(response)),
            };
            scene.handle(Input::Datagram {
                listener: ListenerId(0),
                from: NODE,
                bytes: &answer.encode().unwrap(),
            });
        }
        scene.pass(SECOND / 2);
    }
    asked
}

fn leech(scene: &mut Scene, metainfo: &Arc<Metainfo>) -> TorrentKey {
    scene.add_open(metainfo, TorrentOptions::default(), nothing(2))
}

/// Shakes hands as a client with a node, and gives what the engine says.
fn meet(scene: &mut Scene, metainfo: &Metainfo) -> (superseed_engine::ConnKey, Vec<u8>) {
    let conn = scene.connect_as(1);
    let handshake = Handshake {
        reserved: Reserved::default().with(Capability::Dht),
        swarm: metainfo.info_hashes.primary_swarm_key(),
        peer_id: PeerId([1; 20]),
    };
    scene.hear(conn, &handshake.encode());
    let said = scene.streams.remove(&conn).unwrap();
    (conn, said)
}

/// Whether a handshake says that we have a node, and a PORT where it is.
fn names_node(said: &[u8]) -> (bool, bool) {
    let has_bit = said[27] & 1 == 1;
    let mut port = Vec::new();
    Message::Port(6881).encode(&mut port);
    let said_port = said.windows(port.len()).any(|window| window == port);
    (has_bit, said_port)
}

#[test]
fn without_the_dht_no_port_message_leaves() {
    let metainfo = torrent("a", 32_768, 2);
    let mut without = Scene::new(Settings::default());
    without.command(Command::AddNode(NODE.ip().to_string(), NODE.port()));
    leech(&mut without, &metainfo);
    let (conn, said) = meet(&mut without, &metainfo);
    assert_eq!(names_node(&said), (false, false));
    without.say(conn, &Message::Port(7_000));
    without.pass(SECOND * 60);
    assert!(take_datagrams(&mut without).is_empty());
    let mut with = scene();
    leech(&mut with, &metainfo);
    let (_, said) = meet(&mut with, &metainfo);
    assert_eq!(names_node(&said), (true, true));
}

#[test]
fn what_a_node_names_is_called_and_it_is_told_of_us() {
    let mut scene = scene();
    let metainfo = torrent("a", 32_768, 2);
    let key = leech(&mut scene, &metainfo);
    let asked = serve(&mut scene);
    let swarm = metainfo.info_hashes.primary_swarm_key();
    let looked = |query: &Query| matches!(query, Query::GetPeers { swarm: of, .. } if *of == swarm);
    assert!(asked.iter().any(looked), "{asked:?}");
    let told = asked.iter().find_map(|query| match query {
        Query::AnnouncePeer {
            port, token, seed, ..
        } => Some((*port, token.as_slice(), *seed)),
        _ => None,
    });
    assert_eq!(told, Some((6881, b"good".as_slice(), false)));
    let called = scene
        .actions
        .iter()
        .any(|action| matches!(action, Action::Connect { remote, .. } if *remote == PEER));
    assert!(called);
    // Paused, it is named no more.
    scene.command(Command::Pause(key));
    for _ in 0..200 {
        assert!(!serve(&mut scene).iter().any(looked));
    }
    scene.command(Command::Resume(key));
    assert!(serve(&mut scene).iter().any(looked));
}

#[test]
fn a_seed_says_that_it_is_one() {
    let mut scene = scene();
    let metainfo = torrent("a", 32_768, 2);
    scene.add_open(&metainfo, TorrentOptions::default(), everything(2));
    let asked = serve(&mut scene);
    let told = |query: &Query| matches!(query, Query::AnnouncePeer { seed: true, .. });
    assert!(asked.iter().any(told), "{asked:?}");
}

#[test]
fn a_private_torrent_takes_no_part() {
    let mut scene = scene();
    let torrent = TorrentBuilder::new("p", 32_768)
        .single_file(65_536)
        .private(true);
    let metainfo = Metainfo::parse(&torrent.hash_content(&[7; 65_536]).build()).unwrap();
    let metainfo = Arc::new(metainfo);
    leech(&mut scene, &metainfo);
    let (conn, said) = meet(&mut scene, &metainfo);
    assert_eq!(names_node(&said), (false, false));
    scene.say(conn, &Message::Port(7_001));
    for _ in 0..200 {
        for query in serve(&mut scene) {
            assert!(
                matches!(query, Query::Ping | Query::FindNode { .. }),
                "{query:?}"
            );
        }
    }
}

#[test]
fn a_peer_that_says_where_its_node_is_is_asked_once() {
    let mut scene = scene();
    let metainfo = torrent("a", 32_768, 2);
    leech(&mut scene, &metainfo);
    serve(&mut scene);
    let (conn, _) = meet(&mut scene, &metainfo);
    for port in 9_001..9_100 {
        scene.say(conn, &Message::Port(port));
    }
    scene.pass(SECOND);
    let sent = take_datagrams(&mut scene);
    let to_peer: Vec<_> = sent.iter().filter(|(to, _)| *to != NODE).collect();
    assert_eq!(to_peer.len(), 1, "{sent:?}");
    assert_eq!(to_peer[0].0, addr([10, 0, 1, 1], 9_001));
}

#[test]
fn routers_and_peers_are_looked_up_by_name() {
    let mut settings = on(Settings::default());
    settings.dht.routers = Some([("router.example".to_owned(), 7_000)].into());
    let mut scene = Scene::new(settings);
    let resolve = |scene: &mut Scene, name: &str, ip: SocketAddr| {
        let at = scene.actions.iter().find_map(|action| match action {
            Action::Resolve { resolve, host } if host == name => Some(*resolve),
            _ => None,
        });
        scene.handle(Input::Resolved {
            resolve: at.expect("the name should be looked up"),
            addrs: vec![ip.ip()],
        });
    };
    resolve(&mut scene, "router.example", NODE);
    assert_eq!(take_datagrams(&mut scene)[0].0, NODE);
    let metainfo = torrent("a", 32_768, 2);
    let key = leech(&mut scene, &metainfo);
    scene.command(Command::AddPeerName(key, "peer.example".to_owned(), 8_000));
    resolve(&mut scene, "peer.example", PEER);
    scene.command(Command::AddPeerName(key, "10.0.3.2".to_owned(), 8_000));
    let called = scene.actions.iter().filter_map(|action| match action {
        Action::Connect { remote, .. } => Some(*remote),
        _ => None,
    });
    let called: Vec<_> = called.collect();
    assert_eq!(called, [PEER, addr([10, 0, 3, 2], 8_000)]);
}

#[test]
fn a_look_up_that_is_ordered_is_answered_even_if_there_is_nobody_to_ask() {
    let found = |scene: &mut Scene| {
        let metainfo = torrent("a", 32_768, 2);
        let goal = Goal::Peers(metainfo.info_hashes.primary_swarm_key());
        scene.command(Command::LookUp(Ticket(5), Box::new(goal)));
        serve(scene);
        scene.pass(SECOND * 20);
        let found = scene.actions.iter().find_map(|action| match action {
            Action::Found {
                ticket: Ticket(5),
                found,
            } => Some(found.peers.clone()),
            _ => None,
        });
        found.expect("an answer")
    };
    assert_eq!(found(&mut Scene::new(Settings::default())), []);
    assert_eq!(found(&mut Scene::new(on(Settings::default()))), []);
    assert_eq!(found(&mut scene()), [PEER]);
}
