//! Log lines of the library on standard error, as `-v` and `-q` ask.
//!
//! Only `main` starts it: a subscriber belongs to the process, not to one run
//! of the program.

use tracing_subscriber::EnvFilter;

/// How much the library says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Nothing but errors (`-q`).
    Errors,
    /// Warnings and errors.
    Warnings,
    /// What happens (`-v`).
    Info,
    /// What happens and why (`-vv`).
    Debug,
    /// Every step (`-vvv`).
    Trace,
}

/// Starts to log, once per process.
pub fn start(level: Level, colour: bool) {
    let level = match level {
        Level::Errors => "error",
        Level::Warnings => "warn",
        Level::Info => "info",
        Level::Debug => "debug",
        Level::Trace => "trace",
    };
    // Other crates' words are noise to a user of this program.
    let filter = EnvFilter::new(format!(
        "warn,superseed={level},superseed_engine={level},superseed_cli={level}"
    ));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colour)
        .with_target(false)
        .init();
}
