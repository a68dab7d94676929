//! `superseed show` and what it says of bad input.
#![allow(clippy::unwrap_used, reason = "in a test, a panic is the verdict")]

mod support;

use superseed::TorrentBuilder;
use superseed_cli::Exit;
use superseed_proto::metainfo::Format;
use support::{Fixture, superseed};

/// imdl's keys in imdl's order, ours among them where they belong. Programs
/// rely on each of them: what is missing is null, never absent.
const KEYS: [&str; 23] = [
    "name",
    "comment",
    "creation_date",
    "created_by",
    "source",
    "info_hash",
    "info_hash_v2",
    "meta_version",
    "torrent_size",
    "content_size",
    "private",
    "tracker",
    "announce_list",
    "update_url",
    "dht_nodes",
    "web_seeds",
    "magnet",
    "piece_size",
    "piece_count",
    "file_count",
    "files",
    "file_details",
    "lints",
];

/// The keys of a printed object, in their order.
fn keys(line: &str) -> Vec<String> {
    // The values of this test have no braces or colons in their text.
    let mut depth = 0;
    let mut keys = Vec::new();
    let mut rest = line;
    while let Some(at) = rest.find(['{', '}', '[', ']', '"']) {
        let found = rest.as_bytes()[at];
        rest = &rest[at + 1..];
        match found {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {
                let end = rest.find('"').unwrap();
                if depth == 1 && rest[end + 1..].starts_with(':') {
                    keys.push(rest[..end].to_owned());
                }
                rest = &rest[end + 1..];
            }
        }
    }
    keys
}

#[test]
fn json_has_the_keys_of_imdl_and_ours() {
    let fixture = Fixture::new();
    let output = superseed(["show", fixture.torrent(), "--json"]).run();
    assert_eq!(output.exit, Exit::Success, "{output:?}");
    let found = keys(&output.stdout);
    let missing: Vec<_> = KEYS
        .iter()
        .filter(|key| !found.contains(&(**key).to_owned()))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
    let order: Vec<_> = found
        .iter()
        .filter(|key| KEYS.contains(&key.as_str()))
        .collect();
    assert_eq!(order, KEYS);
    let json = &output.json()[0];
    assert_eq!(json["name"], "films");
    assert_eq!(json["content_size"], 605_000);
    assert_eq!(json["piece_count"], 19);
    assert_eq!(json["files"][2], "films/extra/b.srt");
    assert_eq!(json["file_details"][2]["offset"], 600_000);
    for key in ["path", "length", "offset", "pieces_root", "attr", "symlink"] {
        assert!(json["file_details"][0].get(key).is_some(), "{key}");
    }
    assert_eq!(json["info_hash"].as_str().unwrap().len(), 40);
    assert_eq!(output.stderr, "");
}

#[test]
fn the_page_draws_the_tree_and_the_list_numbers_as_select_file_counts() {
    let fixture = Fixture::new();
    let page = superseed(["show", fixture.torrent()]).run().stdout;
    let hash = superseed(["show", fixture.torrent(), "--json"])
        .run()
        .json()[0]["info_hash"]
        .as_str()
        .unwrap()
        .to_owned();
    let expected = format!(
        "\
Name          films
Info-hash     {hash}
Format        v1
Size          590.8 KiB (605000 bytes)
Pieces        19 of 32.0 KiB
Files         3
Private       no
Torrent file  {} B
Magnet        magnet:?xt=urn:btih:{hash}&dn=films

 590.8 KiB  films/
 585.9 KiB  ├── a.mkv
       0 B  ├── empty
   4.9 KiB  └── extra/
   4.9 KiB      └── b.srt
",
        std::fs::metadata(&fixture.torrent).unwrap().len()
    );
    assert!(page.starts_with(&expected), "{page}");
    let list = superseed(["show", "--files", fixture.torrent()])
        .run()
        .stdout;
    assert_eq!(
        list,
        "1   585.9 KiB  films/a.mkv\n2         0 B  films/empty\n3     4.9 KiB  films/extra/b.srt\n"
    );
    let listed = superseed(["-S", fixture.torrent()]).run();
    assert_eq!((listed.exit, listed.stdout), (Exit::Success, list));
    let json = superseed(["show", "--files", "--json", fixture.torrent()]).run();
    assert_eq!(json.json()[2]["path"], "films/extra/b.srt");
    let listed = superseed(["-S", fixture.torrent(), "--json"]).run();
    assert_eq!(listed.stdout, json.stdout);
    let bytes = superseed(["show", "--files", "--bytes", fixture.torrent()]).run();
    assert!(
        bytes.stdout.starts_with("1  600000  films/a.mkv\n"),
        "{bytes:?}"
    );
}

