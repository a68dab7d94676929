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

/// The open pieces of one priority: a flat permutation, rarest first, cut into
/// levels of equal availability. A change by one level is a swap with the
/// piece at the border and a move of the border.
#[derive(Debug, Default)]
pub(super) struct Band {
    order: Vec<PieceIndex>,
    /// Where each level ends; level k holds the pieces that k peers have.
    ends: Vec<u32>,
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

    /// All pieces, rarest first.
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
        let mut start = 0;
        for level in 0..self.ends.len() {
            let end = self.ends[level];
            for at in start..end {
                if at as usize >= max {
                    return None;
                }
                self.swap(at, at + below(rng, end - at), pieces);
                let piece = self.order[at as usize];
                if is(piece) {
                    return Some(piece);
                }
            }
            start = end;
        }
        None
    }

    fn insert(&mut self, piece: PieceIndex, pieces: &mut PieceTable) {
        let level = pieces.availability(piece) as usize;
        let len = self.order.len() as u32;
        if self.ends.len() <= level {
            self.ends.resize(level + 1, len);
        }
        let top = self.ends.len() - 1;
        self.order.push(piece);
        self.ends[top] = len + 1;
        pieces.set_place(piece, len);
        for from in (level + 1..=top).rev() {
            self.lower(piece, from, pieces);
        }
    }

    fn remove(&mut self, piece: PieceIndex, pieces: &mut PieceTable) {
        let top = self.ends.len() - 1;
        for from in pieces.availability(piece) as usize..top {
            self.raise(piece, from, pieces);
        }
        let last = self.order.len() as u32 - 1;
        self.swap(pieces.place(piece), last, pieces);
        self.order.pop();
        self.ends[top] = last;
        // Levels that nobody reaches any more would make every step longer.
        while self.ends.len() > 1 && self.ends[self.ends.len() - 2] == last {
            self.ends.pop();
        }
    }

    /// Moves a piece from `level` to the next one.
    fn raise(&mut self, piece: PieceIndex, level: usize, pieces: &mut PieceTable) {
        if level + 1 == self.ends.len() {
            self.ends.push(self.order.len() as u32);
        }
        self.ends[level] -= 1;
        self.swap(pieces.place(piece), self.ends[level], pieces);
    }

    /// Moves a piece from `level` to the one before.
    fn lower(&mut self, piece: PieceIndex, level: usize, pieces: &mut PieceTable) {
        self.swap(pieces.place(piece), self.ends[level - 1], pieces);
        self.ends[level - 1] += 1;
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
