use proptest::prelude::*;

use super::*;

/// A byte pattern that has no period of a block.
fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 7 + i / 251) as u8).collect()
}

fn streamed(bytes: &[u8]) -> MerkleHasher {
    let mut hasher = MerkleHasher::new();
    hasher.update(bytes);
    hasher
}

fn leaves_of(bytes: &[u8]) -> Vec<Sha256Hash> {
    let blocks = bytes.chunks(LEAF_LEN as usize);
    blocks.map(Sha256Hash::of).collect()
}

/// The definition, word for word: fill up, then halve until one is left.
fn naive_root(mut layer: Vec<Sha256Hash>, pad: Sha256Hash, width_min: usize) -> Sha256Hash {
    layer.resize(layer.len().max(width_min).next_power_of_two(), pad);
    while layer.len() > 1 {
        layer = layer.chunks(2).map(|p| parent(&p[0], &p[1])).collect();
    }
    layer[0]
}

const ZERO: Sha256Hash = Sha256Hash([0; 32]);

/// The hash of 64 zero bytes and its successors are in public use: the "zero
/// hashes" of Ethereum's deposit contract are the same chain.
#[test]
fn padding_nodes_have_the_published_values() {
    let expected = [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "f5a5fd42d16a20302798ef6ed309979b43003d2320d9f0e8ea9831a92759fb4b",
        "db56114e00fdd4c1f85c892bf35ac9a89289aaecb1ebd0a96cde606a748b5d71",
        "c78009fdf07fc56a11f122370658a353aaa542ed63e44c4bc15ff4cd105ab33c",
    ];
    for (height, hex) in (0..).zip(expected) {
        assert_eq!(pad_node(height).to_string(), hex);
    }
    assert_eq!(
        pad_node(10).to_string(),
        "ffff0ad7e659772f9534c195c815efc4014ef1e1daed4404c06385d11192e92b"
    );
}

/// The figures come from a tree written in Python's hashlib.
#[test]
fn roots_of_files_agree_with_an_independent_tree() {
    let expected = [
        (
            1,
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        ),
        (
            16_383,
            "50746bbdb527488824fc110794cab39be1e361d0ff108bb77fb3396a69acb34e",
        ),
        (
            16_384,
            "15345b8bcf83c9acd70121ebacc0aae2b90b2995b90a5143382a4f29fd125083",
        ),
        (
            16_385,
            "4f06ab5d81301a6be8740291d8491edb35843daecf491a50c4d22d92eaf9acbc",
        ),
        (
            32_768,
            "6aeeb2f304b96333c9af0d0a646d227f4413e4dfde8da317eabcb92bf234ba61",
        ),
        (
            32_769,
            "ec89c48f2348aec3e5f15d7694cf636991a54e0a2cd5a8a896b02b7d7b1ca4dc",
        ),
        (
            49_152,
            "96c2e87d63edd32ff0d095deeb22c80b0b5dea5853a35c8e8ecec7ab918a8658",
        ),
        (
            65_536,
            "bf5e6794f674e74d96c094af0945222b017815cb2056fa2821800f64148f80aa",
        ),
        (
            65_537,
            "f48f77e64456f954fbfeb7f17ad786327a21a9bf863028f16c95088d06426eee",
        ),
        (
            100_000,
            "26ce98d1c2ad96891be47b6d01b8a5a8d5a91866997522ee3a57ae0ba846bba9",
        ),
        (
            262_144,
            "d0cf8dac53c15b261005ced9029f7491a491ef3aff951d7c6cf53e8f32bfa82f",
        ),
        (
            262_145,
            "35e7d3339d214447e6fddd873b6097dacc1066fd067260d61284efce8440f5a8",
        ),
    ];
    for (len, hex) in expected {
        assert_eq!(streamed(&pattern(len)).finish().to_string(), hex, "{len}");
    }
}