#[test]
fn parts_are_shown_alone() {
    let dir = tempfile::tempdir().unwrap();
    let torrent = TorrentBuilder::new("x", 16_384)
        .single_file(3)
        .hash_content(b"abc")
        .tier(["http://a.example/announce", "udp://b.example:1"])
        .tier(["http://c.example/announce"])
        .build();
    let path = dir.path().join("x.torrent");
    std::fs::write(&path, torrent).unwrap();
    let path = path.to_str().unwrap();
    let show = |option| superseed(["show", path, option]).run().stdout;
    assert_eq!(
        show("--trackers"),
        "1  http://a.example/announce\n1  udp://b.example:1\n2  http://c.example/announce\n"
    );
    assert_eq!(show("--tree"), "       3 B  x\n");
    assert!(show("--magnet").starts_with("magnet:?xt=urn:btih:"));
    let both = superseed(["show", path, "--tree", "--magnet"]).run();
    assert_eq!(both.exit, Exit::Usage, "{both:?}");
}

#[test]
fn what_is_odd_is_told_under_the_tree() {
    let torrent = TorrentBuilder::new("x", 1000)
        .file(["README"], 1)
        .file(["readme"], 2)
        .hash_content(b"abc")
        .private(true)
        .build();
    let page = superseed(["show", "-"]).stdin(torrent.clone()).run().stdout;
    let expected = "
Lints
  the piece length of 1000 bytes is not a power of two
  the piece length of 1000 bytes is below 16 KiB, which some clients refuse
  the torrent is private but has no tracker, so no peer can be found
  the path 'readme' differs from another in upper and lower case only, and the file is called 'readme.1'
";
    assert!(page.ends_with(expected), "{page}");
    let json = &superseed(["show", "-", "--json"])
        .stdin(torrent)
        .run()
        .json()[0];
    let lints = json["lints"].as_array().unwrap().iter();
    let kinds: Vec<_> = lints.map(|lint| lint["kind"].as_str().unwrap()).collect();
    assert_eq!(
        kinds,
        [
            "piece_length_odd",
            "piece_length_short",
            "private_without_tracker",
            "case_duplicate"
        ]
    );
}

