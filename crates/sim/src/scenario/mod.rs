//! Named runs: what the tests and the command `superseed-sim` share.
//!
//! A scenario is a function of its seed. It builds a world, lets it run, fails
//! by a panic that says how to see it again, and returns what it measured.

pub mod bad_trackers;
pub mod churn;
pub mod connections;
pub mod crash;
pub mod dht;
pub mod disks;
pub mod encryption;
pub mod explain;
pub mod hostile;
pub mod leaving;
pub mod liars;
pub mod limits;
pub mod lines;
pub mod lsd;
pub mod mixed;
pub mod peers;
pub mod pex;
pub mod policies;
pub mod private;
pub mod rot;
pub mod seedless;
pub mod stream;
pub mod super_seed;
pub mod swarms;
pub mod trackers;
pub mod web_seeds;

use std::time::Duration;

use crate::net::LinkSpec;
use crate::world::{HostId, HostSpec, World};

/// One run of a scenario.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    /// The scenario.
    pub name: &'static str,
    /// Decides everything in it.
    pub seed: u64,
    /// Whether every input and action goes to standard error.
    pub trace: bool,
}

impl Run {
    /// A world for this run.
    pub fn world(&self) -> World {
        let replay = format!(
            "cargo xtask sim --seed {} --scenario {} --trace",
            self.seed, self.name
        );
        World::traced(self.seed, replay, self.trace)
    }
}

/// What a run came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Stands for every action of every engine.
    pub digest: u64,
    /// How many actions there were.
    pub actions: u64,
    /// How many blocks were delivered.
    pub blocks: u64,
    /// Virtual time that passed.
    pub time: Duration,
    /// What the scenario measured, by name.
    pub figures: Vec<(&'static str, f64)>,
}

impl Outcome {
    /// The outcome of a world at its present moment; fails if something does
    /// not hold that always must.
    pub fn of(world: &World, figures: Vec<(&'static str, f64)>) -> Self {
        world.check();
        Self {
            digest: world.digest(),
            actions: world.action_count(),
            blocks: world.block_count(),
            time: world.elapsed(),
            figures,
        }
    }

    /// A figure.
    ///
    /// # Panics
    ///
    /// If the scenario measures nothing of this name.
    pub fn figure(&self, name: &str) -> f64 {
        let found = self.figures.iter().find(|(known, _)| *known == name);
        found.expect("the scenario has this figure").1
    }
}

/// A scenario by its name.
#[derive(Clone, Copy)]
pub struct Scenario {
    /// What the command line calls it.
    pub name: &'static str,
    /// What it shows, in a sentence.
    pub about: &'static str,
    run: fn(&Run) -> Outcome,
}

impl Scenario {
    /// Runs it.
    ///
    /// # Panics
    ///
    /// If something is not as it should be.
    pub fn run(&self, seed: u64, trace: bool) -> Outcome {
        (self.run)(&Run {
            name: self.name,
            seed,
            trace,
        })
    }

    /// Runs it twice and compares all actions.
    ///
    /// # Panics
    ///
    /// If something is not as it should be, or the two runs differ.
    pub fn run_twice(&self, seed: u64) -> Outcome {
        let first = self.run(seed, false);
        let second = self.run(seed, false);
        assert_eq!(
            first, second,
            "{} with seed {seed} ran differently",
            self.name
        );
        first
    }
}

/// A host that sends a mebibyte a second, so that a download takes a while.
fn slow_host(world: &mut World) -> HostId {
    let link = LinkSpec {
        up_bytes_per_s: Some(1 << 20),
        ..LinkSpec::default()
    };
    world.add_host(HostSpec {
        link,
        ..HostSpec::default()
    })
}

/// All scenarios.
pub fn all() -> impl Iterator<Item = Scenario> {
    let groups = [
        swarms::SCENARIOS,
        super_seed::SCENARIOS,
        peers::SCENARIOS,
        liars::SCENARIOS,
        hostile::SCENARIOS,
        limits::SCENARIOS,
        lines::SCENARIOS,
        lsd::SCENARIOS,
        pex::SCENARIOS,
        private::SCENARIOS,
        trackers::SCENARIOS,
        policies::SCENARIOS,
        seedless::SCENARIOS,
        churn::SCENARIOS,
        leaving::SCENARIOS,
        rot::SCENARIOS,
        bad_trackers::SCENARIOS,
        dht::SCENARIOS,
        disks::SCENARIOS,
        explain::SCENARIOS,
        crash::SCENARIOS,
        mixed::SCENARIOS,
        connections::SCENARIOS,
        stream::SCENARIOS,
        encryption::SCENARIOS,
        web_seeds::SCENARIOS,
    ];
    groups.into_iter().flatten().copied()
}

/// The scenario of this name.
pub fn named(name: &str) -> Option<Scenario> {
    all().find(|scenario| scenario.name == name)
}

/// Runs a scenario for each seed on all cores; outcomes are in the order of
/// the seeds. With `twins`, every so many seeds are run twice and compared.
///
/// # Panics
///
/// If a run fails.
pub fn run_seeds(scenario: Scenario, seeds: std::ops::Range<u64>, twins: u64) -> Vec<Outcome> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    let first = seeds.start;
    let run = |seed: u64| {
        if (seed - first).is_multiple_of(twins) {
            scenario.run_twice(seed)
        } else {
            scenario.run(seed, false)
        }
    };
    std::thread::scope(|scope| {
        let lanes: Vec<_> = (0..cores)
            .map(|lane| {
                let seeds = seeds.clone();
                let mine = move || {
                    let own = seeds.filter(|seed| seed % cores == lane);
                    own.map(|seed| (seed, run(seed))).collect::<Vec<_>>()
                };
                scope.spawn(mine)
            })
            .collect();
        let mut outcomes: Vec<_> = lanes
            .into_iter()
            .flat_map(|lane| {
                lane.join()
                    .unwrap_or_else(|why| std::panic::resume_unwind(why))
            })
            .collect();
        outcomes.sort_unstable_by_key(|(seed, _)| *seed);
        outcomes.into_iter().map(|(_, outcome)| outcome).collect()
    })
}
