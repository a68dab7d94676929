//! Nodes that lie, flood and surround.

use core::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rand_core::Rng;
use superseed_proto::SwarmKey;
use superseed_proto::krpc::{
    ErrorCode, Kind, Message, NodeAddr, NodeId, PACKET_LEN_MAX, Query, Response, Transaction, Want,
};

use super::super::*;
use super::net::Net;
use crate::limits::{
    DHT_CONTACTS_MAX, DHT_FRONTIER_MAX, DHT_HINTS_MAX, DHT_QUERIES_PER_ASKER_MAX, DHT_SWARMS_MAX,
};

const SWARM: SwarmKey = SwarmKey([0x5a; 20]);
const STRANGER: &str = "94.1.1.1:6881";

fn secs(s: u64) -> Duration {
    Duration::from_secs(s)
}

fn stranger() -> SocketAddr {
    STRANGER.parse().unwrap()
}

fn query(id: u8, query: Query) -> Kind {
    Kind::Query {
        id: NodeId([id; 20]),
        query,
    }
}

fn get_peers() -> Query {
    Query::GetPeers {
        swarm: SWARM,
        want: Want::default(),
        no_seed: false,
        scrape: false,
    }
}

fn response(message: &Message) -> &Response {
    match &message.kind {
        Kind::Response(response) => response,
        other => panic!("{other:?}"),
    }
}

/// What `who` is answered.
fn answer(net: &mut Net, who: SocketAddr, kind: Kind) -> Option<Message> {
    net.elsewhere.clear();
    net.say(who, 0, kind);
    let mut heard = net.heard().into_iter();
    heard
        .find(|(to, message)| *to == who && !matches!(message.kind, Kind::Query { .. }))
        .map(|(_, message)| message)
}

#[test]
fn an_announce_needs_a_token_of_the_same_host_and_a_port() {
    let mut net = Net::new(1);
    net.add();
    let given = answer(&mut net, stranger(), query(1, get_peers())).unwrap();
    assert_eq!(given.ip, Some(stranger()));
    let token = response(&given).token.clone().unwrap();
    let announce = |token: Vec<u8>| Query::AnnouncePeer {
        swarm: SWARM,
        port: 7000,
        implied_port: false,
        token,
        seed: false,
    };
    let other = "94.1.2.1:6881".parse().unwrap();
    let mut code = |who, token| {
        let message = answer(&mut net, who, query(1, announce(token))).unwrap();
        match message.kind {
            Kind::Error { code, .. } => Some(code),
            _ => None,
        }
    };
    assert_eq!(code(other, token.clone()), Some(ErrorCode::PROTOCOL));
    assert_eq!(
        code(stranger(), b"abcd".to_vec()),
        Some(ErrorCode::PROTOCOL)
    );
    assert_eq!(code(stranger(), token), None);
    let found = answer(&mut net, other, query(1, get_peers())).unwrap();
    assert_eq!(response(&found).values, ["94.1.1.1:7000".parse().unwrap()]);
}

#[test]
fn an_unknown_method_with_a_target_is_answered_like_find_node() {
    let mut net = Net::new(2);
    for _ in 0..10 {
        net.add();
    }
    net.run(secs(30));
    let other = |target| Query::Other {
        method: b"vote".to_vec(),
        target,
        want: Want::default(),
    };
    let named = answer(&mut net, stranger(), query(1, other(Some(NodeId([2; 20]))))).unwrap();
    assert_eq!(response(&named).nodes.as_ref().unwrap().len(), 8);
    let refused = answer(&mut net, stranger(), query(1, other(None))).unwrap();
    assert!(matches!(refused.kind, Kind::Error { code, .. } if code == ErrorCode::METHOD_UNKNOWN));
}

