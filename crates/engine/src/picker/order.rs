//! The open pieces by priority and rarity.

use rand_core::Rng;
use superseed_proto::layout::PieceIndex;

use super::pieces::PieceTable;
use crate::config::Priority;

/// The priorities that are asked for, most wanted first.
pub(super) const BANDS: [Priority; 3] = [Priority::High, Priority::Normal, Priority::Low];

/// One permutation of pieces per priority.
#[derive(Debug, Default)]
pub(super) struct Bands([Band; 3]);

/// The open pieces of one priority: a flat permutation, most common first, cut
/// into levels of equal availability. A change by one level is a swap with the
/// piece at the border and a move of the border.
///
/// The rarest stand at the end, since they are what is started: to take one out
/// moves only the rarer levels, of which there are none or few, where to take
/// it from the front would move every level (150 that are not empty among
/// 2,000 peers with half of the pieces each).
#[derive(Debug, Default)]
pub(super) struct Band {
    order: Vec<PieceIndex>,
    /// Where each level begins; level k holds the pieces that k peers have, and
    /// ends where level k − 1 begins.
    begins: Vec<u32>,
}

impl Bands {
    pub(super) fn of(&self, priority: Priority) -> Option<&Band> {
        BANDS
            .iter()
            .position(|band| *band == priority)
            .map(|at| &self.0[at])
    }

    pub(super) fn of_mut(&mut self, priority: Priority) -> Option<&mut Band> {
        BANDS
            .iter()
            .position(|band| *band == priority)
            .map(|at| &mut self.0[at])
    }

    /// Adds a wanted piece at its availability.
    pub(super) fn insert(&mut self, piece: PieceIndex, pieces: &mut PieceTable) {
        if let Some(band) = self.of_mut(pieces.priority(piece)) {
            band.insert(piece, pieces);
        }
    }

    /// Removes a piece that is in.
    pub(super) fn remove(&mut self, piece: PieceIndex, pieces: &mut PieceTable) {
        if let Some(band) = self.of_mut(pieces.priority(piece)) {
            band.remove(piece, pieces);
        }
    }

    /// A piece that is in gets one more peer.
    pub(super) fn raise(&mut self, piece: PieceIndex, pieces: &mut PieceTable) {
        let level = pieces.availability(piece);
        pieces.set_availability(piece, level + 1);
        if let Some(band) = self.of_mut(pieces.priority(piece)) {
            band.raise(piece, level as usize, pieces);
        }
    }

    /// A piece that is in loses a peer.
    pub(super) fn lower(&mut self, piece: PieceIndex, pieces: &mut PieceTable) {
        let level = pieces.availability(piece);
        if level == 0 {
            return;
        }
        pieces.set_availability(piece, level - 1);
        if let Some(band) = self.of_mut(pieces.priority(piece)) {
            band.lower(piece, level as usize, pieces);
        }
    }
}

impl Band {
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// All pieces, most common first.
    pub(super) fn iter(&self) -> impl Iterator<Item = PieceIndex> + '_ {
        self.order.iter().copied()
    }

    /// A uniformly random piece.
    pub(super) fn random(&self, rng: &mut impl Rng) -> Option<PieceIndex> {
        let len = self.order.len() as u32;
        (len > 0).then(|| self.order[below(rng, len) as usize])
    }

    /// The first piece that `is` accepts, rarest first and random among equals,
    /// of the first `max`. Equals are shuffled as far as they are looked at,
    /// so that every one of them is as likely whatever happened before.
    pub(super) fn scan(
        &mut self,
        max: usize,
        rng: &mut impl Rng,
        pieces: &mut PieceTable,
        is: impl Fn(PieceIndex) -> bool,
    ) -> Option<PieceIndex> {
        let len = self.order.len();
        for at in (len.saturating_sub(max)..len).rev() {
            let level = pieces.availability(self.order[at]) as usize;
            let (start, at) = (self.begins[level], at as u32);
            self.swap(at, start + below(rng, at - start + 1), pieces);
            let piece = self.order[at as usize];
            if is(piece) {
                return Some(piece);
            }
        }
        None
    }

    fn insert(&mut self, piece: PieceIndex, pieces: &mut PieceTable) {
        let level = pieces.availability(piece) as usize;
        if self.begins.len() <= level {
            self.begins.resize(level + 1, 0);
        }
        let len = self.order.len() as u32;
        let empty = self.empty_below(level);
        self.order.push(piece);
        pieces.set_place(piece, len);
        for begin in &mut self.begins[..empty] {
            *begin = len + 1;
        }
        for from in empty..level {
            self.raise(piece, from, pieces);
        }
    }

    fn remove(&mut self, piece: PieceIndex, pieces: &mut PieceTable) {
        let level = pieces.availability(piece) as usize;
        let empty = self.empty_below(level);
        for from in (empty + 1..=level).rev() {
            self.lower(piece, from, pieces);
        }
        let last = self.order.len() as u32 - 1;
        self.swap(pieces.place(piece), last, pieces);
        self.order.pop();
        for begin in &mut self.begins[..empty] {
            *begin = last;
        }
        // Levels that nobody reaches any more would make every step longer.
        while self.begins.len() > 1 && self.begins[self.begins.len() - 2] == 0 {
            self.begins.pop();
        }
    }

    /// How many of the levels before this one are empty, from level 0 on: no
    /// piece has to make room there.
    fn empty_below(&self, level: usize) -> usize {
        let len = self.order.len() as u32;
        self.begins[..level].partition_point(|begin| *begin == len)
    }

    /// Moves a piece from `level` to the next one.
    fn raise(&mut self, piece: PieceIndex, level: usize, pieces: &mut PieceTable) {
        if level + 1 == self.begins.len() {
            self.begins.push(0);
        }
        self.swap(pieces.place(piece), self.begins[level], pieces);
        self.begins[level] += 1;
    }

    /// Moves a piece from `level` to the one before.
    fn lower(&mut self, piece: PieceIndex, level: usize, pieces: &mut PieceTable) {
        self.begins[level - 1] -= 1;
        self.swap(pieces.place(piece), self.begins[level - 1], pieces);
    }

    fn swap(&mut self, a: u32, b: u32, pieces: &mut PieceTable) {
        self.order.swap(a as usize, b as usize);
        for at in [a, b] {
            pieces.set_place(self.order[at as usize], at);
        }
    }
}

/// A random number below `end`, which is not zero; its bias is below 2⁻³².
pub(super) fn below(rng: &mut impl Rng, end: u32) -> u32 {
    ((u64::from(rng.next_u32()) * u64::from(end)) >> 32) as u32
}
