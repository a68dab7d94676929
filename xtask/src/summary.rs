//! The figures of one client.

use std::fmt;

/// The figures of one client's runs.
#[derive(Debug)]
pub(crate) struct Summary {
    pub(crate) name: &'static str,
    pub(crate) figures: Vec<f64>,
}

impl Summary {
    pub(crate) fn new(name: &'static str) -> Self {
        Self {
            name,
            figures: Vec::new(),
        }
    }

    /// The least and the greatest; NaN without runs.
    pub(crate) fn range(&self) -> [f64; 2] {
        [f64::min, f64::max].map(|pick| self.figures.iter().copied().fold(f64::NAN, pick))
    }

    /// The figure in the middle, or the mean of the two; NaN without runs.
    pub(crate) fn median(&self) -> f64 {
        let mut sorted = self.figures.clone();
        sorted.sort_by(f64::total_cmp);
        let middle = |at: usize| sorted.get(at).copied().unwrap_or(f64::NAN);
        let half = sorted.len() / 2;
        if sorted.len().is_multiple_of(2) {
            f64::midpoint(middle(half.wrapping_sub(1)), middle(half))
        } else {
            middle(half)
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [min, max] = self.range();
        write!(
            f,
            "{:11} median of {} {:.3} ({min:.3} to {max:.3})",
            self.name,
            self.figures.len(),
            self.median(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one_or_between_two() {
        let median = |figures: &[f64]| {
            let figures = figures.to_vec();
            Summary { name: "x", figures }.median()
        };
        assert!(median(&[]).is_nan());
        assert!((median(&[3.0, 1.0, 9.0]) - 3.0).abs() < 1e-9);
        assert!((median(&[4.0, 1.0, 2.0, 9.0]) - 3.0).abs() < 1e-9);
    }
}
