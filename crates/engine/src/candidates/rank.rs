//! The two orders of candidates: whom to try first, whom to forget first.

use core::net::SocketAddr;

use super::Candidate;
use crate::stats::PeerSource;
use crate::time::Time;

/// Sources from the best to the worst. What a tracker names is likely alive;
/// what a peer or an old record names may be long gone.
const SOURCES: [PeerSource; 7] = [
    PeerSource::User,
    PeerSource::Tracker,
    PeerSource::Lsd,
    PeerSource::Incoming,
    PeerSource::Dht,
    PeerSource::Pex,
    PeerSource::Resume,
];

fn position(source: PeerSource) -> u8 {
    match source {
        PeerSource::User => 0,
        PeerSource::Tracker => 1,
        PeerSource::Lsd => 2,
        PeerSource::Incoming => 3,
        PeerSource::Dht => 4,
        PeerSource::Pex => 5,
        PeerSource::Resume => 6,
    }
}

/// The sources that named an address: one bit each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sources(u8);

impl Sources {
    pub(super) fn of(source: PeerSource) -> Self {
        Self(1 << position(source))
    }

    pub(super) fn add(&mut self, source: PeerSource) {
        self.0 |= Self::of(source).0;
    }

    pub(super) fn remove(&mut self, source: PeerSource) {
        self.0 &= !Self::of(source).0;
    }

    pub(super) fn contains(self, source: PeerSource) -> bool {
        self.0 & Self::of(source).0 != 0
    }

    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The best source; a candidate has at least one.
    pub(super) fn best(self) -> PeerSource {
        SOURCES[usize::from(self.best_position())]
    }

    fn best_position(self) -> u8 {
        (self.0.trailing_zeros() as u8).min(position(PeerSource::Resume))
    }
}

/// Sorts the address that should be tried first to the front.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    not_user: bool,
    failures: u8,
    ever_connected: bool,
    last_try: Time,
    source: u8,
    nth: u16,
    tie: u32,
    addr: SocketAddr,
}

impl Rank {
    pub(super) fn of(addr: SocketAddr, candidate: &Candidate) -> Self {
        Self {
            not_user: !candidate.sources.contains(PeerSource::User),
            failures: candidate.failures,
            ever_connected: candidate.ever_connected,
            last_try: candidate.last_try,
            source: candidate.sources.best_position(),
            nth: candidate.nth,
            tie: candidate.tie,
            addr,
        }
    }

    pub(super) fn addr(&self) -> SocketAddr {
        self.addr
    }
}

/// Sorts the address that should be forgotten first to the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Worth {
    failures: u8,
    source: u8,
    nth: u16,
    tie: u32,
    addr: SocketAddr,
}

impl Worth {
    pub(super) fn of(addr: SocketAddr, candidate: &Candidate) -> Self {
        Self {
            failures: candidate.failures,
            source: candidate.sources.best_position(),
            nth: candidate.nth,
            tie: candidate.tie,
            addr,
        }
    }

    /// Whether an address of `source` that was never tried is worth more.
    pub(super) fn is_worse_than_new(self, source: PeerSource, nth: u16) -> bool {
        (self.failures, self.source, self.nth) > (0, position(source), nth)
    }

    pub(super) fn addr(self) -> SocketAddr {
        self.addr
    }
}
