//! `superseed edit`: what it changes, leaves alone and refuses.
#![allow(clippy::unwrap_used, reason = "in a test, a panic is the verdict")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use superseed::{InfoHashes, Metainfo, TorrentBuilder};
use superseed_cli::Exit;
use support::{Output, superseed};
use tempfile::TempDir;

/// A directory with a torrent of one private tracker in it.
struct Scene {
    dir: TempDir,
    torrent: PathBuf,
}

impl Scene {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let torrent = dir.path().join("x.torrent");
        fs::write(&torrent, builder().build()).unwrap();
        Self { dir, torrent }
    }

    fn edit(&self, more: &[&str]) -> Output {
        superseed(["edit", text(&self.torrent)].iter().chain(more)).run()
    }

    fn read(&self) -> Metainfo {
        Metainfo::parse(&fs::read(&self.torrent).unwrap()).unwrap()
    }

    fn hash(&self) -> InfoHashes {
        self.read().info_hashes
    }
}

fn builder() -> TorrentBuilder {
    TorrentBuilder::new("x", 16_384)
        .single_file(3)
        .hash_content(b"abc")
        .tier(["http://a.example/announce", "http://b.example/announce"])
        .comment("old")
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn trackers_are_added_removed_and_replaced() {
    let scene = Scene::new();
    let hash = scene.hash();
    let output = scene.edit(&[
        "--add-tracker",
        "udp://c.example:1",
        "--remove-tracker",
        "http://a.example/announce",
        "--replace-tracker",
        "http://b.example/announce",
        "http://d.example/announce",
    ]);
    assert_eq!(output.exit, Exit::Success, "{output:?}");
    assert_eq!(
        output.stdout,
        format!(
            "{}: changed, info-hash stays {hash}\n",
            scene.torrent.display()
        )
    );
    assert_eq!(
        scene.read().trackers,
        [["http://d.example/announce"], ["udp://c.example:1"]]
    );
    // Once more: all of it is so already.
    let again = scene.edit(&["--add", "udp://c.example:1", "--remove", "http://gone/"]);
    assert_eq!(
        again.stdout,
        format!("{}: unchanged, info-hash {hash}\n", scene.torrent.display())
    );
    let announce = [
        "-a",
        "http://e.example/,http://f.example/",
        "-a",
        "udp://g.example:1",
    ];
    assert_eq!(scene.edit(&announce).exit, Exit::Success);
    assert_eq!(
        scene.read().trackers,
        [
            vec!["http://e.example/", "http://f.example/"],
            vec!["udp://g.example:1"]
        ]
    );
    assert_eq!(scene.edit(&["--no-trackers"]).exit, Exit::Success);
    assert!(scene.read().trackers.is_empty());
    assert_eq!(scene.hash(), hash);
}

#[test]
fn comments_and_web_seeds_are_set_and_removed() {
    let scene = Scene::new();
    let hash = scene.hash();
    let set = ["-c", "new", "-w", "http://w.example/x"];
    assert_eq!(scene.edit(&set).exit, Exit::Success);
    assert_eq!(scene.read().comment.as_deref(), Some("new"));
    assert_eq!(scene.read().web_seeds, ["http://w.example/x"]);
    assert_eq!(scene.edit(&["-c", ""]).exit, Exit::Success);
    assert_eq!(scene.read().comment, None);
    assert_eq!(scene.edit(&["-c", "new"]).exit, Exit::Success);
    let remove = ["--no-comment", "--no-web-seeds"];
    assert_eq!(scene.edit(&remove).exit, Exit::Success);
    assert_eq!(scene.read().comment, None);
    assert!(scene.read().web_seeds.is_empty());
    assert_eq!(scene.hash(), hash);
}

#[test]
fn a_changed_info_hash_is_refused_unless_it_is_wanted() {
    let scene = Scene::new();
    let (before, bytes) = (scene.hash(), fs::read(&scene.torrent).unwrap());
    let after = Metainfo::parse(&builder().private(true).source("SRC").build())
        .unwrap()
        .info_hashes;
    let path = scene.torrent.display();
    let refused = scene.edit(&["--private", "-s", "SRC"]);
    assert_eq!(refused.exit, Exit::Usage, "{refused:?}");
    assert_eq!(
        refused.stderr,
        format!(
            "superseed: {path}: this changes the info-hash from {before} to {after}, which makes \
             it another torrent; --new-infohash allows it\n"
        )
    );
    assert_eq!(refused.stdout, "");
    assert_eq!(fs::read(&scene.torrent).unwrap(), bytes);
    let dry = scene.edit(&["--private", "-s", "SRC", "--new-infohash", "--dry-run"]);
    assert_eq!(
        dry.stdout,
        format!("{path}: info-hash {before} would become {after}\n")
    );
    assert_eq!(fs::read(&scene.torrent).unwrap(), bytes);
    let done = scene.edit(&["--private=true", "-s", "SRC", "--new-infohash"]);
    assert_eq!(done.exit, Exit::Success, "{done:?}");
    assert_eq!(
        done.stdout,
        format!("{path}: info-hash {before} became {after}\n")
    );
    assert_eq!(scene.hash(), after);
    let back = ["--private=false", "--no-source", "--new-infohash", "--json"];
    let json = &scene.edit(&back).json()[0];
    assert_eq!(json["info_hash_before"], after.to_string());
    assert_eq!(json["info_hash"], before.to_string());
    assert_eq!(json["changed"], true);
    assert_eq!(json["written"], text(&scene.torrent));
    assert_eq!(fs::read(&scene.torrent).unwrap(), bytes);
}

#[cfg(unix)]
#[test]
fn the_file_keeps_its_permissions_and_nothing_is_left_beside_it() {
    use std::os::unix::fs::PermissionsExt;
    let scene = Scene::new();
    fs::set_permissions(&scene.torrent, fs::Permissions::from_mode(0o604)).unwrap();
    assert_eq!(scene.edit(&["-c", "new"]).exit, Exit::Success);
    let mode = fs::metadata(&scene.torrent).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o604);
    assert_eq!(fs::read_dir(scene.dir.path()).unwrap().count(), 1);
}