#[test]
fn a_v2_torrent_is_shown_with_its_roots() {
    let torrent = TorrentBuilder::new("v2", 16_384)
        .format(Format::V2)
        .file(["a"], 20_000)
        .file(["b"], 5)
        .hash_content(&[7; 20_005])
        .build();
    let json = &superseed(["show", "-", "--json"])
        .stdin(torrent.clone())
        .run()
        .json()[0];
    assert!(json["info_hash"].is_null());
    assert_eq!(json["info_hash_v2"].as_str().unwrap().len(), 64);
    assert_eq!(json["meta_version"], 2);
    assert_eq!(json["content_size"], 20_005);
    assert_eq!(json["piece_count"], 3);
    assert_eq!(json["file_details"][1]["offset"], 32_768);
    assert_eq!(
        json["file_details"][1]["pieces_root"]
            .as_str()
            .unwrap()
            .len(),
        64
    );
    let page = superseed(["show", "-"]).stdin(torrent.clone()).run().stdout;
    assert!(page.contains("\nInfo-hash v2  "), "{page}");
    assert!(page.contains("\nFormat        v2\n"), "{page}");
    // Its swarm side has not landed: one sentence, and nothing is made.
    let dir = tempfile::tempdir().unwrap();
    for command in ["download", "seed"] {
        let args = [
            command,
            "-",
            "-d",
            dir.path().to_str().unwrap(),
            "--listen",
            "127.0.0.1:0",
        ];
        let output = superseed(args).stdin(torrent.clone()).run();
        assert_eq!(output.exit, Exit::Torrent, "{output:?}");
        assert!(
            output
                .stderr
                .contains("is version 2 only, which cannot be downloaded or seeded yet"),
            "{output:?}"
        );
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}

#[test]
fn nothing_of_a_torrent_moves_the_terminal() {
    let nasty = "a\u{1b}[2J\u{202e}b\u{9b}c\u{7f}d\u{2028}e";
    let torrent = TorrentBuilder::new("x", 16_384)
        .single_file(3)
        .hash_content(b"abc")
        .tier([format!("http://a.example/{nasty}")])
        .comment(format!("{nasty}\nsecond line"))
        .created_by(nasty)
        .source(nasty)
        .build();
    for args in [
        &["show", "-"][..],
        &["show", "-", "--json"],
        &["show", "-", "--trackers"],
        &["show", "-", "--trackers", "--json"],
        &["show", "-", "--magnet"],
    ] {
        let output = superseed(args).stdin(torrent.clone()).run();
        assert_eq!(output.exit, Exit::Success, "{output:?}");
        let obeyed = |c: char| c != '\n' && (c.is_control() || "\u{202e}\u{2028}".contains(c));
        assert!(!output.stdout.contains(obeyed), "{args:?}: {output:?}");
    }
}

#[test]
fn a_hundred_thousand_files_are_shown_at_once() {
    let mut builder = TorrentBuilder::new("many", 16_384);
    for number in 0..100_000 {
        let (dir, name) = (format!("dir{}", number / 1000), format!("file{number}"));
        builder = builder.file([dir, name], 1);
    }
    let torrent = builder.hash_content(&vec![0; 100_000]).build();
    let output = superseed(["show", "-"]).stdin(torrent).run();
    assert_eq!(output.exit, Exit::Success, "{output:?}");
    assert!(output.stdout.lines().count() > 100_100);
    assert!(output.stdout.contains("    1000 B  └── dir99/\n"));
    assert!(output.stdout.contains("       1 B      └── file99999\n"));
}

#[test]
fn a_torrent_comes_through_standard_input() {
    let fixture = Fixture::new();
    let bytes = std::fs::read(&fixture.torrent).unwrap();
    let output = superseed(["show", "-", "--json"]).stdin(bytes).run();
    assert_eq!(output.json()[0]["name"], "films");
}

#[test]
fn bad_input_is_one_sentence_with_the_path_and_its_code() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let html = write("page.torrent", b"<!DOCTYPE html><html></html>");
    let cut = write("cut.torrent", b"d4:infod4:name3:ab");
    let empty = write("empty.torrent", b"");
    let nothing = write("nothing.torrent", b"de");
    let list = write("list.torrent", b"le");
    let lists = write("lists.torrent", &vec![b'l'; superseed::FETCH_BYTES_MAX]);
    let huge = write("huge.torrent", &vec![b'0'; superseed::FETCH_BYTES_MAX + 1]);
    let table = [
        (html.as_str(), Exit::Bencode),
        (&cut, Exit::Bencode),
        (&empty, Exit::Bencode),
        (&nothing, Exit::Torrent),
        (&list, Exit::Torrent),
        (&lists, Exit::Bencode),
        (&huge, Exit::Torrent),
        ("/nonexistent/x.torrent", Exit::NotFound),
        (dir.path().to_str().unwrap(), Exit::Io),
    ];
    for (path, exit) in table {
        for command in ["show", "download", "seed"] {
            let output = superseed([command, path]).run();
            assert_eq!(output.exit, exit, "{command} {output:?}");
            assert_eq!(output.stdout, "");
            assert_eq!(output.stderr.lines().count(), 1, "{output:?}");
            assert!(output.stderr.starts_with("superseed: "), "{output:?}");
            assert!(output.stderr.contains(path), "{output:?}");
        }
    }
}

#[test]
fn a_reader_that_went_away_is_success() {
    let fixture = Fixture::new();
    let output = superseed(["show", fixture.torrent()]).broken_stdout().run();
    assert_eq!((output.exit, output.stderr.as_str()), (Exit::Success, ""));
}
