//! What a BitTorrent client decides.
//!
//! One value, [`Engine`], owns every torrent, connection and timer. It is
//! driven by [`Input`]s with the time at which they happened and answers with
//! [`Action`]s; given its seed and its inputs, its outputs are a function. It
//! has no socket, file, clock, thread, lock or global state: the host and the
//! simulator drive the very same code.
#![forbid(unsafe_code)]

pub mod action;
mod agenda;
pub mod block;
pub mod candidates;
pub mod choker;
pub mod config;
pub mod dht;
pub mod disk;
pub mod engine;
pub mod event;
pub mod explain;
pub mod fault;
pub mod filter;
pub mod holdings;
pub mod ids;
pub mod input;
pub mod limits;
mod lsd;
mod metadata;
mod peer;
mod pex;
pub mod picker;
pub mod rate;
pub mod requests;
pub mod stats;
pub mod super_seed;
pub mod time;
mod torrent;
pub mod trackers;
mod webseed;
pub mod work;

pub use action::{Action, AddRefusal, Fetch, HttpAnnounce, Outbox};
pub use block::BlockBuf;
pub use config::{
    Encryption, EncryptionPolicy, Priority, RateLimits, SeedGoal, Settings, TorrentOptions,
};
pub use disk::{DiskError, DiskErrorKind, DiskJob, DiskOp, DiskResult};
pub use engine::{Engine, Reason};
pub use event::{Event, EventKind, TorrentState};
pub use explain::{Cause, Explanation};
pub use fault::PeerFault;
pub use holdings::{Holdings, PeerHoldings, TorrentHoldings};
pub use ids::{
    AnnounceKey, ConnKey, FetchKey, JobKey, ListenerId, ResolveKey, Ticket, TorrentKey, WorkKey,
};
pub use input::{
    AddTorrent, Command, ConnectError, FetchEnd, FetchPart, Input, StreamEnd, TorrentSource,
    TransferError,
};
pub use time::Time;
pub use work::{Work, WorkJob, WorkResult};
