//! What peers are told adds up to who is connected, whoever comes and goes.

use core::net::SocketAddr;
use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use superseed_proto::wire::{Pex, PexFlag, PexFlags};

use super::told::{Receiver, Roster, Told};
use super::{PEX_FIRST_TOLD_MAX, PEX_TOLD_MAX};
use crate::limits::{PEX_RECENT_MAX, PEX_ROSTER_MAX};

fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// The listening address of a peer of a swarm; each eighth is of IPv6.
fn world(number: u32) -> SocketAddr {
    if number % 8 == 7 {
        let bits = 0x2001_0db8 << 96 | u128::from(number) << 64 | 1;
        return SocketAddr::from((std::net::Ipv6Addr::from_bits(bits), 6881));
    }
    SocketAddr::from((std::net::Ipv4Addr::from(0x5d00_0000 + (number << 8)), 6881))
}

fn leecher(addr: SocketAddr) -> Receiver {
    Receiver {
        ip: addr.ip(),
        is_seed: false,
    }
}

/// A connected peer.
fn join(roster: &mut Roster, addr: SocketAddr) -> Told {
    let mut told = Told::default();
    assert!(roster.join(&mut told, addr));
    told
}

fn seed() -> PexFlags {
    PexFlags::default().with(PexFlag::UploadOnly)
}

fn addrs(pex: &Pex) -> Vec<SocketAddr> {
    pex.added.iter().map(|(addr, _)| *addr).collect()
}

#[test]
fn nobody_hears_of_a_peer_that_is_known_by_what_stands_for_its_name() {
    let mut roster = Roster::default();
    let mut told = Told::default();
    assert!(!roster.join(&mut told, addr("240.0.0.1:6881")));
    let mut to_a = join(&mut roster, world(0));
    assert_eq!(roster.tell(&mut to_a, &leecher(world(0))), None);
}

#[test]
fn a_peer_hears_of_the_others_and_when_they_are_gone() {
    let mut roster = Roster::default();
    let [a, b, c] = [world(0), world(1), world(2)];
    let mut to_a = join(&mut roster, a);
    assert_eq!(roster.tell(&mut to_a, &leecher(a)), None);
    let to_b = join(&mut roster, b);
    roster.set_flags(&to_b, seed());
    let to_c = join(&mut roster, c);
    assert!(roster.has_news(&to_a, &leecher(a)));
    let first = roster.tell(&mut to_a, &leecher(a)).unwrap();
    assert_eq!(first.added, [(b, seed()), (c, PexFlags::default())]);
    assert_eq!(first.dropped, []);
    assert!(!roster.has_news(&to_a, &leecher(a)));
    roster.leave(&to_b, false);
    roster.leave(&to_c, false);
    let to_c = join(&mut roster, c);
    let second = roster.tell(&mut to_a, &leecher(a)).unwrap();
    assert_eq!((second.added, second.dropped), (vec![], vec![b]));
    assert_eq!(roster.len(), 2);
    roster.leave(&to_a, false);
    roster.leave(&to_c, false);
    assert_eq!(roster.len(), 0);
}

#[test]
fn who_left_for_want_of_interest_is_told_once_where_few_are_connected() {
    let mut roster = Roster::default();
    for number in 1..=30 {
        let told = join(&mut roster, world(8 * number));
        roster.leave(&told, true);
    }
    assert_eq!(roster.len(), PEX_RECENT_MAX);
    let a = world(0);
    let mut to_a = join(&mut roster, a);
    let first = roster.tell(&mut to_a, &leecher(a)).unwrap();
    let latest: Vec<_> = (6..=30).map(|number| world(8 * number)).collect();
    assert_eq!(addrs(&first), latest);
    let mut second = roster.tell(&mut to_a, &leecher(a)).unwrap();
    second.dropped.sort();
    assert_eq!((second.added, second.dropped), (vec![], latest));
    assert_eq!(roster.tell(&mut to_a, &leecher(a)), None);
    // Another one hears of them as well, but not when there are others enough.
    let b = world(1_000);
    let mut to_b = join(&mut roster, b);
    assert_eq!(roster.tell(&mut to_b, &leecher(b)).unwrap().added.len(), 26);
    let _others: Vec<_> = (1..=24)
        .map(|number| join(&mut roster, world(8 * number + 1)))
        .collect();
    let mut to_c = join(&mut roster, world(2_000));
    let to_c = roster.tell(&mut to_c, &leecher(world(2_000))).unwrap();
    assert_eq!(to_c.added.len(), 26);
    assert!(
        addrs(&to_c)
            .iter()
            .all(|told| !addrs(&first).contains(told))
    );
}

