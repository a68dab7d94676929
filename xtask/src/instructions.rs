//! What a block costs in the engine, in instructions.
//!
//! Instructions do not move with the mood of a machine, so that a change of a
//! few per cent shows. Each case of the engine's bench runs twice under
//! callgrind with different numbers of blocks; the difference is free of all
//! that comes before. Copies, hashes and the bench's own peers do not count:
//! how many instructions a copy is depends on the processor.
//!
//! What is kept is in `crates/engine/benches/engine/instructions.tsv`. It
//! belongs to one release of the compiler and of the C library: another may
//! need `--keep`, in a commit of its own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::interop::install::{self, Tool};
use crate::process;

const USAGE: &str = "cargo xtask instructions [--install] [--keep]";

/// The cases, and the two numbers of blocks.
const CASES: [(&str, u64, u64); 5] = [
    ("download-1", 4_000, 12_000),
    ("download-1000", 8_000, 20_000),
    ("end-1000", 1, 2_048),
    ("upload-1", 4_000, 12_000),
    ("upload-1000", 100_000, 140_000),
];

/// How far a figure may be from the kept one.
const TOLERANCE: f64 = 0.03;

/// Counts, prints, and fails if a figure moved.
pub(crate) fn run(args: &[&str]) -> Result<()> {
    let (mut installs, mut keeps) = (false, false);
    for arg in args {
        match *arg {
            "--install" => installs = true,
            "--keep" => keeps = true,
            _ => bail!("unknown argument {arg}; usage: {USAGE}"),
        }
    }
    install::provide(&[Tool::Valgrind], installs, "--install does it")?;
    let program = build()?;
    let dir = crate::root().join("target/instructions");
    std::fs::create_dir_all(&dir)?;
    let kept = kept()?;
    let mut counted = Vec::new();
    let mut moved = Vec::new();
    for (case, few, many) in CASES {
        let cost = |blocks| count(&program, &dir, case, blocks);
        let per_block = (cost(many)? - cost(few)?) as f64 / (many - few) as f64;
        let before = kept.get(case).copied();
        let change = before.map_or(f64::NAN, |before| per_block / before - 1.0);
        let of_kept = 100.0 * change;
        println!("{case:15} {per_block:8.0} instructions a block ({of_kept:+.1} % of the kept)");
        counted.push((case, per_block));
        if change.is_nan() || change.abs() > TOLERANCE {
            moved.push(case);
        }
    }
    if keeps {
        return keep(&counted);
    }
    let cases = moved.join(", ");
    ensure!(
        moved.is_empty(),
        "{cases}: more than {:.0} % from what {} says; a change that is meant: --keep",
        100.0 * TOLERANCE,
        kept_at().display()
    );
    Ok(())
}

/// Builds the bench; gives its program.
fn build() -> Result<PathBuf> {
    let mut command = process::cargo_command();
    command.args(["bench", "--no-run", "--package", "superseed-engine"]);
    command.args(["--bench", "engine", "--message-format", "json"]);
    let output = command.output().context("cannot start cargo")?;
    ensure!(
        output.status.success(),
        "{}: {}",
        process::describe(&command),
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout)?;
    let mut programs = text.lines().filter_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        Some(PathBuf::from(message["executable"].as_str()?))
    });
    programs.next_back().context("cargo names no program")
}

/// The instructions of a run that count.
fn count(program: &Path, dir: &Path, case: &str, blocks: u64) -> Result<u64> {
    let profile = dir.join(format!("{case}-{blocks}"));
    let mut run = Command::new("valgrind");
    run.args(["--quiet", "--tool=callgrind"]);
    run.arg(format!("--callgrind-out-file={}", profile.display()));
    run.arg(program)
        .args(["--count", case, &blocks.to_string()]);
    process::run(&mut run)?;
    let mut annotate = Command::new("callgrind_annotate");
    annotate
        .args(["--threshold=100", "--auto=no"])
        .arg(&profile);
    let output = annotate
        .output()
        .context("cannot start callgrind_annotate")?;
    ensure!(output.status.success(), "callgrind_annotate failed");
    sum(&String::from_utf8_lossy(&output.stdout))
}

/// Adds up the functions that count.
fn sum(annotated: &str) -> Result<u64> {
    // `197,273,525 (86.64%)  FILE:FUNCTION [OBJECT]`, and one line of totals.
    let of_function = |line: &str| {
        let (number, rest) = line.trim_start().split_once(" (")?;
        let number: u64 = number.replace(',', "").parse().ok()?;
        let (_, name) = rest.split_once(')')?;
        let counts = !name.contains("PROGRAM TOTALS")
            && !["/memmove", "/memset", "__mem", "sha1::", "engine::scene"]
                .iter()
                .any(|part| name.contains(part));
        Some(if counts { number } else { 0 })
    };
    let functions: Vec<u64> = annotated.lines().filter_map(of_function).collect();
    ensure!(
        !functions.is_empty(),
        "callgrind_annotate names no function"
    );
    Ok(functions.iter().sum())
}

fn kept_at() -> PathBuf {
    crate::root().join("crates/engine/benches/engine/instructions.tsv")
}

fn kept() -> Result<BTreeMap<String, f64>> {
    let Ok(text) = std::fs::read_to_string(kept_at()) else {
        return Ok(BTreeMap::new());
    };
    let row = |line: &str| {
        let (case, figure) = line.split_once('\t').context("a row has two columns")?;
        Ok((case.to_owned(), figure.trim().parse()?))
    };
    let rows = text.lines().filter(|line| !line.starts_with('#'));
    rows.map(row).collect()
}

fn keep(counted: &[(&str, f64)]) -> Result<()> {
    let mut text =
        "# Instructions of the engine for one block; see xtask/src/instructions.rs.\n".to_owned();
    for (case, figure) in counted {
        text += &format!("{case}\t{figure:.0}\n");
    }
    std::fs::write(kept_at(), text)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_hashes_and_the_scene_do_not_count() {
        let annotated = "\
--------------
1,000 (100.0%)  PROGRAM TOTALS
500 (50.00%)  ./string/memmove-vec-unaligned-erms.S:__memcpy_avx_unaligned_erms [/lib/libc.so.6]
200 (20.00%)  ???:superseed_engine::picker::Picker::enter [/target/engine-1]
1,100 ( 9.00%)  ???:sha1::compress::soft::compress [/target/engine-1]
50 ( 5.00%)  ???:engine::scene::Scene::settle [/target/engine-1]
30 ( 3.00%)  ./malloc/malloc.c:_int_free [/lib/libc.so.6]
";
        assert_eq!(sum(annotated).unwrap(), 230);
        assert!(sum("nothing").is_err());
    }
}
