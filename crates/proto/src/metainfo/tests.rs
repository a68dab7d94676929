//! Tables of torrents, good and bad.

mod files;
mod hybrid;
mod layers;
mod properties;
mod v2;

use std::path::PathBuf;

use super::*;
use crate::hash::PieceHasher;
use crate::layout::FileIndex;

/// A torrent around this info dictionary, which may hold anything.
fn around(info: &str) -> Vec<u8> {
    format!("d4:info{info}e").into_bytes()
}

const ONE_HASH: &str = "6:pieces20:aaaaaaaaaaaaaaaaaaaa";

/// A single-file info dictionary with these entries before the hash.
fn single(entries: &str) -> Vec<u8> {
    around(&format!("d{entries}{ONE_HASH}e"))
}

/// A multi-file torrent of one piece with these entries of `files`.
fn multi(files: &str) -> Vec<u8> {
    single(&format!("5:filesl{files}e4:name1:t12:piece lengthi16384e"))
}

fn error(bytes: &[u8]) -> MetainfoError {
    Metainfo::parse(bytes).expect_err("must be refused")
}

fn paths(metainfo: &Metainfo) -> Vec<String> {
    metainfo
        .info
        .files
        .iter()
        .map(|file| file.path.join("/"))
        .collect()
}

#[test]
fn a_single_file_lies_in_the_download_directory() {
    let content = vec![5; 40_000];
    let torrent = TorrentBuilder::new("a.bin", 16_384)
        .single_file(40_000)
        .hash_content(&content)
        .tier(["http://t.example/announce"])
        .comment("hello")
        .created_by("test")
        .creation_date(1_700_000_000)
        .build();
    let metainfo = Metainfo::parse(&torrent).unwrap();
    let info = &metainfo.info;
    assert_eq!(
        (metainfo.name(), info.multi_file, info.private),
        ("a.bin", false, false)
    );
    assert_eq!(info.file_path(FileIndex(0)), PathBuf::from("a.bin"));
    assert_eq!(info.file_pieces(FileIndex(0)), 0..3);
    assert_eq!(metainfo.trackers, [["http://t.example/announce"]]);
    assert_eq!(metainfo.comment.as_deref(), Some("hello"));
    assert_eq!(metainfo.created_by.as_deref(), Some("test"));
    assert_eq!(metainfo.creation_date, Some(1_700_000_000));
    for piece in info.layout.pieces() {
        let mut hasher = PieceHasher::new();
        hasher.update(&content[..info.layout.piece_len(piece) as usize]);
        assert!(hasher.finish(piece, &info.expected_hash(piece)).is_some());
    }
}

#[test]
fn several_files_lie_in_a_directory_and_their_offsets_add_up() {
    let torrent = TorrentBuilder::new("songs", 16_384)
        .file(["a"], 16_384)
        .file(["empty"], 0)
        .file(["live", "b"], 10_000)
        .hash_content(&[0; 26_384])
        .private(true)
        .source("club")
        .build();
    let info = Metainfo::parse(&torrent).unwrap().info;
    assert!(info.multi_file && info.private);
    assert_eq!(info.source.as_deref(), Some("club"));
    let paths: Vec<_> = info
        .files_indexed()
        .map(|(file, _)| info.file_path(file))
        .collect();
    let expected = ["songs/a", "songs/empty", "songs/live/b"].map(PathBuf::from);
    assert_eq!(paths, expected);
    assert_eq!(info.file(FileIndex(2)).offset, 16_384);
    assert_eq!(info.file_pieces(FileIndex(1)), 0..0);
    assert_eq!(info.file_pieces(FileIndex(2)), 1..2);
}

#[test]
fn the_hash_is_of_the_bytes_as_they_came() {
    // Unsorted keys, and `4:info` inside a string before the real one.
    let info = format!("d4:name1:t6:lengthi5e12:piece lengthi16384e{ONE_HASH}e");
    let torrent = format!("d7:comment8:4:infode4:info{info}e");
    let metainfo = Metainfo::parse(torrent.as_bytes()).unwrap();
    assert_eq!(metainfo.raw_info, info.as_bytes());
    assert_eq!(
        metainfo.info_hashes,
        InfoHashes::V1(crate::InfoHashV1::of_info(info.as_bytes()))
    );
}

#[test]
fn an_info_dictionary_from_peers_reads_as_the_one_in_a_file() {
    let builder = TorrentBuilder::new("t", 16_384)
        .single_file(3)
        .hash_content(b"abc");
    let raw = Bytes::from(builder.build_info());
    let from_peers = Metainfo::from_raw_info(raw.clone(), &MetainfoLimits::default()).unwrap();
    let from_file = Metainfo::parse(&builder.build()).unwrap();
    assert_eq!(from_peers.info_hashes, from_file.info_hashes);
    assert_eq!(Info::parse(&raw).unwrap().name, "t");
    let with_tail = Bytes::from([&raw[..], b"x"].concat());
    assert!(Info::parse(&with_tail).unwrap_err().is_not_bencode());
}

