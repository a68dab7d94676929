//! Checking a file against its torrent: how fast, and what the reference loop
//! reaches.
//!
//! Of the clients those that have a check of their own which ends.

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::bench::{Bench, MIB_QUICK, Runner};
use super::contender::{Contender, superseed_command};
use super::entry::Entry;
use super::floor;
use super::procfs;
use super::results::{Bar, Column, Results};
use super::run::Run;
use crate::interop::clients::{Job, libtorrent, superseed};
use crate::interop::namespace::host;

const MIB: f64 = (1 << 20) as f64;
const GIB: f64 = (1 << 30) as f64;

/// How often it is looked whether a check has ended.
const POLL: Duration = Duration::from_millis(1);

const MIB_PER_S: usize = 0;

/// The bench.
pub(super) const BENCH: Bench = Bench {
    name: "check",
    mib: 2048,
    mib_quick: MIB_QUICK,
    runs: 5,
    says: "A file in memory against its torrent. Processes from start to end, but for libtorrent, \
         whose own check is timed; the floor reads and hashes one piece after the other on all \
         cores.",
    left_out: "they have no check of their own that ends",
    columns: COLUMNS,
    entries,
    run: Runner::Transfer(run),
    bars,
};

/// What a run gives, in this order.
const COLUMNS: &[Column] = &[
    Column::higher("MiB/s", 0),
    Column::lower("CPU s/GiB", 2),
    Column::lower("peak MiB", 1),
];

/// The bars of the issue.
const OVER_LIBTORRENT_MIN: f64 = 1.5;
const OVER_FLOOR_MIN: f64 = 0.95;

/// Who takes turns.
fn entries(clients: &[Contender]) -> Vec<Entry> {
    let mut entries = Vec::new();
    for client in clients {
        match client {
            Contender::Superseed => entries.extend([Entry::OURS, Entry::Recheck]),
            Contender::Libtorrent | Contender::Aria2 => entries.push(Entry::Client(*client)),
            Contender::Rqbit | Contender::Transmission | Contender::Rtorrent => {}
        }
    }
    entries.push(Entry::Floor);
    entries
}

/// One run.
fn run(run: &Run<'_>, entry: Entry) -> Result<Vec<f64>> {
    let dir = run.full("data")?;
    let torrent = &run.fixture.torrent;
    let job = Job {
        torrent,
        dir: &dir,
        ip: host(2),
        peers: &[],
        upload_limit: None,
    };
    let mut command = match entry {
        Entry::Client(Contender::Superseed) => {
            let mut command = superseed::program(run.stage);
            command.arg("verify").arg(torrent);
            command.arg(dir.join(run.fixture.content.file_name().context("no name")?));
            command
        }
        Entry::Recheck => {
            let mut command = superseed_command(run.stage, "download", &job);
            command.arg("--recheck");
            command
        }
        Entry::Client(Contender::Libtorrent) => libtorrent::check_command(&job),
        Entry::Client(Contender::Aria2) => {
            let mut command = Command::new("aria2c");
            command.args(["--no-conf", "--enable-dht=false", "--check-integrity=true"]);
            command.args(["--hash-check-only=true", "--quiet=true"]);
            command.arg(format!("--dir={}", dir.display())).arg(torrent);
            command
        }
        Entry::Floor => {
            let mut command = floor::command(&run.program, "check");
            command.arg(&run.fixture.content).arg(torrent);
            command
        }
        _ => bail!("{} does not check", entry.name()),
    };
    let start = Instant::now();
    let mut process = run.stage.spawn("check", &mut command)?;
    let mut peak = 0;
    let usage = loop {
        ensure!(start.elapsed() < run.limit(), "it checks for ever");
        peak = peak.max(procfs::peak_bytes(process.id()).unwrap_or_default());
        let usage = procfs::usage(process.id())?;
        if usage.ended {
            break usage;
        }
        thread::sleep(POLL);
    };
    let whole = (start.elapsed().as_secs_f64(), usage.cpu_s);
    process.wait_success(run.limit())?;
    let (seconds, cpu_s) = match entry {
        Entry::Client(Contender::Libtorrent) => said(&process.output()?)?,
        _ => whole,
    };
    let len = run.fixture.total_len as f64;
    Ok(vec![
        len / MIB / seconds,
        cpu_s / (len / GIB),
        peak as f64 / MIB,
    ])
}

/// Seconds and CPU seconds, as libtorrent's script says them.
fn said(output: &str) -> Result<(f64, f64)> {
    let (seconds, cpu_s) = output.trim().split_once(' ').context("no figures")?;
    Ok((seconds.parse()?, cpu_s.parse()?))
}

/// What was promised.
fn bars(results: &Results) -> Vec<Bar> {
    let rate = |entry| results.median(entry, MIB_PER_S);
    let (libtorrent, floor) = (
        rate(Entry::Client(Contender::Libtorrent)),
        rate(Entry::Floor),
    );
    let (ours, again) = (rate(Entry::OURS), rate(Entry::Recheck));
    let (as_they, as_floor) = (OVER_LIBTORRENT_MIN, OVER_FLOOR_MIN);
    vec![
        Bar::least("verify / libtorrent", ours / libtorrent, as_they),
        Bar::least("verify / reference loop", ours / floor, as_floor),
        Bar::least("re-check / libtorrent", again / libtorrent, as_they),
        Bar::least("re-check / reference loop", again / floor, as_floor),
    ]
}
