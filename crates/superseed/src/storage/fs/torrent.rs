//! One open torrent: where each of its bytes is, and reading and writing them.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::IoSlice;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::error::{Attempt, error, failed, foreign};
use super::handles::{HandleKey, HandlePool};
use super::kept::Kept;
use super::lock::Lock;
use super::map::{FileMap, Span};
use super::parts::Parts;
use super::record::{FileMark, RecordFile};
use super::root::Root;
use crate::os::{self, Access, FileStat};
use crate::storage::{
    DiskError, DiskErrorKind, Keepsake, ReadError, ResumeSnapshot, StorageSpec, TorrentStorage,
};

/// An open torrent in files.
#[derive(Debug)]
pub(super) struct FileTorrent {
    pub(super) spec: Arc<StorageSpec>,
    pub(super) map: FileMap,
    pub(super) root: Root,
    pub(super) number: u64,
    pub(super) handles: Arc<HandlePool>,
    pub(super) files: Vec<FileState>,
    pub(super) parts: Parts,
    pub(super) record: RecordFile,
    /// None where nothing can be written anyway.
    pub(super) lock: Mutex<Option<Lock>>,
    pub(super) prepared: AtomicBool,
    /// Whether a record says already that the files are ours. Held while the
    /// torrent is prepared for its first write.
    pub(super) has_record: Mutex<bool>,
    /// What records say of a torrent that can sleep, if it can.
    pub(super) kept: Mutex<Option<Kept>>,
    /// Held while bytes move out of the part file.
    pub(super) moving: Mutex<()>,
    /// Directories with new entries that are not durable yet.
    pub(super) new_entries: Mutex<BTreeSet<PathBuf>>,
    /// The first sync that failed: see [`super::sync`].
    pub(super) lost: Mutex<Option<DiskError>>,
    /// What files looked like that we are not writing to.
    pub(super) marks: Mutex<Vec<Option<FileMark>>>,
}

/// What is known of one file.
#[derive(Debug, Default)]
pub(super) struct FileState {
    /// Its bytes are in the part file as long as there is no need for it.
    pub(super) in_parts: AtomicBool,
    /// The user wants it.
    pub(super) wanted: AtomicBool,
    /// Written since the last sync. Set only after a write, so that a sync
    /// that runs beside the write cannot take the flag and miss the bytes.
    pub(super) dirty: AtomicBool,
    /// Written since the last record. Set before and after a write, so that a
    /// record made in between never takes the change for somebody else's.
    pub(super) touched: AtomicBool,
}

impl FileTorrent {
    pub(super) fn path(&self, file: usize) -> PathBuf {
        self.root.full(&self.spec.files[file].path)
    }

    /// Refuses what is at a file's path if it cannot be the torrent's.
    pub(super) fn check_foreign(&self, file: usize, stat: &FileStat) -> Result<(), DiskError> {
        check_foreign(&self.root, &self.spec, file, stat)
    }

    /// A file that exists, or `None`.
    pub(super) fn existing(&self, file: usize) -> Result<Option<Arc<File>>, DiskError> {
        let key = HandleKey {
            torrent: self.number,
            file,
        };
        if let Some(open) = self.handles.find(key, false) {
            return Ok(Some(open));
        }
        let path = &self.spec.files[file].path;
        let opened = self.with_descriptors(|| self.root.open(path, Access::Read))?;
        Ok(opened.map(|opened| self.handles.insert(key, opened, false)))
    }

    /// A file to write to, made if it is missing.
    pub(super) fn writable(&self, file: usize) -> Result<Arc<File>, DiskError> {
        let key = HandleKey {
            torrent: self.number,
            file,
        };
        if let Some(open) = self.handles.find(key, true) {
            return Ok(open);
        }
        let path = &self.spec.files[file].path;
        let (opened, is_new) = self.with_descriptors(|| self.root.create(path))?;
        if is_new {
            if self.spec.files[file].executable {
                os::make_executable(&opened)
                    .map_err(|error| failed(Attempt::Create, &self.path(file), &error))?;
            }
            self.note_new_entry(path);
        }
        Ok(self.handles.insert(key, opened, true))
    }

    /// The next sync makes durable that there is something at a path.
    pub(super) fn note_new_entry(&self, path: &Path) {
        let mut new_entries = self
            .new_entries
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        new_entries.extend(path.ancestors().skip(1).map(ToOwned::to_owned));
    }

    /// Opens something; once more with the pool emptied if it fails in a way
    /// that a lack of descriptors explains.
    fn with_descriptors<T>(&self, open: impl Fn() -> Result<T, DiskError>) -> Result<T, DiskError> {
        open().or_else(|error| {
            if error.kind != DiskErrorKind::Io {
                return Err(error);
            }
            self.handles.forget_all();
            open()
        })
    }

