//! Damage that is named exactly, and edits that change nothing else.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use superseed_proto::metainfo::Metainfo;

use super::created::create;
use super::run::superseed;
use crate::interop::fixture::Noise;
use crate::interop::stage::Stage;

const PIECE_LEN: u64 = 64 << 10;
/// The files, in pieces: none shares a piece with another, so that v1 and v2
/// must say the same.
const FILES: [(&str, u64); 3] = [("a", 300), ("d/b", 500), ("d/c", 200)];
/// How many pieces are damaged.
const DAMAGED: usize = 50;
/// `verify` found something.
const EXIT_VERIFY: i32 = 32;

/// Start and end of each damaged range, in bytes, by file.
type Damage = BTreeMap<String, Vec<(u64, u64)>>;

/// Flips a byte in fifty pieces: `verify` names these pieces and no others.
pub(super) fn ranges(stage: &Stage) -> Result<String> {
    let dir = stage.data("damaged")?;
    let root = dir.join("data");
    let mut noise = Noise::new(b"damage");
    for (path, pieces) in FILES {
        let path = root.join(path);
        fs::create_dir_all(path.parent().context("a path without a parent")?)?;
        let mut bytes = vec![0; usize::try_from(pieces * PIECE_LEN)?];
        noise.fill(&mut bytes);
        fs::write(path, bytes)?;
    }
    let formats = ["v1", "v2", "hybrid"];
    for format in formats {
        let torrent = dir.join(format);
        create(stage, &root, format, u32::try_from(PIECE_LEN)?, &torrent)?;
    }
    let mut expected: Damage = BTreeMap::new();
    let mut damaged = 0;
    while damaged < DAMAGED {
        let (path, pieces) = FILES[usize::try_from(noise.next())? % FILES.len()];
        let piece = noise.next() % pieces;
        let ranges = expected.entry(format!("data/{path}")).or_default();
        let start = piece * PIECE_LEN;
        // Ranges that touch are one range: every damaged piece stands alone.
        let apart = |(begin, end): &(u64, u64)| start + PIECE_LEN < *begin || start > *end;
        if !ranges.iter().all(apart) {
            continue;
        }
        ranges.push((start, start + PIECE_LEN));
        flip(&root.join(path), start + noise.next() % PIECE_LEN)?;
        damaged += 1;
    }
    for ranges in expected.values_mut() {
        ranges.sort_unstable();
    }
    for format in formats {
        let ran =
            superseed(stage, &dir, ["verify", format, "data", "--json"])?.expect(EXIT_VERIFY)?;
        let found = damaged_ranges(&ran.stdout)?;
        ensure!(
            found == expected,
            "{format}: found {found:?} and not {expected:?}"
        );
    }
    Ok(format!(
        "{DAMAGED} damaged ranges named exactly in v1, v2 and hybrid"
    ))
}

/// Changes what lies outside the info dictionary, in every format.
pub(super) fn edit(stage: &Stage) -> Result<String> {
    let dir = stage.data("edited")?;
    let mut bytes = vec![0; 200_000];
    Noise::new(b"edit").fill(&mut bytes);
    fs::write(dir.join("data"), bytes)?;
    for format in ["v1", "v2", "hybrid"] {
        let path = dir.join(format);
        create(stage, &dir.join("data"), format, 16 << 10, &path)?;
        let before = Metainfo::parse(&fs::read(&path)?)?;
        let edits = [
            "--add-tracker",
            "http://a.example/announce",
            "--comment",
            "другой",
            "--web-seed",
            "http://w.example/data",
        ];
        superseed(stage, &dir, ["edit", format].iter().chain(&edits))?.expect(0)?;
        let after = Metainfo::parse(&fs::read(&path)?)?;
        ensure!(after.raw_info == before.raw_info, "{format}: info changed");
        ensure!(
            after.comment.as_deref() == Some("другой") && after.trackers.len() == 1,
            "{format}: the edit did nothing"
        );
        let refused = superseed(stage, &dir, ["edit", format, "--private"])?;
        let kept = Metainfo::parse(&fs::read(&path)?)?;
        ensure!(
            refused.exit != 0 && kept.raw_info == before.raw_info,
            "{format}: the info-hash changed without being asked for"
        );
        superseed(stage, &dir, ["edit", format, "--private", "--new-infohash"])?.expect(0)?;
        let private = Metainfo::parse(&fs::read(&path)?)?;
        ensure!(private.info.private, "{format}: not private");
        superseed(stage, &dir, ["verify", format, "data", "-q"])?.expect(0)?;
    }
    Ok("edits outside info leave its bytes, and no other goes unasked".to_owned())
}

fn flip(path: &std::path::Path, at: u64) -> Result<()> {
    let file = File::options().read(true).write(true).open(path)?;
    let mut byte = [0];
    file.read_exact_at(&mut byte, at)?;
    file.write_all_at(&[byte[0] ^ 0x40], at)?;
    Ok(())
}

/// The damaged ranges of each file that has some.
fn damaged_ranges(json: &str) -> Result<Damage> {
    let report: Value = serde_json::from_str(json)?;
    let mut all = BTreeMap::new();
    for file in report["files"].as_array().context("no files")? {
        let path = file["path"].as_str().context("a file without a path")?;
        let mut ranges = Vec::new();
        for range in file["damaged"]
            .as_array()
            .context("a file without damage")?
        {
            let figure = |key: &str| range[key].as_u64().context("a range without a figure");
            let start = figure("offset")?;
            ranges.push((start, start + figure("length")?));
        }
        if !ranges.is_empty() {
            all.insert(path.to_owned(), ranges);
        }
    }
    Ok(all)
}
