//! A transfer from one process to another as it goes by.
//!
//! How far it is, is read from the counter of the namespace's loopback. That is
//! the same for all clients: blocks on the disk are not, as some allocate files
//! at once, some map them and some hold back what they received. Requests and
//! acknowledgements are in it too, some thousandths of all, spread evenly.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::procfs::{self, Usage};
use crate::interop::clients::{Done, Running};

const MIB: f64 = (1 << 20) as f64;
const GIB: f64 = (1 << 30) as f64;

/// How often the counters are read.
const SAMPLE: Duration = Duration::from_millis(5);
/// More than handshakes, bitfields and what trackers and remote controls say, bytes.
const BEFORE_DATA_MAX: u64 = 256 << 10;
/// The part of the bytes whose rate counts: start and end are other questions.
const MIDDLE: [f64; 2] = [0.1, 0.9];

/// What a transfer took.
#[derive(Debug)]
pub(super) struct Transfer {
    /// Of the middle of the bytes.
    pub(super) mib_per_s: f64,
    /// From the start of the leecher's process to the first payload.
    pub(super) start_s: f64,
    pub(super) leecher: Cost,
    pub(super) seeder: Cost,
    /// What the seeder's busiest thread had of a core in the middle.
    pub(super) seeder_core_share: f64,
}

/// What one side of a transfer took.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cost {
    pub(super) cpu_s_per_gib: f64,
    pub(super) peak_mib: f64,
}

/// A transfer under way.
#[derive(Debug)]
pub(super) struct Watch {
    total_len: u64,
    seeder: u32,
    /// At the beginning: a seed has hashed its data before.
    seeder_cpu_s: f64,
    start: Instant,
    wire_at_start: u64,
    /// When so much had gone by.
    passed: Vec<(Duration, u64)>,
    /// What the seeder's threads had used up, from the begin of the middle on.
    middle: Vec<(Duration, BTreeMap<String, f64>)>,
}

impl Watch {
    /// Begins just before the leecher starts.
    pub(super) fn begin(total_len: u64, seeder: u32) -> Result<Self> {
        Ok(Self {
            total_len,
            seeder,
            seeder_cpu_s: procfs::usage(seeder)?.cpu_s,
            start: Instant::now(),
            wire_at_start: procfs::wire_bytes()?,
            passed: Vec::new(),
            middle: Vec::new(),
        })
    }

    /// Follows it until the leecher is complete and its data is where it
    /// belongs: until it has ended or, if it is not one that ends, until it
    /// says so and `is_on_disk` confirms it.
    pub(super) fn until_complete(
        mut self,
        leecher: &mut Running,
        limit: Duration,
        is_on_disk: impl Fn() -> bool,
    ) -> Result<Transfer> {
        let pid = leecher.process.id();
        let mut peak = 0;
        let usage = loop {
            ensure!(
                self.start.elapsed() < limit,
                "not complete after {} s, {} of {} bytes went by",
                limit.as_secs(),
                self.passed.last().map_or(0, |(_, bytes)| *bytes),
                self.total_len
            );
            self.sample()?;
            peak = peak.max(procfs::peak_bytes(pid).unwrap_or_default());
            let usage = procfs::usage(pid)?;
            if usage.ended || says_so(leecher) && is_on_disk() {
                break usage;
            }
            thread::sleep(SAMPLE);
        };
        leecher.wait_complete(Duration::from_secs(1))?;
        self.transfer(usage, peak)
    }

    fn sample(&mut self) -> Result<()> {
        let at = self.start.elapsed();
        let passed = procfs::wire_bytes()? - self.wire_at_start;
        self.passed.push((at, passed));
        let due = MIDDLE.get(self.middle.len());
        if due.is_some_and(|share| passed as f64 >= share * self.total_len as f64) {
            self.middle.push((at, procfs::threads(self.seeder)?));
        }
        Ok(())
    }

    fn transfer(self, leecher: Usage, leecher_peak: u64) -> Result<Transfer> {
        let gib = self.total_len as f64 / GIB;
        let (_, total) = *self.passed.last().context("nothing was sampled")?;
        let [from, to] = MIDDLE.map(|share| self.when(share * total as f64));
        let first = self
            .passed
            .iter()
            .find(|(_, passed)| *passed > BEFORE_DATA_MAX);
        let (first, _) = first.context("no data went by")?;
        let peak = procfs::peak_bytes(self.seeder).context("the seeder has ended")?;
        let seeder = procfs::usage(self.seeder)?.cpu_s - self.seeder_cpu_s;
        let mib = (MIDDLE[1] - MIDDLE[0]) * self.total_len as f64 / MIB;
        Ok(Transfer {
            mib_per_s: mib / (to - from),
            start_s: first.as_secs_f64(),
            leecher: Cost {
                cpu_s_per_gib: leecher.cpu_s / gib,
                peak_mib: leecher_peak as f64 / MIB,
            },
            seeder: Cost {
                cpu_s_per_gib: seeder / gib,
                peak_mib: peak as f64 / MIB,
            },
            seeder_core_share: self.seeder_core_share(),
        })
    }

    /// When so many bytes had gone by, seconds, between two samples in proportion.
    fn when(&self, bytes: f64) -> f64 {
        let mut before = (0.0, 0.0);
        for (at, passed) in &self.passed {
            let here = (at.as_secs_f64(), *passed as f64);
            if here.1 >= bytes && here.1 > before.1 {
                let part = (bytes - before.1) / (here.1 - before.1);
                return before.0 + part * (here.0 - before.0);
            }
            before = here;
        }
        before.0
    }

    fn seeder_core_share(&self) -> f64 {
        let [(from, before), (to, after)] = self.middle.as_slice() else {
            return f64::NAN;
        };
        let seconds = to.saturating_sub(*from).as_secs_f64();
        let used = after
            .iter()
            .map(|(thread, cpu_s)| cpu_s - before.get(thread).copied().unwrap_or_default());
        used.fold(0.0, f64::max) / seconds
    }
}

fn says_so(leecher: &Running) -> bool {
    match &leecher.done {
        Done::Exit => false,
        Done::File(file) => file.exists(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_moment_of_a_byte_is_found_between_samples() -> Result<()> {
        let second = Duration::from_secs(1);
        let watch = Watch {
            passed: vec![
                (second, 0),
                (2 * second, 100),
                (3 * second, 100),
                (4 * second, 200),
            ],
            ..Watch::begin(200, std::process::id())?
        };
        assert!((watch.when(50.0) - 1.5).abs() < 1e-9);
        assert!((watch.when(150.0) - 3.5).abs() < 1e-9);
        assert!((watch.when(200.0) - 4.0).abs() < 1e-9);
        Ok(())
    }
}
