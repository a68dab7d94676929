//! `superseed-sim --speed`: how many blocks the simulator delivers for a second
//! of a core, and what an hour of a large swarm costs in which little happens.
//!
//! The bar is 150,000 blocks of 16 KiB, so that the grid of the policies takes
//! half an hour on two cores. Other work on the machine does not count where
//! the system tells the time that this process had a core.

use std::ops::ControlFlow;
use std::process::ExitCode;
use std::time::Instant;

use superseed_sim::policies::{self, Plan};
use superseed_sim::scenario::{self, Outcome};

/// What Linux counts in its statistics of a process (`USER_HZ`).
const TICKS_PER_S: f64 = 100.0;

/// Measures and prints.
pub(crate) fn main() -> ExitCode {
    let start = Instant::now();
    let now = || core_seconds().unwrap_or_else(|| start.elapsed().as_secs_f64());
    println!("| run | blocks | virtual s | core s | blocks/core s |");
    println!("|---|---|---|---|---|");
    for name in ["homogeneous-50", "homogeneous-200", "seedless-200"] {
        let scenario = scenario::named(name).expect("the scenario is one of ours");
        let before = now();
        let Outcome { blocks, time, .. } = scenario.run(0, false);
        row(name, blocks, time.as_secs_f64(), now() - before);
    }
    let before = now();
    let plan = Plan::quick(3);
    let results = policies::run(&plan, |_, _| ControlFlow::Continue(()));
    let blocks = results.expect("nobody stops it").blocks();
    row("policies, small grid", blocks, f64::NAN, now() - before);
    ExitCode::SUCCESS
}

fn row(name: &str, blocks: u64, virtual_s: f64, core_s: f64) {
    let rate = blocks as f64 / core_s;
    println!("| {name} | {blocks} | {virtual_s:.0} | {core_s:.1} | {rate:.0} |");
}

/// Seconds for which the threads of this process had a core; `None` where the
/// system does not tell.
fn core_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program, in brackets, may hold anything.
    let (_, fields) = stat.rsplit_once(')')?;
    let ticks = fields.split_whitespace().skip(11).take(2);
    let ticks = ticks.map(|ticks| ticks.parse::<f64>().ok());
    Some(ticks.sum::<Option<f64>>()? / TICKS_PER_S)
}
