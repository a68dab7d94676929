//! The resume record: which pieces were verified and durable, and what their
//! files looked like then.
//!
//! A record is a hint. It is used only if its checksum and every length are
//! right, and even then each piece of it only if its files are untouched; all
//! that a lie in it can cost is a check. It is replaced as a whole, through a
//! temporary file, so that a crash leaves the old one or the new one.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use sha1::{Digest, Sha1};
use superseed_engine::disk::{Amendment, Summary, Terms};
use superseed_proto::bencode::{self, Dict, DictEncoder, Encoder, Limits, Mode};
use superseed_proto::bitfield::Bitfield;

use super::error::{Attempt, error, failed};
use super::kept::Kept;
use crate::os::{self, FileStat, Mtime};
use crate::storage::{DiskError, DiskErrorKind, RecordTotals, StorageSpec};

/// The format that this program writes, and the only one it reads.
const VERSION: i64 = 1;

/// What names the format.
const KIND: &str = "superseed resume";

/// What ends the name of a record.
pub(super) const EXTENSION: &str = "resume";

/// The key of what was kept.
const KEPT: &str = "kept";

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
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Record {
    /// Verified and durable pieces.
    pub(super) pieces: Bitfield,
    /// Totals of all runs.
    pub(super) totals: RecordTotals,
    /// What each file looked like; `None` if it was missing or not to be trusted.
    pub(super) files: Vec<Option<FileMark>>,
    /// What the part file looked like.
    pub(super) parts: Option<FileMark>,
    /// What it is, if it was kept.
    pub(super) kept: Option<Kept>,
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
            write_totals(dict, &self.totals);
            if let Some(kept) = &self.kept {
                dict.dict(KEPT, |dict| kept.write(dict));
            }
        });
        seal(KIND, VERSION, &body)
    }

    /// Reads a record; `None` if anything about it is not as it should be.
    pub(super) fn decode(bytes: &[u8], spec: &StorageSpec) -> Option<Self> {
        let body = unseal(KIND, VERSION, bytes)?;
        let body = bencode::decode(&body, &Limits::OWN_RECORD, Mode::Strict).ok()?;
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
        Some(Self {
            pieces: Bitfield::from_wire(body.bytes("pieces")?, spec.layout.piece_count())?,
            totals: read_totals(body)?,
            // A record of which this is damaged still names pieces.
            kept: body.dict(KEPT).and_then(Kept::read),
            parts: files.pop()?,
            files,
        })
    }
}

fn write_totals(dict: &mut DictEncoder<'_>, totals: &RecordTotals) {
    dict.int("downloaded", clamp(totals.downloaded_bytes));
    dict.int("uploaded", clamp(totals.uploaded_bytes));
    dict.int("seeding seconds", clamp(totals.seeding_s));
    dict.int("completed told", i64::from(totals.completed_told));
}

fn read_totals(body: Dict<'_>) -> Option<RecordTotals> {
    let count = |key: &str| u64::try_from(body.int(key)?).ok();
    Some(RecordTotals {
        downloaded_bytes: count("downloaded")?,
        uploaded_bytes: count("uploaded")?,
        seeding_s: count("seeding seconds")?,
        completed_told: body.int("completed told")? != 0,
    })
}

/// Puts a body into an envelope with its kind, its version and its checksum.
pub(super) fn seal(kind: &str, version: i64, body: &[u8]) -> Vec<u8> {
    Encoder::dict(|dict| {
        dict.int(kind, version);
        dict.bytes("sha1", Sha1::digest(body).as_slice());
        dict.bytes("body", body);
    })
}

/// Takes a body out of its envelope; `None` if anything about it is wrong.
pub(super) fn unseal(kind: &str, version: i64, bytes: &[u8]) -> Option<Vec<u8>> {
    let outer = bencode::decode(bytes, &Limits::OWN_RECORD, Mode::Strict).ok()?;
    let outer = outer.root().as_dict()?;
    if outer.int(kind)? != version {
        return None;
    }
    let body = outer.bytes("body")?;
    (outer.bytes("sha1")? == Sha1::digest(body).as_slice()).then(|| body.to_vec())
}

/// What a record tells of its torrent, if that was kept and is complete: then
/// it can sleep from the start.
pub(super) fn summary(path: &Path) -> Result<Option<Summary>, DiskError> {
    let bytes = std::fs::read(path).map_err(|error| failed(Attempt::Open, path, &error))?;
    Ok(unseal(KIND, VERSION, &bytes).and_then(|body| read_summary(&body)))
}

fn read_summary(body: &[u8]) -> Option<Summary> {
    let body = bencode::decode(body, &Limits::OWN_RECORD, Mode::Strict).ok()?;
    let body = body.root().as_dict()?;
    let kept = Kept::read(body.dict(KEPT)?)?;
    let pieces = Bitfield::from_wire(body.bytes("pieces")?, kept.layout().piece_count())?;
    let totals = read_totals(body)?;
    pieces.is_full().then(|| kept.summary(totals))
}

/// What the user chose for a torrent that was kept.
pub(super) fn terms(path: &Path) -> Option<Terms> {
    let body = unseal(KIND, VERSION, &std::fs::read(path).ok()?)?;
    let body = bencode::decode(&body, &Limits::OWN_RECORD, Mode::Strict).ok()?;
    Kept::read(body.root().as_dict()?.dict(KEPT)?).map(Kept::into_terms)
}

/// Changes what a record says beside its pieces and its files.
pub(super) fn amend(path: &Path, amendment: &Amendment) -> Result<(), DiskError> {
    let bytes = std::fs::read(path).map_err(|error| failed(Attempt::Open, path, &error))?;
    let amended = unseal(KIND, VERSION, &bytes).and_then(|body| amended(&body, amendment));
    let Some(body) = amended else {
        let message = format!("{} is damaged", path.display());
        return Err(error(DiskErrorKind::Io, message));
    };
    replace(path, &seal(KIND, VERSION, &body)).map_err(|error| failed(Attempt::Write, path, &error))
}

fn amended(body: &[u8], amendment: &Amendment) -> Option<Vec<u8>> {
    let body = bencode::decode(body, &Limits::OWN_RECORD, Mode::Strict).ok()?;
    let body = body.root().as_dict()?;
    let mut kept = Kept::read(body.dict(KEPT)?)?;
    kept.set_terms(amendment.terms.clone());
    Some(Encoder::dict(|dict| {
        // Of a key that is given twice the first value is kept.
        write_totals(dict, &amendment.totals);
        dict.dict(KEPT, |dict| kept.write(dict));
        for (key, value) in body.iter() {
            dict.raw(key, value.raw());
        }
    }))
}

/// Replaces a file of the state directory, durably and as a whole.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(dir)?;
    // Each kind of file has a temporary one of its own.
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".tmp");
    let mut file = File::create(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&temporary, path)?;
    File::open(dir)?.sync_all()
}

pub(super) fn clamp(count: u64) -> i64 {
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
            place.update(os::path_bytes(path));
            place.update([0]);
        }
        let place: String = place
            .finalize()
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let swarm = spec.info_hashes.primary_swarm_key();
        let name = format!("{swarm}-{place}.{EXTENSION}");
        Self {
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
        replace(&self.path, &record.encode(spec))
            .map_err(|error| failed(Attempt::Write, &self.path, &error))
    }

    /// Where the record is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}
