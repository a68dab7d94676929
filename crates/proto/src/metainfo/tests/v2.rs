//! v2-only torrents: the file tree and its limits.

use super::*;
use crate::layout::PieceIndex;
use crate::metainfo::limits::path_memory_max;

const ROOT: &str = "11:pieces root32:rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr";

/// A v2-only torrent with these entries in its file tree.
fn v2(tree: &str) -> Vec<u8> {
    v2_info(tree, "4:name1:t12:piece lengthi16384e")
}

fn v2_info(tree: &str, rest: &str) -> Vec<u8> {
    let tree = tree.replace("ROOT", ROOT);
    around(&format!("d9:file treed{tree}e12:meta versioni2e{rest}e"))
}

/// A leaf with these entries.
fn leaf(entries: &str) -> String {
    format!("d0:d{entries}ee")
}

#[test]
fn each_file_of_a_v2_torrent_begins_with_a_piece_and_ends_with_a_short_one() {
    let content: Vec<u8> = (0..90_000u32).map(|at| at as u8).collect();
    let torrent = TorrentBuilder::new("t", 16_384)
        .format(Format::V2)
        .file(["b"], 40_000)
        .file(["a", "x"], 10)
        .file(["a", "empty"], 0)
        .file(["c"], 16_384)
        .file(["z"], 0)
        .hash_content(&content)
        .build();
    let metainfo = Metainfo::parse(&torrent).unwrap();
    let info = &metainfo.info;
    assert!(matches!(metainfo.info_hashes, InfoHashes::V2(_)));
    assert_eq!(info.format(), Format::V2);
    assert_eq!(paths(&metainfo), ["a/empty", "a/x", "b", "c", "z"]);
    let offsets: Vec<_> = info.files.iter().map(|file| file.offset).collect();
    assert_eq!(offsets, [0, 0, 16_384, 65_536, 81_920]);
    let lens: Vec<_> = info
        .layout
        .pieces()
        .map(|piece| info.piece_len(piece))
        .collect();
    assert_eq!(lens, [10, 16_384, 16_384, 7_232, 16_384]);
    assert_eq!(info.content_len(), 56_394);
    assert_eq!(info.layout.total_len(), 81_920);
    assert_eq!(info.file_pieces(FileIndex(2)), 1..4);
    assert_eq!(info.file_pieces(FileIndex(4)), 0..0);
    assert_eq!(info.sha1(PieceIndex(0)), None);
    let roots = info.files.iter().map(|file| file.pieces_root.is_some());
    assert_eq!(roots.collect::<Vec<_>>(), [false, true, true, true, false]);
}

#[test]
fn a_tree_of_one_file_is_that_file() {
    let torrent = v2(&format!("4:file{}", leaf("6:lengthi5eROOT")));
    let metainfo = Metainfo::parse(&torrent).unwrap();
    assert_eq!((metainfo.name(), metainfo.info.multi_file), ("file", false));
    assert_eq!(metainfo.info.file_path(FileIndex(0)), PathBuf::from("file"));
    let in_directory = v2(&format!("1:dd4:file{}e", leaf("6:lengthi5eROOT")));
    let metainfo = Metainfo::parse(&in_directory).unwrap();
    assert_eq!(
        metainfo.info.file_path(FileIndex(0)),
        PathBuf::from("t/d/file")
    );
}

#[test]
fn each_check_of_a_v2_torrent_refuses_with_its_own_sentence() {
    use MetainfoError as M;
    let good = leaf("6:lengthi5eROOT");
    let file = |entries: &str| v2(&format!("1:a{}", leaf(entries)));
    let longest = (1u64 << 44) - 16_384;
    let table: Vec<(Vec<u8>, MetainfoError)> = vec![
        (v2(""), M::NoFiles),
        (v2("1:ade"), M::NoFiles),
        (v2("1:ai5e"), M::FileTree),
        (v2(&format!("0:{good}")), M::FileTree),
        (v2(&good[1..good.len() - 1]), M::FileTree),
        // A file and a directory at once.
        (
            v2("1:ad0:d6:lengthi5eROOTe1:bd0:d6:lengthi5eROOTeee"),
            M::FileTree,
        ),
        (v2("1:ad0:i5ee"), M::FileTree),
        (file("ROOT"), M::FileLength(1)),
        (file("6:lengthi-1eROOT"), M::FileLength(1)),
        (file(&format!("6:lengthi{longest}eROOT")), M::FileLength(1)),
        (file("6:lengthi281474976710656eROOT"), M::FileLength(1)),
        (file("6:lengthi5e"), M::PiecesRoot),
        (file("6:lengthi5e11:pieces root5:rrrrr"), M::PiecesRoot),
        (
            file(&format!("6:lengthi5e11:pieces root32:{}", "\0".repeat(32))),
            M::PiecesRoot,
        ),
        (file("4:attr1:p6:lengthi5eROOT"), M::PaddingInTree(1)),
        (
            v2_info(
                "1:ad0:d6:lengthi5eROOTee",
                "4:name1:t12:piece lengthi16384e6:pieces5:aaaaa",
            ),
            M::PiecesMismatch {
                found: 5,
                expected: 20,
            },
        ),
        (file("6:lengthi0e"), M::Empty),
        (file("6:lengthi0eROOT"), M::Empty),
        // 2^21 + 1 pieces.
        (
            file("6:lengthi34359738369eROOT"),
            M::TooManyPieces {
                count: (1 << 21) + 1,
                limit: 1 << 21,
            },
        ),
        (
            v2_info("1:ad0:d6:lengthi5eROOTee", "12:piece lengthi16384e"),
            M::MissingName,
        ),
        (
            v2_info(
                "1:ad0:d6:lengthi5eROOTee",
                "4:name1:t12:piece lengthi16385e",
            ),
            M::PieceLengthV2(16_385),
        ),
        (
            v2_info("1:ad0:d6:lengthi5eROOTee", "4:name1:t12:piece lengthi8192e"),
            M::PieceLengthV2(8_192),
        ),
        (
            v2_info(
                "1:ad0:d6:lengthi05eROOTee",
                "4:name1:t12:piece lengthi16384e",
            ),
            M::NotCanonical,
        ),
        (
            v2_info(
                "1:ad0:d6:lengthi5eROOTee",
                "12:piece lengthi16384e4:name1:t",
            ),
            M::NotCanonical,
        ),
        (
            around("d12:meta versioni2e4:name1:t12:piece lengthi16384ee"),
            M::FileTree,
        ),
        (
            around("d6:lengthi5e12:meta versioni1e4:name1:t4:name1:te"),
            M::NotCanonical,
        ),
    ];
    for (bytes, expected) in table {
        assert_eq!(error(&bytes), expected, "{}", bytes.escape_ascii());
    }
}

