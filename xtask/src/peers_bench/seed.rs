//! One seeder, one leecher, no limits: what sending takes.
//!
//! The leecher is libtorrent for everyone; it is given the seeder's address.

use anyhow::Result;

use super::bench::{Bench, MIB_QUICK, Runner};
use super::contender::Contender;
use super::entry::Entry;
use super::floor;
use super::results::{Bar, Column, Results};
use super::run::Run;
use super::transfer::Watch;
use crate::interop::clients::{Job, PORT, Running};
use crate::interop::compare::{Strictness, same_tree};
use crate::interop::namespace::host;

const CPU: usize = 1;

/// The bench.
pub(super) const BENCH: Bench = Bench {
    name: "seed",
    mib: 1024,
    mib_quick: MIB_QUICK,
    runs: 5,
    says: "To one libtorrent leecher, over loopback, from files in memory. CPU is user and system \
         time of the seeder from the leecher's start to its end; the floor is sendfile to a \
         reader that looks at nothing.",
    left_out: "there is nobody who is not",
    columns: COLUMNS,
    entries,
    run: Runner::Transfer(run),
    bars,
};

/// What a run gives, in this order.
const COLUMNS: &[Column] = &[
    Column::higher("MiB/s, 10–90 %", 0),
    Column::lower("CPU s/GiB", 2),
    Column::lower("peak MiB", 1),
    Column::plain("leecher's CPU s/GiB", 2),
];

/// The bar of the issue.
const CPU_OVER_BEST_MAX: f64 = 0.65;

/// Who takes turns.
fn entries(clients: &[Contender]) -> Vec<Entry> {
    let mut entries: Vec<Entry> = clients.iter().copied().map(Entry::Client).collect();
    entries.push(Entry::Floor);
    entries
}

/// One run.
fn run(run: &Run<'_>, entry: Entry) -> Result<Vec<f64>> {
    let (seed, transfer) = match entry {
        Entry::Client(client) => {
            let seed = run.seed(client)?;
            let dir = run.data("leech")?;
            let job = Job {
                torrent: &run.fixture.torrent,
                dir: &dir,
                ip: host(3),
                peers: &[(host(2), PORT).into()],
                upload_limit: None,
            };
            let watch = Watch::begin(run.fixture.total_len, seed.process.id())?;
            let mut leecher = Contender::Libtorrent.leech(run.stage, &job)?;
            let transfer = watch.until_complete(&mut leecher, run.limit(), || true)?;
            same_tree(&run.fixture.content, &dir, Strictness::Extras)?;
            (seed, transfer)
        }
        _ => {
            let seed = start_floor(run)?;
            let watch = Watch::begin(run.fixture.total_len, seed.process.id())?;
            let mut command = floor::command(&run.program, "take");
            command.arg(format!("{}:{PORT}", host(2)));
            let mut taker = Running::until_exit(run.stage, "taker", command)?;
            let transfer = watch.until_complete(&mut taker, run.limit(), || true)?;
            (seed, transfer)
        }
    };
    drop(seed);
    Ok(vec![
        transfer.mib_per_s,
        transfer.seeder.cpu_s_per_gib,
        transfer.seeder.peak_mib,
        transfer.leecher.cpu_s_per_gib,
    ])
}

fn start_floor(run: &Run<'_>) -> Result<Running> {
    let mut command = floor::command(&run.program, "seed");
    command
        .arg(format!("{}:{PORT}", host(2)))
        .arg(&run.fixture.content);
    let mut floor = Running::until_exit(run.stage, "floor", command)?;
    floor
        .process
        .wait_line(run.limit(), "the floor to listen")?;
    Ok(floor)
}

/// What was promised.
fn bars(results: &Results) -> Vec<Bar> {
    let (cheapest, cheapest_cpu) = results.best_other(CPU);
    vec![Bar::most(
        format!("seed CPU / the cheapest other's ({cheapest})"),
        results.median(Entry::OURS, CPU) / cheapest_cpu,
        CPU_OVER_BEST_MAX,
    )]
}
