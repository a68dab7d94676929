use core::net::Ipv6Addr;
use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::*;

const MINUTE: u64 = 60;

fn at(seconds: u64) -> Time {
    Time::from_micros(seconds * 1_000_000)
}

fn peer(host: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, host], 6881))
}

fn with(hosts: impl IntoIterator<Item = u8>) -> Candidates {
    let mut candidates = Candidates::new(7);
    for host in hosts {
        assert!(candidates.add(peer(host), PeerSource::Tracker, at(0)));
    }
    candidates
}

/// Begins the best attempt.
fn try_next(candidates: &mut Candidates, now: Time) -> Option<SocketAddr> {
    let addr = candidates.next(now)?;
    candidates.connecting(addr, now);
    Some(addr)
}

/// Seconds from `now` until the only address is eligible again.
fn wait_s(candidates: &Candidates, now: Time) -> f64 {
    candidates.next_deadline(now).since(now).as_secs_f64()
}

#[test]
fn fifty_candidates_can_all_be_tried_at_once() {
    let mut candidates = with(1..=50);
    let mut tried: Vec<_> = std::iter::from_fn(|| try_next(&mut candidates, at(0))).collect();
    tried.sort();
    assert_eq!(tried, (1..=50).map(peer).collect::<Vec<_>>());
    assert_eq!(candidates.next_deadline(at(0)), Time::NEVER);
    assert_eq!((candidates.len(), candidates.connectable()), (50, 0));
}

#[test]
fn who_must_forget_addresses_forgets_those_that_failed_and_none_of_the_users() {
    let mut candidates = with(1..=20);
    for _ in 0..10 {
        let addr = try_next(&mut candidates, at(0)).unwrap();
        candidates.failed(addr, at(0), ConnectError::TimedOut);
    }
    candidates.add(peer(99), PeerSource::User, at(0));
    candidates.shrink(5);
    assert_eq!(candidates.len(), 5);
    assert_eq!(candidates.next(at(0)), Some(peer(99)));
    let untried = |addr: &SocketAddr| candidates.known[addr].failures == 0;
    assert!(candidates.known.keys().all(untried));
    candidates.shrink(0);
    assert_eq!(candidates.len(), 1, "the user's");
}

#[test]
fn among_equals_those_of_the_greatest_priority_to_us_are_tried_first() {
    let ours: SocketAddr = "123.213.32.10:6881".parse().unwrap();
    let theirs: Vec<SocketAddr> = (1..=50u8)
        .map(|host| ([98, 76, host, 3 * host], 6881).into())
        .collect();
    let mut by_priority = theirs.clone();
    by_priority.sort_by_key(|addr| std::cmp::Reverse(peer_priority(ours, *addr)));
    // Whether our address was known before theirs, or is learnt later.
    for known_before in [true, false] {
        let mut candidates = Candidates::new(7);
        if known_before {
            candidates.set_ours(&[ours]);
        }
        for addr in &theirs {
            assert!(candidates.add(*addr, PeerSource::Tracker, at(0)));
        }
        candidates.set_ours(&[ours]);
        assert_eq!(
            candidates.priority(theirs[0]),
            peer_priority(ours, theirs[0])
        );
        let tried: Vec<_> = std::iter::from_fn(|| try_next(&mut candidates, at(0))).collect();
        assert_eq!(tried, by_priority, "known before: {known_before}");
    }
}

#[test]
fn addresses_that_cannot_be_a_peer_are_refused() {
    let mut candidates = Candidates::new(7);
    for addr in [
        "10.0.0.1:0",
        "0.0.0.0:1",
        "[::]:1",
        "224.0.0.1:1",
        "[ff02::1]:1",
        "255.255.255.255:1",
    ] {
        assert!(
            !candidates.add(addr.parse().unwrap(), PeerSource::Tracker, at(0)),
            "{addr}"
        );
    }
    assert!(candidates.is_empty());
}

