//! Storage in memory, for tests, examples and short-lived torrents.

use std::collections::HashMap;
use std::io::IoSlice;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use superseed_proto::bitfield::Bitfield;
use superseed_proto::hash::InfoHashes;

use super::{
    DiskError, DiskErrorKind, OpenReport, ReadError, ResumeSnapshot, Storage, StorageSpec,
    TorrentStorage,
};

/// Keeps torrents in memory as long as it lives.
///
/// A torrent that is closed and opened again is still there, with its record.
/// What was never written reads as zeroes.
#[derive(Debug, Default)]
pub struct MemoryStorage {
    torrents: Mutex<HashMap<InfoHashes, Arc<MemoryTorrent>>>,
}

#[derive(Debug)]
struct MemoryTorrent {
    bytes: RwLock<Vec<u8>>,
    record: Mutex<Option<ResumeSnapshot>>,
}

impl MemoryStorage {
    /// A storage without torrents.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts a torrent's bytes there before it is opened, as files that a
    /// user already has: they are checked, then served.
    pub fn insert(&self, info_hashes: InfoHashes, bytes: Vec<u8>) {
        let torrent = MemoryTorrent {
            bytes: RwLock::new(bytes),
            record: Mutex::default(),
        };
        let mut torrents = self.torrents.lock().unwrap_or_else(PoisonError::into_inner);
        torrents.insert(info_hashes, Arc::new(torrent));
    }

    /// A copy of a torrent's bytes as they are now.
    pub fn bytes(&self, info_hashes: InfoHashes) -> Option<Vec<u8>> {
        let torrents = self.torrents.lock().unwrap_or_else(PoisonError::into_inner);
        let torrent = torrents.get(&info_hashes)?;
        Some(
            torrent
                .bytes
                .read()
                .unwrap_or_else(PoisonError::into_inner)
                .clone(),
        )
    }
}

impl Storage for MemoryStorage {
    fn open(
        &self,
        spec: &Arc<StorageSpec>,
    ) -> Result<(Box<dyn TorrentStorage>, OpenReport), DiskError> {
        let len = usize::try_from(spec.layout.total_len()).map_err(|_| DiskError {
            kind: DiskErrorKind::Full,
            message: format!(
                "torrent {} is larger than this machine's memory",
                spec.info_hashes
            ),
        })?;
        let mut torrents = self.torrents.lock().unwrap_or_else(PoisonError::into_inner);
        let mut report = spec.nothing_found();
        let Some(torrent) = torrents.get(&spec.info_hashes) else {
            let bytes = RwLock::new(vec![0; len]);
            let torrent = Arc::new(MemoryTorrent {
                bytes,
                record: Mutex::default(),
            });
            torrents.insert(spec.info_hashes, Arc::clone(&torrent));
            return Ok((Box::new(torrent), report));
        };
        let record = torrent
            .record
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some(record) = record.filter(|_| !spec.recheck) {
            report.trusted = record.pieces;
            report.record = Some(record.totals);
        }
        let all = Bitfield::full(spec.layout.piece_count());
        for piece in all.difference(&report.trusted) {
            report.unchecked.insert(piece);
        }
        torrent
            .bytes
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .resize(len, 0);
        Ok((Box::new(Arc::clone(torrent)), report))
    }
}

impl TorrentStorage for Arc<MemoryTorrent> {
    fn write(&self, offset: u64, bufs: &[IoSlice<'_>]) -> Result<(), DiskError> {
        let mut bytes = self.bytes.write().unwrap_or_else(PoisonError::into_inner);
        let mut at = offset as usize;
        for buf in bufs {
            let target = bytes
                .get_mut(at..at + buf.len())
                .ok_or_else(beyond_the_end)?;
            target.copy_from_slice(buf);
            at += buf.len();
        }
        Ok(())
    }

    fn read(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        let bytes = self.bytes.read().unwrap_or_else(PoisonError::into_inner);
        let at = offset as usize;
        let source = bytes.get(at..at + buf.len());
        buf.copy_from_slice(source.ok_or_else(|| ReadError::Absent(beyond_the_end()))?);
        Ok(())
    }

    fn sync(&self) -> Result<(), DiskError> {
        Ok(())
    }

    fn save_record(&self, snapshot: &ResumeSnapshot) -> Result<(), DiskError> {
        *self.record.lock().unwrap_or_else(PoisonError::into_inner) = Some(snapshot.clone());
        Ok(())
    }

    fn set_wanted(&self, _wanted: &[bool]) -> Result<(), DiskError> {
        Ok(())
    }

    fn close(&self) {}
}

fn beyond_the_end() -> DiskError {
    DiskError {
        kind: DiskErrorKind::Io,
        message: "a run of bytes lies beyond the end of the torrent in memory".to_owned(),
    }
}
