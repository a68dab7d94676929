//! One torrent: what it has, whom it talks to, what it does next.
//!
//! Each file holds one concern: `store` received blocks, `blame` who spoilt one,
//! `requests` what to ask of whom, `deadlines` what somebody waits for, `endgame`
//! the last of it, `messages` what peers say, `upload` what they get, `choke`
//! who gets it, `check` data found on disk, `record` what is durable,
//! `haves` what peers are yet to be told, `lost` what they have no longer,
//! `greet` the first words to them, `extended` what the extension protocol adds,
//! `metadata` serving it, `pex` whom peers are told of,
//! `web_seeds` what is fetched over HTTP,
//! `connect` whom to talk to, `encryption` how that begins, `turnover`
//! whom no more, `newcomers` who had
//! what one gets once, `announce` the trackers, `super_seed` what is
//! hidden of whom, `stats` what users see, `explain` why it is no faster.
//! `idle` says when it has nothing to do; `dormant` is what it is then, and
//! `lasting` what it keeps of itself.

pub(crate) mod announce;
pub(crate) mod awaiting;
mod blame;
mod check;
mod choke;
mod connect;
mod deadlines;
mod dial;
pub(crate) mod dormant;
mod encryption;
mod endgame;
mod explain;
mod extended;
pub(crate) mod form;
mod greet;
mod have;
mod haves;
mod idle;
pub(crate) mod lasting;
mod life;
mod lost;
mod messages;
mod metadata;
mod newcomers;
mod pex;
mod record;
mod requests;
mod stats;
mod store;
mod super_seed;
pub(crate) mod time_outs;
mod turnover;
mod twins;
mod upload;
mod web_seeds;
pub(crate) mod writing;

use std::sync::Arc;

use slotmap::SecondaryMap;
use smallvec::SmallVec;
use superseed_proto::bitfield::Bitfield;
use superseed_proto::hash::InfoHashes;
use superseed_proto::layout::{Block, FileIndex, Layout};
use superseed_proto::metainfo::Metainfo;

use self::blame::Suspects;
use self::check::Check;
use self::endgame::Debtors;
use self::haves::Haves;
use self::idle::Idleness;
use self::lasting::Lasting;
use self::newcomers::Newcomers;
use self::record::Durable;
use self::store::PieceStore;
use crate::candidates::Turnover;
use crate::candidates::connect::SlowStart;
use crate::choker::Choker;
use crate::config::{PickerKind, Priority, TorrentOptions};
use crate::disk::{DiskError, DiskOp};
use crate::engine::jobs::{Job, JobKind};
use crate::engine::memory::DeviceIndex;
use crate::engine::shared::{Cx, Shared};
use crate::ids::{ConnKey, TorrentKey};
use crate::pex::Roster;
use crate::picker::Picker;
use crate::rate::{Ewma, TokenBucket};
use crate::super_seed::SuperSeed;
use crate::time::Time;
use crate::webseed::WebSeeds;

/// Whether a torrent may move bytes at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    /// Its storage is being opened.
    Opening,
    /// It works.
    Running,
    /// The user or a goal stopped it.
    Paused,
    /// It stopped with an error.
    Failed(DiskError),
    /// It says farewell to its trackers and its storage.
    Leaving(Leaving),
}

/// What a leaving torrent still waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Leaving {
    pub(crate) announces_done: bool,
    pub(crate) storage_closed: bool,
    pub(crate) close_asked: bool,
}

impl Leaving {
    /// Whether nothing is left to wait for.
    pub(crate) fn is_over(self) -> bool {
        self.announces_done && self.storage_closed
    }
}

/// Payload and waste of this run.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals {
    pub(crate) downloaded: u64,
    pub(crate) uploaded: u64,
    pub(crate) wasted: u64,
}

/// A torrent whose metadata is known.
pub(crate) struct Torrent {
    pub(crate) key: TorrentKey,
    pub(crate) metainfo: Arc<Metainfo>,
    pub(crate) layout: Layout,
    pub(crate) lasting: Lasting,
    pub(crate) life: Life,
    /// Where its files are.
    pub(crate) device: DeviceIndex,
    /// It is among the downloads of its device.
    pub(crate) counts_as_download: bool,
    /// The disk takes no more: downloads wait, uploads go on.
    disk_waits: Option<DiskError>,
    /// The last write that the disk was slow with.
    slow_write: Option<explain::SlowWrite>,
    pub(crate) picker: Picker,
    store: PieceStore,
    /// Blocks picked for one peer: kept for its allocation.
    picked: Vec<Block>,
    check: Check,
    durable: Durable,
    file_priorities: Vec<Priority>,
    pub(crate) peers: Vec<ConnKey>,
    pub(crate) web_seeds: Option<Box<WebSeeds>>,
    /// Peers that may owe blocks: all that do, and some that did.
    owing: SecondaryMap<ConnKey, ()>,
    debtors: Debtors,
    slow_start: SlowStart,
    turnover: Turnover,
    choker: Box<dyn Choker>,
    /// The pieces before this one were seen at some peer since we seed.
    pieces_seen: u32,
    super_seed: SuperSeed,
    haves: Haves,
    /// Whom peers are told of.
    roster: Roster,
    suspects: Suspects,
    newcomers: Newcomers,
    /// Who had a first turn while the first copy was sent.
    first_turns: Newcomers,
    pub(crate) upload: TokenBucket,
    pub(crate) download: TokenBucket,
    down: Ewma,
    up: Ewma,
    /// Some blocks became free for others than who lost them.
    refill_due: bool,
    /// Peers that have room for requests and were not asked since.
    refill_peers: SmallVec<[ConnKey; 4]>,
    /// The choker should look again at the end of this input.
    rechoke_due: bool,
    /// A place for a connection became free.
    connect_due: bool,
    /// Super-seeding may have something to show.
    show_due: bool,
    idleness: Idleness,
    /// Peers were last told that we are a partial seed (BEP 21).
    told_upload_only: bool,
}

