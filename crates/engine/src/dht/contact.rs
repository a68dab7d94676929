//! A node that we know: where it is, how fast it answers, and whether it still
//! does (BEP 5, "Routing Table").

use core::net::{IpAddr, SocketAddr};
use std::time::Duration;

use superseed_proto::krpc::{NodeAddr, NodeId, is_exempt};

use crate::candidates::host;
use crate::time::Time;

/// Silence after which a node is questionable (BEP 5).
pub(super) const GOOD_FOR: Duration = Duration::from_secs(15 * 60);

/// Time-outs in a row after which a node is left out where another one waits
/// for its place.
pub(super) const FAILURES_BAD: u8 = 2;

/// The same where none waits (libtorrent, `dht_max_fail_count`): when our own
/// network was away, those we knew are still the best that we have.
pub(super) const FAILURES_MAX: u8 = 20;

/// How long a node takes to answer, as TCP counts it (RFC 6298).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RoundTrip {
    pub(super) mean: Duration,
    deviation: Duration,
}

impl RoundTrip {
    fn first(sample: Duration) -> Self {
        Self {
            mean: sample,
            deviation: sample / 2,
        }
    }

    fn next(self, sample: Duration) -> Self {
        Self {
            mean: (self.mean * 7 + sample) / 8,
            deviation: (self.deviation * 3 + self.mean.abs_diff(sample)) / 4,
        }
    }

    /// How long an answer is waited for before somebody else is asked as well.
    pub(super) fn patience(self) -> Duration {
        self.mean * 2 + self.deviation * 4
    }
}

/// What is known of one node.
#[derive(Clone, Debug)]
pub(super) struct Contact {
    pub(super) id: NodeId,
    pub(super) addr: SocketAddr,
    /// `None` as long as it has not answered in this run.
    pub(super) round_trip: Option<RoundTrip>,
    /// Time-outs since it last answered.
    pub(super) failures: u8,
    /// When it last answered.
    answered: Option<Time>,
    /// When it last asked us.
    asked_us: Option<Time>,
    /// When we last asked it.
    pub(super) asked: Option<Time>,
}

impl Contact {
    /// A node of which only the name and the address are known.
    pub(super) fn new(node: NodeAddr) -> Self {
        Self {
            id: node.id,
            addr: node.addr,
            round_trip: None,
            failures: 0,
            answered: None,
            asked_us: None,
            asked: None,
        }
    }

    pub(super) fn node(&self) -> NodeAddr {
        NodeAddr {
            id: self.id,
            addr: self.addr,
        }
    }

    /// It answered.
    pub(super) fn note_answer(&mut self, took: Duration, now: Time) {
        self.round_trip = Some(match self.round_trip {
            Some(known) => known.next(took),
            None => RoundTrip::first(took),
        });
        self.failures = 0;
        self.answered = Some(now);
    }

    /// It asked us something.
    pub(super) fn note_question(&mut self, now: Time) {
        self.asked_us = Some(now);
    }

    /// Whether it ever answered, so that we know that its address is not
    /// forged.
    pub(super) fn is_confirmed(&self) -> bool {
        self.answered.is_some()
    }

    /// Whether it is good in the words of BEP 5, and did not fail since.
    pub(super) fn is_good(&self, now: Time) -> bool {
        let lately = |moment: Option<Time>| moment.is_some_and(|at| now.since(at) < GOOD_FOR);
        self.failures == 0
            && (lately(self.answered) || self.is_confirmed() && lately(self.asked_us))
    }

    /// Whether others may hear of it from us.
    pub(super) fn is_told(&self) -> bool {
        self.is_confirmed() && self.failures == 0
    }

    /// When it is to be asked whether it is still there. Who does not answer is
    /// asked twice as late each time.
    pub(super) fn check_at(&self) -> Time {
        match self.answered.max(self.asked) {
            Some(last) if self.failures == 0 => last + GOOD_FOR,
            Some(last) => last + GOOD_FOR / 8 * (1 << self.failures.min(4)),
            None => Time::START,
        }
    }

    /// Whether its id may be that of its address (BEP 42).
    pub(super) fn fits(&self) -> bool {
        self.id.fits(self.addr.ip())
    }
}

/// What one party has one of: an address, of IPv6 a /64. Behind an address of
/// a private network may be any number, told apart by their ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Place(IpAddr, u16);

impl Place {
    pub(super) fn of(addr: SocketAddr) -> Self {
        match is_exempt(addr.ip()) {
            true => Self(addr.ip(), addr.port()),
            false => Self(host(addr.ip()), 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::candidates::network;

    #[test]
    fn a_node_is_good_while_it_answers_or_asks() {
        let at = |minutes: u64| Time::START + Duration::from_secs(60 * minutes);
        let node = NodeAddr {
            id: NodeId([1; 20]),
            addr: "93.1.1.1:6881".parse().unwrap(),
        };
        let mut contact = Contact::new(node);
        contact.note_question(at(1));
        assert!(!contact.is_good(at(1)) && !contact.is_told());
        contact.note_answer(Duration::from_millis(50), at(2));
        assert!(contact.is_good(at(16)) && !contact.is_good(at(17)));
        contact.note_question(at(20));
        assert!(contact.is_good(at(21)) && contact.is_told());
        contact.failures = 1;
        assert!(!contact.is_good(at(21)) && !contact.is_told());
    }

    #[test]
    fn a_network_is_a_slash_24_outside_of_private_networks() {
        let network = |text: &str| network(text.parse().unwrap());
        assert_eq!(network("93.1.1.1"), network("93.1.1.200"));
        assert_ne!(network("93.1.1.1"), network("93.1.2.1"));
        assert_eq!(network("2a02::1"), network("2a02::ffff:1"));
        assert_eq!(network("10.0.0.1"), None);
        assert_eq!(network("127.0.0.1"), None);
    }

    #[test]
    fn who_answers_steadily_is_waited_for_a_little_more_than_two_round_trips() {
        let mut round_trip = RoundTrip::first(Duration::from_millis(100));
        assert_eq!(round_trip.patience(), Duration::from_millis(400));
        for _ in 0..40 {
            round_trip = round_trip.next(Duration::from_millis(100));
        }
        assert!(round_trip.patience() < Duration::from_millis(210));
    }
}
