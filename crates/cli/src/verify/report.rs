//! What `verify` says of each file and of all.

use std::ops::Range;
use std::path::Path;

use serde::Serialize;
use superseed::Metainfo;
use superseed::content::{FileReport, Verdict, VerifyReport};

use crate::args::GlobalArgs;
use crate::env::Env;
use crate::exit::{Exit, Failure, without_numbers};
use crate::show::paper::Paper;
use crate::text::figures::{self, printable};
use crate::text::json;
use crate::text::paint::Paint;

/// Columns of a verdict.
const VERDICT_WIDTH: usize = 12;

/// Writes the report. The failure is that of data that is not as it should be.
pub(super) fn tell(
    metainfo: &Metainfo,
    report: &VerifyReport,
    content: &Path,
    global: &GlobalArgs,
    env: &Env,
) -> Result<Exit, Failure> {
    let mut paper = Paper::new(env.stdout.clone());
    let sum = Sum::of(report);
    if global.json {
        let result = AsJson::of(metainfo, report, content, &sum);
        paper.line(json::line(&result))?;
    } else {
        let paint = Paint(env.stdout.colour(global.color));
        for file in &report.files {
            if !(global.quiet && file.verdict == Verdict::Ok) {
                write(metainfo, file, paint, &mut paper)?;
            }
        }
    }
    let name = printable(metainfo.name());
    let count = report.files.len();
    if !report.is_ok() {
        paper.finish()?;
        let mut message = format!("{name}: {}", sum.words(count));
        if sum.missing == count {
            // More often the wrong place than lost data.
            message += &format!("; looked for in {}", content.display());
        }
        return Err(Failure::new(Exit::Verify, message));
    }
    if !global.json && !global.quiet {
        let files = match count {
            1 => "1 file is as it should be".to_owned(),
            _ => format!("{count} files are as they should be"),
        };
        let size = figures::size(metainfo.info.content_len());
        paper.line(format!("{name}: {files}, {size}"))?;
    }
    paper.finish()?;
    Ok(Exit::Success)
}

fn write(
    metainfo: &Metainfo,
    file: &FileReport,
    paint: Paint,
    paper: &mut Paper,
) -> Result<(), Failure> {
    let verdict = format!("{:<VERDICT_WIDTH$}", words(&file.verdict));
    let verdict = match file.verdict {
        Verdict::Ok => paint.good(&verdict),
        Verdict::Unverifiable => paint.warning(&verdict),
        _ => paint.bad(&verdict),
    };
    let path = metainfo.info.file_path(file.file);
    let path = printable(&path.to_string_lossy());
    let expected = metainfo.info.file(file.file).len;
    let more = match &file.verdict {
        Verdict::TooShort { len } | Verdict::TooLong { len } => {
            format!(": {len} bytes instead of {expected}")
        }
        Verdict::Unreadable(reason) => format!(": {}", printable(&without_numbers(reason))),
        _ => String::new(),
    };
    paper.line(format!("{verdict}  {path}{more}"))?;
    let ranges = [
        ("damaged", &file.damaged),
        ("unverifiable", &file.unverifiable),
    ];
    for (what, ranges) in ranges {
        for range in ranges {
            let (last, size) = (range.end - 1, figures::size(range.end - range.start));
            let start = range.start;
            paper.line(format!(
                "{:VERDICT_WIDTH$}    {what} bytes {start}-{last} ({size})",
                ""
            ))?;
        }
    }
    Ok(())
}

/// A verdict as people read it; with `_` for blanks it is that of programs.
fn words(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Ok => "ok",
        Verdict::Missing => "missing",
        Verdict::NotAFile => "not a file",
        Verdict::Unreadable(_) => "unreadable",
        Verdict::WrongLink => "wrong link",
        Verdict::TooShort { .. } => "too short",
        Verdict::TooLong { .. } => "too long",
        Verdict::Damaged => "damaged",
        Verdict::Unverifiable => "unverifiable",
    }
}

/// All files together.
#[derive(Debug, Default)]
struct Sum {
    ok: usize,
    missing: usize,
    damaged_bytes: u64,
    unverifiable_bytes: u64,
}

