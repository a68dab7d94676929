//! Opening a torrent: what is there, whose it is, and whether the rest fits.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::error::{Attempt, error, failed, foreign};
use super::handles::HandlePool;
use super::kept::Kept;
use super::lock::Lock;
use super::map::{FileMap, Span};
use super::parts::Parts;
use super::record::{FileMark, Record, RecordFile};
use super::root::Root;
use super::torrent::{FileState, FileTorrent, check_foreign};
use crate::os::{self, FileKind, FileStat};
use crate::storage::spec::check_path;
use crate::storage::{DiskError, DiskErrorKind, OpenReport, StorageFile, StorageSpec};

/// Opens a torrent below `root`. With it comes what its record says of it as
/// one that was kept.
pub(super) fn open(
    root: Root,
    number: u64,
    handles: Arc<HandlePool>,
    spec: &Arc<StorageSpec>,
) -> Result<(FileTorrent, OpenReport, Option<Kept>), DiskError> {
    check_paths(spec)?;
    let hidden =
        |end: &str| PathBuf::from(format!(".{}.{end}", spec.info_hashes.primary_swarm_key()));
    // Where no file can be made no lock can be either; and nobody else can
    // write there, if all that is asked of us is to read.
    let lock = match Lock::take(&root, &hidden("lock")) {
        Err(error) if error.kind == DiskErrorKind::ReadOnly => Err(error),
        other => Ok(other?),
    };
    let found = find_files(&root, spec)?;
    if let Err(error) = &lock
        && !is_all_there(spec, &found)
    {
        return Err(error.clone());
    }
    let map = FileMap::new(&spec.files);
    let parts = Parts::open(&root, hidden("parts"), spec, &map)?;
    let real_dir = std::fs::canonicalize(&spec.dir)
        .map_err(|error| failed(Attempt::Open, &spec.dir, &error))?;
    let record_file = RecordFile::new(spec, &real_dir);
    let record = record_file.load(spec);
    let torrent = FileTorrent {
        spec: Arc::clone(spec),
        map,
        root,
        number,
        handles,
        files: file_states(spec, &found),
        parts,
        record: record_file,
        lock: Mutex::new(lock.ok()),
        prepared: AtomicBool::new(false),
        has_record: Mutex::new(record.is_some()),
        kept: Mutex::default(),
        new_entries: Mutex::default(),
        moving: Mutex::default(),
        lost: Mutex::default(),
        marks: Mutex::new(
            found
                .iter()
                .map(|stat| stat.as_ref().map(FileMark::from))
                .collect(),
        ),
    };
    let found = match torrent.finish_moves(record.is_some())? {
        true => find_files(&torrent.root, spec)?,
        false => found,
    };
    let report = report(&torrent, &found, record.as_ref());
    check_space(&torrent, &found, &report)?;
    // With a record, or with nothing there, there is nobody's data to spare.
    // Otherwise the first write, after the engine's check, is early enough.
    let is_writable = torrent
        .lock
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .is_some();
    let is_ours = record.is_some() || found.iter().flatten().all(|stat| stat.len == 0);
    if is_writable && is_ours {
        torrent.prepare()?;
    }
    let report = OpenReport {
        record: record.as_ref().map(|record| record.totals),
        ..report
    };
    Ok((torrent, report, record.and_then(|record| record.kept)))
}

/// Refuses paths that lead elsewhere or to our own records, and two files in
/// one place.
fn check_paths(spec: &StorageSpec) -> Result<(), DiskError> {
    let mut seen: HashSet<&Path> = HashSet::with_capacity(spec.files.len());
    let made = |file: &&StorageFile| !file.padding || file.link.is_some();
    for file in spec.files.iter().filter(made) {
        check_path(&file.path)
            .map_err(|invalid| error(DiskErrorKind::Foreign, invalid.to_string()))?;
        let path = spec.dir.join(&file.path);
        if spec.state_dir != spec.dir && path.starts_with(&spec.state_dir) {
            let what = "is where resume records are kept: the torrent needs another name";
            return Err(foreign(&path, what));
        }
        if !seen.insert(&file.path) {
            let message = format!("two files of the torrent would be {}", path.display());
            return Err(error(DiskErrorKind::Foreign, message));
        }
    }
    Ok(())
}

/// Looks at each file. Foreign ones are an error where they would be written
/// to, and as good as missing where they are not wanted.
fn find_files(root: &Root, spec: &StorageSpec) -> Result<Vec<Option<FileStat>>, DiskError> {
    let mut found = Vec::with_capacity(spec.files.len());
    for (index, file) in spec.files.iter().enumerate() {
        if file.padding {
            found.push(None);
            continue;
        }
        let stat = match root.stat(&file.path) {
            Err(_) if !spec.is_wanted(index) => None,
            other => other?,
        };
        found.push(match stat {
            Some(stat) => accept(root, spec, index, stat)?,
            None => None,
        });
    }
    Ok(found)
}

