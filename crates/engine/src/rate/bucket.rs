//! The bucket that a rate limit is kept with.

use std::time::Duration;

use crate::time::Time;

/// What a bucket holds at most is this part of a second of its rate.
const BURST_PARTS: u64 = 4;
const MICROS: i128 = 1_000_000;

/// Bytes that may be spent, refilled at a rate.
///
/// The balance may go below zero: what cannot be cut, such as a block that a
/// peer was asked for, is spent whole and paid back before anything else is
/// allowed. Arithmetic is exact (millionths of a byte), so the limit holds over
/// any time at any rate. A rate of zero or `None` is no limit.
#[derive(Clone, Copy, Debug)]
pub struct TokenBucket {
    /// Bytes per second; zero is unlimited.
    rate: u64,
    /// Millionths of a byte at `last`.
    balance: i128,
    last: Time,
    /// When the bucket was last seen full, so that quota was lost unused.
    full_at: Time,
}

impl TokenBucket {
    /// A full bucket with this rate in bytes per second.
    pub fn new(rate: Option<u64>, now: Time) -> Self {
        let mut bucket = Self {
            rate: rate.unwrap_or(0),
            balance: 0,
            last: now,
            full_at: now,
        };
        bucket.balance = bucket.burst();
        bucket
    }

    /// Changes the rate. Debt stays unless the limit goes.
    pub fn set_rate(&mut self, rate: Option<u64>, now: Time) {
        let unlimited_before = self.rate == 0;
        self.balance = self.balance_at(now);
        self.last = self.last.max(now);
        self.rate = rate.unwrap_or(0);
        if unlimited_before || self.rate == 0 {
            self.balance = self.burst();
        }
        self.balance = self.balance.min(self.burst());
        self.full_at = self.last;
    }

    /// The rate in bytes per second, if there is a limit.
    pub fn rate(&self) -> Option<u64> {
        (self.rate > 0).then_some(self.rate)
    }

    /// The most that is ever available; `u64::MAX` without a limit.
    pub fn capacity(&self) -> u64 {
        if self.rate == 0 {
            return u64::MAX;
        }
        u64::try_from(self.burst() / MICROS).unwrap_or(u64::MAX)
    }

    /// Bytes that may be spent now; `u64::MAX` without a limit.
    pub fn available(&self, now: Time) -> u64 {
        if self.rate == 0 {
            return u64::MAX;
        }
        u64::try_from(self.balance_at(now).max(0) / MICROS).unwrap_or(u64::MAX)
    }

    /// Spends bytes, into debt if need be.
    pub fn spend(&mut self, bytes: u64, now: Time) {
        if self.rate == 0 {
            return;
        }
        let balance = self.balance_at(now);
        self.last = self.last.max(now);
        if balance == self.burst() {
            self.full_at = self.last;
        }
        self.balance = balance - i128::from(bytes) * MICROS;
    }

    /// For how long all quota was used, at most a burst of it saved up: for so
    /// long the limit has been what decides the rate. `None` without a limit,
    /// or while some of it goes unused.
    pub fn binds_for(&self, now: Time) -> Option<Duration> {
        let binds = self.rate > 0 && self.balance_at(now) < self.burst();
        binds.then(|| now.since(self.full_at))
    }

    /// The first moment at which `want` bytes, or as many as the bucket can
    /// hold, are available.
    pub fn ready_at(&self, want: u64, now: Time) -> Time {
        if self.rate == 0 {
            return now;
        }
        let want = (i128::from(want) * MICROS).min(self.burst());
        let lacking = want - self.balance_at(now);
        if lacking <= 0 {
            return now;
        }
        let rate = i128::from(self.rate);
        let micros = (lacking + rate - 1) / rate;
        now + Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }

    /// The most the bucket holds: at least one byte, or it could never be full.
    fn burst(&self) -> i128 {
        i128::from((self.rate / BURST_PARTS).max(1)) * MICROS
    }

