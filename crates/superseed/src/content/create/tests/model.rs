//! What the pipeline makes, against the plainest way to make it: all files in
//! memory, one thread, one byte after the other.

use proptest::prelude::*;
use superseed_proto::hash::{Sha1Hash, Sha256Hash};
use superseed_proto::merkle::MerkleHasher;

use super::*;

/// The hashes of all pieces over files and padding in order.
fn pieces(metainfo: &Metainfo, contents: &[Vec<u8>]) -> Vec<Sha1Hash> {
    let mut contents = contents.iter();
    let mut all = Vec::new();
    for file in &metainfo.info.files {
        if file.padding {
            all.resize(all.len() + file.len as usize, 0);
        } else {
            all.extend_from_slice(contents.next().unwrap());
        }
    }
    let piece_len = metainfo.info.layout.piece_len_nominal() as usize;
    all.chunks(piece_len).map(Sha1Hash::of).collect()
}

fn root(content: &[u8]) -> Option<Sha256Hash> {
    let mut hasher = MerkleHasher::new();
    hasher.update(content);
    (!content.is_empty()).then(|| hasher.finish())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn hashes_are_those_of_the_plain_way(
        lens in prop::collection::vec(
            prop_oneof![0usize..3, 16_000usize..17_000, 0usize..200_000],
            1..8,
        ),
        shift in 0u32..4,
        format in prop::sample::select(FORMATS.to_vec()),
        threads in 1usize..4,
    ) {
        prop_assume!(lens.iter().any(|len| *len > 0));
        let names: Vec<String> = (0..lens.len()).map(|n| format!("{n}")).collect();
        let files: Vec<_> = names.iter().map(String::as_str).zip(lens).collect();
        let dir = dir_of(&files);
        let contents: Vec<_> = names
            .iter()
            .map(|name| fs::read(dir.path().join(name)).unwrap())
            .collect();
        let options = CreateOptions {
            threads: NonZeroUsize::new(threads),
            ..options(format, 16_384 << shift)
        };
        let metainfo = create(dir.path(), &options).unwrap();
        if format.has_v1() {
            let made: Vec<_> = metainfo
                .info
                .layout
                .pieces()
                .map(|piece| metainfo.info.sha1(piece).unwrap())
                .collect();
            prop_assert_eq!(made, pieces(&metainfo, &contents));
        }
        if format.has_v2() {
            // Layers are checked against their roots by the parser.
            let files = metainfo.info.files.iter().filter(|file| !file.padding);
            for (file, content) in files.zip(&contents) {
                prop_assert_eq!(file.pieces_root, root(content));
            }
        }
    }
}