#[test]
fn offsets_that_overflow_by_alignment_are_refused() {
    // Files of just under 2^44 bytes; the sixteenth would end beyond 2^48.
    let entry = |name: char| format!("1:{name}{}", leaf("6:lengthi17592186011648eROOT"));
    let tree = |count: usize| ('a'..='z').take(count).map(entry).collect::<String>();
    let rest = "4:name1:t12:piece lengthi268435456e";
    let limits = MetainfoLimits {
        piece_count: u32::MAX,
    };
    let parse = |count| Metainfo::parse_within(&v2_info(&tree(count), rest), &limits);
    assert!(parse(15).is_ok());
    assert_eq!(parse(17).unwrap_err(), MetainfoError::TooLarge);
    assert!(matches!(
        error(&v2(&tree(15))),
        MetainfoError::TooManyPieces { .. }
    ));
}

#[test]
fn links_of_a_tree_take_no_bytes_and_stay_inside() {
    let link = |target: &str| leaf(&format!("4:attr2:lx6:lengthi99e12:symlink pathl{target}e"));
    let tree = format!(
        "1:a{}1:b{}1:c{}1:dd1:e{}e",
        leaf("6:lengthi5eROOT"),
        link("1:a"),
        link("4:away"),
        link("2:..1:a"),
    );
    let info = Metainfo::parse(&v2(&tree)).unwrap().info;
    let links: Vec<_> = info.files.iter().map(|file| file.symlink.clone()).collect();
    let inside = || Some(Symlink::Inside(vec!["a".to_owned()]));
    assert_eq!(links, [None, inside(), Some(Symlink::Refused), inside()]);
    assert!(info.files[1].executable && info.files[1].pieces_root.is_none());
    assert_eq!(info.layout.total_len(), 5);
}

#[test]
fn bad_names_of_a_tree_are_made_safe_and_unique() {
    let good = leaf("6:lengthi5eROOT");
    let names = ["2:..", "2://", "1:A", "1:\\", "1:a"];
    let tree: String = names.map(|name| format!("{name}{good}")).concat();
    let metainfo = Metainfo::parse(&v2(&tree)).unwrap();
    assert_eq!(paths(&metainfo), ["_", "_.1", "A", "_.2", "a.1"]);
}

#[test]
fn a_deep_tree_of_small_files_costs_no_hundredfold() {
    // Forty directories of long names, and a thousand files in the last.
    let dir = format!("200:{}d", "d".repeat(200));
    let files: String = (0..1000)
        .map(|at| format!("4:{at:04}{}", leaf("6:lengthi1eROOT")))
        .collect();
    let tree = format!("{}{files}{}", dir.repeat(40), "e".repeat(40));
    assert_eq!(error(&v2(&tree)), MetainfoError::PathsTooLong);
    let shallow = format!("{}{files}{}", dir.repeat(2), "e".repeat(2));
    let torrent = v2(&shallow);
    let info = Metainfo::parse(&torrent).unwrap().info;
    let memory: usize = info
        .files
        .iter()
        .flat_map(|file| &file.path)
        .map(|element| element.len() + size_of::<String>())
        .sum();
    assert!(memory <= path_memory_max(torrent.len()));
    // As deep as the decoder allows, and not deeper.
    let chain = |depth: usize| {
        v2(&format!(
            "{}1:a{}{}",
            "1:ad".repeat(depth),
            leaf("6:lengthi1eROOT"),
            "e".repeat(depth)
        ))
    };
    assert!(Metainfo::parse(&chain(90)).is_ok());
    assert!(error(&chain(200)).is_not_bencode());
    assert!(error(&chain(100_000)).is_not_bencode());
}
