//! One leecher, one seeder, no limits: what receiving takes.
//!
//! The seeder is libtorrent for everyone, beside a second row for superseed
//! from superseed. Leechers hear of it from a tracker, as two of them take no
//! address; the floors are given it.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::Result;

use super::bench::{Bench, MIB_QUICK, Runner};
use super::contender::Contender;
use super::entry::Entry;
use super::floor;
use super::results::{Bar, Column, Results, Wanted};
use super::run::Run;
use super::transfer::Watch;
use crate::interop::clients::{Job, PORT, Running};
use crate::interop::compare::{Strictness, same_tree};
use crate::interop::metainfo::with_trackers;
use crate::interop::namespace::host;
use crate::interop::scripted::tracker_of_peers;

const MIB_PER_S: usize = 0;
const CPU: usize = 2;
const PEAK: usize = 3;
const SEEDER_CPU: usize = 4;
const SEEDER_CORE: usize = 5;

/// The bench.
pub(super) const BENCH: Bench = Bench {
    name: "leech",
    mib: 2048,
    mib_quick: MIB_QUICK,
    runs: 5,
    says: "From one libtorrent seeder, over loopback, to files in memory; the pair is superseed \
         from superseed. Throughput is of the bytes between 10 % and 90 % as they went over the \
         wire; CPU is user and system time of the whole process, until all is on the disk; the \
         floors receive, hash whole pieces and write, on one thread or with hashing and writing \
         on a second one.",
    left_out: "there is nobody who is not",
    columns: COLUMNS,
    entries,
    run: Runner::Transfer(run),
    bars,
};

/// What a run gives, in this order.
const COLUMNS: &[Column] = &[
    Column::higher("MiB/s, 10–90 %", 0),
    Column::plain("first payload after, s", 2),
    Column::lower("CPU s/GiB", 2),
    Column::lower("peak MiB", 1),
    Column::plain("seeder's CPU s/GiB", 2),
    Column::plain("its busiest thread, of a core", 2),
];

/// The bars of the issue.
const CPU_OVER_FLOOR_MAX: f64 = 1.25;
const RATE_OVER_BEST_MIN: f64 = 1.2;
const PEAK_MIB_MAX: f64 = 48.0;
const PAIR_SHARE_MIN: f64 = 0.8;
/// The machine for which the pair's bar is made.
const CORES: f64 = 2.0;

/// Who takes turns.
fn entries(clients: &[Contender]) -> Vec<Entry> {
    let mut entries: Vec<Entry> = clients.iter().copied().map(Entry::Client).collect();
    if clients.contains(&Contender::Superseed) {
        entries.push(Entry::Pair);
    }
    entries.extend([Entry::Floor, Entry::FloorTwo]);
    entries
}

/// One run.
fn run(run: &Run<'_>, entry: Entry) -> Result<Vec<f64>> {
    let seeder = match entry {
        Entry::Pair => Contender::Superseed,
        _ => Contender::Libtorrent,
    };
    let seed = run.seed(seeder)?;
    let addr = (host(2), PORT).into();
    let tracker = tracker_of_peers(host(9), &[addr])?;
    let torrent = with_trackers(&run.fixture, &[tracker], &run.stage.path("torrent"))?;
    let dir = run.data("leech")?;

    let watch = Watch::begin(run.fixture.total_len, seed.process.id())?;
    let mut leecher = start(run, entry, &torrent, &dir, addr)?;
    let is_there = || same_tree(&run.fixture.content, &dir, Strictness::Extras);
    let transfer = watch.until_complete(&mut leecher, run.limit(), || is_there().is_ok())?;
    is_there()?;
    Ok(vec![
        transfer.mib_per_s,
        transfer.start_s,
        transfer.leecher.cpu_s_per_gib,
        transfer.leecher.peak_mib,
        transfer.seeder.cpu_s_per_gib,
        transfer.seeder_core_share,
    ])
}

fn start(
    run: &Run<'_>,
    entry: Entry,
    torrent: &Path,
    dir: &Path,
    seeder: SocketAddr,
) -> Result<Running> {
    let job = Job {
        torrent,
        dir,
        ip: host(3),
        peers: &[],
        upload_limit: None,
    };
    let floor = |threads: &str| {
        let mut command = floor::command(&run.program, "leech");
        command.arg(threads).arg(torrent).arg(dir);
        command.arg(seeder.to_string());
        Running::until_exit(run.stage, "floor", command)
    };
    match entry {
        Entry::Client(client) => client.leech(run.stage, &job),
        Entry::Pair => Contender::Superseed.leech(run.stage, &job),
        Entry::Floor => floor("1"),
        Entry::FloorTwo => floor("2"),
        Entry::Library
        | Entry::OnePeer
        | Entry::Recheck
        | Entry::Limited(_)
        | Entry::Device(_)
        | Entry::Files(_) => Err(entry.misplaced()),
    }
}

/// What was promised.
fn bars(results: &Results) -> Vec<Bar> {
    let ours = |column| results.median(Entry::OURS, column);
    let cpu_over = |floor| ours(CPU) / results.median(floor, CPU);
    let (cheapest, cheapest_cpu) = results.best_other(CPU);
    let (fastest, fastest_rate) = results.best_other(MIB_PER_S);
    let pair = |column| results.median(Entry::Pair, column);
    let pair_limit = CORES * 1024.0 / (pair(CPU) + pair(SEEDER_CPU));
    vec![
        Bar::most(
            "download CPU / floor",
            cpu_over(Entry::Floor),
            CPU_OVER_FLOOR_MAX,
        ),
        Bar::most(
            "download CPU / floor on two threads",
            cpu_over(Entry::FloorTwo),
            CPU_OVER_FLOOR_MAX,
        ),
        Bar::most(
            format!("download CPU / the cheapest other's ({cheapest})"),
            ours(CPU) / cheapest_cpu,
            1.0,
        ),
        Bar {
            what: format!("throughput / the fastest other's ({fastest})"),
            measured: ours(MIB_PER_S) / fastest_rate,
            wanted: Wanted::LeastUnlessBusy(RATE_OVER_BEST_MIN, ours(SEEDER_CORE)),
        },
        Bar::most("peak MiB", ours(PEAK), PEAK_MIB_MAX),
        Bar::least(
            format!("superseed to superseed / 2 cores by CPU of both ({pair_limit:.0} MiB/s)"),
            pair(MIB_PER_S) / pair_limit,
            PAIR_SHARE_MIN,
        ),
    ]
}
