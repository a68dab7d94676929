//! Questions that are out: whose answers they are, and how long they may take.

use core::net::SocketAddr;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use superseed_proto::krpc::{NodeAddr, NodeId, Transaction};

use super::contact::RoundTrip;
use super::quota::Quota;
use crate::agenda::Agenda;
use crate::limits::{DHT_QUERIES_OUT_MAX, DHT_QUERIES_TO_ONE_PER_S_MAX};
use crate::time::Time;

/// When a node of which nothing is known is slow (libtorrent, rpc_manager.cpp,
/// `short_timeout`).
const SHORT_TIMEOUT: Duration = Duration::from_secs(1);
/// The least, for a node that is known: less than what a line jitters.
const SHORT_TIMEOUT_MIN: Duration = Duration::from_millis(200);
/// When a node is taken for dead.
const FULL_TIMEOUT: Duration = Duration::from_secs(10);
const A_SECOND: Duration = Duration::from_secs(1);
/// Seconds of silence whose questions may be asked at once.
const BURST_S: u64 = 3;

/// Names a look-up of one node of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SearchId(pub(super) u32);

/// What a question is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To see whether somebody is there, and whom they know.
    Check,
    /// To begin. Routers are asked this way, and nobody keeps them.
    Router,
    /// A look-up.
    Search(SearchId),
    /// To store what a look-up was for.
    Store(SearchId),
}

/// A question that is out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) to: SocketAddr,
    /// Who should be there, if that is known.
    pub(super) id: Option<NodeId>,
    pub(super) purpose: Purpose,
    pub(super) is_slow: bool,
    sent: Time,
}

impl Asked {
    pub(super) fn node(&self) -> Option<NodeAddr> {
        let id = self.id?;
        Some(NodeAddr { id, addr: self.to })
    }

    pub(super) fn took(&self, now: Time) -> Duration {
        now.since(self.sent)
    }
}

/// A question for whose answer it is late.
#[derive(Clone, Copy, Debug)]
pub(super) enum Late {
    /// It may still come.
    Slow(Asked),
    /// It will not.
    Dead(Asked),
}

/// All questions of one node of ours that are out.
#[derive(Debug)]
pub(super) struct Rpc {
    out: BTreeMap<u32, Asked>,
    agenda: Agenda<u32>,
    /// When which address was asked within the last second.
    lately: VecDeque<(Time, SocketAddr)>,
    bytes: Quota,
}

impl Rpc {
    pub(super) fn new(bytes_per_s: u64, now: Time) -> Self {
        Self {
            out: BTreeMap::new(),
            agenda: Agenda::default(),
            lately: VecDeque::new(),
            bytes: Quota::new(bytes_per_s, BURST_S, now),
        }
    }

    /// Whether an address may be asked now: others give no more answers to who
    /// asks too often. Says when, if not now.
    pub(super) fn may_ask(&mut self, to: SocketAddr, now: Time) -> Result<(), Time> {
        while self
            .lately
            .front()
            .is_some_and(|&(at, _)| at + A_SECOND <= now)
        {
            self.lately.pop_front();
        }
        let mut to_it = self.lately.iter().rev().filter(|(_, addr)| *addr == to);
        match to_it.nth(DHT_QUERIES_TO_ONE_PER_S_MAX - 1) {
            Some(&(at, _)) => Err(at + A_SECOND),
            None => Ok(()),
        }
    }

    /// Whether there is room for a question of so many bytes. Says when, if not
    /// now.
    pub(super) fn may_send(&mut self, len: usize, now: Time) -> Result<(), Time> {
        if self.out.len() >= DHT_QUERIES_OUT_MAX {
            return Err(self.agenda.next());
        }
        match self.bytes.take(len as u64, now) {
            true => Ok(()),
            false => Err(self.bytes.ready_at(len as u64)),
        }
    }

