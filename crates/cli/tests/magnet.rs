//! `superseed magnet`, and what `show` says of links.
#![allow(clippy::unwrap_used, reason = "in a test, a panic is the verdict")]

mod support;

use superseed::TorrentBuilder;
use superseed_cli::Exit;
use support::{Fixture, Output, superseed};

const HASH: &str = "0123456789abcdef0123456789abcdef01234567";
const BASE32: &str = "AERUKZ4JVPG66AJDIVTYTK6N54ASGRLH";

fn magnet(args: &[&str]) -> Output {
    superseed(["magnet"].iter().chain(args)).run()
}

#[test]
fn the_link_of_a_torrent_is_printed() {
    let torrent = TorrentBuilder::new("a b", 16_384)
        .single_file(3)
        .hash_content(b"abc")
        .tier(["http://t.example/announce?a=1"])
        .build();
    let link = |more: &[&str]| {
        let args = ["magnet", "-"].iter().chain(more);
        let output = superseed(args).stdin(torrent.clone()).run();
        assert_eq!(output.exit, Exit::Success, "{output:?}");
        output.stdout
    };
    let hash = superseed::Metainfo::parse(&torrent).unwrap().info_hashes;
    let bare = format!("magnet:?xt=urn:btih:{hash}&dn=a%20b");
    let tracker = "&tr=http%3A%2F%2Ft.example%2Fannounce%3Fa%3D1";
    assert_eq!(link(&[]), format!("{bare}{tracker}\n"));
    assert_eq!(link(&["--no-trackers"]), format!("{bare}\n"));
    let more = [
        "--no-trackers",
        "--tracker=udp://u.example:1",
        "--peer=[::1]:6881",
        "--peer=host.example:1",
        "--select-only=1",
    ];
    assert_eq!(
        link(&more),
        format!("{bare}&tr=udp%3A%2F%2Fu.example%3A1&x.pe=[::1]:6881&x.pe=host.example:1&so=0\n")
    );
}

#[test]
fn files_are_counted_from_one_here_and_from_zero_in_the_link() {
    let fixture = Fixture::new();
    let selected = |ranges: &str| {
        let output = magnet(&[fixture.torrent(), "--select-only", ranges]);
        let link = output.stdout.trim_end().to_owned();
        link.rsplit_once("&so=").map(|(_, so)| so.to_owned())
    };
    assert_eq!(selected("1-3").as_deref(), Some("0-2"));
    assert_eq!(selected("3,1").as_deref(), Some("0,2"));
    assert_eq!(selected("2-").as_deref(), Some("1-2"));
    let beyond = magnet(&[fixture.torrent(), "--select-only", "1-4"]);
    assert_eq!(beyond.exit, Exit::Usage);
    assert_eq!(
        beyond.stderr,
        "superseed: there is no file 4 in the torrent\n"
    );
    let page = superseed(["show", &format!("magnet:?xt=urn:btih:{HASH}&so=0-2,6")]).run();
    assert!(
        page.stdout.contains("Files         only 1-3,7\n"),
        "{page:?}"
    );
}

#[test]
fn an_info_hash_is_a_link_too() {
    let bare = format!("magnet:?xt=urn:btih:{HASH}\n");
    for text in [HASH, &HASH.to_uppercase(), BASE32] {
        assert_eq!(magnet(&[text]).stdout, bare, "{text}");
    }
    let v2 = "ab".repeat(32);
    let link = format!("magnet:?xt=urn:btmh:1220{v2}\n");
    for text in [v2.clone(), format!("1220{v2}")] {
        assert_eq!(magnet(&[&text]).stdout, link, "{text}");
    }
    let output = magnet(&[HASH, "--json", "--tracker=http://t.example/"]);
    let json = &output.json()[0];
    assert_eq!(json["info_hash"], HASH);
    assert!(json["info_hash_v2"].is_null());
    assert_eq!(json["trackers"][0], "http://t.example/");
}

