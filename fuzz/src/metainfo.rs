//! Torrent files: what loads adds up and stays in its directory, and is
//! written again without a change to what its hashes cover.

use std::collections::BTreeSet;

use superseed_proto::InfoHashes;
use superseed_proto::bencode::{self, Encoder, Limits, Mode};
use superseed_proto::layout::{FileIndex, PieceIndex};
use superseed_proto::magnet::Magnet;
use superseed_proto::merkle::{LEAF_LEN, root_of_layer};
use superseed_proto::metainfo::{
    Change, FileEntry, Format, Info, Metainfo, MetainfoError, MetainfoLimits, Symlink, TorrentEdit,
    lints,
};

/// Up to how many bytes of piece hashes are made up for an input.
const PIECES_LEN_MENDED_MAX: usize = 20_000;

/// More lints than any torrent should have.
const LINTS_MAX: usize = 200;

/// How many pieces are looked at one by one.
const PIECES_SEEN_MAX: u32 = 5000;

/// Checks one input, and that input with mended hashes: otherwise hardly a
/// change of a length would get beyond them.
pub fn check(bytes: &[u8]) {
    let Err(error) = check_one(bytes) else {
        return;
    };
    if let Some(mended) = mended(bytes, &error) {
        let _ = check_one(&mended);
    }
}

fn check_one(bytes: &[u8]) -> Result<(), MetainfoError> {
    let metainfo = Metainfo::parse(bytes).inspect_err(|error| {
        let sentence = error.to_string();
        assert!(sentence.len() < 1000, "{sentence}");
        assert!(!sentence.contains(char::is_control), "{sentence:?}");
    })?;
    check_hashes(&metainfo);
    check_lengths(&metainfo.info);
    check_paths(&metainfo.info);
    check_layers(&metainfo);
    check_round_trip(&metainfo);
    check_lints(&metainfo);
    check_edits(bytes, &metainfo);
    let magnet = Magnet::of(&metainfo);
    assert_eq!(magnet.info_hashes, metainfo.info_hashes);
    assert_eq!(Magnet::parse(&magnet.to_string()), Ok(magnet));
    Ok(())
}

/// The torrent with as many piece hashes as it needs, or without its layers,
/// if that is what is wrong with it.
fn mended(bytes: &[u8], error: &MetainfoError) -> Option<Vec<u8>> {
    let pieces_len = match error {
        MetainfoError::PiecesMismatch { expected, .. } => *expected as usize,
        MetainfoError::PieceLayer
        | MetainfoError::PieceLayerForeign(_)
        | MetainfoError::PieceLayerLength { .. }
        | MetainfoError::PieceLayerRoot(_) => 0,
        _ => return None,
    };
    if pieces_len > PIECES_LEN_MENDED_MAX {
        return None;
    }
    let document = bencode::decode(bytes, &Limits::TORRENT_FILE, Mode::Lenient).ok()?;
    let root = document.root().as_dict()?;
    Some(Encoder::dict(|out| {
        for (key, value) in root {
            match (key, value.as_dict()) {
                (b"info", Some(info)) if pieces_len > 0 => out.dict(key, |out| {
                    out.bytes("pieces", vec![b'x'; pieces_len]);
                    for (key, value) in info {
                        out.raw(key, value.raw());
                    }
                }),
                (b"piece layers", _) => {}
                _ => out.raw(key, value.raw()),
            }
        }
    }))
}

fn check_hashes(metainfo: &Metainfo) {
    let expected = match metainfo.info_hashes {
        InfoHashes::V1(_) => Format::V1,
        InfoHashes::V2(_) => Format::V2,
        InfoHashes::Hybrid(..) => Format::Hybrid,
    };
    assert_eq!(metainfo.info.format(), expected);
    let limits = MetainfoLimits::default();
    let from_peers = Metainfo::from_raw_info(metainfo.raw_info.clone(), &limits)
        .expect("it was read from a file");
    assert_eq!(from_peers.info_hashes, metainfo.info_hashes);
    assert_eq!(from_peers.info.files, metainfo.info.files);
}

