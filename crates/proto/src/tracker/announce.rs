//! What client and tracker say to each other, whatever the transport.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::{PeerId, SwarmKey};

/// How many peers of one answer are kept. Trackers send 50 to 200; the rest of
/// a longer list is counted in [`AnnounceResponse::peers_refused`].
pub const PEERS_MAX: usize = 2000;

/// How much of a tracker's text is kept, in characters.
pub const TEXT_CHARS_MAX: usize = 200;

/// The longest tracker id that is kept and sent back, in bytes.
pub const TRACKER_ID_LEN_MAX: usize = 256;

/// Why a client announces outside its regular interval (BEP 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// The first announce of a session.
    Started,
    /// The last announce of a session.
    Stopped,
    /// The download became complete. Never sent if it began complete.
    Completed,
}

impl Event {
    /// The word in an HTTP announce.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Stopped => "stopped",
            Self::Completed => "completed",
        }
    }

    /// The event of a word; `None` for the empty word and for any other, which
    /// mean a regular announce.
    pub fn from_word(word: &[u8]) -> Option<Self> {
        [Self::Started, Self::Stopped, Self::Completed]
            .into_iter()
            .find(|event| event.as_str().as_bytes() == word)
    }
}

/// The family of the addresses in a compact peer list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AddressFamily {
    /// Six bytes a peer (BEP 23).
    V4,
    /// Eighteen bytes a peer (BEP 7).
    V6,
}

impl AddressFamily {
    /// The family of `addr`. An IPv4 address mapped into IPv6 counts as IPv4.
    pub fn of(addr: IpAddr) -> Self {
        match addr.to_canonical() {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }

    /// The bytes of one peer.
    pub fn stride(self) -> usize {
        match self {
            Self::V4 => 6,
            Self::V6 => 18,
        }
    }
}

/// What a client tells a tracker (BEP 3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnnounceRequest {
    /// The swarm.
    pub swarm: SwarmKey,
    /// The client.
    pub peer_id: PeerId,
    /// Where it accepts connections.
    pub port: u16,
    /// Payload bytes sent since `started`.
    pub uploaded: u64,
    /// Payload bytes received since `started`.
    pub downloaded: u64,
    /// Wanted bytes still missing.
    pub left: u64,
    /// `None` for a regular announce.
    pub event: Option<Event>,
    /// How many peers it would like; `None` leaves that to the tracker.
    pub numwant: Option<u32>,
    /// The same in all announces of a session, so that a tracker knows the
    /// client again behind another address (BEP 7).
    pub key: u32,
    /// What an earlier answer of this tracker gave, HTTP only.
    pub tracker_id: Option<Vec<u8>>,
    /// The address to be entered instead of the packet's source. Trackers heed
    /// it rarely, and over UDP it can only be IPv4 (BEP 15).
    pub ip: Option<IpAddr>,
    /// A further IPv4 address of the client, HTTP only. BEP 7 discourages it.
    pub ipv4: Option<Ipv4Addr>,
    /// A further IPv6 address of the client, HTTP only. BEP 7 discourages it.
    pub ipv6: Option<Ipv6Addr>,
    /// Whether a dictionary answer may leave the peer ids out, HTTP only.
    pub no_peer_id: bool,
}

/// A peer as a tracker names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TrackerPeer {
    /// Where it accepts connections; the port is never 0.
    pub addr: SocketAddr,
    /// Who it is, known from dictionary answers only.
    pub peer_id: Option<PeerId>,
}

/// What a tracker answers to an announce over HTTP.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AnnounceResponse {
    /// Seconds until the next regular announce, never 0.
    pub interval_s: Option<u32>,
    /// Seconds until the tracker accepts any further announce, never 0.
    pub min_interval_s: Option<u32>,
    /// To be sent with later announces.
    pub tracker_id: Option<Vec<u8>>,
    /// For the user; the answer is valid nevertheless.
    pub warning: Option<String>,
    /// Seeds in the swarm.
    pub complete: Option<u32>,
    /// Leechers in the swarm.
    pub incomplete: Option<u32>,
    /// How often the download was ever completed.
    pub downloaded: Option<u32>,
    /// The client's address as the tracker sees it (BEP 24).
    pub external_ip: Option<IpAddr>,
    /// The peers, at most [`PEERS_MAX`].
    pub peers: Vec<TrackerPeer>,
    /// How many entries were left out: an unusable address, port 0, too many.
    pub peers_refused: u32,
}

/// What a tracker knows of a swarm (BEP 15, BEP 48).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScrapeStats {
    /// Seeds in the swarm.
    pub complete: u32,
    /// How often the download was ever completed.
    pub downloaded: u32,
    /// Leechers in the swarm.
    pub incomplete: u32,
}
