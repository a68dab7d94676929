//! Networks of honest nodes.

use std::time::Duration;

use superseed_proto::SwarmKey;
use superseed_proto::krpc::{Item, MutableItem};

use super::super::*;
use super::net::Net;

const SWARM: SwarmKey = SwarmKey([0x5a; 20]);

fn secs(s: u64) -> Duration {
    Duration::from_secs(s)
}

fn of(count: usize, seed: u64) -> Net {
    let mut net = Net::new(seed);
    for _ in 0..count {
        net.add();
    }
    net
}

#[test]
fn two_nodes_find_each_others_announced_peers() {
    let mut net = of(2, 1);
    net.run(secs(5));
    let seed = net.share(0, SWARM, true);
    net.run(secs(5));
    let leecher = net.share(1, SWARM, false);
    net.run(secs(70));
    let (first, second) = (net.hosts[0].addr, net.hosts[1].addr);
    assert!(net.hosts[1].peers.contains(&(leecher, first)));
    assert!(net.hosts[0].peers.contains(&(seed, second)));
}

#[test]
fn a_torrent_is_announced_with_the_port_that_the_gateway_gave() {
    let mut net = of(2, 1);
    net.run(secs(5));
    let outer = SocketAddr::new(net.hosts[0].addr.ip(), 7_000);
    net.hosts[0]
        .dht
        .mapped(super::net::LISTENER, Some(outer.port()));
    net.share(0, SWARM, true);
    net.run(secs(5));
    let leecher = net.share(1, SWARM, false);
    net.run(secs(70));
    assert!(net.hosts[1].peers.contains(&(leecher, outer)));
}

#[test]
fn a_hundred_nodes_find_what_any_of_them_announced() {
    let mut net = of(100, 2);
    net.loss_permille = 50;
    net.run(secs(120));
    let swarm = |at: usize| SwarmKey([at as u8 * 2; 20]);
    for at in 0..50 {
        net.share(at, swarm(at), true);
    }
    net.run(secs(30));
    for at in 0..50 {
        let seed = net.hosts[at].addr;
        let (found, took) = net.look_up(99 - at, Goal::Peers(swarm(at)));
        assert!(found.peers.contains(&seed), "{at}: {found:?}");
        assert!(
            found.queries <= 40 && took < secs(5),
            "{at}: {found:?} {took:?}"
        );
    }
}

#[test]
fn items_are_stored_and_found_and_replaced() {
    let mut net = of(30, 3);
    net.run(secs(60));
    let item = Item::Immutable(b"12:Hello World!".to_vec());
    let goal = Goal::Put {
        item: item.clone(),
        cas: None,
    };
    assert_eq!(net.look_up(1, goal).0.stored, 8);
    let goal = |item: &Item, salt: &[u8]| Goal::Get {
        target: item.target(),
        salt: salt.to_vec(),
    };
    let (found, _) = net.look_up(29, goal(&item, b""));
    assert_eq!(found.item, Some(item));
    for (seq, value) in [(1, b"1:a"), (2, b"1:b")] {
        let item = MutableItem::sign(&[7; 32], b"salt", seq, value.to_vec()).unwrap();
        let item = Item::Mutable(item);
        let put = Goal::Put {
            item: item.clone(),
            cas: (seq > 1).then_some(1),
        };
        assert_eq!(net.look_up(2, put).0.stored, 8);
        let (found, _) = net.look_up(20, goal(&item, b"salt"));
        assert_eq!(found.item, Some(item));
    }
    let late = MutableItem::sign(&[7; 32], b"salt", 3, b"1:c".to_vec()).unwrap();
    let put = Goal::Put {
        item: Item::Mutable(late),
        cas: Some(1),
    };
    // Who did not have it may store anything.
    assert!(net.look_up(3, put).0.stored <= 2);
}

#[test]
fn two_families_are_two_nodes_with_two_ids() {
    let mut net = of(1, 4);
    let dht = &mut net.hosts[0].dht;
    let both = [
        (ListenerId(0), Net::addr(0)),
        (ListenerId(1), "[2a02::1]:6881".parse().unwrap()),
    ];
    dht.listening(&both, Time::START);
    let stats = dht.stats(Time::START);
    assert_eq!(stats.len(), 2);
    assert_ne!(stats[0].id, stats[1].id);
}

#[test]
fn a_snapshot_restored_needs_no_router_with_its_id_or_without() {
    let mut net = of(50, 5);
    net.run(secs(120));
    let seed = net.hosts[7].addr;
    net.share(7, SWARM, true);
    net.run(secs(10));
    let snapshot = net.hosts[20].dht.snapshot(net.now);
    assert!(snapshot.nodes[0].known.len() > 30);
    let late = net.add_at(Net::addr(1_000), &[]);
    net.run(secs(30));
    let (found, _) = net.look_up(late, Goal::Peers(SWARM));
    assert_eq!(found, Found::default());
    let beside = net.add_at(Net::addr(1_001), &[]);
    let mut nameless = snapshot.clone();
    let kept = nameless.nodes[0].id.take();
    net.hosts[late].dht.restore(snapshot, net.now);
    net.hosts[beside].dht.restore(nameless, net.now);
    let id = |at: usize| Some(net.hosts[at].dht.stats(net.now)[0].id);
    assert!(id(late) == kept && id(beside) != kept);
    for at in [late, beside] {
        let (found, took) = net.look_up(at, Goal::Peers(SWARM));
        assert_eq!(found.peers, [seed]);
        assert!(took < secs(1), "{took:?}");
    }
}

#[test]
fn without_anybody_to_ask_a_look_up_ends_in_time_and_routers_are_asked_again() {
    let mut net = Net::new(6);
    let dead = Net::addr(500);
    let at = net.add_at(Net::addr(0), &[dead]);
    let (found, took) = net.look_up(at, Goal::Peers(SWARM));
    assert_eq!(found, Found::default());
    assert!(took <= secs(15), "{took:?}");
    net.run(secs(3_600));
    let asked = net
        .elsewhere
        .iter()
        .filter(|(_, to, _)| *to == dead)
        .count();
    assert!((10..=20).contains(&asked), "{asked}");
}
