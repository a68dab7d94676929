use std::net::{Ipv4Addr, Ipv6Addr};

use superseed_proto::tracker::AddressFamily::{V4, V6};

use super::*;

mod bounds;

const LIFETIME: Duration = Duration::from_secs(60);
const SWARM: SwarmKey = SwarmKey([1; 20]);
const OTHER_SWARM: SwarmKey = SwarmKey([2; 20]);

fn swarms_within(limits: SwarmLimits) -> Swarms {
    Swarms::new(limits, LIFETIME, 1)
}

fn swarms() -> Swarms {
    swarms_within(SwarmLimits::default())
}

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn v4(number: u16) -> SocketAddr {
    (Ipv4Addr::new(10, 0, 0, 1), number).into()
}

fn v6(number: u16) -> SocketAddr {
    (Ipv6Addr::LOCALHOST, number).into()
}

fn leecher(addr: SocketAddr) -> Announce {
    let mut peer_id = PeerId([if addr.is_ipv4() { 4 } else { 6 }; 20]);
    peer_id.0[..2].copy_from_slice(&addr.port().to_be_bytes());
    Announce {
        swarm: SWARM,
        addr,
        peer_id,
        complete: false,
        event: None,
        numwant: 50,
        families: if addr.is_ipv4() { &[V4, V6] } else { &[V6, V4] },
    }
}

fn seed(addr: SocketAddr) -> Announce {
    Announce {
        complete: true,
        ..leecher(addr)
    }
}

fn stopped(addr: SocketAddr) -> Announce {
    Announce {
        event: Some(Event::Stopped),
        ..leecher(addr)
    }
}

fn completed(addr: SocketAddr) -> Announce {
    Announce {
        event: Some(Event::Completed),
        ..seed(addr)
    }
}

fn stats(complete: u32, downloaded: u32, incomplete: u32) -> ScrapeStats {
    ScrapeStats {
        complete,
        downloaded,
        incomplete,
    }
}

fn drawn(swarms: &mut Swarms, announce: &Announce, now: Duration) -> Vec<SocketAddr> {
    let answer = swarms.announce(announce, now).unwrap();
    let mut addrs: Vec<_> = answer.peers.iter().map(|peer| peer.addr).collect();
    addrs.sort_unstable();
    addrs
}

#[test]
fn peers_learn_of_each_other_and_never_of_themselves() {
    let mut swarms = swarms();
    assert_eq!(drawn(&mut swarms, &leecher(v4(1)), at(0)), []);
    assert_eq!(drawn(&mut swarms, &leecher(v4(2)), at(1)), [v4(1)]);
    assert_eq!(drawn(&mut swarms, &leecher(v4(1)), at(2)), [v4(2)]);
    assert_eq!(swarms.peers(), 2);
}

#[test]
fn swarms_are_apart() {
    let mut swarms = swarms();
    drawn(&mut swarms, &leecher(v4(1)), at(0));
    let elsewhere = Announce {
        swarm: OTHER_SWARM,
        ..leecher(v4(2))
    };
    assert_eq!(drawn(&mut swarms, &elsewhere, at(0)), []);
    assert_eq!((swarms.len(), swarms.peers()), (2, 2));
}

#[test]
fn a_client_is_not_told_of_itself_on_its_other_family() {
    let mut swarms = swarms();
    let here = leecher(v4(1));
    let there = Announce {
        peer_id: here.peer_id,
        ..leecher(v6(1))
    };
    drawn(&mut swarms, &here, at(0));
    assert_eq!(drawn(&mut swarms, &there, at(0)), []);
    assert_eq!(drawn(&mut swarms, &leecher(v6(2)), at(0)), [v4(1), v6(1)]);
}

#[test]
fn seeds_are_told_of_leechers_only() {
    let mut swarms = swarms();
    drawn(&mut swarms, &seed(v4(1)), at(0));
    drawn(&mut swarms, &leecher(v4(2)), at(0));
    assert_eq!(drawn(&mut swarms, &seed(v4(3)), at(0)), [v4(2)]);
    assert_eq!(
        drawn(&mut swarms, &leecher(v4(4)), at(0)),
        [v4(1), v4(2), v4(3)]
    );
}

#[test]
fn the_askers_family_comes_first_and_the_other_fills_up() {
    let mut swarms = swarms();
    for number in 1..=3 {
        drawn(&mut swarms, &leecher(v4(number)), at(0));
        drawn(&mut swarms, &leecher(v6(number)), at(0));
    }
    let two = Announce {
        numwant: 2,
        ..leecher(v6(9))
    };
    assert!(
        drawn(&mut swarms, &two, at(0))
            .iter()
            .all(SocketAddr::is_ipv6)
    );
    let four = Announce {
        numwant: 4,
        ..leecher(v6(9))
    };
    let addrs = drawn(&mut swarms, &four, at(0));
    assert_eq!(addrs.iter().filter(|addr| addr.is_ipv6()).count(), 3);
    assert_eq!(addrs.len(), 4);
    let v6_only = Announce {
        families: &[V6],
        ..leecher(v6(9))
    };
    assert_eq!(drawn(&mut swarms, &v6_only, at(0)), [v6(1), v6(2), v6(3)]);
}