#[test]
fn several_torrents_are_judged_one_by_one() {
    let scene = Scene::new();
    let missing = scene.dir.path().join("missing.torrent");
    let broken = scene.dir.path().join("broken.torrent");
    fs::write(&broken, b"no bencode").unwrap();
    let paths = [text(&missing), text(&broken), text(&scene.torrent)];
    let args = ["edit", "--comment", "new"].iter().chain(&paths);
    let output = superseed(args.clone()).run();
    assert_eq!(output.exit, Exit::NotFound, "{output:?}");
    assert_eq!(output.stderr.lines().count(), 2, "{output:?}");
    assert_eq!(output.stdout.lines().count(), 1, "{output:?}");
    assert_eq!(scene.read().comment.as_deref(), Some("new"));
    let json = superseed(args.chain(&["--json"])).run().json();
    let exits: Vec<_> = json
        .iter()
        .map(|line| line["exit"].as_u64().unwrap())
        .collect();
    assert_eq!(exits, [3, 25, 0]);
    assert_eq!(json[2]["changed"], false);
}

#[test]
fn the_result_goes_where_it_was_asked_for() {
    let scene = Scene::new();
    let bytes = fs::read(&scene.torrent).unwrap();
    let other = scene.dir.path().join("y.torrent");
    let to_other = ["-c", "new", "-o", text(&other)];
    assert_eq!(scene.edit(&to_other).exit, Exit::Success);
    assert_eq!(fs::read(&scene.torrent).unwrap(), bytes);
    let edited = fs::read(&other).unwrap();
    assert_eq!(edited, builder().comment("new").build());
    let refused = scene.edit(&to_other);
    assert_eq!(refused.exit, Exit::Exists, "{refused:?}");
    assert_eq!(
        scene.edit(&[&to_other[..], &["-f"]].concat()).exit,
        Exit::Success
    );
    let args = ["edit", text(&scene.torrent), "-c", "new", "-o", "-"];
    assert_eq!(superseed(args).run_bytes(), edited);
    let piped = superseed(["edit", "-", "-c", "new"]).stdin(bytes);
    assert_eq!(piped.run_bytes(), edited);
}

#[test]
fn wrong_command_lines_are_usage_errors() {
    let scene = Scene::new();
    let bytes = fs::read(&scene.torrent).unwrap();
    for more in [
        &[][..],
        &["--add-tracker", "nowhere"],
        &["--replace-tracker", "http://a.example/announce"],
        &["--replace-tracker", "http://a.example/announce", "nowhere"],
        &["--announce", "http://a.example/", "--no-trackers"],
        &["--private=perhaps"],
        &["-c", "x", "--no-comment"],
        &["-c", "x", "y.torrent", "-o", "z.torrent"],
        &["-c", "x", "-o", "-", "--json"],
        &["-w", "nowhere"],
    ] {
        let output = scene.edit(more);
        assert_eq!(output.exit, Exit::Usage, "{more:?}: {output:?}");
        assert_eq!(output.stdout, "", "{more:?}");
        assert!(!output.stderr.is_empty(), "{more:?}");
    }
    assert_eq!(fs::read(&scene.torrent).unwrap(), bytes);
    assert_eq!(superseed(["edit", "-c", "x"]).run().exit, Exit::Usage);
}
