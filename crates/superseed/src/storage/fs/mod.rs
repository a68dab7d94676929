//! Storage in files below a download directory: the default.
//!
//! Beside the torrent's own files there are, in the download directory, a
//! lock (`.<info-hash>.lock`) while the torrent is open and a part file
//! (`.<info-hash>.parts`) while files are left out; in the state directory,
//! the resume record, the metadata of a link, and the torrent itself once it was
//! to sleep. Files are made when their first byte is written and stay sparse
//! unless [`StorageSpec::preallocate`] asks for more.
//!
//! What must never happen here: a path that leaves the download directory, a
//! link that is followed below it, a foreign file that is written to before
//! the engine has seen what is in it, a record that vouches for bytes that
//! are not durable.

mod error;
mod handles;
mod kept;
mod lock;
mod map;
mod metadata;
mod open;
mod parts;
mod record;
mod root;
mod sync;
mod torrent;
mod wanted;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

pub(crate) use lock::{Taken, try_lock};
pub(crate) use record::replace;

use super::{
    Amendment, DiskError, OpenReport, Recalled, Storage, StorageSpec, Summary, TorrentStorage,
    Woken,
};
use crate::os;
use error::{Attempt, failed};
use handles::HandlePool;
use root::Root;
use superseed_proto::hash::InfoHashes;
use superseed_proto::metainfo::Metainfo;

/// The share of the process's file descriptors that open files may take: the
/// rest is for peers.
const FD_SHARE: u64 = 8;

/// Keeps torrents in files. See the module.
///
/// One value serves any number of torrents, which share its pool of open
/// files.
#[derive(Debug)]
pub struct FileStorage {
    handles: Arc<HandlePool>,
    /// Open download directories by device and inode, so that a thousand
    /// torrents in one of them hold one descriptor.
    dirs: Mutex<HashMap<(u64, u64), Weak<File>>>,
    torrents: AtomicU64,
}

impl FileStorage {
    /// A storage that keeps at most this many files open, and a few more
    /// while they are in use.
    pub fn new(open_files_max: usize) -> Self {
        Self {
            handles: Arc::new(HandlePool::new(open_files_max)),
            dirs: Mutex::default(),
            torrents: AtomicU64::new(0),
        }
    }

    /// A storage for a process that may have `fd_limit` descriptors.
    pub fn for_fd_limit(fd_limit: u64) -> Self {
        Self::new((fd_limit / FD_SHARE).clamp(16, 256) as usize)
    }

    /// Opens the download directory, and makes it if it is missing.
    ///
    /// A torrent of many files gets a handle of its own: it is synced through
    /// it, and a failure is told to each handle once.
    fn root(&self, path: &Path, file_count: usize) -> Result<Root, DiskError> {
        let open = || std::fs::create_dir_all(path).and_then(|()| os::open_dir(path));
        let dir = open().map_err(|error| failed(Attempt::Open, path, &error))?;
        let stat = os::stat(&dir).map_err(|error| failed(Attempt::Open, path, &error))?;
        if file_count > sync::SYNCED_ONE_BY_ONE_MAX {
            return Ok(Root::new(path.to_owned(), Arc::new(dir), stat.device));
        }
        // It outlives the lock: closing may take as long as anything of a disk.
        let dir = Arc::new(dir);
        let mut dirs = self.dirs.lock().unwrap_or_else(PoisonError::into_inner);
        dirs.retain(|_, dir| dir.strong_count() > 0);
        let known = dirs.entry((stat.device, stat.inode)).or_default();
        let shared = known.upgrade().unwrap_or_else(|| Arc::clone(&dir));
        *known = Arc::downgrade(&shared);
        Ok(Root::new(path.to_owned(), shared, stat.device))
    }
}

impl Default for FileStorage {
    /// A storage for a process with the customary 1,024 descriptors.
    fn default() -> Self {
        Self::for_fd_limit(1024)
    }
}

impl Storage for FileStorage {
    fn open(
        &self,
        spec: &Arc<StorageSpec>,
    ) -> Result<(Box<dyn TorrentStorage>, OpenReport), DiskError> {
        let root = self.root(&spec.dir, spec.files.len())?;
        let number = self.torrents.fetch_add(1, Ordering::Relaxed);
        let (torrent, report, _) = open::open(root, number, Arc::clone(&self.handles), spec)?;
        Ok((Box::new(torrent), report))
    }

    fn kept_in(&self, state_dir: &Path) -> Result<Vec<PathBuf>, DiskError> {
        let failed = |error: &std::io::Error| failed(Attempt::Open, state_dir, error);
        let mut records = Vec::new();
        for entry in std::fs::read_dir(state_dir).map_err(|error| failed(&error))? {
            let path = entry.map_err(|error| failed(&error))?.path();
            if path.extension().is_some_and(|end| end == record::EXTENSION) {
                records.push(path);
            }
        }
        records.sort_unstable();
        Ok(records)
    }

    fn summary(&self, kept: &Path) -> Result<Option<Summary>, DiskError> {
        record::summary(kept)
    }

    fn recall(&self, kept: &Path) -> Result<Recalled, DiskError> {
        let (metainfo, spec) = kept::load(kept)?;
        let terms = record::terms(kept).unwrap_or_default();
        Ok(Recalled {
            metainfo: Arc::new(metainfo),
            spec,
            terms,
        })
    }

    fn wake(&self, recalled: Recalled, wanted: Vec<bool>) -> Result<Woken, DiskError> {
        let Recalled {
            metainfo, mut spec, ..
        } = recalled;
        spec.wanted = wanted;
        let spec = Arc::new(spec);
        let root = self.root(&spec.dir, spec.files.len())?;
        let number = self.torrents.fetch_add(1, Ordering::Relaxed);
        let handles = Arc::clone(&self.handles);
        let (torrent, report, of_record) = open::open(root, number, handles, &spec)?;
        // As long as it is what it was, later records say so too.
        torrent.remember(of_record);
        Ok(Woken {
            metainfo,
            spec,
            storage: Box::new(torrent),
            report,
        })
    }

    fn keep_metadata(
        &self,
        state_dir: &Path,
        link: InfoHashes,
        metainfo: &Metainfo,
    ) -> Result<(), DiskError> {
        metadata::save(state_dir, link, metainfo)
    }

    fn metadata_of(&self, state_dir: &Path, link: InfoHashes) -> Option<Metainfo> {
        metadata::load(state_dir, link)
    }

    fn amend(&self, kept: &Path, amendment: &Amendment) -> Result<(), DiskError> {
        record::amend(kept, amendment)
    }
}
