//! Disjoint ranges of numbers, searched in O(log n).

/// A number that an address is.
pub(super) trait Bits: Copy + Ord {
    /// The next one, or the same if it is the last.
    fn next(self) -> Self;
    /// The one before, or the same if it is the first.
    fn before(self) -> Self;
}

impl Bits for u32 {
    fn next(self) -> Self {
        self.saturating_add(1)
    }

    fn before(self) -> Self {
        self.saturating_sub(1)
    }
}

impl Bits for u128 {
    fn next(self) -> Self {
        self.saturating_add(1)
    }

    fn before(self) -> Self {
        self.saturating_sub(1)
    }
}

/// Beginnings to a group.
const GROUP: usize = 16;

/// Sorted ranges, of which no two overlap or touch. The beginnings of groups lie
/// apart, so that most of a search stays in the processor's cache: for a million
/// ranges of IPv6 they are 1 MB of 33. What remains is in one place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ranges<T> {
    /// The first number of each group.
    groups: Box<[T]>,
    /// First and last number of each.
    all: Box<[(T, T)]>,
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
            groups: ranges
                .iter()
                .step_by(GROUP)
                .map(|(first, _)| *first)
                .collect(),
            all: ranges.into(),
        }
    }

    /// The same ranges without the numbers from `first` to `last`.
    pub(super) fn without(&self, first: T, last: T) -> Self {
        let ranges = self.all.iter().copied();
        let kept = ranges.flat_map(|(from, to)| {
            let below = (from < first).then(|| (from, to.min(first.before())));
            let above = (to > last).then(|| (from.max(last.next()), to));
            [below, above].into_iter().flatten()
        });
        Self::new(kept.collect())
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// Two plain binary searches: they have no branch that depends on the number,
    /// and trees of 16 or 64 to a node took two to four times as long.
    pub(super) fn contains(&self, number: T) -> bool {
        let group = self.groups.partition_point(|first| *first <= number);
        let Some(group) = group.checked_sub(1) else {
            return false;
        };
        let begin = group * GROUP;
        let end = self.all.len().min(begin + GROUP);
        let group = &self.all[begin..end];
        // The first of the group is not after it.
        let before = group.partition_point(|(first, _)| *first <= number) - 1;
        number <= group[before].1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_overlaps_or_touches_is_one_range() {
        let ranges = Ranges::new(vec![(20, 30), (1, 5), (6, 9), (25, 27), (11, 12), (30, 40)]);
        assert_eq!(*ranges.all, [(1_u32, 9), (11, 12), (20, 40)]);
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
