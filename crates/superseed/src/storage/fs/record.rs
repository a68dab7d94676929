//! The resume record: which pieces were verified and durable, and what their
//! files looked like then.
//!
//! A record is a hint. It is used only if its checksum and every length are
//! right, and even then each piece of it only if its files are untouched; all
//! that a lie in it can cost is a check. It is replaced as a whole, through a
//! temporary file, so that a crash leaves the old one or the new one.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use sha1::{Digest, Sha1};
use superseed_proto::bencode::{self, Encoder, Limits, Mode};
use superseed_proto::bitfield::Bitfield;

use super::error::{Attempt, failed};
use crate::os::{FileStat, Mtime};
use crate::storage::{DiskError, RecordTotals, StorageSpec};

/// The format that this program writes, and the only one it reads.
const VERSION: i64 = 1;

/// The bytes of one file's mark: length, seconds, nanoseconds.
const MARK_LEN: usize = 20;

/// The length that stands for a file that was not there.
const MISSING: u64 = u64::MAX;

/// What a file looked like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileMark {
    /// Its length in bytes.
    pub(super) len: u64,
    /// When it was last written.
    pub(super) mtime: Mtime,
}

impl From<&FileStat> for FileMark {
    fn from(stat: &FileStat) -> Self {
        Self {
            len: stat.len,
            mtime: stat.mtime,
        }
    }
}

/// The content of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// Verified and durable pieces.
    pub(super) pieces: Bitfield,
    /// Totals of all runs.
    pub(super) totals: RecordTotals,
    /// What each file looked like; `None` if it was missing or not to be trusted.
    pub(super) files: Vec<Option<FileMark>>,
    /// What the part file looked like.
    pub(super) parts: Option<FileMark>,
}

impl Record {
    pub(super) fn encode(&self, spec: &StorageSpec) -> Vec<u8> {
        let mut pieces = Vec::new();
        self.pieces.write_wire(&mut pieces);
        let mut files = Vec::with_capacity((self.files.len() + 1) * MARK_LEN);
        for mark in self.files.iter().chain([&self.parts]) {
            write_mark(&mut files, mark.as_ref());
        }
        let body = Encoder::dict(|dict| {
            dict.bytes("info hash", spec.info_hashes.to_string());
            dict.bytes("pieces", &pieces);
            dict.bytes("files", &files);
            dict.int("downloaded", clamp(self.totals.downloaded_bytes));
            dict.int("uploaded", clamp(self.totals.uploaded_bytes));
            dict.int("seeding seconds", clamp(self.totals.seeding_s));
            dict.int("completed told", i64::from(self.totals.completed_told));
        });
        Encoder::dict(|dict| {
            dict.int("superseed resume", VERSION);
            dict.bytes("sha1", Sha1::digest(&body).as_slice());
            dict.bytes("body", &body);
        })
    }

    /// Reads a record; `None` if anything about it is not as it should be.
    pub(super) fn decode(bytes: &[u8], spec: &StorageSpec) -> Option<Self> {
        let outer = bencode::decode(bytes, &Limits::OWN_RECORD, Mode::Strict).ok()?;
        let outer = outer.root().as_dict()?;
        if outer.int("superseed resume")? != VERSION {
            return None;
        }
        let body = outer.bytes("body")?;
        if outer.bytes("sha1")? != Sha1::digest(body).as_slice() {
            return None;
        }
        let body = bencode::decode(body, &Limits::OWN_RECORD, Mode::Strict).ok()?;
        let body = body.root().as_dict()?;
        if body.bytes("info hash")? != spec.info_hashes.to_string().as_bytes() {
            return None;
        }
        let marks = body.bytes("files")?;
        if marks.len() != (spec.files.len() + 1) * MARK_LEN {
            return None;
        }
        let mut files = marks
            .chunks_exact(MARK_LEN)
            .map(read_mark)
            .collect::<Option<Vec<_>>>()?;
        let count = |key: &str| u64::try_from(body.int(key)?).ok();
        Some(Self {
            pieces: Bitfield::from_wire(body.bytes("pieces")?, spec.layout.piece_count())?,
            totals: RecordTotals {
                downloaded_bytes: count("downloaded")?,
                uploaded_bytes: count("uploaded")?,
                seeding_s: count("seeding seconds")?,
                completed_told: body.int("completed told")? != 0,
            },
            parts: files.pop()?,
            files,
        })
    }
}

fn clamp(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn write_mark(out: &mut Vec<u8>, mark: Option<&FileMark>) {
    let nothing = FileMark {
        len: MISSING,
        mtime: Mtime {
            seconds: 0,
            nanoseconds: 0,
        },
    };
    let mark = mark.unwrap_or(&nothing);
    out.extend_from_slice(&mark.len.to_be_bytes());
    out.extend_from_slice(&mark.mtime.seconds.to_be_bytes());
    out.extend_from_slice(&mark.mtime.nanoseconds.to_be_bytes());
}

/// The outer `None` is for a mark of the wrong length.
fn read_mark(bytes: &[u8]) -> Option<Option<FileMark>> {
    let (len, rest) = bytes.split_first_chunk()?;
    let (seconds, rest) = rest.split_first_chunk()?;
    let (nanoseconds, _) = rest.split_first_chunk()?;
    let mtime = Mtime {
        seconds: i64::from_be_bytes(*seconds),
        nanoseconds: u32::from_be_bytes(*nanoseconds),
    };
    let len = u64::from_be_bytes(*len);
    Some((len != MISSING).then_some(FileMark { len, mtime }))
}

/// Where a torrent's record is.
#[derive(Debug)]
pub(super) struct RecordFile {
    dir: PathBuf,
    path: PathBuf,
}

impl RecordFile {
    /// The record of a torrent whose download directory is really `dir`. The
    /// same torrent elsewhere, or under other names, has another record.
    pub(super) fn new(spec: &StorageSpec, dir: &Path) -> Self {
        let mut place = Sha1::new();
        for path in [dir]
            .into_iter()
            .chain(spec.files.iter().map(|file| file.path.as_path()))
        {
            place.update(path.as_os_str().as_bytes());
            place.update([0]);
        }
        let place: String = place
            .finalize()
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let name = format!("{}-{place}.resume", spec.info_hashes.primary_swarm_key());
        Self {
            dir: spec.state_dir.clone(),
            path: spec.state_dir.join(name),
        }
    }

    /// Reads the record, if there is one that can be used.
    pub(super) fn load(&self, spec: &StorageSpec) -> Option<Record> {
        let bytes = std::fs::read(&self.path).ok()?;
        let record = Record::decode(&bytes, spec);
        if record.is_none() {
            tracing::warn!(path = %self.path.display(), "a damaged resume record is ignored");
        }
        record
    }

    /// Replaces the record.
    pub(super) fn save(&self, record: &Record, spec: &StorageSpec) -> Result<(), DiskError> {
        self.replace(&record.encode(spec))
            .map_err(|error| failed(Attempt::Write, &self.path, &error))
    }

    fn replace(&self, bytes: &[u8]) -> io::Result<()> {
        std::fs::create_dir_all(&self.dir)?;
        let temporary = self.path.with_extension("tmp");
        let mut file = File::create(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&temporary, &self.path)?;
        File::open(&self.dir)?.sync_all()
    }
}
