//! The torrents of a world: their bytes, their metainfo, and the proofs that
//! were made of their pieces.
//!
//! Blocks travel as slices of this memory from disk to disk, so that what has
//! the place of a block of the source needs no look at its bytes. Where bytes
//! are copied and compared, memory is what that costs: the pieces of a long
//! torrent are cut out of a short run of noise that stays in a cache, each from
//! a place of its own; pieces overlap there, and yet no two blocks are alike.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use superseed_proto::hash::{ExpectedHash, PieceHasher, PieceProof, SwarmKey};
use superseed_proto::layout::{BLOCK_LEN, Block, Layout, PieceIndex};
use superseed_proto::metainfo::{Metainfo, TorrentBuilder};

use crate::rng::Rng;

/// In so much noise the pieces of longer torrents begin, in bytes.
const NOISE_LEN: usize = 512 << 10;
/// How far apart they begin. An odd number, so that the places of as many
/// pieces as a block has bytes differ in more than whole blocks.
const STEP: usize = 100_003;

/// What a torrent is made from.
#[derive(Clone, Debug)]
pub struct ContentSpec {
    /// The length of all data in bytes.
    pub len: usize,
    /// The length of a piece in bytes.
    pub piece_len: u32,
    /// Tracker URLs by tier.
    pub tiers: Vec<Vec<String>>,
    /// Peers come from the trackers only (BEP 27).
    pub private: bool,
    /// Lengths of the files, in bytes; a single file if there are none.
    pub files: Vec<u64>,
}

impl ContentSpec {
    /// Data of this length in pieces of this length, without trackers.
    pub fn new(len: usize, piece_len: u32) -> Self {
        Self {
            len,
            piece_len,
            tiers: Vec::new(),
            private: false,
            files: Vec::new(),
        }
    }

    /// Adds a tier of one tracker.
    #[must_use]
    pub fn tracker(mut self, url: impl Into<String>) -> Self {
        self.tiers.push(vec![url.into()]);
        self
    }

    /// Makes the torrent private.
    #[must_use]
    pub fn private(mut self) -> Self {
        self.private = true;
        self
    }

    /// Makes the data, random but the same for the same seed, and its torrent.
    pub fn make(self, seed: u64) -> Arc<Content> {
        let layout = Layout::new(self.len as u64, self.piece_len);
        let layout = layout.expect("a torrent has bytes, and not too many pieces");
        let source = Source::new(layout, seed);
        let mut builder =
            TorrentBuilder::new(format!("content-{seed}"), self.piece_len).private(self.private);
        if self.files.is_empty() {
            builder = builder.single_file(self.len as u64);
        }
        for (at, len) in self.files.into_iter().enumerate() {
            builder = builder.file([format!("file-{at}")], len);
        }
        for tier in self.tiers {
            builder = builder.tier(tier);
        }
        // Hashed once, though both the torrent and the disks ask for it.
        let hashed = layout.pieces().map(|piece| {
            let mut hasher = PieceHasher::new();
            hasher.update(source.piece(piece));
            let hash = hasher.sha1();
            let proof = hasher.finish(piece, &ExpectedHash::Sha1(hash));
            (hash, proof.expect("bytes hash to their hash"))
        });
        let (hashes, proofs): (Vec<_>, Vec<_>) = hashed.unzip();
        let torrent = builder.piece_hashes(hashes).build();
        let metainfo = Metainfo::parse(&torrent).expect("the builder makes valid torrents");
        Arc::new(Content {
            source,
            metainfo: Arc::new(metainfo),
            proofs,
        })
    }
}

/// The bytes of a torrent.
struct Source {
    noise: Bytes,
    layout: Layout,
    /// Pieces overlap in the noise.
    overlaps: bool,
}

impl Source {
    fn new(layout: Layout, seed: u64) -> Self {
        let len = layout.total_len() as usize;
        let overlaps = len > NOISE_LEN && layout.piece_count() <= BLOCK_LEN;
        let piece_len = layout.piece_len_nominal() as usize;
        let mut noise = vec![0; if overlaps { NOISE_LEN + piece_len } else { len }];
        Rng::new(seed).fill(&mut noise);
        Self {
            noise: noise.into(),
            layout,
            overlaps,
        }
    }