#[test]
fn a_mapped_address_is_the_ipv4_address_it_stands_for() {
    let mut candidates = with([1]);
    let mapped = SocketAddr::from((Ipv6Addr::from([0, 0, 0, 0, 0, 0xffff, 0x0a00, 1]), 6881));
    assert!(!candidates.add(mapped, PeerSource::Pex, at(0)));
    assert_eq!(candidates.next(at(0)), Some(peer(1)));
    candidates.connecting(mapped, at(0));
    assert_eq!(candidates.connectable(), 0);
    candidates.ban(mapped.ip());
    assert!(candidates.is_banned(peer(1).ip()));
    assert!(candidates.is_empty());
}

#[test]
fn what_stands_for_a_name_is_a_candidate_only_where_our_own_side_gives_it() {
    let stand_in: SocketAddr = "240.0.0.1:6881".parse().unwrap();
    let mut candidates = Candidates::new(7);
    for source in PeerSource::ALL {
        let is_user = source == PeerSource::User;
        assert_eq!(
            candidates.add(stand_in, source, at(0)),
            is_user,
            "{source:?}"
        );
        candidates = Candidates::new(7);
    }
}

#[test]
fn our_own_listening_addresses_are_never_candidates() {
    let mut candidates = with([1]);
    assert!(candidates.add(
        "127.0.0.1:7000".parse().unwrap(),
        PeerSource::Tracker,
        at(0)
    ));
    candidates.set_self(&[
        "0.0.0.0:7000".parse().unwrap(),
        peer(1),
        "[::]:7001".parse().unwrap(),
    ]);
    assert!(candidates.is_empty());
    for own in ["127.0.0.1:7000", "10.0.0.1:6881", "[::1]:7001"] {
        assert!(
            !candidates.add(own.parse().unwrap(), PeerSource::User, at(0)),
            "{own}"
        );
    }
    for other in ["127.0.0.1:7001", "10.0.0.1:7000", "[::1]:7000"] {
        assert!(
            candidates.add(other.parse().unwrap(), PeerSource::User, at(0)),
            "{other}"
        );
    }
}

#[test]
fn an_address_that_turned_out_to_be_ourselves_is_never_tried_again() {
    let mut candidates = with([1]);
    try_next(&mut candidates, at(0)).unwrap();
    candidates.mark_self(peer(1));
    candidates.failed(peer(1), at(0), ConnectError::Other);
    assert!(!candidates.add(peer(1), PeerSource::Tracker, at(10)));
    assert_eq!(candidates.next_deadline(at(10)), Time::NEVER);
}

#[test]
fn the_users_peer_comes_first_and_then_the_one_with_the_fewest_failures() {
    let mut candidates = with([1, 2]);
    candidates.connecting(peer(1), at(0));
    candidates.failed(peer(1), at(0), ConnectError::TimedOut);
    candidates.add(peer(3), PeerSource::Resume, at(0));
    candidates.add(peer(4), PeerSource::User, at(0));
    let later = at(10 * MINUTE);
    let order: Vec<_> = std::iter::from_fn(|| try_next(&mut candidates, later)).collect();
    assert_eq!(order, [peer(4), peer(2), peer(3), peer(1)]);
}

#[test]
fn of_two_that_never_failed_the_one_never_connected_comes_first() {
    let mut candidates = with([1, 2]);
    candidates.connected(peer(1), at(0));
    candidates.closed(peer(1), at(2 * MINUTE), CloseKind::Lost);
    assert_eq!(candidates.next(at(10 * MINUTE)), Some(peer(2)));
}

#[test]
fn the_delay_doubles_with_every_failure_up_to_an_hour() {
    let mut candidates = with([1]);
    let mut now = at(0);
    for expected in [60.0, 120.0, 240.0, 480.0, 960.0, 1_920.0, 3_600.0, 3_600.0] {
        try_next(&mut candidates, now).unwrap();
        candidates.failed(peer(1), now, ConnectError::TimedOut);
        let delay = wait_s(&candidates, now);
        assert!(
            (expected..=expected * 1.25).contains(&delay),
            "{delay} instead of {expected}"
        );
        now = candidates.next_deadline(now);
    }
}

