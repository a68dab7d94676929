//! A thousand connected seeds that give a little each: what so many cost, beside
//! one that gives all.

use anyhow::Result;

use super::bench::{Bench, MIB_QUICK, OURS_ALONE, Runner};
use super::contender::{Contender, superseed_command};
use super::entry::Entry;
use super::load::Passed;
use super::results::{Bar, Column, Results};
use super::run::Run;
use super::transfer::Watch;
use crate::interop::clients::{Job, Running};
use crate::interop::compare::{Strictness, same_tree};
use crate::interop::namespace::host;

/// How many seeds there are.
const PEERS: u16 = 1000;
/// How fast each of them is, bytes per second: so slow that nearly all are
/// needed for the rate that was promised. One alone is as fast as it can.
const PEER_RATE_BYTES_PER_S: u32 = 200 << 10;

const MIB_PER_S: usize = 0;
const CPU: usize = 1;
const ACTIVE: usize = 2;

/// The bench.
pub(super) const BENCH: Bench = Bench {
    name: "conns",
    // Long enough for some whole seconds in the middle.
    mib: 3072,
    mib_quick: MIB_QUICK,
    runs: 5,
    says: "From a thousand seeds of 200 KiB/s in one process, over loopback, to files in memory, \
         and from a single one without a limit. Active in a second is of whom something was read in it; \
         seconds count that lie between 10 % and 90 % of the bytes.",
    left_out: OURS_ALONE,
    columns: COLUMNS,
    entries,
    run: Runner::Transfer(run),
    bars,
};

/// What a run gives, in this order.
const COLUMNS: &[Column] = &[
    Column::higher("MiB/s, 10–90 %", 0),
    Column::lower("CPU µs/block, 10–90 %", 2),
    Column::plain("fewest active in a second", 0),
    Column::plain("seconds counted", 0),
    Column::lower("peak MiB", 1),
    Column::plain("the seeds' thread, of a core", 2),
];

/// The bars of the issue.
const RATE_MIN: f64 = 150.0;
const ACTIVE_MIN: f64 = 990.0;
const CPU_OVER_ONE_MAX: f64 = 1.3;

/// How many blocks are in a GiB, and µs in a second.
const BLOCKS_PER_GIB: f64 = 65_536.0;
const US_PER_S: f64 = 1e6;

/// Who takes turns.
fn entries(clients: &[Contender]) -> Vec<Entry> {
    Entry::if_ours(clients, [Entry::OURS, Entry::OnePeer])
}

/// One run.
fn run(run: &Run<'_>, entry: Entry) -> Result<Vec<f64>> {
    let count = match entry {
        Entry::OURS => PEERS,
        Entry::OnePeer => 1,
        _ => return Err(entry.misplaced()),
    };
    let rate = (entry == Entry::OURS).then_some(PEER_RATE_BYTES_PER_S);
    let (seeds, peers) = run.seeds(count, rate)?;
    let dir = run.data("leech")?;
    let job = Job {
        torrent: &run.fixture.torrent,
        dir: &dir,
        ip: host(3),
        peers: &peers,
        upload_limit: None,
    };
    let mut command = superseed_command(run.stage, "download", &job);
    command.args(["--max-peers", &PEERS.to_string()]);

    let watch = Watch::begin(run.fixture.total_len, seeds.id())?;
    let mut leecher = Running::until_exit(run.stage, "superseed", command)?;
    let transfer = watch.until_complete(&mut leecher, run.limit(), || true)?;
    same_tree(&run.fixture.content, &dir, Strictness::Extras)?;
    let active = Active::of(&Passed::of(&seeds.output()?)?, run.fixture.total_len);
    Ok(vec![
        transfer.mib_per_s,
        transfer.middle_cpu_s_per_gib / BLOCKS_PER_GIB * US_PER_S,
        active.least,
        active.seconds,
        transfer.leecher.peak_mib,
        transfer.seeder_core_share,
    ])
}

/// How many seeds gave something in each second of the middle of the bytes.
#[derive(Debug, PartialEq)]
struct Active {
    /// NaN if no second was wholly in it.
    least: f64,
    seconds: f64,
}

impl Active {
    fn of(seconds: &[Passed], total_len: u64) -> Self {
        let middle = total_len / 10..=total_len / 10 * 9;
        let is_middle = |passed: &Passed| middle.contains(&passed.total());
        let pairs = seconds.iter().zip(seconds.iter().skip(1));
        let active = pairs
            .filter(|(before, after)| is_middle(before) && is_middle(after))
            .map(|(before, after)| {
                let gave = after.since(before).into_iter().filter(|bytes| *bytes > 0);
                gave.count() as f64
            });
        let active: Vec<f64> = active.collect();
        Self {
            least: active.iter().copied().fold(f64::NAN, f64::min),
            seconds: active.len() as f64,
        }
    }
}

/// What was promised.
fn bars(results: &Results) -> Vec<Bar> {
    let ours = |column| results.median(Entry::OURS, column);
    vec![
        Bar::least(
            format!("MiB/s from {PEERS} peers"),
            ours(MIB_PER_S),
            RATE_MIN,
        ),
        Bar::least("of them active in every second", ours(ACTIVE), ACTIVE_MIN),
        Bar::most(
            "CPU per block / that from one peer",
            ours(CPU) / results.median(Entry::OnePeer, CPU),
            CPU_OVER_ONE_MAX,
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_seconds_that_lie_in_the_middle_count() {
        let seconds = [[2, 3], [7, 8], [30, 20], [60, 20], [70, 25], [70, 30]];
        let seconds = seconds.map(|bytes| Passed {
            at_s: 0.0,
            bytes: bytes.to_vec(),
        });
        let (least, total) = (1.0, 3.0);
        let active = Active::of(&seconds, 110);
        assert!((active.least - least).abs() < 1e-9, "{active:?}");
        assert!((active.seconds - total).abs() < 1e-9, "{active:?}");
        assert!(Active::of(&[], 110).least.is_nan());
    }
}
