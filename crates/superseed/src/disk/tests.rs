//! The pool over storages that fail, hang and panic as told.

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
        let torrent = self.torrents.insert(());
        self.pool.register(torrent, storage, spec(len));
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
            padding: false,
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

#[test]
fn a_right_piece_is_written_and_proven_and_can_be_read() {
    let mut bench = Bench::new();
    let torrent = bench.add(Arc::new(MemoryStorage::new()), 3 * u64::from(PIECE_LEN));
    let report = bench.open(torrent);
    assert_eq!(report.unchecked.count(), 0);
    let piece = bytes(PIECE_LEN);
    let op = bench.write_piece(1, &piece, &piece);
    match bench.run(torrent, op) {
        DiskResult::Written {
            blocks,
            hasher,
            outcome: Ok(PieceVerdict::Verified(proof)),
        } => {
            assert_eq!((blocks.len(), proof.piece()), (2, PieceIndex(1)));
            assert!(hasher.is_none());
        }
        other => panic!("{other:?}"),
    }
    match bench.run(torrent, read(1, 10, 100)) {
        DiskResult::Read(Ok(got)) => assert_eq!(got, piece[10..110]),
        other => panic!("{other:?}"),
    }
    assert_eq!(bench.wakes.load(Ordering::SeqCst), 3);
}

#[test]
fn a_wrong_piece_is_not_written() {
    let mut bench = Bench::new();
    let storage = Arc::new(MemoryStorage::new());
    let torrent = bench.add(Arc::clone(&storage) as _, u64::from(PIECE_LEN));
    bench.open(torrent);
    let op = bench.write_piece(0, &bytes(PIECE_LEN), b"something else");
    match bench.run(torrent, op) {
        DiskResult::Written {
            blocks,
            outcome: Ok(PieceVerdict::Mismatch),
            ..
        } => {
            assert_eq!(blocks.len(), 2);
        }
        other => panic!("{other:?}"),
    }
    let kept = storage.bytes(InfoHashes::V1(InfoHashV1([3; 20]))).unwrap();
    assert!(kept.iter().all(|byte| *byte == 0));
}

