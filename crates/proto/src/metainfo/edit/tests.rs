use proptest::prelude::*;

use super::*;
use crate::metainfo::{Format, TorrentBuilder};

fn builder(format: Format) -> TorrentBuilder {
    TorrentBuilder::new("t", 16_384)
        .format(format)
        .file(["a"], 40_000)
        .file(["b"], 7)
        .hash_content(&[9; 40_007])
        .creation_date(5)
        .created_by("me")
}

fn urls(tiers: &[&[&str]]) -> Vec<Vec<String>> {
    let owned = |tier: &&[&str]| tier.iter().map(|url| (*url).to_owned()).collect();
    tiers.iter().map(owned).collect()
}

/// The raw value of a key of a torrent.
fn raw(torrent: &[u8], key: &str) -> Option<Vec<u8>> {
    let document = bencode::decode(torrent, &Limits::TORRENT_FILE, Mode::Strict).unwrap();
    let value = document.root().get(key)?;
    Some(value.raw().to_vec())
}

#[test]
fn one_tracker_is_announce_alone_and_several_are_both() {
    let torrent = builder(Format::V1)
        .tier(["http://old/1", "http://old/2"])
        .build();
    let with = |tiers: &[&[&str]]| {
        let edit = TorrentEdit {
            trackers: Change::Set(urls(tiers)),
            ..TorrentEdit::default()
        };
        let edited = edit.apply(&torrent).unwrap();
        assert!(!edited.info_hash_changed());
        edited.bytes
    };
    let one = with(&[&["http://new/"]]);
    assert_eq!(raw(&one, "announce").unwrap(), b"11:http://new/");
    assert_eq!(raw(&one, "announce-list"), None);
    let two = with(&[&["http://a/"], &["http://b/"]]);
    assert_eq!(raw(&two, "announce").unwrap(), b"9:http://a/");
    assert_eq!(
        Metainfo::parse(&two).unwrap().trackers,
        urls(&[&["http://a/"], &["http://b/"]])
    );
    let none = with(&[]);
    assert_eq!(
        (raw(&none, "announce"), raw(&none, "announce-list")),
        (None, None)
    );
}

#[test]
fn keys_that_the_edit_does_not_know_stay_as_they_were() {
    let mut torrent = b"d7:comment3:old13:comment.utf-83:old3:zzzld1:b1:x1:ai07eee4:info".to_vec();
    torrent.extend_from_slice(&builder(Format::V1).build_info());
    torrent.extend_from_slice(b"3:aaai05e7:comment5:againe trailing");
    let edit = TorrentEdit {
        comment: Change::Set("new".to_owned()),
        web_seeds: Change::Set(vec!["http://w/".to_owned()]),
        ..TorrentEdit::default()
    };
    let edited = edit.apply(&torrent).unwrap();
    let mut expected = b"d3:aaai05e7:comment3:new4:info".to_vec();
    expected.extend_from_slice(&builder(Format::V1).build_info());
    expected.extend_from_slice(b"8:url-listl9:http://w/e3:zzzld1:b1:x1:ai07eeee");
    assert_eq!(
        edited.bytes.escape_ascii().to_string(),
        expected.escape_ascii().to_string()
    );
    assert_eq!(edited.before, edited.after);
    let edit = TorrentEdit {
        comment: Change::Remove,
        web_seeds: Change::Remove,
        ..TorrentEdit::default()
    };
    let metainfo = Metainfo::parse(&edit.apply(&edited.bytes).unwrap().bytes).unwrap();
    assert_eq!((metainfo.comment, metainfo.web_seeds.len()), (None, 0));
}

