//! What a file is beside bytes (BEP 47): `attr` and `symlink path`, which mean
//! the same in a v1 list and in a v2 file tree.

use super::error::MetainfoError;
use super::limits::PATH_DEPTH_MAX;
use super::notes::Notes;
use super::path;
use crate::bencode::Dict;

/// The letters of `attr` that have a meaning.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Attributes {
    pub(super) padding: bool,
    pub(super) executable: bool,
    pub(super) hidden: bool,
    pub(super) link: bool,
}

impl Attributes {
    /// Reads the letters from a file's dictionary.
    pub(super) fn read(file: Dict<'_>) -> Self {
        let letters = file.bytes("attr").unwrap_or_default();
        Self {
            padding: letters.contains(&b'p'),
            executable: letters.contains(&b'x'),
            hidden: letters.contains(&b'h'),
            link: letters.contains(&b'l'),
        }
    }
}

/// Where a link wants to lead, if its file says so. BEP 47 forbids `.` and `..`
/// here; torrents have them nevertheless and mean the torrent's directory.
///
/// # Errors
///
/// If an element is no string, or there are too many. `number` is the file's.
pub(super) fn link_target(
    file: Dict<'_>,
    number: usize,
    notes: &mut Notes,
) -> Result<Option<Vec<String>>, MetainfoError> {
    let Some(list) = file.list("symlink path") else {
        return Ok(None);
    };
    let mut target = Vec::new();
    for element in list {
        let raw = element.as_bytes().ok_or(MetainfoError::FilePath(number))?;
        if raw == b"." || raw == b".." {
            continue;
        }
        if target.len() == PATH_DEPTH_MAX {
            return Err(MetainfoError::PathTooDeep(number));
        }
        target.push(notes.sanitized(raw, path::sanitize_forced(raw)));
    }
    Ok(Some(target))
}