#[test]
fn a_piece_is_proven_over_runs_with_its_tail_read_back() {
    let mut bench = Bench::new();
    let torrent = bench.add(Arc::new(MemoryStorage::new()), u64::from(PIECE_LEN));
    bench.open(torrent);
    let piece = bytes(PIECE_LEN);
    let (head, tail) = piece.split_at(BLOCK_LEN as usize);
    // The tail comes first, unhashed; then the head; then the tail is read.
    let write = |bench: &mut Bench, begin, part: &[u8], hasher| {
        let blocks = bench.blocks(part);
        let piece = PieceIndex(0);
        let op = DiskOp::Write {
            piece,
            begin,
            blocks,
            hasher,
            expected: None,
        };
        match bench.run(torrent, op) {
            DiskResult::Written {
                hasher,
                outcome: Ok(PieceVerdict::Unfinished),
                ..
            } => hasher,
            other => panic!("{other:?}"),
        }
    };
    assert!(write(&mut bench, BLOCK_LEN, tail, None).is_none());
    let hasher = write(&mut bench, 0, head, Some(Box::new(PieceHasher::new()))).unwrap();
    let op = DiskOp::HashBack {
        piece: PieceIndex(0),
        begin: BLOCK_LEN,
        len: BLOCK_LEN,
        hasher,
        expected: Some(hash(&piece)),
    };
    match bench.run(torrent, op) {
        DiskResult::HashedBack {
            outcome: Ok(PieceVerdict::Verified(_)),
            ..
        } => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_check_tells_right_wrong_and_zero_pieces_apart() {
    let mut bench = Bench::new();
    let storage = Arc::new(MemoryStorage::new());
    let piece = bytes(PIECE_LEN);
    let zeroes = vec![0; PIECE_LEN as usize];
    let last = [7; 5];
    let all = [&piece[..], &piece, &zeroes, &zeroes, &last].concat();
    let len = all.len() as u64;
    storage.insert(InfoHashes::V1(InfoHashV1([3; 20])), all);
    let torrent = bench.add(storage, len);
    bench.open(torrent);
    let pieces = [&piece[..], b"other", b"other", &zeroes, &last];
    let pieces = pieces
        .iter()
        .enumerate()
        .map(|(at, b)| (PieceIndex(at as u32), hash(b)));
    let op = DiskOp::Check {
        pieces: pieces.collect(),
    };
    let DiskResult::Checked(verdicts) = bench.run(torrent, op) else {
        panic!("not checked")
    };
    let kinds: Vec<_> = verdicts
        .iter()
        .map(|(piece, verdict)| match verdict {
            CheckVerdict::Verified(proof) => {
                assert_eq!(proof.piece(), *piece);
                "verified"
            }
            CheckVerdict::Mismatch { nonzero: true } => "wrong",
            CheckVerdict::Mismatch { nonzero: false } => "zero",
            CheckVerdict::Absent => "absent",
            CheckVerdict::Failed(_) => "failed",
        })
        .collect();
    assert_eq!(kinds, ["verified", "wrong", "zero", "verified", "verified"]);
}

#[test]
fn jobs_beyond_the_torrent_or_without_one_are_refused() {
    let mut bench = Bench::new();
    let torrent = bench.add(Arc::new(MemoryStorage::new()), u64::from(PIECE_LEN));
    let is_refused = |result: DiskResult| matches!(result, DiskResult::Read(Err(_)));
    assert!(
        is_refused(bench.run(torrent, read(0, 0, 1))),
        "not open yet"
    );
    bench.open(torrent);
    assert!(is_refused(bench.run(torrent, read(0, PIECE_LEN - 1, 2))));
    assert!(is_refused(bench.run(torrent, read(9, 0, 1))));
    assert!(matches!(
        bench.run(torrent, DiskOp::Close),
        DiskResult::Closed
    ));
    assert!(is_refused(bench.run(torrent, read(0, 0, 1))), "closed");
    let op = bench.write_piece(0, &bytes(PIECE_LEN), b"");
    match bench.run(torrent, op) {
        DiskResult::Written {
            blocks,
            outcome: Err(_),
            ..
        } => assert_eq!(blocks.len(), 2),
        other => panic!("{other:?}"),
    }
}

/// A storage whose torrents wait at a gate in every read, or panic in every write.
struct Rough {
    gate: Arc<Gate>,
    device: u64,
}

#[derive(Default)]
struct Gate {
    state: Mutex<(bool, usize)>,
    moved: Condvar,
}

impl Gate {
    fn pass(&self) {
        let mut state = self.state.lock().unwrap();
        state.1 += 1;
        self.moved.notify_all();
        while !state.0 {
            state = self.moved.wait(state).unwrap();
        }
    }

    fn open(&self) {
        self.state.lock().unwrap().0 = true;
        self.moved.notify_all();
    }

    fn wait_for(&self, count: usize) {
        let mut state = self.state.lock().unwrap();
        while state.1 < count {
            state = self.moved.wait(state).unwrap();
        }
    }
}

impl Storage for Rough {
    fn open(
        &self,
        spec: &Arc<StorageSpec>,
    ) -> Result<(Box<dyn TorrentStorage>, OpenReport), DiskError> {
        let torrent = Self {
            gate: Arc::clone(&self.gate),
            device: self.device,
        };
        Ok((Box::new(torrent), spec.nothing_found()))
    }
}

impl TorrentStorage for Rough {
    fn write(&self, _offset: u64, _bufs: &[IoSlice<'_>]) -> Result<(), DiskError> {
        panic!("this storage has a bug")
    }
    fn read(&self, _offset: u64, _buf: &mut [u8]) -> Result<(), ReadError> {
        self.gate.pass();
        Ok(())
    }
    fn sync(&self) -> Result<(), DiskError> {
        Err(DiskError {
            kind: DiskErrorKind::Full,
            message: "x is full".to_owned(),
        })
    }
    fn save_record(&self, _snapshot: &ResumeSnapshot) -> Result<(), DiskError> {
        Ok(())
    }
    fn set_wanted(&self, _wanted: &[bool]) -> Result<(), DiskError> {
        Ok(())
    }
    fn close(&self) {}
    fn device(&self) -> u64 {
        self.device
    }
}

#[test]
fn a_panic_in_the_storage_is_an_error_of_its_job() {
    let mut bench = Bench::new();
    let torrent = bench.add(
        Arc::new(Rough {
            gate: Arc::default(),
            device: 1,
        }),
        100,
    );
    bench.open(torrent);
    for _ in 0..10 {
        let blocks = bench.blocks(&[1; 100]);
        let piece = PieceIndex(0);
        let op = DiskOp::Write {
            piece,
            begin: 0,
            blocks,
            hasher: None,
            expected: None,
        };
        match bench.run(torrent, op) {
            DiskResult::Written {
                blocks,
                outcome: Err(error),
                ..
            } => {
                assert_eq!((blocks.len(), error.kind), (1, DiskErrorKind::Io));
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(matches!(
        bench.run(torrent, DiskOp::Sync),
        DiskResult::Synced(Err(_))
    ));
}

#[test]
fn a_device_that_hangs_stops_no_other() {
    let mut bench = Bench::new();
    let gate = Arc::new(Gate::default());
    let stuck = bench.add(
        Arc::new(Rough {
            gate: Arc::clone(&gate),
            device: 1,
        }),
        100,
    );
    let fine = bench.add(Arc::new(MemoryStorage::new()), 100);
    bench.open(stuck);
    bench.open(fine);
    let waiting: Vec<_> = (0..20)
        .map(|_| bench.submit(stuck, read(0, 0, 1)))
        .collect();
    for _ in 0..20 {
        assert!(matches!(
            bench.run(fine, read(0, 0, 1)),
            DiskResult::Read(Ok(_))
        ));
    }
    let late = bench.add(Arc::new(MemoryStorage::new()), 100);
    bench.open(late);
    gate.open();
    let mut answered: Vec<_> = (0..20).map(|_| bench.next().0).collect();
    answered.sort();
    assert_eq!(answered, waiting);
}

#[test]
fn closing_waits_for_the_jobs_before_it_and_holds_those_behind() {
    let mut bench = Bench::new();
    let gate = Arc::new(Gate::default());
    let torrent = bench.add(
        Arc::new(Rough {
            gate: Arc::clone(&gate),
            device: 1,
        }),
        100,
    );
    bench.open(torrent);
    let first = [
        bench.submit(torrent, read(0, 0, 1)),
        bench.submit(torrent, read(0, 0, 1)),
    ];
    gate.wait_for(2);
    let wanted = bench.submit(torrent, DiskOp::SetWanted { wanted: vec![true] });
    let behind = bench.submit(torrent, read(0, 0, 1));
    let close = bench.submit(torrent, DiskOp::Close);
    assert!(bench.done.is_empty());
    gate.open();
    let order: Vec<_> = (0..5).map(|_| bench.next().0).collect();
    assert!(first.iter().all(|job| order[..2].contains(job)));
    assert_eq!(order[2..], [wanted, behind, close]);
}

#[test]
fn files_chosen_before_the_torrent_is_open_are_remembered() {
    let mut bench = Bench::new();
    let temp = tempfile::tempdir().unwrap();
    let mut spec = spec(100);
    spec.dir = temp.path().join("downloads");
    spec.state_dir = temp.path().join("state");
    spec.files[0].len = 0;
    spec.files.push(StorageFile {
        path: "y".into(),
        len: 100,
        padding: false,
    });
    let torrent = bench.torrents.insert(());
    let storage = Arc::new(crate::storage::fs::FileStorage::default());
    bench.pool.register(torrent, storage, spec);
    let op = DiskOp::SetWanted {
        wanted: vec![false, true],
    };
    assert!(matches!(
        bench.run(torrent, op),
        DiskResult::WantedSet(Ok(()))
    ));
    bench.open(torrent);
    assert!(!temp.path().join("downloads/x").exists());
}

#[test]
fn shutting_down_ends_the_threads_and_does_not_wait_for_one_that_hangs() {
    let mut bench = Bench::new();
    let torrent = bench.add(Arc::new(MemoryStorage::new()), 100);
    bench.open(torrent);
    assert!(bench.pool.shutdown(PATIENCE));

    let mut bench = Bench::new();
    let gate = Arc::new(Gate::default());
    let torrent = bench.add(
        Arc::new(Rough {
            gate: Arc::clone(&gate),
            device: 1,
        }),
        100,
    );
    bench.open(torrent);
    bench.submit(torrent, read(0, 0, 1));
    gate.wait_for(1);
    assert!(!bench.pool.shutdown(Duration::from_millis(20)));
    gate.open();
}
