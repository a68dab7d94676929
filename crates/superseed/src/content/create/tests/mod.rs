//! Torrents made of real files, read again by the parser and checked.

mod change;
mod links;
mod model;
mod names;

use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;

use superseed_proto::metainfo::{Format, Metainfo};
use tempfile::TempDir;

use super::*;
use crate::content::{VerifyOptions, verify};

const FORMATS: [Format; 3] = [Format::V1, Format::V2, Format::Hybrid];

/// Bytes that repeat at no piece length.
fn bytes(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    std::iter::repeat_with(next).take(len).collect()
}

/// A directory with these files.
pub(in crate::content) fn dir_of(files: &[(&str, usize)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (seed, (path, len)) in (1..).zip(files) {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes(*len, seed)).unwrap();
    }
    dir
}

fn options(format: Format, piece_len: u32) -> CreateOptions {
    CreateOptions {
        format,
        piece_len: Some(piece_len),
        name: Some("t".to_owned()),
        ..CreateOptions::default()
    }
}

fn create(path: &Path, options: &CreateOptions) -> Result<Metainfo, CreateError> {
    let torrent = scan(path, options)?.hash(&())?;
    Ok(Metainfo::parse(&torrent).unwrap())
}

fn paths(metainfo: &Metainfo) -> Vec<String> {
    let files = metainfo.info.files.iter().filter(|file| !file.padding);
    files.map(|file| file.path.join("/")).collect()
}

#[test]
fn what_is_made_loads_and_verifies_at_every_boundary() {
    const P: usize = 32 << 10;
    let cases: &[&[(&str, usize)]] = &[
        &[("one", 1)],
        &[("block", 16 << 10)],
        &[("piece", P)],
        &[("pieces", 3 * P)],
        &[("more", 3 * P + 1)],
        &[("less", 3 * P - 1)],
        &[("a", 2 * P), ("z", 0)],
        &[("a", 0), ("b", 0), ("z", 1)],
        &[
            ("a", 100),
            ("b", 5),
            ("c/d", 16_384),
            ("c/e", 0),
            ("f", P + 3),
        ],
        &[("a", 1), ("b", 1), ("c", 1)],
        &[("a", 5 << 20), ("b", 7), ("c", (5 << 20) + 1)],
    ];
    for files in cases {
        for format in FORMATS {
            let dir = dir_of(files);
            let metainfo = create(dir.path(), &options(format, P as u32)).unwrap();
            let expected: Vec<_> = files.iter().map(|(path, _)| *path).collect();
            assert_eq!(paths(&metainfo), expected, "{format}");
            let report = verify(&metainfo, dir.path(), &VerifyOptions::default(), &()).unwrap();
            assert!(report.is_ok(), "{files:?} {format}: {report:?}");
            assert_eq!(report.files.len(), files.len());

            if let [(name, _)] = files {
                let file = dir.path().join(name);
                let metainfo = create(&file, &CreateOptions::default()).unwrap();
                assert!(!metainfo.info.multi_file);
                for place in [&file, dir.path()] {
                    let report = verify(&metainfo, place, &VerifyOptions::default(), &()).unwrap();
                    assert!(report.is_ok(), "{files:?} {format}: {report:?}");
                }
            }
        }
    }
}

#[test]
fn the_same_files_give_the_same_bytes_with_any_number_of_threads() {
    let dir = dir_of(&[("z", 6 << 20), ("b/2", 70_000), ("b/1", 1), ("a", 12 << 20)]);
    for format in FORMATS {
        let make = |threads| {
            let options = CreateOptions {
                threads: NonZeroUsize::new(threads),
                trackers: vec![vec!["http://t.example/a".to_owned()]],
                creation_date: Some(1),
                ..options(format, 16 << 10)
            };
            scan(dir.path(), &options).unwrap().hash(&()).unwrap()
        };
        let alone = make(1);
        assert!([2, 3, 16].into_iter().all(|threads| make(threads) == alone));
    }
}

#[test]
fn only_empty_files_are_refused_in_a_sentence() {
    let dir = dir_of(&[("a", 0), ("b/c", 0)]);
    for path in [dir.path(), &dir.path().join("a"), &dir.path().join("b")] {
        let error = scan(path, &CreateOptions::default()).unwrap_err();
        assert!(matches!(error, CreateError::Empty(_)));
        assert_eq!(
            error.to_string(),
            format!(
                "{}: holds nothing to share: there is no file, or all are empty",
                path.display()
            )
        );
    }
}

#[test]
fn a_torrent_that_others_refuse_for_its_length_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let file = fs::File::create(dir.path().join("sparse")).unwrap();
    file.set_len(10 << 30).unwrap();
    let error = scan(dir.path(), &options(Format::V1, 16_384)).unwrap_err();
    assert!(
        matches!(error, CreateError::TorrentTooLarge { len, .. } if len > 10 << 20),
        "{error:?}"
    );
}

#[test]
fn files_of_one_length_do_not_share_a_layer_when_the_length_is_foreseen() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["a", "b", "c"] {
        let file = fs::File::create(dir.path().join(name)).unwrap();
        file.set_len(2 << 30).unwrap();
    }
    let error = scan(dir.path(), &options(Format::V2, 16_384)).unwrap_err();
    assert!(
        matches!(error, CreateError::TorrentTooLarge { len, .. } if len > 12 << 20),
        "{error:?}"
    );
}

#[test]
fn more_pieces_than_others_load_are_refused_before_hashing() {
    let dir = tempfile::tempdir().unwrap();
    let file = fs::File::create(dir.path().join("sparse")).unwrap();
    file.set_len(1 << 40).unwrap();
    let options = options(Format::V1, 16_384);
    let error = scan(dir.path(), &options).unwrap_err();
    assert!(matches!(error, CreateError::Unloadable { .. }), "{error:?}");
}

#[test]
fn what_was_asked_for_stands_in_the_torrent() {
    let dir = dir_of(&[("a", 10)]);
    let text = |text: &str| Some(text.to_owned());
    let options = CreateOptions {
        trackers: vec![vec!["http://a/x".to_owned()], vec!["udp://b:1/".to_owned()]],
        web_seeds: vec!["http://w/".to_owned()],
        nodes: vec![("dht.example".to_owned(), 6881)],
        private: true,
        source: text("S"),
        comment: text("C"),
        created_by: text("P"),
        creation_date: Some(7),
        ..options(Format::Hybrid, 16_384)
    };
    let metainfo = create(dir.path(), &options).unwrap();
    assert_eq!(metainfo.trackers, options.trackers);
    assert_eq!(metainfo.web_seeds, options.web_seeds);
    assert_eq!(metainfo.nodes, options.nodes);
    assert!(metainfo.info.private);
    assert_eq!(metainfo.info.source, options.source);
    assert_eq!(metainfo.comment, options.comment);
    assert_eq!(metainfo.created_by, options.created_by);
    assert_eq!(metainfo.creation_date, options.creation_date);
}
