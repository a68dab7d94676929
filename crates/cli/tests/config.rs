//! Command line > environment > configuration > default.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::path::PathBuf;

use superseed_cli::Exit;
use support::{Output, Run, superseed};
use tempfile::TempDir;

fn with_file(dir: &TempDir, text: &str) -> PathBuf {
    let config = dir.path().join("superseed/config.toml");
    std::fs::create_dir_all(config.parent().unwrap()).unwrap();
    std::fs::write(&config, text).unwrap();
    config
}

/// The value and origin of an option in `config show`.
fn shown(output: &Output, option: &str) -> (String, String) {
    let rows = output.json();
    let row = rows
        .iter()
        .find(|row| row["option"] == option)
        .expect(option);
    let values = row["values"].as_array().unwrap().iter();
    let values: Vec<_> = values.map(|value| value.as_str().unwrap()).collect();
    (values.join(" "), row["origin"].as_str().unwrap().to_owned())
}

fn show(run: impl FnOnce(Run) -> Run) -> Output {
    let output = run(superseed(["config", "show", "--json"])).run();
    assert_eq!(output.exit, Exit::Success, "{output:?}");
    output
}

fn pair(value: &str, origin: &str) -> (String, String) {
    (value.to_owned(), origin.to_owned())
}

#[test]
fn every_option_is_shown_with_its_value_and_origin() {
    let (user, machine) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let user_file = with_file(
        &user,
        "dir = \"/srv\"\nseed-ratio = 2\nlisten = [\"127.0.0.1:1\", \"2\"]\n\
         sequential = true\n[seed]\nseed-ratio = 3.5\n[tracker]\nlisten = \"7000\"\n",
    );
    let machine_file = with_file(&machine, "dir = \"/machine\"\nmax-peers = 9\n");
    let output = show(|run| {
        run.etc(machine.path())
            .var("XDG_CONFIG_HOME", user.path())
            .var("SUPERSEED_MAX_UPLOAD_LIMIT", "2M")
            .var("SUPERSEED_PEER", "10.0.0.1:1 10.0.0.2:2")
            .var("SUPERSEED_BENCH_SIZE", "1G")
    });
    let user_file = user_file.to_str().unwrap();
    assert_eq!(shown(&output, "dir"), pair("/srv", user_file));
    assert_eq!(
        shown(&output, "max-peers"),
        pair("9", machine_file.to_str().unwrap())
    );
    assert_eq!(shown(&output, "listen"), pair("127.0.0.1:1 2", user_file));
    assert_eq!(shown(&output, "sequential"), pair("true", user_file));
    assert_eq!(shown(&output, "seed-ratio"), pair("2", user_file));
    assert_eq!(shown(&output, "seed.seed-ratio"), pair("3.5", user_file));
    assert_eq!(shown(&output, "tracker.listen"), pair("7000", user_file));
    assert_eq!(shown(&output, "tracker.interval"), pair("1800", "default"));
    assert_eq!(
        shown(&output, "max-upload-limit"),
        pair("2M", "SUPERSEED_MAX_UPLOAD_LIMIT")
    );
    assert_eq!(
        shown(&output, "peer"),
        pair("10.0.0.1:1 10.0.0.2:2", "SUPERSEED_PEER")
    );
    assert_eq!(
        shown(&output, "bench.size"),
        pair("1G", "SUPERSEED_BENCH_SIZE")
    );
    assert_eq!(shown(&output, "json"), pair("true", "command line"));
    assert_eq!(shown(&output, "color"), pair("auto", "default"));
}

#[test]
fn the_command_line_wins_over_the_environment_and_that_over_the_file() {
    let dir = tempfile::tempdir().unwrap();
    with_file(&dir, "include = [\"*.iso\"]\nselect-file = \"9\"\n");
    let fixture = support::Fixture::new();
    let select = |run: Run| {
        let output = run.var("XDG_CONFIG_HOME", dir.path()).run();
        output.stderr
    };
    // Each layer is told apart by the sentence that its value leads to.
    let file = select(superseed([fixture.torrent()]));
    assert!(file.contains("there is no file 9"), "{file}");
    let var = || superseed([fixture.torrent()]).var("SUPERSEED_SELECT_FILE", "8");
    assert!(select(var()).contains("there is no file 8"));
    let line = superseed([fixture.torrent(), "--select-file", "7"]);
    let line = line.var("SUPERSEED_SELECT_FILE", "8");
    assert!(select(line).contains("there is no file 7"));
    let line = superseed([fixture.torrent(), "--select-file", "1"]);
    assert!(select(line).contains("no file of the torrent is selected"));
}

