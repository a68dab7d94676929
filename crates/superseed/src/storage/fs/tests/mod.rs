//! The file storage, driven as the disk workers drive it.

mod attributes;
mod foreign;
mod kept;
mod links;
mod locks;
mod parts;
mod records;
mod space;
mod spans;

use std::io::IoSlice;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use superseed_proto::bitfield::Bitfield;
use superseed_proto::hash::{InfoHashV1, InfoHashes};
use superseed_proto::layout::{Layout, PieceIndex};
use tempfile::TempDir;

use super::FileStorage;
use crate::storage::{
    DiskError, DiskErrorKind, OpenReport, RecordTotals, ResumeSnapshot, Storage, StorageFile,
    StorageSpec, TorrentStorage,
};

pub(super) const PIECE_LEN: u32 = 16;

/// A temporary download directory and state directory, and a torrent for them.
pub(super) struct Bench {
    temp: TempDir,
    pub(super) storage: FileStorage,
    pub(super) spec: StorageSpec,
}

pub(super) type Opened = (Box<dyn TorrentStorage>, OpenReport);

impl Bench {
    /// A torrent of files `a/0`, `a/1`, … with these lengths.
    pub(super) fn new(lens: &[u64]) -> Self {
        let temp = tempfile::tempdir().unwrap();
        let spec = spec(temp.path(), lens);
        Self {
            temp,
            storage: FileStorage::new(4),
            spec,
        }
    }

    pub(super) fn open(&self) -> Opened {
        self.try_open().unwrap_or_else(|error| panic!("{error}"))
    }

    pub(super) fn try_open(&self) -> Result<Opened, DiskError> {
        self.storage.open(&Arc::new(self.spec.clone()))
    }

    pub(super) fn refusal(&self) -> DiskError {
        match self.try_open() {
            Ok(_) => panic!("this should not open"),
            Err(error) => error,
        }
    }

    pub(super) fn dir(&self) -> PathBuf {
        self.temp.path().join("downloads")
    }

    pub(super) fn path(&self, file: usize) -> PathBuf {
        self.dir().join(&self.spec.files[file].path)
    }

    /// Puts a file there that somebody else made.
    pub(super) fn put(&self, file: usize, content: &[u8]) {
        std::fs::create_dir_all(self.path(file).parent().unwrap()).unwrap();
        std::fs::write(self.path(file), content).unwrap();
    }

    /// What is in the download directory, lock and all.
    pub(super) fn listing(&self) -> Vec<String> {
        let mut names = Vec::new();
        list(&self.dir(), &self.dir(), &mut names);
        names.sort();
        names
    }

    /// The one resume record.
    pub(super) fn record_path(&self) -> PathBuf {
        let mut entries = std::fs::read_dir(&self.spec.state_dir).unwrap();
        let path = entries.next().unwrap().unwrap().path();
        assert!(entries.next().is_none());
        path
    }
}

pub(super) fn spec(temp: &Path, lens: &[u64]) -> StorageSpec {
    let file = |(index, len): (usize, &u64)| StorageFile {
        path: PathBuf::from(format!("a/{index}")),
        len: *len,
        ..StorageFile::default()
    };
    StorageSpec {
        info_hashes: InfoHashes::V1(InfoHashV1([7; 20])),
        layout: Layout::new(lens.iter().sum(), PIECE_LEN).unwrap(),
        files: lens.iter().enumerate().map(file).collect(),
        wanted: Vec::new(),
        dir: temp.join("downloads"),
        state_dir: temp.join("state"),
        preallocate: false,
        allow_overwrite: false,
        recheck: false,
    }
}

fn list(root: &Path, dir: &Path, names: &mut Vec<String>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            list(root, &path, names);
        } else {
            names.push(path.strip_prefix(root).unwrap().display().to_string());
        }
    }
}

pub(super) fn write(torrent: &dyn TorrentStorage, offset: u64, bytes: &[u8]) {
    torrent.write(offset, &[IoSlice::new(bytes)]).unwrap();
}

pub(super) fn read(torrent: &dyn TorrentStorage, offset: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0xaa; len];
    torrent.read(offset, &mut bytes).unwrap();
    bytes
}

/// A record that names these pieces.
pub(super) fn snapshot(spec: &StorageSpec, pieces: &[u32]) -> ResumeSnapshot {
    let mut set = Bitfield::new(spec.layout.piece_count());
    for piece in pieces {
        set.insert(PieceIndex(*piece));
    }
    let totals = RecordTotals {
        uploaded_bytes: 99,
        completed_told: true,
        ..Default::default()
    };
    ResumeSnapshot {
        pieces: set,
        totals,
    }
}

pub(super) fn pieces(set: &Bitfield) -> Vec<u32> {
    set.iter().map(|piece| piece.0).collect()
}

pub(super) fn ascending(len: u64) -> Vec<u8> {
    (0..len).map(|at| (at % 251) as u8 + 1).collect()
}
