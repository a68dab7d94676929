//! The known addresses of one torrent, and which to connect to next.
//!
//! Mechanism only: how many connections there may be is the caller's
//! ([`connect`] counts attempts). An address is tried again after a delay that
//! grows with every failure, so that no peer ever sees a storm. Everything a
//! remote can add is bounded by [`crate::limits`].

mod address;
mod backoff;
mod banned;
pub mod connect;
mod encryption;
mod external;
mod priority;
mod queues;
mod rank;
mod reach;
mod tellers;
#[cfg(test)]
mod tests;
mod turnover;

use core::net::{IpAddr, SocketAddr};
use std::collections::{BTreeMap, VecDeque};
use std::hash::BuildHasher;
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::FixedState;

use crate::config::EncryptionPolicy;
use crate::filter::Filter;
use crate::input::ConnectError;
use crate::limits::{
    CANDIDATES_PER_TORRENT_MAX, LSD_ADDRS_PER_HOST_MAX, SELF_ADDRS_PER_TORRENT_MAX,
};
use crate::stats::PeerSource;
use crate::time::Time;

pub(crate) use address::{canonical, host, is_peer, is_peer_or_name, network};
use backoff::Backoff;
use banned::Banned;
pub use encryption::Way;
use encryption::Ways;
pub use external::{ExternalVotes, Voter};
pub use priority::peer_priority;
use queues::Queues;
use rank::Sources;
pub(crate) use reach::{Reach, is_reserved};
use tellers::Tellers;
pub use turnover::{Standing, Turnover, Uselessness};

/// Why a connection that was once up is no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CloseKind {
    /// Neither side has anything that the other wants (two seeds).
    Useless,
    /// The peer broke the rules.
    Fault,
    /// The peer was silent for too long.
    Idle,
    /// The peer closed it, or it broke.
    Lost,
    /// We closed it to make room or because the torrent stopped.
    Ours,
    /// There is another connection to the same peer.
    Duplicate,
}

/// The known addresses of one torrent.
///
/// ```text
///           add             connecting              connected
///  (unknown) ──▶ Ready ─────────────────▶ Connecting ────────▶ Connected
///                  ▲                           │ failed            │ closed
///                  └──────── Waiting ◀─────────┴───────────────────┘
///                   time passes
/// ```
#[derive(Debug)]
pub struct Candidates {
    known: BTreeMap<SocketAddr, Candidate>,
    queues: Queues,
    listening: Vec<SocketAddr>,
    /// Our addresses as others see them, at most one of each listener.
    ours: Vec<SocketAddr>,
    /// Addresses that turned out to be ourselves, oldest first.
    ourselves: VecDeque<SocketAddr>,
    banned: Banned,
    /// Who is no candidate because the user says so.
    filter: Arc<Filter>,
    tellers: Option<Box<Tellers>>,
    hasher: FixedState,
}

/// What is known of one address.
#[derive(Clone, Debug)]
struct Candidate {
    state: State,
    sources: Sources,
    ways: Ways,
    /// Attempts in a row that came to nothing.
    failures: u8,
    ever_connected: bool,
    /// When the last attempt began; [`Time::START`] if there was none.
    last_try: Time,
    /// How many its teller had told before it.
    nth: u16,
    /// Order among equals: by canonical priority (BEP 40), or random as long
    /// as our own address is not known.
    tie: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Ready,
    Waiting(Time),
    Connecting,
    Connected(Time),
}

impl Candidates {
    /// No address. `seed` decides the jitter and the order among equals.
    pub fn new(seed: u64) -> Self {
        Self {
            known: BTreeMap::new(),
            queues: Queues::default(),
            listening: Vec::new(),
            ours: Vec::new(),
            ourselves: VecDeque::new(),
            banned: Banned::default(),
            filter: Arc::default(),
            tellers: None,
            hasher: FixedState::with_seed(seed),
        }
    }

    /// Our own listening addresses: never candidates of ours. An unspecified
    /// one stands for the loopback addresses; others of this machine are found
    /// out by their peer id ([`mark_self`](Self::mark_self)).
    pub fn set_self(&mut self, listening: &[SocketAddr]) {
        self.listening = listening.iter().copied().map(address::canonical).collect();
        let known = self.known.keys().copied();
        let own: Vec<_> = known.filter(|addr| self.is_own(*addr)).collect();
        for addr in own {
            self.forget(addr);
        }
    }