/// Files lie one after the other, and pieces cover them.
fn check_lengths(info: &Info) {
    let layout = info.layout;
    let piece_len = u64::from(layout.piece_len_nominal());
    let (mut end, mut content_end) = (0_u64, 0);
    for file in &info.files {
        let begin = match info.format() {
            Format::V2 => end.next_multiple_of(piece_len),
            Format::V1 | Format::Hybrid => end,
        };
        assert_eq!(file.offset, begin, "{file:?}");
        assert!(file.symlink.is_none() || file.len == 0, "{file:?}");
        end = file.offset + file.len;
        if file.len > 0 {
            content_end = end;
        }
    }
    // Only an empty file may lie beyond.
    assert_eq!(content_end, layout.total_len());
    let content: u64 = info
        .files
        .iter()
        .filter(|file| !file.padding)
        .map(|file| file.len)
        .sum();
    assert_eq!(info.content_len(), content);
    if layout.piece_count() <= PIECES_SEEN_MAX {
        let pieces = layout.pieces().map(|piece| {
            let len = info.piece_len(piece);
            assert!(len > 0 && len <= layout.piece_len_nominal());
            assert_eq!(info.sha1(piece).is_some(), info.format().has_v1());
            u64::from(len)
        });
        let covered = match info.format() {
            Format::V2 => content,
            Format::V1 | Format::Hybrid => layout.total_len(),
        };
        assert_eq!(pieces.sum::<u64>(), covered);
    }
    let _ = info.sha1(PieceIndex(layout.piece_count() - 1));
}

/// No path leads out, and no two files have one.
fn check_paths(info: &Info) {
    assert_safe(&info.name);
    let mut files = BTreeSet::new();
    let mut dirs = BTreeSet::new();
    for (index, file) in info.files_indexed() {
        assert!(!file.path.is_empty());
        file.path.iter().for_each(|element| assert_safe(element));
        if let Some(Symlink::Inside(target)) = &file.symlink {
            target.iter().for_each(|element| assert_safe(element));
        }
        assert!(info.file_path(index).is_relative());
        if !file.padding {
            assert!(
                files.insert(lowered(&file.path)),
                "two files at {:?}",
                file.path
            );
            for depth in 1..file.path.len() {
                dirs.insert(lowered(&file.path[..depth]));
            }
        }
    }
    assert!(files.is_disjoint(&dirs), "a file where a directory is");
}

fn lowered(path: &[String]) -> Vec<String> {
    path.iter()
        .map(|element| element.to_ascii_lowercase())
        .collect()
}

fn assert_safe(element: &str) {
    assert!(!matches!(element, "" | "." | ".."), "{element:?}");
    assert!(element.len() <= 255, "{element:?}");
    assert!(
        !element.contains(|c: char| c.is_control() || matches!(c, '/' | '\\')),
        "{element:?}"
    );
}

fn check_layers(metainfo: &Metainfo) {
    let info = &metainfo.info;
    let piece_len = info.layout.piece_len_nominal();
    for (index, file) in info.files_indexed() {
        let needs_root = info.format().has_v2() && !file.padding && file.len > 0;
        assert_eq!(file.pieces_root.is_some(), needs_root, "{file:?}");
        let (Some(layer), Some(root)) = (metainfo.piece_layer(index), file.pieces_root) else {
            assert!(!is_one_piece(file, piece_len) || !needs_root, "{file:?}");
            continue;
        };
        assert_eq!(layer.len(), info.file_pieces(index).len());
        assert_eq!(layer.iter().len(), layer.len());
        assert_eq!(root_of_layer(layer.iter(), piece_len / LEAF_LEN), root);
        assert_eq!(layer.iter().last(), Some(layer.get(layer.len() - 1)));
    }
}

fn is_one_piece(file: &FileEntry, piece_len: u32) -> bool {
    file.len <= u64::from(piece_len)
}

