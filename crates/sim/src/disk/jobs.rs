//! Doing the engine's disk jobs.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use superseed_engine::block::BlockBuf;
use superseed_engine::disk::{Awakening, CheckVerdict, PieceVerdict};
use superseed_engine::{DiskError, DiskErrorKind, DiskJob, DiskOp, DiskResult, TorrentKey};
use superseed_proto::hash::{ExpectedHash, PieceHasher, Sha1Hash};
use superseed_proto::layout::{BLOCK_LEN, Block, PieceIndex};

use super::Disk;
use super::store::{Cell, Store};

struct Write {
    piece: PieceIndex,
    begin: u32,
    blocks: Vec<BlockBuf>,
    hasher: Option<Box<PieceHasher>>,
    expected: Option<ExpectedHash>,
}

impl Disk {
    /// Does a job whose time has come.
    pub(crate) fn finish(&mut self, job: DiskJob) -> DiskResult {
        let torrent = job.torrent;
        match job.op {
            DiskOp::Open => {
                let store = self.store_of(torrent);
                DiskResult::Opened(match store.fault {
                    Some(DiskErrorKind::Full) | None => Ok(Box::new(store.open_report())),
                    Some(kind) => Err(store.error(kind)),
                })
            }
            DiskOp::Write {
                piece,
                begin,
                blocks,
                hasher,
                expected,
            } => {
                self.release(torrent, piece);
                self.write(
                    torrent,
                    Write {
                        piece,
                        begin,
                        blocks,
                        hasher,
                        expected,
                    },
                )
            }
            DiskOp::HashBack {
                piece,
                begin,
                len,
                hasher,
                expected,
            } => {
                self.release(torrent, piece);
                let store = self.store_of(torrent);
                hash_back(store, piece, begin..begin + len, hasher, expected)
            }
            DiskOp::Digest {
                piece,
                unwritten,
                expected,
            } => {
                self.release(torrent, piece);
                let outcome = digest(self.store_of(torrent), piece, &unwritten, expected);
                DiskResult::Digested { unwritten, outcome }
            }
            DiskOp::Check { pieces } => {
                let store = self.store_of(torrent);
                let check = |(piece, expected)| (piece, check(store, piece, &expected));
                DiskResult::Checked(pieces.into_iter().map(check).collect())
            }
            DiskOp::Read { piece, begin, len } => {
                DiskResult::Read(read(self.store_of(torrent), piece, begin, len))
            }
            DiskOp::Sync => {
                let store = self.store_of(torrent);
                let broken = store
                    .failure()
                    .filter(|error| error.kind == DiskErrorKind::Io);
                let outcome = broken.map_or(Ok(()), Err);
                if outcome.is_ok() {
                    store.sync();
                }
                DiskResult::Synced(outcome)
            }
            DiskOp::SaveRecord(record) => {
                let store = self.store_of(torrent);
                let outcome = store.failure().map_or(Ok(()), Err);
                if outcome.is_ok() {
                    store.save(*record);
                }
                DiskResult::Saved(outcome)
            }
            DiskOp::SetWanted { .. } => DiskResult::WantedSet(Ok(())),
            DiskOp::Keep(keepsake) => {
                let store = self.store_of(torrent);
                let outcome = store.failure().map_or(Ok(true), Err);
                if outcome.is_ok() {
                    store.save(keepsake.snapshot);
                }
                DiskResult::Kept(outcome)
            }
            DiskOp::Sleep => DiskResult::Asleep,
            DiskOp::Wake { .. } => {
                let store = self.store_of(torrent);
                let awakening = || Awakening {
                    metainfo: Arc::clone(store.content().metainfo()),
                    report: store.open_report(),
                };
                let outcome = store
                    .failure()
                    .map_or_else(|| Ok(Box::new(awakening())), Err);
                DiskResult::Woken(outcome)
            }
            DiskOp::Amend(amendment) => {
                self.store_of(torrent).amend(amendment.totals);
                DiskResult::Amended(Ok(()))
            }
            DiskOp::Close => {
                self.open.remove(&torrent);
                DiskResult::Closed
            }
        }
    }

    fn write(&mut self, torrent: TorrentKey, mut write: Write) -> DiskResult {
        let space = self
            .spec
            .capacity_bytes
            .map(|all| all.saturating_sub(self.used_bytes()));
        let store = self.store_of(torrent);
        let first = store.cell_at(write.piece, write.begin);
        let range = first..first + write.blocks.len();
        let needed = range.filter(|at| store.is_hole(*at)).count() as u64 * u64::from(BLOCK_LEN);
        let full = space.is_some_and(|space| needed > space);
        let error = store
            .failure()
            .or_else(|| full.then(|| store.error(DiskErrorKind::Full)));
        let outcome = match error {
            Some(error) => {
                // What a system writes before it finds out is on the disk.
                let run: Vec<&[u8]> = write.blocks.iter().map(BlockBuf::bytes).collect();
                let room = match error.kind {
                    DiskErrorKind::Full => space.unwrap_or(0),
                    DiskErrorKind::Io => {
                        run.iter().map(|bytes| bytes.len() as u64).sum::<u64>() / 2
                    }
                    _ => 0,
                };
                store.write_short(write.piece, write.begin, &run, room);
                Err(error)
            }
            None => Ok(judge_and_write(store, &mut write)),
        };
        DiskResult::Written {
            blocks: write.blocks,
            hasher: write.hasher,
            outcome,
        }
    }
}

