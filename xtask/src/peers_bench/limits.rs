//! Rate limits: how exact they are, what they cost, how peers share one.
//!
//! A limit counts every byte of the connections to peers, headers of messages
//! and handshakes among them. The peers count them, from outside the limited
//! process.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::bench::{Bench, OURS_ALONE, Runner};
use super::contender::{Contender, superseed_command};
use super::entry::Entry;
use super::load::Passed;
use super::procfs;
use super::results::{Bar, Column, Results};
use super::run::Run;
use crate::interop::clients::{Job, Running};
use crate::interop::namespace::host;
use crate::interop::stage::{Process, wait_until};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

/// A limit that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limit {
    pub(super) name: &'static str,
    way: Way,
    rate_bytes_per_s: u64,
    /// Who share it.
    peers: u16,
    /// How long it is watched: so long that a block is less than a hundredth.
    window: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Down,
    Up,
}

/// All that are measured. An upload limit feeds as many at a time as the choker
/// finds it worth: here all fifty.
pub(super) const ALL: [Limit; 12] = [
    Limit::new("download-16-KiB", Way::Down, 16 * KIB, 1, 120),
    Limit::new("download-256-KiB", Way::Down, 256 * KIB, 1, 30),
    Limit::new("download-4-MiB", Way::Down, 4 * MIB, 1, 20),
    Limit::new("download-50-MiB", Way::Down, 50 * MIB, 1, 10),
    Limit::new("download-200-MiB", Way::Down, 200 * MIB, 1, 6),
    Limit::new("download-1-MiB-of-50", Way::Down, MIB, CROWD, 60),
    Limit::new("upload-16-KiB", Way::Up, 16 * KIB, 1, 120),
    Limit::new("upload-256-KiB", Way::Up, 256 * KIB, 1, 30),
    Limit::new("upload-4-MiB", Way::Up, 4 * MIB, 1, 20),
    Limit::new("upload-50-MiB", Way::Up, 50 * MIB, 1, 10),
    Limit::new("upload-200-MiB", Way::Up, 200 * MIB, 1, 6),
    Limit::new("upload-48-MiB-to-50", Way::Up, 48 * MIB, CROWD, 20),
];

const CROWD: u16 = 50;

/// The limit whose cost was promised.
const LEAST_RATE_BYTES_PER_S: u64 = 16 * KIB;

/// A flow has begun when there was so much for each peer, bytes.
const BEGUN_BYTES: u64 = 16 * KIB;
/// It is steady so long after.
const STEADY: Duration = Duration::from_secs(3);
/// How long it may take to begin, or what is said once a second to be said.
const PATIENCE: Duration = Duration::from_secs(60);

const RATE: usize = 0;
const CPU: usize = 1;
const LEAST: usize = 2;
const GREATEST: usize = 3;

/// The bench.
pub(super) const BENCH: Bench = Bench {
    name: "limits",
    // What passes at the highest rate, at most.
    mib: 2560,
    mib_quick: 2560,
    runs: 3,
    says: "superseed with a limit, between peers that have none and do all they can, over \
         loopback, with files in memory. Rates are those of all bytes of the connections to \
         peers as the peers counted them, from the third second of the flow on; a peer's share \
         is compared with an equal one.",
    left_out: OURS_ALONE,
    columns: COLUMNS,
    entries,
    run: Runner::Transfer(run),
    bars,
};

/// What a run gives, in this order.
const COLUMNS: &[Column] = &[
    Column::plain("rate / limit", 4),
    Column::plain("CPU, % of a core", 2),
    Column::plain("least share of a peer", 3),
    Column::plain("greatest", 3),
    Column::plain("watched, s", 0),
];

/// The bars of the issue.
const RATE_WITHIN: [f64; 2] = [0.97, 1.03];
const CPU_PERCENT_MAX: f64 = 0.5;
/// What "alike" is: the engine's own tests ask for the same.
const SHARE_WITHIN: [f64; 2] = [0.8, 1.2];

impl Limit {
    const fn new(
        name: &'static str,
        way: Way,
        rate_bytes_per_s: u64,
        peers: u16,
        window_s: u64,
    ) -> Self {
        Self {
            name,
            way,
            rate_bytes_per_s,
            peers,
            window: Duration::from_secs(window_s),
        }
    }

    /// How long a torrent of this length lasts.
    fn lasts(&self, total_len: u64) -> Duration {
        let copies = match self.way {
            Way::Down => 1,
            Way::Up => u64::from(self.peers),
        };
        Duration::from_secs(total_len * copies / self.rate_bytes_per_s)
    }
}

/// Which limits are measured.
fn entries(clients: &[Contender]) -> Vec<Entry> {
    Entry::if_ours(clients, ALL.map(Entry::Limited))
}

/// One run.
fn run(run: &Run<'_>, entry: Entry) -> Result<Vec<f64>> {
    let Entry::Limited(limit) = entry else {
        return Err(entry.misplaced());
    };
    let window = limit.window.min(run.watched);
    // What is said once a second is late by one at each of three moments.
    let needed = STEADY + window + Duration::from_secs(3);
    ensure!(
        limit.lasts(run.fixture.total_len) >= needed,
        "the content is too small for {} s at this rate: --mib wants more",
        needed.as_secs()
    );
    let (limited, mut peers) = match limit.way {
        Way::Down => download(run, &limit)?,
        Way::Up => upload(run, &limit)?,
    };
    let pid = limited.process.id();
    let begun_bytes = u64::from(limit.peers) * BEGUN_BYTES;
    let begun = look(&mut peers, pid, PATIENCE, |passed| {
        passed.total() >= begun_bytes
    })?;
    let after = |look: &Look, time: Duration| {
        let at_s = look.passed.at_s + time.as_secs_f64();
        move |passed: &Passed| passed.at_s >= at_s
    };
    let from = look(&mut peers, pid, PATIENCE, after(&begun, STEADY))?;
    let to = look(&mut peers, pid, window + PATIENCE, after(&from, window))?;
    Ok(figures(&limit, &from, &to))
}

