//! The candidates that are neither connected nor being tried, in the orders
//! in which they are asked for.

use core::net::SocketAddr;
use std::collections::BTreeSet;

use super::rank::{Rank, Worth};
use super::{Candidate, State};
use crate::stats::PeerSource;
use crate::time::Time;

/// Every operation costs the logarithm of the number of candidates.
#[derive(Debug, Default)]
pub(super) struct Queues {
    /// Those that may be tried now, best first.
    ready: BTreeSet<Rank>,
    /// Those that must wait, soonest first.
    waiting: BTreeSet<(Time, SocketAddr)>,
    /// Those that may be forgotten for a better one, most worthless last.
    evictable: BTreeSet<Worth>,
}

impl Queues {
    /// Enters a candidate as its state says.
    pub(super) fn insert(&mut self, addr: SocketAddr, candidate: &Candidate) {
        match candidate.state {
            State::Ready => self.ready.insert(Rank::of(addr, candidate)),
            State::Waiting(due) => self.waiting.insert((due, addr)),
            State::Connecting | State::Connected(_) => return,
        };
        if !candidate.sources.contains(PeerSource::User) {
            self.evictable.insert(Worth::of(addr, candidate));
        }
    }

    /// Takes a candidate out, which must be as it was when it was entered.
    pub(super) fn remove(&mut self, addr: SocketAddr, candidate: &Candidate) {
        match candidate.state {
            State::Ready => self.ready.remove(&Rank::of(addr, candidate)),
            State::Waiting(due) => self.waiting.remove(&(due, addr)),
            State::Connecting | State::Connected(_) => return,
        };
        self.evictable.remove(&Worth::of(addr, candidate));
    }

    /// The best of those that may be tried now.
    pub(super) fn best(&self) -> Option<SocketAddr> {
        self.ready.first().map(Rank::addr)
    }

    /// The next of those that wait, and when its time comes.
    pub(super) fn soonest(&self) -> Option<(Time, SocketAddr)> {
        self.waiting.first().copied()
    }

    /// Those that wait.
    pub(super) fn waiting(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.waiting.iter().map(|(_, addr)| *addr)
    }

    /// The one that is missed least; never one of the user's.
    pub(super) fn worst(&self) -> Option<Worth> {
        self.evictable.last().copied()
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.ready.len() + self.waiting.len()
    }
}