fn check_round_trip(metainfo: &Metainfo) {
    let bytes = metainfo.encode();
    let again = Metainfo::parse(&bytes).expect("what was written can be read");
    assert_eq!(again.raw_info, metainfo.raw_info);
    assert_eq!(again.info_hashes, metainfo.info_hashes);
    assert_eq!(again.trackers, metainfo.trackers);
    assert_eq!(again.web_seeds, metainfo.web_seeds);
    assert_eq!(again.nodes, metainfo.nodes);
    assert_eq!(again.comment, metainfo.comment);
    assert_eq!(again.created_by, metainfo.created_by);
    assert_eq!(again.creation_date, metainfo.creation_date);
    for file in 0..metainfo.info.files.len() as u32 {
        let file = FileIndex(file);
        assert_eq!(again.piece_layer(file), metainfo.piece_layer(file));
    }
    assert_eq!(again.encode(), bytes);
}

/// Lints are few, and fit to be shown.
fn check_lints(metainfo: &Metainfo) {
    let lints = lints(metainfo);
    assert!(lints.len() <= LINTS_MAX);
    for lint in lints {
        let sentence = lint.to_string();
        assert!(sentence.len() < 2000, "{sentence}");
        assert!(!sentence.contains(char::is_control), "{sentence:?}");
    }
}

/// An edit changes what it names and nothing else.
fn check_edits(bytes: &[u8], metainfo: &Metainfo) {
    let apply = |edit: &TorrentEdit, bytes: &[u8]| {
        let edited = edit.apply(bytes).expect("it is a torrent");
        let after = Metainfo::parse(&edited.bytes).expect("the edit has read it");
        assert_eq!(edited.after, after.info_hashes);
        // Once is enough.
        let again = edit.apply(&edited.bytes).expect("it is a torrent");
        assert_eq!(again.bytes, edited.bytes);
        assert!(!again.info_hash_changed());
        (edited, after)
    };
    let (unchanged, after) = apply(&TorrentEdit::default(), bytes);
    assert_eq!(after.raw_info, metainfo.raw_info);
    assert_eq!(after.encode(), metainfo.encode());

    let around = TorrentEdit {
        trackers: Change::Set(vec![vec!["udp://a".to_owned(), "udp://b".to_owned()]]),
        web_seeds: Change::Remove,
        comment: Change::Set("a comment".to_owned()),
        ..TorrentEdit::default()
    };
    let (edited, after) = apply(&around, bytes);
    assert!(!edited.info_hash_changed());
    assert_eq!(after.raw_info, metainfo.raw_info);
    assert_eq!(after.trackers, [["udp://a", "udp://b"]]);
    assert!(after.web_seeds.is_empty());
    assert_eq!(after.comment.as_deref(), Some("a comment"));
    assert_eq!(after.nodes, metainfo.nodes);
    assert_eq!(after.created_by, metainfo.created_by);
    assert_eq!(after.creation_date, metainfo.creation_date);

    let inside = TorrentEdit {
        private: Some(!metainfo.info.private),
        source: Change::Set("a source".to_owned()),
        ..TorrentEdit::default()
    };
    let (edited, after) = apply(&inside, bytes);
    assert!(edited.info_hash_changed());
    assert_eq!(after.info.private, !metainfo.info.private);
    assert_eq!(after.info.source.as_deref(), Some("a source"));
    // A torrent without a usable name is named by its hash.
    if after.info.name == metainfo.info.name {
        assert_eq!(after.info.files, metainfo.info.files);
    }
    assert_eq!(after.trackers, metainfo.trackers);
    for file in 0..metainfo.info.files.len() as u32 {
        let file = FileIndex(file);
        assert_eq!(after.piece_layer(file), metainfo.piece_layer(file));
    }
    let removed = TorrentEdit {
        private: Some(metainfo.info.private),
        source: Change::Remove,
        ..TorrentEdit::default()
    };
    let (_, after) = apply(&removed, &edited.bytes);
    assert_eq!(after.info.private, metainfo.info.private);
    assert_eq!(after.info.source, None);
    assert!(unchanged.bytes.len() <= bytes.len());
}
