//! Consecutive blocks of one source: what a web seed (BEP 19) is asked for.

use rand_core::Rng;
use superseed_proto::layout::{Block, PieceIndex};

use super::order::BANDS;
use super::partial::Reach;
use super::pieces::Status;
use super::{PickPeer, Picker};
use crate::config::{PickerKind, Priority};

impl Picker {
    /// Asks a peer for one block, with which a run begins.
    ///
    /// As [`Self::pick`], but what others work on comes after all else, even
    /// while the first pieces are to come: whoever joins a piece takes the
    /// blocks that a run of another would come to next, and ends it.
    pub(crate) fn pick_one(
        &mut self,
        peer: &PickPeer<'_>,
        may_start: bool,
        rng: &mut impl Rng,
    ) -> Option<Block> {
        let mut picked = Vec::with_capacity(1);
        for priority in BANDS {
            if self.unasked[priority as usize] > 0
                && !peer.retries
                && let Some(piece) = self.apart(peer, priority, may_start, rng)
            {
                if !self.is_started(piece) {
                    self.start(piece);
                }
                self.change(piece, |started| started.ask(peer, 1, &mut picked));
            }
            if !picked.is_empty() {
                return picked.pop();
            }
        }
        self.pick(peer, 1, may_start, rng, &mut picked);
        picked.pop()
    }

    /// A piece of a priority that nobody else works on.
    fn apart(
        &mut self,
        peer: &PickPeer<'_>,
        priority: Priority,
        may_start: bool,
        rng: &mut impl Rng,
    ) -> Option<PieceIndex> {
        let (reach, pieces) = (Reach::Suiting, &self.pieces);
        if self.kind == PickerKind::InOrder {
            let (started, zero) = (&self.started, PieceIndex(0));
            let started = started.first(peer, priority, reach, zero, pieces);
            let open = self.first_open(peer, priority).filter(|_| may_start);
            return started.into_iter().chain(open).min();
        }
        let started = self.started.best(peer, priority, reach, pieces);
        if started.is_some() || !may_start {
            return started;
        }
        self.best_open(peer, priority, rng)
    }

    /// The bytes of the blocks from this one on, in their order and up to `most`,
    /// that a peer could be asked for now: those of the same piece that nobody
    /// was asked for, and after its end those of pieces that are not started. A
    /// block at the beginning of its piece is of another piece than what was
    /// before it.
    pub(crate) fn free_run(&self, peer: &PickPeer<'_>, from: Block, most: u64) -> u64 {
        let mut at = from;
        let mut bytes = 0;
        let same_piece = |at: Block| from.index > 0 && at.piece == from.piece;
        while self.is_free(peer, at, same_piece(at)) {
            let len = u64::from(self.layout.block_len(at));
            if bytes + len > most {
                break;
            }
            bytes += len;
            at = self.after(at);
        }
        bytes
    }

    /// Asks a peer for just this block, if [`Self::free_run`] would count it.
    /// `same_piece` says that the peer works on its piece already.
    pub(crate) fn ask_for(
        &mut self,
        peer: &PickPeer<'_>,
        block: Block,
        same_piece: bool,
        may_start: bool,
    ) -> bool {
        let started = self.pieces.contains(block.piece) && self.is_started(block.piece);
        if !self.is_free(peer, block, same_piece) || !(started || may_start) {
            return false;
        }
        if !started {
            self.start(block.piece);
        }
        self.change(block.piece, |started| started.ask_for(peer, block.index))
    }

    fn is_free(&self, peer: &PickPeer<'_>, block: Block, same_piece: bool) -> bool {
        let piece = block.piece;
        if !self.pieces.contains(piece) || !self.is_wanted(piece) || !peer.have.has(piece) {
            return false;
        }
        match self.pieces.status(piece) {
            Status::Open => !self.failed.contains(&piece),
            Status::Started => self.started_piece(piece).is_some_and(|started| {
                (same_piece || started.only_worker() == Some(peer.conn))
                    && started.admits(peer.conn)
                    && started.is_missing(block.index)
            }),
            Status::Unchecked | Status::Have => false,
        }
    }

