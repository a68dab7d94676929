//! Everything that can happen to the engine.

use core::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use superseed_proto::hash::InfoHashes;
use superseed_proto::layout::{FileIndex, PieceIndex};
use superseed_proto::metainfo::Metainfo;

use crate::config::{Priority, RateLimits, Settings, TorrentOptions};
use crate::dht::{DhtSnapshot, Goal};
use crate::disk::{DiskResult, Summary};
use crate::filter::Filter;
use crate::ids::{
    AnnounceKey, ConnKey, FetchKey, JobKey, ListenerId, ResolveKey, Ticket, TorrentKey, WorkKey,
};
use crate::work::WorkResult;

/// One thing that happened. The only way into the engine.
#[derive(Debug)]
pub enum Input<'a> {
    /// Time passed: fire what is due.
    Tick,
    /// The user wants something.
    Command(Command),
    /// The host listens on an address (TCP, and UDP with the same number).
    Listening {
        /// The host's number for it.
        listener: ListenerId,
        /// The bound address; may be unspecified (`0.0.0.0`, `::`).
        addr: SocketAddr,
    },
    /// A peer knocked; answered by `Accept` or `Refuse` with the same ticket.
    Incoming {
        /// The host's number for the waiting stream.
        ticket: Ticket,
        /// The peer's address.
        remote: SocketAddr,
        /// Where it knocked.
        listener: ListenerId,
    },
    /// An outgoing stream is up.
    Connected {
        /// Which.
        conn: ConnKey,
    },
    /// An outgoing stream could not be made.
    ConnectFailed {
        /// Which.
        conn: ConnKey,
        /// Why.
        error: ConnectError,
    },
    /// Bytes arrived.
    Received {
        /// On which stream.
        conn: ConnKey,
        /// In order, any split.
        bytes: &'a [u8],
    },
    /// The same, of bytes in memory that others hold as well: a block that lies
    /// in them whole is kept there, and not copied.
    ReceivedShared {
        /// On which stream.
        conn: ConnKey,
        /// In order, any split.
        bytes: Bytes,
    },
    /// The stream took bytes that [`crate::Engine::outgoing`] offered.
    Sent {
        /// Which stream.
        conn: ConnKey,
        /// How many, from the front.
        len: usize,
    },
    /// The stream ended; the host has forgotten it.
    Closed {
        /// Which.
        conn: ConnKey,
        /// How.
        end: StreamEnd,
    },
    /// A datagram arrived on a listener's UDP socket.
    Datagram {
        /// Where.
        listener: ListenerId,
        /// From whom.
        from: SocketAddr,
        /// Its bytes.
        bytes: &'a [u8],
    },
    /// The gateway lets others call a listener at this address, or does so no
    /// more.
    Mapped {
        /// Which listener.
        listener: ListenerId,
        /// Where it is called; the address may be private, behind two gateways.
        external: Option<SocketAddr>,
    },
    /// A datagram arrived at the group of local discovery (BEP 14).
    Multicast {
        /// The address is in a network of ours, by the prefix of an interface.
        near: bool,
        /// From whom.
        from: SocketAddr,
        /// Its bytes.
        bytes: &'a [u8],
    },
    /// An HTTP announce ended.
    AnnounceDone {
        /// Which.
        announce: AnnounceKey,
        /// The body of an answer with any status, or why there is none.
        result: Result<&'a [u8], TransferError>,
    },
    /// A web seed's answer, or a part of it.
    Fetched {
        /// Which.
        fetch: FetchKey,
        /// What came.
        part: FetchPart<'a>,
    },
    /// A name look-up ended.
    Resolved {
        /// Which.
        resolve: ResolveKey,
        /// The addresses, of both families; empty if there are none.
        addrs: Vec<IpAddr>,
    },
    /// A computation ended.
    Worked {
        /// Which.
        work: WorkKey,
        /// What came of it.
        result: WorkResult,
    },
    /// A disk job ended.
    DiskDone {
        /// Which.
        job: JobKey,
        /// What came of it.
        result: DiskResult,
    },
}

/// What came of a request to a web seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FetchPart<'a> {
    /// The next bytes of what was asked for. When all of it came the fetch is
    /// over, and nothing else is said of it.
    Bytes(&'a [u8]),
    /// It ended before its end.
    Ended(FetchEnd),
}

/// Why a fetch ended before its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FetchEnd {
    /// The answer is shorter, the connection broke or was not made, in one
    /// sentence.
    Broke(String),
    /// The server has too much to do, and may say when to come again.
    Busy(Option<Duration>),
    /// The server does not have the file, or not this one, or does not serve
    /// parts of it, in one sentence.
    Absent(String),
}

