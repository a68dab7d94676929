//! What has passed between each peer of a generator and the client: said once a
//! second by the generator, read by the bench.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::process::whole_lines;

const EVERY: Duration = Duration::from_secs(1);
/// What such lines begin with; a generator may say other things too.
const MARK: &str = "passed ";

/// Says it.
#[derive(Debug)]
pub(super) struct Teller {
    start: Instant,
    next: Instant,
}

impl Teller {
    pub(super) fn new() -> Self {
        let start = Instant::now();
        Self {
            start,
            next: start + EVERY,
        }
    }

    /// How long it is until the next line.
    pub(super) fn due_in(&self) -> Duration {
        self.next.saturating_duration_since(Instant::now())
    }

    pub(super) fn is_due(&self) -> bool {
        self.due_in().is_zero()
    }

    /// Says what has passed by now, of each peer, bytes.
    pub(super) fn tell(&mut self, bytes: &[u64]) {
        let now = Instant::now();
        self.next = now + EVERY;
        let words: Vec<String> = bytes.iter().map(u64::to_string).collect();
        let at_s = now.duration_since(self.start).as_secs_f64();
        println!("{MARK}{at_s:.6} {}", words.join(" "));
    }
}

/// What had passed by a moment, since the generator began.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::peers_bench) struct Passed {
    pub(in crate::peers_bench) at_s: f64,
    /// Of each peer that had come, bytes.
    pub(in crate::peers_bench) bytes: Vec<u64>,
}

impl Passed {
    /// All that a generator has said so far.
    pub(in crate::peers_bench) fn of(output: &str) -> Result<Vec<Self>> {
        let lines = whole_lines(output).filter_map(|line| line.strip_prefix(MARK));
        lines.map(Self::parse).collect()
    }

    fn parse(line: &str) -> Result<Self> {
        let mut words = line.split_whitespace();
        let at_s = words.next().context("no time")?.parse()?;
        let bytes = words.map(str::parse).collect::<Result<_, _>>()?;
        Ok(Self { at_s, bytes })
    }

    /// Of all peers, bytes.
    pub(in crate::peers_bench) fn total(&self) -> u64 {
        self.bytes.iter().sum()
    }

    /// What has passed since an earlier moment, of each peer, bytes.
    pub(in crate::peers_bench) fn since(&self, earlier: &Self) -> Vec<u64> {
        let before = earlier.bytes.iter().copied().chain(std::iter::repeat(0));
        let pairs = self.bytes.iter().zip(before);
        // What is sent and what is unread are not counted at one moment.
        pairs.map(|(now, then)| now.saturating_sub(then)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_so_far_is_read_in_whole_lines() -> Result<()> {
        let all = Passed::of("listening\npassed 1.5 10\npassed 2.5 30 7\npassed 3.5 4")?;
        assert_eq!(all.len(), 2);
        assert_eq!((all[1].total(), all[1].since(&all[0])), (37, vec![20, 7]));
        assert!(Passed::of("passed 1.5 x\n").is_err());
        assert!(Passed::of("passed 1.5 10")?.is_empty());
        Ok(())
    }
}
