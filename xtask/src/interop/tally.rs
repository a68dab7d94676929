//! What became of the cases.

use std::fmt;

/// How a case ended.
#[derive(Debug)]
pub(super) enum Outcome {
    /// With its figures.
    Passed(String),
    /// With the reason.
    Failed(String),
    /// With the reason.
    Skipped(String),
}

/// Counts of outcomes; displays as the last line of a run.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) passed: u32,
    pub(super) failed: u32,
    pub(super) skipped: u32,
}

impl Tally {
    /// Counts an outcome and prints its line.
    pub(super) fn count(&mut self, name: &str, outcome: &Outcome) {
        let (word, text) = match outcome {
            Outcome::Passed(figures) => {
                self.passed += 1;
                ("ok", figures)
            }
            Outcome::Failed(reason) => {
                self.failed += 1;
                ("FAILED", reason)
            }
            Outcome::Skipped(reason) => {
                self.skipped += 1;
                ("skipped", reason)
            }
        };
        println!("{word:8}{name}: {text}");
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            passed,
            failed,
            skipped,
        } = self;
        write!(f, "{passed} passed, {failed} failed, {skipped} skipped")
    }
}
