//! `superseed show` and what it says of bad input.
#![allow(clippy::unwrap_used, reason = "in a test, a panic is the verdict")]

mod support;

use superseed_cli::Exit;
use support::{Fixture, superseed};

#[test]
fn json_has_the_keys_of_imdl_and_ours() {
    let fixture = Fixture::new();
    let output = superseed(["show", fixture.torrent(), "--json"]).run();
    assert_eq!(output.exit, Exit::Success, "{output:?}");
    let json = &output.json()[0];
    let keys: Vec<&str> = json
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    for key in [
        "name",
        "comment",
        "creation_date",
        "created_by",
        "source",
        "info_hash",
        "torrent_size",
        "content_size",
        "private",
        "tracker",
        "announce_list",
        "update_url",
        "dht_nodes",
        "piece_size",
        "piece_count",
        "file_count",
        "files",
        "info_hash_v2",
        "meta_version",
        "web_seeds",
        "magnet",
        "file_details",
    ] {
        assert!(keys.contains(&key), "{key}");
    }
    assert_eq!(json["name"], "films");
    assert_eq!(json["content_size"], 605_000);
    assert_eq!(json["piece_count"], 19);
    assert_eq!(json["files"][2], "films/extra/b.srt");
    assert_eq!(json["file_details"][2]["offset"], 600_000);
    assert_eq!(json["info_hash"].as_str().unwrap().len(), 40);
    assert_eq!(output.stderr, "");
}

#[test]
fn the_page_and_the_list_number_the_files_as_select_file_counts() {
    let fixture = Fixture::new();
    let page = superseed(["show", fixture.torrent()]).run().stdout;
    assert!(
        page.starts_with("Name          films\nInfo-hash     "),
        "{page}"
    );
    let list = superseed(["show", "--files", fixture.torrent()])
        .run()
        .stdout;
    assert_eq!(
        list,
        "1   585.9 KiB  films/a.mkv\n2         0 B  films/empty\n3     4.9 KiB  films/extra/b.srt\n"
    );
    assert!(page.ends_with(&list));
    let listed = superseed(["-S", fixture.torrent()]).run();
    assert_eq!((listed.exit, listed.stdout), (Exit::Success, list));
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
    let huge = write("huge.torrent", &vec![b'0'; superseed::FETCH_BYTES_MAX + 1]);
    let table = [
        (html.as_str(), Exit::Bencode),
        (&cut, Exit::Bencode),
        (&empty, Exit::Bencode),
        (&nothing, Exit::Torrent),
        (&list, Exit::Torrent),
        (&huge, Exit::Torrent),
        ("/nonexistent/x.torrent", Exit::NotFound),
        (dir.path().to_str().unwrap(), Exit::Io),
        ("magnet:?xt=urn:btih:0", Exit::Magnet),
        ("0123456789abcdef0123456789abcdef01234567", Exit::Magnet),
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
