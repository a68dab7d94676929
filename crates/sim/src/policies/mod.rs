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
mod torrent;
mod verdict;

use std::ops::ControlFlow;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

pub use figures::median;
pub use grid::{Arm, Plan, Policy, Subject, Swarm, Who};
pub use report::document;
pub use results::Results;
pub use swarm::Measured;
pub use torrent::Torrent;

use crate::world::World;

/// Makes every run of a plan on all cores. `progress` is told how many runs
/// are done, of how many; the first few stand for all. If it breaks, there are
/// no results.
///
/// # Panics
///
/// If a run fails: that no one finishes is no figure.
pub fn run(
    plan: &Plan,
    progress: impl Fn(usize, usize) -> ControlFlow<()> + Sync,
) -> Option<Results> {
    let mut contents = Vec::new();
    for torrent in plan.torrents() {
        contents.push((torrent, torrent.make(swarm::TRACKER_URL)));
    }
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
                    let wanted = job.swarm.torrent;
                    let content = contents.iter().find(|(torrent, _)| *torrent == wanted);
                    let (_, content) = content.expect("each torrent of the plan was made");
                    let measured = swarm::measure(job, content, world(plan, at, job, false));
                    let mut found = found.lock().expect("no lane panics with the lock");
                    found[at] = Some(measured);
                    drop(found);
                    let done = done.fetch_add(1, Ordering::Relaxed) + 1;
                    if progress(done, jobs.len()).is_break() {
                        next.store(jobs.len(), Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let found = found.into_inner().expect("no lane panics with the lock");
    let found: Vec<Measured> = found.into_iter().collect::<Option<_>>()?;
    Some(Results::new(jobs.into_iter().zip(found)))
}

/// Makes one run of a plan again, by its number, with a trace of everything on
/// standard error. `None` if there is no such run.
///
/// # Panics
///
/// If the run fails, as it did in [`run`].
pub fn replay(plan: &Plan, at: usize) -> Option<Measured> {
    let job = plan.jobs().into_iter().nth(at)?;
    let content = job.swarm.torrent.make(swarm::TRACKER_URL);
    Some(swarm::measure(&job, &content, world(plan, at, &job, true)))
}

/// An empty world for a run of a plan.
fn world(plan: &Plan, at: usize, job: &grid::Job, trace: bool) -> World {
    World::traced(job.seed, replay_line(plan, at, job), trace)
}

/// The command that replays a run, and what it is.
fn replay_line(plan: &Plan, at: usize, job: &grid::Job) -> String {
    format!("{} --job {at} # {job:?}", plan.command)
}

#[cfg(test)]
mod tests;