    /// Where these bytes of a piece lie in the noise.
    fn range(&self, piece: PieceIndex, begin: u32, len: u32) -> Range<usize> {
        let place = if self.overlaps {
            piece.0 as usize * STEP % NOISE_LEN
        } else {
            self.layout.piece_offset(piece) as usize
        };
        let start = place + begin as usize;
        start..start + len as usize
    }

    fn piece(&self, piece: PieceIndex) -> &[u8] {
        &self.noise[self.range(piece, 0, self.layout.piece_len(piece))]
    }
}

/// A torrent and its bytes.
pub struct Content {
    source: Source,
    metainfo: Arc<Metainfo>,
    proofs: Vec<PieceProof>,
}

impl Content {
    /// The torrent.
    pub fn metainfo(&self) -> &Arc<Metainfo> {
        &self.metainfo
    }

    /// Its pieces.
    pub fn layout(&self) -> &Layout {
        &self.metainfo.info.layout
    }

    /// Its swarm.
    pub fn swarm(&self) -> SwarmKey {
        self.metainfo.info_hashes.primary_swarm_key()
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.metainfo.info.name
    }

    /// A run of a piece, shared.
    pub fn slice(&self, piece: PieceIndex, begin: u32, len: u32) -> Bytes {
        self.source
            .noise
            .slice(self.source.range(piece, begin, len))
    }

    /// The same bytes, shared, and where they lie, if that is in this content's
    /// memory.
    pub(crate) fn share(&self, bytes: &[u8]) -> Option<(usize, Bytes)> {
        let noise = &self.source.noise;
        let range = noise.as_ptr_range();
        let lies_within = !bytes.is_empty() && range.contains(&bytes.as_ptr());
        lies_within.then(|| {
            let offset = bytes.as_ptr().addr() - range.start.addr();
            (offset, noise.slice_ref(bytes))
        })
    }

    /// Whether bytes are this block: at one look where they are the very bytes
    /// of the source.
    pub(crate) fn is_block(&self, block: Block, bytes: &[u8]) -> bool {
        let source = self.block(block);
        std::ptr::eq(source, bytes) || source == bytes
    }

    /// One block.
    pub fn block(&self, block: Block) -> &[u8] {
        let len = self.layout().block_len(block);
        &self.source.noise[self.source.range(block.piece, block.begin(), len)]
    }

    /// The proof that the source's bytes of this piece hash to `expected`.
    pub(crate) fn proof(&self, piece: PieceIndex, expected: &ExpectedHash) -> Option<PieceProof> {
        let is_ours = self.metainfo.info.expected_hash(piece) == *expected;
        is_ours.then(|| self.proofs[piece.0 as usize])
    }

    /// All blocks of a piece as (piece, begin, length in bytes).
    pub fn blocks(&self, piece: u32) -> impl Iterator<Item = (u32, u32, u32)> + '_ {
        let count = self.layout().block_count(PieceIndex(piece));
        (0..count).map(move |index| {
            let block = Block {
                piece: PieceIndex(piece),
                index,
            };
            (piece, index * BLOCK_LEN, self.layout().block_len(block))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_two_blocks_of_a_torrent_are_alike() {
        for (len, piece_len) in [
            (64 << 20, 256 << 10),
            (20 << 20, 32 << 10),
            (3 << 20, 1 << 20),
        ] {
            let content = ContentSpec::new(len, piece_len).make(7);
            let layout = *content.layout();
            let mut seen = HashSet::new();
            for piece in layout.pieces() {
                for index in 0..layout.block_count(piece) {
                    assert!(seen.insert(content.block(Block { piece, index })));
                }
            }
            assert_eq!(seen.len(), len.div_ceil(BLOCK_LEN as usize));
        }
    }

    #[test]
    fn what_is_shared_is_where_it_came_from() {
        let content = ContentSpec::new(8 << 20, 256 << 10).make(7);
        let bytes = content.slice(PieceIndex(5), 100, 1_000);
        let (offset, shared) = content.share(&bytes).expect("it is of this content");
        assert_eq!(shared.as_ptr(), bytes.as_ptr());
        assert_eq!(content.source.noise[offset..][..1_000], bytes);
        assert!(content.share(&Bytes::copy_from_slice(&bytes)).is_none());
    }
}