#[test]
fn a_full_answer_fits_into_a_packet() {
    let mut net = Net::new(3);
    for _ in 0..20 {
        net.add();
    }
    net.run(secs(60));
    for n in 0..400_u32 {
        let who = SocketAddr::new(IpAddr::from((0x5e00_0001 + (n << 8)).to_be_bytes()), 1);
        let given = answer(&mut net, who, query(1, get_peers())).unwrap();
        let token = response(&given).token.clone().unwrap();
        let announce = Query::AnnouncePeer {
            swarm: SWARM,
            port: 7000,
            implied_port: false,
            token,
            seed: n % 2 == 0,
        };
        answer(&mut net, who, query(1, announce)).unwrap();
    }
    let scrape = Query::GetPeers {
        swarm: SWARM,
        want: Want::default(),
        no_seed: false,
        scrape: true,
    };
    for (question, values) in [(get_peers(), 80), (scrape, 15)] {
        let full = answer(&mut net, stranger(), query(1, question)).unwrap();
        assert!(full.encode().unwrap().len() <= PACKET_LEN_MAX);
        let response = response(&full);
        assert!(response.values.len() >= values, "{}", response.values.len());
        assert_eq!(response.nodes.as_ref().unwrap().len(), 8);
    }
}

#[test]
fn ids_are_uniform_or_made_of_our_address() {
    // The first byte over a thousand seeds, by chi-squared with 15 degrees of
    // freedom: beyond 37.7 is one case of a thousand.
    let mut counts = [0_u32; 16];
    for seed in 0..1_000_u64 {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let mut dht = Dht::new(bytes);
        let settings = DhtSettings {
            enabled: true,
            ..DhtSettings::default()
        };
        dht.configure(&settings, Time::START);
        dht.listening(&[(super::net::LISTENER, Net::addr(0))], Time::START);
        let id = dht.stats(Time::START)[0].id;
        counts[usize::from(id.0[0] >> 4)] += 1;
        let ip: IpAddr = "124.31.75.21".parse().unwrap();
        dht.ours(super::net::LISTENER, ip, Time::START);
        assert!(dht.stats(Time::START)[0].id.fits(ip));
        // Not again for ten minutes, whatever they say.
        let other: IpAddr = "21.75.31.124".parse().unwrap();
        dht.ours(super::net::LISTENER, other, Time::START + secs(599));
        assert!(dht.stats(Time::START)[0].id.fits(ip));
        dht.ours(super::net::LISTENER, other, Time::START + secs(600));
        assert!(dht.stats(Time::START)[0].id.fits(other));
    }
    let expected = 1_000.0 / 16.0;
    let chi = counts
        .iter()
        .map(|&n| (f64::from(n) - expected).powi(2) / expected);
    let chi: f64 = chi.sum();
    assert!(chi < 37.7, "{chi}");
}

#[test]
fn a_flood_of_one_host_is_not_answered_and_costs_no_memory() {
    let mut net = Net::new(4);
    net.add();
    let mut answers = 0;
    for _ in 0..500 {
        answers += u32::from(answer(&mut net, stranger(), query(1, Query::Ping)).is_some());
    }
    assert!(answers <= DHT_QUERIES_PER_ASKER_MAX * 5);
    // And from everywhere at once, each under another name.
    for n in 0..20_000_u32 {
        let who = SocketAddr::new(IpAddr::from((0x5e00_0001 + (n << 8)).to_be_bytes()), 1);
        let mut id = [0; 20];
        net.random.fill_bytes(&mut id);
        let kind = Kind::Query {
            id: NodeId(id),
            query: get_peers(),
        };
        net.say(who, 0, kind);
        net.run(Duration::from_millis(1));
        net.elsewhere.clear();
    }
    let held = net.hosts[0].dht.holdings();
    assert!(
        held.hints <= DHT_HINTS_MAX && held.contacts == 0,
        "{held:?}"
    );
    assert!(
        held.swarms <= DHT_SWARMS_MAX && held.queries_out <= 512,
        "{held:?}"
    );
}

