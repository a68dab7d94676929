//! Who told of how many (BEP 11).
//!
//! What a peer tells costs it nothing, and us an attempt to connect. The first
//! address that each tells is tried before the second of any, so that who tells
//! of hundreds comes to nothing before those who tell of few, whoever spoke
//! first and however often it came back.

use core::net::{IpAddr, SocketAddr};
use std::collections::{BTreeMap, VecDeque};

use super::{Candidates, address};
use crate::limits::{PEX_ADDRS_PER_HOST_MAX, PEX_TELLERS_MAX};
use crate::stats::PeerSource;
use crate::time::Time;

/// How many addresses each host told; the one that told first is forgotten first.
#[derive(Debug, Default)]
pub(super) struct Tellers {
    told: BTreeMap<IpAddr, u16>,
    order: VecDeque<IpAddr>,
}

impl Tellers {
    /// How many addresses a host told so far.
    fn told(&self, host: IpAddr) -> u16 {
        self.told.get(&host).copied().unwrap_or_default()
    }

    /// A host told another one.
    fn count(&mut self, host: IpAddr) {
        let mut is_new = false;
        let told = self.told.entry(host).or_insert_with(|| {
            is_new = true;
            0
        });
        *told = told.saturating_add(1);
        if is_new {
            self.order.push_back(host);
        }
        if self.order.len() > PEX_TELLERS_MAX
            && let Some(first) = self.order.pop_front()
        {
            self.told.remove(&first);
        }
    }
}

impl Candidates {
    /// Learns of an address that the peer at `teller` told. False if it is
    /// refused or known already.
    pub fn add_told(&mut self, addr: SocketAddr, teller: IpAddr, now: Time) -> bool {
        let addr = address::canonical(addr);
        let of_host = self.known.range(address::all_ports(addr));
        if of_host.count() >= PEX_ADDRS_PER_HOST_MAX {
            return false;
        }
        let teller = address::host(teller);
        let nth = self.tellers.as_ref().map_or(0, |known| known.told(teller));
        let is_new = self.enter(addr, PeerSource::Pex, nth, now);
        if is_new {
            self.tellers.get_or_insert_default().count(teller);
        }
        is_new
    }

    /// How many hosts are remembered for what they told.
    pub fn tellers(&self) -> usize {
        self.tellers.as_ref().map_or(0, |known| known.order.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::CANDIDATES_PER_TORRENT_MAX;

    fn addr(number: u32) -> SocketAddr {
        SocketAddr::from((std::net::Ipv4Addr::from(0x5d00_0000 + number), 6881))
    }

    fn teller(number: u8) -> IpAddr {
        IpAddr::from([94, 0, 0, number])
    }

    /// Whom it would try, in that order.
    fn order(candidates: &mut Candidates, count: usize) -> Vec<SocketAddr> {
        let mut order = Vec::new();
        while let Some(addr) = candidates.next(Time::START) {
            candidates.connecting(addr, Time::START);
            order.push(addr);
        }
        assert_eq!(order.len(), count);
        order
    }

    #[test]
    fn the_first_that_each_told_come_before_the_second_of_any() {
        let mut candidates = Candidates::new(7);
        for number in 0..200 {
            assert!(candidates.add_told(addr(number), teller(1), Time::START));
        }
        for number in 1_000..1_003 {
            assert!(candidates.add_told(addr(number), teller(2), Time::START));
        }
        assert!(!candidates.add_told(addr(0), teller(3), Time::START));
        let order = order(&mut candidates, 203);
        let last = order.iter().rposition(|told| *told >= addr(1_000)).unwrap();
        assert!(last < 6, "the last of three was tried as number {last}");
    }

    #[test]
    fn who_tells_without_end_displaces_nobody_but_its_own_last() {
        let mut candidates = Candidates::new(7);
        for number in 0..2 * CANDIDATES_PER_TORRENT_MAX as u32 {
            candidates.add_told(addr(number), teller(1), Time::START);
        }
        assert_eq!(candidates.len(), CANDIDATES_PER_TORRENT_MAX);
        let honest: Vec<_> = (100_000..100_010).map(addr).collect();
        for told in &honest {
            assert!(candidates.add_told(*told, teller(2), Time::START));
        }
        assert_eq!(candidates.len(), CANDIDATES_PER_TORRENT_MAX);
        let order = order(&mut candidates, CANDIDATES_PER_TORRENT_MAX);
        assert!(honest.iter().all(|told| order[..20].contains(told)));
    }

    #[test]
    fn one_machine_is_called_at_few_ports_whoever_tells_of_it() {
        let mut candidates = Candidates::new(7);
        let told = (1..=100u16).filter(|port| {
            let victim = SocketAddr::new(addr(1).ip(), *port);
            candidates.add_told(victim, teller(*port as u8), Time::START)
        });
        assert_eq!(told.count(), PEX_ADDRS_PER_HOST_MAX);
        let named = SocketAddr::new(addr(1).ip(), 1_000);
        assert!(candidates.add(named, PeerSource::Tracker, Time::START));
    }

    #[test]
    fn few_tellers_are_remembered() {
        let mut candidates = Candidates::new(7);
        for number in 0..2 * PEX_TELLERS_MAX as u32 {
            candidates.add_told(addr(number), addr(1_000_000 + number).ip(), Time::START);
            assert!(candidates.tellers() <= PEX_TELLERS_MAX);
        }
    }
}
