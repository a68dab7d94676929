//! What [`super::Scored`] thinks of one peer: formulas of an earlier client.

use std::collections::VecDeque;

/// The weight of the newest rate in the average.
const ALPHA: f64 = 0.2;
/// How many rounds are remembered for the stability.
const HISTORY: usize = 10;
/// The weight of the newest rate beside the average.
const NEWEST: f64 = 0.7;
/// What each win adds to the trust …
const TRUST_PER_WIN: f64 = 0.01;
/// … up to this factor.
const TRUST_MAX: f64 = 2.0;

/// Rate, its steadiness, and how often the peer has won a place.
#[derive(Clone, Debug, Default)]
pub(super) struct PeerScore {
    rate: f64,
    average: f64,
    history: VecDeque<f64>,
    wins: f64,
}

impl PeerScore {
    /// Learns the rate of the round that ended, in bytes per second.
    pub(super) fn sample(&mut self, rate: f64) {
        self.average = if self.average == 0.0 {
            rate
        } else {
            ALPHA * rate + (1.0 - ALPHA) * self.average
        };
        self.rate = rate;
        if self.history.len() == HISTORY {
            self.history.pop_front();
        }
        self.history.push_back(rate);
    }

    /// One in the top of this round. With `keeps` below 1, earlier wins fade
    /// by that factor per round.
    pub(super) fn judge(&mut self, won: bool, keeps: f64) {
        self.wins = self.wins * keeps + if won { 1.0 } else { 0.0 };
    }

    /// 1 for a steady rate, towards 0 for a bursty one: 1 / (1 + σ / mean).
    fn stability(&self) -> f64 {
        let count = self.history.len() as f64;
        let mean = self.history.iter().sum::<f64>() / count;
        if self.history.len() < 2 || mean == 0.0 {
            return 1.0;
        }
        let square = |rate: &f64| (rate - mean) * (rate - mean);
        let deviation = (self.history.iter().map(square).sum::<f64>() / count).sqrt();
        1.0 / (1.0 + deviation / mean)
    }

    fn trust(&self) -> f64 {
        (1.0 + TRUST_PER_WIN * self.wins).min(TRUST_MAX)
    }

    /// What peers are ranked by.
    pub(super) fn score(&self) -> f64 {
        let base = NEWEST * self.rate + (1.0 - NEWEST) * self.average;
        base * self.stability() * self.trust()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(rates: &[f64]) -> PeerScore {
        let mut score = PeerScore::default();
        rates.iter().for_each(|rate| score.sample(*rate));
        score
    }

    fn close(left: f64, right: f64) -> bool {
        (left - right).abs() < 1e-9
    }

    #[test]
    fn the_average_forgets_a_fifth_per_round() {
        for (zeroes, average) in [(1, 80.0), (2, 64.0), (3, 51.2)] {
            let mut rates = vec![100.0];
            rates.resize(1 + zeroes, 0.0);
            assert!(close(after(&rates).average, average), "{zeroes}");
        }
        assert!(close(after(&[0.0, 0.0, 50.0]).average, 50.0));
    }

    #[test]
    fn stability_is_one_over_one_and_the_variation_of_ten_rounds() {
        let mut burst = vec![100.0; 9];
        burst.push(0.0);
        let table: [(&[f64], f64); 5] = [
            (&[100.0; 10], 1.0),
            (&[0.0, 100.0], 0.5),
            (&[50.0, 150.0, 50.0, 150.0], 2.0 / 3.0),
            (&burst, 0.75),
            (&[7.0], 1.0),
        ];
        for (rates, stability) in table {
            assert!(close(after(rates).stability(), stability), "{rates:?}");
        }
        let mut eleven = vec![1e9];
        eleven.extend([100.0; 10]);
        assert!(close(after(&eleven).stability(), 1.0));
    }

    #[test]
    fn trust_grows_with_wins_to_two_and_fades_if_it_is_told_to() {
        for (wins, trust) in [(0, 1.0), (1, 1.01), (50, 1.5), (100, 2.0), (500, 2.0)] {
            let mut score = PeerScore::default();
            (0..wins).for_each(|_| score.judge(true, 1.0));
            assert!(close(score.trust(), trust), "{wins}");
        }
        let mut fading = PeerScore::default();
        (0..1_000).for_each(|_| fading.judge(true, 0.97));
        assert!((1.30..1.35).contains(&fading.trust()));
        (0..200).for_each(|_| fading.judge(false, 0.97));
        assert!(fading.trust() < 1.01);
    }

    #[test]
    fn the_newest_rate_counts_for_three_quarters() {
        // 0.7 · 0 + 0.3 · 80, halved for its burst.
        assert!(close(after(&[100.0, 0.0]).score(), 12.0));
    }
}
