//! Merkle trees over a file's blocks (BEP 52).
//!
//! Owns leaves, layers, roots and proofs, and knows no torrent. A leaf is the
//! SHA-256 of a block of 16 KiB (the last of a file may be shorter), a node
//! the SHA-256 of its two children, and what a tree of 2^n leaves lacks is
//! made up of leaf *hashes* of zeroes. A *layer* is all nodes of one height,
//! from the left; heights count from the leaves, which are at 0.
//!
//! Nothing here may allocate by what a stranger merely claims: [`Proof`]
//! borrows the hashes that came, and [`MerkleTree`] is built from hashes that
//! the caller already holds.

mod frontier;
mod hasher;
mod proof;
mod tree;

#[cfg(test)]
mod tests;

use std::borrow::Borrow;

pub use hasher::MerkleHasher;
pub use proof::{PROOF_HASHES_MAX, Proof, ProofError};
pub use tree::MerkleTree;

use crate::hash::Sha256Hash;
use crate::layout::BLOCK_LEN;
use frontier::Frontier;

/// The length of the run of bytes that one leaf is the hash of (BEP 52).
pub const LEAF_LEN: u32 = BLOCK_LEN;

/// The parent of two nodes.
pub fn parent(left: &Sha256Hash, right: &Sha256Hash) -> Sha256Hash {
    // In one slice the two are a block of SHA-256, which is not copied again.
    let mut children = [0; 64];
    children[..32].copy_from_slice(&left.0);
    children[32..].copy_from_slice(&right.0);
    Sha256Hash::of(&children)
}

/// The root of a tree of 2^`height` leaf hashes that are all zero: what a
/// layer at that height is filled up with. Takes `height` hashes.
pub fn pad_node(height: u32) -> Sha256Hash {
    (0..height).fold(Sha256Hash([0; 32]), |node, _| parent(&node, &node))
}

/// The root of the tree that has `hashes` in the layer whose nodes stand for
/// `leaves_per_hash` leaves each, a power of two: 1 for leaves, the piece
/// length / [`LEAF_LEN`] for a `piece layers` string.
///
/// The layer is filled up to the next power of two of its own length. A layer
/// of no hashes has the root of one padding node.
pub fn root_of_layer<H: Borrow<Sha256Hash>>(
    hashes: impl IntoIterator<Item = H>,
    leaves_per_hash: u32,
) -> Sha256Hash {
    let mut frontier = Frontier::new(height_of(leaves_per_hash));
    for hash in hashes {
        frontier.push(*hash.borrow());
    }
    frontier.root(0)
}

/// The height of a node over `leaves` leaves; what is no power of two counts
/// as the next one.
fn height_of(leaves: u32) -> u32 {
    u64::from(leaves).next_power_of_two().ilog2()
}
