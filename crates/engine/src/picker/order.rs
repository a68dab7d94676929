//! Missing pieces in the order in which they should be asked for.
//!
//! One flat permutation of the pieces, cut into bands by (priority,
//! availability): a change of availability by one moves a piece over one
//! boundary with one swap, O(1). A piece enters a band at a random place, so
//! ties are uniform. Peers that have everything would raise every piece alike
//! and are only counted.

use rand_core::Rng;
use superseed_proto::layout::PieceIndex;

use crate::config::Priority;

/// Bands of one priority. Beyond this availability a piece is as common as can be.
const AVAILABILITY_BANDS: usize = 64;
/// Priorities that are asked for: High, Normal, Low.
const PRIORITIES: usize = 3;
const BANDS: usize = AVAILABILITY_BANDS * PRIORITIES;
/// The place of a piece that is not in the order.
const NOWHERE: u32 = u32::MAX;

/// The pieces that may be started, rarest first within each priority.
#[derive(Debug)]
pub(super) struct Order {
    /// Pieces in order; `ends[b]` is where band `b` ends.
    pieces: Vec<u32>,
    ends: Vec<u32>,
    place: Vec<u32>,
    availability: Vec<u16>,
}

fn band(priority: Priority, availability: u16) -> Option<usize> {
    let above = match priority {
        Priority::Skip => return None,
        Priority::High => 0,
        Priority::Normal => 1,
        Priority::Low => 2,
    };
    Some(above * AVAILABILITY_BANDS + usize::from(availability).min(AVAILABILITY_BANDS - 1))
}

impl Order {
    pub(super) fn new(pieces: u32) -> Self {
        Self {
            pieces: Vec::with_capacity(pieces as usize),
            ends: vec![0; BANDS],
            place: vec![NOWHERE; pieces as usize],
            availability: vec![0; pieces as usize],
        }
    }

    /// How many peers that lack something have the piece.
    pub(super) fn availability(&self, piece: PieceIndex) -> u16 {
        self.availability[piece.0 as usize]
    }

    /// Puts a piece in, at a random place of its band.
    pub(super) fn insert(&mut self, piece: PieceIndex, priority: Priority, rng: &mut impl Rng) {
        if self.place[piece.0 as usize] != NOWHERE {
            return;
        }
        let Some(band) = band(priority, self.availability(piece)) else { return };
        self.pieces.push(piece.0);
        let mut at = self.pieces.len() - 1;
        for later in (band + 1..BANDS).rev() {
            let start = self.ends[later - 1] as usize;
            self.swap(at, start);
            at = start;
            self.ends[later] += 1;
        }
        self.ends[band] += 1;
        self.place[self.pieces[at] as usize] = at as u32;
        self.shuffle_in(band, at, rng);
    }

    /// Takes a piece out.
    pub(super) fn remove(&mut self, piece: PieceIndex, priority: Priority) {
        let Some(mut at) = self.at(piece) else { return };
        let Some(first) = band(priority, self.availability(piece)) else { return };
        for band in first..BANDS {
            let last = self.ends[band] as usize - 1;
            self.swap(at, last);
            at = last;
            self.ends[band] -= 1;
        }
        self.pieces.pop();
        self.place[piece.0 as usize] = NOWHERE;
    }

    /// One more peer has the piece.
    pub(super) fn more(&mut self, piece: PieceIndex, priority: Priority, rng: &mut impl Rng) {
        let before = self.availability(piece);
        self.availability[piece.0 as usize] = before.saturating_add(1);
        let (Some(at), Some(old)) = (self.at(piece), band(priority, before)) else { return };
        if usize::from(before) + 1 >= AVAILABILITY_BANDS {
            return;
        }
        let last = self.ends[old] as usize - 1;
        self.swap(at, last);
        self.ends[old] -= 1;
        self.shuffle_in(old + 1, last, rng);
    }

    /// One peer fewer has the piece.
    pub(super) fn fewer(&mut self, piece: PieceIndex, priority: Priority, rng: &mut impl Rng) {
        let before = self.availability(piece);
        self.availability[piece.0 as usize] = before.saturating_sub(1);
        let (Some(at), Some(old)) = (self.at(piece), band(priority, before)) else { return };
        if before == 0 || usize::from(before) >= AVAILABILITY_BANDS {
            return;
        }
        let first = self.start(old);
        self.swap(at, first);
        self.ends[old - 1] += 1;
        self.shuffle_in(old - 1, first, rng);
    }

