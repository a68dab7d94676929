//! The words of the disk: what the engine asks of storage and what comes back.
//!
//! The engine decides what is written, hashed, read and synced, and when; the
//! host only does it. Jobs of one piece are never in flight together, so the
//! hash state of a piece travels with its jobs.

use std::sync::Arc;

use bytes::Bytes;
use superseed_proto::bitfield::Bitfield;
use superseed_proto::hash::{ExpectedHash, InfoHashes, PieceHasher, PieceProof, Sha1Hash};
use superseed_proto::layout::{Layout, PieceIndex};
use superseed_proto::metainfo::Metainfo;

use crate::block::BlockBuf;
use crate::config::TorrentOptions;
use crate::ids::{JobKey, TorrentKey};

/// One thing to do for one torrent's storage.
#[derive(Debug)]
pub struct DiskJob {
    /// Names the job in its [`DiskResult`].
    pub job: JobKey,
    /// Whose storage.
    pub torrent: TorrentKey,
    /// What to do.
    pub op: DiskOp,
}

/// What can be asked of storage.
#[derive(Debug)]
pub enum DiskOp {
    /// Lock and inspect the torrent's files; answered by [`DiskResult::Opened`].
    Open,
    /// Write consecutive blocks of a piece, and hash them where asked.
    ///
    /// With a hasher the blocks are fed to it in order. With `expected` the
    /// piece ends with these blocks: the verdict is made *before* the blocks
    /// are written, and blocks of a wrong piece are not written.
    Write {
        /// The piece.
        piece: PieceIndex,
        /// Where in the piece the first block begins, in bytes.
        begin: u32,
        /// The blocks, consecutive.
        blocks: Vec<BlockBuf>,
        /// The piece's hash state up to `begin`.
        hasher: Option<Box<PieceHasher>>,
        /// What the whole piece must hash to, if it ends here.
        expected: Option<ExpectedHash>,
    },
    /// Read written bytes back to hash them: the tail of a piece that was
    /// spilled out of order.
    HashBack {
        /// The piece.
        piece: PieceIndex,
        /// Where in the piece to begin, in bytes.
        begin: u32,
        /// How many bytes.
        len: u32,
        /// The piece's hash state up to `begin`.
        hasher: Box<PieceHasher>,
        /// What the whole piece must hash to, if it ends here.
        expected: Option<ExpectedHash>,
    },
    /// Read a whole piece back and digest each block of it, to find out who
    /// sent a wrong one. Writes nothing.
    Digest {
        /// The piece.
        piece: PieceIndex,
        /// The last blocks of the piece where they are not on the disk: of a
        /// wrong piece the last run is never written.
        unwritten: Vec<BlockBuf>,
        /// What the bytes must still hash to as a whole, if they are the right
        /// ones; without that there is no answer.
        expected: Option<ExpectedHash>,
    },
    /// Read and hash whole pieces that may already be on disk.
    Check {
        /// Which pieces, consecutive, with what each must hash to.
        pieces: Vec<(PieceIndex, ExpectedHash)>,
    },
    /// Read a run of a verified piece for upload or for the user.
    Read {
        /// The piece.
        piece: PieceIndex,
        /// Where in the piece to begin, in bytes.
        begin: u32,
        /// How many bytes.
        len: u32,
    },
    /// Make everything that was written so far durable (fdatasync).
    Sync,
    /// Write the resume record atomically.
    SaveRecord(Box<ResumeSnapshot>),
    /// Change which files are wanted; bytes of pieces that reach into unwanted
    /// files go to the part file.
    SetWanted {
        /// One entry per file.
        wanted: Vec<bool>,
    },
    /// Keep what is needed to wake the torrent, and save its record; answered
    /// by [`DiskResult::Kept`].
    Keep(Box<Keepsake>),
    /// Close the files and release the lock of a torrent that was kept, and
    /// hold nothing of it in memory but where it is kept. Never fails.
    Sleep,
    /// Read what was kept and open the torrent again; answered by
    /// [`DiskResult::Woken`].
    Wake {
        /// One entry per file, fewer if the rest is wanted.
        wanted: Vec<bool>,
    },
    /// Change what the record of a dormant torrent says, but for its pieces.
    Amend(Box<Amendment>),
    /// Finish: close files and release the lock. The last job of a torrent.
    Close,
}

/// What is kept of a torrent on the disk, so that it can be dormant.
#[derive(Debug)]
pub struct Keepsake {
    /// What it is.
    pub metainfo: Arc<Metainfo>,
    /// For the record.
    pub snapshot: ResumeSnapshot,
    /// The same.
    pub terms: Terms,
}

/// What may change of the record while its torrent is dormant.
#[derive(Clone, Debug, PartialEq)]
pub struct Amendment {
    /// Totals of all runs.
    pub totals: RecordTotals,
    /// What the user chose.
    pub terms: Terms,
}

/// What the user chose for a torrent, as far as it outlives a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Terms {
    /// Tracker URLs by tier: those of the metainfo and those that were added.
    pub trackers: Vec<Vec<String>>,
    /// How the torrent is treated. Peers, trackers, and what concerns only how
    /// it is added are left out.
    pub options: TorrentOptions,
}

