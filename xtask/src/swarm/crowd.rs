//! Ten leechers and one seed, each on a machine with a slow uplink: how long
//! the last of them takes, as a multiple of what no client can beat.
//!
//! Runs inside the namespaces of its run. Nothing is slow but the uplinks.

use std::fmt::Write as _;
use std::fs;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::contender::Contender;
use super::leecher::Leecher;
use super::seed;
use crate::interop::clients::Job;
use crate::interop::fixture::Set;
use crate::interop::lan::{HOUSE, Lan, Machine};
use crate::interop::metainfo::with_trackers;
use crate::interop::stage::{Stage, wait_until};
use crate::interop::tracker::Via;

const MIB: u64 = 1 << 20;

/// What the seed's cable carries away from it, bytes with all headers.
const SEED_UP_BYTES_PER_S: u64 = 4 * MIB;
/// What each leecher's does.
const LEECHER_UP_BYTES_PER_S: u64 = 2 * MIB;

/// How long the swarm may take.
pub(super) const LIMIT: Duration = Duration::from_secs(300);

/// How often the uplinks' counters are read.
const SAMPLE: Duration = Duration::from_millis(250);

/// One run. Gives the last completion as a multiple of the fluid limit, and
/// what there is to say about it.
pub(super) fn run(stage: &Stage, contender: Contender, leechers: u8) -> Result<(f64, String)> {
    let fixture = Set::Swarm.fixture()?;
    let lan = Lan::new()?;
    let mut machines = vec![lan.machine(1, 8 * SEED_UP_BYTES_PER_S)?];
    for n in 0..leechers {
        machines.push(lan.machine(2 + n, 8 * LEECHER_UP_BYTES_PER_S)?);
    }
    let mut tracker = Via::SuperseedHttp.start_at(stage, fixture.info_hash, HOUSE)?;
    let urls = [tracker.url.clone()];
    let torrent = with_trackers(&fixture, &urls, &stage.path("torrent"))?;

    let place = |command| machines[0].command(&command);
    let mut seed = seed::start(stage, &fixture, &torrent, machines[0].ip, place)?;
    tracker.wait_for_peer()?;

    let mut uplinks = Uplinks::new(&machines);
    let start = Instant::now();
    let mut running = Vec::new();
    for (machine, n) in machines[1..].iter().zip(1..) {
        let name = format!("leecher-{n}");
        let dir = stage.data(&name)?;
        let job = Job {
            torrent: &torrent,
            dir: &dir,
            ip: machine.ip,
            peers: &[],
            upload_limit: None,
        };
        let command = machine.command(&contender.download(stage, &job)?);
        running.push(Leecher::start(stage, contender, &name, command, dir)?);
    }
    wait_until(LIMIT, "the last leecher", || {
        uplinks.sample_if_due()?;
        seed.ensure_runs()?;
        let mut all = true;
        for leecher in &mut running {
            all &= leecher.is_complete()?;
        }
        Ok(all)
    })?;
    uplinks.sample()?;
    fs::write(stage.path("uplinks.tsv"), &uplinks.table)?;
    for leecher in &mut running {
        leecher.wait_ended()?;
        leecher.compare(&fixture)?;
    }

    let took: Vec<f64> = running
        .iter()
        .filter_map(|leecher| leecher.complete_at)
        .map(|at| at.duration_since(start).as_secs_f64())
        .collect();
    let first = took.iter().copied().fold(f64::INFINITY, f64::min);
    let last = took.iter().copied().fold(0.0, f64::max);
    let limit = fluid_limit_s(fixture.total_len, leechers);
    let uplinks = uplinks.says(last, fixture.total_len)?;
    let words = format!("{first:.1} to {last:.1} s, limit {limit:.1} s; {uplinks}");
    Ok((last / limit, words))
}

/// How long the swarm takes if bytes were a fluid, had no headers and were
/// nowhere held up but in uplinks (Kumar and Ross 2006).
fn fluid_limit_s(len: u64, leechers: u8) -> f64 {
    let (len, leechers) = (len as f64, f64::from(leechers));
    let seed_up = SEED_UP_BYTES_PER_S as f64;
    let all_up = seed_up + leechers * LEECHER_UP_BYTES_PER_S as f64;
    (len / seed_up).max(leechers * len / all_up)
}

/// What the cables carried, in the course of time.
struct Uplinks<'m> {
    machines: &'m [Machine],
    start: Instant,
    sampled_at: Instant,
    carried_bytes: Vec<u64>,
    /// A line per sample: seconds, then MiB/s since the last one per machine.
    table: String,
}

impl<'m> Uplinks<'m> {
    fn new(machines: &'m [Machine]) -> Self {
        let start = Instant::now();
        Self {
            machines,
            start,
            sampled_at: start,
            carried_bytes: vec![0; machines.len()],
            table: String::new(),
        }
    }

    fn sample_if_due(&mut self) -> Result<()> {
        if self.sampled_at.elapsed() < SAMPLE {
            return Ok(());
        }
        self.sample()
    }

    fn sample(&mut self) -> Result<()> {
        let seconds = self.sampled_at.elapsed().as_secs_f64();
        self.sampled_at = Instant::now();
        write!(self.table, "{:.2}", self.start.elapsed().as_secs_f64())?;
        for (machine, before) in self.machines.iter().zip(&mut self.carried_bytes) {
            let carried = machine.carried_bytes()?;
            let mib = (carried - *before) as f64 / MIB as f64;
            write!(self.table, "\t{:.2}", mib / seconds)?;
            *before = carried;
        }
        self.table.push('\n');
        Ok(())
    }

    /// How much the seed sent, and how busy the uplinks were.
    fn says(&self, seconds: f64, len: u64) -> Result<String> {
        let leechers = self.machines.len() - 1;
        let capacity = SEED_UP_BYTES_PER_S as f64 + leechers as f64 * LEECHER_UP_BYTES_PER_S as f64;
        let sent: Vec<u64> = self
            .machines
            .iter()
            .map(Machine::sent_bytes)
            .collect::<Result<_>>()?;
        let all_sent: u64 = sent.iter().sum();
        Ok(format!(
            "the seed sent {:.2} copies; uplinks {:.0} % full, with {:.3} x the payload",
            sent[0] as f64 / len as f64,
            100.0 * all_sent as f64 / (capacity * seconds),
            all_sent as f64 / (leechers as f64 * len as f64),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_leechers_wait_for_the_seed_and_many_for_each_other() {
        // One leecher: the seed's uplink. Ten: all uplinks, ten copies.
        assert!((fluid_limit_s(64 * MIB, 1) - 16.0).abs() < 1e-9);
        assert!((fluid_limit_s(64 * MIB, 10) - 640.0 / 24.0).abs() < 1e-9);
    }
}
