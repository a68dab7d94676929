//! Where a torrent's bytes are kept.
//!
//! [`Storage`] opens torrents and [`TorrentStorage`] reads and writes one of
//! them, by offset in the torrent's bytes. The default is [`fs::FileStorage`],
//! files below a download directory; [`memory::MemoryStorage`] keeps all in
//! memory; whoever embeds the library may bring another.
//!
//! Storage is mechanism: it hashes nothing and decides nothing about pieces,
//! peers or retries. What it must never do is lose a byte that it took, touch
//! a file that is not the torrent's, or leave the download directory.

pub mod fs;
pub mod memory;
mod spec;

use std::io::IoSlice;
use std::sync::Arc;

pub use spec::{InvalidPath, StorageFile, StorageSpec};
pub use superseed_engine::disk::{
    DiskError, DiskErrorKind, OpenReport, RecordTotals, ResumeSnapshot,
};

/// Opens torrents: the storage of a session.
///
/// The methods are called from worker threads, several at a time, and may
/// block.
///
/// # Examples
///
/// A storage that throws everything away, to measure the rest:
///
/// ```
/// use std::io::IoSlice;
/// use std::sync::Arc;
/// use superseed::storage::{
///     DiskError, DiskErrorKind, OpenReport, ReadError, ResumeSnapshot, Storage, StorageSpec,
///     TorrentStorage,
/// };
///
/// struct Nowhere;
///
/// impl Storage for Nowhere {
///     fn open(
///         &self,
///         spec: &Arc<StorageSpec>,
///     ) -> Result<(Box<dyn TorrentStorage>, OpenReport), DiskError> {
///         Ok((Box::new(Nowhere), spec.nothing_found()))
///     }
/// }
///
/// impl TorrentStorage for Nowhere {
///     fn write(&self, _offset: u64, _bufs: &[IoSlice<'_>]) -> Result<(), DiskError> {
///         Ok(())
///     }
///     fn read(&self, _offset: u64, _buf: &mut [u8]) -> Result<(), ReadError> {
///         let message = "nothing is kept".to_owned();
///         Err(ReadError::Absent(DiskError { kind: DiskErrorKind::Io, message }))
///     }
///     fn sync(&self) -> Result<(), DiskError> {
///         Ok(())
///     }
///     fn save_record(&self, _snapshot: &ResumeSnapshot) -> Result<(), DiskError> {
///         Ok(())
///     }
///     fn set_wanted(&self, _wanted: &[bool]) -> Result<(), DiskError> {
///         Ok(())
///     }
///     fn close(&self) {}
/// }
///
/// let storage: Arc<dyn Storage> = Arc::new(Nowhere);
/// # let _ = storage;
/// ```
pub trait Storage: Send + Sync {
    /// Opens one torrent and tells what is there already.
    ///
    /// # Errors
    ///
    /// [`DiskErrorKind::Locked`] if someone else works on the torrent's files,
    /// [`DiskErrorKind::Foreign`] if something in the way is not the torrent's,
    /// [`DiskErrorKind::Full`] if what is missing cannot fit, and whatever else
    /// keeps the torrent from being read or written.
    fn open(
        &self,
        spec: &Arc<StorageSpec>,
    ) -> Result<(Box<dyn TorrentStorage>, OpenReport), DiskError>;
}

/// The storage of one open torrent.
///
/// `write`, `read`, `sync` and `save_record` come from several threads at
/// once; `set_wanted` and `close` only while no other method runs. Two writes
/// at a time never overlap. Dropping it without `close` is allowed and must
/// release what `close` would, but need not tidy up.
pub trait TorrentStorage: Send + Sync {
    /// Writes buffers one after the other, from `offset` in the torrent on.
    ///
    /// # Errors
    ///
    /// Some of the bytes may have been written; the same bytes may come again.
    fn write(&self, offset: u64, bufs: &[IoSlice<'_>]) -> Result<(), DiskError>;

    /// Fills `buf` from `offset` in the torrent on.
    ///
    /// # Errors
    ///
    /// [`ReadError::Absent`] if some of the bytes do not exist, in which case
    /// `buf` holds nothing of use.
    fn read(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError>;

    /// Tells what will be read next; only a hint.
    fn prefetch(&self, _offset: u64, _len: u64) {}

    /// Whether it is known, without reading, that a run of bytes was never
    /// written and would read as zeroes. `false` is always right.
    fn is_hole(&self, _offset: u64, _len: u64) -> bool {
        false
    }

    /// Makes durable every write that had returned when this was called.
    ///
    /// # Errors
    ///
    /// None of the writes since the last good sync may be counted upon.
    fn sync(&self) -> Result<(), DiskError>;

    /// Replaces the resume record atomically.
    ///
    /// # Errors
    ///
    /// The record is as it was before.
    fn save_record(&self, snapshot: &ResumeSnapshot) -> Result<(), DiskError>;

    /// Changes which files are wanted, one entry per file.
    ///
    /// # Errors
    ///
    /// What was written before can still be read.
    fn set_wanted(&self, wanted: &[bool]) -> Result<(), DiskError>;

    /// Finishes: releases files and locks. No method is called afterwards.
    fn close(&self);

    /// A number for the device that the bytes are on. Torrents on the same
    /// device share its workers; a device that hangs stops no other.
    fn device(&self) -> u64 {
        0
    }
}

/// Why bytes could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Some of them do not exist: a missing file, or one that is too short.
    #[error(transparent)]
    Absent(DiskError),
    /// The disk says no.
    #[error(transparent)]
    Failed(DiskError),
}
