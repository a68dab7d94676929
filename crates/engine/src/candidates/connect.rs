//! How many connections may be begun: session-wide at the same time and per
//! second, so that home routers survive a large swarm; of a torrent at a slow
//! start, so that nobody is called who is not needed.

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

/// Attempts of a torrent that begin at once.
const START_BURST: u32 = 10;
/// A torrent with fewer peers than this goes on fast: most of what it knows may
/// be dead.
pub const PEERS_ENOUGH_AT_FIRST: usize = 10;
/// The pace of a torrent that has fewer: fifty attempts within 100 ms, so that
/// one live peer among 49 dead ones is found at once all the same. (Its first
/// REQUEST, in the simulated scenario `dead-peers`, comes after 0.16 s if it is
/// among the first ten and after 0.26 s if it is the last.)
const PACE_HUNGRY: Duration = Duration::from_micros(2_500);

/// The slow start of one torrent's attempts.
///
/// Whoever knows fifty peers of which most answer needs no fifty half-open
/// connections: ten are begun, then as many as the pace allows, and the pace
/// falls to that of the session once ten peers are there.
#[derive(Clone, Debug)]
pub struct SlowStart {
    /// Saved-up attempts at `counted`, in parts of one.
    credit: f64,
    counted: Time,
}

impl Default for SlowStart {
    fn default() -> Self {
        Self {
            credit: f64::from(START_BURST),
            counted: Time::START,
        }
    }
}

impl SlowStart {
    /// Whether an attempt may begin now; `peers` is how many are there.
    pub fn allow(&self, peers: usize, now: Time) -> bool {
        self.credit_at(peers, now) >= 1.0
    }

    /// An attempt begins.
    pub fn started(&mut self, peers: usize, now: Time) {
        self.credit = (self.credit_at(peers, now) - 1.0).max(0.0);
        self.counted = self.counted.max(now);
    }

    /// When an attempt may begin.
    pub fn next_deadline(&self, peers: usize, now: Time) -> Time {
        let lacking = (1.0 - self.credit_at(peers, now)).max(0.0);
        // Rounded up, or the moment could be now although nothing is allowed.
        now + Duration::from_micros((pace(peers).as_micros() as f64 * lacking).ceil() as u64)
    }

    fn credit_at(&self, peers: usize, now: Time) -> f64 {
        let saved = now.since(self.counted).as_secs_f64() / pace(peers).as_secs_f64();
        (self.credit + saved).min(f64::from(START_BURST))
    }
}

fn pace(peers: usize) -> Duration {
    if peers < PEERS_ENOUGH_AT_FIRST {
        PACE_HUNGRY
    } else {
        PACE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begun_within(peers: usize, time: Duration) -> usize {
        let mut start = SlowStart::default();
        let (mut now, mut begun) = (Time::START, 0);
        while now <= Time::START + time {
            while start.allow(peers, now) {
                start.started(peers, now);
                begun += 1;
            }
            now = start
                .next_deadline(peers, now)
                .max(now + Duration::from_micros(1));
        }
        begun
    }

    #[test]
    fn a_torrent_begins_ten_attempts_and_goes_on_as_fast_as_it_lacks_peers() {
        assert_eq!(begun_within(0, Duration::ZERO), 10);
        let all = begun_within(0, Duration::from_millis(100));
        assert!((49..=51).contains(&all), "{all}");
        let fed = begun_within(PEERS_ENOUGH_AT_FIRST, Duration::from_secs(1));
        assert!((39..=41).contains(&fed), "{fed}");
    }

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