#[test]
fn show_reads_links() {
    let link = format!(
        "magnet:?xt=urn:btih:{BASE32}&dn=a+b%1b[2J&xl=2048&tr=udp://t.example:1&ws=http://w.example/&x.pe=127.0.0.1:1"
    );
    let page = superseed(["show", &link]).run();
    assert_eq!(page.exit, Exit::Success, "{page:?}");
    let expected = format!(
        "\
Name          a b\u{fffd}[2J
Info-hash     {HASH}
Size          2.0 KiB (2048 bytes), the link claims
Trackers      udp://t.example:1
Web seeds     http://w.example/
Peers         127.0.0.1:1
Magnet        magnet:?xt=urn:btih:{HASH}&dn=a%20b%1B%5B2J"
    );
    assert!(page.stdout.starts_with(&expected), "{page:?}");
    let json = &superseed(["show", &link, "--json"]).run().json()[0];
    assert_eq!(json["info_hash"], HASH);
    assert_eq!(json["content_size"], 2048);
    assert_eq!(json["announce_list"][0][0], "udp://t.example:1");
    assert_eq!(json["peers"][0], "127.0.0.1:1");
    assert!(json["files"].is_null());
    let trackers = superseed(["show", &link, "--trackers"]).run();
    assert_eq!(trackers.stdout, "1  udp://t.example:1\n");
    let files = superseed(["show", &link, "--files"]).run();
    assert_eq!(files.exit, Exit::Magnet, "{files:?}");
}

#[test]
fn bad_links_are_one_sentence_and_a_code() {
    let with = |more: &str| format!("magnet:?xt=urn:btih:{HASH}{more}");
    let table = [
        (
            with("&so=0-18446744073709551615"),
            "the magnet link's selection of files (`so`) cannot be read: \
             `18446744073709551615` is not a file number from 0 to 2097151",
        ),
        (
            with("&so=3-1"),
            "the magnet link's selection of files (`so`) cannot be read: \
             the range 3-1 ends before it begins",
        ),
        (
            "magnet:?dn=x".to_owned(),
            "the magnet link names no torrent: it has no `xt=urn:btih:` and no `xt=urn:btmh:`",
        ),
        (
            "magnet:?xt=urn:btih:0".to_owned(),
            "the magnet link's v1 info-hash `0` is not 40 hexadecimal or 32 base32 characters",
        ),
    ];
    for (link, sentence) in &table {
        for command in ["magnet", "show"] {
            let output = superseed([command, link]).run();
            assert_eq!(output.exit, Exit::Magnet, "{output:?}");
            assert_eq!(output.stdout, "");
            assert_eq!(output.stderr, format!("superseed: {sentence}\n"));
        }
    }
    for args in [
        &[HASH, "--select-only", "0"][..],
        &[HASH, "--select-only", "2-"],
        &[HASH, "--select-only", "1-4294967295"],
        &[HASH, "--peer", "nowhere"],
        &[HASH, "--peer", "a b:1"],
        &[HASH, "--tracker", "nowhere"],
        &[],
    ] {
        let output = magnet(args);
        assert_eq!(output.exit, Exit::Usage, "{args:?}: {output:?}");
        assert_eq!(output.stdout, "", "{args:?}");
    }
}

#[test]
fn commands_that_need_a_torrent_file_say_so_of_links() {
    let link = format!("magnet:?xt=urn:btih:{HASH}");
    for args in [&["verify", &link][..], &["edit", &link, "--private"]] {
        let output = superseed(args).run();
        assert_eq!(output.exit, Exit::Magnet, "{output:?}");
        assert!(output.stderr.contains("only names a torrent"), "{output:?}");
    }
}

#[test]
fn a_link_that_cannot_be_read_is_one_sentence() {
    for (link, words) in [
        ("magnet:?dn=nothing", "xt"),
        ("magnet:?xt=urn:btih:zz", "zz"),
        ("magnet:?xt=urn:sha1:YNCKHTQCWBTRNJIV4WNAE52SJUQCZO5C", "xt"),
    ] {
        let output = superseed(["download", link]).run();
        assert_eq!(output.exit, Exit::Magnet, "{link}: {output:?}");
        assert_eq!(output.stderr.lines().count(), 1, "{output:?}");
        assert!(output.stderr.contains(words), "{output:?}");
    }
}