/// What a user can ask for.
#[derive(Debug)]
pub enum Command {
    /// Add a torrent; answered by `Added` or `AddRefused` with the same ticket.
    Add(Box<AddTorrent>),
    /// The metadata of a torrent that was added by its info-hashes, from
    /// elsewhere than peers; what follows is as if they had sent it. Ignored if
    /// it is another torrent's, or v2 only, which is not served yet.
    ProvideMetadata(TorrentKey, Arc<Metainfo>),
    /// The torrent whose metadata came ([`crate::Action::Metadata`]) begins,
    /// with these options.
    Begin(TorrentKey, Box<TorrentOptions>),
    /// Forget a torrent after telling its trackers; answered by `Removed`.
    Remove(TorrentKey),
    /// Stop all traffic of a torrent.
    Pause(TorrentKey),
    /// Go on, also after an error.
    Resume(TorrentKey),
    /// Hash everything on disk again.
    Recheck(TorrentKey),
    /// Ask the trackers now, as far as their `min interval` allows.
    Reannounce(TorrentKey),
    /// Try a peer.
    AddPeer(TorrentKey, SocketAddr),
    /// Try a peer that is known by name and port.
    AddPeerName(TorrentKey, String, u16),
    /// Add a tracker as a tier of its own.
    AddTracker(TorrentKey, String),
    /// Change a torrent's rate limits.
    SetLimits(TorrentKey, RateLimits),
    /// Change priorities of some files.
    SetPriorities(TorrentKey, Vec<(FileIndex, Priority)>),
    /// Ask for pieces in order, or rarest first.
    SetSequential(TorrentKey, bool),
    /// Seed as if we had nothing (BEP 16), from the next connection on, or show
    /// everyone everything.
    SetSuperSeed(TorrentKey, bool),
    /// A piece is needed within this time from now, or by no moment any more: a
    /// reader waits for it. It is asked for before all without a deadline, as
    /// long as it is wanted at all.
    SetDeadline(TorrentKey, PieceIndex, Option<Duration>),
    /// Wake a torrent if it is dormant, and let it not be so again at once:
    /// somebody is about to use its pieces or files.
    Wake(TorrentKey),
    /// Ask whether there is a node of the DHT, by name or address and port.
    AddNode(String, u16),
    /// Begin with the nodes of the DHT that were known in an earlier run.
    RestoreNodes(Box<DhtSnapshot>),
    /// Look something up in the DHT; answered by `Found` with the same ticket.
    LookUp(Ticket, Box<Goal>),
    /// Change the session's settings.
    Configure(Box<Settings>),
    /// Speak with nobody whom this filter blocks: who is connected is disconnected.
    SetFilter(Arc<Filter>),
    /// End: announce `stopped`, sync, save; answered by `ShutdownDone`.
    Shutdown,
}

impl Command {
    /// The torrent that it is about.
    pub fn torrent(&self) -> Option<TorrentKey> {
        match self {
            Self::ProvideMetadata(key, _)
            | Self::Begin(key, _)
            | Self::Remove(key)
            | Self::Pause(key)
            | Self::Resume(key)
            | Self::Recheck(key)
            | Self::Reannounce(key)
            | Self::AddPeer(key, _)
            | Self::AddPeerName(key, ..)
            | Self::AddTracker(key, _)
            | Self::SetLimits(key, _)
            | Self::SetPriorities(key, _)
            | Self::SetSequential(key, _)
            | Self::SetSuperSeed(key, _)
            | Self::SetDeadline(key, ..)
            | Self::Wake(key) => Some(*key),
            Self::Add(_)
            | Self::AddNode(..)
            | Self::RestoreNodes(_)
            | Self::LookUp(..)
            | Self::Configure(_)
            | Self::SetFilter(_)
            | Self::Shutdown => None,
        }
    }
}

/// A torrent to be added.
#[derive(Debug)]
pub struct AddTorrent {
    /// Matches the answer.
    pub ticket: Ticket,
    /// What it is.
    pub source: TorrentSource,
    /// How it is to be treated.
    pub options: TorrentOptions,
}

/// What is known of a torrent when it is added.
#[derive(Clone, Debug)]
pub enum TorrentSource {
    /// Everything. Shared, since it never changes.
    Metainfo(Arc<Metainfo>),
    /// What was kept of it in an earlier run: it is complete, and dormant from
    /// the start. The options with which it is added are not looked at.
    Kept(Box<Summary>),
    /// Its names: it awaits its metadata, see [`Command::ProvideMetadata`].
    InfoHashes(InfoHashes),
}

impl TorrentSource {
    /// The torrent's names.
    pub fn info_hashes(&self) -> InfoHashes {
        match self {
            Self::Metainfo(metainfo) => metainfo.info_hashes,
            Self::Kept(summary) => summary.info_hashes,
            Self::InfoHashes(info_hashes) => *info_hashes,
        }
    }
}

/// Why an outgoing stream could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConnectError {
    /// Nobody listens there.
    Refused,
    /// No answer in time.
    TimedOut,
    /// No route, or the network is down.
    Unreachable,
    /// The host has no descriptor or port left, or its proxy is gone: not the
    /// peer's fault.
    LocalLimit,
    /// Anything else.
    Other,
}

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StreamEnd {
    /// The peer closed it in order.
    Eof,
    /// It broke.
    Reset,
}

/// Why an HTTP exchange brought no body.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransferError {
    /// The name has no address of the family asked for.
    #[error("no address for this host")]
    NoAddress,
    /// No answer in time.
    #[error("no answer in time")]
    TimedOut,
    /// The answer is larger than allowed.
    #[error("the answer is too large")]
    TooLarge,
    /// A status that is not success, with an unusable body.
    #[error("HTTP status {0}")]
    Status(u16),
    /// Anything else, in words.
    #[error("{0}")]
    Other(String),
}
