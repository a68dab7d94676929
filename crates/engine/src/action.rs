//! Everything the engine can ask of the world.

use core::net::SocketAddr;
use core::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use superseed_proto::InfoHashV2;
use superseed_proto::metainfo::Metainfo;

use crate::dht::Found;
use crate::disk::DiskJob;
use crate::event::Event;
use crate::ids::{AnnounceKey, ConnKey, FetchKey, ListenerId, ResolveKey, Ticket, TorrentKey};
use crate::work::WorkJob;

/// One thing to do. Actions are performed in order after `handle` returned.
#[derive(Debug)]
pub enum Action {
    /// The torrent is in; its storage is opened next.
    Added {
        /// Of the command.
        ticket: Ticket,
        /// Its key from now on.
        torrent: TorrentKey,
    },
    /// The torrent was not taken.
    AddRefused {
        /// Of the command.
        ticket: Ticket,
        /// Why.
        reason: AddRefusal,
    },
    /// The metadata of a torrent is there and right. It waits for
    /// [`Command::Begin`](crate::input::Command::Begin), which says how the
    /// torrent is to be treated.
    Metadata {
        /// Whose.
        torrent: TorrentKey,
        /// What it is. Nothing is known beside the info dictionary.
        metainfo: Arc<Metainfo>,
    },
    /// The torrent is gone; no action names it any more.
    Removed {
        /// Which.
        torrent: TorrentKey,
    },
    /// Keep the waiting stream, under this key.
    Accept {
        /// Of the input.
        ticket: Ticket,
        /// Its key from now on.
        conn: ConnKey,
    },
    /// Close the waiting stream.
    Refuse {
        /// Of the input.
        ticket: Ticket,
    },
    /// Make a stream; answered by `Connected` or `ConnectFailed`.
    Connect {
        /// Its key.
        conn: ConnKey,
        /// Where to.
        remote: SocketAddr,
        /// Leave from this listener's address, if it is a specific one.
        from: Option<ListenerId>,
    },
    /// Close a stream; the key is dead at once and no input about it is wanted.
    Close {
        /// Which.
        conn: ConnKey,
    },
    /// `outgoing` has bytes for this stream again.
    WantWrite {
        /// Which.
        conn: ConnKey,
    },
    /// `read_allowance` is no longer zero for this stream.
    WantRead {
        /// Which.
        conn: ConnKey,
    },
    /// Work for the disk.
    Disk(DiskJob),
    /// Fetch a tracker URL; answered by `AnnounceDone`.
    HttpAnnounce(Box<HttpAnnounce>),
    /// Look a name up; answered by `Resolved`.
    Resolve {
        /// Names the answer.
        resolve: ResolveKey,
        /// The name; never an address literal.
        host: String,
    },
    /// Compute something; answered by `Worked`.
    Work(Box<WorkJob>),
    /// Send a datagram from a listener's UDP socket.
    SendDatagram {
        /// From where.
        listener: ListenerId,
        /// To whom.
        to: SocketAddr,
        /// What.
        bytes: Vec<u8>,
    },
    /// Send a datagram to the group of local discovery (BEP 14), wherever a
    /// listener has neighbours.
    SendMulticast {
        /// From where; its family decides the group.
        listener: ListenerId,
        /// What.
        bytes: Vec<u8>,
    },
    /// A look-up in the DHT ended.
    Found {
        /// Of the command.
        ticket: Ticket,
        /// What came of it.
        found: Box<Found>,
    },
    /// Fetch a part of a file from a web seed; answered by `Fetched`. Nothing of
    /// its body may be passed on before `FetchMore`.
    Fetch(Box<Fetch>),
    /// So many bytes more of a body may be passed on: beside what was lent
    /// before nothing more is taken.
    FetchMore {
        /// Of which.
        fetch: FetchKey,
        /// How many.
        bytes: u64,
    },
    /// Give a fetch up; no input about it is wanted.
    FetchStop {
        /// Which.
        fetch: FetchKey,
    },
    /// Tell the user.
    Event(Event),
    /// Everything is saved and said: the engine may be dropped.
    ShutdownDone,
}

/// An HTTP(S) request to a tracker.
#[derive(Debug)]
pub struct HttpAnnounce {
    /// Names the answer.
    pub announce: AnnounceKey,
    /// The whole URL.
    pub url: String,
    /// The listener whose address and family the request leaves from.
    pub from: ListenerId,
    /// When to give up.
    pub timeout: Duration,
}

/// A request to a web seed (BEP 19).
#[derive(Debug)]
pub struct Fetch {
    /// Names the answer.
    pub fetch: FetchKey,
    /// The URL of the file.
    pub url: String,
    /// The bytes of the file that are wanted.
    pub bytes: Range<u64>,
    /// How long the file is.
    pub file_len: u64,
    /// The listener whose address and family the request leaves from.
    pub from: ListenerId,
}

/// Why a torrent was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddRefusal {
    /// A torrent with the same info-hash is in the session already.
    #[error("the session already has this torrent")]
    Duplicate(TorrentKey),
    /// The torrent has no v1 half, and v2 swarms are not served yet.
    #[error("the torrent {0} has no version 1 half")]
    V2Only(InfoHashV2),
    /// The session ends.
    #[error("the session is shutting down")]
    ShuttingDown,
}

/// Where the engine puts its actions.
#[derive(Debug, Default)]
pub struct Outbox {
    actions: std::collections::VecDeque<Action>,
}

impl Outbox {
    /// An empty outbox.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an action behind the others.
    pub fn push(&mut self, action: Action) {
        self.actions.push_back(action);
    }

    /// Takes the oldest action.
    pub fn pop(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.actions.is_empty()
    }
}
