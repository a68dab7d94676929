//! What can be asked about the engine at any moment.

use core::net::SocketAddr;
use std::time::Duration;

use superseed_proto::hash::InfoHashes;
use superseed_proto::mse::CryptoMethod;

use crate::config::Priority;
use crate::event::TorrentState;
use crate::ids::TorrentKey;
use crate::peer::Conn;

/// A torrent at a glance.
#[derive(Clone, Debug)]
pub struct TorrentStats {
    /// Its key.
    pub torrent: TorrentKey,
    /// Its info-hashes.
    pub info_hashes: InfoHashes,
    /// What it is doing.
    pub state: TorrentState,
    /// All bytes of the torrent.
    pub total_bytes: u64,
    /// Bytes of the wanted pieces.
    pub wanted_bytes: u64,
    /// Verified bytes, of wanted pieces and others.
    pub have_bytes: u64,
    /// Wanted bytes that are not verified yet.
    pub left_bytes: u64,
    /// Pieces of the torrent.
    pub pieces: u32,
    /// Verified pieces.
    pub pieces_have: u32,
    /// Pieces whose data on disk still waits for its check.
    pub pieces_unchecked: u32,
    /// Payload received in this and earlier runs, wasted bytes included.
    pub downloaded_bytes: u64,
    /// Payload sent in this and earlier runs.
    pub uploaded_bytes: u64,
    /// Payload received in this run.
    pub session_downloaded_bytes: u64,
    /// Payload sent in this run.
    pub session_uploaded_bytes: u64,
    /// Payload that came twice, late or wrong.
    pub wasted_bytes: u64,
    /// Payload rate from peers.
    pub download_bytes_per_s: u64,
    /// Payload rate to peers.
    pub upload_bytes_per_s: u64,
    /// Connected peers.
    pub peers: usize,
    /// Connected peers that have everything.
    pub seeds: usize,
    /// Known addresses that are not connected.
    pub candidates: usize,
    /// Expected time to completion at the present rate.
    pub eta: Option<Duration>,
    /// Whether a peer ever connected to us on its own: if not, a firewall may
    /// be in the way.
    pub incoming_seen: bool,
    /// Why it stopped or waits, in one sentence.
    pub error: Option<String>,
    /// Time spent complete, in all runs.
    pub seeding: Duration,
}

impl TorrentStats {
    /// Of a torrent of which nothing else is known.
    pub(crate) fn of_names(
        torrent: TorrentKey,
        info_hashes: InfoHashes,
        state: TorrentState,
    ) -> Self {
        Self {
            torrent,
            info_hashes,
            state,
            total_bytes: 0,
            wanted_bytes: 0,
            have_bytes: 0,
            left_bytes: 0,
            pieces: 0,
            pieces_have: 0,
            pieces_unchecked: 0,
            downloaded_bytes: 0,
            uploaded_bytes: 0,
            session_downloaded_bytes: 0,
            session_uploaded_bytes: 0,
            wasted_bytes: 0,
            download_bytes_per_s: 0,
            upload_bytes_per_s: 0,
            peers: 0,
            seeds: 0,
            candidates: 0,
            eta: None,
            incoming_seen: false,
            error: None,
            seeding: Duration::ZERO,
        }
    }
}

/// A file of a torrent.
#[derive(Clone, Debug)]
pub struct FileStats {
    /// Its length.
    pub bytes: u64,
    /// Verified bytes of it.
    pub have_bytes: u64,
    /// Its priority.
    pub priority: Priority,
}

