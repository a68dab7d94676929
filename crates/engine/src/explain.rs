//! Why a torrent is no faster than it is, as data.
//!
//! Owns the vocabulary only. `torrent::explain` judges, by a look at the state
//! that changes nothing; words for users are the front end's.

use std::time::Duration;

use crate::disk::DiskError;

/// Why a torrent is no faster than it is: one cause or more, the main one
/// first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    main: Cause,
    others: Vec<Cause>,
}

impl Explanation {
    /// An explanation with this main cause and no other.
    pub fn of(main: Cause) -> Self {
        Self {
            main,
            others: Vec::new(),
        }
    }

    /// The causes in their order; with none of them, `otherwise` is the cause.
    pub(crate) fn of_all(causes: Vec<Cause>, otherwise: impl FnOnce() -> Cause) -> Self {
        let mut causes = causes.into_iter();
        Self {
            main: causes.next().unwrap_or_else(otherwise),
            others: causes.collect(),
        }
    }

    /// What alone would have to change first for the torrent to be faster.
    pub fn main(&self) -> &Cause {
        &self.main
    }

    /// All causes, the main one first.
    pub fn causes(&self) -> impl Iterator<Item = &Cause> {
        std::iter::once(&self.main).chain(&self.others)
    }
}

/// What keeps a torrent from being faster. Times are counted from the moment
/// of the question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Only its info-hashes are known: its metadata is fetched of peers.
    AwaitingMetadata {
        /// Peers whose hands are shaken.
        peers: usize,
        /// Blocks of 16 KiB of the metadata that are there.
        blocks_have: u32,
        /// Blocks that it has; 0 while nobody has said how long it is.
        blocks: u32,
    },
    /// Its files are being opened.
    Opening,
    /// The user, or a seeding goal, stopped it.
    Paused,
    /// It stopped with an error.
    Failed {
        /// Which.
        error: DiskError,
    },
    /// Existing data is being hashed.
    Checking {
        /// Pieces whose verdict is still out.
        pieces_left: u32,
    },
    /// Every wanted piece is there: what it sends is up to those who want it.
    Complete {
        /// Connected peers that want something of us.
        interested: usize,
        /// Those of them that are unchoked.
        unchoked: usize,
    },
    /// The disk is full or not writable.
    DiskRefuses {
        /// What it said.
        error: DiskError,
        /// When it is tried again.
        retry_in: Option<Duration>,
    },
    /// The disk is slower than the peers.
    DiskIsSlow {
        /// Jobs that it has not answered: writes of a download, reads of a seed.
        jobs: usize,
        /// The bytes of these jobs.
        bytes: u64,
        /// How long the oldest of them has been waiting, or a slow one took
        /// that was answered just now.
        oldest: Duration,
        /// Blocks wait in memory up to the session's limit, so that no more
        /// are asked for.
        memory_is_full: bool,
    },
    /// The download limit decides the rate: none of it has gone unused in the
    /// last seconds.
    DownloadLimit(BindingLimit),
    /// The upload limit does.
    UploadLimit(BindingLimit),
    /// Nobody is connected.
    NoPeers {
        /// Known addresses that wait for an attempt.
        candidates: usize,
        /// Attempts and handshakes under way.
        connecting: usize,
        /// When the next candidate is tried; `None` if there is none.
        next_try: Option<Duration>,
    },
    /// No tracker has answered, and nobody else names peers enough.
    Tracker {
        /// The tracker that is waited for.
        url: String,
        /// An announce is on its way; if not, the next one is waited for.
        announcing: bool,
        /// When the announce is given up, or the next one is made.
        left: Duration,
        /// What came of the last announce, in one sentence, if it failed.
        error: Option<String>,
    },
    /// A web seed that would send failed and rests.
    WebSeed {
        /// Its URL.
        url: String,
        /// What went wrong, in one sentence.
        error: String,
        /// When it is asked again; `None` is never.
        retry_in: Option<Duration>,
    },
    /// No connected peer has a wanted piece that we lack.
    NothingWeLack {
        /// Connected peers.
        peers: usize,
    },
    /// All, or nearly all, of those who have something choke us.
    Choked {
        /// Peers that have something and choke us.
        choking: usize,
        /// Peers that have something.
        having: usize,
    },
    /// Nothing hinders on our side: the peers, or the line to them, are no
    /// faster.
    PeersAreSlow {
        /// Peers that have something and do not choke us.
        serving: usize,
        /// Those of them that owe us a block for too long.
        snubbing: usize,
        /// Payload rate from all of them.
        bytes_per_s: u64,
    },
}

/// A rate limit that decides the rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BindingLimit {
    /// The limit.
    pub bytes_per_s: u64,
    /// It is the session's; if not, the torrent's own.
    pub of_session: bool,
    /// For how long none of it has gone unused.
    pub since: Duration,
}
