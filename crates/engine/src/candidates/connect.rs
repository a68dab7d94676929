//! How many connections may be begun, session-wide: at the same time and per
//! second, so that home routers survive a large swarm.

use std::time::Duration;

use crate::time::Time;

/// Attempts per second after the first burst (libtorrent: `connection_speed`).
pub const CONNECTS_PER_S: u32 = 30;
/// Attempts that may be begun at once after a rest, so that one live peer
/// among fifty dead ones is found at once.
pub const CONNECT_BURST: u32 = 50;

const PACE: Duration = Duration::from_micros(1_000_000 / CONNECTS_PER_S as u64);

/// A bound on attempts at the same time and on their rate.
#[derive(Clone, Debug)]
pub struct ConnectBudget {
    half_open: usize,
    half_open_max: usize,
    /// Saved-up pace at `counted`; an attempt costs one [`PACE`].
    credit: Duration,
    counted: Time,
}

impl ConnectBudget {
    /// A budget with its burst unspent.
    pub fn new(half_open_max: usize) -> Self {
        Self {
            half_open: 0,
            half_open_max,
            credit: PACE * CONNECT_BURST,
            counted: Time::START,
        }
    }

    /// Changes the bound on attempts at the same time.
    pub fn set_half_open_max(&mut self, half_open_max: usize) {
        self.half_open_max = half_open_max;
    }

    /// Whether an attempt may begin now.
    pub fn allow(&self, now: Time) -> bool {
        self.half_open < self.half_open_max && self.credit_at(now) >= PACE
    }

    /// An attempt begins.
    pub fn started(&mut self, now: Time) {
        self.half_open += 1;
        self.credit = self.credit_at(now).saturating_sub(PACE);
        self.counted = self.counted.max(now);
    }

    /// An attempt ended, well or badly.
    pub fn ended(&mut self) {
        self.half_open = self.half_open.saturating_sub(1);
    }

    /// A torrent learned of its first peers: the burst is whole again, so that
    /// it need not wait behind the attempts of the others.
    pub fn boost(&mut self) {
        self.credit = PACE * CONNECT_BURST;
    }

    /// When an attempt may begin; [`Time::NEVER`] if one must end before.
    pub fn next_deadline(&self, now: Time) -> Time {
        if self.half_open >= self.half_open_max {
            return Time::NEVER;
        }
        now + PACE.saturating_sub(self.credit_at(now))
    }

    /// Attempts that run.
    pub fn half_open(&self) -> usize {
        self.half_open
    }

    fn credit_at(&self, now: Time) -> Duration {
        (self.credit + now.since(self.counted)).min(PACE * CONNECT_BURST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begin_all(budget: &mut ConnectBudget, now: Time) -> usize {
        let mut begun = 0;
        while budget.allow(now) {
            budget.started(now);
            begun += 1;
        }
        begun
    }

    #[test]
    fn fifty_attempts_begin_at_once_and_thirty_in_each_second_after() {
        let mut budget = ConnectBudget::new(1_000);
        assert_eq!(begin_all(&mut budget, Time::START), 50);
        let mut begun = 0;
        let mut now = Time::START;
        for _ in 0..30 {
            assert!(budget.next_deadline(now) > now);
            now = budget.next_deadline(now);
            begun += begin_all(&mut budget, now);
        }
        assert_eq!(begun, 30);
        let took = now.since(Time::START);
        assert!(
            took > Duration::from_millis(990) && took < Duration::from_millis(1_010),
            "{took:?}"
        );
    }

    #[test]
    fn attempts_that_hang_stop_new_ones_until_they_end() {
        let mut budget = ConnectBudget::new(3);
        assert_eq!(begin_all(&mut budget, Time::START), 3);
        assert_eq!(budget.next_deadline(Time::START), Time::NEVER);
        budget.ended();
        assert!(budget.allow(Time::START));
        assert_eq!(budget.half_open(), 2);
    }

    #[test]
    fn a_new_torrent_gets_the_whole_burst() {
        let mut budget = ConnectBudget::new(1_000);
        begin_all(&mut budget, Time::START);
        budget.boost();
        assert_eq!(begin_all(&mut budget, Time::START), 50);
    }

    #[test]
    fn a_long_rest_saves_up_no_more_than_one_burst() {
        let mut budget = ConnectBudget::new(1_000);
        begin_all(&mut budget, Time::START);
        let later = Time::START + Duration::from_secs(3_600);
        assert_eq!(begin_all(&mut budget, later), 50);
    }
}
