//! Torrents of content that is in memory, for tests and small things.

use sha1::{Digest, Sha1};

use super::TorrentBuilder;
use crate::hash::Sha1Hash;

impl TorrentBuilder {
    /// Hashes content that is in memory: the bytes of all files in the order
    /// in which they were added, without gaps.
    ///
    /// Call it after the files and the format.
    pub fn hash_content(self, content: &[u8]) -> Self {
        let hashes: Vec<_> = content
            .chunks(self.piece_len.max(1) as usize)
            .map(|piece| Sha1Hash(Sha1::digest(piece).into()))
            .collect();
        self.piece_hashes(hashes)
    }
}