    fn balance_at(&self, now: Time) -> i128 {
        let elapsed = i128::from(now.as_micros().saturating_sub(self.last.as_micros()));
        let refill = elapsed.saturating_mul(i128::from(self.rate));
        self.balance.saturating_add(refill).min(self.burst())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: u64 = 16_384;

    fn at(ms: u64) -> Time {
        Time::from_micros(ms * 1_000)
    }

    /// Spends all that is allowed, in writes of at most `write`, for `seconds`.
    fn spent(bucket: &mut TokenBucket, write: u64, from_ms: u64, seconds: u64) -> u64 {
        let (mut total, mut now) = (0, at(from_ms));
        let end = at(from_ms + seconds * 1_000);
        while now < end {
            let take = bucket.available(now).min(write);
            bucket.spend(take, now);
            total += take;
            if take < write {
                // A timer fires when half a write is ready, and a little late.
                now = bucket.ready_at(write / 2, now) + Duration::from_micros(700);
            }
        }
        total
    }

    #[test]
    fn any_limit_holds_within_three_percent_over_a_minute() {
        for rate in [
            1 << 10,
            10_000,
            100 << 10,
            1 << 20,
            12_345_678,
            125_000_000,
            1 << 30,
            4 << 30,
        ] {
            let mut bucket = TokenBucket::new(Some(rate), at(0));
            let total = spent(&mut bucket, BLOCK.max(rate / 50), 0, 60) as f64;
            let want = (rate * 60) as f64;
            assert!(
                (total / want - 1.0).abs() < 0.03,
                "{rate}: {total} instead of {want}"
            );
        }
    }

    #[test]
    fn whole_blocks_go_into_debt_that_is_paid_back() {
        let mut bucket = TokenBucket::new(Some(1_024), at(0));
        assert_eq!(bucket.available(at(0)), 256);
        bucket.spend(BLOCK, at(0));
        assert_eq!(bucket.available(at(15_000)), 0);
        let ready = bucket.ready_at(1, at(0));
        assert!(ready > at(15_750) && ready < at(15_760), "{ready:?}");
        assert_eq!(bucket.available(ready), 1);
    }

    #[test]
    fn a_long_silence_saves_up_a_quarter_of_a_second_at_most() {
        let bucket = TokenBucket::new(Some(1_000_000), at(0));
        assert_eq!(bucket.available(at(3_600_000)), 250_000);
        assert_eq!(bucket.ready_at(u64::MAX, at(3_600_000)), at(3_600_000));
        assert_eq!(bucket.capacity(), 250_000);
        assert_eq!(TokenBucket::new(None, at(0)).capacity(), u64::MAX);
    }

    #[test]
    fn a_limit_binds_while_none_of_it_goes_unused() {
        let mut bucket = TokenBucket::new(Some(1_000_000), at(0));
        assert_eq!(bucket.binds_for(at(5_000)), None, "nothing is spent");
        spent(&mut bucket, BLOCK, 5_000, 10);
        let binds = bucket.binds_for(at(15_000)).unwrap();
        assert!(binds >= Duration::from_millis(9_900), "{binds:?}");
        assert_eq!(bucket.binds_for(at(15_500)), None, "it is full again");
        for ms in 16_000..26_000 {
            bucket.spend(900, at(ms));
        }
        let below = bucket.binds_for(at(26_000));
        assert!(below.is_none_or(|binds| binds < Duration::from_secs(1)));
        bucket.set_rate(Some(2_000_000), at(26_000));
        spent(&mut bucket, BLOCK, 26_000, 1);
        let binds = bucket.binds_for(at(27_000)).unwrap();
        assert!(binds <= Duration::from_secs(1), "{binds:?}");
    }

    #[test]
    fn zero_and_none_are_no_limit() {
        for rate in [None, Some(0)] {
            let mut bucket = TokenBucket::new(rate, at(0));
            bucket.spend(u64::MAX, at(0));
            assert_eq!(bucket.available(at(0)), u64::MAX);
            assert_eq!(bucket.ready_at(1, at(5)), at(5));
            assert_eq!(bucket.rate(), None);
        }
    }

    #[test]
    fn a_change_holds_from_its_moment_on() {
        let mut bucket = TokenBucket::new(Some(1_000_000), at(0));
        spent(&mut bucket, BLOCK, 0, 10);
        bucket.set_rate(Some(100_000), at(10_000));
        let slow = spent(&mut bucket, BLOCK, 10_000, 60) as f64;
        assert!((slow / 6e6 - 1.0).abs() < 0.03, "{slow}");
        bucket.set_rate(None, at(80_000));
        assert_eq!(bucket.available(at(80_000)), u64::MAX);
        bucket.set_rate(Some(1_000), at(90_000));
        assert_eq!(bucket.available(at(90_000)), 250);
    }

    #[test]
    fn the_smallest_and_the_largest_rates_do_not_overflow() {
        for rate in [1, u64::MAX] {
            let mut bucket = TokenBucket::new(Some(rate), Time::START);
            bucket.spend(u64::MAX, Time::START);
            assert!(bucket.ready_at(u64::MAX, Time::START) > Time::START);
            let _ = bucket.available(Time::NEVER);
        }
    }
}
