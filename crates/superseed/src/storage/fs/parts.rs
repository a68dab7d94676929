//! The part file: bytes that belong to files nobody wants, of pieces that
//! reach into files somebody does.
//!
//! Only the first and the last piece of a file can be shared with another
//! file, so which bytes can ever come here follows from the metainfo alone.
//! Each such *share* has a fixed place:
//!
//! ```text
//! magic (16)  swarm key (20)  number of shares (4)
//! one byte per share: 1 if bytes of it were written, else 0
//! padding to a multiple of 4096
//! the shares, one after the other
//! ```
//!
//! Nothing but single bytes ever changes in the head, so there is no state
//! that a crash could tear. A share whose byte is 1 may hold anything; that
//! its piece is right is for the record or a check to say.

use std::fs::File;
use std::io::IoSlice;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::error::{Attempt, failed};
use super::map::FileMap;
use super::record::FileMark;
use super::root::Root;
use crate::os::{self, Access};
use crate::storage::{DiskError, DiskErrorKind, StorageSpec};

const MAGIC: &[u8; 16] = b"superseed parts1";
const HEAD_LEN: u64 = 16 + 20 + 4;
const ALIGN: u64 = 4096;

/// The bytes of one file in one shared piece.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Share {
    /// The file.
    pub(super) file: usize,
    /// Which of the file's bytes.
    pub(super) bytes: Range<u64>,
    /// Where they are in the part file.
    at: u64,
}

/// The part file of a torrent; made when its first byte is written.
#[derive(Debug)]
pub(super) struct Parts {
    name: PathBuf,
    head: Vec<u8>,
    shares: Vec<Share>,
    state: Mutex<State>,
    dirty: AtomicBool,
}

#[derive(Debug)]
struct State {
    file: Option<Arc<File>>,
    present: Vec<bool>,
}

