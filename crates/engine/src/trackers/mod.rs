//! The trackers of a torrent: whom to ask, when, and what to tell.
//!
//! [`TrackerSet`] decides for one torrent (BEP 3, 7, 12, 27, 31);
//! [`udp::UdpTrackers`] carries out announces over UDP for all torrents
//! (BEP 15, 41). Both are values without socket, clock or randomness of their
//! own; an HTTP announce is carried out by the host.

mod pace;
mod rows;
mod set;
mod slot;
#[cfg(test)]
mod tests;
pub mod udp;
mod urls;
mod walk;

use std::time::Duration;

use crate::ids::ListenerId;

pub use pace::{ANNOUNCES_PER_S_MAX, Lane, Pace};
pub use rows::TrackerWait;
pub use set::TrackerSet;
pub use urls::Urls;

/// One attempt to announce to one tracker from one listening address.
///
/// It names the attempt, so that the answer to one that was given up is never
/// taken for the answer to its successor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SlotId {
    /// Which tracker of the set.
    pub(crate) tracker: u32,
    /// From which address.
    pub(crate) listener: ListenerId,
    /// Which attempt of the pair.
    pub(crate) attempt: u32,
}

/// What an announce tells beside the totals (BEP 3, "event").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AnnounceEvent {
    /// We are still here.
    Regular,
    /// We are new.
    Started,
    /// The download ended, just now.
    Completed,
    /// We leave.
    Stopped,
}

/// How a tracker is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// By the host, over HTTP or HTTPS.
    Http,
    /// By [`udp::UdpTrackers`].
    Udp,
}

/// An announce that is to be made now.
///
/// Every order is answered once, with [`TrackerSet::on_success`] or
/// [`TrackerSet::on_failure`] and its `slot`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnnounceOrder {
    /// Names the answer.
    pub slot: SlotId,
    /// The tracker, as the torrent writes it.
    pub url: String,
    /// How it is spoken to.
    pub transport: Transport,
    /// The address to leave from, whose port is announced.
    pub listener: ListenerId,
    /// What to tell.
    pub event: AnnounceEvent,
    /// How many peers to ask for.
    pub numwant: u32,
    /// The number by which the tracker knows us when our address changes.
    pub key: u32,
    /// The tracker's own id of an earlier answer, to be echoed (BEP 3).
    pub tracker_id: Option<Vec<u8>>,
    /// When to give up.
    pub timeout: Duration,
}

/// What the torrent is at the moment of a poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnnounceContext {
    /// Connected peers.
    pub connected: usize,
    /// Whether a peer ever connected to us on its own.
    pub incoming_seen: bool,
    /// Whether every wanted piece is there.
    pub complete: bool,
    /// Whether new addresses would be of use.
    pub wants_peers: bool,
}

/// What a tracker said, without the peers themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AnnounceAnswer {
    /// Time until it wants to hear of us again.
    pub interval: Option<Duration>,
    /// Time before which it does not want to hear of us again.
    pub min_interval: Option<Duration>,
    /// Its own id, to be echoed.
    pub tracker_id: Option<Vec<u8>>,
    /// Words for the user.
    pub warning: Option<String>,
    /// Complete peers.
    pub seeders: Option<u64>,
    /// Incomplete peers.
    pub leechers: Option<u64>,
    /// Downloads so far.
    pub downloads: Option<u64>,
    /// Addresses in the answer.
    pub peers: usize,
}

/// What follows from an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// A private torrent went over to another tracker: connections and
    /// candidates of the one before are dropped before the new peers are
    /// taken (BEP 27).
    pub drop_peers: bool,
}

/// Why an announce brought no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// The host has no address of the listener's family: parks the pair and
    /// is not counted against the tracker.
    NoAddress,
    /// The tracker answered with a failure reason.
    Refused {
        /// When it says that another try makes sense (BEP 31);
        /// [`Duration::MAX`] for "never".
        retry_in: Option<Duration>,
    },
    /// Anything else: no answer, or none that can be understood.
    Unanswered,
}
