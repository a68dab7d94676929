//! Merkle trees and proofs: streams agree with layers, what a tree gives out
//! is proven, and nothing else is.

use superseed_proto::hash::Sha256Hash;
use superseed_proto::merkle::{
    LEAF_LEN, MerkleHasher, MerkleTree, Proof, pad_node, parent, root_of_layer,
};

/// How many hashes the base layer has at most.
const BASE_MAX: usize = 70;

/// Checks one input, which is read as a plan of what to build and ask.
pub fn check(bytes: &[u8]) {
    let mut plan = Plan(bytes);
    if plan.byte() % 8 == 0 {
        check_stream(&mut plan);
    } else {
        check_proofs(&mut plan);
    }
}

/// The bytes of an input, one after the other and then zeroes.
struct Plan<'a>(&'a [u8]);

impl Plan<'_> {
    fn byte(&mut self) -> u8 {
        let Some((&byte, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        byte
    }

    fn number(&mut self) -> u64 {
        u64::from_le_bytes([(); 8].map(|()| self.byte()))
    }
}

/// Bytes in portions have the root of the layer of their blocks and of their
/// pieces.
fn check_stream(plan: &mut Plan<'_>) {
    let len = (plan.number() % u64::from(9 * LEAF_LEN)) as usize;
    let bytes: Vec<u8> = (0..len).map(|at| (at * 7 + at / 251) as u8).collect();
    let mut whole = MerkleHasher::new();
    let mut rest = &bytes[..];
    while !rest.is_empty() {
        let wanted = usize::from(plan.byte()) << (plan.byte() % 10);
        let (head, tail) = rest.split_at(if wanted == 0 {
            rest.len()
        } else {
            wanted.min(rest.len())
        });
        whole.update(head);
        rest = tail;
    }
    assert_eq!(whole.fed(), len as u64);
    let root = whole.finish();
    let leaves = bytes.chunks(LEAF_LEN as usize).map(Sha256Hash::of);
    assert_eq!(root_of_layer(leaves, 1), root);
    let piece_len = LEAF_LEN << (plan.byte() % 3);
    if len > piece_len as usize {
        let pieces = bytes.chunks(piece_len as usize).map(|piece| {
            let mut hasher = MerkleHasher::new();
            hasher.update(piece);
            hasher.finish_piece(piece_len)
        });
        assert_eq!(root_of_layer(pieces, piece_len / LEAF_LEN), root);
    }
}

fn check_proofs(plan: &mut Plan<'_>) {
    let leaves_per_hash = 1 << (plan.byte() % 16);
    let count = usize::from(plan.byte()) % BASE_MAX;
    let base: Vec<_> = (0..count).map(|_| Sha256Hash([plan.byte(); 32])).collect();
    let Some(tree) = MerkleTree::new(base.clone(), leaves_per_hash) else {
        assert_eq!(count, 0);
        return;
    };
    let (root, depth) = (tree.root(), tree.depth());
    assert_eq!(root_of_layer(&base, leaves_per_hash), root);
    let width = 1_usize << depth;
    assert!(count <= width && width < 2 * count);

    // What the tree gives out.
    let (index, len) = (small_or_any(plan), small_or_any(plan) as usize);
    let hashes = tree.hashes(index, len).map(Iterator::collect::<Vec<_>>);
    let uncles = tree.uncles(index, len).map(Iterator::collect::<Vec<_>>);
    assert_eq!(hashes.is_ok(), uncles.is_ok());
    if let (Ok(hashes), Ok(uncles)) = (&hashes, &uncles) {
        assert_eq!(hashes.len(), len);
        let proof = Proof {
            index,
            hashes,
            uncles,
        };
        assert_eq!(proof.verify(depth, &root), Ok(()));
        assert!(proof.verify(depth + 1, &root).is_err());
        assert!(proof.verify(depth, &parent(&root, &root)).is_err());
    }

    // What a stranger might make of its nodes.
    let nodes = nodes(&base, pad_node(leaves_per_hash.ilog2()), width);
    let mut run = || {
        let len = usize::from(plan.byte() % 9);
        let run = (0..len).map(|_| nodes[usize::from(plan.byte()) % nodes.len()]);
        run.collect::<Vec<_>>()
    };
    let (forged_hashes, forged_uncles) = (run(), run());
    let forged = Proof {
        index,
        hashes: &forged_hashes,
        uncles: &forged_uncles,
    };
    if forged.verify(depth, &root).is_ok() {
        let right = tree
            .hashes(index, forged_hashes.len())
            .expect("it was verified");
        assert!(right.eq(forged_hashes.iter().copied()), "a forged proof");
    }
    let _ = forged.verify(plan.number() as u32, &root);
}

fn small_or_any(plan: &mut Plan<'_>) -> u64 {
    let small = plan.byte();
    if small == u8::MAX {
        plan.number()
    } else {
        u64::from(small)
    }
}

/// All nodes of the tree, layer by layer, by the definition.
fn nodes(base: &[Sha256Hash], pad: Sha256Hash, width: usize) -> Vec<Sha256Hash> {
    let mut layer = base.to_vec();
    layer.resize(width, pad);
    let mut nodes = layer.clone();
    while layer.len() > 1 {
        layer = layer
            .chunks(2)
            .map(|pair| parent(&pair[0], &pair[1]))
            .collect();
        nodes.extend(&layer);
    }
    nodes
}
