//! A hybrid (BEP 52): whether its two halves describe the same files.

use super::error::MetainfoError;
use super::file_tree;
use super::info::{Format, Info};
use super::notes::Notes;
use crate::bencode::Dict;

/// Checks the file tree against the v1 half in `info`, and takes the roots
/// from it.
///
/// A client that reads the other half must get the same bytes in the same
/// pieces: each file that has bytes must have the same path, length, offset
/// and number in both, where BEP 52 puts padding after each file that does not
/// fill its last piece. The last padding may be missing, as in torrents of
/// older creators. What has no bytes (empty files, links) may differ.
///
/// Of the tree nothing is kept: a path in it costs its sender one element,
/// where a list of whole paths would cost us a hundred.
pub(super) fn join(tree: Dict<'_>, info: &mut Info) -> Result<(), MetainfoError> {
    let piece_len = u64::from(info.layout.piece_len_nominal());
    let mut aligned = Aligned::default();
    // The v1 half has noted the same names.
    let mut notes = Notes::default();
    file_tree::for_each_file(tree, &mut notes, |path, leaf| {
        let (number, offset) = (aligned.files, aligned.end);
        aligned.add(leaf.len, piece_len);
        let entry = info.files.get_mut(number);
        if leaf.len == 0 {
            let is_void = entry.is_none_or(|entry| entry.padding || entry.len == 0);
            return is_void
                .then_some(())
                .ok_or(MetainfoError::InconsistentHybrid);
        }
        let entry = entry.filter(|entry| {
            !entry.padding && (entry.len, entry.offset) == (leaf.len, offset) && entry.path == path
        });
        entry.ok_or(MetainfoError::InconsistentHybrid)?.pieces_root = leaf.pieces_root;
        Ok(())
    })?;
    let rootless =
        |file: &super::FileEntry| file.len > 0 && !file.padding && file.pieces_root.is_none();
    if aligned.agrees_with(info) && !info.files.iter().any(rootless) {
        info.format = Format::Hybrid;
        Ok(())
    } else {
        Err(MetainfoError::InconsistentHybrid)
    }
}

/// The list of files that a v1 half must have, as far as it is known.
#[derive(Debug, Default)]
struct Aligned {
    /// How many entries there are, padding included.
    files: usize,
    /// Where the next entry begins.
    end: u64,
    /// The length of the padding after the last file that has bytes.
    tail: u64,
}

impl Aligned {
    fn add(&mut self, len: u64, piece_len: u64) {
        self.files += 1;
        if len == 0 {
            return;
        }
        let end = self.end.saturating_add(len);
        self.tail = end.next_multiple_of(piece_len) - end;
        self.files += usize::from(self.tail > 0);
        self.end = end + self.tail;
    }

    /// Whether the v1 half has as many entries and bytes, with or without the
    /// padding at the end.
    fn agrees_with(&self, info: &Info) -> bool {
        let v1 = (info.files.len(), info.layout.total_len());
        let has_tail = self.tail > 0;
        v1 == (self.files, self.end) || has_tail && v1 == (self.files - 1, self.end - self.tail)
    }
}
