//! Names that collide, padding and links.

use super::*;
use crate::bencode::{DecodeErrorKind, Encoder};

#[test]
fn no_two_files_share_a_path() {
    let table: &[(&[&str], &[&str])] = &[
        (
            &["a/b.txt", "a/b.txt", "a/b.txt"],
            &["a/b.txt", "a/b.1.txt", "a/b.2.txt"],
        ),
        (&["x", "x.1", "x"], &["x", "x.1", "x.2"]),
        (&["x", "x", "x.1"], &["x", "x.1", "x.1.1"]),
        (
            &["README", "readme", "Readme"],
            &["README", "readme.1", "Readme.2"],
        ),
        (&["a", "a/b", "A/c"], &["a.1", "a/b", "A/c"]),
        (&["a/b/c", "a/b"], &["a/b/c", "a/b.1"]),
        (&["_", "\u{200b}"], &["_", "_.1"]),
        (&["\u{c4}", "\u{e4}"], &["\u{c4}", "\u{e4}"]),
    ];
    for (given, expected) in table {
        let mut builder = TorrentBuilder::new("t", 16_384);
        for path in *given {
            builder = builder.file(path.split('/'), 1);
        }
        let torrent = builder.hash_content(&vec![0; given.len()]).build();
        let metainfo = Metainfo::parse(&torrent).unwrap();
        assert_eq!(paths(&metainfo), *expected, "{given:?}");
    }
}

#[test]
fn too_many_files_of_one_name_are_refused() {
    let build = |count: usize| {
        let mut builder = TorrentBuilder::new("t", 16_384);
        for _ in 0..count {
            builder = builder.file(["same"], 1);
        }
        Metainfo::parse(&builder.hash_content(&vec![0; count]).build())
    };
    assert!(build(501).is_ok());
    assert_eq!(build(502).unwrap_err(), MetainfoError::TooManyDuplicates);
}

#[test]
fn padding_is_marked_and_never_renamed() {
    let torrent = multi(
        "d6:lengthi5e4:pathl1:aee\
         d4:attr1:p6:lengthi7e4:pathl4:.pad1:7ee\
         d4:attr1:p6:lengthi7e4:pathl4:.pad1:7ee\
         d4:attr1:p6:lengthi9ee\
         d6:lengthi3e4:pathl25:_____padding_file_0_abcdeee\
         d4:attr2:hx6:lengthi1e4:pathl1:bee",
    );
    let info = Metainfo::parse(&torrent).unwrap().info;
    let padding: Vec<_> = info.files.iter().map(|file| file.padding).collect();
    assert_eq!(padding, [false, true, true, true, true, false]);
    assert_eq!(info.files[1].path, info.files[2].path);
    assert_eq!(info.files[3].path, [".pad", "9"]);
    assert!(info.files[5].hidden && info.files[5].executable);
    assert_eq!(info.files[5].offset, 5 + 7 + 7 + 9 + 3);
}

#[test]
fn links_stay_inside_or_are_refused() {
    /// Links with their targets, and where each leads; `None` is refused.
    type Row = (
        &'static [(&'static str, &'static str)],
        &'static [Option<&'static str>],
    );
    let table: &[Row] = &[
        (&[("l", "d/f")], &[Some("d/f")]),
        (&[("l", "d")], &[Some("d")]),
        (&[("d/l", "f")], &[Some("d/f")]),
        (&[("l", "../d/f")], &[Some("d/f")]),
        (&[("l", "none")], &[None]),
        (&[("l", "../../etc/passwd")], &[None]),
        (&[("l", "..")], &[None]),
        (&[("l", "l")], &[None]),
        (&[("l", "m"), ("m", "l")], &[None, None]),
        (&[("l", "m/f"), ("m", "d")], &[Some("m/f"), Some("d")]),
        (&[("l", "f/x")], &[None]),
        (
            &[("d/l", "m/f"), ("d/m", "e")],
            &[Some("d/m/f"), Some("d/e")],
        ),
    ];
    for (links, expected) in table {
        let bytes = |text: &str| String::from_utf8(Encoder::bytes(text)).unwrap();
        let list = |path: &str| path.split('/').map(bytes).collect::<String>();
        let mut files = "d6:lengthi1e4:pathl1:d1:feed6:lengthi1e4:pathl1:d1:e1:fee".to_owned();
        for (path, target) in *links {
            files += &format!(
                "d4:attr1:l6:lengthi99e4:pathl{}e12:symlink pathl{}ee",
                list(path),
                list(target)
            );
        }
        let info = Metainfo::parse(&multi(&files)).unwrap().info;
        let found = info.files[2..].iter().map(|file| match &file.symlink {
            Some(Symlink::Inside(target)) => Some(target.join("/")),
            Some(Symlink::Refused) => None,
            None => panic!("{:?} is no link", file.path),
        });
        let expected = expected.iter().map(|target| target.map(str::to_owned));
        assert!(
            found.eq(expected),
            "{links:?} became {:?}",
            &info.files[2..]
        );
        assert!(info.files[2..].iter().all(|file| file.len == 0));
    }
}

#[test]
fn a_file_cannot_lie_behind_a_link() {
    let torrent = multi(
        "d4:attr1:l4:pathl1:ae12:symlink pathl1:beed6:lengthi1e4:pathl1:a1:fee\
         d6:lengthi1e4:pathl1:b1:gee",
    );
    let metainfo = Metainfo::parse(&torrent).unwrap();
    assert_eq!(paths(&metainfo), ["a.1", "a/f", "b/g"]);
}

#[test]
fn a_torrent_file_may_have_more_files_than_metadata_from_peers() {
    const FILES: usize = 320_000;
    let torrent = Encoder::dict(|root| {
        root.dict("info", |info| {
            info.list("files", |list| {
                for number in 0..FILES {
                    list.dict(|file| {
                        file.int("length", 1);
                        file.list("path", |path| path.bytes(format!("{number:x}")));
                    });
                }
            });
            info.bytes("name", "t");
            info.int("piece length", 1 << 20);
            info.bytes("pieces", [0; 20]);
        });
    });
    let metainfo = Metainfo::parse(&torrent).unwrap();
    assert_eq!(metainfo.info.files.len(), FILES);
    let fetched = Metainfo::from_raw_info(metainfo.raw_info, &MetainfoLimits::default());
    assert!(matches!(
        fetched.unwrap_err(),
        MetainfoError::NotBencode(error) if error.kind == DecodeErrorKind::TooManyTokens
    ));
}
