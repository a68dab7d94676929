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
            MetainfoError::PaddingInTree(2),
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
fn the_padding_of_a_hybrid_may_be_missing_at_the_end_only() {
    let tail = "d4:attr1:p6:lengthi16379e4:pathl4:.pad5:16379ee";
    let whole = format!("{HYBRID_V1}{tail}");
    let metainfo = Metainfo::parse(&hybrid(&whole, HYBRID_TREE)).unwrap();
    assert_eq!(metainfo.info.files.len(), 4);
    assert_eq!(metainfo.info.content_len(), 16_390);
    // Padding of a whole piece would number the pieces of `b` differently.
    let shifted = hybrid(&HYBRID_V1.replace("16383", "32767"), HYBRID_TREE);
    let shifted = String::from_utf8(shifted).unwrap();
    let one_more = format!("pieces80:{}", "h".repeat(20));
    assert_eq!(
        error(shifted.replace("pieces60:", &one_more).as_bytes()),
        MetainfoError::InconsistentHybrid
    );
    let twice = format!("{whole}{}", tail.replace("i16379e", "i0e"));
    assert_eq!(
        error(&hybrid(&twice, HYBRID_TREE)),
        MetainfoError::InconsistentHybrid
    );
}

#[test]
fn what_has_no_bytes_may_differ_between_the_halves() {
    let v1 = format!("{HYBRID_V1}d6:lengthi0e4:pathl1:xee");
    let tree = format!("{HYBRID_TREE}1:yd0:d6:lengthi0eee");
    // The v1 half lacks the padding at the end, so its empty file comes one
    // place before that of the tree.
    let metainfo = Metainfo::parse(&hybrid(&v1, &tree)).unwrap();
    assert_eq!(paths(&metainfo), ["a", ".pad/16383", "b", "x"]);
    let roots = metainfo
        .info
        .files
        .iter()
        .map(|file| file.pieces_root.is_some());
    assert_eq!(roots.collect::<Vec<_>>(), [true, false, true, false]);
}
