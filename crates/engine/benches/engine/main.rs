//! What a block costs in the engine alone: no socket, disk or hash.
//!
//! ```text
//! cargo bench -p superseed-engine --bench engine
//! ```
//!
//! Scripted peers speak the real wire, a disk answers at once. Times are those
//! of this thread on the processor; medians of several rounds. The cost of one
//! block among a thousand peers stands beside its cost with one: what grows
//! with the number of peers shows there.
//!
//! `--count CASE BLOCKS` moves so many blocks and prints nothing: a counter of
//! instructions runs that with two numbers and takes the difference, which is
//! free of all that comes before (`cargo xtask instructions`).

mod scene;

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use scene::{Case, Scene};

const BLOCKS: u64 = 40_000;
const ROUNDS: usize = 5;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [mode, case, blocks] = args.as_slice()
        && mode == "--count"
    {
        let case = Case::named(case).expect("a case by its name");
        let blocks = blocks.parse().expect("a number of blocks");
        Scene::new(case).run(blocks);
        return;
    }
    println!("case             ns/block   blocks/s   spilt of {BLOCKS}");
    for case in Case::ALL {
        let mut rounds: Vec<(Duration, u64)> = (0..ROUNDS).map(|_| round(case)).collect();
        rounds.sort_unstable();
        let (took, spilt) = rounds[ROUNDS / 2];
        let blocks = if case.is_whole() {
            case.blocks()
        } else {
            BLOCKS
        };
        let ns = took.as_nanos() as f64 / blocks as f64;
        println!("{:15} {ns:>9.0} {:>10.0} {spilt:>10}", case.name, 1e9 / ns);
    }
}

/// The time that the blocks of a case take once it is under way, and how many
/// of them memory had no room for.
fn round(case: Case) -> (Duration, u64) {
    let mut scene = Scene::new(case);
    if !case.is_whole() {
        // Queues, pools and windows grow to their size first.
        scene.run(BLOCKS / 4);
    }
    let (spilt, begun) = (scene.spilt, cpu_time());
    scene.run(BLOCKS);
    (cpu_time() - begun, scene.spilt - spilt)
}

/// What this thread has had of the processor.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).expect("no time before zero")
}
