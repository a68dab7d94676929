//! The lock that keeps two processes, or two torrents of one, off the same
//! torrent's files.
//!
//! It is an `flock` on a hidden file in the download directory, so it goes
//! with its process, however that ends. A clean close removes the file; so
//! whoever gets the lock must make sure that the file is still the one that
//! others will see.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use super::error::{Attempt, error, failed};
use super::root::Root;
use crate::os;
use crate::storage::{DiskError, DiskErrorKind};

/// How often the lock file may vanish under our hands before we give up.
const TRIES: usize = 32;

/// A lock that is held. Dropping it releases it but leaves the file.
#[derive(Debug)]
pub(super) struct Lock {
    name: PathBuf,
    file: File,
}

impl Lock {
    /// Takes the lock.
    pub(super) fn take(root: &Root, name: &Path) -> Result<Self, DiskError> {
        let broken = |io: &std::io::Error| failed(Attempt::Lock, &root.full(name), io);
        for _ in 0..TRIES {
            let (file, _) = root.create(name)?;
            match try_lock(&file).map_err(|io| broken(&io))? {
                Taken::Now => {}
                Taken::ByAnother => return Err(locked(root, name)),
                // A torrent there must be guarded by its owner.
                Taken::Unsupported => {
                    return Ok(Self {
                        name: name.to_owned(),
                        file,
                    });
                }
            }
            let ours = os::stat(&file).map_err(|io| broken(&io))?;
            let seen = root.stat(name)?;
            if seen.is_some_and(|seen| (seen.device, seen.inode) == (ours.device, ours.inode)) {
                return Ok(Self {
                    name: name.to_owned(),
                    file,
                });
            }
        }
        Err(locked(root, name))
    }

    /// Removes the file, then lets go.
    pub(super) fn release(self, root: &Root) {
        // A file that stays behind is empty and harmless.
        let _ = root.remove(&self.name);
        drop(self.file);
    }
}

/// What came of taking a lock.
pub(crate) enum Taken {
    /// It is ours until the file is closed.
    Now,
    /// Somebody else has it.
    ByAnother,
    /// Some network file systems have no locks.
    Unsupported,
}

/// Takes the lock of an open file, if nobody has it.
pub(crate) fn try_lock(file: &File) -> std::io::Result<Taken> {
    match file.try_lock() {
        Ok(()) => Ok(Taken::Now),
        Err(TryLockError::WouldBlock) => Ok(Taken::ByAnother),
        Err(TryLockError::Error(error)) if is_unsupported(&error) => Ok(Taken::Unsupported),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn is_unsupported(error: &std::io::Error) -> bool {
    use rustix::io::Errno;
    matches!(
        Errno::from_io_error(error),
        Some(Errno::NOTSUP | Errno::NOSYS | Errno::NOLCK | Errno::INVAL)
    )
}

fn locked(root: &Root, name: &Path) -> DiskError {
    let message = format!(
        "the torrent is already in use in {} (its lock is {})",
        root.path().display(),
        name.display()
    );
    error(DiskErrorKind::Locked, message)
}
