//! The v1 half of an info dictionary (BEP 3, BEP 47), as it is written: names
//! may still collide and links lead anywhere.

use bytes::Bytes;

use super::attributes::{self, Attributes};
use super::error::MetainfoError;
use super::info::{FileEntry, Format, Info, SHA1_LEN, Symlink};
use super::limits::{FILE_LEN_MAX, MetainfoLimits, PATH_DEPTH_MAX, PIECE_COUNT_CEILING};
use super::notes::Notes;
use super::path;
use crate::bencode::{Dict, List};
use crate::hash::InfoHashes;
use crate::layout::Layout;

/// What BitComet calls its padding, in place of an attribute.
const BITCOMET_PADDING: &str = "_____padding_file_";

/// Reads the dictionary, whose piece length was checked. `raw` is what it was
/// decoded from.
pub(super) fn read(
    dict: Dict<'_>,
    raw: &Bytes,
    piece_len: u32,
    hashes: &InfoHashes,
    limits: &MetainfoLimits,
) -> Result<Info, MetainfoError> {
    let mut notes = Notes::default();
    let name = name(dict, hashes, &mut notes)?;
    let multi_file = dict.get("files").is_some();
    let mut files = match (dict.get("length"), dict.get("files")) {
        (Some(_), Some(_)) => return Err(MetainfoError::LengthAndFiles),
        (None, None) => return Err(MetainfoError::NoLengthNorFiles),
        (Some(_), None) => vec![file(dict, 1, Some(vec![name.clone()]), &mut notes)?],
        (None, Some(list)) => file_list(list.as_list().ok_or(MetainfoError::NoFiles)?, &mut notes)?,
    };
    let total_len = lay_out(&mut files)?;
    let pieces = pieces(dict, total_len, piece_len, limits)?;
    let layout = Layout::new(total_len, piece_len).ok_or(MetainfoError::Empty)?;
    Ok(Info {
        name,
        layout,
        files,
        private: is_private(dict),
        source: source(dict),
        multi_file,
        format: Format::V1,
        pieces: raw.slice_ref(pieces),
        notes,
    })
}

/// Whether peers may come from the trackers only (BEP 27). Any number but 0
/// counts, as in libtorrent: what is meant to be private must not leak.
pub(super) fn is_private(dict: Dict<'_>) -> bool {
    dict.int("private").is_some_and(|private| private != 0)
}

/// `source`, by which private trackers tell their torrents from others'.
pub(super) fn source(dict: Dict<'_>) -> Option<String> {
    let text = dict.bytes("source")?;
    Some(String::from_utf8_lossy(text).into_owned())
}

/// The torrent's name. The info-hash takes its place where nothing is left of
/// it, so that two such torrents do not share a directory.
pub(super) fn name(
    dict: Dict<'_>,
    hashes: &InfoHashes,
    notes: &mut Notes,
) -> Result<String, MetainfoError> {
    let raw = dict.bytes("name.utf-8").or_else(|| dict.bytes("name"));
    let raw = raw.ok_or(MetainfoError::MissingName)?;
    let name = if raw.is_empty() {
        None
    } else {
        path::sanitize_element(raw)
    };
    Ok(notes.sanitized(raw, name.unwrap_or_else(|| hashes.to_string())))
}

fn file_list(list: List<'_>, notes: &mut Notes) -> Result<Vec<FileEntry>, MetainfoError> {
    let mut files = Vec::new();
    for (at, value) in list.iter().enumerate() {
        let number = at + 1;
        let dict = value
            .as_dict()
            .ok_or(MetainfoError::FileNotADictionary(number))?;
        let path = file_path(dict, number, notes)?;
        files.push(file(dict, number, path, notes)?);
    }
    if files.is_empty() {
        Err(MetainfoError::NoFiles)
    } else {
        Ok(files)
    }
}

/// The path of an entry of `files`, or `None` if it has none at all.
fn file_path(
    dict: Dict<'_>,
    number: usize,
    notes: &mut Notes,
) -> Result<Option<Vec<String>>, MetainfoError> {
    let list = dict.list("path.utf-8").or_else(|| dict.list("path"));
    let Some(list) = list.filter(|list| !list.is_empty()) else {
        return Ok(None);
    };
    elements(list, number, notes).map(Some)
}

