//! The torrents of a world: their bytes, their metainfo, and the proofs that
//! were made of their pieces.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use superseed_proto::hash::{ExpectedHash, PieceHasher, PieceProof, SwarmKey};
use superseed_proto::layout::{BLOCK_LEN, Block, Layout, PieceIndex};
use superseed_proto::metainfo::{Metainfo, TorrentBuilder};

use crate::rng::Rng;

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
        let mut data = vec![0; self.len];
        Rng::new(seed).fill(&mut data);
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
        let torrent = builder.hash_content(&data).build();
        let metainfo = Metainfo::parse(&torrent).expect("the builder makes valid torrents");
        let proofs = metainfo
            .info
            .layout
            .pieces()
            .map(|_| OnceLock::new())
            .collect();
        Arc::new(Content {
            data: data.into(),
            metainfo: Arc::new(metainfo),
            proofs,
        })
    }
}

/// A torrent and its bytes.
pub struct Content {
    data: Bytes,
    metainfo: Arc<Metainfo>,
    proofs: Vec<OnceLock<PieceProof>>,
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
        let start = self.layout().piece_offset(piece) as usize + begin as usize;
        self.data.slice(start..start + len as usize)
    }

    /// The same bytes, shared, and where they begin in the data, if they lie
    /// in this content's memory.
    pub(crate) fn share(&self, bytes: &[u8]) -> Option<(usize, Bytes)> {
        let range = self.data.as_ptr_range();
        let lies_within = !bytes.is_empty() && range.contains(&bytes.as_ptr());
        lies_within.then(|| {
            let offset = bytes.as_ptr().addr() - range.start.addr();
            (offset, self.data.slice_ref(bytes))
        })
    }

    /// One block.
    pub fn block(&self, block: Block) -> &[u8] {
        let start = self.layout().piece_offset(block.piece) + u64::from(block.begin());
        let len = self.layout().block_len(block);
        &self.data[start as usize..][..len as usize]
    }

    /// The proof that the source's bytes of this piece hash to `expected`;
    /// made by hashing them once.
    pub(crate) fn proof(&self, piece: PieceIndex, expected: &ExpectedHash) -> Option<PieceProof> {
        if self.metainfo.info.expected_hash(piece) != *expected {
            return None;
        }
        let slot = &self.proofs[piece.0 as usize];
        if let Some(proof) = slot.get() {
            return Some(*proof);
        }
        let mut hasher = PieceHasher::new();
        hasher.update(&self.slice(piece, 0, self.layout().piece_len(piece)));
        let proof = hasher.finish(piece, expected)?;
        Some(*slot.get_or_init(|| proof))
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