impl Sum {
    fn of(report: &VerifyReport) -> Self {
        let len = |ranges: &[Range<u64>]| -> u64 {
            ranges.iter().map(|range| range.end - range.start).sum()
        };
        let mut sum = Self::default();
        for file in &report.files {
            sum.ok += usize::from(file.verdict == Verdict::Ok);
            sum.missing += usize::from(file.verdict == Verdict::Missing);
            sum.damaged_bytes += len(&file.damaged);
            sum.unverifiable_bytes += len(&file.unverifiable);
        }
        sum
    }

    /// What is wrong with some of `count` files.
    fn words(&self, count: usize) -> String {
        let wrong = count - self.ok;
        let files = if count == 1 { "file" } else { "files" };
        let are = if wrong == 1 { "is" } else { "are" };
        let mut words = format!("{wrong} of {count} {files} {are} not as the torrent says");
        let mut parts = Vec::new();
        if self.missing > 0 {
            parts.push(format!("{} missing", self.missing));
        }
        if self.damaged_bytes > 0 {
            parts.push(format!("{} damaged", figures::size(self.damaged_bytes)));
        }
        if self.unverifiable_bytes > 0 {
            let size = figures::size(self.unverifiable_bytes);
            parts.push(format!("{size} cannot be checked"));
        }
        if !parts.is_empty() {
            words += &format!(": {}", parts.join(", "));
        }
        words
    }
}

/// The report for programs.
#[derive(Debug, Serialize)]
struct AsJson<'a> {
    name: &'a str,
    info_hash: Option<String>,
    info_hash_v2: Option<String>,
    path: String,
    ok: bool,
    file_count: usize,
    files_ok: usize,
    files_missing: usize,
    damaged_bytes: u64,
    unverifiable_bytes: u64,
    files: Vec<FileJson>,
}

#[derive(Debug, Serialize)]
struct FileJson {
    number: u32,
    path: String,
    length: u64,
    status: String,
    /// What is there, if its length is wrong.
    actual_length: Option<u64>,
    /// Why it cannot be read.
    reason: Option<String>,
    damaged: Vec<Span>,
    unverifiable: Vec<Span>,
}

/// A range of a file's bytes.
#[derive(Debug, Serialize)]
struct Span {
    offset: u64,
    length: u64,
}

impl<'a> AsJson<'a> {
    fn of(metainfo: &'a Metainfo, report: &VerifyReport, content: &Path, sum: &Sum) -> Self {
        let hashes = metainfo.info_hashes;
        Self {
            name: metainfo.name(),
            info_hash: hashes.v1().map(|hash| hash.to_string()),
            info_hash_v2: hashes.v2().map(|hash| hash.to_string()),
            path: content.to_string_lossy().into_owned(),
            ok: report.is_ok(),
            file_count: report.files.len(),
            files_ok: sum.ok,
            files_missing: sum.missing,
            damaged_bytes: sum.damaged_bytes,
            unverifiable_bytes: sum.unverifiable_bytes,
            files: report
                .files
                .iter()
                .map(|file| FileJson::of(metainfo, file))
                .collect(),
        }
    }
}

impl FileJson {
    fn of(metainfo: &Metainfo, file: &FileReport) -> Self {
        let path = metainfo.info.file_path(file.file);
        Self {
            number: file.file.0 + 1,
            path: path.to_string_lossy().into_owned(),
            length: metainfo.info.file(file.file).len,
            status: words(&file.verdict).replace(' ', "_"),
            actual_length: match file.verdict {
                Verdict::TooShort { len } | Verdict::TooLong { len } => Some(len),
                _ => None,
            },
            reason: match &file.verdict {
                Verdict::Unreadable(reason) => Some(without_numbers(reason)),
                _ => None,
            },
            damaged: spans(&file.damaged),
            unverifiable: spans(&file.unverifiable),
        }
    }
}

fn spans(ranges: &[Range<u64>]) -> Vec<Span> {
    let span = |range: &Range<u64>| Span {
        offset: range.start,
        length: range.end - range.start,
    };
    ranges.iter().map(span).collect()
}