#[test]
fn a_peer_of_the_user_that_starts_three_seconds_late_is_tried_within_two_more() {
    let mut candidates = Candidates::new(7);
    candidates.add(peer(1), PeerSource::User, at(0));
    let (mut now, mut attempts) = (at(0), Vec::new());
    while now < at(60) {
        try_next(&mut candidates, now).unwrap();
        attempts.push(now);
        candidates.failed(peer(1), now, ConnectError::Refused);
        now = candidates.next_deadline(now);
    }
    let found = attempts.iter().find(|attempt| **attempt >= at(3)).unwrap();
    assert!(*found < at(5), "{attempts:?}");
    assert!((5..=8).contains(&attempts.len()), "{attempts:?}");
}

#[test]
fn refusals_make_an_address_wait_an_hour_if_there_are_others() {
    let mut lonely = with([1]);
    let mut crowded = with([1, 2]);
    for candidates in [&mut lonely, &mut crowded] {
        if candidates.len() == 2 {
            candidates.connected(peer(2), at(0));
        }
        for _ in 0..3 {
            candidates.connecting(peer(1), at(0));
            candidates.failed(peer(1), at(0), ConnectError::Refused);
        }
    }
    assert!(wait_s(&lonely, at(0)) <= 240.0 * 1.25);
    assert!(wait_s(&crowded, at(0)) >= 3_600.0);
}

#[test]
fn a_shortage_of_our_own_is_no_failure_of_the_peer() {
    let mut candidates = with([1]);
    for _ in 0..5 {
        candidates.connecting(peer(1), at(0));
        candidates.failed(peer(1), at(0), ConnectError::LocalLimit);
        assert!((5.0..=6.25).contains(&wait_s(&candidates, at(0))));
    }
}

#[test]
fn how_a_connection_ended_decides_when_it_is_made_again() {
    let after = |why, lasted_s| {
        let mut candidates = with([1]);
        candidates.connecting(peer(1), at(0));
        candidates.connected(peer(1), at(0));
        candidates.closed(peer(1), at(lasted_s), why);
        wait_s(&candidates, at(lasted_s))
    };
    let cases = [
        (CloseKind::Lost, 5, 60.0),
        (CloseKind::Lost, 300, 20.0),
        (CloseKind::Idle, 300, 60.0),
        (CloseKind::Ours, 5, 60.0),
        (CloseKind::Fault, 5, 120.0),
        (CloseKind::Duplicate, 5, 600.0),
        (CloseKind::Useless, 300, 3_600.0),
    ];
    for (why, lasted_s, expected) in cases {
        let delay = after(why, lasted_s);
        assert!(
            (expected..=expected * 1.25).contains(&delay),
            "{why:?}: {delay} instead of {expected}"
        );
    }
}

#[test]
fn a_connection_that_breaks_at_once_again_and_again_is_made_ever_more_rarely() {
    let mut candidates = with([1]);
    let (mut now, mut delays) = (at(0), Vec::new());
    for _ in 0..4 {
        try_next(&mut candidates, now).unwrap();
        candidates.connected(peer(1), now);
        candidates.closed(peer(1), now, CloseKind::Lost);
        delays.push(wait_s(&candidates, now));
        now = candidates.next_deadline(now);
    }
    assert!(delays.is_sorted_by(|a, b| b / a > 1.5), "{delays:?}");
}

#[test]
fn after_a_pause_those_that_never_failed_are_tried_at_once() {
    let mut candidates = with([1, 2]);
    candidates.connected(peer(1), at(0));
    candidates.closed(peer(1), at(10), CloseKind::Ours);
    candidates.connecting(peer(2), at(0));
    candidates.failed(peer(2), at(10), ConnectError::TimedOut);
    candidates.wake(at(20));
    assert_eq!(try_next(&mut candidates, at(20)), Some(peer(1)));
    assert_eq!(candidates.next(at(20)), None);
}

