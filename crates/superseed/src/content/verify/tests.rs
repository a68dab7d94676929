//! What the report says of files that were harmed on purpose.

#![expect(
    clippy::single_range_in_vec_init,
    reason = "reports list ranges, often just one"
)]

use std::fs;
use std::ops::Range;
use std::os::unix::fs::{FileExt, symlink};
use std::path::Path;

use superseed_proto::layout::FileIndex;
use superseed_proto::metainfo::{Format, Metainfo, TorrentBuilder};
use tempfile::TempDir;

use super::*;
use crate::content::create::tests::dir_of;
use crate::content::{CreateOptions, scan};

const P: u64 = 16 << 10;

fn torrent(dir: &Path, format: Format) -> Metainfo {
    let options = CreateOptions {
        format,
        piece_len: Some(P as u32),
        ..CreateOptions::default()
    };
    let torrent = scan(dir, &options).unwrap().hash(&()).unwrap();
    Metainfo::parse(&torrent).unwrap()
}

fn check(metainfo: &Metainfo, dir: &Path) -> VerifyReport {
    verify(metainfo, dir, &VerifyOptions::default(), &()).unwrap()
}

fn of<'r>(metainfo: &Metainfo, report: &'r VerifyReport, path: &str) -> &'r FileReport {
    let files = &metainfo.info.files;
    let is_it = |file: &&FileReport| files[file.file.0 as usize].path.join("/") == path;
    report.files.iter().find(is_it).unwrap()
}

/// Turns a byte around.
fn flip(path: &Path, at: u64) {
    let file = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[!byte[0]], at).unwrap();
}

/// Two files, the second of which begins in the middle of a v1 piece.
fn neighbours() -> TempDir {
    dir_of(&[("a", 40_000), ("b", 40_000)])
}

#[test]
fn fifty_flipped_ranges_are_named_exactly() {
    let dir = dir_of(&[("a", 3 << 20), ("b/c", 5 << 20)]);
    for format in [Format::V1, Format::V2, Format::Hybrid] {
        let metainfo = torrent(dir.path(), format);
        let flips: Vec<(&str, u64)> = (0..50)
            .map(|n| match n % 2 {
                0 => ("a", n * 3 * P + n * 37),
                _ => ("b/c", n * 6 * P + n * 101),
            })
            .collect();
        for (path, at) in &flips {
            flip(&dir.path().join(path), *at);
        }
        let report = check(&metainfo, dir.path());
        let mut named = 0;
        for path in ["a", "b/c"] {
            let found = of(&metainfo, &report, path);
            assert_eq!(found.verdict, Verdict::Damaged);
            let expected: Vec<Range<u64>> = flips
                .iter()
                .filter(|(flipped, _)| *flipped == path)
                .map(|(_, at)| at / P * P..(at / P + 1) * P)
                .collect();
            assert_eq!(found.damaged, expected, "{format} {path}");
            named += expected.len();
        }
        assert_eq!(named, 50);
        for (path, at) in &flips {
            flip(&dir.path().join(path), *at);
        }
        assert!(check(&metainfo, dir.path()).is_ok());
    }
}

#[test]
fn v1_blames_all_files_of_a_piece_and_v2_the_right_one() {
    for format in [Format::V1, Format::V2, Format::Hybrid] {
        let dir = neighbours();
        let metainfo = torrent(dir.path(), format);
        flip(&dir.path().join("a"), 39_999);
        let report = check(&metainfo, dir.path());
        assert_eq!(of(&metainfo, &report, "a").damaged, [2 * P..40_000]);
        let other = of(&metainfo, &report, "b");
        if format == Format::V1 {
            assert_eq!(other.damaged, [0..3 * P - 40_000]);
        } else {
            assert_eq!(other.verdict, Verdict::Ok);
            assert!(other.damaged.is_empty());
        }
    }
}

#[test]
fn the_neighbour_of_a_missing_file_is_not_called_damaged() {
    for format in [Format::V1, Format::V2, Format::Hybrid] {
        let dir = neighbours();
        let metainfo = torrent(dir.path(), format);
        fs::remove_file(dir.path().join("a")).unwrap();
        let report = check(&metainfo, dir.path());
        let gone = of(&metainfo, &report, "a");
        assert_eq!(gone.verdict, Verdict::Missing);
        assert!(gone.damaged.is_empty() && gone.unverifiable.is_empty());
        let there = of(&metainfo, &report, "b");
        assert!(there.damaged.is_empty());
        if format == Format::V1 {
            assert_eq!(there.verdict, Verdict::Unverifiable);
            assert_eq!(there.unverifiable, [0..3 * P - 40_000]);
        } else {
            assert_eq!(there.verdict, Verdict::Ok);
        }
    }
}

