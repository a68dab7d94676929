//! What hashing costs: pieces of v1, leaves and trees of v2.
//!
//! ```text
//! cargo bench -p superseed-proto --bench hash
//! ```
//!
//! A piece is fed block by block, as a worker has it. Lengths are from a block
//! to a piece that no longer fits into the caches of a core.

use divan::Bencher;
use divan::counter::BytesCount;
use superseed_proto::BLOCK_LEN;
use superseed_proto::hash::{PieceHasher, Sha1Hash};
use superseed_proto::merkle::MerkleHasher;

fn main() {
    divan::main();
}

/// Bytes of a piece.
const LENGTHS: [usize; 3] = [16 << 10, 1 << 20, 16 << 20];

#[divan::bench(args = LENGTHS)]
fn piece_v1(bencher: Bencher<'_, '_>, len: usize) {
    let bytes = content(len);
    let counter = BytesCount::of_slice(&bytes);
    bencher.counter(counter).bench_local(|| {
        let mut hasher = PieceHasher::new();
        bytes
            .chunks(BLOCK_LEN as usize)
            .for_each(|block| hasher.update(block));
        hasher.sha1()
    });
}

/// As blame digests the blocks of a wrong piece.
#[divan::bench(args = LENGTHS)]
fn blocks_v1(bencher: Bencher<'_, '_>, len: usize) {
    let bytes = content(len);
    let counter = BytesCount::of_slice(&bytes);
    bencher.counter(counter).bench_local(|| {
        let blocks = bytes.chunks(BLOCK_LEN as usize);
        blocks.map(Sha1Hash::of).collect::<Vec<_>>()
    });
}

#[divan::bench(args = LENGTHS)]
fn piece_v2(bencher: Bencher<'_, '_>, len: usize) {
    let bytes = content(len);
    let counter = BytesCount::of_slice(&bytes);
    bencher.counter(counter).bench_local(|| {
        let mut hasher = MerkleHasher::new();
        bytes
            .chunks(BLOCK_LEN as usize)
            .for_each(|block| hasher.update(block));
        hasher.finish()
    });
}

fn content(len: usize) -> Vec<u8> {
    (0..len).map(|at| ((at * at) >> 7) as u8).collect()
}
