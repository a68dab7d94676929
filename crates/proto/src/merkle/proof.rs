//! Proof that a run of hashes is part of a tree of which only the root is
//! known: the content of a `hashes` message (BEP 52).

use super::{parent, root_of_layer};
use crate::hash::Sha256Hash;

/// The most hashes of the base layer in one proof: the leaves of a piece of
/// 128 MiB, as much as libtorrent 2.1 answers. BEP 52 asks requesters for no
/// more than 512.
pub const PROOF_HASHES_MAX: usize = 8192;

/// A run of hashes of one layer, the base layer, with what is needed to
/// compute the root from them.
///
/// In a `hashes` message the two slices follow each other. Of its `proof
/// layers`, the first log2(`hashes.len()`) - 1 have no hash, since they follow
/// from the run itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof<'a> {
    /// The position of the first hash in the base layer; a multiple of
    /// `hashes.len()`.
    pub index: u64,
    /// The hashes that are to be proven: a power of two of them, at most
    /// [`PROOF_HASHES_MAX`]. What lies beyond the end of the file is a
    /// [padding node](super::pad_node).
    pub hashes: &'a [Sha256Hash],
    /// The sibling of the subtree over `hashes`, that of its parent, and so on
    /// up to the child of the root.
    pub uncles: &'a [Sha256Hash],
}

/// Why a proof proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The run is empty, too long or of a length that is no whole subtree.
    #[error(
        "a merkle proof has {0} hashes, which is not a power of two of at most {PROOF_HASHES_MAX}"
    )]
    Length(usize),
    /// The run does not begin where a subtree of its length begins, or lies
    /// beyond the layer.
    #[error("a merkle proof begins at hash {0}, which is no place for a run of its length")]
    Index(u64),
    /// There are more or fewer uncles than layers up to the root.
    #[error("a merkle proof has {got} uncle hashes where the tree needs {expected}")]
    Uncles {
        /// How many came.
        got: usize,
        /// How many layers there are between the run's subtree and the root.
        expected: usize,
    },
    /// A hash or an uncle is wrong.
    #[error("the hashes of a merkle proof do not lead to the root of the file")]
    Root,
}

impl Proof<'_> {
    /// Computes the root and compares it. `depth` is the number of levels from
    /// the base layer up to the root, which follows from the length of the
    /// file, never from the message: otherwise an inner node could be taken
    /// for a leaf.
    pub fn verify(&self, depth: u32, root: &Sha256Hash) -> Result<(), ProofError> {
        if self.hashes.len() > PROOF_HASHES_MAX {
            return Err(ProofError::Length(self.hashes.len()));
        }
        let level = subtree_level(self.index, self.hashes.len(), depth)?;
        let expected = (depth - level) as usize;
        if self.uncles.len() != expected {
            return Err(ProofError::Uncles {
                got: self.uncles.len(),
                expected,
            });
        }
        let mut position = self.index >> level;
        // The run is a whole subtree, so nothing is filled up.
        let mut node = root_of_layer(self.hashes, 1);
        for uncle in self.uncles {
            node = if position & 1 == 1 {
                parent(uncle, &node)
            } else {
                parent(&node, uncle)
            };
            position >>= 1;
        }
        if node == *root {
            Ok(())
        } else {
            Err(ProofError::Root)
        }
    }
}

/// How many levels above its layer the root of the run of `len` hashes at
/// `index` is, in a tree whose root is `depth` levels above that layer.
pub(super) fn subtree_level(index: u64, len: usize, depth: u32) -> Result<u32, ProofError> {
    if !len.is_power_of_two() {
        return Err(ProofError::Length(len));
    }
    let level = len.ilog2();
    if level > depth {
        return Err(ProofError::Length(len));
    }
    let is_inside = depth >= u64::BITS || index >> depth == 0;
    if !is_inside || !index.is_multiple_of(len as u64) {
        return Err(ProofError::Index(index));
    }
    Ok(level)
}
