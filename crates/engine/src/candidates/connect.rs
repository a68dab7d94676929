//! How many connections may be begun, session-wide: at the same time and per
//! second, so that home routers survive a large swarm.

use std::time::Duration;

use crate::time::Time;

/// A bound on attempts at the same time and on their rate.
#[derive(Clone, Debug)]
pub struct ConnectBudget {
    half_open: usize,
    half_open_max: usize,
    /// When the rate allows the next attempt, were there no burst.
    paced: Time,
}

/// Attempts per second after the first burst (libtorrent `connection_speed`).
pub const CONNECTS_PER_S: u32 = 30;
/// Attempts that may be begun at once after a rest, so that one live peer
/// among fifty dead ones is found at once.
pub const CONNECT_BURST: u32 = 50;

const PACE: Duration = Duration::from_nanos(1_000_000_000 / CONNECTS_PER_S as u64);

impl ConnectBudget {
    /// A budget with its burst unspent.
    pub fn new(half_open_max: usize) -> Self {
        Self { half_open: 0, half_open_max, paced: Time::START }
    }

    /// Changes the bound on attempts at the same time.
    pub fn set_half_open_max(&mut self, half_open_max: usize) {
        self.half_open_max = half_open_max;
    }

    /// Whether an attempt may begin now.
    pub fn allow(&self, now: Time) -> bool {
        self.half_open < self.half_open_max && self.paced_at() <= now
    }

    /// An attempt begins.
    pub fn started(&mut self, now: Time) {
        self.half_open += 1;
        // Credit for a rest is capped by never counting from before it.
        let floor = now - PACE * (CONNECT_BURST - 1);
        self.paced = self.paced.max(floor) + PACE;
    }

    /// An attempt ended, well or badly.
    pub fn ended(&mut self) {
        self.half_open = self.half_open.saturating_sub(1);
    }

    /// When an attempt may begin; [`Time::NEVER`] if one must end before.
    pub fn next_deadline(&self, now: Time) -> Time {
        if self.half_open >= self.half_open_max { Time::NEVER } else { self.paced_at().max(now) }
    }

    /// Attempts that run.
    pub fn half_open(&self) -> usize {
        self.half_open
    }

    fn paced_at(&self) -> Time {
        self.paced
    }
}
