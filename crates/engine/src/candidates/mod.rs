//! The known addresses of one torrent, and which to connect to next.
//!
//! Mechanism only: how many connections there may be is the caller's.

pub mod connect;

use std::net::{IpAddr, SocketAddr};

use crate::input::ConnectError;
use crate::stats::PeerSource;
use crate::time::Time;

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
#[derive(Debug)]
pub struct Candidates {
    seed: u64,
}

impl Candidates {
    /// No address. `seed` decides the jitter and the order among equals.
    pub fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// Our own listening addresses: never candidates of ours.
    pub fn set_self(&mut self, listening: &[SocketAddr]) {
        let _ = (listening, self.seed);
    }

    /// Learns of an address. False if it is refused or known already.
    pub fn add(&mut self, addr: SocketAddr, source: PeerSource, now: Time) -> bool {
        let _ = (addr, source, now);
        false
    }

    /// The address to try now, if there is one. It stays the best one until
    /// [`connecting`](Self::connecting) is called.
    pub fn next(&mut self, now: Time) -> Option<SocketAddr> {
        let _ = now;
        None
    }

    /// An attempt begins.
    pub fn connecting(&mut self, addr: SocketAddr, now: Time) {
        let _ = (addr, now);
    }

    /// The attempt succeeded, or the peer at this address connected to us.
    pub fn connected(&mut self, addr: SocketAddr, now: Time) {
        let _ = (addr, now);
    }

    /// The attempt failed, or the handshake after it did.
    pub fn failed(&mut self, addr: SocketAddr, now: Time, error: ConnectError) {
        let _ = (addr, now, error);
    }

    /// A connection ended.
    pub fn closed(&mut self, addr: SocketAddr, now: Time, why: CloseKind) {
        let _ = (addr, now, why);
    }

    /// When an address becomes eligible: `now` if there is one already.
    pub fn next_deadline(&self, now: Time) -> Time {
        let _ = now;
        Time::NEVER
    }

    /// Never again an address of this host.
    pub fn ban(&mut self, ip: IpAddr) {
        let _ = ip;
    }

    /// Whether the host is banned.
    pub fn is_banned(&self, ip: IpAddr) -> bool {
        let _ = ip;
        false
    }

    /// The peer at this address has our own peer id: never tried again.
    pub fn mark_self(&mut self, addr: SocketAddr) {
        let _ = addr;
    }

    /// Forgets every address that only this source named, connected or not.
    pub fn drop_source(&mut self, source: PeerSource) {
        let _ = source;
    }

    /// How the address became known, best source first.
    pub fn source(&self, addr: SocketAddr) -> Option<PeerSource> {
        let _ = addr;
        None
    }

    /// All known addresses, connected ones included.
    pub fn len(&self) -> usize {
        0
    }

    /// Whether no address is known.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Known addresses that are neither connected nor being tried.
    pub fn connectable(&self) -> usize {
        0
    }
}