/// superseed receives, with a limit, from seeds.
fn download(run: &Run<'_>, limit: &Limit) -> Result<(Running, Process)> {
    let (seeds, peers) = run.seeds(limit.peers, None)?;
    let dir = run.data("leech")?;
    let job = Job {
        torrent: &run.fixture.torrent,
        dir: &dir,
        ip: host(3),
        peers: &peers,
        upload_limit: None,
    };
    let mut command = superseed_command(run.stage, "download", &job);
    command.args(["--max-download-limit", &limit.rate_bytes_per_s.to_string()]);
    let leecher = Running::until_exit(run.stage, "superseed", command)?;
    Ok((leecher, seeds))
}

/// superseed sends, with a limit, to leechers.
fn upload(run: &Run<'_>, limit: &Limit) -> Result<(Running, Process)> {
    let dir = run.full("seed")?;
    let seed = run.seed_limited(Contender::Superseed, &dir, Some(limit.rate_bytes_per_s))?;
    Ok((seed, run.leechers(limit.peers)?))
}

/// What had passed by a moment, and what the limited process had used by then.
#[derive(Debug)]
struct Look {
    passed: Passed,
    cpu_s: f64,
}

/// Waits until the peers say what is wanted, and looks.
fn look(
    peers: &mut Process,
    pid: u32,
    patience: Duration,
    is_wanted: impl Fn(&Passed) -> bool,
) -> Result<Look> {
    let mut found = None;
    wait_until(patience, "the bytes to flow", || {
        peers.ensure_runs()?;
        let usage = procfs::usage(pid)?;
        ensure!(!usage.ended, "superseed has ended");
        let said = Passed::of(&peers.output()?)?;
        let wanted = said.into_iter().find(&is_wanted);
        found = wanted.map(|passed| Look {
            passed,
            cpu_s: usage.cpu_s,
        });
        Ok(found.is_some())
    })?;
    found.context("it was there a moment ago")
}

fn figures(limit: &Limit, from: &Look, to: &Look) -> Vec<f64> {
    let seconds = to.passed.at_s - from.passed.at_s;
    let bytes = to.passed.since(&from.passed);
    let rate = bytes.iter().sum::<u64>() as f64 / seconds;
    let equal = rate * seconds / f64::from(limit.peers);
    let shares = bytes.iter().map(|bytes| *bytes as f64 / equal);
    vec![
        rate / limit.rate_bytes_per_s as f64,
        (to.cpu_s - from.cpu_s) / seconds * 100.0,
        shares.clone().fold(f64::NAN, f64::min),
        shares.fold(f64::NAN, f64::max),
        seconds,
    ]
}

/// What was promised.
fn bars(results: &Results) -> Vec<Bar> {
    let figure = |limit: &Limit, column| results.median(Entry::Limited(*limit), column);
    let mut bars = Vec::new();
    for limit in &ALL {
        let rate = format!("{}: rate / limit", limit.name);
        bars.push(Bar::within(rate, figure(limit, RATE), RATE_WITHIN));
    }
    let slow = |limit: &&Limit| limit.rate_bytes_per_s == LEAST_RATE_BYTES_PER_S;
    for limit in ALL.iter().filter(slow) {
        let cpu = format!("{}: CPU, % of a core", limit.name);
        bars.push(Bar::most(cpu, figure(limit, CPU), CPU_PERCENT_MAX));
    }
    for limit in ALL.iter().filter(|limit| limit.peers > 1) {
        for (column, which) in [(LEAST, "least"), (GREATEST, "greatest")] {
            let share = format!("{}: {which} share of a peer", limit.name);
            bars.push(Bar::within(share, figure(limit, column), SHARE_WITHIN));
        }
    }
    bars
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_of_all_peers_and_shares_are_beside_an_equal_one() {
        let look = |at_s, bytes: [u64; 2], cpu_s| Look {
            passed: Passed {
                at_s,
                bytes: bytes.to_vec(),
            },
            cpu_s,
        };
        let limit = Limit::new("x", Way::Down, 1_000, 2, 10);
        let (from, to) = (look(3.0, [500, 500], 0.5), look(13.0, [3_500, 7_500], 0.6));
        let expected = [1.0, 1.0, 0.6, 1.4, 10.0];
        for (got, expected) in figures(&limit, &from, &to).into_iter().zip(expected) {
            assert!((got - expected).abs() < 1e-9, "{got}, not {expected}");
        }
    }

    #[test]
    fn a_block_is_less_than_a_hundredth_and_the_content_lasts() {
        for limit in ALL {
            let bytes = limit.rate_bytes_per_s * limit.window.as_secs();
            assert!(bytes > 100 * BEGUN_BYTES, "{}", limit.name);
            let lasts = limit.lasts(BENCH.mib << 20);
            assert!(lasts > limit.window + STEADY, "{}", limit.name);
        }
    }
}
