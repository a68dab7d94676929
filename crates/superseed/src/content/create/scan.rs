//! Looking at what a torrent is to be made of.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use superseed_proto::layout::FileIndex;
use superseed_proto::metainfo::{FileEntry, Info};

use super::error::CreateError;
use super::options::{CreateOptions, SortKey};
use super::torrent::{self, Draft};
use super::walk::{self, Found, FoundKind};
use super::{piece_len, rehearsal};
use crate::content::Progress;

/// What a torrent is going to be made of: files that were there and could be
/// opened, in the torrent's order.
#[derive(Debug)]
pub struct Scan {
    pub(super) root: PathBuf,
    pub(super) options: CreateOptions,
    pub(super) found: Vec<Found>,
    /// The torrent but for its hashes.
    pub(super) draft: Draft,
    /// The same as it loads.
    pub(super) info: Info,
}

/// A file or kept link that a torrent is going to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScannedFile<'a> {
    /// Its path below the directory, elements parted by `/`; the torrent's
    /// name if it is the only file and there is no directory.
    pub path: &'a str,
    /// Its length in bytes; 0 for a link.
    pub len: u64,
    /// Whether it is a symbolic link that is kept.
    pub is_link: bool,
}

/// Looks at a file, or at all files in a directory. Hashes nothing.
///
/// # Errors
///
/// If no torrent can be made of it as `options` asks, or something in it
/// cannot be read.
pub fn scan(path: &Path, options: &CreateOptions) -> Result<Scan, CreateError> {
    if options.format.has_v2() && !matches!(options.order.as_slice(), [] | [SortKey::Path, ..]) {
        return Err(CreateError::Order);
    }
    let metadata = fs::metadata(path).map_err(|error| CreateError::io(path, error))?;
    let name = match &options.name {
        Some(name) => name.clone(),
        None => name_of(path)?,
    };
    let is_dir = metadata.is_dir();
    let mut found = if is_dir {
        walk::walk(path, options)?
    } else if metadata.is_file() {
        vec![Found {
            path: String::new(),
            kind: walk::look_at(path)?,
        }]
    } else {
        return Err(CreateError::NotAFile(path.to_owned()));
    };
    // Sparse files can be longer together than can be counted.
    let total_len = found.iter().map(Found::len).fold(0, u64::saturating_add);
    if total_len == 0 {
        let path = path.to_owned();
        let nothing_chosen = found.is_empty() && options.filter.is_some();
        return Err(match nothing_chosen {
            true => CreateError::NothingChosen(path),
            false => CreateError::Empty(path),
        });
    }
    sort(&mut found, &options.order);
    let piece_len = piece_len::choose(options.piece_len, options.format, total_len)?;
    let draft = Draft::new(name, piece_len, is_dir, &found, options);
    let info = rehearsal::rehearse(path, &draft, &found)?;
    Ok(Scan {
        root: path.to_owned(),
        options: options.clone(),
        found,
        draft,
        info,
    })
}

impl Scan {
    /// The torrent's name.
    pub fn name(&self) -> &str {
        &self.draft.name
    }

    /// The files and kept links, in the torrent's order, without padding.
    pub fn files(&self) -> impl ExactSizeIterator<Item = ScannedFile<'_>> {
        self.found.iter().map(|found| ScannedFile {
            path: match found.path.as_str() {
                "" => self.name(),
                path => path,
            },
            len: found.len(),
            is_link: matches!(found.kind, FoundKind::Link { .. }),
        })
    }

    /// Whether the file at `path`, by whatever name, is one that was found. The
    /// torrent must not be written there: it would not hold its own bytes.
    pub fn holds(&self, path: &Path) -> bool {
        let Ok(metadata) = fs::metadata(path) else {
            return false;
        };
        let is_it = |found: &Found| match &found.kind {
            FoundKind::File { mark, .. } => mark.is_of(&metadata),
            FoundKind::Link { .. } => false,
        };
        self.found.iter().any(is_it)
    }

    /// The length of all files in bytes: what will be hashed, without padding.
    pub fn total_len(&self) -> u64 {
        self.found.iter().map(Found::len).sum()
    }

    /// The length of pieces in bytes.
    pub fn piece_len(&self) -> u32 {
        self.info.layout.piece_len_nominal()
    }

    /// How many pieces there will be.
    pub fn piece_count(&self) -> u32 {
        self.info.layout.piece_count()
    }

    /// Reads and hashes all files and makes the .torrent file.
    ///
    /// The same files and options give the same bytes, with any number of
    /// threads.
    ///
    /// # Errors
    ///
    /// If a file cannot be read or is not what it was when it was scanned, or
    /// `progress` cancels.
    pub fn hash(self, progress: &dyn Progress) -> Result<Vec<u8>, CreateError> {
        torrent::hash(self, progress)
    }

    /// The full path of a found file.
    pub(super) fn full_path(&self, at: usize) -> PathBuf {
        full_path(&self.root, &self.found[at])
    }

    /// Which found file each file of the torrent is; padding is none.
    pub(super) fn found_of_files(&self) -> Vec<Option<usize>> {
        let mut next = 0;
        let number = |(_, file): (FileIndex, &FileEntry)| {
            (!file.padding).then(|| {
                next += 1;
                next - 1
            })
        };
        self.info.files_indexed().map(number).collect()
    }
}

/// Where a found file is.
pub(super) fn full_path(root: &Path, found: &Found) -> PathBuf {
    match found.path.as_str() {
        // Joining nothing would add a separator.
        "" => root.to_owned(),
        path => root.join(path),
    }
}

/// The name of a file or directory, also of `.` and `..`.
fn name_of(path: &Path) -> Result<String, CreateError> {
    let utf8 = |name: &OsStr| match name.to_str() {
        Some(name) => Ok(name.to_owned()),
        None => Err(CreateError::NotUtf8(path.to_owned())),
    };
    if let Some(name) = path.file_name() {
        return utf8(name);
    }
    let real = fs::canonicalize(path).map_err(|error| CreateError::io(path, error))?;
    match real.file_name() {
        Some(name) => utf8(name),
        None => Err(CreateError::Name {
            path: real,
            name: "/".to_owned(),
        }),
    }
}

fn sort(found: &mut [Found], order: &[SortKey]) {
    found.sort_unstable_by(|a, b| {
        let by_path = || a.elements().cmp(b.elements());
        let by_key = order.iter().map(|key| match key {
            SortKey::Path => by_path(),
            SortKey::PathDescending => by_path().reverse(),
            SortKey::Size => a.len().cmp(&b.len()),
            SortKey::SizeDescending => b.len().cmp(&a.len()),
        });
        by_key
            .fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
            .then_with(by_path)
    });
}
