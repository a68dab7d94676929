//! Who has what: counted per piece, and once for those who have everything.

use superseed_proto::bitfield::Bitfield;
use superseed_proto::layout::PieceIndex;

use super::Picker;
use super::pieces::Status;

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
    /// [`Self::peer_has`], that it has this; `joined_full` says that it had
    /// everything when it joined.
    pub fn peer_left(&mut self, have: &Bitfield, joined_full: bool) {
        if joined_full {
            self.seeds = self.seeds.saturating_sub(1);
            return;
        }
        for piece in have.iter() {
            self.lower(piece);
        }
    }

    /// A peer got a piece. One that gets its last stays counted piece by piece:
    /// to make it one of the seeds would walk all pieces in the middle of a
    /// transfer.
    pub fn peer_has(&mut self, piece: PieceIndex) {
        self.raise(piece);
    }

    /// A peer lost a piece that it had told of.
    pub fn peer_lost(&mut self, piece: PieceIndex) {
        self.lower(piece);
    }

    /// A peer that joined with everything loses its first piece: from now on
    /// it is counted piece by piece.
    pub fn seed_is_partial(&mut self, have: &Bitfield) {
        self.seeds = self.seeds.saturating_sub(1);
        for piece in have.iter() {
            self.raise(piece);
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
            let availability = self.pieces.availability(piece) + 1;
            self.set_availability(piece, availability);
        }
    }

    fn lower(&mut self, piece: PieceIndex) {
        if self.open.has(piece) {
            self.bands.lower(piece, &mut self.pieces);
        } else if self.pieces.contains(piece) {
            let availability = self.pieces.availability(piece).saturating_sub(1);
            self.set_availability(piece, availability);
        }
    }

    /// Of a piece that is not open.
    fn set_availability(&mut self, piece: PieceIndex, availability: u32) {
        let started = self.pieces.status(piece) == Status::Started;
        let place = self.pieces.place(piece);
        if started {
            self.started.leave(place, &self.pieces);
        }
        self.pieces.set_availability(piece, availability);
        if started {
            self.started.enter(place, &self.pieces);
        }
    }
}
