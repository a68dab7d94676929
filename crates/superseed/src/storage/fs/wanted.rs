//! Files that become wanted or unwanted while the torrent is open, and files
//! that must exist before bytes are written to them.

use std::io::IoSlice;
use std::path::Path;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use super::error::{Attempt, failed};
use super::torrent::FileTorrent;
use crate::os;
use crate::storage::{DiskError, DiskErrorKind};

/// How much is moved at once out of the part file, in bytes.
const MOVE_LEN: u64 = 1 << 20;

impl FileTorrent {
    /// Changes which files are wanted.
    pub(super) fn choose(&self, wanted: &[bool]) -> Result<(), DiskError> {
        for file in 0..self.files.len() {
            let wants = wanted.get(file).copied().unwrap_or(true);
            if self.spec.files[file].padding {
                if wants && self.prepared.load(Ordering::Acquire) {
                    self.make_ready(file)?;
                }
                continue;
            }
            let had = self.files[file].wanted.load(Ordering::Acquire);
            if wants && !had {
                self.begin(file)?;
            } else if had && !wants && self.root.stat(&self.spec.files[file].path)?.is_none() {
                self.files[file].in_parts.store(true, Ordering::Release);
            }
            self.files[file].wanted.store(wants, Ordering::Release);
        }
        Ok(())
    }

    fn begin(&self, file: usize) -> Result<(), DiskError> {
        if let Some(stat) = self.root.stat(&self.spec.files[file].path)? {
            self.check_foreign(file, &stat)?;
        }
        if self.files[file].in_parts.load(Ordering::Acquire) {
            self.leave_parts(file)?;
        }
        if self.prepared.load(Ordering::Acquire) {
            self.make_ready(file)
        } else {
            Ok(())
        }
    }

    /// Makes a wanted file as far as it must be there before its first byte:
    /// an empty one and a link never get a byte, and preallocation comes first.
    pub(super) fn make_ready(&self, file: usize) -> Result<(), DiskError> {
        let entry = &self.spec.files[file];
        if let Some(text) = &entry.link {
            return self.make_link(&entry.path, text);
        }
        if entry.padding || (entry.len > 0 && !self.spec.preallocate) {
            return Ok(());
        }
        match self.root.stat(&entry.path)? {
            Some(stat) if stat.allocated >= entry.len => return Ok(()),
            _ => {}
        }
        let open = self.writable(file)?;
        self.files[file].touched.store(true, Ordering::Release);
        if entry.len == 0 {
            return Ok(());
        }
        os::allocate(&open, entry.len)
            .map_err(|error| failed(Attempt::Write, &self.path(file), &error))
    }

    /// Makes a link. What is there already stays, whatever it is: no byte of
    /// the torrent depends on it.
    fn make_link(&self, path: &Path, text: &Path) -> Result<(), DiskError> {
        if self.root.stat(path)?.is_none() && self.root.link(path, text)? {
            self.note_new_entry(path);
        }
        Ok(())
    }

    /// Moves a file's bytes from the part file to the file itself, in an order
    /// in which a crash at any point loses nothing: the copy is durable before
    /// the original is given up, and the original is given up durably before
    /// anything newer is written over the copy.
    pub(super) fn leave_parts(&self, file: usize) -> Result<(), DiskError> {
        let _alone = self.moving.lock().unwrap_or_else(PoisonError::into_inner);
        let shares = self.parts.present(file);
        if !shares.is_empty() {
            let open = self.writable(file)?;
            for share in shares {
                let mut at = share.bytes.start;
                while at < share.bytes.end {
                    let mut bytes = vec![0; (share.bytes.end - at).min(MOVE_LEN) as usize];
                    if !self.parts.read(&self.root, file, at, &mut bytes)? {
                        // Somebody cut the part file; the record's mark of it
                        // tells, and the piece is checked.
                        break;
                    }
                    os::write_all_at(&open, &mut [IoSlice::new(&bytes)], at)
                        .map_err(|io| failed(Attempt::Write, &self.path(file), &io))?;
                    at += bytes.len() as u64;
                }
            }
            self.files[file].touched.store(true, Ordering::Release);
            open.sync_data()
                .map_err(|io| failed(Attempt::Sync, &self.path(file), &io))?;
            self.sync_new_entries()?;
            self.parts.forget(&self.root, file)?;
        }
        self.files[file].in_parts.store(false, Ordering::Release);
        Ok(())
    }

    /// Takes up moves that a crash interrupted: files that are there although
    /// the part file still has bytes of them.
    ///
    /// Only a record makes sure that such a file is ours to write to; without
    /// one the part file's bytes are given up and fetched again.
    /// Tells whether there was anything to do.
    pub(super) fn finish_moves(&self, files_are_ours: bool) -> Result<bool, DiskError> {
        let mut moved = false;
        for (file, state) in self.files.iter().enumerate() {
            if state.in_parts.load(Ordering::Acquire) || self.parts.present(file).is_empty() {
                continue;
            }
            moved = true;
            let is_missing = self.root.stat(&self.spec.files[file].path)?.is_none();
            let done = if files_are_ours || is_missing {
                self.leave_parts(file)
            } else {
                self.parts.forget(&self.root, file)
            };
            match done {
                // On a read-only disk nothing can be moved, nor lost.
                Err(error) if error.kind != DiskErrorKind::ReadOnly => return Err(error),
                _ => {}
            }
        }
        Ok(moved)
    }
}
