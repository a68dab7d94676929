//! `superseed bench`, small.
#![allow(clippy::unwrap_used, reason = "in a test, a panic is the verdict")]

mod support;

use superseed_cli::Exit;
use support::superseed;

#[test]
fn random_data_reaches_every_leecher() {
    let output = superseed(["bench", "--size", "3M", "--peers", "2", "--json", "-q"]).run();
    assert_eq!(output.exit, Exit::Success, "{output:?}");
    let json = &output.json()[0];
    assert_eq!(
        (&json["leechers"], &json["identical"]),
        (&2.into(), &true.into())
    );
    assert!(json["mib_per_s"].as_f64().unwrap() > 0.0);
    assert_eq!(output.stderr, "");
}

#[test]
fn a_directory_that_is_not_there_is_named() {
    let output = superseed(["bench", "--size", "1M", "-d", "/nonexistent"]).run();
    assert_eq!(output.exit, Exit::NotFound, "{output:?}");
    assert!(output.stderr.contains("/nonexistent"), "{output:?}");
}

#[test]
fn the_policies_are_compared_and_the_document_is_printed_or_written() {
    let bench = ["bench", "--policies", "--quick", "--seeds", "1"];
    let printed = superseed(bench).run();
    assert_eq!(printed.exit, Exit::Success, "{printed:?}");
    assert!(
        printed
            .stdout
            .starts_with("# What the chokers do\n\nAn earlier client")
    );
    assert!(
        printed
            .stdout
            .contains("`superseed bench --policies --quick --seeds 1`")
    );
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("results");
    let to = [&bench[..], &["-q", "-d", path.to_str().unwrap()]].concat();
    let written = superseed(to).run();
    assert_eq!(written.exit, Exit::Success, "{written:?}");
    assert_eq!(written.stderr, "");
    let document = std::fs::read_to_string(path.join("policies.md")).unwrap();
    assert_eq!(document, printed.stdout);
    assert!(path.join("policies-saving.svg").exists());
}

#[test]
fn what_belongs_to_the_policies_is_refused_without_them() {
    for args in [
        &["--quick"][..],
        &["--seeds", "3"],
        &["--policies", "--size", "1M"],
    ] {
        let output = superseed([&["bench"][..], args].concat()).run();
        assert_eq!(output.exit, Exit::Usage, "{output:?}");
    }
}