#[test]
fn a_short_last_piece_is_filled_up_with_leaf_hashes_of_zeroes() {
    let bytes = pattern(100_000);
    let (first, last) = bytes.split_at(65_536);
    let layer = [first, last].map(|piece| streamed(piece).finish_piece(65_536));
    assert_eq!(
        layer[1].to_string(),
        "ec251ba152fc3a91b7e7aa7a0877dcf6630e2f36fa2ad0dc53da8ff480d36b1e"
    );
    assert_eq!(root_of_layer(layer, 4), streamed(&bytes).finish());
    assert_eq!(
        streamed(&bytes).finish_piece(1 << 20).to_string(),
        "02fdabeb964b054a0a60515524fd0095410857a6c08699ed36ad8a28438e5bd0"
    );
}

#[test]
fn a_layer_of_one_hash_is_its_own_root() {
    assert_eq!(
        root_of_layer([Sha256Hash([7; 32])], 64),
        Sha256Hash([7; 32])
    );
    assert_eq!(root_of_layer([ZERO; 0], 4), pad_node(2));
    assert_eq!(MerkleHasher::new().finish(), ZERO);
    assert_eq!(MerkleHasher::new().finish_piece(65_536), pad_node(2));
}

#[test]
fn odd_piece_lengths_do_no_harm() {
    for piece_len in [0, 1, LEAF_LEN, 3 * LEAF_LEN, u32::MAX] {
        streamed(b"abc").finish_piece(piece_len);
    }
    assert_eq!(
        streamed(&pattern(65_536)).finish_piece(LEAF_LEN),
        streamed(&pattern(65_536)).finish()
    );
}

#[test]
fn a_proof_of_an_odd_shape_is_refused() {
    let tree = MerkleTree::new(leaves_of(&pattern(65_536)), 1).expect("it has leaves");
    let hashes: Vec<_> = tree.hashes(2, 2).expect("it is inside").collect();
    let uncles: Vec<_> = tree.uncles(2, 2).expect("it is inside").collect();
    let root = tree.root();
    let proof = Proof {
        index: 2,
        hashes: &hashes,
        uncles: &uncles,
    };
    assert_eq!(proof.verify(2, &root), Ok(()));
    let verify = |index, hashes: &[_], uncles: &[_], depth| {
        Proof {
            index,
            hashes,
            uncles,
        }
        .verify(depth, &root)
    };
    assert_eq!(verify(0, &[], &uncles, 2), Err(ProofError::Length(0)));
    assert_eq!(verify(0, &[ZERO; 3], &[], 2), Err(ProofError::Length(3)));
    assert_eq!(verify(0, &[ZERO; 8], &[], 2), Err(ProofError::Length(8)));
    assert_eq!(verify(1, &hashes, &uncles, 2), Err(ProofError::Index(1)));
    assert_eq!(verify(4, &hashes, &uncles, 2), Err(ProofError::Index(4)));
    assert_eq!(verify(0, &hashes, &uncles, 2), Err(ProofError::Root));
    let (got, expected) = (1, 2);
    assert_eq!(
        verify(2, &hashes, &uncles, 3),
        Err(ProofError::Uncles { got, expected })
    );
    let many = vec![ZERO; 2 * PROOF_HASHES_MAX];
    assert_eq!(
        verify(0, &many, &[], 14),
        Err(ProofError::Length(2 * PROOF_HASHES_MAX))
    );
    let (got, expected) = (1, u32::MAX as usize - 1);
    assert_eq!(
        verify(u64::MAX - 1, &hashes, &uncles, u32::MAX),
        Err(ProofError::Uncles { got, expected })
    );
}

#[test]
fn an_inner_node_is_no_leaf() {
    let leaves = leaves_of(&pattern(65_536));
    let inner = [0, 2].map(|at| parent(&leaves[at], &leaves[at + 1]));
    let tree = MerkleTree::new(leaves, 1).expect("it has leaves");
    let proof = Proof {
        index: 0,
        hashes: &inner,
        uncles: &[],
    };
    // Right for a tree of two leaves; this one has four.
    assert_eq!(proof.verify(1, &tree.root()), Ok(()));
    assert!(proof.verify(tree.depth(), &tree.root()).is_err());
}

