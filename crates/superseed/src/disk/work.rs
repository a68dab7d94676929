//! What each disk job does, over any [`TorrentStorage`].

use std::io::IoSlice;

use bytes::Bytes;
use superseed_engine::block::BlockBuf;
use superseed_engine::disk::{
    CheckVerdict, DiskError, DiskErrorKind, DiskOp, DiskResult, PieceVerdict,
};
use superseed_proto::hash::{ExpectedHash, PieceHasher, Sha1Hash};
use superseed_proto::layout::{BLOCK_LEN, Layout, PieceIndex};

use super::buffers::ReadBuffers;
use super::check::{self, CheckBuffer};
use crate::storage::{ReadError, TorrentStorage};

/// Does a job of an open torrent. What the job owns is moved into the result.
pub(super) fn run(
    op: &mut DiskOp,
    storage: &dyn TorrentStorage,
    layout: &Layout,
    reads: &ReadBuffers,
    buffer: &mut CheckBuffer,
) -> DiskResult {
    match op {
        DiskOp::Open => DiskResult::Opened(Err(bug("the torrent is open already"))),
        DiskOp::Write {
            piece,
            begin,
            blocks,
            hasher,
            expected,
        } => {
            let mut hasher = hasher.take();
            let run = Run {
                piece: *piece,
                begin: *begin,
            };
            let outcome = run.write(storage, layout, blocks, &mut hasher, expected.as_ref());
            DiskResult::Written {
                blocks: std::mem::take(blocks),
                hasher,
                outcome,
            }
        }
        DiskOp::HashBack {
            piece,
            begin,
            len,
            hasher,
            expected,
        } => {
            let mut hasher = Some(std::mem::take(hasher));
            let run = Run {
                piece: *piece,
                begin: *begin,
            };
            let outcome = run.hash_back(
                storage,
                layout,
                *len,
                &mut hasher,
                expected.as_ref(),
                buffer,
            );
            DiskResult::HashedBack { hasher, outcome }
        }
        DiskOp::Digest {
            piece,
            unwritten,
            expected,
        } => {
            let run = Run {
                piece: *piece,
                begin: 0,
            };
            let outcome = run.digest(storage, layout, unwritten, expected.as_ref(), buffer);
            DiskResult::Digested {
                unwritten: std::mem::take(unwritten),
                outcome,
            }
        }
        DiskOp::Check { pieces } => {
            DiskResult::Checked(check::check(storage, layout, pieces, buffer))
        }
        DiskOp::Read { piece, begin, len } => DiskResult::Read(
            Run {
                piece: *piece,
                begin: *begin,
            }
            .read(storage, layout, *len, reads),
        ),
        DiskOp::Sync => DiskResult::Synced(storage.sync()),
        DiskOp::SaveRecord(snapshot) => DiskResult::Saved(storage.save_record(snapshot)),
        DiskOp::SetWanted { wanted } => DiskResult::WantedSet(storage.set_wanted(wanted)),
        DiskOp::Keep(_) | DiskOp::Sleep | DiskOp::Wake { .. } | DiskOp::Amend(_) => {
            refused_in_place(op, &bug("this changes more than the files"))
        }
        DiskOp::Close => {
            storage.close();
            DiskResult::Closed
        }
    }
}

/// Where in a piece a job begins.
#[derive(Clone, Copy)]
struct Run {
    piece: PieceIndex,
    begin: u32,
}

impl Run {
    /// Where the run begins in the torrent's bytes, if it is within its piece.
    fn offset(self, layout: &Layout, len: u64) -> Result<u64, DiskError> {
        let fits = layout.piece(self.piece.0).is_some()
            && u64::from(self.begin) + len <= u64::from(layout.piece_len(self.piece));
        if !fits {
            return Err(bug("a disk job reaches beyond its piece"));
        }
        Ok(layout.piece_offset(self.piece) + u64::from(self.begin))
    }

    fn write(
        self,
        storage: &dyn TorrentStorage,
        layout: &Layout,
        blocks: &[BlockBuf],
        hasher: &mut Option<Box<PieceHasher>>,
        expected: Option<&ExpectedHash>,
    ) -> Result<PieceVerdict, DiskError> {
        let len = blocks.iter().map(|block| block.bytes().len() as u64).sum();
        let offset = self.offset(layout, len)?;
        if let Some(hasher) = hasher {
            for block in blocks {
                hasher.update(block.bytes());
            }
        }
        let verdict = self.verdict(hasher, expected)?;
        if verdict == PieceVerdict::Mismatch {
            return Ok(verdict);
        }
        let bufs: Vec<IoSlice<'_>> = blocks
            .iter()
            .map(|block| IoSlice::new(block.bytes()))
            .collect();
        if let Err(error) = storage.write(offset, &bufs) {
            // It is ahead of what is on the disk, so it is of no use to anyone.
            *hasher = None;
            return Err(error);
        }
        Ok(verdict)
    }

    fn hash_back(
        self,
        storage: &dyn TorrentStorage,
        layout: &Layout,
        len: u32,
        hasher: &mut Option<Box<PieceHasher>>,
        expected: Option<&ExpectedHash>,
        buffer: &mut CheckBuffer,
    ) -> Result<PieceVerdict, DiskError> {
        let result = self.offset(layout, u64::from(len)).and_then(|offset| {
            let Some(hasher) = hasher else { return Ok(()) };
            check::feed(storage, offset, u64::from(len), hasher, buffer)
                .map_err(|(ReadError::Absent(error) | ReadError::Failed(error))| error)
        });
        if let Err(error) = result {
            *hasher = None;
            return Err(error);
        }
        self.verdict(hasher, expected)
    }

