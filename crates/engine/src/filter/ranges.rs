//! Disjoint ranges of numbers, searched in O(log n).

/// A number that an address is.
pub(super) trait Bits: Copy + Ord {
    /// The next one, or the same if it is the last.
    fn next(self) -> Self;
}

impl Bits for u32 {
    fn next(self) -> Self {
        self.saturating_add(1)
    }
}

impl Bits for u128 {
    fn next(self) -> Self {
        self.saturating_add(1)
    }
}

/// Sorted ranges, of which no two overlap or touch. The beginnings lie apart
/// from the ends, so that a search reads half the memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ranges<T> {
    firsts: Box<[T]>,
    lasts: Box<[T]>,
}

impl<T: Bits> Ranges<T> {
    /// Joins ranges, both ends included, in any order.
    pub(super) fn new(mut ranges: Vec<(T, T)>) -> Self {
        ranges.sort_unstable();
        ranges.dedup_by(|later, earlier| {
            let joined = later.0 <= earlier.1.next();
            if joined {
                earlier.1 = earlier.1.max(later.1);
            }
            joined
        });
        Self {
            firsts: ranges.iter().map(|(first, _)| *first).collect(),
            lasts: ranges.iter().map(|(_, last)| *last).collect(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.firsts.len()
    }

    /// A plain binary search: it has no branch that depends on the number, and
    /// trees of 16 or 64 to a node took two to four times as long.
    pub(super) fn contains(&self, number: T) -> bool {
        let after = self.firsts.partition_point(|first| *first <= number);
        let before = after.checked_sub(1);
        before.is_some_and(|before| number <= self.lasts[before])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_overlaps_or_touches_is_one_range() {
        let ranges = Ranges::new(vec![(20, 30), (1, 5), (6, 9), (25, 27), (11, 12), (30, 40)]);
        assert_eq!(*ranges.firsts, [1_u32, 11, 20]);
        assert_eq!(*ranges.lasts, [9, 12, 40]);
        let whole = Ranges::new(vec![(u32::MAX, u32::MAX), (0, u32::MAX)]);
        assert_eq!(whole.len(), 1);
    }

    proptest! {
        #[test]
        fn a_number_is_contained_if_a_range_contains_it(
            ends in prop::collection::vec((0_u32..4_000, 0_u32..8), 0..600),
        ) {
            let given: Vec<_> = ends.iter().map(|(first, len)| (*first, first + len)).collect();
            let ranges = Ranges::new(given.clone());
            let mut expected = vec![false; 4_010];
            for (first, last) in given {
                expected[first as usize..=last as usize].fill(true);
            }
            for (number, expected) in expected.iter().enumerate() {
                prop_assert_eq!(ranges.contains(number as u32), *expected);
            }
            let runs = expected.chunk_by(|a, b| a == b).filter(|run| run[0]);
            prop_assert_eq!(ranges.len(), runs.count());
        }
    }
}
