//! What was measured, by swarm and arm, with the seeds in order.

use super::figures::{Estimate, estimate};
use super::grid::{Arm, Job, Subject, Swarm};
use super::swarm::Measured;

/// All measurements of a plan.
pub struct Results {
    runs: Vec<(Job, Measured)>,
}

impl Results {
    /// From runs in any order.
    pub(super) fn new(runs: impl Iterator<Item = (Job, Measured)>) -> Self {
        let mut runs: Vec<_> = runs.collect();
        runs.sort_by_key(|(job, _)| job.seed);
        Self { runs }
    }

    /// How many runs there were.
    pub fn runs(&self) -> usize {
        self.runs.len()
    }

    /// Blocks that were delivered in all runs together.
    pub fn blocks(&self) -> u64 {
        self.runs.iter().map(|(_, measured)| measured.blocks).sum()
    }

    /// The measurements of an arm in a swarm, by seed.
    pub(super) fn of(&self, subject: Subject, swarm: &Swarm, arm: &Arm) -> Vec<Measured> {
        let wanted = |job: &Job| job.subject == subject && job.swarm == *swarm && job.arm == *arm;
        let found = self.runs.iter().filter(|(job, _)| wanted(job));
        found.map(|(_, measured)| *measured).collect()
    }

    /// A figure of an arm in a swarm.
    pub(super) fn figure(
        &self,
        (subject, swarm): &(Subject, Swarm),
        arm: &Arm,
        figure: impl Fn(&Measured) -> f64,
    ) -> Estimate {
        let values: Vec<f64> = self.of(*subject, swarm, arm).iter().map(figure).collect();
        estimate(&values)
    }

    /// A figure of an arm divided by that of the table's baseline, seed by seed.
    pub(super) fn ratio(
        &self,
        (subject, swarm): &(Subject, Swarm),
        arm: &Arm,
        figure: impl Fn(&Measured) -> f64,
    ) -> Estimate {
        estimate(&self.paired((*subject, *swarm), arm, &subject.arms()[0], figure))
    }

    /// A figure of one arm divided by that of another, by seed.
    pub(super) fn paired(
        &self,
        (subject, swarm): (Subject, Swarm),
        arm: &Arm,
        base: &Arm,
        figure: impl Fn(&Measured) -> f64,
    ) -> Vec<f64> {
        let (ours, theirs) = (
            self.of(subject, &swarm, arm),
            self.of(subject, &swarm, base),
        );
        assert_eq!(ours.len(), theirs.len(), "each seed was run with both arms");
        let pairs = ours.iter().zip(&theirs);
        pairs
            .map(|(ours, theirs)| {
                let base = figure(theirs);
                assert!(base > 0.0, "nothing can be compared with zero");
                figure(ours) / base
            })
            .collect()
    }
}
