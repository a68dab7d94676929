//! A BitTorrent engine for Rust programs.
//!
//! [`Session`] is the client, [`Torrent`] one of its torrents; both are cheap
//! handles with async methods that need no particular runtime. Behind them one
//! thread drives a deterministic engine (`superseed-engine`) from an epoll
//! loop, a small pool of workers hashes and touches files, and a third thread
//! speaks HTTP and DNS. This crate decides nothing about peers and pieces: it
//! is sockets, files and handles around what the engine decides.
//!
//! See [`Session`] for an example that runs.

pub mod content;
mod control;
mod disk;
mod net;
mod nodes;
mod os;
mod portmap;
mod route;
mod session;
pub mod storage;
pub mod tracker;
mod work;

pub use control::fetch::{FETCH_BYTES_MAX, fetch_torrent, fetch_torrent_by};
pub use route::{BadProxy, Interface, Proxy, ProxyError, ProxyUrl, Route, UnknownInterface};
pub use session::blocklist::{Blocklist, BlocklistError};
pub use session::config::{
    AddOptions, Config, DEFAULT_PORT, DEFAULT_PORTS_TRIED, DORMANT_AFTER, LinkOptions,
    TorrentSource,
};
pub use session::dht::Dht;
pub use session::error::{
    AddError, FetchError, Gone, LinkError, PutError, ReadError, StartError, WaitError,
};
pub use session::events::{EVENTS_MAX, Events, Notice};
pub use session::link::Awaited;
pub use session::restore::Restored;
pub use session::torrent::Torrent;
pub use session::{Session, SessionStats};

pub use superseed_engine::config::DhtSettings;
pub use superseed_engine::config::{ChokerKind, ChokerPart, PickerKind, RequestKind};
pub use superseed_engine::dht::{NodeStats, ROUTERS};
pub use superseed_engine::explain::{BindingLimit, Cause, Explanation};
pub use superseed_engine::stats::{
    FileStats, PeerSource, PeerStats, TorrentStats, TrackerStats, TrackerStatus, WebSeedStats,
    WebSeedStatus,
};
pub use superseed_engine::{
    DiskError, DiskErrorKind, Encryption, EncryptionPolicy, Event, EventKind, PeerFault, Priority,
    RateLimits, SeedGoal, Settings, TorrentKey, TorrentOptions, TorrentState,
};
pub use superseed_proto::SwarmKey;
pub use superseed_proto::hash::{InfoHashV2, InfoHashes};
pub use superseed_proto::krpc::{MutableItem, MutableKey, Signature};
pub use superseed_proto::layout::{FileIndex, PieceIndex};
pub use superseed_proto::magnet::Magnet;
pub use superseed_proto::metainfo::{Format, Metainfo, MetainfoError, TorrentBuilder};
pub use superseed_proto::mse::CryptoMethod;