#[test]
fn a_full_list_forgets_the_worst_failure_first_and_keeps_the_users_peers() {
    let mut candidates = Candidates::new(7);
    let numbered = |n: usize| SocketAddr::from(([10, 1, (n >> 8) as u8, n as u8], 6881));
    for n in 0..CANDIDATES_PER_TORRENT_MAX {
        let source = if n == 0 {
            PeerSource::User
        } else {
            PeerSource::Tracker
        };
        assert!(candidates.add(numbered(n), source, at(0)));
    }
    assert!(
        !candidates.add(peer(1), PeerSource::Tracker, at(0)),
        "nobody is worse than the newcomer"
    );
    for n in [0, 5] {
        candidates.connecting(numbered(n), at(0));
        candidates.failed(numbered(n), at(0), ConnectError::TimedOut);
    }
    assert!(candidates.add(peer(1), PeerSource::Tracker, at(0)));
    assert_eq!(candidates.len(), CANDIDATES_PER_TORRENT_MAX);
    assert_eq!(candidates.source(numbered(5)), None);
    assert_eq!(candidates.source(numbered(0)), Some(PeerSource::User));
}

#[test]
fn bans_are_bounded_and_the_oldest_is_forgotten() {
    let mut candidates = Candidates::new(7);
    let numbered = |n: usize| IpAddr::from([10, 1, (n >> 8) as u8, n as u8]);
    for n in 0..=crate::limits::BANNED_PER_TORRENT_MAX {
        candidates.ban(numbered(n));
    }
    assert!(!candidates.is_banned(numbered(0)));
    assert!(candidates.is_banned(numbered(1)));
    assert!(!candidates.add(SocketAddr::new(numbered(1), 1), PeerSource::User, at(0)));
}

#[test]
fn a_ban_takes_every_port_and_scope_of_the_host() {
    let mut candidates = Candidates::new(7);
    for addr in ["[fe80::1%3]:5", "[fe80::1]:6", "[fe80::2]:6"] {
        assert!(candidates.add(addr.parse().unwrap(), PeerSource::Lsd, at(0)));
    }
    candidates.ban("fe80::1".parse().unwrap());
    assert_eq!(candidates.next(at(0)), Some("[fe80::2]:6".parse().unwrap()));
    assert_eq!(candidates.len(), 1);
}

#[test]
fn dropping_a_source_keeps_what_another_source_named_too() {
    let mut candidates = with([1, 2, 3]);
    candidates.add(peer(2), PeerSource::User, at(0));
    candidates.connected(peer(3), at(0));
    candidates.drop_source(PeerSource::Tracker);
    assert_eq!(candidates.len(), 1);
    assert_eq!(candidates.source(peer(2)), Some(PeerSource::User));
    candidates.closed(peer(3), at(1), CloseKind::Ours);
    assert_eq!(candidates.len(), 1);
}

#[test]
fn a_user_who_names_a_failing_address_again_has_it_tried_now() {
    let mut candidates = with([1]);
    candidates.connecting(peer(1), at(0));
    candidates.failed(peer(1), at(0), ConnectError::TimedOut);
    assert!(!candidates.add(peer(1), PeerSource::User, at(10)));
    assert_eq!(candidates.next(at(10)), Some(peer(1)));
}

#[derive(Clone, Debug)]
enum Step {
    Add(u8, PeerSource),
    Try,
    Connected(u8),
    Failed(u8, ConnectError),
    Closed(u8, CloseKind),
    Ban(u8),
    Drop(PeerSource),
    Wake,
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let source = prop_oneof![
        Just(PeerSource::Tracker),
        Just(PeerSource::Pex),
        Just(PeerSource::Resume)
    ];
    let error = prop_oneof![
        Just(ConnectError::Refused),
        Just(ConnectError::TimedOut),
        Just(ConnectError::LocalLimit)
    ];
    let close = prop_oneof![
        Just(CloseKind::Lost),
        Just(CloseKind::Fault),
        Just(CloseKind::Ours),
        Just(CloseKind::Useless)
    ];
    prop_oneof![
        3 => (0..8u8, source.clone()).prop_map(|(host, source)| Step::Add(host, source)),
        6 => Just(Step::Try),
        2 => (0..8u8).prop_map(Step::Connected),
        4 => (0..8u8, error).prop_map(|(host, error)| Step::Failed(host, error)),
        2 => (0..8u8, close).prop_map(|(host, why)| Step::Closed(host, why)),
        1 => (0..8u8).prop_map(Step::Ban),
        1 => source.prop_map(Step::Drop),
        1 => Just(Step::Wake),
        4 => (0..400u64).prop_map(Step::Pass),
    ]
}