#[test]
fn lengths_that_differ_are_told_and_the_rest_is_checked() {
    for format in [Format::V1, Format::V2, Format::Hybrid] {
        let dir = neighbours();
        let metainfo = torrent(dir.path(), format);
        let resize = |path: &str, len| {
            let file = fs::OpenOptions::new()
                .write(true)
                .open(dir.path().join(path));
            file.unwrap().set_len(len).unwrap();
        };
        resize("a", P + 5);
        resize("b", 50_000);
        flip(&dir.path().join("a"), 3);
        flip(&dir.path().join("b"), 39_999);
        let report = check(&metainfo, dir.path());
        let short = of(&metainfo, &report, "a");
        assert_eq!(short.verdict, Verdict::TooShort { len: P + 5 });
        assert_eq!(short.damaged, [0..P]);
        assert_eq!(short.unverifiable, [P..P + 5]);
        let long = of(&metainfo, &report, "b");
        assert_eq!(long.verdict, Verdict::TooLong { len: 50_000 });
        let last_piece = match format {
            Format::V1 => 4 * P - 40_000..40_000,
            _ => 2 * P..40_000,
        };
        assert_eq!(long.damaged, [last_piece]);
    }
}

#[test]
fn what_is_no_file_is_told_and_no_link_is_followed() {
    let dir = dir_of(&[("a", 10), ("b", 10), ("d/c", 10), ("e", 0)]);
    let metainfo = torrent(dir.path(), Format::V1);
    let at = |path: &str| dir.path().join(path);
    fs::remove_file(at("a")).unwrap();
    fs::create_dir(at("a")).unwrap();
    fs::rename(at("b"), at("real")).unwrap();
    symlink("real", at("b")).unwrap();
    fs::rename(at("d"), at("moved")).unwrap();
    symlink("moved", at("d")).unwrap();
    fs::remove_file(at("e")).unwrap();
    let report = check(&metainfo, dir.path());
    let verdict = |path| of(&metainfo, &report, path).verdict.clone();
    assert_eq!(verdict("a"), Verdict::NotAFile);
    assert_eq!(verdict("b"), Verdict::NotAFile);
    let expected = "d is a symbolic link, and links are not followed";
    assert_eq!(verdict("d/c"), Verdict::Unreadable(expected.to_owned()));
    assert_eq!(verdict("e"), Verdict::Missing);
    assert!(!report.is_ok());

    fs::remove_file(at("d")).unwrap();
    fs::write(at("d"), b"a file").unwrap();
    let report = check(&metainfo, dir.path());
    assert_eq!(of(&metainfo, &report, "d/c").verdict, Verdict::Missing);
}

#[test]
fn links_must_lead_where_the_torrent_says() {
    let dir = dir_of(&[("a", 10), ("d/b", 10)]);
    let link = dir.path().join("d/link");
    symlink("../a", &link).unwrap();
    let metainfo = torrent(dir.path(), Format::Hybrid);
    let verdict = || {
        of(&metainfo, &check(&metainfo, dir.path()), "d/link")
            .verdict
            .clone()
    };
    assert_eq!(verdict(), Verdict::Ok);
    fs::remove_file(&link).unwrap();
    assert_eq!(verdict(), Verdict::Missing);
    symlink("b", &link).unwrap();
    assert_eq!(verdict(), Verdict::WrongLink);
    fs::remove_file(&link).unwrap();
    fs::write(&link, b"no link").unwrap();
    assert_eq!(verdict(), Verdict::WrongLink);
}

#[test]
fn without_its_layer_a_file_is_checked_by_its_root() {
    let dir = dir_of(&[("a", 3 * P as usize + 1), ("b", 100)]);
    let whole = torrent(dir.path(), Format::V2);
    let limits = superseed_proto::metainfo::MetainfoLimits::default();
    let bare = Metainfo::from_raw_info(whole.raw_info.clone(), &limits).unwrap();
    assert!(bare.piece_layer(FileIndex(0)).is_none());
    assert!(check(&bare, dir.path()).is_ok());
    flip(&dir.path().join("a"), 2 * P);
    let report = check(&bare, dir.path());
    assert_eq!(of(&bare, &report, "a").damaged, [0..3 * P + 1]);
    assert_eq!(of(&bare, &report, "b").verdict, Verdict::Ok);

    // The v1 half of a hybrid knows better.
    flip(&dir.path().join("a"), 2 * P);
    let whole = torrent(dir.path(), Format::Hybrid);
    let bare = Metainfo::from_raw_info(whole.raw_info.clone(), &limits).unwrap();
    flip(&dir.path().join("a"), 2 * P);
    let report = check(&bare, dir.path());
    assert_eq!(of(&bare, &report, "a").damaged, [2 * P..3 * P]);
}

