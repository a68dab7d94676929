//! Those who lie, surround and flood.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use superseed_engine::TorrentOptions;
use superseed_proto::SwarmKey;
use superseed_proto::krpc::{Kind, Message, NodeAddr, NodeId, Query, Response, Want};

use super::{Asked, Network, outcome};
use crate::content::ContentSpec;
use crate::scenario::{Outcome, Run};
use crate::world::{DatagramParty, Sent};

/// The port of everybody who is not honest.
const PORT: u16 = 6881;

/// A hundred addresses of one network, each by an id beside one point.
struct Liars {
    beside: SwarmKey,
    count: u8,
}

impl Liars {
    fn ip(at: u8) -> IpAddr {
        Ipv4Addr::new(94, 66, 6, at).into()
    }

    fn node(&self, at: u8) -> NodeAddr {
        let mut id = self.beside.0;
        id[19] ^= at;
        NodeAddr {
            id: NodeId(id),
            addr: SocketAddr::new(Self::ip(at), PORT),
        }
    }
}

impl DatagramParty for Liars {
    /// Knows nobody but its like, and no peer.
    fn datagram(&mut self, at: SocketAddr, from: SocketAddr, bytes: &[u8], out: &mut Vec<Sent>) {
        let IpAddr::V4(ip) = at.ip() else { return };
        let me = self.node(ip.octets()[3]);
        let Ok(asked) = Message::decode(bytes) else {
            return;
        };
        if !matches!(asked.kind, Kind::Query { .. }) {
            return;
        }
        let mut response = Response::new(me.id);
        response.token = Some(b"lies".to_vec());
        response.nodes = Some((1..=self.count).map(|at| self.node(at)).take(20).collect());
        let answer = Message {
            transaction: asked.transaction,
            version: None,
            read_only: false,
            ip: Some(from),
            kind: Kind::Response(Box::new(response)),
        };
        if let Ok(bytes) = answer.encode() {
            out.push((at, from, bytes));
        }
    }
}

fn question(id: NodeId, query: Query) -> Vec<u8> {
    let message = Message {
        transaction: 1.into(),
        version: None,
        read_only: false,
        ip: None,
        kind: Kind::Query { id, query },
    };
    message.encode().expect("a question is short")
}

pub(super) fn eclipse(run: &Run) -> Outcome {
    let mut network = Network::new(run);
    // So many that the liars' bucket is full at every honest node.
    network.grow(1_000, Duration::from_secs(60));
    let shared = network.share(1, run.seed);
    let beside = shared[0].content.swarm();
    network.world.run_for(Duration::from_secs(600));
    let contacts = |network: &Network| {
        let nodes = network.hosts.iter().map(|host| network.world.node(*host));
        let contacts = nodes.map(|node| node.map_or(0, |node| node.contacts));
        contacts.collect::<Vec<_>>()
    };
    let before = contacts(&network);
    // They say hello to everybody, again and again, and answer whoever asks.
    let liars = Liars { beside, count: 100 };
    let all: Vec<_> = (1..=100).map(Liars::ip).collect();
    let nodes: Vec<_> = (1..=100).map(|at| liars.node(at)).collect();
    network.world.add_party(&all, Box::new(liars));
    for _ in 0..3 {
        for host in network.hosts.clone() {
            let to = network.world.addr(host);
            for liar in &nodes {
                let hello = question(liar.id, Query::Ping);
                network.world.send_from(liar.addr, to, &hello);
            }
        }
        network.world.run_for(Duration::from_secs(60));
    }
    let (mut displaced, mut placed, mut most) = (0, 0, 0);
    for ((host, before), after) in network.hosts.iter().zip(before).zip(contacts(&network)) {
        let snapshot = network.world.snapshot(*host);
        let known = snapshot.nodes.iter().flat_map(|node| &node.known);
        let liars = known.filter(|node| all.contains(&node.addr.ip())).count();
        placed += liars;
        most = liars.max(most);
        // Who has a place for good in a full bucket is known or has failed. One
        // that failed meanwhile, where no liar came, was pushed out by nobody.
        displaced += before.saturating_sub(after - liars).min(liars);
    }
    let mut asked: Vec<Asked> = Vec::new();
    for _ in 0..100 {
        asked.push(network.ask(&shared));
        network.world.run_for(Duration::from_secs(2));
    }
    network.world.run_for(Duration::from_secs(60));
    let mut figures = network.answers(&asked).figures();
    let hosts = network.hosts.len() as f64;
    figures.extend([
        ("displaced", displaced as f64),
        ("liars_per_table", placed as f64 / hosts),
        ("liars_max", most as f64),
    ]);
    outcome(&network.world, figures)
}

pub(super) fn flood(run: &Run) -> Outcome {
    const SECONDS: u32 = 60;
    const PER_S: u32 = 2_000;
    let mut network = Network::new(run);
    network.grow(100, Duration::from_secs(60));
    let shared = network.share(20, run.seed);
    network.world.run_for(Duration::from_secs(300));
    let victim = network.hosts[50];
    let to = network.world.addr(victim);
    let answered = |network: &Network| network.world.node(victim).map_or(0, |node| node.answered);
    let before = answered(&network);
    let mut asked: Vec<Asked> = Vec::new();
    for second in 0..SECONDS {
        for at in 0..PER_S {
            let number = second * PER_S + at;
            // Half of them by one network, the others by a new address each.
            let ip = match at % 2 {
                0 => Ipv4Addr::new(94, 66, 6, (at / 2 % 250) as u8),
                _ => Ipv4Addr::from(0x6000_0001 + (number << 8)),
            };
            let mut key = [0; 20];
            network.world.rng().fill(&mut key);
            let query = match at % 3 {
                0 => Query::Ping,
                1 => Query::GetPeers {
                    swarm: SwarmKey(key),
                    want: Want::default(),
                    no_seed: false,
                    scrape: false,
                },
                _ => Query::AnnouncePeer {
                    swarm: SwarmKey(key),
                    port: 1,
                    implied_port: true,
                    token: b"lies".to_vec(),
                    seed: false,
                },
            };
            let bytes = question(NodeId(key), query);
            network.world.send_from((ip, PORT).into(), to, &bytes);
        }
        // It finds what it looks for nevertheless, and so do the others.
        let hosts = std::mem::replace(&mut network.hosts, vec![victim]);
        asked.push(network.ask(&shared));
        network.hosts = hosts;
        asked.push(network.ask(&shared));
        network.world.run_for(Duration::from_secs(1));
    }
    let given = answered(&network) - before;
    network.world.run_for(Duration::from_secs(60));
    // And a torrent that it gets then finds its peers.
    let content = ContentSpec::new(32 << 10, 16 << 10).make(run.seed ^ 0xf100d);
    let seed = network.hosts[60];
    network
        .world
        .add_seed(seed, &content, TorrentOptions::default());
    network.world.run_for(Duration::from_secs(30));
    network
        .world
        .add_torrent(victim, &content, TorrentOptions::default());
    network
        .world
        .complete(victim, &content, Duration::from_secs(60));
    let mut figures = network.answers(&asked).figures();
    figures.push(("answers_per_s", given as f64 / f64::from(SECONDS)));
    outcome(&network.world, figures)
}
