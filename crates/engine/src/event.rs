//! What the user is told.

use core::net::SocketAddr;

use superseed_proto::layout::{FileIndex, PieceIndex};

use crate::disk::DiskError;
use crate::fault::PeerFault;
use crate::ids::TorrentKey;

/// Something a user may want to know, about one torrent.
#[derive(Clone, Debug)]
pub struct Event {
    /// Which torrent.
    pub torrent: TorrentKey,
    /// What.
    pub kind: EventKind,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum EventKind {
    /// The torrent's state changed.
    State(TorrentState),
    /// The metadata of a torrent came, and is right.
    Metadata,
    /// The metadata is what was asked for, and is no torrent that can be
    /// downloaded: why, in one sentence.
    MetadataRefused(String),
    /// The check of existing data ended, with this many verified pieces.
    Checked {
        /// Verified pieces.
        pieces: u32,
    },
    /// A piece was verified.
    Piece(PieceIndex),
    /// Every piece of a file is there.
    FileComplete(FileIndex),
    /// Every wanted piece is there and on disk.
    Complete,
    /// A seeding goal (ratio or time) was reached.
    GoalReached,
    /// A tracker answered.
    TrackerOk {
        /// Its URL.
        url: String,
        /// How many peers it named.
        peers: usize,
        /// Its warning, if it gave one.
        warning: Option<String>,
    },
    /// A tracker did not answer, or refused.
    TrackerFailed {
        /// Its URL.
        url: String,
        /// One sentence.
        error: String,
    },
    /// A piece hashed wrong.
    PieceFailed(PieceIndex),
    /// A peer was banned.
    PeerBanned {
        /// Its address.
        addr: SocketAddr,
    },
    /// A peer broke the rules and was disconnected.
    PeerFault {
        /// Its address.
        addr: SocketAddr,
        /// What it did.
        fault: PeerFault,
    },
    /// A web seed failed, and rests or lacks a file.
    WebSeedFailed {
        /// Its URL.
        url: String,
        /// One sentence.
        error: String,
    },
    /// A web seed sent wrong bytes and is asked for nothing more.
    WebSeedBanned {
        /// Its URL.
        url: String,
    },
    /// The disk is full or not writable: downloading waits, seeding goes on.
    DiskWaits(DiskError),
    /// The torrent stopped with an error.
    Failed(DiskError),
}

/// What a torrent is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TorrentState {
    /// Only its info-hashes are known.
    AwaitingMetadata,
    /// Its files are being opened.
    Opening,
    /// Existing data is being hashed; a transfer may already run beside it.
    Checking,
    /// Wanted pieces are missing.
    Downloading,
    /// Wanted pieces are missing, but the disk takes no more.
    DiskWaits,
    /// Every wanted piece is there.
    Seeding,
    /// The user, or a seeding goal, stopped it.
    Paused,
    /// It stopped with an error.
    Failed,
}
