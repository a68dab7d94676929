//! `superseed verify`: where it looks, what it says of each file.
#![allow(clippy::unwrap_used, reason = "in a test, a panic is the verdict")]

mod support;

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use superseed_cli::Exit;
use support::{Fixture, Output, superseed};

/// The fixture with its data in `data/films`.
struct Scene {
    fixture: Fixture,
    data: PathBuf,
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

impl Scene {
    fn new() -> Self {
        let fixture = Fixture::new();
        let data = fixture.with_data("data");
        Self { fixture, data }
    }

    fn verify(&self, more: &[&str]) -> Output {
        let mut args = vec!["verify", self.fixture.torrent()];
        args.extend(more);
        superseed(args).run()
    }

    /// Makes a torrent of the data in another format.
    fn torrent(&self, format: &str) -> PathBuf {
        let path = self
            .fixture
            .dir
            .path()
            .join(format!("films{format}.torrent"));
        let films = self.data.join("films");
        let args = [
            "create",
            text(&films),
            "-l",
            "16K",
            "-o",
            text(&path),
            format,
        ];
        let output = superseed(args).run();
        assert_eq!(output.exit, Exit::Success, "{output:?}");
        path
    }
}

#[test]
fn data_that_is_right_is_said_file_by_file() {
    let scene = Scene::new();
    let output = scene.verify(&[text(&scene.data)]);
    assert_eq!(output.exit, Exit::Success, "{output:?}");
    assert_eq!(
        output.stdout,
        "\
ok            films/a.mkv
ok            films/empty
ok            films/extra/b.srt
films: 3 files are as they should be, 590.8 KiB
"
    );
    assert_eq!(output.stderr, "films: checking 590.8 KiB\n");
    // The content itself will do, and so will the alias.
    let films = scene.data.join("films");
    let output = superseed(["check", scene.fixture.torrent(), text(&films), "-q"]).run();
    assert_eq!(output.exit, Exit::Success, "{output:?}");
    assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("", ""));
}

#[test]
fn without_a_path_the_data_beside_the_torrent_is_found() {
    let scene = Scene::new();
    let torrent = scene.data.join("films.torrent");
    fs::copy(&scene.fixture.torrent, &torrent).unwrap();
    let output = superseed(["verify", text(&torrent)]).run();
    assert_eq!(output.exit, Exit::Success, "{output:?}");
    // Nothing is beside this one, and nothing in the current directory.
    let nothing = scene.verify(&["--json"]);
    assert_eq!(nothing.exit, Exit::Verify, "{nothing:?}");
    assert_eq!(nothing.json()[0]["files_missing"], 3);
}

#[test]
fn where_everything_is_missing_it_is_said_where_it_was_looked_for() {
    let scene = Scene::new();
    let elsewhere = scene.fixture.empty("elsewhere");
    let output = scene.verify(&[text(&elsewhere)]);
    assert_eq!(output.exit, Exit::Verify, "{output:?}");
    let end = format!(
        "superseed: films: 3 of 3 files are not as the torrent says: 3 missing; \
         looked for in {}\n",
        elsewhere.display()
    );
    assert!(output.stderr.ends_with(&end), "{output:?}");
}

#[test]
fn what_is_wrong_is_named_with_its_bytes() {
    let scene = Scene::new();
    let films = scene.data.join("films");
    let file = fs::File::options()
        .write(true)
        .open(films.join("a.mkv"))
        .unwrap();
    file.write_all_at(b"flip", 100_000).unwrap();
    fs::remove_file(films.join("empty")).unwrap();
    let output = scene.verify(&[text(&scene.data)]);
    assert_eq!(output.exit, Exit::Verify, "{output:?}");
    assert_eq!(
        output.stdout,
        "\
damaged       films/a.mkv
                damaged bytes 98304-131071 (32.0 KiB)
missing       films/empty
ok            films/extra/b.srt
"
    );
    assert!(
        output.stderr.ends_with(
            "superseed: films: 2 of 3 files are not as the torrent says: \
             1 missing, 32.0 KiB damaged\n"
        ),
        "{output:?}"
    );
    let json = &scene.verify(&[text(&scene.data), "--json"]).json()[0];
    assert_eq!(json["ok"], false);
    assert_eq!(json["damaged_bytes"], 32_768);
    assert_eq!(json["files_missing"], 1);
    let file = &json["files"][0];
    assert_eq!(file["status"], "damaged");
    assert_eq!(file["damaged"][0]["offset"], 98_304);
    assert_eq!(file["damaged"][0]["length"], 32_768);
    assert_eq!(json["files"][1]["status"], "missing");
}

