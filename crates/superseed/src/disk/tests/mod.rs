//! The pool, driven as the engine's host drives it.

mod jobs;
mod opening;
mod rough;

use std::io::IoSlice;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use crossbeam_channel::Receiver;
use sha1::{Digest, Sha1};
use slotmap::SlotMap;
use superseed_engine::block::{BlockBuf, BlockPool};
use superseed_engine::disk::{
    CheckVerdict, DiskError, DiskErrorKind, DiskJob, DiskOp, DiskResult, OpenReport, PieceVerdict,
    ResumeSnapshot,
};
use superseed_engine::ids::{JobKey, TorrentKey};
use superseed_proto::hash::{ExpectedHash, InfoHashV1, InfoHashes, PieceHasher, Sha1Hash};
use superseed_proto::layout::{BLOCK_LEN, Layout, PieceIndex};

use super::{Completion, DiskPool};
use crate::storage::memory::MemoryStorage;
use crate::storage::{ReadError, Storage, StorageFile, StorageSpec, TorrentStorage};

const PIECE_LEN: u32 = 2 * BLOCK_LEN;

/// How long a completion may take before the test fails.
const PATIENCE: Duration = Duration::from_secs(20);

struct Bench {
    pool: DiskPool,
    done: Receiver<Completion>,
    wakes: Arc<AtomicUsize>,
    torrents: SlotMap<TorrentKey, ()>,
    jobs: SlotMap<JobKey, ()>,
    blocks: BlockPool,
}

impl Bench {
    fn new() -> Self {
        let wakes = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&wakes);
        let (pool, done) = DiskPool::new(2, move || {
            counter.fetch_add(1, Ordering::SeqCst);
        });
        Self {
            pool,
            done,
            wakes,
            torrents: SlotMap::with_key(),
            jobs: SlotMap::with_key(),
            blocks: BlockPool::default(),
        }
    }

    fn add(&mut self, storage: Arc<dyn Storage>, len: u64) -> TorrentKey {
        self.add_in("unused", storage, len)
    }

    fn add_in(&mut self, dir: &str, storage: Arc<dyn Storage>, len: u64) -> TorrentKey {
        let torrent = self.torrents.insert(());
        let spec = StorageSpec {
            dir: dir.into(),
            ..spec(len)
        };
        self.pool.register(torrent, storage, spec);
        torrent
    }

    fn submit(&mut self, torrent: TorrentKey, op: DiskOp) -> JobKey {
        let job = self.jobs.insert(());
        self.pool.submit(DiskJob { job, torrent, op });
        job
    }

    fn next(&self) -> Completion {
        self.done.recv_timeout(PATIENCE).expect("a job is answered")
    }

    /// Does one job and waits for it.
    fn run(&mut self, torrent: TorrentKey, op: DiskOp) -> DiskResult {
        let job = self.submit(torrent, op);
        let (answered, result) = self.next();
        assert_eq!(answered, job);
        result
    }

    fn open(&mut self, torrent: TorrentKey) -> Box<OpenReport> {
        match self.run(torrent, DiskOp::Open) {
            DiskResult::Opened(Ok(report)) => report,
            other => panic!("{other:?}"),
        }
    }

    fn blocks(&mut self, bytes: &[u8]) -> Vec<BlockBuf> {
        bytes
            .chunks(BLOCK_LEN as usize)
            .map(|chunk| {
                let mut block = self.blocks.take();
                block.extend(chunk);
                block
            })
            .collect()
    }

    /// Writes a whole piece with its hash.
    fn write_piece(&mut self, piece: u32, bytes: &[u8], right: &[u8]) -> DiskOp {
        DiskOp::Write {
            piece: PieceIndex(piece),
            begin: 0,
            blocks: self.blocks(bytes),
            hasher: Some(Box::default()),
            expected: Some(hash(right)),
        }
    }
}

fn spec(len: u64) -> StorageSpec {
    StorageSpec {
        info_hashes: InfoHashes::V1(InfoHashV1([3; 20])),
        layout: Layout::new(len, PIECE_LEN).unwrap(),
        files: vec![StorageFile {
            path: "x".into(),
            len,
            ..StorageFile::default()
        }],
        wanted: Vec::new(),
        dir: "unused".into(),
        state_dir: "unused".into(),
        preallocate: false,
        allow_overwrite: false,
        recheck: false,
    }
}

fn hash(bytes: &[u8]) -> ExpectedHash {
    ExpectedHash::Sha1(Sha1Hash(Sha1::digest(bytes).into()))
}

fn bytes(len: u32) -> Vec<u8> {
    (0..len).map(|at| (at % 253) as u8).collect()
}

fn read(piece: u32, begin: u32, len: u32) -> DiskOp {
    DiskOp::Read {
        piece: PieceIndex(piece),
        begin,
        len,
    }
}