#[test]
fn a_tree_needs_a_hash_and_answers_nothing_beyond_it() {
    assert!(MerkleTree::new(Vec::new(), 1).is_none());
    let tree = MerkleTree::new(vec![ZERO; 3], 1).expect("it has leaves");
    assert_eq!(tree.depth(), 2);
    for (index, len) in [(4, 1), (0, 0), (0, 8), (1, 2), (u64::MAX, 1), (0, 3)] {
        assert!(tree.hashes(index, len).is_err(), "{index} {len}");
        assert!(tree.uncles(index, len).is_err(), "{index} {len}");
    }
}

fn layer() -> impl Strategy<Value = Vec<Sha256Hash>> {
    prop::collection::vec(any::<[u8; 32]>().prop_map(Sha256Hash), 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_split_of_the_bytes_has_the_root_of_the_whole(
        len in 0_usize..150_000,
        cuts in prop::collection::vec(1_usize..40_000, 1..12),
    ) {
        let bytes = pattern(len);
        let mut hasher = MerkleHasher::new();
        let mut rest = &bytes[..];
        for cut in cuts.iter().cycle() {
            let (head, tail) = rest.split_at((*cut).min(rest.len()));
            hasher.update(head);
            rest = tail;
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(hasher.fed(), len as u64);
        prop_assert_eq!(hasher.clone().finish(), naive_root(leaves_of(&bytes), ZERO, 1));
        prop_assert_eq!(
            hasher.finish_piece(1 << 18),
            naive_root(leaves_of(&bytes), ZERO, 16)
        );
    }

    #[test]
    fn the_piece_layer_has_the_root_of_the_leaves(len in 1_usize..400_000, pieces_log2 in 14_u32..18) {
        let piece_len = 1_u32 << pieces_log2;
        let bytes = pattern(len);
        prop_assume!(len > piece_len as usize);
        let layer: Vec<_> = bytes
            .chunks(piece_len as usize)
            .map(|piece| streamed(piece).finish_piece(piece_len))
            .collect();
        let root = root_of_layer(&layer, piece_len / LEAF_LEN);
        prop_assert_eq!(root, streamed(&bytes).finish());
        let tree = MerkleTree::new(layer, piece_len / LEAF_LEN).expect("it has pieces");
        prop_assert_eq!(tree.root(), root);
    }

    #[test]
    fn every_run_of_a_tree_is_proven_and_no_bit_may_differ(
        base in layer(),
        leaves_log2 in 0_u32..6,
        flip: prop::sample::Index,
    ) {
        let pad = pad_node(leaves_log2);
        let tree = MerkleTree::new(base.clone(), 1 << leaves_log2).expect("it has hashes");
        let (root, depth) = (tree.root(), tree.depth());
        prop_assert_eq!(root, naive_root(base.clone(), pad, 1));
        for level in 0..=depth {
            let len = 1_usize << level;
            for index in (0..1_u64 << depth).step_by(len) {
                let mut hashes: Vec<_> = tree.hashes(index, len).expect("aligned").collect();
                let mut uncles: Vec<_> = tree.uncles(index, len).expect("aligned").collect();
                for (hash, at) in hashes.iter().zip(index as usize..) {
                    prop_assert_eq!(*hash, base.get(at).copied().unwrap_or(pad));
                }
                let proof = Proof { index, hashes: &hashes, uncles: &uncles };
                prop_assert_eq!(proof.verify(depth, &root), Ok(()));
                let bit = flip.index((len + uncles.len()) * 256);
                let (hash, bit) = (bit / 256, bit % 256);
                let target = hashes.get_mut(hash).unwrap_or_else(|| &mut uncles[hash - len]);
                target.0[bit / 8] ^= 1 << (bit % 8);
                let proof = Proof { index, hashes: &hashes, uncles: &uncles };
                prop_assert_eq!(proof.verify(depth, &root), Err(ProofError::Root));
            }
        }
    }
}
