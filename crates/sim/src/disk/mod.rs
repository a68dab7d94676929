//! Disks in memory: they do the engine's disk jobs, take time for it, fill up,
//! fail, and forget what was not synced when the power goes.
//!
//! Hashing is real: a [`PieceProof`](superseed_proto::hash::PieceProof) comes
//! from a hasher that saw the bytes. A piece whose bytes equal the source's is
//! hashed once per world and the proof is kept, since equal bytes have equal
//! hashes; this is what makes swarms of fifty cheap.

mod jobs;
mod store;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use superseed_engine::{DiskErrorKind, DiskJob, DiskOp, Time, TorrentKey};
use superseed_proto::hash::SwarmKey;
use superseed_proto::layout::PieceIndex;

use crate::content::Content;
use crate::rng::Rng;
pub use store::CrashLoss;
pub(crate) use store::Store;

/// How a disk behaves.
#[derive(Clone, Debug)]
pub struct DiskSpec {
    /// Fixed time of each job.
    pub latency: Duration,
    /// Random extra time of each job, up to this: jobs overtake each other.
    pub jitter: Duration,
    /// Bytes per second of all jobs together; `None` is unlimited.
    pub bytes_per_s: Option<u64>,
    /// Bytes of torrent data that fit; `None` is unlimited.
    pub capacity_bytes: Option<u64>,
}

impl Default for DiskSpec {
    fn default() -> Self {
        Self {
            latency: Duration::from_micros(200),
            jitter: Duration::ZERO,
            bytes_per_s: None,
            capacity_bytes: None,
        }
    }
}

/// A disk and the torrents' data on it. It outlives the engine that uses it.
pub(crate) struct Disk {
    pub(crate) spec: DiskSpec,
    stores: HashMap<SwarmKey, Store>,
    /// What this run of the engine calls the stores.
    open: HashMap<TorrentKey, SwarmKey>,
    /// Pieces with a job under way: the engine promises one at a time.
    busy_pieces: Vec<(TorrentKey, PieceIndex)>,
    free_at: Time,
    /// When the last job of each torrent that has begun will be done.
    last_end: HashMap<TorrentKey, Time>,
    rng: Rng,
}

impl Disk {
    pub(crate) fn new(spec: DiskSpec, rng: Rng) -> Self {
        Self {
            spec,
            stores: HashMap::new(),
            open: HashMap::new(),
            busy_pieces: Vec::new(),
            free_at: Time::START,
            last_end: HashMap::new(),
            rng,
        }
    }

    /// The data of a torrent, made empty if there is none.
    pub(crate) fn store(&mut self, content: &Arc<Content>) -> &mut Store {
        let new = || Store::new(Arc::clone(content));
        self.stores.entry(content.swarm()).or_insert_with(new)
    }

    /// The data of a torrent, if there ever was any.
    pub(crate) fn known(&self, content: &Content) -> Option<&Store> {
        self.stores.get(&content.swarm())
    }

    /// Tells what a torrent's key stands for.
    pub(crate) fn name(&mut self, torrent: TorrentKey, content: &Arc<Content>) {
        self.store(content);
        self.open.insert(torrent, content.swarm());
    }

    pub(crate) fn store_of(&mut self, torrent: TorrentKey) -> &mut Store {
        let swarm = self
            .open
            .get(&torrent)
            .expect("the torrent was added before its disk jobs");
        self.stores
            .get_mut(swarm)
            .expect("a named torrent has a store")
    }

    /// Makes jobs on one torrent fail with this kind of error, or work again.
    pub(crate) fn set_fault(&mut self, content: &Arc<Content>, fault: Option<DiskErrorKind>) {
        self.store(content).fault = fault;
    }

    /// When a job that begins now will be done.
    ///
    /// # Errors
    ///
    /// A sentence, if the engine broke its promise of one job per piece.
    pub(crate) fn begin(&mut self, job: &DiskJob, now: Time) -> Result<Time, String> {
        let len = match &job.op {
            DiskOp::Write { piece, blocks, .. } => {
                self.claim(job.torrent, *piece)?;
                blocks.iter().map(|block| block.bytes().len() as u64).sum()
            }
            DiskOp::HashBack { piece, len, .. } => {
                self.claim(job.torrent, *piece)?;
                u64::from(*len)
            }
            DiskOp::Digest { piece, .. } => {
                self.claim(job.torrent, *piece)?;
                u64::from(self.store_of(job.torrent).layout().piece_len(*piece))
            }
            DiskOp::Read { len, .. } => u64::from(*len),
            DiskOp::Check { pieces } => {
                let layout = *self.store_of(job.torrent).layout();
                pieces
                    .iter()
                    .map(|(piece, _)| u64::from(layout.piece_len(*piece)))
                    .sum()
            }
            _ => 0,
        };
        let transfer = self.spec.bytes_per_s.map_or(Duration::ZERO, |rate| {
            Duration::from_micros(len * 1_000_000 / rate.max(1))
        });
        self.free_at = self.free_at.max(now) + transfer;
        let jitter = self.spec.jitter;
        let end = self.free_at + self.spec.latency + self.rng.up_to(jitter);
        let last_end = self.last_end.entry(job.torrent).or_insert(end);
        *last_end = end.max(*last_end);
        // A host lets what closes a torrent wait for the jobs before it.
        let waits = matches!(job.op, DiskOp::Close | DiskOp::Sleep);
        Ok(if waits { *last_end } else { end })
    }

    fn claim(&mut self, torrent: TorrentKey, piece: PieceIndex) -> Result<(), String> {
        if self.busy_pieces.contains(&(torrent, piece)) {
            return Err(format!("two disk jobs on {piece:?} are under way together"));
        }
        self.busy_pieces.push((torrent, piece));
        Ok(())
    }

    fn release(&mut self, torrent: TorrentKey, piece: PieceIndex) {
        self.busy_pieces.retain(|busy| *busy != (torrent, piece));
    }

    /// Bytes that torrents hold here.
    fn used_bytes(&self) -> u64 {
        self.stores.values().map(Store::used_bytes).sum()
    }

    /// The engine is gone; with `loss`, so is some of what was not synced.
    /// Returns how many blocks that is.
    ///
    /// # Errors
    ///
    /// A sentence, if the resume record now names a piece that is not there:
    /// invariant 10 of the design.
    pub(crate) fn crash(&mut self, loss: CrashLoss) -> Result<u32, String> {
        self.open.clear();
        self.busy_pieces.clear();
        self.free_at = Time::START;
        self.last_end.clear();
        let mut swarms: Vec<_> = self.stores.keys().copied().collect();
        swarms.sort_unstable();
        let mut lost = 0;
        for swarm in swarms {
            if let Some(store) = self.stores.get_mut(&swarm) {
                lost += store.crash(loss, &mut self.rng);
                store.check_record()?;
            }
        }
        Ok(lost)
    }
}