impl Parts {
    /// Reads which shares there are. A file by this name that is not a part
    /// file of the torrent is treated as empty.
    pub(super) fn open(
        root: &Root,
        name: PathBuf,
        spec: &StorageSpec,
        map: &FileMap,
    ) -> Result<Self, DiskError> {
        let shares = shares(spec, map);
        let mut head = MAGIC.to_vec();
        head.extend_from_slice(&spec.info_hashes.primary_swarm_key().0);
        head.extend_from_slice(&(shares.len() as u32).to_be_bytes());
        let mut state = State {
            file: None,
            present: vec![false; shares.len()],
        };
        let opened = match root.open(&name, Access::Write) {
            Err(error) if error.kind == DiskErrorKind::ReadOnly => {
                root.open(&name, Access::Read)?
            }
            other => other?,
        };
        if let Some(file) = opened {
            let mut found = vec![0; head.len() + shares.len()];
            if file.read_exact_at(&mut found, 0).is_ok() && found.starts_with(&head) {
                state.present = found[head.len()..].iter().map(|flag| *flag == 1).collect();
                state.file = Some(Arc::new(file));
            }
        }
        Ok(Self {
            name,
            head,
            shares,
            state: Mutex::new(state),
            dirty: AtomicBool::new(false),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn of_file(&self, file: usize) -> Range<usize> {
        let start = self.shares.partition_point(|share| share.file < file);
        start
            ..start
                + self.shares[start..]
                    .iter()
                    .take_while(|share| share.file == file)
                    .count()
    }

    /// The share that has a byte of a file, and its index.
    fn share_at(&self, file: usize, offset: u64) -> Option<(usize, &Share)> {
        let range = self.of_file(file);
        range
            .map(|index| (index, &self.shares[index]))
            .find(|(_, s)| s.bytes.contains(&offset))
    }

    /// Writes bytes of a file; `false` if they are not all of one share, so
    /// that this is no place for them.
    pub(super) fn write(
        &self,
        root: &Root,
        file: usize,
        bytes: Range<u64>,
        bufs: &mut [IoSlice<'_>],
    ) -> Result<bool, DiskError> {
        let Some((index, share)) = self
            .share_at(file, bytes.start)
            .filter(|(_, share)| bytes.end <= share.bytes.end)
        else {
            return Ok(false);
        };
        let parts = self.mark_present(root, index)?;
        let at = share.at + (bytes.start - share.bytes.start);
        let result = os::write_all_at(&parts, bufs, at);
        self.dirty.store(true, Ordering::Release);
        result
            .map(|()| true)
            .map_err(|error| self.failed(Attempt::Write, root, &error))
    }

    /// Makes the file if it is missing, and notes in it that a share is there.
    fn mark_present(&self, root: &Root, index: usize) -> Result<Arc<File>, DiskError> {
        let mut state = self.lock();
        let parts = match &state.file {
            Some(parts) => Arc::clone(parts),
            None => {
                let (file, _) = root.create(&self.name)?;
                let start = file
                    .set_len(0)
                    .and_then(|()| file.set_len(self.len()))
                    .and_then(|()| file.write_all_at(&self.head, 0));
                start.map_err(|error| self.failed(Attempt::Write, root, &error))?;
                let file = Arc::new(file);
                state.file = Some(Arc::clone(&file));
                file
            }
        };
        if !state.present[index] {
            parts
                .write_all_at(&[1], HEAD_LEN + index as u64)
                .map_err(|error| self.failed(Attempt::Write, root, &error))?;
            state.present[index] = true;
        }
        Ok(parts)
    }

    /// Fills `buf` with bytes of a file; `false` if some of them are not here.
    pub(super) fn read(
        &self,
        root: &Root,
        file: usize,
        mut offset: u64,
        mut buf: &mut [u8],
    ) -> Result<bool, DiskError> {
        while !buf.is_empty() {
            let Some((index, share)) = self.share_at(file, offset) else {
                return Ok(false);
            };
            let state = self.lock();
            let parts = state.file.clone().filter(|_| state.present[index]);
            drop(state);
            let Some(parts) = parts else { return Ok(false) };
            let len = (share.bytes.end - offset).min(buf.len() as u64);
            let (part, rest) = buf.split_at_mut(len as usize);
            match parts.read_exact_at(part, share.at + (offset - share.bytes.start)) {
                Ok(()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                    return Ok(false);
                }
                Err(error) => return Err(self.failed(Attempt::Read, root, &error)),
            }
            buf = rest;
            offset += len;
        }
        Ok(true)
    }

    /// Whether all of a run of a file's bytes may be here.
    pub(super) fn may_have(&self, file: usize, bytes: Range<u64>) -> bool {
        let mut at = bytes.start;
        while at < bytes.end {
            match self.share_at(file, at) {
                Some((index, share)) if self.lock().present[index] => at = share.bytes.end,
                _ => return false,
            }
        }
        true
    }

    /// The shares of a file that are here.
    pub(super) fn present(&self, file: usize) -> Vec<Share> {
        let state = self.lock();
        let here = self.of_file(file).filter(|index| state.present[*index]);
        here.map(|index| self.shares[index].clone()).collect()
    }

    /// Forgets the shares of a file, durably: from now on its bytes are
    /// elsewhere, and must never be taken from here again.
    pub(super) fn forget(&self, root: &Root, file: usize) -> Result<(), DiskError> {
        let mut state = self.lock();
        let Some(parts) = state.file.clone() else {
            return Ok(());
        };
        let mut changed = false;
        for index in self.of_file(file) {
            if std::mem::take(&mut state.present[index]) {
                changed = true;
                parts
                    .write_all_at(&[0], HEAD_LEN + index as u64)
                    .map_err(|error| self.failed(Attempt::Write, root, &error))?;
            }
        }
        if changed {
            parts
                .sync_data()
                .map_err(|error| self.failed(Attempt::Sync, root, &error))?;
        }
        Ok(())
    }

    /// Makes what was written durable.
    pub(super) fn sync(&self, root: &Root) -> Result<(), DiskError> {
        if !self.dirty.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        let Some(parts) = self.lock().file.clone() else {
            return Ok(());
        };
        parts
            .sync_data()
            .map_err(|error| self.failed(Attempt::Sync, root, &error))?;
        root.sync_dir(Path::new(""))
    }

    /// What the part file looks like now.
    pub(super) fn mark(&self) -> Option<FileMark> {
        let parts = self.lock().file.clone()?;
        os::stat(&*parts).ok().map(|stat| FileMark::from(&stat))
    }

    /// Removes the file if nothing in it is of use any more.
    pub(super) fn tidy(&self, root: &Root) {
        let mut state = self.lock();
        if state.file.is_some() && !state.present.contains(&true) {
            state.file = None;
            // One that stays behind is read as empty.
            let _ = root.remove(&self.name);
        }
    }

    /// The length of the file: all shares, as holes until they are written.
    fn len(&self) -> u64 {
        self.shares
            .last()
            .map_or(0, |last| last.at + (last.bytes.end - last.bytes.start))
    }

    fn failed(&self, attempt: Attempt, root: &Root, error: &std::io::Error) -> DiskError {
        failed(attempt, &root.full(&self.name), error)
    }
}

fn data_start(shares: usize) -> u64 {
    (HEAD_LEN + shares as u64).next_multiple_of(ALIGN)
}

/// All shares that a torrent can have.
fn shares(spec: &StorageSpec, map: &FileMap) -> Vec<Share> {
    let mut shares = Vec::new();
    for (file, entry) in spec.files.iter().enumerate() {
        let bytes = map.range(file);
        let pieces = spec.layout.pieces_of(bytes.clone());
        if entry.padding || pieces.is_empty() {
            continue;
        }
        let mut edges = vec![pieces.start, pieces.end - 1];
        edges.dedup();
        for piece in edges {
            let start = u64::from(piece) * u64::from(spec.layout.piece_len_nominal());
            let end = start + u64::from(spec.layout.piece_len_nominal());
            let is_shared = map
                .spans(start..end)
                .any(|span| span.file != file && !spec.files[span.file].padding);
            if is_shared {
                let own = start.max(bytes.start)..end.min(bytes.end);
                let own = own.start - bytes.start..own.end - bytes.start;
                shares.push(Share {
                    file,
                    bytes: own,
                    at: 0,
                });
            }
        }
    }
    let mut at = data_start(shares.len());
    for share in &mut shares {
        share.at = at;
        at += share.bytes.end - share.bytes.start;
    }
    shares
}