/// What a record tells of a complete torrent: enough to seed it, as long as
/// nobody asks for a byte of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// Its names.
    pub info_hashes: InfoHashes,
    /// What it suggests for its file or directory.
    pub name: String,
    /// Whether peers may come from its trackers only (BEP 27).
    pub private: bool,
    /// How it is cut into pieces.
    pub layout: Layout,
    /// Totals of all runs.
    pub totals: RecordTotals,
    /// What the user chose.
    pub terms: Terms,
}

/// What a dormant torrent is when it wakes.
#[derive(Debug)]
pub struct Awakening {
    /// What it is.
    pub metainfo: Arc<Metainfo>,
    /// What its storage found.
    pub report: OpenReport,
}

/// What came of a disk job.
#[derive(Debug)]
pub enum DiskResult {
    /// Of [`DiskOp::Open`].
    Opened(Result<Box<OpenReport>, DiskError>),
    /// Of [`DiskOp::Write`].
    Written {
        /// The buffers, to be used again.
        blocks: Vec<BlockBuf>,
        /// The hash state after these blocks, unless the piece ended.
        hasher: Option<Box<PieceHasher>>,
        /// Whether the bytes are on their way to the disk, and what the hash said.
        outcome: Result<PieceVerdict, DiskError>,
    },
    /// Of [`DiskOp::HashBack`].
    HashedBack {
        /// The hash state after these bytes, unless the piece ended.
        hasher: Option<Box<PieceHasher>>,
        /// What the hash said.
        outcome: Result<PieceVerdict, DiskError>,
    },
    /// Of [`DiskOp::Digest`].
    Digested {
        /// The buffers, to be used again.
        unwritten: Vec<BlockBuf>,
        /// One digest for each block of the piece, in order.
        outcome: Result<Vec<Sha1Hash>, DiskError>,
    },
    /// Of [`DiskOp::Check`], one entry per piece asked for.
    Checked(Vec<(PieceIndex, CheckVerdict)>),
    /// Of [`DiskOp::Read`].
    Read(Result<Bytes, DiskError>),
    /// Of [`DiskOp::Sync`].
    Synced(Result<(), DiskError>),
    /// Of [`DiskOp::SaveRecord`].
    Saved(Result<(), DiskError>),
    /// Of [`DiskOp::SetWanted`].
    WantedSet(Result<(), DiskError>),
    /// Of [`DiskOp::Keep`]: whether the storage can wake the torrent now.
    Kept(Result<bool, DiskError>),
    /// Of [`DiskOp::Sleep`].
    Asleep,
    /// Of [`DiskOp::Wake`].
    Woken(Result<Box<Awakening>, DiskError>),
    /// Of [`DiskOp::Amend`].
    Amended(Result<(), DiskError>),
    /// Of [`DiskOp::Close`].
    Closed,
}

/// What hashing said about a piece.
#[derive(Debug, PartialEq, Eq)]
pub enum PieceVerdict {
    /// The piece goes on: no verdict yet.
    Unfinished,
    /// The piece is what the metainfo says.
    Verified(PieceProof),
    /// The piece is wrong; nothing of this run was written.
    Mismatch,
}

/// What a check of existing data said about a piece.
#[derive(Debug, PartialEq, Eq)]
pub enum CheckVerdict {
    /// The piece is there and right.
    Verified(PieceProof),
    /// Its bytes are there but wrong.
    Mismatch {
        /// Whether any byte was not zero: foreign or damaged data rather than a hole.
        nonzero: bool,
    },
    /// Some file of it is missing or too short.
    Absent,
    /// It could not be read.
    Failed(DiskError),
}

/// What storage found when it opened a torrent.
#[derive(Debug)]
pub struct OpenReport {
    /// Pieces that the resume record names and whose files are as it left them.
    pub trusted: Bitfield,
    /// Pieces that may be on disk and must be hashed before anything touches them.
    pub unchecked: Bitfield,
    /// The resume record, if there was one: the files are known to be ours.
    pub record: Option<RecordTotals>,
    /// A number for the device that the files are on: the torrents of one share
    /// memory and wait for one another, those of two do neither. The workers
    /// fill it in.
    pub device: u64,
}

/// Totals that outlive a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecordTotals {
    /// Payload bytes received in all runs.
    pub downloaded_bytes: u64,
    /// Payload bytes sent in all runs.
    pub uploaded_bytes: u64,
    /// Seconds spent complete, in all runs.
    pub seeding_s: u64,
    /// Whether the tracker was told `completed`, or never needs to be.
    pub completed_told: bool,
}

/// What is written to the resume record.
///
/// The engine makes one only from pieces that a finished [`DiskOp::Sync`]
/// covers (invariant 10).
#[derive(Clone, Debug)]
pub struct ResumeSnapshot {
    /// Verified and durable pieces.
    pub pieces: Bitfield,
    /// Totals to go on from.
    pub totals: RecordTotals,
}

/// Why storage could not do a job.
///
/// The message names the file, in a sentence for the user; the kind is what
/// the engine acts upon.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct DiskError {
    /// What the engine acts upon.
    pub kind: DiskErrorKind,
    /// One sentence with the path in it.
    pub message: String,
}

/// Kinds of storage errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DiskErrorKind {
    /// No space left (ENOSPC, EDQUOT, EFBIG): stop downloading, keep seeding, retry.
    Full,
    /// Not allowed to write (EACCES, EPERM, EROFS): the same.
    ReadOnly,
    /// A file in the way is not ours.
    Foreign,
    /// Another process works on the same files.
    Locked,
    /// Anything else (EIO, a file that vanished): the torrent stops with an error.
    Io,
}
