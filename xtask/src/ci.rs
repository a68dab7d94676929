//! What continuous integration runs, in its order.
//!
//! The two commands of the README stand here word for word.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};

use crate::{conformance, instructions, interop, process, tidy};

/// A step: its name, and what it does.
type Step = (&'static str, fn() -> Result<()>);

const STEPS: &[Step] = &[
    ("tidy", || tidy::run(&crate::root())),
    ("fmt", || process::cargo(&["fmt", "--all", "--check"])),
    ("clippy", || {
        process::cargo(&[
            "clippy",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ])
    }),
    ("docs", || {
        process::cargo(&["doc", "--workspace", "--no-deps"])
    }),
    ("tests", || process::cargo(&["test", "--workspace"])),
    ("bench", || {
        process::cargo(&["run", "--release", "--", "bench"])
    }),
    ("instructions", || instructions::run(&["--install"])),
    ("conformance", conformance_if_there),
    ("interop", || interop::run(&["--install"])),
];

/// Runs every step and stops at the first that fails.
pub(crate) fn run() -> Result<()> {
    for (name, step) in STEPS {
        let start = Instant::now();
        println!("── {name}");
        step().with_context(|| format!("step {name}"))?;
        println!("── {name}: {} s", start.elapsed().as_secs());
    }
    Ok(())
}

/// The torrent files lie beside the work tree, not in it.
fn conformance_if_there() -> Result<()> {
    let dir = crate::root().join("../shared/torrents");
    if dir.is_dir() {
        return conformance::run(&dir);
    }
    println!(
        "{} is not there: skipped",
        Path::new("../shared/torrents").display()
    );
    Ok(())
}