    /// Digests the blocks of the whole piece.
    fn digest(
        self,
        storage: &dyn TorrentStorage,
        layout: &Layout,
        unwritten: &[BlockBuf],
        expected: Option<&ExpectedHash>,
        buffer: &mut CheckBuffer,
    ) -> Result<Vec<Sha1Hash>, DiskError> {
        let in_memory: u64 = unwritten.iter().map(|buf| buf.bytes().len() as u64).sum();
        self.offset(layout, in_memory)?;
        let len = u64::from(layout.piece_len(self.piece));
        let mut hasher = expected.map(|_| PieceHasher::new());
        let mut digests = Vec::with_capacity(layout.block_count(self.piece) as usize);
        let mut take = |bytes: &[u8]| {
            if let Some(hasher) = &mut hasher {
                hasher.update(bytes);
            }
            digests.extend(bytes.chunks(BLOCK_LEN as usize).map(Sha1Hash::of));
        };
        let offset = layout.piece_offset(self.piece);
        check::feed_and(storage, offset, len - in_memory, buffer, &mut take)
            .map_err(|(ReadError::Absent(error) | ReadError::Failed(error))| error)?;
        unwritten.iter().for_each(|buf| take(buf.bytes()));
        if let (Some(hasher), Some(expected)) = (hasher, expected)
            && hasher.finish(self.piece, expected).is_none()
        {
            return Err(DiskError {
                kind: DiskErrorKind::Io,
                message: "a piece changed on the disk after it was verified".to_owned(),
            });
        }
        Ok(digests)
    }

    /// The verdict if the piece ends here, which takes the hasher.
    fn verdict(
        self,
        hasher: &mut Option<Box<PieceHasher>>,
        expected: Option<&ExpectedHash>,
    ) -> Result<PieceVerdict, DiskError> {
        let Some(expected) = expected else {
            return Ok(PieceVerdict::Unfinished);
        };
        let hasher = hasher
            .take()
            .ok_or_else(|| bug("a piece ends without its hash state"))?;
        let proof = hasher.finish(self.piece, expected);
        Ok(proof.map_or(PieceVerdict::Mismatch, PieceVerdict::Verified))
    }

    fn read(
        self,
        storage: &dyn TorrentStorage,
        layout: &Layout,
        len: u32,
        reads: &ReadBuffers,
    ) -> Result<Bytes, DiskError> {
        let offset = self.offset(layout, u64::from(len))?;
        let read = reads.filled(len as usize, |buf| storage.read(offset, buf));
        read.map_err(|(ReadError::Absent(error) | ReadError::Failed(error))| error)
    }
}

/// The answer to a job that cannot be done.
pub(super) fn refused(mut op: DiskOp, error: &DiskError) -> DiskResult {
    refused_in_place(&mut op, error)
}

/// The same; what the job owns is moved into the answer.
pub(super) fn refused_in_place(op: &mut DiskOp, error: &DiskError) -> DiskResult {
    let error = error.clone();
    match op {
        DiskOp::Open => DiskResult::Opened(Err(error)),
        DiskOp::Write { blocks, .. } => DiskResult::Written {
            blocks: std::mem::take(blocks),
            hasher: None,
            outcome: Err(error),
        },
        DiskOp::HashBack { .. } => DiskResult::HashedBack {
            hasher: None,
            outcome: Err(error),
        },
        DiskOp::Digest { unwritten, .. } => DiskResult::Digested {
            unwritten: std::mem::take(unwritten),
            outcome: Err(error),
        },
        DiskOp::Check { pieces } => {
            let failed = |(piece, _): &(PieceIndex, ExpectedHash)| {
                (*piece, CheckVerdict::Failed(error.clone()))
            };
            DiskResult::Checked(pieces.iter().map(failed).collect())
        }
        DiskOp::Read { .. } => DiskResult::Read(Err(error)),
        DiskOp::Sync => DiskResult::Synced(Err(error)),
        DiskOp::SaveRecord(_) => DiskResult::Saved(Err(error)),
        DiskOp::SetWanted { .. } => DiskResult::WantedSet(Err(error)),
        DiskOp::Keep(_) => DiskResult::Kept(Err(error)),
        DiskOp::Sleep => DiskResult::Asleep,
        DiskOp::Wake { .. } => DiskResult::Woken(Err(error)),
        DiskOp::Amend(_) => DiskResult::Amended(Err(error)),
        DiskOp::Close => DiskResult::Closed,
    }
}

/// A job for a torrent that is not open.
pub(super) fn not_open() -> DiskError {
    DiskError {
        kind: DiskErrorKind::Io,
        message: "the torrent's files are not open".to_owned(),
    }
}

/// A wish for a torrent that was never kept.
pub(super) fn not_kept() -> DiskError {
    bug("nothing was kept of the torrent")
}

fn bug(what: &str) -> DiskError {
    DiskError {
        kind: DiskErrorKind::Io,
        message: format!("{what}: this is a bug"),
    }
}