    /// Whom the user's blocklists name is forgotten, and never learnt of.
    pub fn set_filter(&mut self, filter: &Arc<Filter>) {
        self.filter = Arc::clone(filter);
        let known = self.known.keys().copied();
        let blocked: Vec<_> = known.filter(|addr| filter.blocks(addr.ip())).collect();
        for addr in blocked {
            self.forget(addr);
        }
    }

    /// Our addresses as others see them: they decide the order among equals.
    pub fn set_ours(&mut self, ours: &[SocketAddr]) {
        if self.ours == ours {
            return;
        }
        self.ours = ours.to_vec();
        let known: Vec<_> = self.known.keys().copied().collect();
        for addr in known {
            let tie = self.tie(addr);
            self.dequeue(addr);
            let candidate = self.known.get_mut(&addr).expect("listed above");
            candidate.tie = tie;
            let state = candidate.state;
            self.enqueue(addr, state);
        }
    }

    /// The canonical priority (BEP 40) of a peer at this address.
    pub fn priority(&self, addr: SocketAddr) -> Option<u32> {
        self.ours.iter().find_map(|ours| peer_priority(*ours, addr))
    }

    fn tie(&self, addr: SocketAddr) -> u32 {
        // The greatest priority comes first.
        self.priority(addr)
            .map_or_else(|| self.hasher.hash_one(addr) as u32, |priority| !priority)
    }

    /// Whether there is an address to try of which nothing is known yet.
    pub fn has_untried(&self) -> bool {
        let best = self.queues.best().and_then(|addr| self.known.get(&addr));
        best.is_some_and(|best| best.failures == 0 && !best.ever_connected)
    }

    /// Learns of an address. False if it is refused or known already.
    ///
    /// A user who names a known address again wants it tried now.
    pub fn add(&mut self, addr: SocketAddr, source: PeerSource, now: Time) -> bool {
        self.enter(addr, source, 0, now)
    }

    fn enter(&mut self, addr: SocketAddr, source: PeerSource, nth: u16, now: Time) -> bool {
        let addr = address::canonical(addr);
        let refused = self.is_banned(addr.ip()) || self.filter.blocks(addr.ip());
        let may_be = match source {
            PeerSource::User => is_peer_or_name(addr),
            _ => is_peer(addr),
        };
        if !may_be || refused || self.is_own(addr) {
            return false;
        }
        if self.known.contains_key(&addr) {
            self.add_source(addr, source, nth, now);
            return false;
        }
        if source == PeerSource::Lsd && !self.has_room_near(addr) {
            return false;
        }
        if self.known.len() >= CANDIDATES_PER_TORRENT_MAX && !self.evict_for(source, nth) {
            return false;
        }
        let candidate = Candidate {
            state: State::Ready,
            sources: Sources::of(source),
            ways: Ways::default(),
            failures: 0,
            ever_connected: false,
            last_try: Time::START,
            nth,
            tie: self.tie(addr),
        };
        self.known.insert(addr, candidate);
        self.enqueue(addr, State::Ready);
        true
    }

    /// The address to try now, if there is one. It stays the best one until
    /// [`connecting`](Self::connecting) is called.
    ///
    /// The user's come first, then those with the fewest failures, those never
    /// connected, those tried longest ago, those of the best source, those that were
    /// told first, and of these those of the greatest canonical priority (BEP 40).
    pub fn next(&mut self, now: Time) -> Option<SocketAddr> {
        while let Some((due, addr)) = self.queues.soonest() {
            if due > now {
                break;
            }
            self.dequeue(addr);
            self.enqueue(addr, State::Ready);
        }
        self.queues.best()
    }

    /// An attempt begins.
    pub fn connecting(&mut self, addr: SocketAddr, now: Time) {
        let addr = address::canonical(addr);
        self.dequeue(addr);
        if let Some(candidate) = self.known.get_mut(&addr) {
            candidate.state = State::Connecting;
            candidate.last_try = now;
        }
    }

    /// The attempt succeeded, or the peer at this address connected to us.
    pub fn connected(&mut self, addr: SocketAddr, now: Time) {
        let addr = address::canonical(addr);
        self.dequeue(addr);
        if let Some(candidate) = self.known.get_mut(&addr) {
            candidate.state = State::Connected(now);
            candidate.ever_connected = true;
        }
    }

    /// The attempt failed, or the handshake after it did.
    pub fn failed(&mut self, addr: SocketAddr, now: Time, error: ConnectError) {
        let others = self.others();
        self.retire(addr, now, |backoff, _| backoff.after_failure(error, others));
    }