#[test]
fn private_and_source_change_the_hash_only_if_they_say_something_new() {
    for format in [Format::V1, Format::V2, Format::Hybrid] {
        let torrent = builder(format).source("club").private(true).build();
        let same = TorrentEdit {
            private: Some(true),
            source: Change::Set("club".to_owned()),
            ..TorrentEdit::default()
        };
        assert_eq!(same.apply(&torrent).unwrap().bytes, torrent);
        let other = TorrentEdit {
            private: Some(false),
            source: Change::Set("pub".to_owned()),
            ..TorrentEdit::default()
        };
        let edited = other.apply(&torrent).unwrap();
        assert!(edited.info_hash_changed());
        assert_eq!(edited.bytes, builder(format).source("pub").build());
        let none = TorrentEdit {
            source: Change::Remove,
            private: Some(false),
            ..TorrentEdit::default()
        };
        let edited = none.apply(&edited.bytes).unwrap();
        assert_eq!(edited.bytes, builder(format).build());
        assert!(!none.apply(&edited.bytes).unwrap().info_hash_changed());
    }
}

#[test]
fn an_info_dictionary_that_must_change_is_written_canonical() {
    let hash = "6:pieces20:aaaaaaaaaaaaaaaaaaaa";
    let torrent = format!(
        "d4:infod5:filesld4:pathl01:ae6:lengthi05eee4:name1:t4:name1:u{hash}\
         12:piece lengthi16384eee"
    );
    let keep = TorrentEdit::default().apply(torrent.as_bytes()).unwrap();
    assert_eq!(keep.bytes, torrent.as_bytes());
    let edit = TorrentEdit {
        source: Change::Set("s".to_owned()),
        ..TorrentEdit::default()
    };
    let edited = edit.apply(torrent.as_bytes()).unwrap();
    let expected = format!(
        "d4:infod5:filesld6:lengthi5e4:pathl1:aeee4:name1:t12:piece lengthi16384e{hash}\
         6:source1:see"
    );
    assert_eq!(String::from_utf8(edited.bytes).unwrap(), expected);
}

#[test]
fn what_is_no_torrent_before_or_after_is_refused() {
    let edit = TorrentEdit::default();
    assert!(edit.apply(b"d4:infodee").is_err());
    let edit = TorrentEdit {
        comment: Change::Set("x".repeat(10_000_000)),
        ..TorrentEdit::default()
    };
    let refused = edit.apply(&builder(Format::V1).build()).unwrap_err();
    assert!(refused.is_not_bencode());
}

proptest! {
    #[test]
    fn edits_of_what_lies_outside_leave_info_and_layers_as_they_are(
        format in prop::sample::select(vec![Format::V1, Format::V2, Format::Hybrid]),
        files in prop::collection::vec(("[a-z]{1,6}", 0u64..60_000), 1..5),
        tiers in prop::collection::vec(prop::collection::vec("http://[a-z]{1,5}/", 0..3), 0..3),
        comment in prop::option::of(".{0,20}"),
    ) {
        let mut builder = TorrentBuilder::new("t", 16_384).format(format);
        for (at, (name, len)) in files.iter().enumerate() {
            builder = builder.file([format!("{name}{at}")], *len);
        }
        // At least one file has bytes.
        builder = builder.file(["zz"], 20_000);
        let total: u64 = files.iter().map(|(_, len)| len).sum::<u64>() + 20_000;
        let content: Vec<u8> = (0..total).map(|at| (at % 253) as u8).collect();
        let torrent = builder.hash_content(&content).comment("c").build();

        let nothing = TorrentEdit::default().apply(&torrent).unwrap();
        prop_assert_eq!(&nothing.bytes, &torrent);
        prop_assert_eq!(Metainfo::parse(&torrent).unwrap().encode(), torrent.clone());

        let edit = TorrentEdit {
            trackers: Change::Set(tiers),
            comment: comment.map_or(Change::Remove, Change::Set),
            ..TorrentEdit::default()
        };
        let edited = edit.apply(&torrent).unwrap();
        prop_assert_eq!(raw(&edited.bytes, "info"), raw(&torrent, "info"));
        prop_assert_eq!(raw(&edited.bytes, "piece layers"), raw(&torrent, "piece layers"));
        prop_assert!(!edited.info_hash_changed());
    }
}
