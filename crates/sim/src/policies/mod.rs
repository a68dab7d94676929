//! The benchmark of the policies: the same swarms, once for each of them.
//!
//! A [`Plan`] is a fixed grid of swarms; each is run for a number of seeds and
//! for each arm, where arms of one seed differ in the policy of the tested
//! client and in nothing else. [`run`] measures, [`document`] writes. Nothing
//! here reads a clock or a file, and no figure comes from anything but a run:
//! the same plan gives the same bytes on every machine.

mod figures;
mod grid;
mod plot;
mod report;
mod results;
mod swarm;
mod tables;
mod verdict;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

pub use grid::{Arm, Plan, Subject, Swarm, Who};
pub use report::document;
pub use results::Results;
pub use swarm::Measured;

use crate::content::ContentSpec;

/// Makes every run of a plan on all cores. `progress` is told how many runs
/// are done, of how many; the first few stand for all.
///
/// # Panics
///
/// If a run fails: that no one finishes is no figure.
pub fn run(plan: &Plan, progress: impl Fn(usize, usize) + Sync) -> Results {
    let content = ContentSpec::new(plan.len_bytes, plan.piece_len)
        .tracker(swarm::TRACKER_URL)
        .make(0);
    let jobs = plan.jobs();
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let found = Mutex::new(vec![None; jobs.len()]);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(job) = jobs.get(at) else { return };
                    let measured = swarm::measure(job, &Arc::clone(&content));
                    let mut found = found.lock().expect("no lane panics with the lock");
                    found[at] = Some(measured);
                    drop(found);
                    progress(done.fetch_add(1, Ordering::Relaxed) + 1, jobs.len());
                }
            });
        }
    });
    let found = found.into_inner().expect("no lane panics with the lock");
    Results::new(jobs.into_iter().zip(found.into_iter().flatten()))
}

#[cfg(test)]
mod tests;
