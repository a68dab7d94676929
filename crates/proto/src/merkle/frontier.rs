//! The right edge of a tree that grows from the left.
//!
//! A binary counter: after `count` nodes, each one bit of `count` is a
//! complete subtree whose root is kept. All earlier nodes are forgotten.

use super::{pad_node, parent};
use crate::hash::Sha256Hash;

/// The most levels of a tree over nodes that a `u64` can count.
const LEVELS: usize = 64;

#[derive(Clone, Debug)]
pub(super) struct Frontier {
    /// The height of the nodes that are pushed.
    base_height: u32,
    count: u64,
    /// `subtrees[n]` is the root over 2^n nodes where bit n of `count` is one,
    /// and has no meaning elsewhere.
    subtrees: [Sha256Hash; LEVELS],
}

impl Frontier {
    /// An empty layer at `base_height` levels above the leaves.
    pub(super) fn new(base_height: u32) -> Self {
        Self {
            base_height,
            count: 0,
            subtrees: [Sha256Hash([0; 32]); LEVELS],
        }
    }

    /// Adds the next node of the layer. On average this takes one hash.
    pub(super) fn push(&mut self, mut node: Sha256Hash) {
        let complete = self.count.trailing_ones() as usize;
        for left in &self.subtrees[..complete] {
            node = parent(left, &node);
        }
        self.subtrees[complete] = node;
        self.count += 1;
    }

    /// The root over the nodes that were pushed, filled up to 2^`levels_min`
    /// nodes or, if there are more, to the next power of two of them.
    pub(super) fn root(&self, levels_min: u32) -> Sha256Hash {
        let levels = self.count.next_power_of_two().ilog2().max(levels_min);
        if self.count == 0 {
            return pad_node(self.base_height + levels);
        }
        // Below the lowest complete subtree there is nothing to fill up.
        let lowest = self.count.trailing_zeros();
        let mut node = self.subtrees[lowest as usize];
        if lowest == levels {
            return node;
        }
        let mut pad = pad_node(self.base_height + lowest);
        for level in lowest..levels {
            let is_carried = level > lowest && level < 64 && self.count >> level & 1 == 1;
            node = if is_carried {
                parent(&self.subtrees[level as usize], &node)
            } else {
                parent(&node, &pad)
            };
            pad = parent(&pad, &pad);
        }
        node
    }
}
