//! The merkle root of a stream of bytes.

use sha2::{Digest, Sha256};

use super::frontier::Frontier;
use super::{LEAF_LEN, height_of};
use crate::hash::Sha256Hash;

/// The merkle state of one piece or file, fed in order in any portions.
///
/// Blocks that lie whole in a portion are hashed where they are; only a block
/// that is split between portions goes through a state of its own. Allocates
/// nothing.
///
/// ```
/// use superseed_proto::merkle::MerkleHasher;
///
/// let mut hasher = MerkleHasher::new();
/// hasher.update(b"ab");
/// hasher.update(b"c");
/// assert_eq!(hasher.fed(), 3);
/// // A file of one block: the root is the hash of the block.
/// assert_eq!(
///     hasher.finish().to_string(),
///     "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
/// );
/// ```
#[derive(Clone, Debug)]
pub struct MerkleHasher {
    leaves: Frontier,
    /// The block that is not complete yet: `fed` % [`LEAF_LEN`] bytes of it.
    split: Sha256,
    fed: u64,
}

impl MerkleHasher {
    /// A state that has seen no byte.
    pub fn new() -> Self {
        Self {
            leaves: Frontier::new(0),
            split: Sha256::new(),
            fed: 0,
        }
    }

    /// Feeds the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        let in_split = (self.fed % u64::from(LEAF_LEN)) as usize;
        self.fed += bytes.len() as u64;
        if in_split > 0 {
            let wanted = (LEAF_LEN as usize - in_split).min(rest.len());
            let (head, tail) = rest.split_at(wanted);
            self.split.update(head);
            if in_split + wanted < LEAF_LEN as usize {
                return;
            }
            self.leaves
                .push(Sha256Hash(self.split.finalize_reset().into()));
            rest = tail;
        }
        let (blocks, tail) = rest.as_chunks::<{ LEAF_LEN as usize }>();
        for block in blocks {
            self.leaves.push(Sha256Hash::of(block));
        }
        self.split.update(tail);
    }

    /// How many bytes were fed so far.
    pub fn fed(&self) -> u64 {
        self.fed
    }

    /// The root over the leaves that were fed, filled up to their next power
    /// of two: the `pieces root` of a file of these bytes. Without a byte it
    /// is the hash of zeroes, which is no file's: empty files have no root.
    pub fn finish(self) -> Sha256Hash {
        self.root(0)
    }

    /// The node of the piece layer over these bytes, filled up to
    /// `piece_len` / [`LEAF_LEN`] leaves: what `piece layers` has for each
    /// piece of a file of several, the short last one included.
    ///
    /// `piece_len` is in bytes and a power of two of at least [`LEAF_LEN`];
    /// what is none counts as the next one. Bytes beyond it make the tree
    /// higher, and the node that of no piece.
    pub fn finish_piece(self, piece_len: u32) -> Sha256Hash {
        self.root(height_of(piece_len.div_ceil(LEAF_LEN)))
    }

    fn root(mut self, height_min: u32) -> Sha256Hash {
        if !self.fed.is_multiple_of(u64::from(LEAF_LEN)) {
            self.leaves.push(Sha256Hash(self.split.finalize().into()));
        }
        self.leaves.root(height_min)
    }
}

impl Default for MerkleHasher {
    fn default() -> Self {
        Self::new()
    }
}
