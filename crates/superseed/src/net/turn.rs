//! How long a turn of the loop took, and which step of it took longest.

use std::time::{Duration, Instant};

/// A turn longer than this is logged: everything else waited for so long.
const LONG_TURN: Duration = Duration::from_millis(50);

/// What a turn consists of, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Remembering what became readable and writable.
    Gather,
    /// Requests of handles.
    Requests,
    /// Completions of the disk.
    Disk,
    /// Answers of the control plane and of the work thread.
    Control,
    /// Connections made and accepted.
    Connections,
    /// Datagrams.
    Datagrams,
    /// Bytes from peers.
    Reads,
    /// Timers.
    Timers,
    /// The engine's actions.
    Actions,
    /// Bytes to peers.
    Writes,
}

/// Measures one turn.
pub(super) struct TurnClock {
    began: Instant,
    step_began: Instant,
    longest: (Step, Duration),
}

impl TurnClock {
    /// The turn begins now.
    pub(super) fn start() -> Self {
        let now = Instant::now();
        Self {
            began: now,
            step_began: now,
            longest: (Step::Gather, Duration::ZERO),
        }
    }

    /// A step ends now, and the next one begins.
    pub(super) fn done(&mut self, step: Step) {
        let now = Instant::now();
        self.note(step, now - self.step_began);
        self.step_began = now;
    }

    fn note(&mut self, step: Step, took: Duration) {
        if took > self.longest.1 {
            self.longest = (step, took);
        }
    }

    /// The turn is over; says so if it was a long one.
    pub(super) fn finish(self) {
        let took = self.step_began - self.began;
        if took > LONG_TURN {
            let (step, step_took) = self.longest;
            tracing::warn!(
                ?took,
                ?step,
                ?step_took,
                "a turn of the engine thread was long"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_step_is_named() {
        let mut turn = TurnClock::start();
        turn.note(Step::Gather, Duration::from_millis(1));
        turn.note(Step::Reads, Duration::from_millis(7));
        turn.note(Step::Writes, Duration::from_millis(3));
        assert_eq!(turn.longest, (Step::Reads, Duration::from_millis(7)));
    }
}
