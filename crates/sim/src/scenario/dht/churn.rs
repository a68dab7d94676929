//! Honest nodes that stay, or come and go.

use std::time::Duration;

use super::{Asked, Network, outcome};
use crate::disk::CrashLoss;
use crate::scenario::{Outcome, Run};

/// Swarms of one peer each.
const SWARMS: usize = 50;

pub(super) fn hundred(run: &Run) -> Outcome {
    measure(run, 100, Duration::from_secs(600), 0.0)
}

pub(super) fn thousand(run: &Run) -> Outcome {
    measure(run, 1_000, Duration::from_secs(900), 0.0)
}

pub(super) fn churning(run: &Run) -> Outcome {
    measure(run, 1_000, Duration::from_secs(3_600), 0.2)
}

/// So many nodes live for a while, in which this part of them is replaced per
/// hour; in the second half of it they look for what some of them announced.
fn measure(run: &Run, count: usize, time: Duration, churn_per_hour: f64) -> Outcome {
    const LOOK_UPS: u32 = 500;
    let mut network = Network::new(run);
    network.grow(count, Duration::from_secs(120));
    let shared = network.share(SWARMS, run.seed);
    let (half, step) = (time / 2, time / 2 / LOOK_UPS);
    let steps = LOOK_UPS * 2;
    let leaving = count as f64 * churn_per_hour * time.as_secs_f64() / 3_600.0;
    let (mut gone, mut asked): (f64, Vec<Asked>) = (0.0, Vec::new());
    for at in 0..steps {
        while f64::from(at) / f64::from(steps) * leaving > gone {
            gone += 1.0;
            replace(&mut network);
        }
        if step * at >= half {
            asked.push(network.ask(&shared));
        }
        network.world.run_for(step);
    }
    network.world.run_for(Duration::from_secs(60));
    let mut figures = network.answers(&asked).figures();
    let (mean, fewest) = network.contacts();
    let sent = network.world.datagrams_sent();
    let life_s = network.world.elapsed().as_secs_f64();
    figures.extend([
        ("contacts_mean", mean),
        ("contacts_min", fewest),
        ("datagrams_per_s", sent.0 as f64 / life_s / count as f64),
        ("bytes_per_s", sent.1 as f64 / life_s / count as f64),
    ]);
    outcome(&network.world, figures)
}

/// A host that announces nothing, and is nobody's router, leaves without a word,
/// and another one comes.
fn replace(network: &mut Network) {
    let staying = SWARMS as u64;
    let others = network.hosts.len() as u64 - staying;
    let at = (staying + network.world.rng().below(others)) as usize;
    let gone = network.hosts.remove(at);
    network.world.crash(gone, CrashLoss::Nothing);
    network.add();
}