impl Torrent {
    pub(crate) fn new(
        key: TorrentKey,
        metainfo: Arc<Metainfo>,
        options: TorrentOptions,
        shared: &mut Shared,
        now: Time,
    ) -> Self {
        let lasting = Lasting::new(key, &metainfo, options, shared);
        Self::awake(lasting, metainfo, shared, now)
    }

    /// A torrent that has nothing so far but what lasts.
    pub(crate) fn awake(
        lasting: Lasting,
        metainfo: Arc<Metainfo>,
        shared: &Shared,
        now: Time,
    ) -> Self {
        let Lasting {
            key, ref options, ..
        } = lasting;
        let layout = metainfo.info.layout;
        let kind = if options.sequential {
            PickerKind::InOrder
        } else {
            shared.settings.picker
        };
        let mut file_priorities = options.priorities.clone();
        file_priorities.resize(metainfo.info.files.len(), Priority::Normal);
        let limits = options.limits;
        let web_seeds = WebSeeds::new(metainfo.web_seeds.iter().chain(&options.web_seeds));
        let mut torrent = Self {
            key,
            layout,
            life: Life::Opening,
            device: DeviceIndex::default(),
            counts_as_download: false,
            disk_waits: None,
            slow_write: None,
            picker: Picker::new(layout, kind),
            store: PieceStore::default(),
            picked: Vec::new(),
            check: Check::default(),
            durable: Durable::new(layout.piece_count()),
            file_priorities,
            peers: Vec::new(),
            web_seeds,
            owing: SecondaryMap::new(),
            debtors: Debtors::default(),
            slow_start: SlowStart::default(),
            turnover: Turnover::default(),
            choker: crate::choker::new(shared.settings.choker),
            pieces_seen: 0,
            super_seed: SuperSeed::default(),
            haves: Haves::default(),
            roster: Roster::default(),
            suspects: Suspects::default(),
            newcomers: Newcomers::default(),
            first_turns: Newcomers::default(),
            upload: TokenBucket::new(limits.upload_bytes_per_s, now),
            download: TokenBucket::new(limits.download_bytes_per_s, now),
            down: Ewma::new(Ewma::TAU, now),
            up: Ewma::new(Ewma::TAU, now),
            refill_due: false,
            refill_peers: SmallVec::new(),
            rechoke_due: false,
            connect_due: false,
            show_due: false,
            idleness: Idleness::default(),
            told_upload_only: false,
            metainfo,
            lasting,
        };
        torrent.apply_priorities();
        torrent
    }

    /// Sends a job to its storage.
    fn disk(&self, cx: &mut Cx<'_>, kind: JobKind, op: DiskOp) {
        let job = Job {
            torrent: self.key,
            device: self.device,
            kind,
        };
        cx.disk(self.key, job, op);
    }

    pub(crate) fn info_hashes(&self) -> InfoHashes {
        self.lasting.info_hashes
    }

    pub(crate) fn is_running(&self) -> bool {
        self.life == Life::Running
    }

    /// Every wanted piece is verified. While a check runs nobody can know.
    pub(crate) fn is_complete(&self) -> bool {
        self.check.is_done() && self.picker.is_complete()
    }

    /// Whether blocks may be asked for now.
    pub(crate) fn may_download(&self) -> bool {
        self.is_running() && self.disk_waits.is_none() && !self.picker.is_complete()
    }

    pub(crate) fn have(&self) -> &Bitfield {
        self.picker.have()
    }

    /// Which files are wanted, for storage.
    pub(crate) fn wanted_files(&self) -> Vec<bool> {
        self.file_priorities
            .iter()
            .map(|priority| *priority != Priority::Skip)
            .collect()
    }

    pub(crate) fn take_rechoke_due(&mut self) -> bool {
        std::mem::take(&mut self.rechoke_due)
    }

    pub(crate) fn take_refill_due(&mut self) -> bool {
        std::mem::take(&mut self.refill_due)
    }

    pub(crate) fn take_connect_due(&mut self) -> bool {
        std::mem::take(&mut self.connect_due)
    }

    /// Gives each piece the highest priority of the files it touches.
    fn apply_priorities(&mut self) {
        // What was not looked at since we lack it may be wanted now.
        self.pieces_seen = 0;
        let mut pieces = vec![Priority::Skip; self.layout.piece_count() as usize];
        for (at, &priority) in self.file_priorities.iter().enumerate() {
            for piece in self.metainfo.info.file_pieces(FileIndex(at as u32)) {
                let of_piece = &mut pieces[piece as usize];
                *of_piece = priority.max(*of_piece);
            }
        }
        for (piece, priority) in self.layout.pieces().zip(pieces) {
            self.picker.set_priority(piece, priority);
        }
    }
}