    /// Pieces in the order in which to start them.
    pub(super) fn iter(&self) -> impl Iterator<Item = PieceIndex> + '_ {
        self.pieces.iter().map(|&piece| PieceIndex(piece))
    }

    /// The pieces of the highest priority that there is.
    pub(super) fn most_wanted(&self) -> &[u32] {
        let mut start = 0;
        for priority in 1..=PRIORITIES {
            let end = self.ends[priority * AVAILABILITY_BANDS - 1] as usize;
            if end > start {
                return &self.pieces[start..end];
            }
            start = end;
        }
        &[]
    }

    /// Whether the piece may be started.
    pub(super) fn holds(&self, piece: PieceIndex) -> bool {
        self.at(piece).is_some()
    }

    pub(super) fn len(&self) -> usize {
        self.pieces.len()
    }

    fn at(&self, piece: PieceIndex) -> Option<usize> {
        let place = self.place[piece.0 as usize];
        (place != NOWHERE).then_some(place as usize)
    }

    fn start(&self, band: usize) -> usize {
        band.checked_sub(1).map_or(0, |before| self.ends[before] as usize)
    }

    fn shuffle_in(&mut self, band: usize, at: usize, rng: &mut impl Rng) {
        let start = self.start(band);
        let len = self.ends[band] as usize - start;
        // The bias of the remainder is far below anything a swarm could notice.
        let other = start + rng.next_u32() as usize % len;
        self.swap(at, other);
    }

    fn swap(&mut self, a: usize, b: usize) {
        self.pieces.swap(a, b);
        self.place[self.pieces[a] as usize] = a as u32;
        self.place[self.pieces[b] as usize] = b as u32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand_core::SeedableRng;
    use rand_xoshiro::Xoshiro256PlusPlus;

    proptest! {
        #[test]
        fn pieces_stay_sorted_by_priority_and_availability(
            ops in prop::collection::vec((0u8..4, 0u32..20), 0..300),
            seed in any::<u64>(),
        ) {
            let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
            let priority = |piece: u32| [Priority::Low, Priority::Normal, Priority::High][piece as usize % 3];
            let mut order = Order::new(20);
            let mut inside = std::collections::BTreeSet::new();
            let mut peers = [0u16; 20];
            for (op, piece) in ops {
                let index = PieceIndex(piece);
                match op {
                    0 => { order.insert(index, priority(piece), &mut rng); inside.insert(piece); }
                    1 => { order.remove(index, priority(piece)); inside.remove(&piece); }
                    2 => { order.more(index, priority(piece), &mut rng); peers[piece as usize] += 1; }
                    _ if peers[piece as usize] > 0 => {
                        order.fewer(index, priority(piece), &mut rng);
                        peers[piece as usize] -= 1;
                    }
                    _ => {}
                }
                let sorted: Vec<_> = order.iter().map(|p| (std::cmp::Reverse(priority(p.0)), peers[p.0 as usize])).collect();
                prop_assert!(sorted.is_sorted(), "{sorted:?}");
                let mut all: Vec<_> = order.iter().map(|p| p.0).collect();
                all.sort_unstable();
                prop_assert!(all.iter().eq(inside.iter()));
                prop_assert!(all.iter().all(|&p| order.holds(PieceIndex(p))));
            }
        }
    }

    #[test]
    fn ties_are_uniform() {
        let mut firsts = [0u32; 8];
        for seed in 0..4_000 {
            let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
            let mut order = Order::new(8);
            for piece in 0..8 {
                order.insert(PieceIndex(piece), Priority::Normal, &mut rng);
            }
            for piece in 0..8 {
                order.more(PieceIndex(piece), Priority::Normal, &mut rng);
            }
            firsts[order.iter().next().unwrap().0 as usize] += 1;
        }
        let chi2: f64 = firsts.iter().map(|&n| (f64::from(n) - 500.0).powi(2) / 500.0).sum();
        assert!(chi2 < 24.3, "0.1 % quantile of 7 degrees of freedom: {chi2} {firsts:?}");
    }
}