/// A connected peer.
#[derive(Clone, Debug)]
pub struct PeerStats {
    /// Its address.
    pub addr: SocketAddr,
    /// Its client, as it says or as its peer id tells.
    pub client: String,
    /// Whether it connected to us.
    pub incoming: bool,
    /// Payload rate from it.
    pub download_bytes_per_s: u64,
    /// Payload rate to it.
    pub upload_bytes_per_s: u64,
    /// Payload from it.
    pub downloaded_bytes: u64,
    /// Payload to it.
    pub uploaded_bytes: u64,
    /// We choke it.
    pub am_choking: bool,
    /// We want something of it.
    pub am_interested: bool,
    /// It chokes us.
    pub peer_choking: bool,
    /// It wants something of us.
    pub peer_interested: bool,
    /// It is our optimistic unchoke.
    pub optimistic: bool,
    /// It owes us blocks for too long.
    pub snubbed: bool,
    /// Requests of ours that it has.
    pub requests_out: usize,
    /// Requests of its that we have.
    pub requests_in: usize,
    /// Pieces it has.
    pub pieces: u32,
    /// How we learned of it.
    pub source: PeerSource,
    /// What follows an encrypted handshake (MSE): with `Plain` nothing else was
    /// hidden. `None` without one.
    pub encryption: Option<CryptoMethod>,
}

impl PeerStats {
    /// Of a peer of which nothing else is known.
    pub(crate) fn of_conn(conn: &Conn) -> Self {
        Self {
            addr: conn.remote,
            client: String::new(),
            incoming: conn.incoming,
            download_bytes_per_s: 0,
            upload_bytes_per_s: 0,
            downloaded_bytes: 0,
            uploaded_bytes: 0,
            am_choking: true,
            am_interested: false,
            peer_choking: true,
            peer_interested: false,
            optimistic: false,
            snubbed: false,
            requests_out: 0,
            requests_in: 0,
            pieces: 0,
            source: conn.source,
            encryption: conn.secure.as_ref().map(|secure| secure.method),
        }
    }
}

/// What a peer and we have of each other's requests: the part of [`PeerStats`]
/// that limits are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerLoad {
    /// Its address.
    pub addr: SocketAddr,
    /// Requests of ours that it has.
    pub requests_out: usize,
    /// How many of them it takes at a time.
    pub requests_out_max: usize,
    /// Requests of its that we have.
    pub requests_in: usize,
    /// It wants something of us and has a place for it.
    pub is_served: bool,
}

/// How an address became known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PeerSource {
    /// It connected to us.
    Incoming,
    /// The user named it.
    User,
    /// A tracker named it.
    Tracker,
    /// The resume record named it.
    Resume,
    /// The DHT named it (BEP 5).
    Dht,
    /// Another peer named it (BEP 11).
    Pex,
    /// Local discovery named it (BEP 14).
    Lsd,
}

impl PeerSource {
    /// All of them.
    pub(crate) const ALL: [Self; 7] = [
        Self::Incoming,
        Self::User,
        Self::Tracker,
        Self::Resume,
        Self::Dht,
        Self::Pex,
        Self::Lsd,
    ];
}

/// A web seed of a torrent (BEP 19).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebSeedStats {
    /// Its URL.
    pub url: String,
    /// How it fares.
    pub status: WebSeedStatus,
    /// Connections to it.
    pub connections: usize,
    /// Payload rate from it.
    pub download_bytes_per_s: u64,
    /// Payload from it.
    pub downloaded_bytes: u64,
}

/// How a web seed fares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WebSeedStatus {
    /// It may be asked, if it is not yet.
    Ready,
    /// It failed, with one sentence, and is asked again after this time.
    Resting(String, Duration),
    /// It has none of the files, as this sentence says.
    Useless(String),
    /// It sent wrong bytes.
    Banned,
}

/// A tracker of a torrent.
#[derive(Clone, Debug)]
pub struct TrackerStats {
    /// Its URL.
    pub url: String,
    /// Its tier, 0-based.
    pub tier: usize,
    /// What came of the last announce.
    pub status: TrackerStatus,
    /// Time to the next announce, if one is planned.
    pub next_announce: Option<Duration>,
    /// Seeds, as it says.
    pub seeders: Option<u64>,
    /// Leechers, as it says.
    pub leechers: Option<u64>,
    /// Downloads, as it says.
    pub downloads: Option<u64>,
    /// Peers in its last answer.
    pub peers: usize,
}

/// What came of the last announce to a tracker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrackerStatus {
    /// Never asked so far.
    Idle,
    /// An announce is on its way.
    Announcing,
    /// It answered.
    Ok {
        /// Its warning, if any.
        warning: Option<String>,
    },
    /// It failed, with one sentence.
    Failed(String),
}