#[test]
fn what_is_not_bencode_is_told_from_a_bad_torrent() {
    for bytes in [&b""[..], b"<html>", b"d4:info", b"d4:infodee garbage"] {
        let is_not_bencode = error(bytes).is_not_bencode();
        assert_eq!(
            is_not_bencode,
            !bytes.ends_with(b"garbage"),
            "{}",
            bytes.escape_ascii()
        );
    }
    assert!(error(&vec![b'd'; 10_000_001]).is_not_bencode());
    assert_eq!(error(b"le"), MetainfoError::NotADictionary);
    assert_eq!(error(b"de"), MetainfoError::MissingInfo);
    assert_eq!(error(b"d4:infolee"), MetainfoError::MissingInfo);
    assert_eq!(error(b"d4:infoi3ee"), MetainfoError::MissingInfo);
}

#[test]
fn each_check_refuses_with_its_own_sentence() {
    use MetainfoError as M;
    let huge = 1u64 << 48;
    let table: Vec<(Vec<u8>, MetainfoError)> = vec![
        (single("6:lengthi5e12:piece lengthi16384e"), M::MissingName),
        (
            single("6:lengthi5e4:namei5e12:piece lengthi16384e"),
            M::MissingName,
        ),
        (single("6:lengthi5e4:name1:t"), M::PieceLength),
        (
            single("6:lengthi5e4:name1:t12:piece length5:16384"),
            M::PieceLength,
        ),
        (
            single("6:lengthi5e4:name1:t12:piece lengthi0e"),
            M::PieceLength,
        ),
        (
            single("6:lengthi5e4:name1:t12:piece lengthi-1e"),
            M::PieceLength,
        ),
        (
            single("6:lengthi5e4:name1:t12:piece lengthi536854529e"),
            M::PieceLength,
        ),
        (
            single("4:name1:t12:piece lengthi16384e"),
            M::NoLengthNorFiles,
        ),
        (
            single("5:filesle6:lengthi5e4:name1:t12:piece lengthi16384e"),
            M::LengthAndFiles,
        ),
        (
            single("6:lengthi-5e4:name1:t12:piece lengthi16384e"),
            M::FileLength(1),
        ),
        (
            single("6:length1:54:name1:t12:piece lengthi16384e"),
            M::FileLength(1),
        ),
        (
            single(&format!("6:lengthi{huge}e4:name1:t12:piece lengthi16384e")),
            M::FileLength(1),
        ),
        (
            single("6:lengthi0e4:name1:t12:piece lengthi16384e"),
            M::Empty,
        ),
        (
            single("5:filesi5e4:name1:t12:piece lengthi16384e"),
            M::NoFiles,
        ),
        (multi(""), M::NoFiles),
        (multi("i5e"), M::FileNotADictionary(1)),
        (
            multi("d6:lengthi5e4:pathl1:aee4:abcd"),
            M::FileNotADictionary(2),
        ),
        (multi("d6:lengthi5ee"), M::FilePath(1)),
        (multi("d6:lengthi5e4:pathlee"), M::FilePath(1)),
        (multi("d6:lengthi5e4:path1:ae"), M::FilePath(1)),
        (multi("d6:lengthi5e4:pathl1:ai5eee"), M::FilePath(1)),
        (multi("d4:pathl1:aee"), M::FileLength(1)),
        (multi("d6:lengthi-1e4:pathl1:aee"), M::FileLength(1)),
        (
            multi(&format!("d6:lengthi5e4:pathl{}ee", "1:a".repeat(101))),
            M::PathTooDeep(1),
        ),
        (
            multi(&format!(
                "d6:lengthi{0}e4:pathl1:aeed6:lengthi{0}e4:pathl1:bee",
                huge - 1
            )),
            M::TooLarge,
        ),
        (
            around("d6:lengthi5e4:name1:t12:piece lengthi16384ee"),
            M::MissingPieces,
        ),
        (
            around("d6:lengthi5e4:name1:t12:piece lengthi16384e6:piecesi5ee"),
            M::MissingPieces,
        ),
        (
            around("d6:lengthi5e4:name1:t12:piece lengthi16384e6:pieces0:e"),
            M::PiecesMismatch {
                found: 0,
                expected: 20,
            },
        ),
        (
            single("6:lengthi16385e4:name1:t12:piece lengthi16384e"),
            M::PiecesMismatch {
                found: 20,
                expected: 40,
            },
        ),
        (
            single("6:lengthi34359738369e4:name1:t12:piece lengthi16384e"),
            M::TooManyPieces {
                count: (1 << 21) + 1,
                limit: 1 << 21,
            },
        ),
        (
            single("6:lengthi5e12:meta versioni3e4:name1:t12:piece lengthi16384e"),
            M::UnknownVersion,
        ),
        (
            single("9:file treede6:lengthi5e4:name1:t12:piece lengthi16384e"),
            M::MissingVersion,
        ),
    ];
    for (bytes, expected) in table {
        assert_eq!(error(&bytes), expected, "{}", bytes.escape_ascii());
        assert!(!expected.is_not_bencode());
    }
    // 2^70 is beyond what bencode holds here.
    let beyond = single("6:lengthi1180591620717411303424e4:name1:t12:piece lengthi16384e");
    assert!(error(&beyond).is_not_bencode());
}

