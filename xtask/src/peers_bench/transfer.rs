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
    /// What the leecher took for the middle of the bytes: without its start, its
    /// connecting and its end.
    pub(super) middle_cpu_s_per_gib: f64,
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

/// How far it was at some time.
#[derive(Clone, Copy, Debug)]
struct Sample {
    at_s: f64,
    /// Bytes that had gone by.
    passed: u64,
    leecher_cpu_s: f64,
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
    samples: Vec<Sample>,
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
            samples: Vec::new(),
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
                self.samples.last().map_or(0, |sample| sample.passed),
                self.total_len
            );
            peak = peak.max(procfs::peak_bytes(pid).unwrap_or_default());
            let usage = procfs::usage(pid)?;
            self.sample(usage)?;
            if usage.ended || says_so(leecher) && is_on_disk() {
                break usage;
            }
            thread::sleep(SAMPLE);
        };
        leecher.wait_complete(Duration::from_secs(1))?;
        self.transfer(usage, peak)
    }

    fn sample(&mut self, leecher: Usage) -> Result<()> {
        let at = self.start.elapsed();
        let passed = procfs::wire_bytes()? - self.wire_at_start;
        self.samples.push(Sample {
            at_s: at.as_secs_f64(),
            passed,
            leecher_cpu_s: leecher.cpu_s,
        });
        let due = MIDDLE.get(self.middle.len());
        if due.is_some_and(|share| passed as f64 >= share * self.total_len as f64) {
            self.middle.push((at, procfs::threads(self.seeder)?));
        }
        Ok(())
    }

    fn transfer(self, leecher: Usage, leecher_peak: u64) -> Result<Transfer> {
        let gib = self.total_len as f64 / GIB;
        let total = self.samples.last().context("nothing was sampled")?.passed;
        let [from, to] = MIDDLE.map(|share| self.at(share * total as f64));
        let middle = MIDDLE[1] - MIDDLE[0];
        let mut samples = self.samples.iter();
        let first = samples.find(|sample| sample.passed > BEFORE_DATA_MAX);
        let first = first.context("no data went by")?;
        let peak = procfs::peak_bytes(self.seeder).context("the seeder has ended")?;
        let seeder = procfs::usage(self.seeder)?.cpu_s - self.seeder_cpu_s;
        Ok(Transfer {
            mib_per_s: middle * self.total_len as f64 / MIB / (to.0 - from.0),
            start_s: first.at_s,
            middle_cpu_s_per_gib: (to.1 - from.1) / (middle * gib),
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

    /// When so many bytes had gone by and what the leecher had used by then,
    /// both in seconds; between two samples in proportion.
    fn at(&self, bytes: f64) -> (f64, f64) {
        let mut before = (0.0, 0.0, 0.0);
        for sample in &self.samples {
            let here = (sample.passed as f64, sample.at_s, sample.leecher_cpu_s);
            if here.0 >= bytes && here.0 > before.0 {
                let part = (bytes - before.0) / (here.0 - before.0);
                let between = |from: f64, to: f64| from + part * (to - from);
                return (between(before.1, here.1), between(before.2, here.2));
            }
            before = here;
        }
        (before.1, before.2)
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
        let sample = |at_s, passed, leecher_cpu_s| Sample {
            at_s,
            passed,
            leecher_cpu_s,
        };
        let watch = Watch {
            samples: vec![
                sample(1.0, 0, 0.0),
                sample(2.0, 100, 0.5),
                sample(3.0, 100, 0.5),
                sample(4.0, 200, 0.7),
            ],
            ..Watch::begin(200, std::process::id())?
        };
        for (bytes, at_s, cpu_s) in [(50.0, 1.5, 0.25), (150.0, 3.5, 0.6), (200.0, 4.0, 0.7)] {
            let found = watch.at(bytes);
            assert!((found.0 - at_s).abs() < 1e-9, "{bytes}: {found:?}");
            assert!((found.1 - cpu_s).abs() < 1e-9, "{bytes}: {found:?}");
        }
        Ok(())
    }
}