    /// How an attempt at this address begins.
    pub fn way(&self, addr: SocketAddr, policy: EncryptionPolicy) -> Way {
        let candidate = self.known.get(&address::canonical(addr));
        let ways = candidate.map(|candidate| candidate.ways);
        ways.unwrap_or_default().next(policy)
    }

    /// The peer's handshake came on a stream that was begun so.
    pub fn way_worked(&mut self, addr: SocketAddr, way: Way) {
        if let Some(candidate) = self.known.get_mut(&address::canonical(addr)) {
            candidate.ways.worked(way);
        }
    }

    /// A stream that was begun so ended before that. True if the other way is
    /// open: then the address may be tried at once, and else it did not end here.
    pub fn way_failed(&mut self, addr: SocketAddr, way: Way, policy: EncryptionPolicy) -> bool {
        let addr = address::canonical(addr);
        let Some(candidate) = self.known.get_mut(&addr) else {
            return false;
        };
        let trying = candidate.state == State::Connecting;
        let again = trying && candidate.ways.failed(way, policy);
        if again {
            self.dequeue(addr);
            self.enqueue(addr, State::Ready);
        }
        again
    }

    /// We gave an attempt up: it says nothing about the address, which may be
    /// tried again soon.
    pub fn abandoned(&mut self, addr: SocketAddr, now: Time) {
        let addr = address::canonical(addr);
        let attempt = self
            .known
            .get(&addr)
            .filter(|c| c.state == State::Connecting);
        if let Some(candidate) = attempt {
            let earliest = candidate.last_try + backoff::RETRY_MIN;
            self.enqueue(addr, State::Waiting(earliest.max(now)));
        }
    }

    /// A connection ended.
    pub fn closed(&mut self, addr: SocketAddr, now: Time, why: CloseKind) {
        self.retire(addr, now, |backoff, lasted| {
            backoff.after_close(why, lasted)
        });
    }

    /// The torrent goes on after a pause, or ceased to be complete: addresses
    /// that never failed need not wait any longer.
    pub fn wake(&mut self, now: Time) {
        let waiting: Vec<_> = self.queues.waiting().collect();
        for addr in waiting {
            let candidate = &self.known[&addr];
            let earliest = candidate.last_try + backoff::RETRY_MIN;
            if candidate.failures == 0 {
                self.dequeue(addr);
                self.enqueue(addr, State::Waiting(earliest.max(now)));
            }
        }
    }

    /// When an address becomes eligible: `now` if there is one already.
    pub fn next_deadline(&self, now: Time) -> Time {
        if self.queues.best().is_some() {
            return now;
        }
        self.queues
            .soonest()
            .map_or(Time::NEVER, |(due, _)| due.max(now))
    }

    /// Never again an address of this host: of IPv6, of its /64.
    pub fn ban(&mut self, ip: IpAddr) {
        let host = address::host(ip);
        self.banned.insert(host);
        let of_host: Vec<_> = self
            .known
            .range(address::all_addrs(host))
            .map(|(a, _)| *a)
            .collect();
        for addr in of_host {
            self.forget(addr);
        }
    }

    /// Whether the host is banned.
    pub fn is_banned(&self, ip: IpAddr) -> bool {
        self.banned.contains(address::host(ip))
    }

    /// Hosts that are banned.
    pub fn banned(&self) -> usize {
        self.banned.len()
    }

    /// Addresses that turned out to be our own.
    pub fn ourselves(&self) -> usize {
        self.ourselves.len()
    }

    /// The peer at this address has our own peer id: never tried again.
    pub fn mark_self(&mut self, addr: SocketAddr) {
        let addr = address::canonical(addr);
        self.forget(addr);
        if self.ourselves.contains(&addr) {
            return;
        }
        if self.ourselves.len() >= SELF_ADDRS_PER_TORRENT_MAX {
            self.ourselves.pop_front();
        }
        self.ourselves.push_back(addr);
    }

    /// Forgets every address that only this source named, connected or not.
    pub fn drop_source(&mut self, source: PeerSource) {
        let named: Vec<_> = self
            .known
            .iter()
            .filter(|(_, c)| c.sources.contains(source))
            .map(|(a, _)| *a)
            .collect();
        for addr in named {
            let state = self.known[&addr].state;
            self.dequeue(addr);
            let candidate = self.known.get_mut(&addr).expect("listed above");
            candidate.sources.remove(source);
            if candidate.sources.is_empty() {
                self.known.remove(&addr);
            } else if matches!(state, State::Ready | State::Waiting(_)) {
                self.enqueue(addr, state);
            }
        }
    }