#[test]
fn odd_but_harmless_torrents_load() {
    for entries in [
        "6:lengthi3e4:name1:t12:piece lengthi3e",
        "6:lengthi5e4:name7:.hidden12:piece lengthi16384e",
        "6:lengthi5e4:name1:~12:piece lengthi16384e",
        "6:lengthi5e12:meta versioni1e4:name1:t12:piece lengthi16384e",
        "6:lengthi5e4:name1:t12:piece lengthi536854528e",
    ] {
        Metainfo::parse(&single(entries)).expect(entries);
    }
}

#[test]
fn the_user_may_move_the_limit_of_pieces() {
    let torrent = TorrentBuilder::new("t", 1)
        .single_file(5)
        .hash_content(&[0; 5])
        .build();
    let parse = |piece_count| Metainfo::parse_within(&torrent, &MetainfoLimits { piece_count });
    assert!(parse(5).is_ok());
    let refused = parse(4).unwrap_err();
    assert_eq!(refused, MetainfoError::TooManyPieces { count: 5, limit: 4 });
}

#[test]
fn the_utf8_names_come_first() {
    let torrent = single(
        "5:filesld6:lengthi5e4:pathl3:badee\
         d6:lengthi5e4:pathl3:bade10:path.utf-8l4:goodeee\
         4:name3:bad10:name.utf-84:good12:piece lengthi16384e",
    );
    let metainfo = Metainfo::parse(&torrent).unwrap();
    assert_eq!(
        (metainfo.name(), paths(&metainfo)),
        ("good", vec!["bad".into(), "good".into()])
    );
}

#[test]
fn a_name_that_names_nothing_becomes_the_hash() {
    for name in ["0:", "1:/", "2:..", "1:.", "3:\u{200b}"] {
        let torrent = single(&format!("6:lengthi5e4:name{name}12:piece lengthi16384e"));
        let metainfo = Metainfo::parse(&torrent).unwrap();
        assert_eq!(
            metainfo.name(),
            metainfo.info_hashes.to_string(),
            "{name:?}"
        );
    }
}

#[test]
fn what_is_around_the_info_dictionary_is_cleaned() {
    let info = format!("d6:lengthi5e4:name1:t12:piece lengthi16384e{ONE_HASH}e");
    let parse = |before: &str, after: &str| {
        Metainfo::parse(format!("d{before}4:info{info}{after}e").as_bytes()).unwrap()
    };
    let tiers = parse(
        "8:announce1:x13:announce-listll3: a 1:b0:e1:cl1:b1:deleli5eee",
        "",
    )
    .trackers;
    assert_eq!(tiers, [vec!["a", "b"], vec!["d"]]);
    let alone = parse("8:announce3:\n x13:announce-listllee", "").trackers;
    assert_eq!(alone, [["x"]]);
    assert_eq!(
        parse("8:announcei5e", "").trackers,
        Vec::<Vec<String>>::new()
    );

    let nodes = "5:nodesll1:ai6881eel1:bi0eel1:ci70000eel1:dei5el1:ei-1eel0:i1eee";
    assert_eq!(parse("", nodes).nodes, [("a".to_owned(), 6881)]);

    assert_eq!(parse("", "8:url-list9:http://a ").web_seeds, ["http://a"]);
    let seeds = parse("", "8:url-listl10:http://a b0:i5e10:http://a b5:x/\u{e9}ye").web_seeds;
    assert_eq!(seeds, ["http://a%20b", "x/%C3%A9y"]);

    let dated = parse("7:comment0:13:creation datei-1e", "");
    assert_eq!((dated.comment, dated.creation_date), (None, None));
}
