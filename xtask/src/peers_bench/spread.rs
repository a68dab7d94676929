//! A hundred leechers close together: how often a seeder reads what it sends.
//!
//! The content is on a disk and not in the page cache when they come.

use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context, Result, bail};
use rustix::fs::{Advice, fadvise};

use super::bench::{Bench, MIB_QUICK, Runner};
use super::contender::Contender;
use super::entry::Entry;
use super::procfs;
use super::results::{Bar, Column, Results};
use super::run::Run;

const MIB: f64 = (1 << 20) as f64;
const GIB: f64 = (1 << 30) as f64;

/// How many leechers there are.
pub(super) const LEECHERS: u16 = 100;

const ASKED: usize = 1;
const FROM_DISK: usize = 2;

/// The bench.
pub(super) const BENCH: Bench = Bench {
    name: "spread",
    // To each of a hundred.
    mib: 256,
    mib_quick: MIB_QUICK,
    runs: 5,
    says: "To a hundred leechers that are at most 16 MiB apart, each a little behind the next; \
         from a file on the disk that is not in the page cache. Bytes of read calls are what \
         the process asked the kernel for (rchar), bytes from the disk what the page cache did \
         not have.",
    left_out: "they serve a few at a time unless told otherwise",
    columns: COLUMNS,
    entries,
    run: Runner::Transfer(run),
    bars,
};

/// What a run gives, in this order.
const COLUMNS: &[Column] = &[
    Column::higher("MiB/s to all", 0),
    Column::lower("read calls / torrent", 3),
    Column::lower("read from the disk / torrent", 3),
    Column::lower("CPU s/GiB sent", 2),
    Column::lower("peak MiB", 1),
    Column::plain("leechers apart, MiB", 1),
];

/// The bar of the issue.
const READ_OVER_TORRENT_MAX: f64 = 1.2;

/// Who takes turns: others would not serve so many at a time unless told to.
fn entries(clients: &[Contender]) -> Vec<Entry> {
    let ours = clients.iter().filter(|one| **one == Contender::Superseed);
    ours.copied().map(Entry::Client).collect()
}

/// One run.
fn run(run: &Run<'_>, entry: Entry) -> Result<Vec<f64>> {
    let Entry::Client(client) = entry else {
        return Err(entry.misplaced());
    };
    let dir = run.stage.data("seed")?;
    let name = run
        .fixture
        .content
        .file_name()
        .context("content has a name")?;
    let content = dir.join(name);
    fs::copy(&run.fixture.content, &content)?;
    let seed = run.seed_from(client, &dir)?;
    let pid = seed.process.id();
    forget(&content)?;

    let (before, cpu_before) = (procfs::reads(pid)?, procfs::usage(pid)?.cpu_s);
    let mut leechers = run.leechers(LEECHERS)?;
    leechers.wait_success(run.limit())?;
    let (after, cpu_s) = (procfs::reads(pid)?, procfs::usage(pid)?.cpu_s - cpu_before);
    let peak = procfs::peak_bytes(pid).context("the seeder has ended")?;

    let output = leechers.output()?;
    let last = output.lines().last().unwrap_or_default();
    let said: Vec<f64> = last
        .split_whitespace()
        .map(str::parse)
        .collect::<Result<_, _>>()
        .with_context(|| format!("no figures: {output}"))?;
    let [seconds, apart_mib] = said[..] else {
        bail!("not all figures: {output}");
    };
    let len = run.fixture.total_len as f64;
    let sent = len * f64::from(LEECHERS);
    Ok(vec![
        sent / MIB / seconds,
        (after.asked - before.asked) as f64 / len,
        (after.from_devices - before.from_devices) as f64 / len,
        cpu_s / (sent / GIB),
        peak as f64 / MIB,
        apart_mib,
    ])
}

/// Puts a file on the disk and takes it out of the page cache, where checking it
/// has brought it.
fn forget(path: &Path) -> Result<()> {
    let file = File::open(path)?;
    file.sync_all()?;
    fadvise(&file, 0, None, Advice::DontNeed)?;
    Ok(())
}

/// What was promised.
fn bars(results: &Results) -> Vec<Bar> {
    let bar = |what: &str, column| {
        Bar::most(
            what,
            results.median(Entry::OURS, column),
            READ_OVER_TORRENT_MAX,
        )
    };
    vec![
        bar("100 leechers: bytes of read calls / torrent", ASKED),
        bar("100 leechers: bytes from the disk / torrent", FROM_DISK),
    ]
}
