//! Who has what: counted per piece, and once for those who have everything.

use superseed_proto::bitfield::Bitfield;
use superseed_proto::layout::PieceIndex;

use super::Picker;

impl Picker {
    /// A peer told what it has. A peer with everything costs one addition.
    pub fn peer_joined(&mut self, have: &Bitfield) {
        if have.is_full() {
            self.seeds += 1;
            return;
        }
        for piece in have.iter() {
            self.raise(piece);
        }
    }

    /// A peer is gone that had told, in [`Self::peer_joined`] and
    /// [`Self::peer_has`], that it has this.
    pub fn peer_left(&mut self, have: &Bitfield) {
        if have.is_full() {
            self.seeds = self.seeds.saturating_sub(1);
            return;
        }
        for piece in have.iter() {
            self.lower(piece);
        }
    }

    /// A peer got a piece. `now_full` says that it was the last it lacked: the
    /// peer is then counted as a seed and no longer piece by piece.
    pub fn peer_has(&mut self, piece: PieceIndex, now_full: bool) {
        if !now_full {
            self.raise(piece);
            return;
        }
        self.seeds += 1;
        for other in self.layout.pieces().filter(|other| *other != piece) {
            self.lower(other);
        }
    }

    /// How many peers have a piece.
    pub fn availability(&self, piece: PieceIndex) -> u32 {
        if !self.pieces.contains(piece) {
            return 0;
        }
        self.pieces.availability(piece) + self.seeds
    }

    fn raise(&mut self, piece: PieceIndex) {
        if self.open.has(piece) {
            self.bands.raise(piece, &mut self.pieces);
        } else if self.pieces.contains(piece) {
            self.pieces
                .set_availability(piece, self.pieces.availability(piece) + 1);
        }
    }

    fn lower(&mut self, piece: PieceIndex) {
        if self.open.has(piece) {
            self.bands.lower(piece, &mut self.pieces);
        } else if self.pieces.contains(piece) {
            self.pieces
                .set_availability(piece, self.pieces.availability(piece).saturating_sub(1));
        }
    }
}