    /// A question is sent. `transaction` must be new.
    pub(super) fn sent(
        &mut self,
        transaction: u32,
        (to, id): (SocketAddr, Option<NodeId>),
        purpose: Purpose,
        known: Option<RoundTrip>,
        now: Time,
    ) {
        let asked = Asked {
            to,
            id,
            purpose,
            is_slow: false,
            sent: now,
        };
        self.out.insert(transaction, asked);
        self.lately.push_back((now, to));
        let patience = known.map_or(SHORT_TIMEOUT, |known| {
            known.patience().clamp(SHORT_TIMEOUT_MIN, FULL_TIMEOUT)
        });
        self.agenda.set(transaction, now + patience);
    }

    /// Whether a number names a question that is out.
    pub(super) fn is_out(&self, transaction: u32) -> bool {
        self.out.contains_key(&transaction)
    }

    /// An answer came: the question, if it was asked of this address. An answer
    /// from elsewhere is nobody's.
    pub(super) fn answered(&mut self, from: SocketAddr, number: &Transaction) -> Option<Asked> {
        let number = u32::from_be_bytes(number.as_bytes().try_into().ok()?);
        if self.out.get(&number)?.to != from {
            return None;
        }
        self.agenda.remove(number);
        self.out.remove(&number)
    }

    /// The next question for whose answer it is late.
    pub(super) fn late(&mut self, now: Time) -> Option<Late> {
        let number = self.agenda.pop_due(now)?;
        let asked = self.out.get_mut(&number)?;
        let dead_at = asked.sent + FULL_TIMEOUT;
        if asked.is_slow || dead_at <= now {
            return self.out.remove(&number).map(Late::Dead);
        }
        asked.is_slow = true;
        let asked = *asked;
        self.agenda.set(number, dead_at);
        Some(Late::Slow(asked))
    }

    pub(super) fn next_deadline(&self) -> Time {
        self.agenda.next()
    }

    pub(super) fn len(&self) -> usize {
        self.out.len()
    }

    /// Questions that only see whether somebody is there.
    pub(super) fn checks(&self) -> usize {
        let is_check = |asked: &&Asked| asked.purpose == Purpose::Check;
        self.out.values().filter(is_check).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Time {
        Time::from_micros(ms * 1_000)
    }

    fn addr(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_answer_from_elsewhere_is_nobodys() {
        let mut rpc = Rpc::new(8_000, at(0));
        let to = addr("93.1.1.1:6881");
        rpc.sent(7, (to, None), Purpose::Check, None, at(0));
        assert!(rpc.answered(addr("93.1.1.1:6882"), &7.into()).is_none());
        assert!(rpc.answered(to, &8.into()).is_none());
        assert!(rpc.answered(to, &Transaction::new(b"7").unwrap()).is_none());
        assert!(rpc.answered(to, &7.into()).is_some());
        assert!(rpc.answered(to, &7.into()).is_none());
    }

    #[test]
    fn who_takes_long_is_slow_first_and_dead_later() {
        let mut rpc = Rpc::new(8_000, at(0));
        let to = addr("93.1.1.1:6881");
        rpc.sent(7, (to, None), Purpose::Check, None, at(0));
        assert_eq!(rpc.next_deadline(), at(1_000));
        assert!(rpc.late(at(999)).is_none());
        assert!(matches!(rpc.late(at(1_000)), Some(Late::Slow(_))));
        assert_eq!(rpc.next_deadline(), at(10_000));
        assert!(matches!(rpc.late(at(10_000)), Some(Late::Dead(asked)) if asked.is_slow));
        assert_eq!((rpc.len(), rpc.next_deadline()), (0, Time::NEVER));
    }

    #[test]
    fn one_address_is_asked_twice_a_second() {
        let mut rpc = Rpc::new(8_000, at(0));
        let to = addr("93.1.1.1:6881");
        for number in 0..2 {
            assert_eq!(rpc.may_ask(to, at(100)), Ok(()));
            rpc.sent(number, (to, None), Purpose::Check, None, at(100));
        }
        assert_eq!(rpc.may_ask(to, at(500)), Err(at(1_100)));
        assert_eq!(rpc.may_ask(addr("93.1.1.1:1"), at(500)), Ok(()));
        assert_eq!(rpc.may_ask(to, at(1_100)), Ok(()));
    }
}
