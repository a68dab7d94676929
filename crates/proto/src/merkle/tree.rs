//! A layer of which proofs are given out.

use std::iter;

use super::proof::subtree_level;
use super::{ProofError, height_of, pad_node, parent};
use crate::hash::Sha256Hash;

/// All nodes of a tree from one layer, the base, up to the root.
///
/// Takes about twice the memory of the base layer; what fills the layers up is
/// computed when it is asked for.
#[derive(Clone, Debug)]
pub struct MerkleTree {
    /// From the base layer to the root, each without what fills it up.
    layers: Vec<Vec<Sha256Hash>>,
    base_height: u32,
}

impl MerkleTree {
    /// The tree over a base layer whose nodes stand for `leaves_per_hash`
    /// leaves each, as in [`root_of_layer`](super::root_of_layer). `None` if
    /// the layer is empty.
    pub fn new(base: Vec<Sha256Hash>, leaves_per_hash: u32) -> Option<Self> {
        if base.is_empty() {
            return None;
        }
        let base_height = height_of(leaves_per_hash);
        let mut pad = pad_node(base_height);
        let mut layers = vec![base];
        while let Some(layer) = layers.last().filter(|layer| layer.len() > 1) {
            let above = layer
                .chunks(2)
                .map(|pair| parent(&pair[0], pair.get(1).unwrap_or(&pad)))
                .collect();
            pad = parent(&pad, &pad);
            layers.push(above);
        }
        Some(Self {
            layers,
            base_height,
        })
    }

    /// The root.
    pub fn root(&self) -> Sha256Hash {
        self.layers[self.layers.len() - 1][0]
    }

    /// How many levels the root is above the base layer.
    pub fn depth(&self) -> u32 {
        self.layers.len() as u32 - 1
    }

    /// The `len` hashes of the base layer from `index` on, padding nodes
    /// included: a [`Proof`](super::Proof)'s `hashes`.
    ///
    /// Fails where `len` is no power of two, or `index` is no multiple of it
    /// or beyond the layer.
    pub fn hashes(
        &self,
        index: u64,
        len: usize,
    ) -> Result<impl Iterator<Item = Sha256Hash>, ProofError> {
        subtree_level(index, len, self.depth())?;
        // The layer is held in memory, so an index that it has fits in usize.
        let base = &self.layers[0];
        let begin = usize::try_from(index).map_or(base.len(), |begin| begin.min(base.len()));
        let end = begin.saturating_add(len).min(base.len());
        let pad = pad_node(self.base_height);
        let held = base[begin..end].iter().copied();
        Ok(held.chain(iter::repeat_n(pad, len - (end - begin))))
    }

    /// The siblings of the subtree over the run of `len` hashes at `index` and
    /// of its ancestors, from the lowest to the child of the root: a
    /// [`Proof`](super::Proof)'s `uncles`.
    ///
    /// Fails as [`hashes`](Self::hashes) does.
    pub fn uncles(
        &self,
        index: u64,
        len: usize,
    ) -> Result<impl Iterator<Item = Sha256Hash>, ProofError> {
        let lowest = subtree_level(index, len, self.depth())?;
        Ok((lowest..self.depth()).map(move |level| self.node(level, (index >> level) ^ 1)))
    }

    /// The node at `position` of the layer `level` levels above the base.
    fn node(&self, level: u32, position: u64) -> Sha256Hash {
        usize::try_from(position)
            .ok()
            .and_then(|position| self.layers[level as usize].get(position))
            .copied()
            .unwrap_or_else(|| pad_node(self.base_height + level))
    }
}
