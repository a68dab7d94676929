//! Help, versions, completions, man pages and wrong command lines.
#![allow(clippy::unwrap_used, reason = "in a test, a panic is the verdict")]

mod support;

use superseed_cli::Exit;
use support::superseed;

#[test]
fn help_and_version_are_data() {
    for args in [["--help"], ["-h"], ["--version"], ["-V"], ["help"]] {
        let output = superseed(args).run();
        assert_eq!(output.exit, Exit::Success, "{args:?}");
        assert!(output.stdout.contains("superseed"), "{args:?}");
        assert_eq!(output.stderr, "", "{args:?}");
    }
}

#[test]
fn the_long_help_documents_every_exit_code() {
    let help = superseed(["--help"]).run().stdout;
    for (exit, meaning) in Exit::ALL {
        assert!(
            help.contains(&format!("{:>3}  {meaning}", exit.code())),
            "{help}"
        );
    }
}

#[test]
fn every_option_of_the_issue_is_there() {
    let help = superseed(["download", "--help"]).run().stdout;
    for option in [
        "--dir",
        "--select-file",
        "--include",
        "--exclude",
        "--sequential",
        "--out",
        "--index-out",
        "--show-files",
        "--input-file",
        "--max-concurrent-downloads",
        "--on-complete",
        "--listen",
        "--announce-ip",
        "--encryption",
        "--peer",
        "--tracker",
        "--blocklist",
        "--interface",
        "--proxy",
        "--proxy-all",
        "--max-download-limit",
        "--max-upload-limit",
        "--seed",
        "--seed-ratio",
        "--seed-time",
        "--stop-timeout",
        "--preallocate",
        "--max-pieces",
        "--allow-overwrite",
        "--json",
        "--quiet",
        "--verbose",
        "--summary-interval",
        "--peers-table",
        "--web-seed",
        "--color",
    ] {
        assert!(help.contains(option), "{option}");
    }
    assert!(!help.contains("--bt-tracker"), "aria2's names are hidden");
}

#[test]
fn wrong_command_lines_are_usage_errors_on_standard_error() {
    let lines = [
        "",
        "download",
        "seed",
        "show",
        "verify",
        "edit",
        "magnet",
        "download x --no-such-option",
        "download x --max-upload-limit fast",
        "download x --select-file 0",
        "download x --listen nowhere",
        "download x --peer nowhere",
        "download x --dht-bootstrap nowhere",
        "download x --tracker wss://t.example",
        "download x --seed-ratio -1",
        "download x --seed=perhaps",
        "download x -O name",
        "download x -j 0",
        "download x.torrent y.torrent -o name",
        "bench --size 0",
        "bench --peers 0",
        "completions tcsh",
    ];
    for line in lines {
        let output = superseed(line.split_whitespace()).run();
        assert_eq!(output.exit, Exit::Usage, "{line}: {output:?}");
        assert_eq!(output.stdout, "", "{line}");
        assert!(!output.stderr.is_empty(), "{line}");
    }
}

#[test]
fn aria2_names_mean_the_same() {
    // The magnet ends each run after the options were read.
    let output = superseed([
        "--bt-tracker=http://t.example/announce",
        "--bt-stop-timeout=1",
        "--bt-max-peers=3",
        "--bt-external-ip=10.0.0.1",
        "--dht-entry-point=node.example:6881",
        "--check-integrity=true",
        "magnet:?xt=urn:btih:0",
    ])
    .run();
    assert_eq!(output.exit, Exit::Magnet, "{output:?}");
}

#[test]
fn every_shell_has_completions() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = superseed(["completions", shell]).run();
        assert_eq!(output.exit, Exit::Success);
        assert!(output.stdout.contains("max-upload-limit"), "{shell}");
    }
}

#[test]
fn every_command_has_a_man_page() {
    let main = superseed(["man"]).run();
    assert!(main.stdout.contains(".TH superseed 1"), "{}", main.stdout);
    let dir = tempfile::tempdir().unwrap();
    let pages = superseed(["man", dir.path().to_str().unwrap()]).run();
    assert_eq!(pages.exit, Exit::Success, "{pages:?}");
    for page in [
        "superseed",
        "superseed-download",
        "superseed-seed",
        "superseed-create",
        "superseed-show",
        "superseed-verify",
        "superseed-edit",
        "superseed-magnet",
        "superseed-config-show",
    ] {
        assert!(dir.path().join(format!("{page}.1")).is_file(), "{page}");
    }
}

#[test]
fn help_and_errors_name_switches_without_the_value_that_turns_them_off() {
    for args in [["create", "--help"], ["create", "-h"], ["help", "create"]] {
        let help = superseed(args).run();
        assert_eq!(help.exit, Exit::Success, "{help:?}");
        assert!(help.stdout.contains("--dry-run"), "{help:?}");
        assert!(!help.stdout.contains("BOOL"), "{help:?}");
    }
    let clash = superseed(["create", "x", "--v1", "--v2"]).run();
    assert_eq!(clash.exit, Exit::Usage);
    assert!(
        clash.stderr.contains("'--v1' cannot be used with '--v2'"),
        "{clash:?}"
    );
}

#[test]
fn a_switch_in_the_environment_may_be_a_number_or_a_word() {
    for (value, is_json) in [("1", true), ("yes", true), ("0", false), ("false", false)] {
        let output = superseed(["magnet", &"a".repeat(40)])
            .var("SUPERSEED_JSON", value)
            .run();
        assert_eq!(output.exit, Exit::Success, "{output:?}");
        assert_eq!(output.stdout.starts_with('{'), is_json, "{value}");
    }
    let wrong = superseed(["magnet", "x"])
        .var("SUPERSEED_JSON", "perhaps")
        .run();
    assert_eq!(wrong.exit, Exit::Usage);
    assert!(!wrong.stderr.contains("BOOL"), "{wrong:?}");
}
