//! In which order files come, and where padding goes between them.

use super::BuildFile;
use crate::metainfo::Format;

/// A file, or padding, at its place among the torrent's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlacedFile {
    /// Which of the files that were added, counted from 0; `None` is padding.
    pub file: Option<usize>,
    /// Where it begins, in bytes.
    pub offset: u64,
    /// How long it is, in bytes.
    pub len: u64,
}

/// Places files as `format` asks for.
///
/// v1 files come as they were added, without gaps. With a v2 half they come in
/// the order of the file tree, which is that of the bytes of their path
/// elements, and each that has bytes begins with a piece: in a hybrid of
/// several files, padding follows each file that does not fill its last piece,
/// the last one included (as in BEP 52's own implementation and libtorrent). A
/// hybrid of one file has none, be it in a directory or not.
///
/// libtorrent 2.1 sorts a hybrid's list by whole paths, in which `a-` and `a.b`
/// come before `a/x`, and its file tree by elements. Where the two differ it
/// refuses its own torrent; ours has one order and loads in both. Empty files
/// and links are followed by no padding and take their place in the order.
pub(super) fn arrange(files: &[BuildFile], format: Format, piece_len: u32) -> Vec<PlacedFile> {
    let mut order: Vec<usize> = (0..files.len()).collect();
    if format.has_v2() {
        order.sort_by(|&a, &b| files[a].path.cmp(&files[b].path));
    }
    let piece_len = u64::from(piece_len.max(1));
    let mut placed = Vec::with_capacity(files.len());
    let mut offset = 0u64;
    for at in order {
        let len = files[at].len;
        placed.push(PlacedFile {
            file: Some(at),
            offset,
            len,
        });
        offset = offset.saturating_add(len);
        let gap = offset.next_multiple_of(piece_len) - offset;
        if gap == 0 || !format.has_v2() {
            continue;
        }
        if format == Format::Hybrid && files.len() > 1 {
            placed.push(PlacedFile {
                file: None,
                offset,
                len: gap,
            });
        }
        offset += gap;
    }
    placed
}
