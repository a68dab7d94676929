//! Torrents with a v2 half.

use super::*;
use crate::hash::ExpectedHash;

/// A hybrid of files `a` (16 KiB and a byte) and `b`, with padding between.
pub(super) fn hybrid(v1_files: &str, tree: &str) -> Vec<u8> {
    let root = "r".repeat(32);
    let tree = tree.replace("ROOT", &format!("11:pieces root32:{root}"));
    let hashes = "h".repeat(60);
    around(&format!(
        "d9:file treed{tree}e5:filesl{v1_files}e12:meta versioni2e4:name1:t\
         12:piece lengthi16384e6:pieces60:{hashes}e"
    ))
}

pub(super) const HYBRID_V1: &str = "d6:lengthi16385e4:pathl1:aee\
    d4:attr1:p6:lengthi16383e4:pathl4:.pad5:16383eed6:lengthi5e4:pathl1:bee";
pub(super) const HYBRID_TREE: &str = "1:ad0:d6:lengthi16385eROOTee1:bd0:d6:lengthi5eROOTee";

#[test]
fn a_hybrid_is_read_through_its_v1_half() {
    let metainfo = Metainfo::parse(&hybrid(HYBRID_V1, HYBRID_TREE)).unwrap();
    assert!(matches!(metainfo.info_hashes, InfoHashes::Hybrid(..)));
    assert_eq!(metainfo.info.files.len(), 3);
    let piece = metainfo.info.layout.piece(2).unwrap();
    let ExpectedHash::Sha1(hash) = metainfo.info.expected_hash(piece);
    assert_eq!(hash.0, [b'h'; 20]);
}

#[test]
fn a_hybrid_whose_halves_differ_is_refused() {
    let table: &[(&str, &str, MetainfoError)] = &[
        ("16385", "16384", MetainfoError::InconsistentHybrid),
        ("1:bd", "1:cd", MetainfoError::InconsistentHybrid),
        (
            "1:bd0:d6:lengthi5eROOTee",
            "",
            MetainfoError::InconsistentHybrid,
        ),
        ("1:bd0:", "1:bd1:x", MetainfoError::FileTree),
        ("lengthi5eROOT", "lengthi5e", MetainfoError::PiecesRoot),
        (
            "d6:lengthi5e",
            "d4:attr1:p6:lengthi5e",
            MetainfoError::FileTree,
        ),
        ("1:ad0:d", "1:ad0:de1:xd", MetainfoError::FileTree),
        (
            "1:bd0:d6:lengthi5eROOTee",
            "1:ad0:d6:lengthi5eROOTee",
            MetainfoError::NotCanonical,
        ),
    ];
    for (from, to, expected) in table {
        let tree = HYBRID_TREE.replace(from, to);
        assert_ne!(tree, HYBRID_TREE);
        assert_eq!(error(&hybrid(HYBRID_V1, &tree)), *expected, "{tree}");
    }
    let unpadded = HYBRID_V1.replace("16383", "16382");
    assert_eq!(
        error(&hybrid(&unpadded, HYBRID_TREE)),
        MetainfoError::InconsistentHybrid
    );
}

#[test]
fn a_v2_only_torrent_is_refused_by_its_hash() {
    let info =
        "d9:file treed1:ad0:d6:lengthi0eeee12:meta versioni2e4:name1:t12:piece lengthi16384ee";
    let hash = crate::InfoHashV2::of_info(info.as_bytes());
    assert_eq!(error(&around(info)), MetainfoError::V2Only(hash));
    assert!(error(&around(info)).to_string().contains(&hash.to_string()));
}
