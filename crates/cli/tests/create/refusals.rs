//! What `create` refuses, and that it leaves nothing behind.

use std::fs;

use superseed_cli::Exit;

use crate::support::superseed;
use crate::{Scene, text};

#[test]
fn a_torrent_that_exists_is_refused_unless_forced() {
    let scene = Scene::new();
    fs::write(&scene.torrent, b"mine").unwrap();
    let refused = scene.create(&[]);
    assert_eq!(refused.exit, Exit::Exists, "{refused:?}");
    assert_eq!(
        refused.stderr,
        format!(
            "superseed: {} exists; --force overwrites it\n",
            scene.torrent.display()
        )
    );
    assert_eq!(fs::read(&scene.torrent).unwrap(), b"mine");
    assert_eq!(scene.create(&["-f"]).exit, Exit::Success);
    assert_eq!(scene.made().name(), "films");
}

#[test]
fn a_torrent_is_not_written_over_a_file_that_it_holds() {
    let scene = Scene::new();
    let inside = scene.films.join("films.torrent");
    fs::write(&inside, b"an old one").unwrap();
    let args = ["create", text(&scene.films), "-f", "-o", text(&inside)];
    let refused = superseed(args).run();
    assert_eq!(refused.exit, Exit::Usage, "{refused:?}");
    assert_eq!(
        refused.stderr,
        format!(
            "superseed: {} is one of the files to share; \
             --exclude leaves it out, --output writes elsewhere\n",
            inside.display()
        )
    );
    assert_eq!(fs::read(&inside).unwrap(), b"an old one");
    let excluded = [&args[..], &["--exclude", "*.torrent"]].concat();
    assert_eq!(superseed(excluded).run().exit, Exit::Success);
    assert_ne!(fs::read(&inside).unwrap(), b"an old one");
}

#[test]
fn an_interrupt_leaves_no_file() {
    let dir = tempfile::tempdir().unwrap();
    // Sparse: its pieces are known to be zero, but there are 65,536 of them.
    let data = dir.path().join("big");
    fs::File::create(&data).unwrap().set_len(1 << 40).unwrap();
    let torrent = dir.path().join("big.torrent");
    let args = ["create", text(&data), "-o", text(&torrent), "-l", "16M"];
    let (run, interrupt) = superseed(args).interruptible();
    interrupt.send(()).unwrap();
    let output = run.run();
    assert_eq!(output.exit, Exit::Interrupted, "{output:?}");
    assert!(
        output
            .stderr
            .ends_with("big: interrupted before the torrent was made\n"),
        "{output:?}"
    );
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn bad_input_is_one_sentence_and_a_code() {
    let scene = Scene::new();
    let dir = scene.fixture.dir.path();
    let hollow = dir.join("hollow");
    fs::create_dir_all(hollow.join("deep")).unwrap();
    fs::write(hollow.join("deep/nothing"), b"").unwrap();
    let (films, hollow) = (text(&scene.films), text(&hollow));
    let nothing_to_share =
        format!("{hollow}: holds nothing to share: there is no file, or all are empty");
    let table: [(&[&str], Exit, &str); 12] = [
        (
            &["/nonexistent/x"],
            Exit::NotFound,
            "/nonexistent/x: there is no such file or directory",
        ),
        (&[hollow], Exit::Torrent, &nothing_to_share),
        (
            &[films, "--include", "*.txt"],
            Exit::Usage,
            "none of the files in it was chosen",
        ),
        (
            &[films, "--v2", "-l", "48K"],
            Exit::Usage,
            "is not a power of two of at least 16 KiB",
        ),
        (&[films, "-l", "600M"], Exit::Usage, "is not between 1 and"),
        (
            &[films, "--v2", "--sort=size"],
            Exit::Usage,
            "only v1 torrents can be sorted",
        ),
        (
            &[films, "-n", "a/b"],
            Exit::Usage,
            "\"a/b\" would not be kept",
        ),
        (
            &[films, "-n", ".."],
            Exit::Usage,
            "\"..\" would not be kept",
        ),
        (
            &[films, "-o", "/nonexistent/x.torrent"],
            Exit::NotFound,
            "cannot write /nonexistent/x.torrent",
        ),
        (&[films, "-o", films], Exit::Exists, "is a directory"),
        (
            &[films, "-o", "-", "--json"],
            Exit::Usage,
            "--output - leaves no room",
        ),
        (
            &[films, "-o", "-", "--magnet"],
            Exit::Usage,
            "--output - leaves no room",
        ),
    ];
    for (args, exit, sentence) in table {
        let output = superseed(["create", "-q"].iter().chain(args)).run();
        assert_eq!(output.exit, exit, "{args:?}: {output:?}");
        assert_eq!(output.stdout, "", "{args:?}");
        assert_eq!(output.stderr.lines().count(), 1, "{args:?}: {output:?}");
        assert!(output.stderr.starts_with("superseed: "), "{output:?}");
        assert!(output.stderr.contains(sentence), "{args:?}: {output:?}");
    }
}

#[test]
fn what_the_command_line_refuses_is_a_usage_error() {
    for line in [
        "create",
        "create x -l 0",
        "create x -l 0K",
        "create x -l 4G",
        "create x -l big",
        "create x --v1 --v2",
        "create x --v2 --hybrid",
        "create x -a nowhere",
        "create x -a http://a.example/,",
        "create x -w nowhere",
        "create x --node nowhere",
        "create x --no-date --creation-date 1",
        "create x --creation-date tomorrow",
        "create x --creation-date=-1",
        "create x --symlinks eat",
        "create x --sort=colour",
        "create x -t 0",
        "create x --include [",
    ] {
        let output = superseed(line.split(' ')).run();
        assert_eq!(output.exit, Exit::Usage, "{line}: {output:?}");
        assert_eq!(output.stdout, "", "{line}");
        assert!(!output.stderr.is_empty(), "{line}");
    }
}

#[test]
fn a_place_that_cannot_be_written_is_told_before_hashing() {
    let scene = Scene::new();
    let missing = scene.fixture.dir.path().join("missing/x.torrent");
    let refused = superseed(["create", text(&scene.films), "-o", text(&missing)]).run();
    assert_eq!(refused.exit, Exit::NotFound, "{refused:?}");
    assert_eq!(
        refused.stderr,
        format!(
            "superseed: cannot write {}: No such file or directory\n",
            missing.display()
        )
    );
}

#[test]
fn a_link_that_leads_out_is_refused_with_what_to_do_about_it() {
    let scene = Scene::new();
    std::os::unix::fs::symlink("../../outside", scene.films.join("up")).unwrap();
    let refused = scene.create(&[]);
    assert_eq!(refused.exit, Exit::Torrent, "{refused:?}");
    assert!(
        refused.stderr.ends_with(
            "up: the symbolic link leads to ../../outside, which is not in the torrent; \
             --exclude leaves it out, --symlinks follow takes what it leads to\n"
        ),
        "{refused:?}"
    );
    assert_eq!(scene.create(&["--exclude", "up"]).exit, Exit::Success);
}

#[test]
fn the_bytes_of_a_torrent_are_not_written_to_a_terminal() {
    let scene = Scene::new();
    let films = text(&scene.films);
    for args in [
        &["create", films, "-o", "-"][..],
        &["edit", scene.fixture.torrent(), "-c", "new", "-o", "-"],
    ] {
        let refused = superseed(args).terminal_stdout().run();
        assert_eq!(refused.exit, Exit::Usage, "{refused:?}");
        assert_eq!(refused.stdout, "");
        assert!(refused.stderr.contains("--output"), "{refused:?}");
    }
}
