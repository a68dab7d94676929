//! Medians and their intervals.

use crate::rng::Rng;

/// Samples that a bootstrap draws.
const RESAMPLES: usize = 2_000;

/// The middle of paired measurements, and how sure it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Estimate {
    /// The median.
    pub(super) median: f64,
    /// The lower end of the 95 % interval.
    pub(super) low: f64,
    /// The upper end of the 95 % interval.
    pub(super) high: f64,
    /// The upper end of the one-sided 95 % interval.
    pub(super) bound: f64,
}

/// The median; of an even number, the mean of the two in the middle.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let half = sorted.len() / 2;
    if sorted.len() % 2 == 1 {
        sorted[half]
    } else {
        f64::midpoint(sorted[half - 1], sorted[half])
    }
}

/// The median with its percentile bootstrap interval. The dice are the same
/// each time, so the same values give the same estimate.
///
/// # Panics
///
/// If there are no values: nothing was measured, and nothing can be said.
pub(super) fn estimate(values: &[f64]) -> Estimate {
    assert!(!values.is_empty(), "an estimate needs measurements");
    let mut rng = Rng::new(values.len() as u64);
    let mut sample = vec![0.0; values.len()];
    let mut medians: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            for slot in &mut sample {
                *slot = values[rng.below(values.len() as u64) as usize];
            }
            median(&sample)
        })
        .collect();
    medians.sort_by(f64::total_cmp);
    let quantile = |thousandths: usize| medians[(RESAMPLES - 1) * thousandths / 1_000];
    Estimate {
        median: median(values),
        low: quantile(25),
        high: quantile(975),
        bound: quantile(950),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_holds_the_median_and_shrinks_with_more_values() {
        let mut rng = Rng::new(1);
        let mut widths = Vec::new();
        for count in [10, 100, 1_000] {
            let values: Vec<f64> = (0..count).map(|_| rng.below(1_000) as f64).collect();
            let found = estimate(&values);
            assert!(found.low <= found.median && found.median <= found.high);
            assert!(found.bound <= found.high);
            widths.push(found.high - found.low);
        }
        assert!(widths[0] > widths[1] && widths[1] > widths[2], "{widths:?}");
    }

    #[test]
    fn equal_values_leave_no_doubt() {
        let found = estimate(&[3.5; 20]);
        assert_eq!((found.low, found.median, found.high), (3.5, 3.5, 3.5));
    }

    #[test]
    fn the_median_of_an_even_number_lies_between_the_two_in_the_middle() {
        assert_eq!(median(&[4.0, 1.0, 2.0, 9.0]), 3.0);
        assert_eq!(median(&[4.0, 1.0, 2.0]), 2.0);
    }
}
