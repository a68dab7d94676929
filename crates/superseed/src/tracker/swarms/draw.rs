//! Drawing without putting back, lazily: a Fisher–Yates shuffle that is done
//! only as far as it is looked at. A few peers of a swarm of thousands cost a
//! few steps.

use std::collections::HashMap;

use rand_core::Rng;

/// The numbers from 0 to `count` in random order, each order as likely as any
/// other.
pub(super) struct Draw<'a, R> {
    left: usize,
    /// What stands at a place, where that is not the place's own number.
    moved: HashMap<usize, usize>,
    rng: &'a mut R,
}

impl<'a, R: Rng> Draw<'a, R> {
    /// Begins to draw.
    pub(super) fn new(count: usize, rng: &'a mut R) -> Self {
        Self {
            left: count,
            moved: HashMap::new(),
            rng,
        }
    }
}

impl<R: Rng> Iterator for Draw<'_, R> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        if self.left == 0 {
            return None;
        }
        let place = below(self.left, self.rng);
        self.left -= 1;
        let last = self.moved.get(&self.left).copied().unwrap_or(self.left);
        Some(self.moved.insert(place, last).unwrap_or(place))
    }
}

/// A random number under `count`. The product's high half is biased by less
/// than `count` in 2^64, which nobody can see in a swarm.
fn below(count: usize, rng: &mut impl Rng) -> usize {
    ((u128::from(rng.next_u64()) * count as u128) >> 64) as usize
}

#[cfg(test)]
mod tests {
    use rand_core::SeedableRng;
    use rand_xoshiro::Xoshiro256PlusPlus;

    use super::*;

    #[test]
    fn every_number_is_drawn_once() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
        for count in [0, 1, 2, 3, 10, 1000] {
            let mut drawn: Vec<usize> = Draw::new(count, &mut rng).collect();
            drawn.sort_unstable();
            assert_eq!(drawn, (0..count).collect::<Vec<_>>());
        }
    }

    #[test]
    fn every_number_is_as_likely_as_any_other() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(2);
        let mut often = [0_u32; 10];
        for _ in 0..10_000 {
            for number in Draw::new(10, &mut rng).take(3) {
                often[number] += 1;
            }
        }
        // 3,000 each are expected; the standard deviation is 46.
        assert!(
            often.iter().all(|times| (2_750..3_250).contains(times)),
            "{often:?}"
        );
    }
}
