//! Piece layers, and torrents that are written again.

use super::*;
use crate::hash::Sha256Hash;
use crate::merkle;

/// Three files: two of several pieces with equal bytes, and a small one.
fn builder(format: Format) -> TorrentBuilder {
    let mut content = vec![1; 40_000];
    content.extend_from_slice(&content.clone());
    content.extend_from_slice(&[2; 5]);
    TorrentBuilder::new("t", 16_384)
        .format(format)
        .file(["a"], 40_000)
        .file(["b"], 40_000)
        .file(["small"], 5)
        .hash_content(&content)
        .tier(["http://t.example/announce"])
}

/// A v2 torrent of one file of two pieces, with this as `piece layers`.
fn with_layers(layers: &str) -> Vec<u8> {
    let whole = TorrentBuilder::new("f", 16_384)
        .format(Format::V2)
        .single_file(20_000)
        .hash_content(&[3; 20_000])
        .build();
    let metainfo = Metainfo::parse(&whole).unwrap();
    let mut torrent = b"d4:info".to_vec();
    torrent.extend_from_slice(&metainfo.raw_info);
    torrent.extend_from_slice(b"12:piece layers");
    let layer = metainfo.piece_layer(FileIndex(0)).unwrap();
    let (first, last) = (layer.get(0), layer.get(1));
    let root = metainfo.info.files[0].pieces_root.unwrap();
    // Hashes are no text, so letters stand for them.
    for byte in layers.bytes() {
        match byte {
            b'R' => torrent.extend_from_slice(&root.0),
            b'1' if layers.contains('R') || layers.contains('X') => {
                torrent.extend_from_slice(&first.0);
            }
            b'2' if layers.contains('R') || layers.contains('X') => {
                torrent.extend_from_slice(&last.0);
            }
            b'X' => torrent.extend_from_slice(&[b'x'; 32]),
            b'T' => torrent.extend_from_slice(b"32:"),
            b'S' => torrent.extend_from_slice(b"64:"),
            other => torrent.push(other),
        }
    }
    torrent.push(b'e');
    torrent
}

#[test]
fn layers_are_found_by_file_and_shared_by_equal_roots() {
    for format in [Format::V2, Format::Hybrid] {
        let metainfo = Metainfo::parse(&builder(format).build()).unwrap();
        let files: Vec<_> = metainfo
            .info
            .files_indexed()
            .filter(|(_, file)| !file.padding)
            .collect();
        let layer = |at: usize| metainfo.piece_layer(files[at].0).unwrap();
        assert_eq!(layer(0), layer(1));
        assert_eq!((layer(0).len(), layer(2).len()), (3, 1));
        assert_eq!(Some(layer(2).get(0)), files[2].1.pieces_root);
        assert_eq!(layer(2).get(0), Sha256Hash::of(&[2; 5]));
        let root = merkle::root_of_layer(layer(0).iter(), 1);
        assert_eq!(Some(root), files[0].1.pieces_root);
    }
    let v1 = Metainfo::parse(&builder(Format::V1).build()).unwrap();
    assert_eq!(v1.piece_layer(FileIndex(0)), None);
}

#[test]
fn layers_that_are_wrong_or_foreign_are_refused() {
    let root = {
        let metainfo = Metainfo::parse(&with_layers("dTRS12e")).unwrap();
        metainfo.info.files[0].pieces_root.unwrap()
    };
    use MetainfoError as M;
    let table = [
        ("dTRS21e", M::PieceLayerRoot(root)),
        (
            "dTRT1e",
            M::PieceLayerLength {
                root,
                found: 32,
                expected: 64,
            },
        ),
        ("dTXS12e", M::PieceLayerForeign(Sha256Hash([b'x'; 32]))),
        ("dTRS12TRS12e", M::PieceLayerForeign(root)),
        ("dTRi5ee", M::PieceLayer),
        ("d3:abcS12e", M::PieceLayer),
    ];
    for (layers, expected) in table {
        if layers.starts_with("d3") {
            let bytes = with_layers("d3:abc0:e");
            assert_eq!(error(&bytes), expected);
        } else {
            assert_eq!(error(&with_layers(layers)), expected, "{layers}");
        }
    }
}

#[test]
fn a_layer_of_a_file_of_one_piece_is_foreign() {
    let torrent = TorrentBuilder::new("f", 16_384)
        .format(Format::V2)
        .single_file(5)
        .hash_content(b"12345");
    let root = Sha256Hash::of(b"12345");
    let whole = torrent.build();
    let at = whole.len() - "dee".len();
    assert_eq!(&whole[at..], b"dee");
    let mut with_layer = whole[..=at].to_vec();
    with_layer.extend_from_slice(b"32:");
    with_layer.extend_from_slice(&root.0);
    with_layer.extend_from_slice(b"32:");
    with_layer.extend_from_slice(&root.0);
    with_layer.extend_from_slice(b"ee");
    assert_eq!(error(&with_layer), MetainfoError::PieceLayerForeign(root));
}

#[test]
fn missing_layers_leave_a_torrent_usable() {
    for layers in ["de", "i5e", "le"] {
        let metainfo = Metainfo::parse(&with_layers(layers)).unwrap();
        assert_eq!(metainfo.piece_layer(FileIndex(0)), None);
    }
    let raw = Bytes::from(builder(Format::V2).build_info());
    let metainfo = Metainfo::from_raw_info(raw, &MetainfoLimits::default()).unwrap();
    assert_eq!(metainfo.piece_layer(FileIndex(0)), None);
    assert!(metainfo.piece_layer(FileIndex(2)).is_some());
}

#[test]
fn a_torrent_that_is_written_again_has_the_bytes_that_came() {
    for format in [Format::V1, Format::V2, Format::Hybrid] {
        let torrent = builder(format)
            .tier(["udp://u.example:1"])
            .web_seed("http://w.example/")
            .node("n.example", 6881)
            .comment("c")
            .created_by("p")
            .creation_date(3)
            .build();
        let metainfo = Metainfo::parse(&torrent).unwrap();
        assert_eq!(metainfo.info.format(), format);
        assert_eq!(metainfo.encode(), torrent, "{format}");
    }
}