#[test]
fn nobody_gets_more_than_it_wants_and_all_are_drawn_in_time() {
    let mut swarms = swarms();
    for number in 1..=100 {
        drawn(&mut swarms, &leecher(v4(number)), at(0));
    }
    let ten = Announce {
        numwant: 10,
        ..leecher(v4(200))
    };
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..100 {
        let addrs = drawn(&mut swarms, &ten, at(0));
        assert_eq!(addrs.len(), 10);
        seen.extend(addrs);
    }
    assert_eq!(seen.len(), 100);
    let none = Announce {
        numwant: 0,
        ..leecher(v4(200))
    };
    assert_eq!(drawn(&mut swarms, &none, at(0)), []);
}

#[test]
fn the_same_seed_draws_the_same_peers() {
    let run = || {
        let mut swarms = swarms();
        let answers = (1..=50).map(|number| {
            let announce = Announce {
                numwant: 5,
                ..leecher(v4(number))
            };
            swarms.announce(&announce, at(0)).unwrap()
        });
        answers.collect::<Vec<_>>()
    };
    assert_eq!(run(), run());
}

#[test]
fn who_stops_is_gone_at_once_and_gets_nobody() {
    let mut swarms = swarms();
    drawn(&mut swarms, &seed(v4(1)), at(0));
    drawn(&mut swarms, &leecher(v4(2)), at(0));
    let answer = swarms.announce(&stopped(v4(1)), at(1)).unwrap();
    assert_eq!(
        answer,
        Answer {
            stats: stats(0, 0, 1),
            ..Answer::default()
        }
    );
    assert_eq!(drawn(&mut swarms, &leecher(v4(3)), at(1)), [v4(2)]);
    assert_eq!((swarms.peers(), swarms.seeds()), (2, 0));
}

#[test]
fn stopping_what_never_began_leaves_no_trace() {
    let mut swarms = swarms();
    assert_eq!(
        swarms.announce(&stopped(v4(1)), at(0)),
        Ok(Answer::default())
    );
    assert_eq!((swarms.len(), swarms.peers()), (0, 0));
}

#[test]
fn who_is_silent_for_a_lifetime_is_neither_told_of_nor_counted() {
    let mut swarms = swarms();
    drawn(&mut swarms, &seed(v4(1)), at(0));
    drawn(&mut swarms, &leecher(v4(2)), at(30));
    assert_eq!(drawn(&mut swarms, &leecher(v4(3)), at(59)), [v4(1), v4(2)]);
    // Expired, though nobody has swept yet.
    assert_eq!(drawn(&mut swarms, &leecher(v4(3)), at(60)), [v4(2)]);
    assert_eq!(swarms.scrape(SWARM), stats(1, 0, 2));
    swarms.forget_the_silent(at(60));
    assert_eq!(swarms.scrape(SWARM), stats(0, 0, 2));
    assert_eq!((swarms.peers(), swarms.seeds()), (2, 0));
}

#[test]
fn an_announce_renews_the_lifetime() {
    let mut swarms = swarms();
    for seconds in [0, 50, 100, 150] {
        drawn(&mut swarms, &leecher(v4(1)), at(seconds));
        swarms.forget_the_silent(at(seconds + 9));
    }
    assert_eq!(swarms.peers(), 1);
}

#[test]
fn an_empty_swarm_keeps_its_completions_for_a_lifetime() {
    let mut swarms = swarms();
    drawn(&mut swarms, &completed(v4(1)), at(10));
    swarms.announce(&stopped(v4(1)), at(20)).unwrap();
    swarms.forget_the_silent(at(69));
    assert_eq!(swarms.scrape(SWARM), stats(0, 1, 0));
    swarms.forget_the_silent(at(70));
    assert_eq!((swarms.len(), swarms.scrape(SWARM)), (0, stats(0, 0, 0)));
}

#[test]
fn a_completion_counts_once_and_makes_a_seed_of_a_leecher() {
    let mut swarms = swarms();
    drawn(&mut swarms, &leecher(v4(1)), at(0));
    assert_eq!(swarms.scrape(SWARM), stats(0, 0, 1));
    for _ in 0..3 {
        drawn(&mut swarms, &completed(v4(1)), at(1));
        assert_eq!(swarms.scrape(SWARM), stats(1, 1, 0));
    }
    // It began complete: nothing was downloaded.
    drawn(&mut swarms, &seed(v4(2)), at(1));
    assert_eq!(swarms.scrape(SWARM), stats(2, 1, 0));
    assert_eq!(swarms.seeds(), 2);
}

#[test]
fn a_seed_that_wants_more_is_a_leecher_again() {
    let mut swarms = swarms();
    drawn(&mut swarms, &seed(v4(1)), at(0));
    drawn(&mut swarms, &leecher(v4(1)), at(1));
    assert_eq!(swarms.scrape(SWARM), stats(0, 0, 1));
    assert_eq!((swarms.peers(), swarms.seeds()), (1, 0));
}
