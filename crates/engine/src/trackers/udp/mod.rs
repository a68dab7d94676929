//! Announces over UDP (BEP 15, BEP 41), for all torrents of the engine.
//!
//! Owns connection ids, transaction ids, retransmission and the matching of
//! answers. Decides neither whom to ask nor when; has no socket and no
//! resolver, but asks its caller for both.

mod client;
mod connection;
mod exchange;
mod hosts;
mod progress;
pub(super) mod target;

use core::net::{IpAddr, SocketAddr};
use std::time::Duration;

use superseed_proto::{PeerId, SwarmKey};

pub use client::UdpTrackers;

use super::{AnnounceAnswer, AnnounceEvent, FailureKind};
use crate::ids::{AnnounceKey, ListenerId};

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
