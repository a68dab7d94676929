//! Eight bytes per piece: availability, priority, status and place.

use superseed_proto::layout::PieceIndex;

use crate::config::Priority;

/// What is known of a piece's data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// Missing, and no block of it asked for or received.
    Open,
    /// Missing, with some block asked for or received.
    Started,
    /// Perhaps on disk.
    Unchecked,
    /// Verified.
    Have,
}

/// The bits of [`Piece::packed`] that hold the availability.
const AVAILABILITY: u32 = (1 << 28) - 1;
const PRIORITY_SHIFT: u32 = 28;
const STATUS_SHIFT: u32 = 30;

#[derive(Clone, Copy, Debug)]
struct Piece {
    /// Status (2 bits), priority (2 bits), availability without seeds (28 bits).
    packed: u32,
    /// Of an open wanted piece, its place in its band; of a started one, its
    /// place among the started pieces.
    place: u32,
}

/// All pieces of a torrent.
#[derive(Debug)]
pub(super) struct PieceTable {
    pieces: Vec<Piece>,
}

impl PieceTable {
    /// A table of open pieces of normal priority that nobody has.
    pub(super) fn new(count: u32) -> Self {
        let piece = Piece {
            packed: (Priority::Normal as u32) << PRIORITY_SHIFT,
            place: 0,
        };
        Self {
            pieces: vec![piece; count as usize],
        }
    }

    pub(super) fn contains(&self, piece: PieceIndex) -> bool {
        (piece.0 as usize) < self.pieces.len()
    }

    fn at(&self, piece: PieceIndex) -> Piece {
        self.pieces[piece.0 as usize]
    }

    fn set(&mut self, piece: PieceIndex, shift: u32, mask: u32, value: u32) {
        let packed = &mut self.pieces[piece.0 as usize].packed;
        *packed = *packed & !(mask << shift) | value << shift;
    }

    pub(super) fn status(&self, piece: PieceIndex) -> Status {
        match self.at(piece).packed >> STATUS_SHIFT {
            0 => Status::Open,
            1 => Status::Started,
            2 => Status::Unchecked,
            _ => Status::Have,
        }
    }

    pub(super) fn set_status(&mut self, piece: PieceIndex, status: Status) {
        self.set(piece, STATUS_SHIFT, 3, status as u32);
    }

    pub(super) fn priority(&self, piece: PieceIndex) -> Priority {
        match self.at(piece).packed >> PRIORITY_SHIFT & 3 {
            0 => Priority::Skip,
            1 => Priority::Low,
            2 => Priority::Normal,
            _ => Priority::High,
        }
    }

    pub(super) fn set_priority(&mut self, piece: PieceIndex, priority: Priority) {
        self.set(piece, PRIORITY_SHIFT, 3, priority as u32);
    }

    pub(super) fn is_wanted(&self, piece: PieceIndex) -> bool {
        self.priority(piece) != Priority::Skip
    }

    /// How many peers have the piece, without those that have everything.
    pub(super) fn availability(&self, piece: PieceIndex) -> u32 {
        self.at(piece).packed & AVAILABILITY
    }

    pub(super) fn set_availability(&mut self, piece: PieceIndex, availability: u32) {
        self.set(piece, 0, AVAILABILITY, availability.min(AVAILABILITY));
    }

    pub(super) fn place(&self, piece: PieceIndex) -> u32 {
        self.at(piece).place
    }

    pub(super) fn set_place(&mut self, piece: PieceIndex, place: u32) {
        self.pieces[piece.0 as usize].place = place;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_of_a_piece_do_not_touch_each_other() {
        let mut table = PieceTable::new(2);
        let piece = PieceIndex(1);
        for priority in [
            Priority::Skip,
            Priority::Low,
            Priority::Normal,
            Priority::High,
        ] {
            for status in [
                Status::Open,
                Status::Started,
                Status::Unchecked,
                Status::Have,
            ] {
                for availability in [0, 1, AVAILABILITY] {
                    table.set_priority(piece, priority);
                    table.set_status(piece, status);
                    table.set_availability(piece, availability);
                    assert_eq!(table.priority(piece), priority);
                    assert_eq!(table.status(piece), status);
                    assert_eq!(table.availability(piece), availability);
                }
            }
        }
        assert_eq!(table.status(PieceIndex(0)), Status::Open);
        assert_eq!(std::mem::size_of::<Piece>(), 8);
    }
}