/// The elements of a path. An element of which nothing is left becomes `_`:
/// dropping it would let a file move into its parent directory.
fn elements(
    list: List<'_>,
    number: usize,
    notes: &mut Notes,
) -> Result<Vec<String>, MetainfoError> {
    let mut elements = Vec::new();
    for element in list {
        if elements.len() == PATH_DEPTH_MAX {
            return Err(MetainfoError::PathTooDeep(number));
        }
        let raw = element.as_bytes().ok_or(MetainfoError::FilePath(number))?;
        elements.push(notes.sanitized(raw, path::sanitize_forced(raw)));
    }
    Ok(elements)
}

/// One file, from an entry of `files` or from a single-file info dictionary.
fn file(
    dict: Dict<'_>,
    number: usize,
    path: Option<Vec<String>>,
    notes: &mut Notes,
) -> Result<FileEntry, MetainfoError> {
    let attributes = Attributes::read(dict);
    let len = if attributes.link {
        // A link takes no place in the torrent's bytes, whatever it says.
        0
    } else {
        dict.int("length")
            .and_then(|len| u64::try_from(len).ok())
            .filter(|len| *len <= FILE_LEN_MAX)
            .ok_or(MetainfoError::FileLength(number))?
    };
    let padding_attr = attributes.padding && !attributes.link;
    let path = match path {
        Some(path) => path,
        None if padding_attr => vec![".pad".to_owned(), len.to_string()],
        None => return Err(MetainfoError::FilePath(number)),
    };
    let link_target = if attributes.link {
        attributes::link_target(dict, number, notes)?
    } else {
        None
    };
    let padding = padding_attr
        || path
            .iter()
            .any(|element| element.contains(BITCOMET_PADDING));
    Ok(FileEntry {
        path,
        len,
        offset: 0,
        padding,
        executable: attributes.executable,
        hidden: attributes.hidden,
        symlink: link_target.map(Symlink::Inside),
        pieces_root: None,
    })
}

/// Gives each file its offset and returns the sum of all.
fn lay_out(files: &mut [FileEntry]) -> Result<u64, MetainfoError> {
    let mut offset = 0u64;
    for file in files {
        file.offset = offset;
        // Neither summand is above 2^48.
        offset += file.len;
        if offset > FILE_LEN_MAX {
            return Err(MetainfoError::TooLarge);
        }
    }
    if offset == 0 {
        Err(MetainfoError::Empty)
    } else {
        Ok(offset)
    }
}

/// The hashes of all pieces, exactly as many as the size asks for.
fn pieces<'a>(
    dict: Dict<'a>,
    total_len: u64,
    piece_len: u32,
    limits: &MetainfoLimits,
) -> Result<&'a [u8], MetainfoError> {
    let count = check_piece_count(total_len, piece_len, limits)?;
    let pieces = dict.bytes("pieces").ok_or(MetainfoError::MissingPieces)?;
    check_pieces_len(pieces, count)?;
    Ok(pieces)
}

/// Whether there are twenty bytes for each of `count` pieces.
pub(super) fn check_pieces_len(pieces: &[u8], count: u64) -> Result<(), MetainfoError> {
    let (found, expected) = (pieces.len() as u64, count * SHA1_LEN as u64);
    if found == expected {
        Ok(())
    } else {
        Err(MetainfoError::PiecesMismatch { found, expected })
    }
}

/// How many pieces so many bytes have.
///
/// # Errors
///
/// If they are more than the limits allow.
pub(super) fn check_piece_count(
    total_len: u64,
    piece_len: u32,
    limits: &MetainfoLimits,
) -> Result<u64, MetainfoError> {
    let count = total_len.div_ceil(u64::from(piece_len));
    let limit = limits.piece_count.min(PIECE_COUNT_CEILING);
    if count > u64::from(limit) {
        Err(MetainfoError::TooManyPieces { count, limit })
    } else {
        Ok(count)
    }
}
