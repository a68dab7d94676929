//! `cargo xtask conformance DIR`: torrent files with known verdicts.
//!
//! Owns the comparison of what `proto` says of each torrent with what the
//! directory's `expected.tsv` says. It knows no file by name, and it changes
//! nothing: the torrents are other people's data and stay where they are.

use std::fs;
use std::path::Path;

use anyhow::{Context, ensure};
use superseed_proto::metainfo::{Metainfo, MetainfoError};

/// The table of a directory: file, verdict, hash prefixes, remark.
const TABLE: &str = "expected.tsv";

/// Checks every torrent of the table, prints a line for each and a sum.
///
/// # Errors
///
/// If a torrent does not load or fail as the table says, or the table cannot
/// be read.
pub(crate) fn run(dir: &Path) -> anyhow::Result<()> {
    let table = dir.join(TABLE);
    let text = fs::read_to_string(&table)
        .with_context(|| format!("cannot read the table {}", table.display()))?;
    let rows = text
        .lines()
        .skip(1)
        .map(Row::parse)
        .collect::<anyhow::Result<Vec<_>>>()?;
    ensure!(
        !rows.is_empty(),
        "the table {} has no rows",
        table.display()
    );
    let (mut passed, mut failed) = (0, 0);
    for row in rows {
        let path = dir.join(row.file);
        let bytes = fs::read(&path)
            .with_context(|| format!("cannot read the torrent {}", path.display()))?;
        let (word, remark) = match row.judge(&Metainfo::parse(&bytes)) {
            Judgement::Passed(remark) => {
                passed += 1;
                ("ok", remark)
            }
            Judgement::Failed(remark) => {
                failed += 1;
                ("FAILED", remark)
            }
        };
        println!("{word:8}{}: {remark}", row.file);
    }
    // No row is skipped: a verdict that we cannot give is a failure.
    println!("{passed} passed, {failed} failed, 0 skipped");
    ensure!(
        failed == 0,
        "{failed} torrents are not read as {} says",
        table.display()
    );
    Ok(())
}

/// One line of the table.
#[derive(Debug)]
struct Row<'t> {
    file: &'t str,
    loads: bool,
    /// The error's name in the table, where the torrent must fail.
    error: &'t str,
    /// The first hex digits of the v1 hash, if the torrent has a v1 half.
    v1: Option<&'t str>,
    /// The first hex digits of the v2 hash, if the torrent has a v2 half.
    v2: Option<&'t str>,
}

enum Judgement {
    Passed(String),
    Failed(String),
}

impl<'t> Row<'t> {
    fn parse(line: &'t str) -> anyhow::Result<Self> {
        let mut fields = line.split('\t');
        let mut field = || {
            fields
                .next()
                .with_context(|| format!("the row '{line}' is too short"))
        };
        let (file, verdict, hashes) = (field()?, field()?, field()?);
        let error = verdict.strip_prefix("fails: ");
        ensure!(
            error.is_some() || verdict == "loads",
            "the verdict '{verdict}' of {file} is neither 'loads' nor 'fails: …'"
        );
        let mut row = Row {
            file,
            loads: error.is_none(),
            error: error.unwrap_or_default(),
            v1: None,
            v2: None,
        };
        for hash in hashes.split(" / ").filter(|hash| !hash.is_empty()) {
            match hash.strip_prefix("v2:") {
                Some(v2) => row.v2 = Some(v2),
                None => row.v1 = Some(hash),
            }
        }
        Ok(row)
    }

    /// Compares with what the parser said.
    fn judge(&self, parsed: &Result<Metainfo, MetainfoError>) -> Judgement {
        match parsed {
            Ok(metainfo) if self.loads => self.compare_hashes(metainfo),
            Err(error) if !self.loads => Judgement::Passed(format!("refused: {error}")),
            Ok(_) => Judgement::Failed(format!("loads, but must fail with {}", self.error)),
            Err(error) => Judgement::Failed(format!("must load, but fails: {error}")),
        }
    }

    fn compare_hashes(&self, metainfo: &Metainfo) -> Judgement {
        let v1 = metainfo.info_hashes.v1().map(|hash| hash.to_string());
        let v2 = metainfo.info_hashes.v2().map(|hash| hash.to_string());
        let same = |found: Option<&String>, expected: Option<&str>| match (found, expected) {
            (Some(found), Some(expected)) => found.starts_with(expected),
            (None, None) => true,
            _ => false,
        };
        if same(v1.as_ref(), self.v1) && same(v2.as_ref(), self.v2) {
            let files = metainfo.info.files.len();
            Judgement::Passed(format!(
                "loads, {files} files, {} bytes",
                metainfo.info.layout.total_len()
            ))
        } else {
            Judgement::Failed(format!(
                "the hashes are {v1:?} and {v2:?}, not {:?} and {:?}",
                self.v1, self.v2
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_names_the_verdict_and_both_hashes() {
        let row = Row::parse("a.torrent\tloads\t6e6d49 / v2:132b0d\tremark").unwrap();
        assert!(row.loads);
        assert_eq!((row.v1, row.v2), (Some("6e6d49"), Some("132b0d")));
        let row = Row::parse("b.torrent\tfails: no_files\t\t").unwrap();
        assert_eq!(
            (row.loads, row.error, row.v1, row.v2),
            (false, "no_files", None, None)
        );
        assert!(Row::parse("c.torrent\tperhaps\t\t").is_err());
        assert!(Row::parse("d.torrent").is_err());
    }
}