#[test]
fn a_peer_that_was_told_of_does_not_come_again_as_one_that_left() {
    let mut roster = Roster::default();
    let [a, b] = [world(0), world(1)];
    let mut to_a = join(&mut roster, a);
    let to_b = join(&mut roster, b);
    assert_eq!(addrs(&roster.tell(&mut to_a, &leecher(a)).unwrap()), [b]);
    roster.leave(&to_b, true);
    assert_eq!(roster.tell(&mut to_a, &leecher(a)).unwrap().dropped, [b]);
    assert_eq!(roster.tell(&mut to_a, &leecher(a)), None);
}

#[test]
fn private_addresses_stay_inside() {
    let mut roster = Roster::default();
    let known = [
        "93.1.1.1:1",
        "10.0.0.1:1",
        "[fd00::1]:1",
        "127.0.0.1:1",
        "[fe80::1]:1",
    ];
    let _told: Vec<_> = known.map(|text| join(&mut roster, addr(text))).into();
    let mut heard_at = |ip: &str| {
        let to = leecher(SocketAddr::new(ip.parse().unwrap(), 9));
        let pex = roster.tell(&mut Told::default(), &to);
        addrs(&pex.unwrap())
    };
    assert_eq!(
        heard_at("94.1.1.1"),
        known[..1].iter().map(|text| addr(text)).collect::<Vec<_>>()
    );
    assert_eq!(heard_at("2001:db8::1").len(), 1);
    assert_eq!(heard_at("192.168.1.1").len(), 3);
    assert_eq!(heard_at("::ffff:192.168.1.1").len(), 3);
    assert_eq!(heard_at("127.0.0.1").len(), 4);
}

#[test]
fn seeds_do_not_hear_of_seeds() {
    let mut roster = Roster::default();
    let to_seed = join(&mut roster, world(1));
    roster.set_flags(&to_seed, seed());
    let _other = join(&mut roster, world(2));
    let seed = Receiver {
        is_seed: true,
        ..leecher(world(0))
    };
    let pex = roster.tell(&mut Told::default(), &seed).unwrap();
    assert_eq!(addrs(&pex), [world(2)]);
}

#[test]
fn messages_are_short_and_each_peer_hears_first_of_another() {
    let mut roster = Roster::default();
    let mut told: Vec<Told> = (0..300)
        .map(|number| join(&mut roster, world(number)))
        .collect();
    let first = |roster: &mut Roster, told: &mut Told, number| {
        let pex = roster.tell(told, &leecher(world(number))).unwrap();
        assert_eq!(pex.added.len(), PEX_FIRST_TOLD_MAX);
        addrs(&pex)[0]
    };
    assert_eq!(first(&mut roster, &mut told[0], 0), world(1));
    assert_eq!(first(&mut roster, &mut told[200], 200), world(201));
    let second = roster.tell(&mut told[0], &leecher(world(0))).unwrap();
    assert_eq!(second.added.len(), PEX_TOLD_MAX);
    for told in told.drain(1..) {
        roster.leave(&told, false);
    }
    let gone = roster.tell(&mut told[0], &leecher(world(0))).unwrap();
    assert_eq!((gone.added.len(), gone.dropped.len()), (0, PEX_TOLD_MAX));
}

#[test]
fn two_connections_with_one_address_are_told_as_one() {
    let mut roster = Roster::default();
    let mut to_a = join(&mut roster, world(0));
    let (first, second) = (join(&mut roster, world(1)), join(&mut roster, world(1)));
    let to = leecher(world(0));
    assert_eq!(addrs(&roster.tell(&mut to_a, &to).unwrap()), [world(1)]);
    roster.leave(&first, true);
    assert_eq!(roster.tell(&mut to_a, &to), None);
    roster.leave(&second, false);
    assert_eq!(roster.tell(&mut to_a, &to).unwrap().dropped, [world(1)]);
}

