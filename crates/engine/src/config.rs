//! What the user can set.

use core::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// Settings of the whole session; every one can change while it runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The start of our peer id (BEP 20), at most twelve bytes are used.
    pub peer_id_prefix: Vec<u8>,
    /// Our name and version in the extension handshake (BEP 10, `v`).
    pub client_name: String,
    /// Rate limits of all torrents together.
    pub limits: RateLimits,
    /// Most connections of all torrents together. A host may allow fewer: each
    /// takes a file descriptor.
    pub connections_max: usize,
    /// Most connections of one torrent.
    pub connections_per_torrent_max: usize,
    /// Most connection attempts at the same time.
    pub half_open_max: usize,
    /// Most unchoked peers per torrent, beside optimistic ones; `None` means
    /// as many as the measured uplink feeds.
    pub upload_slots: Option<usize>,
    /// Bytes that received, unwritten blocks may hold (memory). Where torrents
    /// are downloaded to several devices each device has an equal part.
    pub piece_budget_bytes: u64,
    /// Bytes of read-ahead kept for uploads (memory).
    pub read_cache_bytes: u64,
    /// An address to send trackers as `ip=`; nothing is sent without.
    pub announce_ip: Option<IpAddr>,
    /// Which choker runs.
    pub choker: ChokerKind,
    /// Which picker order runs where a torrent is not sequential.
    pub picker: PickerKind,
    /// How blocks are asked for.
    pub requests: RequestKind,
    /// Whether the end of a download asks twice and cancels.
    pub endgame: bool,
    /// How long a complete torrent has no peer and nothing to do before it is
    /// dormant: its hashes, names and pieces are then held on the disk alone,
    /// where the storage can keep them. `None` is never.
    pub dormant_after: Option<Duration>,
    /// Whether neighbours are told of torrents that are not private, and believed
    /// when they tell of theirs (BEP 14).
    pub lsd: bool,
    /// Whether peers of torrents that are not private are told of each other, and
    /// believed when they tell of others (BEP 11). Who was connected before it was
    /// turned on takes no part.
    pub pex: bool,
    /// Which streams of peers are encrypted (MSE).
    pub encryption: Encryption,
    /// The DHT (BEP 5).
    pub dht: DhtSettings,
    /// Whether web seeds are fetched from (BEP 19).
    pub web_seeds: bool,
    /// Whether trackers are asked over UDP (BEP 15). Where datagrams reach nobody,
    /// others are asked sooner without.
    pub udp_trackers: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            peer_id_prefix: b"-SS0100-".to_vec(),
            client_name: "superseed".to_owned(),
            limits: RateLimits::default(),
            connections_max: 500,
            connections_per_torrent_max: 200,
            half_open_max: 50,
            upload_slots: None,
            piece_budget_bytes: 32 << 20,
            // A hundred peers that are 16 MiB apart are served from one read: their
            // runs, and those that the first and the last of them have begun.
            read_cache_bytes: 20 << 20,
            announce_ip: None,
            choker: ChokerKind::Default,
            picker: PickerKind::RarestFirst,
            requests: RequestKind::Adaptive,
            endgame: true,
            dormant_after: None,
            lsd: false,
            pex: false,
            encryption: Encryption::default(),
            dht: DhtSettings::default(),
            web_seeds: false,
            udp_trackers: true,
        }
    }
}

/// How we take part in the DHT.
#[derive(Clone, Debug, PartialEq)]
pub struct DhtSettings {
    /// Whether we do.
    pub enabled: bool,
    /// Whom to ask first, by name or address and port; `None` is those that
    /// everybody asks, [`crate::dht::ROUTERS`]. Only where some are named is
    /// there a node on a loopback address.
    pub routers: Option<Arc<[(String, u16)]>>,
    /// Ask and never answer (BEP 43).
    pub read_only: bool,
    /// Bytes of answers that each node of ours may send in a second, and of
    /// questions of its own as many again.
    pub send_bytes_per_s: u64,
}

impl Default for DhtSettings {
    fn default() -> Self {
        Self {
            enabled: false,
            routers: None,
            read_only: false,
            // libtorrent, `dht_upload_rate_limit`.
            send_bytes_per_s: 8_000,
        }
    }
}

/// Payload and protocol bytes per second; `None` is unlimited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RateLimits {
    /// Towards peers.
    pub upload_bytes_per_s: Option<u64>,
    /// From peers.
    pub download_bytes_per_s: Option<u64>,
}