#[test]
fn nothing_is_said_of_a_short_file_without_its_layer() {
    let dir = dir_of(&[("a", 3 * P as usize + 1), ("b", 100)]);
    let limits = superseed_proto::metainfo::MetainfoLimits::default();
    for format in [Format::V2, Format::Hybrid] {
        let whole = torrent(dir.path(), format);
        let bare = Metainfo::from_raw_info(whole.raw_info.clone(), &limits).unwrap();
        let path = dir.path().join("a");
        let content = fs::read(&path).unwrap();
        fs::write(&path, &content[..2 * P as usize]).unwrap();
        let report = check(&bare, dir.path());
        let short = of(&bare, &report, "a");
        assert_eq!(short.verdict, Verdict::TooShort { len: 2 * P });
        assert!(short.damaged.is_empty());
        // The v1 half of a hybrid knows the pieces that are there.
        match format {
            Format::V2 => assert_eq!(short.unverifiable, [0..2 * P]),
            _ => assert!(short.unverifiable.is_empty()),
        }
        assert_eq!(of(&bare, &report, "b").verdict, Verdict::Ok);
        fs::write(&path, content).unwrap();
    }
}

#[test]
fn what_lies_beyond_the_end_of_a_sparse_file_is_no_hole() {
    let dir = dir_of(&[("a", 40_000), ("b", 40_000)]);
    let metainfo = torrent(dir.path(), Format::V1);
    for (path, len) in [("a", P + 5), ("b", 40_000)] {
        let file = fs::File::create(dir.path().join(path)).unwrap();
        file.set_len(len).unwrap();
    }
    let report = check(&metainfo, dir.path());
    let short = of(&metainfo, &report, "a");
    assert_eq!(short.verdict, Verdict::TooShort { len: P + 5 });
    assert_eq!(short.damaged, [0..P]);
    assert_eq!(short.unverifiable, [P..P + 5]);
    let beside = of(&metainfo, &report, "b");
    assert_eq!(beside.unverifiable, [0..3 * P - 40_000]);
    assert_eq!(beside.damaged, [3 * P - 40_000..40_000]);
}

#[test]
fn a_huge_sparse_file_is_checked_without_being_read() {
    const LEN: u64 = 1 << 40;
    const PIECE_LEN: u32 = 16 << 20;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sparse");
    let file = fs::File::create(&path).unwrap();
    file.set_len(LEN).unwrap();
    for format in [Format::V1, Format::V2, Format::Hybrid] {
        let options = CreateOptions {
            format,
            ..CreateOptions::default()
        };
        let torrent = scan(&path, &options).unwrap().hash(&()).unwrap();
        let metainfo = Metainfo::parse(&torrent).unwrap();
        assert_eq!(metainfo.info.layout.piece_len_nominal(), PIECE_LEN);
        assert!(check(&metainfo, &path).is_ok());
        file.write_all_at(b"x", LEN / 2).unwrap();
        let report = check(&metainfo, &path);
        assert_eq!(
            report.files[0].damaged,
            [LEN / 2..LEN / 2 + u64::from(PIECE_LEN)]
        );
        file.set_len(LEN / 2).unwrap();
        file.set_len(LEN).unwrap();
    }
}

#[test]
fn the_place_must_fit_the_torrent() {
    let dir = neighbours();
    let metainfo = torrent(dir.path(), Format::V1);
    let options = VerifyOptions::default();
    let file = dir.path().join("a");
    let error = verify(&metainfo, &file, &options, &()).unwrap_err();
    assert!(matches!(error, VerifyError::NotADirectory(path) if path == file));
    let gone = dir.path().join("gone");
    let error = verify(&metainfo, &gone, &options, &()).unwrap_err();
    assert!(matches!(error, VerifyError::NotFound(path) if path == gone));
}

#[test]
fn padding_is_zeroes_that_nobody_reads() {
    let dir = dir_of(&[("a", 100), ("b", 100)]);
    let hybrid = torrent(dir.path(), Format::Hybrid);
    assert!(hybrid.info.files.iter().any(|file| file.padding));
    let report = check(&hybrid, dir.path());
    assert!(report.is_ok());
    assert_eq!(report.files.len(), 2);
}

#[test]
fn a_file_with_the_lengths_of_another_torrent_is_damaged_not_trusted() {
    let dir = dir_of(&[("a", 100_000)]);
    let torrent = TorrentBuilder::new("t", P as u32)
        .file(["a"], 100_000)
        .hash_content(&[7; 100_000])
        .build();
    let metainfo = Metainfo::parse(&torrent).unwrap();
    let report = check(&metainfo, dir.path());
    assert_eq!(report.files[0].verdict, Verdict::Damaged);
    assert_eq!(report.files[0].damaged, [0..100_000]);
}