#[test]
fn a_roster_takes_no_more_than_its_bound() {
    let mut roster = Roster::default();
    for number in 0..2 * PEX_ROSTER_MAX as u32 {
        roster.join(&mut Told::default(), world(number));
    }
    assert_eq!(roster.len(), PEX_ROSTER_MAX);
}

/// What happens to a torrent.
#[derive(Clone, Debug)]
enum Happening {
    Join(u8),
    Leave(u8, bool),
    Tell(u8),
}

fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    let one = prop_oneof![
        any::<u8>().prop_map(Happening::Join),
        (any::<u8>(), any::<bool>()).prop_map(|(who, worth)| Happening::Leave(who, worth)),
        any::<u8>().prop_map(Happening::Tell),
        any::<u8>().prop_map(Happening::Tell),
    ];
    prop::collection::vec(one, 0..600)
}

/// A peer, and what it makes of its messages.
#[derive(Default)]
struct Listener {
    told: Told,
    sum: BTreeSet<SocketAddr>,
    messages: usize,
}

/// A torrent and everyone at it.
#[derive(Default)]
struct Swarm {
    roster: Roster,
    peers: BTreeMap<u8, Listener>,
}

impl Swarm {
    /// Every third is a seed.
    fn is_seed(number: u8) -> bool {
        number.is_multiple_of(3)
    }

    fn join(&mut self, number: u8) {
        if self.peers.contains_key(&number) {
            return;
        }
        let mut listener = Listener::default();
        assert!(self.roster.join(&mut listener.told, world(number.into())));
        if Self::is_seed(number) {
            self.roster.set_flags(&listener.told, seed());
        }
        self.peers.insert(number, listener);
    }

    fn leave(&mut self, number: u8, worth: bool) {
        if let Some(listener) = self.peers.remove(&number) {
            self.roster.leave(&listener.told, worth);
        }
    }

    /// Tells one of them, and adds up what it heard.
    fn tell(&mut self, number: u8) -> bool {
        let Some(listener) = self.peers.get_mut(&number) else {
            return false;
        };
        let own = world(number.into());
        let to = Receiver {
            ip: own.ip(),
            is_seed: Self::is_seed(number),
        };
        let news = self.roster.has_news(&listener.told, &to);
        let pex = self.roster.tell(&mut listener.told, &to);
        assert_eq!(news, pex.is_some());
        let Some(pex) = pex else { return false };
        let max = if listener.messages == 0 {
            PEX_FIRST_TOLD_MAX
        } else {
            PEX_TOLD_MAX
        };
        assert!(pex.added.len() <= max && pex.dropped.len() <= PEX_TOLD_MAX);
        assert!(!pex.added.is_empty() || !pex.dropped.is_empty());
        listener.messages += 1;
        for addr in &pex.dropped {
            assert!(listener.sum.remove(addr), "dropped twice, or never added");
        }
        for (addr, _) in &pex.added {
            assert!(!pex.dropped.contains(addr), "both in one");
            assert!(listener.sum.insert(*addr), "added twice");
        }
        assert!(!listener.sum.contains(&own));
        true
    }
}

proptest! {
    #[test]
    fn sums_of_messages_are_the_peers_that_are_connected(happenings in happenings()) {
        let mut swarm = Swarm::default();
        for happening in happenings {
            match happening {
                Happening::Join(number) => swarm.join(number),
                Happening::Leave(number, worth) => swarm.leave(number, worth),
                Happening::Tell(number) => {
                    swarm.tell(number);
                }
            }
        }
        let numbers: Vec<u8> = swarm.peers.keys().copied().collect();
        for &number in &numbers {
            while swarm.tell(number) {}
            let others = numbers.iter().copied().filter(|other| {
                let both_seeds = Swarm::is_seed(number) && Swarm::is_seed(*other);
                *other != number && !both_seeds
            });
            let others: BTreeSet<_> = others.map(|other| world(other.into())).collect();
            prop_assert_eq!(&swarm.peers[&number].sum, &others);
        }
        for number in numbers {
            swarm.leave(number, false);
        }
        prop_assert!(swarm.roster.len() <= 2 * PEX_RECENT_MAX);
    }
}