proptest! {
    #[test]
    fn no_address_is_tried_again_before_its_delay(steps in proptest::collection::vec(step(), 1..300)) {
        let mut candidates = Candidates::new(1);
        let mut now = at(0);
        // When the attempt before ended, and how.
        let mut ended: BTreeMap<SocketAddr, (Time, Duration)> = BTreeMap::new();
        for step in steps {
            match step {
                Step::Add(host, source) => {
                    if candidates.add(peer(host), source, now) {
                        // Forgotten and learned anew: nothing is remembered.
                        ended.remove(&peer(host));
                    }
                }
                Step::Try => {
                    let Some(addr) = candidates.next(now) else { continue };
                    if let Some((end, least)) = ended.get(&addr) {
                        prop_assert!(now.since(*end) >= *least, "{addr} after {:?}", now.since(*end));
                    }
                    prop_assert!(!candidates.is_banned(addr.ip()));
                    candidates.connecting(addr, now);
                }
                Step::Connected(host) => candidates.connected(peer(host), now),
                Step::Failed(host, error) => {
                    candidates.failed(peer(host), now, error);
                    let least = if error == ConnectError::LocalLimit { 5 } else { 60 };
                    ended.insert(peer(host), (now, Duration::from_secs(least)));
                }
                Step::Closed(host, why) => {
                    candidates.closed(peer(host), now, why);
                    ended.insert(peer(host), (now, Duration::from_secs(20)));
                }
                Step::Ban(host) => candidates.ban(peer(host).ip()),
                Step::Drop(source) => candidates.drop_source(source),
                Step::Wake => {
                    candidates.wake(now);
                    for (_, least) in ended.values_mut() {
                        *least = Duration::ZERO;
                    }
                }
                Step::Pass(seconds) => now += Duration::from_secs(seconds),
            }
            prop_assert!(candidates.connectable() <= candidates.len());
            let deadline = candidates.next_deadline(now);
            let eligible = candidates.next(now).is_some();
            prop_assert_eq!(eligible, deadline <= now);
        }
    }
}

#[test]
fn a_ban_takes_the_whole_network_that_an_ipv6_host_has() {
    let mut candidates = Candidates::new(7);
    let [first, other, elsewhere] = [
        "[2001:db8::1]:5",
        "[2001:db8::2:3:4:5]:6",
        "[2001:db8:0:1::1]:5",
    ]
    .map(|addr| addr.parse::<SocketAddr>().unwrap());
    for addr in [first, other, elsewhere] {
        assert!(candidates.add(addr, PeerSource::Tracker, at(0)));
    }
    candidates.ban(first.ip());
    assert_eq!(candidates.len(), 1);
    assert!(candidates.is_banned(other.ip()));
    assert!(!candidates.is_banned(elsewhere.ip()));
    assert!(!candidates.add(other, PeerSource::Tracker, at(0)));
}

#[test]
fn a_neighbour_has_few_addresses_and_one_that_failed_gives_way() {
    let mut candidates = Candidates::new(7);
    let client = |port| SocketAddr::from(([10, 0, 0, 1], port));
    let named = (1..=1_000).filter(|port| candidates.add(client(*port), PeerSource::Lsd, at(0)));
    assert_eq!(named.count(), LSD_ADDRS_PER_HOST_MAX);
    assert!(
        candidates.add(peer(2), PeerSource::Lsd, at(0)),
        "another host"
    );
    assert!(candidates.add(client(7_000), PeerSource::Tracker, at(0)));
    candidates.connecting(client(2), at(0));
    candidates.failed(client(2), at(1), ConnectError::Refused);
    assert!(candidates.add(client(8_000), PeerSource::Lsd, at(1)));
    assert_eq!(candidates.source(client(2)), None);
    assert!(!candidates.add(client(8_001), PeerSource::Lsd, at(1)));
}