    fn after(&self, block: Block) -> Block {
        if block.index + 1 < self.layout.block_count(block.piece) {
            let index = block.index + 1;
            return Block { index, ..block };
        }
        Block {
            piece: PieceIndex(block.piece.0 + 1),
            index: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use rand_core::SeedableRng;
    use slotmap::KeyData;
    use superseed_proto::bitfield::Bitfield;
    use superseed_proto::layout::Layout;

    use super::*;
    use crate::ids::ConnKey;

    fn block(piece: u32, index: u32) -> Block {
        let piece = PieceIndex(piece);
        Block { piece, index }
    }

    fn peer(number: u64, have: &Bitfield) -> PickPeer<'_> {
        PickPeer {
            conn: ConnKey::from(KeyData::from_ffi(1 << 32 | number)),
            have,
            fast: false,
            snubbed: false,
            on_parole: false,
            retries: false,
        }
    }

    #[test]
    fn a_run_goes_on_through_pieces_that_nobody_works_on() {
        let layout = Layout::new(6 * 32_768, 32_768).expect("a layout");
        let mut picker = Picker::new(layout, PickerKind::RarestFirst);
        let have = Bitfield::full(6);
        let (web, other) = (peer(1, &have), peer(2, &have));
        let blocks = |picker: &Picker, from| picker.free_run(&web, from, 1 << 30) / 16_384;
        assert_eq!(blocks(&picker, block(0, 1)), 11);
        assert_eq!(picker.free_run(&web, block(0, 1), 40_000), 2 * 16_384);
        assert!(picker.ask_for(&other, block(3, 1), true, true));
        assert_eq!(blocks(&picker, block(0, 1)), 5);
        assert_eq!(blocks(&picker, block(3, 0)), 0, "another works on it");
        picker.set_priority(PieceIndex(2), Priority::Skip);
        assert_eq!(blocks(&picker, block(0, 1)), 3);
        picker.set_have(PieceIndex(1));
        assert_eq!(blocks(&picker, block(0, 1)), 1);
    }

    #[test]
    fn no_block_is_asked_for_twice_and_none_of_a_piece_that_may_not_begin() {
        let layout = Layout::new(2 * 32_768, 32_768).expect("a layout");
        let mut picker = Picker::new(layout, PickerKind::RarestFirst);
        let have = Bitfield::full(2);
        let web = peer(1, &have);
        assert!(!picker.ask_for(&web, block(0, 0), true, false));
        assert!(picker.ask_for(&web, block(0, 0), true, true));
        assert!(!picker.ask_for(&web, block(0, 0), true, true));
        assert!(picker.ask_for(&web, block(0, 1), true, false));
        assert!(
            !picker.ask_for(&web, block(2, 0), false, true),
            "past the end"
        );
        picker.released(web.conn, block(0, 1));
        assert!(picker.ask_for(&web, block(0, 1), true, false));
    }

    #[test]
    fn runs_begin_apart_from_each_other_as_long_as_they_can() {
        let layout = Layout::new(3 * 65_536, 65_536).expect("a layout");
        for kind in [PickerKind::RarestFirst, PickerKind::InOrder] {
            let mut picker = Picker::new(layout, kind);
            let mut rng = rand_xoshiro::Xoshiro256PlusPlus::seed_from_u64(7);
            let have = Bitfield::full(3);
            let mut pieces: Vec<u32> = (1..5)
                .filter_map(|number| {
                    let lane = PickPeer {
                        fast: true,
                        ..peer(number, &have)
                    };
                    let first = picker.pick_one(&lane, true, &mut rng)?;
                    assert_eq!(first.index, u32::from(number > 3));
                    Some(first.piece.0)
                })
                .collect();
            let joined = pieces.pop();
            pieces.sort_unstable();
            assert_eq!((pieces, joined.is_some()), (vec![0, 1, 2], true));
        }
    }

    #[test]
    fn a_piece_that_failed_is_no_part_of_a_run() {
        let layout = Layout::new(3 * 16_384, 16_384).expect("a layout");
        let mut picker = Picker::new(layout, PickerKind::RarestFirst);
        let have = Bitfield::full(3);
        let (web, other) = (peer(1, &have), peer(2, &have));
        assert!(picker.ask_for(&other, block(1, 0), true, true));
        picker.received(other.conn, block(1, 0));
        picker.piece_failed(PieceIndex(1));
        assert_eq!(picker.free_run(&web, block(0, 0), 1 << 30), 16_384);
    }
}
