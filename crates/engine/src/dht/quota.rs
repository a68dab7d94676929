//! So much a second, and a few seconds' worth at once after silence.

use crate::time::Time;

const MICROS: u64 = 1_000_000;

/// What may be spent of something, bytes or questions.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quota {
    per_s: u64,
    burst_s: u64,
    /// Millionths, at `last`.
    balance: u64,
    last: Time,
}

impl Quota {
    /// A full one. `per_s` must not be zero.
    pub(super) fn new(per_s: u64, burst_s: u64, now: Time) -> Self {
        let per_s = per_s.max(1);
        Self {
            per_s,
            burst_s,
            balance: per_s.saturating_mul(burst_s).saturating_mul(MICROS),
            last: now,
        }
    }

    /// Spends so much, if it is there.
    pub(super) fn take(&mut self, amount: u64, now: Time) -> bool {
        let elapsed = now.as_micros().saturating_sub(self.last.as_micros());
        let full = self
            .per_s
            .saturating_mul(self.burst_s)
            .saturating_mul(MICROS);
        let refilled = self
            .balance
            .saturating_add(elapsed.saturating_mul(self.per_s));
        self.balance = refilled.min(full);
        self.last = self.last.max(now);
        let cost = amount.saturating_mul(MICROS);
        let is_there = cost <= self.balance;
        if is_there {
            self.balance -= cost;
        }
        is_there
    }

    /// When so much is there, if nothing is spent before. Never, if it is more
    /// than can be saved up.
    pub(super) fn ready_at(&self, amount: u64) -> Time {
        let lacking = amount.saturating_mul(MICROS).saturating_sub(self.balance);
        if amount > self.per_s.saturating_mul(self.burst_s) {
            return Time::NEVER;
        }
        Time::from_micros(self.last.as_micros() + lacking.div_ceil(self.per_s))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_spent_and_comes_back_in_time() {
        let at = |ms: u64| Time::from_micros(ms * 1_000);
        let mut quota = Quota::new(100, 3, at(0));
        assert!(quota.take(300, at(0)) && !quota.take(1, at(0)));
        assert_eq!(quota.ready_at(50), at(500));
        assert!(!quota.take(51, at(500)) && quota.take(50, at(500)));
        assert!(quota.take(300, at(60_000)) && !quota.take(1, at(60_000)));
        assert_eq!(quota.ready_at(301), Time::NEVER);
    }
}