    /// How the address became known: of several sources the best.
    pub fn source(&self, addr: SocketAddr) -> Option<PeerSource> {
        self.known
            .get(&address::canonical(addr))
            .map(|candidate| candidate.sources.best())
    }

    /// All known addresses, connected ones included.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether no address is known.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// How many more there is room for.
    pub fn room(&self) -> usize {
        CANDIDATES_PER_TORRENT_MAX.saturating_sub(self.known.len())
    }

    /// Known addresses that are neither connected nor being tried.
    pub fn connectable(&self) -> usize {
        self.queues.len()
    }

    fn is_own(&self, addr: SocketAddr) -> bool {
        self.ourselves.contains(&addr)
            || self
                .listening
                .iter()
                .any(|own| address::reaches(*own, addr))
    }

    /// Whether there is another address to turn to.
    fn others(&self) -> bool {
        self.known.len() > 1
    }

    fn add_source(&mut self, addr: SocketAddr, source: PeerSource, nth: u16, now: Time) {
        let state = self.known[&addr].state;
        self.dequeue(addr);
        let candidate = self.known.get_mut(&addr).expect("the caller looked it up");
        candidate.sources.add(source);
        candidate.nth = candidate.nth.min(nth);
        let state = match state {
            State::Waiting(_) if source == PeerSource::User => {
                candidate.failures = 0;
                State::Waiting((candidate.last_try + backoff::RETRY_MIN).max(now))
            }
            other => other,
        };
        match state {
            State::Ready | State::Waiting(_) => self.enqueue(addr, state),
            State::Connecting | State::Connected(_) => candidate.state = state,
        }
    }

    /// Ends an attempt or a connection: the address waits as `backoff` says.
    fn retire(
        &mut self,
        addr: SocketAddr,
        now: Time,
        backoff: impl FnOnce(&mut Backoff, Duration) -> Duration,
    ) {
        let addr = address::canonical(addr);
        self.dequeue(addr);
        let Some(candidate) = self.known.get_mut(&addr) else {
            return;
        };
        let lasted = match candidate.state {
            State::Connected(since) => now.since(since),
            _ => Duration::ZERO,
        };
        let jitter = self.hasher.hash_one((addr, now.as_micros())) as u16;
        let mut rule = Backoff::new(
            candidate.failures,
            candidate.sources.contains(PeerSource::User),
            jitter,
        );
        let delay = backoff(&mut rule, lasted);
        candidate.failures = rule.failures();
        self.enqueue(addr, State::Waiting(now + delay));
    }

    /// Forgets all but so many addresses, those first that are missed least. The
    /// user's stay, whatever their number.
    pub fn shrink(&mut self, most: usize) {
        self.tellers = None;
        while self.known.len() > most
            && let Some(worst) = self.queues.worst()
        {
            self.forget(worst.addr());
        }
    }

    /// Whether an address that a neighbour says of itself has room beside its
    /// others; one that failed gives way. Else one neighbour that says another
    /// one each time would have all the room there is.
    fn has_room_near(&mut self, addr: SocketAddr) -> bool {
        let of_host = self.known.range(address::all_ports(addr));
        if of_host.clone().count() < LSD_ADDRS_PER_HOST_MAX {
            return true;
        }
        let failed = of_host.filter(|(_, candidate)| {
            candidate.failures > 0 && matches!(candidate.state, State::Ready | State::Waiting(_))
        });
        let worst = failed.max_by_key(|(_, candidate)| candidate.failures);
        let Some(worst) = worst.map(|(addr, _)| *addr) else {
            return false;
        };
        self.forget(worst);
        true
    }

    /// Makes room for an address of `source`. False if all others are better.
    fn evict_for(&mut self, source: PeerSource, nth: u16) -> bool {
        let Some(worst) = self.queues.worst() else {
            return false;
        };
        let evict = worst.is_worse_than_new(source, nth);
        if evict {
            self.forget(worst.addr());
        }
        evict
    }

    fn forget(&mut self, addr: SocketAddr) {
        self.dequeue(addr);
        self.known.remove(&addr);
    }

    fn enqueue(&mut self, addr: SocketAddr, state: State) {
        if let Some(candidate) = self.known.get_mut(&addr) {
            candidate.state = state;
            self.queues.insert(addr, candidate);
        }
    }

    /// Takes the address out of the queues, as it must be before anything that
    /// decides its place there changes.
    fn dequeue(&mut self, addr: SocketAddr) {
        if let Some(candidate) = self.known.get(&addr) {
            self.queues.remove(addr, candidate);
        }
    }
}