#[test]
fn exactly_the_flipped_ranges_are_named_in_every_format() {
    let scene = Scene::new();
    let torrents = ["--v1", "--v2", "--hybrid"].map(|format| scene.torrent(format));
    let path = scene.data.join("films/a.mkv");
    let file = fs::File::options().write(true).open(path).unwrap();
    // Every fourth piece of 16 KiB: none touches another.
    let pieces: Vec<u64> = (0..9).map(|n| n * 4).collect();
    for piece in &pieces {
        let at = piece * 16_384 + 77;
        let was = scene.fixture.data[at as usize];
        file.write_all_at(&[!was], at).unwrap();
    }
    for torrent in &torrents {
        let output = superseed(["verify", text(torrent), text(&scene.data), "--json"]).run();
        assert_eq!(output.exit, Exit::Verify, "{output:?}");
        let json = &output.json()[0];
        let damaged = json["files"][0]["damaged"].as_array().unwrap();
        let found: Vec<(u64, u64)> = damaged
            .iter()
            .map(|span| {
                (
                    span["offset"].as_u64().unwrap(),
                    span["length"].as_u64().unwrap(),
                )
            })
            .collect();
        let expected: Vec<_> = pieces
            .iter()
            .map(|piece| (piece * 16_384, 16_384))
            .collect();
        assert_eq!(found, expected, "{torrent:?}");
        assert_eq!(json["files_ok"], 2, "{torrent:?}");
    }
}

#[test]
fn lengths_that_are_wrong_are_told() {
    let scene = Scene::new();
    let films = scene.data.join("films");
    fs::write(films.join("empty"), b"not empty").unwrap();
    let srt = fs::File::options()
        .write(true)
        .open(films.join("extra/b.srt"))
        .unwrap();
    srt.set_len(10).unwrap();
    let output = scene.verify(&[text(&films)]);
    assert_eq!(output.exit, Exit::Verify, "{output:?}");
    assert!(
        output
            .stdout
            .contains("too long      films/empty: 9 bytes instead of 0\n"),
        "{output:?}"
    );
    assert!(
        output
            .stdout
            .contains("too short     films/extra/b.srt: 10 bytes instead of 5000\n"),
        "{output:?}"
    );
}

#[test]
fn an_interrupt_ends_it() {
    let dir = tempfile::tempdir().unwrap();
    let torrent = superseed::TorrentBuilder::new("x", 1 << 24)
        .single_file(1 << 40)
        .piece_hashes(vec![superseed_proto::hash::Sha1Hash([1; 20]); 1 << 16])
        .build();
    let path = dir.path().join("x.torrent");
    fs::write(&path, torrent).unwrap();
    // Sparse: its pieces are known to be zero, but there are 65,536 of them.
    let data = fs::File::create(dir.path().join("x")).unwrap();
    data.set_len(1 << 40).unwrap();
    let (run, interrupt) = superseed(["verify", text(&path)]).interruptible();
    interrupt.send(()).unwrap();
    let output = run.run();
    assert_eq!(output.exit, Exit::Interrupted, "{output:?}");
    assert!(
        output
            .stderr
            .ends_with("superseed: x: interrupted before all was checked\n"),
        "{output:?}"
    );
}

#[test]
fn bad_input_is_one_sentence_and_a_code() {
    let scene = Scene::new();
    let torrent = scene.fixture.torrent();
    let dir = scene.fixture.dir.path();
    let broken = dir.join("broken.torrent");
    fs::write(&broken, b"lllll").unwrap();
    let (file, broken) = (scene.data.join("films/a.mkv"), text(&broken));
    let table: [(&[&str], Exit, &str); 5] = [
        (
            &["/nonexistent.torrent"],
            Exit::NotFound,
            "cannot read /nonexistent.torrent",
        ),
        (&[broken], Exit::Bencode, broken),
        (
            &[torrent, "/nonexistent"],
            Exit::NotFound,
            "/nonexistent: there is no such file",
        ),
        (
            &[torrent, text(&file)],
            Exit::Io,
            "is not a directory, and the torrent has several files",
        ),
        (&["magnet:?xt=urn:btih:0"], Exit::Magnet, "magnet"),
    ];
    for (args, exit, sentence) in table {
        let output = superseed(["verify", "-q"].iter().chain(args)).run();
        assert_eq!(output.exit, exit, "{args:?}: {output:?}");
        assert_eq!(output.stdout, "", "{args:?}");
        assert_eq!(output.stderr.lines().count(), 1, "{args:?}: {output:?}");
        assert!(output.stderr.contains(sentence), "{args:?}: {output:?}");
    }
    let usage = superseed(["verify", torrent, "-t", "0"]).run();
    assert_eq!(usage.exit, Exit::Usage, "{usage:?}");
}