/// The choker that decides whom to serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChokerKind {
    /// Reciprocation by rate, optimistic slots, seeding by turns.
    Default,
    /// The same without one of its parts, to measure what that part is for.
    DefaultWithout(ChokerPart),
    /// BEP 3 by the letter: three by rate and one by chance.
    Bep3,
    /// The rules of mainline 3.4.2: seven places, walked in turns.
    Mainline,
    /// By rate, stability and trust, as an earlier client scored.
    Scored {
        /// Trust fades, so that no peer can live on its past.
        decay: bool,
    },
    /// Everyone who is interested, always: the baseline that the default must beat.
    UnchokeAll,
}

/// Which streams are encrypted. It hides from devices on the way what is spoken,
/// and nothing from whoever knows the torrent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Encryption {
    /// Of those that peers make.
    pub incoming: EncryptionPolicy,
    /// Of those that we make.
    pub outgoing: EncryptionPolicy,
}

/// What is wanted of one direction of connecting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum EncryptionPolicy {
    /// Plain streams only: an encrypted handshake is not understood.
    #[default]
    Off,
    /// Plain where possible: plain streams first, and of what an encrypted
    /// handshake offers what is plain behind it.
    Allow,
    /// Encrypted where possible.
    Prefer,
    /// Encrypted throughout, or not at all: a handshake before a plain stream
    /// is not enough.
    Require,
}

/// A part of the default choker that can be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChokerPart {
    /// The average of a peer's rate: what it gave since the last round counts.
    Average,
    /// Optimistic slots: who gives nothing gets what givers leave free.
    Optimistic,
    /// Decisions between rounds: a free slot waits for the next one.
    Events,
    /// Slots from the measured uplink: there are eight.
    Sizing,
}

/// The order in which missing pieces are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PickerKind {
    /// Random for the first pieces, then rarest first.
    RarestFirst,
    /// Lowest index first: for streaming, and the baseline that the default must beat.
    InOrder,
}

/// How blocks are asked for. All but the first are baselines of a benchmark,
/// which show what a client does without; nobody should download with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RequestKind {
    /// As many at a time as keep the line full, each of one peer; twice in
    /// endgame only.
    Adaptive,
    /// Every block of two peers if two have it, from the first on, and without
    /// CANCEL: the most that a download can waste.
    Duplicate,
    /// One block at a time, of one peer.
    StopAndWait,
}

/// How one torrent is to be treated.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TorrentOptions {
    /// Priority of each file; files beyond the end are `Normal`.
    pub priorities: Vec<Priority>,
    /// Ask for pieces in order.
    pub sequential: bool,
    /// Its own rate limits, beside the session's.
    pub limits: RateLimits,
    /// When to stop seeding.
    pub goal: SeedGoal,
    /// Peers to try first.
    pub peers: Vec<SocketAddr>,
    /// Trackers beside those of the metainfo, each a tier of its own.
    pub trackers: Vec<String>,
    /// Web seeds beside those of the metainfo (BEP 19).
    pub web_seeds: Vec<String>,
    /// Do not start yet.
    pub paused: bool,
    /// Seed as if we had nothing, and show each peer few pieces at a time, so
    /// that the swarm has a whole copy after little more than one was sent
    /// (BEP 16). Peers that saw all our pieces before are not concerned.
    pub super_seed: bool,
    /// Overwrite files that are not ours.
    pub allow_overwrite: bool,
    /// Hash everything first, whatever the resume record says.
    pub recheck: bool,
}

impl TorrentOptions {
    /// Which files are wanted, one entry for each priority.
    pub fn wanted(&self) -> Vec<bool> {
        let priorities = self.priorities.iter();
        priorities
            .map(|priority| *priority != Priority::Skip)
            .collect()
    }
}

/// When a complete torrent stops; with both, whichever comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SeedGoal {
    /// Uploaded bytes divided by the size of the torrent.
    pub ratio: Option<f64>,
    /// Time spent complete.
    pub time: Option<Duration>,
}

/// How much a file or piece is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// Not at all.
    Skip,
    /// After the others.
    Low,
    /// As usual.
    #[default]
    Normal,
    /// Before the others.
    High,
}

impl Priority {
    /// How many there are.
    pub(crate) const COUNT: usize = 4;
}