#[test]
fn read_only_answers_nothing_and_who_says_so_is_not_learnt() {
    let mut net = Net::new(5);
    net.add();
    let message = Message {
        transaction: Transaction::new(b"aa").unwrap(),
        version: None,
        read_only: true,
        ip: None,
        kind: query(1, Query::Ping),
    };
    let home = net.hosts[0].addr;
    assert!(net.deliver(stranger(), home, &message.encode().unwrap()));
    let heard = net.heard();
    assert_eq!(heard.len(), 1);
    assert!(matches!(heard[0].1.kind, Kind::Response(_)));
    let settings = DhtSettings {
        enabled: true,
        read_only: true,
        routers: Some([(STRANGER[..8].to_owned(), 6881)].into()),
        ..DhtSettings::default()
    };
    net.hosts[0].dht.configure(&settings, net.now);
    net.run(secs(10));
    let heard = net.heard();
    assert!(heard.iter().all(|(_, message)| message.read_only));
    assert!(!heard.is_empty());
    assert!(answer(&mut net, stranger(), query(1, Query::Ping)).is_none());
}

#[test]
fn answers_that_were_not_asked_for_teach_nothing() {
    let mut net = Net::new(6);
    net.add();
    let mut lie = Response::new(NodeId([1; 20]));
    lie.nodes = Some(vec![NodeAddr {
        id: NodeId([2; 20]),
        addr: "94.2.2.2:1".parse().unwrap(),
    }]);
    net.say(stranger(), 0, Kind::Response(Box::new(lie)));
    net.run(secs(10));
    assert_eq!(net.hosts[0].dht.holdings(), DhtHoldings::default());
    assert!(net.elsewhere.is_empty());
}

#[test]
fn a_liar_that_names_thousands_costs_a_look_up_its_questions_and_no_more() {
    let mut net = Net::new(7);
    for _ in 0..30 {
        net.add();
    }
    net.run(secs(60));
    let honest = net.hosts[3].addr;
    net.share(3, SWARM, true);
    net.run(secs(20));
    // It says hello, so that it is known, and from then on names nodes beside
    // whatever is looked for: of its own /24, and others that do not exist.
    let liar = stranger();
    let mut id = SWARM.0;
    id[19] ^= 1;
    net.say(
        liar,
        0,
        Kind::Query {
            id: NodeId(id),
            query: Query::Ping,
        },
    );
    let at = 0;
    net.hosts[at]
        .dht
        .look_up(Ticket(9), Goal::Peers(SWARM), net.now);
    net.poll(at);
    let mut number = 0_u8;
    while net.hosts[at].found.is_empty() {
        net.run(Duration::from_millis(10));
        for (from, to, bytes) in std::mem::take(&mut net.elsewhere) {
            let asked = Message::decode(&bytes).unwrap();
            if to != liar || !matches!(asked.kind, Kind::Query { .. }) {
                continue;
            }
            let mut lie = Response::new(NodeId(id));
            let named = (0..30).map(|n| {
                number = number.wrapping_add(1);
                let mut id = SWARM.0;
                id[18] = number;
                let ip = if n % 2 == 0 {
                    [94, 1, 1, number]
                } else {
                    [95, number, n, 1]
                };
                NodeAddr {
                    id: NodeId(id),
                    addr: (ip, 1).into(),
                }
            });
            lie.nodes = Some(named.collect());
            let answer = Message {
                kind: Kind::Response(Box::new(lie)),
                ip: Some("8.8.8.8:1".parse().unwrap()),
                ..asked
            };
            net.deliver(liar, from, &answer.encode().unwrap());
        }
    }
    let (_, found) = net.hosts[at].found.remove(0);
    assert!(found.peers.contains(&honest), "{found:?}");
    assert!(found.queries <= 100);
    let held = net.hosts[at].dht.holdings();
    assert!(held.frontier <= DHT_FRONTIER_MAX && held.contacts <= DHT_CONTACTS_MAX);
    assert!(held.contacts >= 25, "{held:?}");
}

