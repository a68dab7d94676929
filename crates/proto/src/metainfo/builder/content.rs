//! Torrents of content that is in memory, for tests and small things.

use std::ops::Range;

use super::TorrentBuilder;
use crate::hash::Sha1Hash;
use crate::merkle::{self, MerkleHasher};

impl TorrentBuilder {
    /// Hashes content that is in memory: the bytes of all files in the order
    /// in which they were added, without gaps. What is missing at the end
    /// counts as zeroes.
    ///
    /// Call it after the files and the format are set.
    pub fn hash_content(self, content: &[u8]) -> Self {
        let mut end = 0usize;
        let ranges: Vec<Range<usize>> = self
            .files
            .iter()
            .map(|file| {
                let begin = end;
                end = content.len().min(begin.saturating_add(file.len as usize));
                begin..end
            })
            .collect();
        let mut torrent = self;
        if torrent.format.has_v1() {
            torrent = torrent.hash_v1(content, &ranges);
        }
        if torrent.format.has_v2() {
            torrent.hash_v2(content, &ranges);
        }
        torrent
    }

    fn hash_v1(self, content: &[u8], ranges: &[Range<usize>]) -> Self {
        let mut bytes = Vec::new();
        for placed in self.arrangement() {
            let begin = bytes.len();
            if let Some(at) = placed.file {
                bytes.extend_from_slice(&content[ranges[at].clone()]);
            }
            bytes.resize(begin + placed.len as usize, 0);
        }
        let pieces = bytes.chunks(self.piece_len.max(1) as usize);
        let hashes: Vec<_> = pieces.map(Sha1Hash::of).collect();
        self.piece_hashes(hashes)
    }

    fn hash_v2(&mut self, content: &[u8], ranges: &[Range<usize>]) {
        let piece_len = self.piece_len.max(merkle::LEAF_LEN);
        for (file, range) in self.files.iter_mut().zip(ranges) {
            let mut bytes = content[range.clone()].to_vec();
            bytes.resize(file.len as usize, 0);
            if bytes.len() <= piece_len as usize {
                let mut hasher = MerkleHasher::new();
                hasher.update(&bytes);
                file.pieces_root = (!bytes.is_empty()).then(|| hasher.finish());
                continue;
            }
            let node = |piece: &[u8]| {
                let mut hasher = MerkleHasher::new();
                hasher.update(piece);
                hasher.finish_piece(piece_len)
            };
            file.piece_layer = bytes.chunks(piece_len as usize).map(node).collect();
            let leaves_per_piece = piece_len / merkle::LEAF_LEN;
            let root = merkle::root_of_layer(&file.piece_layer, leaves_per_piece);
            file.pieces_root = Some(root);
        }
    }
}
