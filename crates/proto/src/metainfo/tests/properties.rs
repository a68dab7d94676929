//! What holds of every torrent that loads.

use proptest::prelude::*;

use super::hybrid::{HYBRID_TREE, HYBRID_V1, hybrid};
use super::*;

/// Bytes of a good torrent with some of them changed.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4);
    (any::<bool>(), changes).prop_map(|(is_hybrid, changes)| {
        let mut bytes = if is_hybrid {
            hybrid(HYBRID_V1, HYBRID_TREE)
        } else {
            multi("d4:attr1:l4:pathl1:ae12:symlink pathl1:beed6:lengthi1e4:pathl1:b1:fee")
        };
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes
    })
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Metainfo::parse(&bytes).is_err());
    }

    #[test]
    fn what_loads_after_damage_is_still_consistent(bytes in damaged()) {
        if let Ok(metainfo) = Metainfo::parse(&bytes) {
            let info = &metainfo.info;
            let total: u64 = info.files.iter().map(|file| file.len).sum();
            let sum: u64 = info.layout.pieces().map(|piece| u64::from(info.piece_len(piece))).sum();
            prop_assert_eq!(total, sum);
            for piece in info.layout.pieces() {
                prop_assert_eq!(info.sha1(piece).is_some(), info.format().has_v1());
            }
            for (file, _) in info.files_indexed() {
                prop_assert!(info.file_pieces(file).end <= info.layout.piece_count());
                let path = info.file_path(file);
                let normal = |part| matches!(part, std::path::Component::Normal(_));
                prop_assert!(path.components().all(normal));
            }
        }
    }

    #[test]
    fn what_is_built_is_read_back(
        files in prop::collection::vec(("[a-z]{1,8}/[a-z]{1,8}", 1u64..1000), 1..8),
        piece_len in 1u32..500,
    ) {
        let mut builder = TorrentBuilder::new("t", piece_len);
        for (path, len) in &files {
            builder = builder.file(path.split('/'), *len);
        }
        let total: u64 = files.iter().map(|(_, len)| len).sum();
        let torrent = builder.hash_content(&vec![0; total as usize]).build();
        let metainfo = Metainfo::parse(&torrent).unwrap();
        let lens: Vec<_> = metainfo.info.files.iter().map(|file| file.len).collect();
        prop_assert_eq!(lens, files.iter().map(|(_, len)| *len).collect::<Vec<_>>());
    }
}
