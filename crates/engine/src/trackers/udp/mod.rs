//! Announces over UDP (BEP 15, BEP 41), for all torrents of the engine.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rand_core::Rng;
use superseed_proto::{PeerId, SwarmKey};

use super::{AnnounceAnswer, AnnounceEvent, FailureKind};
use crate::ids::{AnnounceKey, ListenerId};
use crate::time::Time;

/// An announce to be made over UDP.
#[derive(Clone, Debug)]
pub struct UdpAnnounce {
    /// The tracker, `udp://host:port/path?query`.
    pub url: String,
    /// The socket to use.
    pub listener: ListenerId,
    /// The address of that socket: its family is the family of the announce,
    /// its port is announced.
    pub local: SocketAddr,
    /// The swarm.
    pub swarm: SwarmKey,
    /// Our peer id.
    pub peer_id: PeerId,
    /// Payload bytes received.
    pub downloaded: u64,
    /// Payload bytes sent.
    pub uploaded: u64,
    /// Wanted bytes that are missing.
    pub left: u64,
    /// What to tell.
    pub event: AnnounceEvent,
    /// An address to be entered instead of the socket's (IPv4 only, BEP 15).
    pub ip: Option<IpAddr>,
    /// Of the order.
    pub key: u32,
    /// Of the order.
    pub numwant: u32,
    /// Of the order.
    pub timeout: Duration,
}

/// What the UDP client wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UdpAction {
    /// Look a name up; answered by [`UdpTrackers::resolved`].
    Resolve {
        /// The name; never an address literal.
        host: String,
    },
    /// Send a datagram.
    Send {
        /// From which socket.
        listener: ListenerId,
        /// To whom.
        to: SocketAddr,
        /// What.
        bytes: Vec<u8>,
    },
    /// An announce ended.
    Done {
        /// Which.
        announce: AnnounceKey,
        /// What came of it.
        result: Result<UdpAnswer, UdpFailure>,
    },
}

/// A tracker's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UdpAnswer {
    /// What it said.
    pub answer: AnnounceAnswer,
    /// The peers it named.
    pub peers: Vec<SocketAddr>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UdpFailure {
    /// For [`super::TrackerSet::on_failure`].
    pub kind: FailureKind,
    /// One sentence.
    pub message: String,
}

/// The UDP tracker client: connection ids, retransmission, matching.
#[derive(Debug, Default)]
pub struct UdpTrackers {}

impl UdpTrackers {
    /// A client that knows no tracker.
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins an announce; everything that follows comes from
    /// [`poll`](Self::poll), which must be called next.
    pub fn start(&mut self, announce: AnnounceKey, request: UdpAnnounce, now: Time) {
        let _ = (announce, request, now);
    }

    /// A name was looked up; `addrs` is empty if that failed.
    pub fn resolved(&mut self, host: &str, addrs: &[IpAddr], now: Time) {
        let _ = (host, addrs, now);
    }

    /// A datagram arrived. False means that it is not for this client.
    /// [`poll`](Self::poll) must be called after true.
    pub fn on_datagram(&mut self, listener: ListenerId, from: SocketAddr, bytes: &[u8], now: Time) -> bool {
        let _ = (listener, from, bytes, now);
        false
    }

    /// Forgets an announce; nothing more is heard of it.
    pub fn cancel(&mut self, announce: AnnounceKey) {
        let _ = announce;
    }

    /// Pushes what is to be done now. `secret` makes the transaction ids,
    /// which must not be guessed (they keep forged answers out).
    pub fn poll(&mut self, now: Time, secret: &mut impl Rng, out: &mut Vec<UdpAction>) {
        let _ = (now, secret.next_u32(), out);
    }

    /// When [`poll`](Self::poll) has something to do.
    pub fn next_deadline(&self) -> Time {
        Time::NEVER
    }
}
