//! That no announce makes the table grow past its limits or its counts wrong.

use std::collections::BTreeMap;

use rand_core::Rng;

use super::*;

#[test]
fn a_full_swarm_answers_a_newcomer_without_entering_it() {
    let limits = SwarmLimits {
        peers_per_swarm_max: 2,
        ..SwarmLimits::default()
    };
    let mut swarms = swarms_within(limits);
    drawn(&mut swarms, &leecher(v4(1)), at(0));
    drawn(&mut swarms, &leecher(v4(2)), at(0));
    let answer = swarms.announce(&leecher(v4(3)), at(0)).unwrap();
    assert!(answer.unlisted);
    assert_eq!((answer.peers.len(), swarms.peers()), (2, 2));
    // Those who are in may stay and change.
    assert!(!swarms.announce(&completed(v4(2)), at(1)).unwrap().unlisted);
    // Who leaves makes room.
    swarms.announce(&stopped(v4(1)), at(1)).unwrap();
    assert!(!swarms.announce(&leecher(v4(3)), at(1)).unwrap().unlisted);
    assert_eq!(swarms.peers(), 2);
}

#[test]
fn a_full_tracker_takes_no_peer_in_any_swarm() {
    let mut swarms = swarms_within(SwarmLimits {
        peers_max: 1,
        ..SwarmLimits::default()
    });
    drawn(&mut swarms, &leecher(v4(1)), at(0));
    let elsewhere = Announce {
        swarm: OTHER_SWARM,
        ..leecher(v4(2))
    };
    assert!(swarms.announce(&elsewhere, at(0)).unwrap().unlisted);
    assert_eq!(swarms.peers(), 1);
    swarms.forget_the_silent(at(60));
    assert!(!swarms.announce(&elsewhere, at(60)).unwrap().unlisted);
}

#[test]
fn one_swarm_too_many_is_refused_until_another_is_forgotten() {
    let mut swarms = swarms_within(SwarmLimits {
        swarms_max: 1,
        ..SwarmLimits::default()
    });
    drawn(&mut swarms, &leecher(v4(1)), at(0));
    let elsewhere = Announce {
        swarm: OTHER_SWARM,
        ..leecher(v4(2))
    };
    assert_eq!(swarms.announce(&elsewhere, at(0)), Err(SwarmsFull));
    assert_eq!(drawn(&mut swarms, &leecher(v4(3)), at(0)), [v4(1)]);
    swarms.forget_the_silent(at(60));
    assert!(swarms.announce(&elsewhere, at(60)).is_ok());
    assert_eq!(swarms.len(), 1);
}

#[test]
fn after_any_sequence_the_counts_are_those_of_a_naive_table() {
    let limits = SwarmLimits {
        swarms_max: 3,
        peers_per_swarm_max: 6,
        peers_max: 12,
    };
    let mut swarms = swarms_within(limits);
    let mut naive: BTreeMap<(u8, SocketAddr), (bool, Duration)> = BTreeMap::new();
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(3);
    let mut dice = |sides: u64| rng.next_u64() % sides;
    let mut now = Duration::ZERO;
    for _ in 0..20_000 {
        now += at(dice(8));
        swarms.forget_the_silent(now);
        naive.retain(|_, (_, expires)| *expires > now);
        let key = dice(4) as u8;
        let number = 1 + dice(8) as u16;
        let addr = if dice(2) == 0 { v4(number) } else { v6(number) };
        let event = [
            None,
            Some(Event::Started),
            Some(Event::Completed),
            Some(Event::Stopped),
        ];
        let announce = Announce {
            swarm: SwarmKey([key; 20]),
            complete: dice(2) == 0,
            event: event[dice(4) as usize],
            numwant: dice(12) as usize,
            ..leecher(addr)
        };
        let Ok(answer) = swarms.announce(&announce, now) else {
            continue;
        };
        if announce.event == Some(Event::Stopped) {
            naive.remove(&(key, addr));
        } else if !answer.unlisted {
            naive.insert((key, addr), (announce.complete, now + LIFETIME));
        }
        let here: Vec<_> = naive
            .iter()
            .filter(|((swarm, _), _)| *swarm == key)
            .collect();
        let seeds = here.iter().filter(|(_, (complete, _))| *complete).count();
        let counted = (
            answer.stats.complete as usize,
            answer.stats.incomplete as usize,
        );
        assert_eq!(counted, (seeds, here.len() - seeds));
        assert!(answer.peers.len() <= announce.numwant);
        for peer in &answer.peers {
            assert!(naive.contains_key(&(key, peer.addr)) && peer.addr != addr);
        }
        assert_eq!(swarms.peers(), naive.len());
        assert_eq!(
            swarms.seeds(),
            naive.values().filter(|(complete, _)| *complete).count()
        );
        assert!(swarms.len() <= 3 && here.len() <= 6 && naive.len() <= 12);
    }
}
