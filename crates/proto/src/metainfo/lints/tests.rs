use super::*;
use crate::metainfo::TorrentBuilder;

fn of(torrent: &[u8]) -> Vec<Lint> {
    lints(&Metainfo::parse(torrent).unwrap())
}

fn small() -> TorrentBuilder {
    TorrentBuilder::new("t", 16_384)
        .file(["a"], 5)
        .hash_content(b"12345")
        .tier(["http://t.example/announce"])
}

/// A v1 torrent of one piece with these entries of `files`.
fn multi(files: &str) -> Vec<u8> {
    let hash = "6:pieces20:aaaaaaaaaaaaaaaaaaaa";
    format!("d4:infod5:filesl{files}e4:name1:t12:piece lengthi16384e{hash}ee").into_bytes()
}

fn file(path: &str) -> String {
    format!("d6:lengthi1e4:pathl{path}ee")
}

#[test]
fn a_plain_torrent_has_no_lints() {
    assert_eq!(of(&small().build()), []);
    let content = vec![1; 40_000];
    for format in [Format::V2, Format::Hybrid] {
        let torrent = TorrentBuilder::new("t", 16_384)
            .format(format)
            .file(["a"], 40_000)
            .hash_content(&content)
            .build();
        assert_eq!(of(&torrent), []);
    }
}

#[test]
fn odd_piece_lengths_are_told() {
    let torrent = |piece_len| {
        TorrentBuilder::new("t", piece_len)
            .single_file(5)
            .hash_content(&[0; 5])
    };
    assert_eq!(
        of(&torrent(3).build()),
        [Lint::PieceLenOdd(3), Lint::PieceLenShort(3)]
    );
    assert_eq!(
        of(&torrent(256 << 20).build()),
        [
            Lint::PieceLenLong(256 << 20),
            Lint::FewPieces {
                count: 1,
                piece_len: 256 << 20
            }
        ]
    );
    let hashes = vec![crate::hash::Sha1Hash([0; 20]); 100_001];
    let many = TorrentBuilder::new("t", 16_384)
        .single_file(100_001 * 16_384)
        .piece_hashes(hashes);
    assert!(matches!(
        of(&many.build())[..],
        [Lint::ManyPieces { count: 100_001, .. }]
    ));
}

#[test]
fn signs_of_private_trackers_without_the_flag_are_told() {
    let source = |source: &str| PrivateSign::Source(source.to_owned());
    let club = small().source("club");
    assert_eq!(
        of(&club.clone().build()),
        [Lint::PrivateFlagMissing(source("club"))]
    );
    assert_eq!(of(&club.private(true).build()), []);
    let key = "0123456789abcdef".repeat(2);
    let lints = of(&small()
        .tier([format!("http://p.example/{key}/announce")])
        .build());
    assert_eq!(
        lints,
        [Lint::PrivateFlagMissing(PrivateSign::Passkey(
            "p.example".to_owned()
        ))]
    );
    assert!(!lints[0].to_string().contains(&key));
    let alone = TorrentBuilder::new("t", 16_384)
        .single_file(5)
        .hash_content(b"12345")
        .private(true)
        .node("n.example", 6881);
    assert_eq!(
        of(&alone.build()),
        [Lint::PrivateWithoutTracker, Lint::PrivateWithNodes]
    );
    let odd = small().tier(["gopher://t.example/", "nothing"]);
    let schemes = ["gopher", ""].map(|scheme| Lint::TrackerScheme(scheme.to_owned()));
    assert_eq!(of(&odd.build()), schemes);
}

#[test]
fn a_torrent_of_many_schemes_has_few_lints() {
    let urls = (0..100_000).map(|n| format!("x{n}://"));
    let lints = of(&small().tier(urls).build());
    assert_eq!(lints.len(), TRACKER_SCHEMES_MAX);
}

#[test]
fn names_that_were_changed_are_told_and_counted() {
    let torrent = multi(
        &[
            file("2:.."),
            file("1:a1:b"),
            file("1:a"),
            file("1:x"),
            file("1:X"),
            file("1:x"),
        ]
        .concat(),
    );
    let sentences: Vec<String> = of(&torrent).iter().map(Lint::to_string).collect();
    assert_eq!(
        sentences,
        [
            "the name '..' is not safe and is read as '_'",
            "the path 'a' is a file and a directory at once, and the file is called 'a.1'",
            "the path 'X' differs from another in upper and lower case only, and the file is called 'X.1'",
            "a second file has the path 'x' and is called 'x.2'",
        ]
    );
    let many = multi(&file("1:/").repeat(300));
    assert!(of(&many).contains(&Lint::MoreNames(499)));
}

#[test]
fn refused_links_and_missing_layers_are_told() {
    let link = "d4:attr1:l4:pathl1:le12:symlink pathl4:awayee";
    assert_eq!(
        of(&multi(&[&file("1:a"), link].concat())),
        [Lint::LinkRefused("l".to_owned())]
    );
    let raw = TorrentBuilder::new("t", 16_384)
        .format(Format::V2)
        .single_file(40_000)
        .hash_content(&[0; 40_000])
        .build_info();
    let metainfo = Metainfo::from_raw_info(raw.into(), &Default::default()).unwrap();
    assert_eq!(lints(&metainfo), [Lint::LayersMissing(1)]);
}

#[test]
fn lenient_bencode_is_told_where_it_is() {
    let whole = String::from_utf8(multi(&file("1:a"))).unwrap();
    let with = |from: &str, to: &str| of(whole.replacen(from, to, 1).as_bytes());
    assert_eq!(with("lengthi1e", "lengthi01e"), [Lint::NonCanonicalInfo]);
    assert_eq!(
        with("d4:info", "d7:comment01:x4:info"),
        [Lint::NonCanonicalOuter]
    );
    assert_eq!(
        with("d4:info", "d5:zzzzzi1e4:info"),
        [Lint::NonCanonicalOuter]
    );
    assert_eq!(
        of(format!("{whole}xx").as_bytes()),
        [Lint::TrailingBytes(2)]
    );
    let encoding = |name: &str| {
        with(
            "d4:info",
            &format!("d8:encoding{}:{name}4:info", name.len()),
        )
    };
    assert_eq!(encoding("GBK"), [Lint::Encoding("GBK".to_owned())]);
    assert_eq!(encoding("utf-8"), []);
}
