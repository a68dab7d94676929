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
use std::path::{Path, PathBuf};
use std::sync::Arc;

use superseed_proto::hash::InfoHashes;
use superseed_proto::metainfo::Metainfo;

pub use spec::{InvalidPath, StorageFile, StorageSpec};
pub use superseed_engine::disk::{
    Amendment, DiskError, DiskErrorKind, Keepsake, OpenReport, RecordTotals, ResumeSnapshot,
    Summary, Terms,
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

    /// Where torrents are kept below a state directory, sleeping or not: names
    /// for the methods below. A storage that keeps none has none.
    ///
    /// # Errors
    ///
    /// If that cannot be found out.
    fn kept_in(&self, _state_dir: &Path) -> Result<Vec<PathBuf>, DiskError> {
        Ok(Vec::new())
    }

    /// What must be known of a torrent that sleeps. `None` if it is not
    /// complete, or was not kept.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    fn summary(&self, kept: &Path) -> Result<Option<Summary>, DiskError> {
        Err(nothing_kept(kept))
    }

    /// What was kept of a torrent, to open it as any other.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or is damaged.
    fn recall(&self, kept: &Path) -> Result<Recalled, DiskError> {
        Err(nothing_kept(kept))
    }

    /// Opens a torrent that sleeps, with one entry of `wanted` per file, or
    /// fewer if the rest is wanted. It was recalled just before: only this
    /// touches the device of its files.
    ///
    /// # Errors
    ///
    /// As [`Storage::open`].
    fn wake(&self, recalled: Recalled, _wanted: Vec<bool>) -> Result<Woken, DiskError> {
        Err(nothing_kept(&recalled.spec.dir))
    }

    /// Keeps the metadata that a link's peers sent, so that the next start with
    /// that link need not ask for it. A storage may keep none.
    ///
    /// # Errors
    ///
    /// If it could not be written.
    fn keep_metadata(
        &self,
        _state_dir: &Path,
        _link: InfoHashes,
        _metainfo: &Metainfo,
    ) -> Result<(), DiskError> {
        Ok(())
    }

    /// The metadata that was kept of a link, if it is whole.
    fn metadata_of(&self, _state_dir: &Path, _link: InfoHashes) -> Option<Metainfo> {
        None
    }

    /// Changes what the record of a sleeping torrent says of its totals and of
    /// what the user chose.
    ///
    /// # Errors
    ///
    /// The record is as it was before.
    fn amend(&self, kept: &Path, _amendment: &Amendment) -> Result<(), DiskError> {
        Err(nothing_kept(kept))
    }
}

/// A torrent that was kept.
#[derive(Debug)]
pub struct Recalled {
    /// What it is.
    pub metainfo: Arc<Metainfo>,
    /// Where its files are.
    pub spec: StorageSpec,
    /// What the user chose.
    pub terms: Terms,
}

/// A torrent that slept.
pub struct Woken {
    /// What it is.
    pub metainfo: Arc<Metainfo>,
    /// Where its files are.
    pub spec: Arc<StorageSpec>,
    /// Its storage.
    pub storage: Box<dyn TorrentStorage>,
    /// What is there.
    pub report: OpenReport,
}

fn nothing_kept(kept: &Path) -> DiskError {
    DiskError {
        kind: DiskErrorKind::Io,
        message: format!(
            "{} cannot be woken: this storage keeps nothing",
            kept.display()
        ),
    }
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

    /// Keeps all that [`Storage::wake`] needs, and saves the record. `None` if
    /// this storage cannot: its torrents never sleep.
    ///
    /// # Errors
    ///
    /// The torrent must not sleep.
    fn keep(&self, _keepsake: &Keepsake) -> Result<Option<PathBuf>, DiskError> {
        Ok(None)
    }

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