/// What to make of something at a file's path.
fn accept(
    root: &Root,
    spec: &StorageSpec,
    file: usize,
    stat: FileStat,
) -> Result<Option<FileStat>, DiskError> {
    let Err(foreign) = check_foreign(root, spec, file, &stat) else {
        return Ok(Some(stat));
    };
    if !spec.is_wanted(file) {
        return Ok(None);
    }
    if !spec.allow_overwrite || stat.kind != FileKind::Regular {
        return Err(foreign);
    }
    let entry = &spec.files[file];
    let (opened, _) = root.create(&entry.path)?;
    let cut = opened.set_len(entry.len).and_then(|()| os::stat(&opened));
    cut.map(Some)
        .map_err(|error| failed(Attempt::Write, &root.full(&entry.path), &error))
}

fn is_all_there(spec: &StorageSpec, found: &[Option<FileStat>]) -> bool {
    spec.files
        .iter()
        .zip(found)
        .enumerate()
        .all(|(index, (file, stat))| {
            file.padding
                || file.len == 0
                || !spec.is_wanted(index)
                || stat.is_some_and(|stat| stat.len == file.len)
        })
}

fn file_states(spec: &StorageSpec, found: &[Option<FileStat>]) -> Vec<FileState> {
    let state = |(index, stat): (usize, &Option<FileStat>)| FileState {
        in_parts: AtomicBool::new(!spec.is_wanted(index) && stat.is_none()),
        wanted: AtomicBool::new(spec.is_wanted(index)),
        ..FileState::default()
    };
    found.iter().enumerate().map(state).collect()
}

/// Which pieces are to be trusted and which to be checked.
fn report(
    torrent: &FileTorrent,
    found: &[Option<FileStat>],
    record: Option<&Record>,
) -> OpenReport {
    let spec = &torrent.spec;
    let parts_as_left = record.is_some_and(|record| record.parts == torrent.parts.mark());
    let as_left = |file: usize| {
        let mark = found[file].as_ref().map(FileMark::from);
        record.is_some_and(|record| mark.is_some() && record.files[file] == mark)
    };
    let as_left: Vec<bool> = (0..found.len()).map(as_left).collect();
    let is_there = |span: Span| {
        let end = span.offset + span.len;
        if torrent.files[span.file].in_parts.load(Ordering::Acquire) {
            return torrent.parts.may_have(span.file, span.offset..end);
        }
        found[span.file].is_some_and(|stat| stat.len >= end)
    };
    let is_as_left = |span: Span| {
        let in_parts = torrent.files[span.file].in_parts.load(Ordering::Acquire);
        if in_parts {
            parts_as_left
        } else {
            as_left[span.file]
        }
    };
    let mut report = spec.nothing_found();
    for piece in spec.layout.pieces() {
        let start = spec.layout.piece_offset(piece);
        let end = start + u64::from(spec.layout.piece_len(piece));
        let mut spans = torrent
            .map
            .spans(start..end)
            .filter(|s| !spec.files[s.file].padding);
        let recorded = record.is_some_and(|record| record.pieces.has(piece)) && !spec.recheck;
        // One pass, since a piece may reach into thousands of files.
        let mut trusted = recorded;
        let there = spans.all(|span| {
            trusted = trusted && is_as_left(span);
            is_there(span)
        });
        if there && trusted {
            report.trusted.insert(piece);
        } else if there {
            report.unchecked.insert(piece);
        }
    }
    report
}

/// Compares what is missing with what is free.
fn check_space(
    torrent: &FileTorrent,
    found: &[Option<FileStat>],
    report: &OpenReport,
) -> Result<(), DiskError> {
    let spec = &torrent.spec;
    let mut trusted = vec![0; spec.files.len()];
    for piece in report.trusted.iter() {
        let start = spec.layout.piece_offset(piece);
        let end = start + u64::from(spec.layout.piece_len(piece));
        for span in torrent.map.spans(start..end) {
            trusted[span.file] += span.len;
        }
    }
    let missing = |held: &dyn Fn(usize, &FileStat) -> u64| -> u64 {
        let wanted = spec
            .files
            .iter()
            .enumerate()
            .filter(|(i, f)| spec.is_wanted(*i) && !f.padding);
        wanted
            .map(|(index, file)| {
                let held = found[index].as_ref().map_or(0, |stat| held(index, stat));
                file.len.saturating_sub(held.max(trusted[index]))
            })
            .sum()
    };
    if missing(&|_, stat| stat.allocated) == 0 {
        return Ok(());
    }
    let available = torrent.root.space_available()?;
    if missing(&|_, stat| stat.allocated) <= available {
        return Ok(());
    }
    // A file system that compresses holds fewer bytes than it has: before the
    // torrent is refused, the data itself is counted.
    let data = |index: usize, stat: &FileStat| match torrent.existing(index) {
        Ok(Some(file)) => os::data_len(&file, stat.len).max(stat.allocated),
        _ => stat.allocated,
    };
    let missing = missing(&data);
    if missing <= available {
        return Ok(());
    }
    let message = format!(
        "{} has too little space: {missing} bytes are needed and {available} are available",
        spec.dir.display()
    );
    Err(error(DiskErrorKind::Full, message))
}
