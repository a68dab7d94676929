//! A v2-only info dictionary (BEP 52) as a list of files.

use bytes::Bytes;

use super::error::MetainfoError;
use super::file_tree::{self, Leaf};
use super::info::{FileEntry, Format, Info, Symlink};
use super::limits::{FILE_LEN_MAX, MetainfoLimits, path_memory_max};
use super::notes::Notes;
use super::{path, v1};
use crate::bencode::Dict;
use crate::hash::InfoHashes;
use crate::layout::Layout;

/// Reads the dictionary, whose piece length was checked. `raw` is what it was
/// decoded from.
pub(super) fn read(
    dict: Dict<'_>,
    tree: Dict<'_>,
    raw: &Bytes,
    piece_len: u32,
    hashes: &InfoHashes,
    limits: &MetainfoLimits,
) -> Result<Info, MetainfoError> {
    let mut notes = Notes::default();
    let mut name = v1::name(dict, hashes, &mut notes)?;
    let only_file = file_tree::only_file(tree);
    if let Some(key) = only_file {
        // libtorrent saves a lone file under its key, whatever `name` says.
        name = path::sanitize_forced(key);
    }
    let files = files(tree, piece_len, path_memory_max(raw.len()), &mut notes)?;
    if files.is_empty() {
        return Err(MetainfoError::NoFiles);
    }
    // Empty files at the end are placed where the next piece would begin.
    let ends = files.iter().filter(|file| file.len > 0);
    let total_len = ends.map(|file| file.offset + file.len).max().unwrap_or(0);
    let count = v1::check_piece_count(total_len, piece_len, limits)?;
    if let Some(pieces) = dict.bytes("pieces") {
        // Without a list of files they hash nothing, but they must fit, so
        // that the same torrents load as in libtorrent.
        v1::check_pieces_len(pieces, count)?;
    }
    Ok(Info {
        name,
        layout: Layout::new(total_len, piece_len).ok_or(MetainfoError::Empty)?,
        files,
        private: v1::is_private(dict),
        source: v1::source(dict),
        multi_file: only_file.is_none(),
        format: Format::V2,
        pieces: Bytes::new(),
        notes,
    })
}

fn files(
    tree: Dict<'_>,
    piece_len: u32,
    path_memory_max: usize,
    notes: &mut Notes,
) -> Result<Vec<FileEntry>, MetainfoError> {
    let mut files = Vec::new();
    let mut path_memory = 0usize;
    let mut offset = 0u64;
    file_tree::for_each_file(tree, notes, |path, leaf| {
        // A directory is spelled once in a tree and once a file in a list: a
        // long path with many small files in it must not grow without bound.
        path_memory += path
            .iter()
            .map(|element| element.len() + size_of::<String>())
            .sum::<usize>();
        if path_memory > path_memory_max {
            return Err(MetainfoError::PathsTooLong);
        }
        let file = entry(path, leaf, offset);
        // Neither summand is above 2^48, nor is the gap after them.
        let end = offset + file.len;
        if end > FILE_LEN_MAX {
            return Err(MetainfoError::TooLarge);
        }
        offset = end.next_multiple_of(u64::from(piece_len));
        files.push(file);
        Ok(())
    })?;
    Ok(files)
}

fn entry(path: &[String], leaf: Leaf, offset: u64) -> FileEntry {
    FileEntry {
        path: path.to_vec(),
        len: leaf.len,
        offset,
        padding: false,
        executable: leaf.attributes.executable,
        hidden: leaf.attributes.hidden,
        symlink: leaf.link_target.map(Symlink::Inside),
        pieces_root: leaf.pieces_root,
    }
}
