//! What the storage costs that keeps torrents in files.
//!
//! ```text
//! cargo bench -p superseed --bench disk
//! ```
//!
//! `SUPERSEED_BENCH_DIR` is where the files are (`/dev/shm`, or else the
//! directory for temporary files): in memory, what is timed is our way to the
//! system call and the copy in it. A write is a whole piece of blocks, a read a
//! run for peers, a record what is saved a little after each piece.

use std::io::IoSlice;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use divan::Bencher;
use divan::counter::BytesCount;
use superseed::storage::fs::FileStorage;
use superseed::storage::{RecordTotals, ResumeSnapshot, Storage, StorageSpec, TorrentStorage};
use superseed::{Metainfo, TorrentBuilder};
use superseed_proto::hash::Sha1Hash;
use superseed_proto::{BLOCK_LEN, Bitfield};

/// Bytes of a piece.
const PIECE_LEN: u32 = 1 << 20;
const PIECES: u32 = 64;
/// What is read for peers at a time, bytes.
const RUN_LEN: usize = 512 << 10;
/// In how many files the torrent is: with 4,096 a piece is in 64 of them.
const FILES: [u64; 2] = [1, 4096];

fn main() {
    divan::main();
}

#[divan::bench(args = FILES)]
fn write_piece(bencher: Bencher<'_, '_>, files: u64) {
    let torrent = Torrent::new(files);
    let block = vec![7; BLOCK_LEN as usize];
    let piece: Vec<IoSlice<'_>> = (0..PIECE_LEN / BLOCK_LEN)
        .map(|_| IoSlice::new(&block))
        .collect();
    let mut offsets = offsets(u64::from(PIECE_LEN));
    bencher.counter(BytesCount::new(PIECE_LEN)).bench_local(|| {
        let offset = offsets.next().expect("offsets have no end");
        torrent.open.write(offset, &piece).expect("a write");
    });
}

#[divan::bench(args = FILES)]
fn read_run(bencher: Bencher<'_, '_>, files: u64) {
    let torrent = Torrent::new(files);
    torrent.fill();
    let mut run = vec![0; RUN_LEN];
    let mut offsets = offsets(RUN_LEN as u64);
    bencher.counter(BytesCount::new(RUN_LEN)).bench_local(|| {
        let offset = offsets.next().expect("offsets have no end");
        torrent.open.read(offset, &mut run).expect("a read");
    });
}

#[divan::bench]
fn save_record() {
    // Opened once: what is timed is the record and not the files.
    thread_local! {
        static TORRENT: Torrent = Torrent::new(1);
    }
    let snapshot = ResumeSnapshot {
        pieces: Bitfield::full(PIECES),
        totals: RecordTotals::default(),
    };
    TORRENT.with(|torrent| torrent.open.save_record(&snapshot).expect("a record"));
}

/// All over the torrent, one after the other, again and again.
fn offsets(step: u64) -> impl Iterator<Item = u64> {
    let all = u64::from(PIECES) * u64::from(PIECE_LEN);
    (0..).map(move |number| number * step % all)
}

/// An open torrent whose directory goes with it.
struct Torrent {
    open: Box<dyn TorrentStorage>,
    _dir: tempfile::TempDir,
}

impl Torrent {
    fn new(files: u64) -> Self {
        let dir = tempfile::tempdir_in(place()).expect("a directory for the files");
        let hash = Sha1Hash::of(&[]);
        let torrent =
            TorrentBuilder::new("content", PIECE_LEN).piece_hashes((0..PIECES).map(|_| hash));
        let each = u64::from(PIECES) * u64::from(PIECE_LEN) / files;
        let torrent = (0..files).fold(torrent, |torrent, number| {
            torrent.file([format!("{number}.bin")], each)
        });
        let metainfo = Metainfo::parse(&torrent.build()).expect("what is made loads");
        let spec = StorageSpec::new(&metainfo, dir.path(), dir.path().join("state"));
        let (open, _) = FileStorage::default()
            .open(&Arc::new(spec))
            .expect("it opens");
        Self { open, _dir: dir }
    }

    fn fill(&self) {
        let piece = vec![7; PIECE_LEN as usize];
        for offset in offsets(u64::from(PIECE_LEN)).take(PIECES as usize) {
            self.open
                .write(offset, &[IoSlice::new(&piece)])
                .expect("a write");
        }
    }
}

fn place() -> PathBuf {
    let memory = Path::new("/dev/shm");
    let named = std::env::var_os("SUPERSEED_BENCH_DIR").map(PathBuf::from);
    named.unwrap_or_else(|| match memory.is_dir() {
        true => memory.to_owned(),
        false => std::env::temp_dir(),
    })
}