#[test]
fn a_switch_that_the_file_turned_on_can_be_turned_off() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = support::Fixture::new();
    with_file(&dir, "show-files = true\n");
    let on = superseed([fixture.torrent()])
        .var("XDG_CONFIG_HOME", dir.path())
        .run();
    assert!(on.stdout.contains("films/a.mkv"), "{on:?}");
    let off = superseed(["--show-files=false", "magnet:?x"])
        .var("XDG_CONFIG_HOME", dir.path())
        .run();
    assert_eq!(off.exit, Exit::Magnet);
}

#[test]
fn a_wrong_value_names_where_it_stands() {
    let dir = tempfile::tempdir().unwrap();
    let file = with_file(&dir, "max-upload-limit = \"fast\"\n");
    let from_file = superseed(["x.torrent"])
        .var("XDG_CONFIG_HOME", dir.path())
        .run();
    assert_eq!(from_file.exit, Exit::Usage);
    let path = file.to_str().unwrap();
    assert!(from_file.stderr.contains(path), "{}", from_file.stderr);
    assert!(
        from_file.stderr.contains("is not a rate such as"),
        "{}",
        from_file.stderr
    );
    let from_var = superseed(["x.torrent"])
        .var("SUPERSEED_MAX_PEERS", "0")
        .run();
    assert_eq!(from_var.exit, Exit::Usage);
    assert!(
        from_var
            .stderr
            .starts_with("superseed: SUPERSEED_MAX_PEERS: "),
        "{from_var:?}"
    );
    let other = superseed(["completions", "bash"])
        .var("SUPERSEED_MAX_PEERS", "0")
        .run();
    assert_eq!(
        other.exit,
        Exit::Success,
        "the option of another command is not in the way"
    );
}

#[test]
fn a_misspelt_option_and_broken_toml_are_errors_with_their_place() {
    let dir = tempfile::tempdir().unwrap();
    for (text, sentence) in [
        ("dri = \"/srv\"\n", "there is no option dri"),
        ("[seed]\ndri = 1\n", "there is no option seed.dri"),
        ("[other]\ndir = 1\n", "there is no option other"),
        ("size = 1\n", "there is no option size"),
        ("config = \"x\"\n", "there is no option config"),
        ("dir = \"/srv\"\nx = = 1\n", "config.toml:2: "),
        ("dir = [[1]]\n", "dir is not a value or a list of values"),
        ("dir = [\"a\", \"b\"]\n", "dir takes one value"),
    ] {
        with_file(&dir, text);
        let output = superseed(["config", "check"])
            .var("XDG_CONFIG_HOME", dir.path())
            .run();
        assert_eq!(output.exit, Exit::Usage, "{text}: {output:?}");
        assert!(output.stderr.contains(sentence), "{text}: {output:?}");
        assert_eq!(output.stderr.lines().count(), 1, "{text}: {output:?}");
    }
}

#[test]
fn a_variable_that_names_no_option_is_found_by_check() {
    let good = superseed(["config", "check"])
        .var("SUPERSEED_DIR", "/srv")
        .run();
    assert_eq!((good.exit, good.stderr.as_str()), (Exit::Success, ""));
    let bad = superseed(["config", "check"])
        .var("SUPERSEED_DRI", "/srv")
        .run();
    assert_eq!(bad.exit, Exit::Usage);
    assert!(bad.stderr.contains("SUPERSEED_DRI"), "{bad:?}");
}

#[test]
fn a_named_file_is_the_only_one_and_must_exist() {
    let dir = tempfile::tempdir().unwrap();
    let file = with_file(&dir, "max-peers = 3\n");
    let named = superseed([
        "config",
        "show",
        "--json",
        "--config",
        file.to_str().unwrap(),
    ])
    .run();
    assert_eq!(shown(&named, "max-peers").0, "3");
    let absent = superseed(["config", "show", "--config", "/nonexistent/c.toml"]).run();
    assert_eq!(absent.exit, Exit::NotFound);
    assert!(absent.stderr.contains("/nonexistent/c.toml"), "{absent:?}");
    let paths = superseed(["config", "path"]).var("HOME", "/home/u").run();
    assert_eq!(
        paths.stdout,
        "/home/u/.config/superseed/config.toml  absent\n\
         /nonexistent/superseed/config.toml  absent\n"
    );
}