    fn write_span(&self, span: Span, bufs: &mut [IoSlice<'_>]) -> Result<(), DiskError> {
        let state = &self.files[span.file];
        if state.in_parts.load(Ordering::Acquire) {
            let bytes = span.offset..span.offset + span.len;
            if self.parts.write(&self.root, span.file, bytes, bufs)? {
                return Ok(());
            }
            // Bytes that only this file has: a piece that was under way when
            // the file was given up. They need the file after all.
            self.leave_parts(span.file)?;
        }
        let file = self.writable(span.file)?;
        state.touched.store(true, Ordering::Release);
        let result = os::write_all_at(&file, bufs, span.offset);
        state.touched.store(true, Ordering::Release);
        state.dirty.store(true, Ordering::Release);
        result.map_err(|io| failed(Attempt::Write, &self.path(span.file), &io))
    }

    fn read_span(&self, span: Span, buf: &mut [u8]) -> Result<(), ReadError> {
        let absent = || {
            let message = format!("{} is missing or too short", self.path(span.file).display());
            ReadError::Absent(error(DiskErrorKind::Io, message))
        };
        if self.spec.files[span.file].padding {
            buf.fill(0);
            return Ok(());
        }
        if self.files[span.file].in_parts.load(Ordering::Acquire) {
            let read = self.parts.read(&self.root, span.file, span.offset, buf);
            return if read.map_err(ReadError::Failed)? {
                Ok(())
            } else {
                Err(absent())
            };
        }
        let file = self
            .existing(span.file)
            .map_err(ReadError::Failed)?
            .ok_or_else(absent)?;
        file.read_exact_at(buf, span.offset)
            .map_err(|io| match io.kind() {
                std::io::ErrorKind::UnexpectedEof => absent(),
                _ => ReadError::Failed(failed(Attempt::Read, &self.path(span.file), &io)),
            })
    }

    /// The open files of a run, for hints.
    fn open_spans(&self, offset: u64, len: u64) -> impl Iterator<Item = (Span, Arc<File>)> {
        self.map
            .spans(offset..offset.saturating_add(len))
            .filter_map(|span| {
                let in_file = !self.spec.files[span.file].padding
                    && !self.files[span.file].in_parts.load(Ordering::Acquire);
                let file = if in_file {
                    self.existing(span.file).ok()?
                } else {
                    None
                };
                Some((span, file?))
            })
    }
}

/// Refuses what is not a regular file or is longer than the torrent says.
pub(super) fn check_foreign(
    root: &Root,
    spec: &StorageSpec,
    file: usize,
    stat: &FileStat,
) -> Result<(), DiskError> {
    let entry = &spec.files[file];
    root.check_kind(&entry.path, stat)?;
    if stat.len > entry.len {
        let what = format!(
            "is not this torrent's: it has {} bytes where the torrent has {}",
            stat.len, entry.len
        );
        return Err(foreign(&root.full(&entry.path), &what));
    }
    Ok(())
}

impl TorrentStorage for FileTorrent {
    fn write(&self, offset: u64, bufs: &[IoSlice<'_>]) -> Result<(), DiskError> {
        let len: u64 = bufs.iter().map(|buf| buf.len() as u64).sum();
        if offset.saturating_add(len) > self.map.total_len() {
            let message = "a write reaches beyond the end of the torrent".to_owned();
            return Err(error(DiskErrorKind::Io, message));
        }
        self.prepare()?;
        let mut rest = Gather { bufs, at: 0 };
        for span in self.map.spans(offset..offset + len) {
            let mut run = rest.take(span.len as usize);
            if !self.spec.files[span.file].padding {
                self.write_span(span, &mut run)?;
            }
        }
        Ok(())
    }

    fn read(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        let mut rest = buf;
        for span in self
            .map
            .spans(offset..offset.saturating_add(rest.len() as u64))
        {
            let (part, after) = rest.split_at_mut(span.len as usize);
            self.read_span(span, part)?;
            rest = after;
        }
        if rest.is_empty() {
            return Ok(());
        }
        let message = "a read reaches beyond the end of the torrent".to_owned();
        Err(ReadError::Absent(error(DiskErrorKind::Io, message)))
    }

    fn prefetch(&self, offset: u64, len: u64) {
        for (span, file) in self.open_spans(offset, len) {
            os::prefetch(&file, span.offset, span.len);
        }
    }

    fn is_hole(&self, offset: u64, len: u64) -> bool {
        let mut covered = 0;
        for (span, file) in self.open_spans(offset, len) {
            let end = span.offset + span.len;
            let reaches = os::stat(&*file).is_ok_and(|stat| stat.len >= end);
            if !reaches || !os::is_hole(&file, span.offset, span.len) {
                return false;
            }
            covered += span.len;
        }
        covered == len
    }

    fn sync(&self) -> Result<(), DiskError> {
        self.sync_all()
    }

    fn save_record(&self, snapshot: &ResumeSnapshot) -> Result<(), DiskError> {
        self.save(snapshot)
    }

    fn keep(&self, keepsake: &Keepsake) -> Result<Option<PathBuf>, DiskError> {
        self.keep_all(keepsake).map(Some)
    }

    fn set_wanted(&self, wanted: &[bool]) -> Result<(), DiskError> {
        self.choose(wanted)
    }

    fn close(&self) {
        self.parts.tidy(&self.root);
        self.handles.forget_torrent(self.number);
        let lock = self
            .lock
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(lock) = lock {
            lock.release(&self.root);
        }
    }

    fn device(&self) -> u64 {
        self.root.device()
    }
}

impl Drop for FileTorrent {
    fn drop(&mut self) {
        self.handles.forget_torrent(self.number);
    }
}

/// Takes runs of bytes off the front of a list of buffers.
struct Gather<'b, 'd> {
    bufs: &'b [IoSlice<'d>],
    /// How much of the first buffer is taken.
    at: usize,
}

impl<'b> Gather<'b, '_> {
    fn take(&mut self, mut len: usize) -> Vec<IoSlice<'b>> {
        let mut run = Vec::new();
        while len > 0 {
            let Some((first, rest)) = self.bufs.split_first() else {
                break;
            };
            let part = &first[self.at..];
            let part = &part[..part.len().min(len)];
            if !part.is_empty() {
                run.push(IoSlice::new(part));
            }
            len -= part.len();
            self.at += part.len();
            if self.at == first.len() {
                self.bufs = rest;
                self.at = 0;
            }
        }
        run
    }
}
