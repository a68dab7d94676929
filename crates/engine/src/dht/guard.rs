//! Who asks too much is not answered.

use core::net::{IpAddr, SocketAddr};
use std::collections::BTreeMap;
use std::time::Duration;

use superseed_proto::krpc::is_exempt;

use super::contact::Place;
use super::quota::Quota;
use crate::agenda::Agenda;
use crate::limits::{DHT_ASKERS_MAX, DHT_QUERIES_PER_ASKER_MAX, DHT_QUERIES_PER_S_MAX};
use crate::time::Time;

/// The time within which the questions of one host are counted.
const WINDOW: Duration = Duration::from_secs(10);
/// How long who asked too much is not answered (libtorrent,
/// `dht_block_timeout`).
const BLOCK: Duration = Duration::from_secs(5 * 60);
/// Seconds of silence that may be made up for at once (libtorrent,
/// dht_tracker.cpp).
const BURST_S: u64 = 3;

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    queries: u32,
    is_blocked: bool,
}

/// Counts questions and the bytes of their answers.
#[derive(Debug)]
pub(super) struct Guard {
    askers: BTreeMap<Place, Count>,
    /// When each of them is forgotten.
    agenda: Agenda<Place>,
    queries: Quota,
    answers: Quota,
}

impl Guard {
    pub(super) fn new(bytes_per_s: u64, now: Time) -> Self {
        Self {
            askers: BTreeMap::new(),
            agenda: Agenda::default(),
            queries: Quota::new(DHT_QUERIES_PER_S_MAX, 1, now),
            answers: Quota::new(bytes_per_s, BURST_S, now),
        }
    }

    /// Counts a question and says whether to look at it.
    pub(super) fn may_ask(&mut self, from: SocketAddr, now: Time) -> bool {
        while let Some(place) = self.agenda.pop_due(now) {
            self.askers.remove(&place);
        }
        let place = Place::of(from);
        if !self.askers.contains_key(&place) {
            if self.askers.len() >= DHT_ASKERS_MAX
                && let Some(first) = self.agenda.pop_due(Time::NEVER)
            {
                self.askers.remove(&first);
            }
            self.agenda.set(place, now + WINDOW);
        }
        let count = self.askers.entry(place).or_default();
        if count.is_blocked {
            return false;
        }
        count.queries += 1;
        if count.queries > DHT_QUERIES_PER_ASKER_MAX {
            count.is_blocked = true;
            self.agenda.set(place, now + BLOCK);
            return false;
        }
        self.queries.take(1, now)
    }

    /// Whether an answer of so many bytes may leave.
    pub(super) fn may_answer(&mut self, len: usize, now: Time) -> bool {
        self.answers.take(len as u64, now)
    }

    /// How many hosts are counted.
    pub(super) fn len(&self) -> usize {
        self.askers.len()
    }
}

/// Whether somebody at `from` may name an address: who is outside knows nothing
/// of private networks, and would only have us knock at our neighbours' doors.
pub(super) fn may_name(from: IpAddr, named: IpAddr) -> bool {
    is_exempt(from) || !is_exempt(named)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Time {
        Time::from_micros(ms * 1_000)
    }

    #[test]
    fn a_flood_of_one_host_is_not_answered() {
        let mut guard = Guard::new(8_000, at(0));
        let (flooder, other) = ("93.1.1.1:1".parse().unwrap(), "93.1.1.2:1".parse().unwrap());
        let taken = (0..1_000)
            .filter(|&ms| guard.may_ask(flooder, at(ms)))
            .count();
        assert_eq!(taken, DHT_QUERIES_PER_ASKER_MAX as usize);
        assert!(guard.may_ask(other, at(1_000)));
        // Another port is the same host.
        assert!(!guard.may_ask("93.1.1.1:2".parse().unwrap(), at(200_000)));
        assert!(guard.may_ask(flooder, at(400_000)));
    }

    #[test]
    fn a_flood_of_many_hosts_is_bounded_in_rate_and_memory() {
        let mut guard = Guard::new(8_000, at(0));
        let taken = (0..20_000_u32)
            .filter(|&n| {
                let ip = core::net::Ipv4Addr::from(0x5d00_0000 + n);
                guard.may_ask((ip, 1).into(), at(u64::from(n) / 20))
            })
            .count();
        assert!(taken <= 1_000, "{taken}");
        assert_eq!(guard.len(), DHT_ASKERS_MAX);
        assert!(guard.may_answer(24_000, at(1_000)) && !guard.may_answer(1, at(1_000)));
    }
}
