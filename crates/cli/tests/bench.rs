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
