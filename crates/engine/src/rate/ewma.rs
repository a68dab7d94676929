//! A moving average of a byte rate that depends on when bytes came, never on
//! when somebody looked.

use std::time::Duration;

use crate::time::Time;

/// An average is not trusted to be of less than this, so that the first bytes
/// of a connection are not taken for a rate of gigabytes.
const AGE_MIN: Duration = Duration::from_secs(1);

/// From this many times τ on an average has seen all there is to see: what is
/// missing of 1 is less than a number can hold.
const AGES_MAX: f64 = 40.0;

/// An exponentially weighted rate in bytes per second.
///
/// Each byte weighs `e^(−Δt/τ) / τ` when it is Δt old, so what is older than τ
/// fades and an interval of Δt has the weight `1 − e^(−Δt/τ)` whatever it was
/// cut into. Bursts P apart show as a ripple of about ± P/2τ. While the
/// average is younger than τ it is of its own age and not diluted by the time
/// before it began.
#[derive(Clone, Copy, Debug)]
pub struct Ewma {
    tau_s: f64,
    began: Time,
    last: Time,
    /// The weighted rate at `last`, in bytes per second.
    value: f64,
}

impl Ewma {
    /// The memory of the rates of peers and torrents, which the choker goes by:
    /// long enough to smooth blocks, short enough that of the rate before a
    /// choker's round of ten seconds a seventh is left after it.
    pub const TAU: Duration = Duration::from_secs(5);

    /// An average with memory `tau` that begins now, at nothing.
    pub fn new(tau: Duration, now: Time) -> Self {
        Self {
            tau_s: tau.as_secs_f64(),
            began: now,
            last: now,
            value: 0.0,
        }
    }

    /// Counts bytes that came (or went) now.
    pub fn add(&mut self, bytes: u64, now: Time) {
        self.value = self.decayed(now) + bytes as f64 / self.tau_s;
        self.last = self.last.max(now);
    }

    /// The rate in bytes per second. Looking changes nothing.
    pub fn rate(&self, now: Time) -> u64 {
        let age = now.since(self.began).max(AGE_MIN);
        let ages = age.as_secs_f64() / self.tau_s;
        let seen = if ages < AGES_MAX {
            1.0 - (-ages).exp()
        } else {
            1.0
        };
        (self.decayed(now) / seen) as u64
    }

    fn decayed(&self, now: Time) -> f64 {
        let elapsed = now.since(self.last);
        if elapsed.is_zero() || self.value == 0.0 {
            return self.value;
        }
        self.value * (-elapsed.as_secs_f64() / self.tau_s).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Time {
        Time::from_micros(ms * 1_000)
    }

    fn assert_close(got: u64, want: f64, tolerance: f64) {
        let error = (got as f64 - want).abs() / want;
        assert!(
            error <= tolerance,
            "{got} is {:.1} % off {want}",
            error * 100.0
        );
    }

    #[test]
    fn a_steady_flow_is_measured_from_its_first_seconds_on() {
        let mut ewma = Ewma::new(Ewma::TAU, at(0));
        for ms in 1..=60_000u64 {
            ewma.add(1_000, at(ms));
            if ms > 2_000 {
                assert_close(ewma.rate(at(ms)), 1e6, 0.01);
            }
        }
    }

    #[test]
    fn bursts_half_a_second_apart_are_at_most_a_twentieth_off_at_any_moment() {
        for (apart_ms, off) in [(100, 0.01), (500, 0.051), (1_000, 0.104)] {
            let mut ewma = Ewma::new(Ewma::TAU, at(0));
            let mut worst: f64 = 0.0;
            for ms in 1..=60_000u64 {
                if ms % apart_ms == 0 {
                    ewma.add(apart_ms * 1_000, at(ms));
                }
                if ms > 40_000 {
                    worst = worst.max((ewma.rate(at(ms)) as f64 / 1e6 - 1.0).abs());
                }
            }
            // A longer memory would smooth more, and see a change later.
            assert!((0.9 * off..=off * 1.01).contains(&worst), "{worst}");
        }
    }

    #[test]
    fn of_the_rate_before_a_round_of_the_choker_a_seventh_is_left_after_it() {
        let mut ewma = Ewma::new(Ewma::TAU, at(0));
        for ms in 1..=60_000u64 {
            ewma.add(1_000, at(ms));
        }
        assert_close(ewma.rate(at(70_000)), 1e6 / 7.39, 0.01);
    }

    #[test]
    fn the_value_does_not_depend_on_who_looked_or_how_bytes_were_cut() {
        let mut often = Ewma::new(Ewma::TAU, at(0));
        let mut rarely = Ewma::new(Ewma::TAU, at(0));
        for ms in 1..=20_000u64 {
            if ms % 70 == 0 {
                for _ in 0..7 {
                    often.add(1_000, at(ms));
                    often.rate(at(ms));
                }
                rarely.add(7_000, at(ms));
            } else {
                often.add(0, at(ms));
            }
        }
        assert_close(often.rate(at(21_000)), rarely.rate(at(21_000)) as f64, 1e-4);
    }

    #[test]
    fn silence_halves_the_rate_every_seven_tenths_of_tau() {
        let mut ewma = Ewma::new(Ewma::TAU, at(0));
        for ms in 1..=100_000u64 {
            ewma.add(1_000, at(ms));
        }
        let half_ms = Ewma::TAU.as_millis() as u64 * 6_931 / 10_000;
        assert_close(ewma.rate(at(100_000 + half_ms)), 5e5, 0.01);
        assert_eq!(ewma.rate(at(1_000_000)), 0);
    }

    #[test]
    fn the_first_block_of_a_connection_is_no_rate_of_gigabytes() {
        let mut ewma = Ewma::new(Ewma::TAU, at(0));
        ewma.add(16_384, Time::from_micros(3));
        assert!(ewma.rate(Time::from_micros(4)) < 20_000);
    }
}
