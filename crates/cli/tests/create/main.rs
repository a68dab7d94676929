//! `superseed create`: what it makes, says and refuses.
#![allow(clippy::unwrap_used, reason = "in a test, a panic is the verdict")]

mod refusals;
#[path = "../support/mod.rs"]
mod support;

use std::fs;
use std::path::{Path, PathBuf};

use superseed::Metainfo;
use superseed_cli::Exit;
use support::{Fixture, Output, superseed};

/// The fixture's data in a directory, and a path for a torrent beside it.
struct Scene {
    fixture: Fixture,
    films: PathBuf,
    torrent: PathBuf,
}

impl Scene {
    fn new() -> Self {
        let fixture = Fixture::new();
        let films = fixture.with_data("data").join("films");
        let torrent = fixture.dir.path().join("made.torrent");
        Self {
            fixture,
            films,
            torrent,
        }
    }

    /// `create FILMS -o TORRENT` and more.
    fn create(&self, more: &[&str]) -> Output {
        let mut args = vec!["create", text(&self.films), "-o", text(&self.torrent)];
        args.extend(more);
        superseed(args).run()
    }

    fn made(&self) -> Metainfo {
        Metainfo::parse(&fs::read(&self.torrent).unwrap()).unwrap()
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_torrent_is_made_and_its_path_printed() {
    let scene = Scene::new();
    let output = scene.create(&["-l", "32K", "--magnet"]);
    assert_eq!(output.exit, Exit::Success, "{output:?}");
    let made = scene.made();
    let hash = made.info_hashes;
    assert_eq!(
        output.stdout,
        format!(
            "{}\nmagnet:?xt=urn:btih:{hash}&dn=films\n",
            scene.torrent.display()
        )
    );
    assert_eq!(
        output.stderr,
        format!(
            "films: hashing 590.8 KiB\n\
             films: v1, 590.8 KiB in 3 files, 19 pieces of 32.0 KiB, info-hash {hash}\n"
        )
    );
    // The builder of the fixture hashed the same bytes in memory.
    let expected = Metainfo::parse(&fs::read(&scene.fixture.torrent).unwrap()).unwrap();
    assert_eq!(hash, expected.info_hashes);
    let odd = scene.create(&["-l", "1000", "--private", "--force"]);
    assert!(
        odd.stderr.ends_with(
            "films: the piece length of 1000 bytes is not a power of two\n\
             films: the piece length of 1000 bytes is below 16 KiB, which some clients refuse\n\
             films: the torrent is private but has no tracker, so no peer can be found\n"
        ),
        "{odd:?}"
    );
    let quiet = scene.create(&["-q", "--force"]);
    assert_eq!(quiet.exit, Exit::Success, "{quiet:?}");
    assert_eq!(quiet.stderr, "");
}

#[test]
fn everything_that_a_torrent_says_can_be_said() {
    let scene = Scene::new();
    let output = scene.create(&[
        "--hybrid",
        "--piece-length=64K",
        "-a",
        "http://a.example/announce,udp://b.example:1",
        "--announce=http://c.example/announce",
        "-w",
        "http://seed.example/",
        "--node",
        "[::1]:6881",
        "-p",
        "-s",
        "SRC",
        "-c",
        "words",
        "-n",
        "cinema",
        "--creation-date",
        "2024-02-29T23:59:59Z",
        "-t",
        "2",
        "--exclude",
        "empty",
    ]);
    assert_eq!(output.exit, Exit::Success, "{output:?}");
    let made = scene.made();
    assert_eq!(
        made.trackers,
        [
            vec!["http://a.example/announce", "udp://b.example:1"],
            vec!["http://c.example/announce"]
        ]
    );
    assert_eq!(made.web_seeds, ["http://seed.example/"]);
    assert_eq!(made.nodes, [("::1".to_owned(), 6881)]);
    assert!(made.info.private);
    assert_eq!(made.info.source.as_deref(), Some("SRC"));
    assert_eq!(made.comment.as_deref(), Some("words"));
    assert_eq!(made.name(), "cinema");
    assert_eq!(made.creation_date, Some(1_709_251_199));
    assert_eq!(made.created_by.as_deref(), Some("superseed/0.1.0"));
    assert_eq!(made.info.layout.piece_len_nominal(), 65_536);
    assert!(made.info_hashes.v1().is_some() && made.info_hashes.v2().is_some());
    let files = made.info.files.iter().filter(|file| !file.padding);
    let paths: Vec<_> = files.map(|file| file.path.join("/")).collect();
    assert_eq!(paths, ["a.mkv", "extra/b.srt"]);
}

#[test]
fn the_same_input_makes_the_same_bytes() {
    let scene = Scene::new();
    let create = |epoch: &str, threads: &str, format: &str| {
        let args = [
            "create",
            text(&scene.films),
            "-o",
            "-",
            "-t",
            threads,
            format,
        ];
        superseed(args).var("SOURCE_DATE_EPOCH", epoch).run_bytes()
    };
    for format in ["--v1", "--v2", "--hybrid"] {
        let first = create("1700000000", "1", format);
        assert_eq!(first, create("1700000000", "3", format));
        let made = Metainfo::parse(&first).unwrap();
        assert_eq!(made.creation_date, Some(1_700_000_000));
        assert_ne!(first, create("1700000001", "1", format));
    }
    let wrong = superseed(["create", text(&scene.films), "-o", "-"])
        .var("SOURCE_DATE_EPOCH", "yesterday")
        .run();
    assert_eq!(wrong.exit, Exit::Usage, "{wrong:?}");
    assert_eq!(
        wrong.stderr,
        "superseed: SOURCE_DATE_EPOCH is \"yesterday\", not a number of seconds since 1970\n"
    );
    let args = ["--no-date", "--no-created-by"];
    assert_eq!(scene.create(&args).exit, Exit::Success);
    assert_eq!(scene.made().creation_date, None);
    assert_eq!(scene.made().created_by, None);
}

#[test]
fn what_is_named_beats_what_is_configured() {
    let scene = Scene::new();
    for (more, v1, v2) in [
        (None, false, true),
        (Some("--v1"), true, false),
        (Some("--hybrid"), true, true),
    ] {
        let args = ["create", text(&scene.films), "-o", "-"];
        let run = superseed(args.into_iter().chain(more)).var("SUPERSEED_CREATE_V2", "true");
        let made = Metainfo::parse(&run.run_bytes()).unwrap().info_hashes;
        assert_eq!(
            (made.v1().is_some(), made.v2().is_some()),
            (v1, v2),
            "{more:?}"
        );
    }
}

#[test]
fn files_are_chosen_and_sorted() {
    let scene = Scene::new();
    let made = |more: &[&str]| {
        let output = scene.create(&[more, &["--force"]].concat());
        assert_eq!(output.exit, Exit::Success, "{output:?}");
        let made = scene.made();
        let paths = made.info.files.iter().map(|file| file.path.join("/"));
        paths.collect::<Vec<_>>()
    };
    assert_eq!(made(&["--include", "*.mkv"]), ["a.mkv"]);
    assert_eq!(made(&["--exclude", "extra"]), ["a.mkv", "empty"]);
    assert_eq!(made(&["--sort"]), ["a.mkv", "empty", "extra/b.srt"]);
    assert_eq!(made(&["--sort=size"]), ["empty", "extra/b.srt", "a.mkv"]);
    assert_eq!(
        made(&["--sort=size-descending"]),
        ["a.mkv", "extra/b.srt", "empty"]
    );
}

#[cfg(unix)]
#[test]
fn links_are_kept_or_followed() {
    let scene = Scene::new();
    std::os::unix::fs::symlink("a.mkv", scene.films.join("link")).unwrap();
    let link = |more: &[&str]| {
        let output = scene.create(&[more, &["--force"]].concat());
        assert_eq!(output.exit, Exit::Success, "{output:?}");
        let made = scene.made();
        let file = made.info.files.iter().find(|file| file.path == ["link"]);
        let file = file.unwrap();
        (file.len, file.symlink.is_some())
    };
    assert_eq!(link(&[]), (0, true));
    assert_eq!(link(&["--symlinks", "follow"]), (600_000, false));
}

#[test]
fn a_dry_run_says_what_would_be_made_and_writes_nothing() {
    let scene = Scene::new();
    let output = scene.create(&["--dry-run", "-l", "32K", "-a", "http://a.example/"]);
    assert_eq!(output.exit, Exit::Success, "{output:?}");
    let expected = format!(
        "\
Name          films
Format        v1
Size          590.8 KiB (605000 bytes)
Pieces        19 of 32.0 KiB
Files         3
Private       no
Trackers      tier 1: http://a.example/
Output        {}

 590.8 KiB  films/
 585.9 KiB  ├── a.mkv
       0 B  ├── empty
   4.9 KiB  └── extra/
   4.9 KiB      └── b.srt
",
        scene.torrent.display()
    );
    assert_eq!(output.stdout, expected);
    assert!(!scene.torrent.exists());
    let json = &scene.create(&["--dry-run", "--json", "-l", "32K"]).json()[0];
    assert_eq!(json["dry_run"], true);
    assert_eq!(json["piece_count"], 19);
    assert!(json["info_hash"].is_null());
}

#[test]
fn json_tells_what_was_made() {
    let scene = Scene::new();
    let output = scene.create(&["--v2", "--json"]);
    assert_eq!(output.exit, Exit::Success, "{output:?}");
    assert_eq!(output.stderr, "");
    let json = &output.json()[0];
    let hash = scene.made().info_hashes.v2().unwrap().to_string();
    assert_eq!(json["info_hash_v2"], hash);
    assert_eq!(json["meta_version"], 2);
    assert_eq!(json["path"], text(&scene.torrent));
    assert_eq!(json["content_size"], 605_000);
    assert_eq!(json["file_count"], 3);
    let magnet = json["magnet"].as_str().unwrap();
    assert!(magnet.contains(&format!("urn:btmh:1220{hash}")), "{magnet}");
}

#[test]
fn a_bar_is_drawn_on_a_terminal_and_gone_at_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let (data, torrent) = (dir.path().join("big"), dir.path().join("big.torrent"));
    fs::File::create(&data).unwrap().set_len(1 << 38).unwrap();
    let args = ["create", text(&data), "-o", text(&torrent), "-l", "16M"];
    let output = superseed(args).terminal().run();
    assert_eq!(output.exit, Exit::Success, "{output:?}");
    assert_eq!(output.stdout, format!("{}\n", torrent.display()));
    let (bar, after) = output.stderr.rsplit_once("\x1b[2K").unwrap();
    assert!(bar.contains("big ["), "{output:?}");
    assert!(bar.contains("%  hashing  "), "{output:?}");
    assert!(
        after.starts_with("big: v1, 256.0 GiB in 1 file"),
        "{output:?}"
    );
}

#[test]
fn one_piece_is_not_called_pieces() {
    let output = Scene::new().create(&["-l", "1M"]);
    assert!(
        output.stderr.contains(", 1 piece of 1.0 MiB,"),
        "{output:?}"
    );
}
