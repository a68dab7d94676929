//! What is no torrent: one sentence, a documented code, little memory.

use std::fs;

use anyhow::{Result, ensure};

use super::run::superseed;
use crate::interop::stage::Stage;

/// What a refusal may need, bytes.
const PEAK_MAX: u64 = 64 << 20;
/// How long it may take.
const SECONDS_MAX: f64 = 5.0;

const BENCODE: i32 = 25;
const TORRENT: i32 = 26;
const MAGNET: i32 = 27;

/// A 100 MB file of `l`: as deep as a list can be said to be.
const LISTS: usize = 100_000_000;

/// Each input with the commands that read it.
pub(super) fn table(stage: &Stage) -> Result<String> {
    let dir = stage.data("bad")?;
    let pieces = "6:pieces20:aaaaaaaaaaaaaaaaaaaa";
    let single = |length: &str, piece_length: &str| {
        format!("d4:infod6:lengthi{length}e4:name1:a12:piece lengthi{piece_length}e{pieces}ee")
    };
    let files = |length: &str| {
        format!(
            "d4:infod5:filesld6:lengthi{length}e4:pathl1:aeed6:lengthi{length}e4:pathl1:beee\
             4:name1:a12:piece lengthi16384e{pieces}ee"
        )
    };
    let v2 = |length: &str| {
        format!(
            "d4:infod9:file treed1:ad0:d6:lengthi{length}e11:pieces root32:{}eee\
             12:meta versioni2e4:name1:a12:piece lengthi16384eee",
            "r".repeat(32)
        )
    };
    let max = i64::MAX.to_string();
    let inputs: Vec<(&str, Vec<u8>, i32)> = vec![
        ("lists", vec![b'l'; LISTS], TORRENT),
        ("some-lists", vec![b'l'; 1_000_000], BENCODE),
        ("empty", Vec::new(), BENCODE),
        ("text", b"<!doctype html>".to_vec(), BENCODE),
        ("long-string", b"99999999999:a".to_vec(), BENCODE),
        ("no-info", b"d8:announce1:xe".to_vec(), TORRENT),
        ("piece-length-0", single("5", "0").into(), TORRENT),
        (
            "piece-length-negative",
            single("5", "-16384").into(),
            TORRENT,
        ),
        ("piece-length-max", single("5", &max).into(), TORRENT),
        ("length-max", single(&max, "16384").into(), TORRENT),
        ("length-negative", single("-1", "16384").into(), TORRENT),
        ("sum-overflows", files(&max).into(), TORRENT),
        ("v2-length-max", v2(&max).into(), TORRENT),
    ];
    let mut runs = 0;
    for (name, bytes, exit) in &inputs {
        fs::write(dir.join(name), bytes)?;
        for command in ["show", "verify", "edit", "magnet", "download"] {
            let mut args = vec![command, name];
            if command == "edit" {
                args.extend(["--comment", "x"]);
            }
            refused(stage, &args, &[*exit])?;
            runs += 1;
        }
    }
    let hash = "a".repeat(40);
    let magnets = [
        format!("magnet:?xt=urn:btih:{}", &hash[1..]),
        "magnet:?xt=urn:btmh:1220zz".to_owned(),
        "magnet:?dn=nothing".to_owned(),
    ];
    for magnet in &magnets {
        for command in ["show", "magnet"] {
            refused(stage, &[command, magnet], &[MAGNET])?;
            runs += 1;
        }
    }
    // Every file is selected: a link that selects too much is as good as one
    // that selects nothing, but it must not be counted out one by one.
    let all = format!("magnet:?xt=urn:btih:{hash}&so=0-18446744073709551615");
    let ran = superseed(stage, &dir, ["show", &all])?;
    ensure!(
        [0, MAGNET].contains(&ran.exit) && ran.peak_bytes < PEAK_MAX && ran.seconds < SECONDS_MAX,
        "so=0-18446744073709551615: exit {}, {} bytes",
        ran.exit,
        ran.peak_bytes
    );
    runs += 1;
    Ok(format!(
        "{runs} refusals in one sentence each, under {} MiB",
        PEAK_MAX >> 20
    ))
}

fn refused(stage: &Stage, args: &[&str], exits: &[i32]) -> Result<()> {
    let ran = superseed(stage, &stage.data("bad")?, args)?;
    let line = args.join(" ");
    ensure!(
        exits.contains(&ran.exit),
        "{line}: exit {} and not {exits:?}: {}",
        ran.exit,
        ran.stderr
    );
    ensure!(ran.stderr.lines().count() == 1, "{line}: {}", ran.stderr);
    ensure!(
        ran.peak_bytes < PEAK_MAX && ran.seconds < SECONDS_MAX,
        "{line}: {} MiB in {:.1} s",
        ran.peak_bytes >> 20,
        ran.seconds
    );
    Ok(())
}
