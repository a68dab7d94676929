//! What one peer tells of others, and how much of it is believed.
//!
//! Nothing of it is verified, so one peer alone must not choose whom we call:
//! neither many of a swarm, nor one machine at many ports, nor those whom only
//! it can reach.

use core::net::{IpAddr, SocketAddr};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use superseed_proto::wire::{Pex, PexFlags};

use crate::candidates::{Reach, canonical, host};
use crate::fault::PeerFault;
use crate::limits::{PEX_BELIEVED_MAX, PEX_HOSTS_PER_PEER_MAX, PEX_MESSAGES_MAX};
use crate::time::Time;

/// The time in which so many messages may come.
const FLOOD_TIME: Duration = Duration::from_secs(60);
/// One peer may name one of so many of the candidates that there is room for.
const SHARE: usize = 3;

/// What one connection told so far.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    /// When its last messages came.
    messages: VecDeque<Time>,
    /// Whom it told us of and was believed, by host.
    hosts: BTreeMap<IpAddr, Word>,
    /// How many of them it is connected to, as it says.
    standing: usize,
}

/// What it said of one host.
#[derive(Debug)]
struct Word {
    addr: SocketAddr,
    /// It did not say since that the connection is gone.
    stands: bool,
}

impl Heard {
    /// Takes a message of the peer at `from`, while so many candidates more can
    /// be kept. Returns whom to believe it.
    ///
    /// Whoever is dropped is only crossed off: the peer lost a connection, which
    /// says nothing about the address.
    ///
    /// # Errors
    /// If messages come too fast.
    pub(crate) fn take(
        &mut self,
        pex: &Pex,
        from: SocketAddr,
        room: usize,
        now: Time,
    ) -> Result<Vec<(SocketAddr, PexFlags)>, PeerFault> {
        self.count(now)?;
        for &addr in &pex.dropped {
            self.cross_off(canonical(addr));
        }
        let share = (room / SHARE).max(PEX_BELIEVED_MAX);
        let hosts_max = PEX_HOSTS_PER_PEER_MAX.min(share);
        let named = pex
            .added
            .iter()
            .map(|&(addr, flags)| (canonical(addr), flags));
        let near = Reach::of(from.ip());
        let believed = named
            .filter(|(addr, _)| Reach::of(addr.ip()) >= near && self.believe(*addr, hosts_max));
        Ok(believed.collect())
    }

    /// How many hosts are remembered.
    pub(crate) fn hosts(&self) -> usize {
        self.hosts.len()
    }

    /// Counts a message. BEP 11 has one a minute; who sends as many as in
    /// several minutes does not mean to exchange anything.
    fn count(&mut self, now: Time) -> Result<(), PeerFault> {
        let oldest = self.messages.front();
        let full = self.messages.len() >= PEX_MESSAGES_MAX;
        if full && oldest.is_some_and(|oldest| now.since(*oldest) < FLOOD_TIME) {
            return Err(PeerFault::PexFlood);
        }
        if full {
            self.messages.pop_front();
        }
        self.messages.push_back(now);
        Ok(())
    }

    fn cross_off(&mut self, addr: SocketAddr) {
        let word = self.hosts.get_mut(&host(addr.ip()));
        if let Some(word) = word.filter(|word| word.addr == addr)
            && std::mem::replace(&mut word.stands, false)
        {
            self.standing -= 1;
        }
    }

