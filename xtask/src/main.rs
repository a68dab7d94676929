//! The project's chores, run as `cargo xtask NAME`.
//!
//! | chore | what it does |
//! |---|---|
//! | `ci` | all that continuous integration runs, in its order |
//! | `tidy` | what a machine can check of STYLE.md and the invariants |
//! | `conformance DIR` | loads the torrent files of DIR and compares with its expected.tsv |
//! | `interop [--install] [FILTER]` | superseed against real clients, in network namespaces |
//! | `instructions [--install] [--keep]` | what a block costs in the engine, against what is kept |
//! | `sim [ARGS]` | one simulation, replayed from its seed |
//! | `swarm [line] [OPTIONS]` | ten leechers, or one long line, of real clients side by side |
//! | `peers-bench [BENCH] [OPTIONS]` | what moving bytes costs, real clients side by side; writes docs/results/peers.md |
//! | `policies [--quick] [--seeds N] [--job N]` | the policies compared in the simulator; writes docs/results, or replays one run |

mod ci;
mod conformance;
mod contender;
mod instructions;
mod interop;
mod peers_bench;
mod process;
mod summary;
mod swarm;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, bail};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[String]) -> Result<()> {
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["ci"] => ci::run(),
        ["tidy"] => tidy::run(&root()),
        ["conformance", dir] => conformance::run(Path::new(dir)),
        ["interop", rest @ ..] => interop::run(rest),
        ["instructions", rest @ ..] => instructions::run(rest),
        ["swarm", rest @ ..] => swarm::run(rest),
        ["peers-bench", rest @ ..] => peers_bench::run(rest),
        ["sim", rest @ ..] => {
            let sim = ["run", "--release", "--package", "superseed-sim", "--"];
            process::cargo(&[&sim, rest].concat())
        }
        ["policies", rest @ ..] => {
            // The small grid may not take the place of the document.
            let quick = rest.contains(&"--quick");
            let dir = if quick {
                "target/policies"
            } else {
                "docs/results"
            };
            let sim = ["run", "--release", "--package", "superseed-sim", "--"];
            process::cargo(&[&sim[..], &["--policies", dir], rest].concat())
        }
        _ => bail!(
            "usage: cargo xtask ci | tidy | conformance DIR | interop [--install] [FILTER] | instructions [--install] [--keep] \
             | swarm [line] [--install] [--clients A,B] [--runs N] [--leechers N] | peers-bench [leech|seed|spread|check|many|conns] [--install] [--quick] \
             [--clients A,B] [--runs N] [--mib N] [--torrents N] | sim [ARGS] | policies [--quick] [--seeds N] [--job N]"
        ),
    }
}

/// The top of the work tree.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent()
        .expect("xtask lies in the work tree")
        .to_owned()
}
