//! A download directory: the only door to the files of a torrent.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::{Attempt, failed, foreign, unreachable};
use crate::os::{self, Access, BeneathError, FileKind, FileStat};
use crate::storage::DiskError;

/// A handle of a download directory, and its path for people.
#[derive(Debug)]
pub(super) struct Root {
    path: PathBuf,
    dir: Arc<File>,
    device: u64,
}

impl Root {
    pub(super) fn new(path: PathBuf, dir: Arc<File>, device: u64) -> Self {
        Self { path, dir, device }
    }

    /// The directory's path as the user named it.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The device it is on.
    pub(super) fn device(&self) -> u64 {
        self.device
    }

    /// A file's path for people.
    pub(super) fn full(&self, path: &Path) -> PathBuf {
        self.path.join(path)
    }

    /// Opens what exists; `None` if nothing does.
    pub(super) fn open(&self, path: &Path, access: Access) -> Result<Option<File>, DiskError> {
        let opened = match os::open_beneath(self.dir.as_fd(), path, access) {
            Err(BeneathError::Io(error)) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(None);
            }
            other => other,
        };
        match opened {
            Ok(file) => self.regular(path, file).map(Some),
            Err(error) => Err(self.explain(Attempt::Open, path, &error)),
        }
    }

    /// Opens a file to write, and makes it and its directories if it is
    /// missing. Tells whether it was made.
    pub(super) fn create(&self, path: &Path) -> Result<(File, bool), DiskError> {
        if let Some(file) = self.open(path, Access::Write)? {
            return Ok((file, false));
        }
        let created = os::make_parents(self.dir.as_fd(), path)
            .and_then(|()| os::open_beneath(self.dir.as_fd(), path, Access::Create));
        match created {
            Ok(file) => Ok((self.regular(path, file)?, true)),
            Err(error) => Err(self.explain(Attempt::Create, path, &error)),
        }
    }

    /// Makes a symbolic link, and the directories above it; `false` if this
    /// file system has none.
    pub(super) fn link(&self, path: &Path, text: &Path) -> Result<bool, DiskError> {
        match os::link_beneath(self.dir.as_fd(), path, text) {
            Ok(()) => Ok(true),
            Err(BeneathError::Io(error)) if os::lacks_links(&error) => Ok(false),
            Err(error) => Err(unreachable(Attempt::Create, &self.path, path, &error)),
        }
    }

    /// What is at a path; `None` if nothing is.
    pub(super) fn stat(&self, path: &Path) -> Result<Option<FileStat>, DiskError> {
        os::stat_beneath(self.dir.as_fd(), path)
            .map_err(|error| unreachable(Attempt::Open, &self.path, path, &error))
    }

    /// Removes a file; one that is not there is as good.
    pub(super) fn remove(&self, path: &Path) -> Result<(), DiskError> {
        match os::remove_beneath(self.dir.as_fd(), path) {
            Err(BeneathError::Io(error)) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other.map_err(|error| unreachable(Attempt::Remove, &self.path, path, &error)),
        }
    }

    /// Makes the entries of a directory durable; the empty path is the
    /// download directory itself.
    pub(super) fn sync_dir(&self, path: &Path) -> Result<(), DiskError> {
        os::sync_dir_beneath(self.dir.as_fd(), path)
            .map_err(|error| unreachable(Attempt::Sync, &self.path, path, &error))
    }

    /// Makes durable whatever was written to the directory's file system;
    /// `false` if this system cannot say whether that worked.
    pub(super) fn sync_file_system(&self) -> Result<bool, DiskError> {
        os::sync_file_system(&self.dir).map_err(|error| failed(Attempt::Sync, &self.path, &error))
    }

    /// Bytes that can still be written.
    pub(super) fn space_available(&self) -> Result<u64, DiskError> {
        os::space_available(&*self.dir).map_err(|error| failed(Attempt::Open, &self.path, &error))
    }

    fn regular(&self, path: &Path, file: File) -> Result<File, DiskError> {
        let stat =
            os::stat(&file).map_err(|error| failed(Attempt::Open, &self.full(path), &error))?;
        self.check_kind(path, &stat)?;
        Ok(file)
    }

    /// Refuses what is not a regular file.
    pub(super) fn check_kind(&self, path: &Path, stat: &FileStat) -> Result<(), DiskError> {
        let what = match stat.kind {
            FileKind::Regular => return Ok(()),
            FileKind::Directory => "is a directory where the torrent has a file",
            FileKind::Link => {
                "is a symbolic link, and links inside a download directory are not followed"
            }
            FileKind::Other => "is a device, pipe or socket where the torrent has a file",
        };
        Err(foreign(&self.full(path), what))
    }

    /// The error of an open: what is in the way says more than the system's
    /// number, which for a directory or a socket speaks of something else.
    fn explain(&self, attempt: Attempt, path: &Path, error: &BeneathError) -> DiskError {
        if let Ok(Some(stat)) = self.stat(path)
            && let Err(foreign) = self.check_kind(path, &stat)
        {
            return foreign;
        }
        unreachable(attempt, &self.path, path, error)
    }
}
