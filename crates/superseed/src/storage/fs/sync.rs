//! Durability: what must be on the disk before what.
//!
//! The record that says "these files are ours" is written before the first
//! byte of data, and a record that names a piece after a sync of its bytes.
//! A sync that failed once is never believed again: the kernel drops what it
//! could not write and reports it only once, so that the next sync would
//! succeed over lost bytes. The torrent must then be opened, and checked, anew.

use std::path::PathBuf;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use superseed_proto::bitfield::Bitfield;

use super::error::{Attempt, error, failed};
use super::kept::{self, Kept};
use super::record::{FileMark, Record};
use super::torrent::FileTorrent;
use crate::storage::{DiskError, DiskErrorKind, Keepsake, RecordTotals, ResumeSnapshot};

/// With more dirty files than this the file system is synced as a whole. Each
/// sync of a file waits for the device's cache: thousands of small files would
/// take half a minute where all together take a fraction of a second.
pub(super) const SYNCED_ONE_BY_ONE_MAX: usize = 32;

impl FileTorrent {
    /// Makes every write that had returned durable, with the directories that
    /// lead to it.
    pub(super) fn sync_all(&self) -> Result<(), DiskError> {
        let mut lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(first) = &*lost {
            let message = format!("bytes were lost earlier ({first}): check the torrent again");
            return Err(error(DiskErrorKind::Io, message));
        }
        let synced = self.sync_files();
        if let Err(error) = &synced {
            *lost = Some(error.clone());
        }
        synced
    }

    fn sync_files(&self) -> Result<(), DiskError> {
        let dirty: Vec<usize> = (0..self.files.len())
            .filter(|file| self.files[*file].dirty.swap(false, Ordering::AcqRel))
            .collect();
        let together = dirty.len() > SYNCED_ONE_BY_ONE_MAX && self.root.sync_file_system()?;
        for file in dirty {
            if !together || self.is_elsewhere(file)? {
                let open = self.existing(file)?.ok_or_else(|| self.vanished(file))?;
                open.sync_data()
                    .map_err(|io| failed(Attempt::Sync, &self.path(file), &io))?;
            }
        }
        self.parts.sync(&self.root)?;
        self.sync_new_entries()
    }

    /// Whether a file is on another file system than the download directory:
    /// somebody may have mounted one below it.
    fn is_elsewhere(&self, file: usize) -> Result<bool, DiskError> {
        let stat = self.root.stat(&self.spec.files[file].path)?;
        let stat = stat.ok_or_else(|| self.vanished(file))?;
        Ok(stat.device != self.root.device())
    }

    fn vanished(&self, file: usize) -> DiskError {
        let message = format!("{} vanished", self.path(file).display());
        error(DiskErrorKind::Io, message)
    }

    pub(super) fn sync_new_entries(&self) -> Result<(), DiskError> {
        let new = std::mem::take(
            &mut *self
                .new_entries
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        );
        new.iter().try_for_each(|dir| self.root.sync_dir(dir))
    }

    /// What must be done once before the torrent's first byte is written:
    /// after a crash the files must be known to be ours.
    pub(super) fn prepare(&self) -> Result<(), DiskError> {
        if self.prepared.load(Ordering::Acquire) {
            return Ok(());
        }
        let mut has_record = self
            .has_record
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if !*has_record {
            let pieces = Bitfield::new(self.spec.layout.piece_count());
            let record = self.snapshot(pieces, RecordTotals::default());
            self.record.save(&record, &self.spec)?;
            *has_record = true;
        }
        for file in 0..self.files.len() {
            if self.files[file].wanted.load(Ordering::Acquire) {
                self.make_ready(file)?;
            }
        }
        self.prepared.store(true, Ordering::Release);
        Ok(())
    }

    /// Replaces the record.
    pub(super) fn save(&self, snapshot: &ResumeSnapshot) -> Result<(), DiskError> {
        match self.prepare() {
            // Complete data on a read-only disk is served and remembered all
            // the same; it may lack empty files.
            Err(error) if error.kind != DiskErrorKind::ReadOnly => return Err(error),
            _ => {}
        }
        let record = self.snapshot(snapshot.pieces.clone(), snapshot.totals);
        self.record.save(&record, &self.spec)
    }

    /// Keeps the torrent, so that its record can say that it was kept.
    pub(super) fn keep_all(&self, keepsake: &Keepsake) -> Result<PathBuf, DiskError> {
        kept::save(self.record.path(), &keepsake.metainfo, &self.spec)?;
        self.remember(Some(Kept::new(&keepsake.metainfo, keepsake.terms.clone())));
        self.save(&keepsake.snapshot)?;
        Ok(self.record.path().to_owned())
    }

    /// What later records say of it.
    pub(super) fn remember(&self, kept: Option<Kept>) {
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = kept;
    }

    /// A record with the files as they look now.
    ///
    /// A file that changed although nothing was written to it was changed by
    /// somebody else: its mark is left out, so that it is checked next time.
    fn snapshot(&self, pieces: Bitfield, totals: RecordTotals) -> Record {
        let mut marks = self.marks.lock().unwrap_or_else(PoisonError::into_inner);
        for (file, entry) in self.spec.files.iter().enumerate() {
            if entry.padding {
                continue;
            }
            let state = &self.files[file];
            let touched = state.touched.swap(false, Ordering::AcqRel);
            // What cannot be looked at is not vouched for.
            let stat = self.root.stat(&entry.path).ok().flatten();
            let now = stat.as_ref().map(FileMark::from);
            if touched || marks[file] == now {
                marks[file] = now;
            } else {
                marks[file] = None;
            }
        }
        Record {
            pieces,
            totals,
            files: marks.clone(),
            parts: self.parts.mark(),
            kept: self
                .kept
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone(),
        }
    }
}