    /// Whether to believe an address, and remembers it then.
    fn believe(&mut self, addr: SocketAddr, hosts_max: usize) -> bool {
        if self.standing >= PEX_BELIEVED_MAX {
            return false;
        }
        let may_be_new = self.hosts.len() < hosts_max;
        let believed = match self.hosts.get_mut(&host(addr.ip())) {
            Some(word) => word.addr == addr && !std::mem::replace(&mut word.stands, true),
            None if may_be_new => {
                let word = Word { addr, stands: true };
                self.hosts.insert(host(addr.ip()), word);
                true
            }
            None => false,
        };
        self.standing += usize::from(believed);
        believed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ROOM: usize = 3_000;

    fn addr(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn from() -> SocketAddr {
        addr("93.1.1.1:6881")
    }

    fn at(seconds: u64) -> Time {
        Time::START + Duration::from_secs(seconds)
    }

    fn added(addrs: impl IntoIterator<Item = SocketAddr>) -> Pex {
        Pex {
            added: addrs
                .into_iter()
                .map(|addr| (addr, PexFlags::default()))
                .collect(),
            dropped: Vec::new(),
        }
    }

    fn dropped(addrs: impl IntoIterator<Item = SocketAddr>) -> Pex {
        Pex {
            added: Vec::new(),
            dropped: addrs.into_iter().collect(),
        }
    }

    /// Hosts of the world, of which no two are one.
    fn hosts(numbers: std::ops::Range<u32>) -> impl Iterator<Item = SocketAddr> {
        numbers.map(|number| SocketAddr::from((std::net::Ipv4Addr::from(0x5e00_0000 + number), 1)))
    }

    fn take(heard: &mut Heard, pex: &Pex, now: Time) -> Vec<SocketAddr> {
        let believed = heard.take(pex, from(), ROOM, now).unwrap();
        believed.into_iter().map(|(addr, _)| addr).collect()
    }

    #[test]
    fn a_seventh_message_in_a_minute_is_a_flood() {
        let mut heard = Heard::default();
        for second in 0..6 {
            assert_eq!(take(&mut heard, &Pex::default(), at(second)), []);
        }
        assert_eq!(take(&mut heard, &Pex::default(), at(60)), []);
        assert_eq!(
            heard.take(&Pex::default(), from(), ROOM, at(60)),
            Err(PeerFault::PexFlood)
        );
        assert_eq!(take(&mut heard, &Pex::default(), at(61)), []);
    }

    #[test]
    fn one_host_has_one_address_however_often_it_is_named() {
        let mut heard = Heard::default();
        let [one, other] = [addr("94.1.1.1:1"), addr("94.1.1.1:2")];
        assert_eq!(take(&mut heard, &added([one, other, one]), at(0)), [one]);
        assert_eq!(take(&mut heard, &dropped([one]), at(60)), []);
        assert_eq!(take(&mut heard, &added([other]), at(120)), []);
        assert_eq!(take(&mut heard, &added([one]), at(180)), [one]);
        let network = [addr("[2001:db8::1]:1"), addr("[2001:db8::2]:1")];
        assert_eq!(take(&mut heard, &added(network), at(240)), network[..1]);
    }

    #[test]
    fn fifty_are_believed_at_a_time_and_two_hundred_of_a_connection() {
        let mut heard = Heard::default();
        let first: Vec<_> = hosts(0..50).collect();
        assert_eq!(take(&mut heard, &added(hosts(0..100)), at(0)), first);
        assert_eq!(take(&mut heard, &added(hosts(100..200)), at(60)), []);
        // Who was not believed cannot be crossed off.
        assert_eq!(take(&mut heard, &dropped(hosts(50..100)), at(120)), []);
        assert_eq!(take(&mut heard, &added(hosts(100..200)), at(180)), []);
        let mut believed = 50;
        for round in 1..10 {
            let second = 120 * round;
            let gone = hosts(100 * (round as u32 - 1)..100 * round as u32);
            assert_eq!(take(&mut heard, &dropped(gone), at(120 + second)), []);
            let new = hosts(100 * round as u32..100 * (round as u32 + 1));
            believed += take(&mut heard, &added(new), at(180 + second)).len();
        }
        assert_eq!(believed, PEX_HOSTS_PER_PEER_MAX);
        assert_eq!(heard.hosts(), PEX_HOSTS_PER_PEER_MAX);
    }

    #[test]
    fn one_peer_names_a_third_of_whom_there_is_room_for() {
        let mut heard = Heard::default();
        let mut believed = 0;
        for minute in 0..4 {
            let hosts = || hosts(50 * minute..50 * (minute + 1));
            let now = at(u64::from(minute) * 60);
            let now_believed = heard.take(&added(hosts()), from(), 240, now).unwrap();
            believed += now_believed.len();
            heard.take(&dropped(hosts()), from(), 240, now).unwrap();
        }
        assert_eq!(believed, 80);
    }

    #[test]
    fn what_only_the_teller_can_reach_is_not_believed() {
        let [world, private, loopback] = [
            addr("94.1.1.1:1"),
            addr("192.168.0.1:1"),
            addr("127.0.0.1:1"),
        ];
        let pex = added([world, private, loopback]);
        let believed = |from: &str| {
            let believed = Heard::default().take(&pex, addr(from), ROOM, at(0));
            let believed = believed.unwrap().into_iter();
            believed.map(|(addr, _)| addr).collect::<Vec<_>>()
        };
        assert_eq!(believed("93.1.1.1:1"), [world]);
        assert_eq!(believed("192.168.0.2:1"), [world, private]);
        assert_eq!(believed("127.0.0.2:1"), [world, private, loopback]);
    }

    proptest! {
        #[test]
        fn whatever_is_told_little_is_kept_and_believed(
            messages in prop::collection::vec(
                (prop::collection::vec(0u32..400, 0..100), prop::collection::vec(0u32..400, 0..100)),
                0..30,
            ),
            room in 0usize..4_000,
        ) {
            let mut heard = Heard::default();
            let named = |numbers: &[u32]| -> Vec<SocketAddr> {
                numbers.iter().flat_map(|&number| hosts(number..number + 1)).collect()
            };
            for (minute, (new, gone)) in messages.iter().enumerate() {
                let pex = Pex { dropped: named(gone), ..added(named(new)) };
                let believed = heard.take(&pex, from(), room, at(60 * minute as u64)).unwrap();
                prop_assert!(believed.len() <= PEX_BELIEVED_MAX);
                let stand = heard.hosts.values().filter(|word| word.stands).count();
                prop_assert_eq!(stand, heard.standing);
                prop_assert!(heard.standing <= PEX_BELIEVED_MAX);
                prop_assert!(heard.hosts() <= PEX_HOSTS_PER_PEER_MAX);
                prop_assert!(heard.messages.len() <= PEX_MESSAGES_MAX);
            }
        }
    }
}
