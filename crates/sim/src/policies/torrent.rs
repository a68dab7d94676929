//! What the swarms of the grid download.

use std::sync::Arc;

use crate::content::{Content, ContentSpec};

/// A torrent, described.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Torrent {
    /// What the document calls it.
    pub name: &'static str,
    /// Its place in the document.
    pub(super) order: usize,
    /// The length of all data.
    pub len_bytes: usize,
    /// The length of a piece.
    pub piece_len: u32,
    /// Files of equal length, but for the last.
    pub files: usize,
}

/// What most swarms download.
pub(super) const USUAL: Torrent = Torrent {
    name: "16 MiB, pieces of 256 KiB",
    order: 0,
    len_bytes: 16 << 20,
    piece_len: 256 << 10,
    files: 1,
};

/// Pieces that take long to have something to give.
pub(super) const LARGE_PIECES: Torrent = Torrent {
    name: "32 MiB, pieces of 1 MiB",
    order: 1,
    len_bytes: 32 << 20,
    piece_len: 1 << 20,
    ..USUAL
};

/// Files that begin and end anywhere in pieces and blocks.
pub(super) const MANY_FILES: Torrent = Torrent {
    name: "16 MiB in 700 files, pieces of 256 KiB",
    order: 2,
    files: 700,
    ..USUAL
};

/// Four times as long: what is a matter of the first rounds shows here.
pub(super) const LONG: Torrent = Torrent {
    name: "64 MiB, pieces of 256 KiB",
    order: 3,
    len_bytes: 64 << 20,
    ..USUAL
};

/// What the quick grid downloads.
pub(super) const QUICK: Torrent = Torrent {
    name: "4 MiB, pieces of 256 KiB",
    len_bytes: 4 << 20,
    ..USUAL
};

impl Torrent {
    /// The data, and the torrent that names this tracker.
    pub(super) fn make(&self, tracker: &str) -> Arc<Content> {
        let mut spec = ContentSpec::new(self.len_bytes, self.piece_len).tracker(tracker);
        if self.files > 1 {
            let usual = self.len_bytes / self.files;
            spec.files = vec![usual as u64; self.files];
            let rest = self.len_bytes - usual * self.files;
            spec.files[self.files - 1] += rest as u64;
        }
        spec.make(0)
    }
}