#[test]
fn users_orders_that_wait_for_a_slot_longer_than_patience_are_answered_all_the_same() {
    let mut net = Net::new(8);
    for _ in 0..30 {
        net.add();
    }
    net.run(secs(60));
    // A third falls silent, so that a look-up takes seconds.
    for host in net.hosts.iter_mut().skip(20) {
        host.up = false;
    }
    for n in 0..64 {
        let goal = Goal::Peers(SwarmKey([n; 20]));
        let now = net.now;
        net.hosts[0].dht.look_up(Ticket(n.into()), goal, now);
    }
    net.poll(0);
    net.run(secs(300));
    assert_eq!(net.hosts[0].found.len(), 64);
}

#[test]
fn strangers_are_told_of_no_address_of_a_private_network() {
    let mut net = Net::new(9);
    net.add();
    let (near, far) = ("192.168.0.7:6881".parse().unwrap(), stranger());
    for (at, from) in [near, "95.1.1.1:6881".parse().unwrap()]
        .into_iter()
        .enumerate()
    {
        let id = at as u8;
        assert!(net.say(from, 0, query(id, get_peers())));
        let token = answers(&mut net, from).token.unwrap();
        let announce = Query::AnnouncePeer {
            swarm: SWARM,
            port: 7000,
            implied_port: false,
            token,
            seed: false,
        };
        assert!(net.say(from, 0, query(id, announce)));
    }
    assert!(net.say(near, 0, query(3, get_peers())));
    assert_eq!(answers(&mut net, near).values.len(), 2);
    assert!(net.say(far, 0, query(4, get_peers())));
    let named = answers(&mut net, far).values;
    assert_eq!(named, ["95.1.1.1:7000".parse().unwrap()]);
}

#[test]
fn a_node_that_is_asked_by_its_name_is_heard_and_never_told_nor_kept() {
    let mut net = Net::new(10);
    net.add();
    let stand_in: SocketAddr = "240.0.0.1:6881".parse().unwrap();
    let now = net.now;
    let dht = &mut net.hosts[0].dht;
    // Named by its address it is asked by nobody.
    dht.hint(stand_in, now);
    assert_eq!(dht.holdings().hints, 0);
    dht.hint_name("node.example", 6881, now);
    net.poll(0);
    let dht = &mut net.hosts[0].dht;
    dht.resolved("node.example", 6881, &[stand_in.ip()], now);
    net.poll(0);
    let heard = net.heard();
    let (to, asked) = heard.first().unwrap();
    assert_eq!(*to, stand_in);
    let mut response = Response::new(NodeId([1; 20]));
    let id = NodeId([2; 20]);
    let named = ["240.0.0.2:1", STRANGER].map(|addr| NodeAddr {
        id,
        addr: addr.parse().unwrap(),
    });
    response.nodes = Some(named.to_vec());
    let answer = Message {
        transaction: asked.transaction,
        version: None,
        read_only: false,
        ip: None,
        kind: Kind::Response(Box::new(response)),
    };
    let home = net.hosts[0].addr;
    assert!(net.deliver(stand_in, home, &answer.encode().unwrap()));
    let asked: Vec<_> = net.heard().into_iter().map(|(to, _)| to).collect();
    assert_eq!(asked, [stranger()]);
    assert_eq!(net.hosts[0].dht.holdings().contacts, 0);
    let snapshot = net.hosts[0].dht.snapshot(net.now);
    assert!(snapshot.nodes.iter().all(|node| node.known.is_empty()));
}

/// The last answer to somebody.
fn answers(net: &mut Net, to: SocketAddr) -> Response {
    let heard = net.heard().into_iter().rev();
    let mut answers = heard.filter_map(|(whom, message)| match message.kind {
        Kind::Response(response) if whom == to => Some(*response),
        _ => None,
    });
    answers.next().unwrap()
}