/// Hashes the run where asked, and writes it unless the piece is wrong.
fn judge_and_write(store: &mut Store, write: &mut Write) -> PieceVerdict {
    let layout = *store.layout();
    let first = write.begin / BLOCK_LEN;
    let place = |nth: usize| Block {
        piece: write.piece,
        index: first + nth as u32,
    };
    let content = store.content().clone();
    let right: Vec<bool> = (write.blocks.iter().enumerate())
        .map(|(nth, buf)| {
            assert_eq!(
                buf.bytes().len(),
                layout.block_len(place(nth)) as usize,
                "a block is written whole"
            );
            content.is_block(place(nth), buf.bytes())
        })
        .collect();
    let verdict = match (&write.expected, write.hasher.take()) {
        (Some(expected), hasher) => {
            let whole = write.begin == 0
                && write.blocks.len() == layout.block_count(write.piece) as usize
                && right.iter().all(|right| *right);
            let proof = if whole {
                content.proof(write.piece, expected)
            } else {
                let mut hasher = hasher.expect("a piece that ends in mid-run has its hash state");
                write
                    .blocks
                    .iter()
                    .for_each(|buf| hasher.update(buf.bytes()));
                hasher.finish(write.piece, expected)
            };
            proof.map_or(PieceVerdict::Mismatch, PieceVerdict::Verified)
        }
        (None, Some(mut hasher)) => {
            write
                .blocks
                .iter()
                .for_each(|buf| hasher.update(buf.bytes()));
            write.hasher = Some(hasher);
            PieceVerdict::Unfinished
        }
        (None, None) => PieceVerdict::Unfinished,
    };
    if verdict != PieceVerdict::Mismatch {
        for (nth, buf) in write.blocks.iter().enumerate() {
            let at = store.cell_at(write.piece, place(nth).begin());
            let cell = if right[nth] {
                Cell::Source
            } else {
                Cell::Other(buf.bytes().into())
            };
            store.set_cell(at, cell);
        }
    }
    verdict
}

fn hash_back(
    store: &Store,
    piece: PieceIndex,
    bytes: std::ops::Range<u32>,
    mut hasher: Box<PieceHasher>,
    expected: Option<ExpectedHash>,
) -> DiskResult {
    let outcome = match read(store, piece, bytes.start, bytes.end - bytes.start) {
        Err(error) => Err(error),
        Ok(data) => {
            hasher.update(&data);
            match expected {
                None => {
                    let hasher = Some(hasher);
                    let outcome = Ok(PieceVerdict::Unfinished);
                    return DiskResult::HashedBack { hasher, outcome };
                }
                Some(expected) => Ok(hasher
                    .finish(piece, &expected)
                    .map_or(PieceVerdict::Mismatch, PieceVerdict::Verified)),
            }
        }
    };
    DiskResult::HashedBack {
        hasher: None,
        outcome,
    }
}

fn digest(
    store: &Store,
    piece: PieceIndex,
    unwritten: &[BlockBuf],
    expected: Option<ExpectedHash>,
) -> Result<Vec<Sha1Hash>, DiskError> {
    let in_memory: usize = unwritten.iter().map(|buf| buf.bytes().len()).sum();
    let on_disk = store.layout().piece_len(piece) - in_memory as u32;
    let mut bytes = match on_disk {
        0 => Vec::new(),
        len => read(store, piece, 0, len)?.to_vec(),
    };
    for buf in unwritten {
        bytes.extend_from_slice(buf.bytes());
    }
    if let Some(expected) = expected {
        let mut hasher = PieceHasher::new();
        hasher.update(&bytes);
        if hasher.finish(piece, &expected).is_none() {
            return Err(store.error(DiskErrorKind::Io));
        }
    }
    Ok(bytes.chunks(BLOCK_LEN as usize).map(Sha1Hash::of).collect())
}

fn check(store: &Store, piece: PieceIndex, expected: &ExpectedHash) -> CheckVerdict {
    if let Some(error) = store
        .failure()
        .filter(|error| error.kind == DiskErrorKind::Io)
    {
        return CheckVerdict::Failed(error);
    }
    if store.piece_is_absent(piece) {
        return CheckVerdict::Absent;
    }
    let proof = if store.piece_is_right(piece) {
        store.content().proof(piece, expected)
    } else {
        let mut hasher = PieceHasher::new();
        hasher.update(&gather(store, piece, 0, store.layout().piece_len(piece)));
        hasher.finish(piece, expected)
    };
    proof.map_or_else(
        || {
            let bytes = gather(store, piece, 0, store.layout().piece_len(piece));
            CheckVerdict::Mismatch {
                nonzero: bytes.iter().any(|byte| *byte != 0),
            }
        },
        CheckVerdict::Verified,
    )
}

fn read(store: &Store, piece: PieceIndex, begin: u32, len: u32) -> Result<Bytes, DiskError> {
    if let Some(error) = store
        .failure()
        .filter(|error| error.kind == DiskErrorKind::Io)
    {
        return Err(error);
    }
    assert!(
        store.layout().contains(piece, begin, len),
        "reads stay within a piece"
    );
    let first = store.cell_at(piece, begin);
    let last = store.cell_at(piece, begin + len - 1);
    if (first..=last).all(|at| *store.cell(at) == Cell::Source) {
        return Ok(store.content().slice(piece, begin, len));
    }
    Ok(gather(store, piece, begin, len))
}

/// Copies bytes together; holes are zeroes.
fn gather(store: &Store, piece: PieceIndex, begin: u32, len: u32) -> Bytes {
    let mut out = BytesMut::with_capacity((len + BLOCK_LEN) as usize);
    let first = begin / BLOCK_LEN;
    for index in first..(begin + len).div_ceil(BLOCK_LEN) {
        let block = Block { piece, index };
        match store.block_bytes(block) {
            Some(bytes) => out.extend_from_slice(bytes),
            None => out.resize(out.len() + store.layout().block_len(block) as usize, 0),
        }
    }
    let skip = (begin - first * BLOCK_LEN) as usize;
    out.freeze().slice(skip..skip + len as usize)
}
