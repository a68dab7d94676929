//! The books of blocks: who was asked, who sent, what is lost and found.

use rand_core::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use slotmap::KeyData;
use smallvec::smallvec;

use super::*;

/// Four blocks per piece, and a last piece of one and a half.
const PIECE_LEN: u32 = 64 * 1024;

pub(super) fn conn(at: u64) -> ConnKey {
    KeyData::from_ffi((1 << 32) | (at + 1)).into()
}

pub(super) fn rng(seed: u64) -> Xoshiro256PlusPlus {
    Xoshiro256PlusPlus::seed_from_u64(seed)
}

pub(super) fn set(len: u32, pieces: &[u32]) -> Bitfield {
    let mut set = Bitfield::new(len);
    for piece in pieces {
        set.insert(PieceIndex(*piece));
    }
    set
}

pub(super) fn block(piece: u32, index: u32) -> Block {
    Block {
        piece: PieceIndex(piece),
        index,
    }
}

/// A picker and one pair of helpers for peers that have everything.
pub(super) struct Books {
    pub(super) picker: Picker,
    pub(super) all: Bitfield,
    pub(super) rng: Xoshiro256PlusPlus,
}

impl Books {
    pub(super) fn new(pieces: u32, kind: PickerKind) -> Self {
        let layout = Layout::new(u64::from(pieces) * u64::from(PIECE_LEN), PIECE_LEN).unwrap();
        Self {
            picker: Picker::new(layout, kind),
            all: Bitfield::full(pieces),
            rng: rng(1),
        }
    }

    pub(super) fn in_order(pieces: u32) -> Self {
        Self::new(pieces, PickerKind::InOrder)
    }

    pub(super) fn pick(&mut self, from: u64, count: usize) -> Vec<Block> {
        let all = self.all.clone();
        self.pick_as(
            &PickPeer {
                conn: conn(from),
                have: &all,
                fast: false,
                snubbed: false,
                on_parole: false,
                retries: false,
            },
            count,
        )
    }

    pub(super) fn pick_as(&mut self, peer: &PickPeer<'_>, count: usize) -> Vec<Block> {
        let mut out = Vec::new();
        let picked = self.picker.pick(peer, count, true, &mut self.rng, &mut out);
        assert_eq!(picked, out.len());
        out
    }

    fn duplicate(&mut self, from: u64) -> Option<Block> {
        let peer = PickPeer {
            conn: conn(from),
            have: &self.all,
            fast: false,
            snubbed: false,
            on_parole: false,
            retries: false,
        };
        let mut asked = Vec::new();
        for of in (0..3).map(conn) {
            asked.extend(self.picker.asked_of(of).map(|block| (block, of)));
        }
        let mut asked = asked.into_iter();
        let found = asked.find(|(block, of)| self.picker.ask_too(*block, *of, &peer));
        found.map(|(block, _)| block)
    }

    fn first(&mut self, from: u64, block: Block) -> bool {
        match self.picker.received(conn(from), block) {
            Receipt::First {
                cancel,
                piece_complete,
            } => {
                assert!(cancel.is_empty());
                piece_complete
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_piece_goes_from_open_to_verified() {
    let mut books = Books::in_order(2);
    assert_eq!(books.picker.left_bytes(), 2 * u64::from(PIECE_LEN));
    let blocks = books.pick(0, 4);
    assert_eq!(blocks, [block(0, 0), block(0, 1), block(0, 2), block(0, 3)]);
    for (at, block) in blocks.into_iter().enumerate() {
        assert!(books.picker.is_block_missing(block));
        assert_eq!(books.first(0, block), at == 3);
        assert!(!books.picker.is_block_missing(block));
    }
    assert_eq!(
        books.picker.left_bytes(),
        2 * u64::from(PIECE_LEN),
        "not before it is verified"
    );
    books.picker.piece_verified(PieceIndex(0));
    assert_eq!(books.picker.left_bytes(), u64::from(PIECE_LEN));
    assert_eq!(books.picker.have_bytes(), u64::from(PIECE_LEN));
    assert_eq!(books.picker.started().count(), 0);
    assert!(books.picker.have().has(PieceIndex(0)) && !books.picker.is_complete());
    assert_eq!(
        books.picker.received(conn(0), block(0, 1)),
        Receipt::Duplicate
    );
}

#[test]
fn the_last_piece_may_be_shorter() {
    let layout = Layout::new(u64::from(PIECE_LEN) + 20_000, PIECE_LEN).unwrap();
    let mut picker = Picker::new(layout, PickerKind::InOrder);
    let (mut out, have) = (Vec::new(), Bitfield::full(2));
    let peer = PickPeer {
        conn: conn(0),
        have: &have,
        fast: false,
        snubbed: false,
        on_parole: false,
        retries: false,
    };
    assert_eq!(picker.pick(&peer, 100, true, &mut rng(1), &mut out), 6);
    assert_eq!(picker.wanted_bytes(), 85_536);
    assert_eq!(picker.received(conn(0), block(1, 2)), Receipt::Unwanted);
    assert_eq!(picker.received(conn(0), block(2, 0)), Receipt::Unwanted);
}

#[test]
fn what_is_given_back_is_asked_for_again_lowest_offset_first() {
    let mut books = Books::in_order(1);
    books.pick(0, 4);
    for index in [2, 0] {
        books.picker.released(conn(0), block(0, index));
    }
    assert_eq!(books.pick(1, 4), [block(0, 0), block(0, 2)]);
}

#[test]
fn only_missing_blocks_of_a_peer_that_left_are_fetched_again() {
    let mut books = Books::in_order(2);
    books.pick(0, 4);
    books.first(0, block(0, 1));
    assert_eq!(
        books.picker.release_all(conn(0)),
        [block(0, 0), block(0, 2), block(0, 3)]
    );
    assert_eq!(
        books.pick(1, 4),
        [block(0, 0), block(0, 2), block(0, 3), block(1, 0)]
    );
}

#[test]
fn a_piece_of_which_nothing_is_left_is_open_again() {
    let mut books = Books::in_order(2);
    books.pick(0, 2);
    assert!(books.picker.is_started(PieceIndex(0)));
    books.picker.release_all(conn(0));
    assert!(!books.picker.is_started(PieceIndex(0)));
    assert_eq!(books.pick(0, 1), [block(0, 0)]);
}

#[test]
fn a_block_that_was_taken_back_is_welcome_until_another_brings_it() {
    let mut books = Books::in_order(1);
    books.pick(0, 1);
    books.picker.release_all(conn(0));
    assert!(!books.first(0, block(0, 0)), "nobody was asked");
    books.pick(1, 1);
    let late = books.picker.received(conn(0), block(0, 1));
    assert_eq!(
        late,
        Receipt::First {
            cancel: smallvec![conn(1)],
            piece_complete: false
        }
    );
    assert_eq!(
        books.picker.received(conn(1), block(0, 1)),
        Receipt::Duplicate
    );
}

#[test]
fn what_is_not_wanted_or_not_checked_is_refused() {
    let mut books = Books::in_order(2);
    books.picker.set_priority(PieceIndex(0), Priority::Skip);
    books.picker.set_unchecked(PieceIndex(1));
    for piece in [0, 1] {
        assert_eq!(
            books.picker.received(conn(0), block(piece, 0)),
            Receipt::Unwanted
        );
        assert!(!books.picker.is_block_missing(block(piece, 0)));
    }
    assert!(books.pick(0, 10).is_empty());
    assert!(!books.picker.interesting(&books.all));
    books.picker.set_missing(PieceIndex(1));
    assert!(books.picker.interesting(&books.all));
    assert_eq!(books.pick(0, 10).len(), 4);
}

#[test]
fn a_wrong_piece_names_its_senders_and_is_missing_again() {
    let mut books = Books::in_order(1);
    books.pick(0, 3);
    books.pick(1, 1);
    for index in 0..3 {
        books.first(0, block(0, index));
    }
    assert!(books.first(1, block(0, 3)));
    let senders = [(0, conn(0)), (1, conn(0)), (2, conn(0)), (3, conn(1))];
    assert!(books.picker.contributors(PieceIndex(0)).eq(senders));
    assert_eq!(books.picker.piece_failed(PieceIndex(0)), senders);
    assert_eq!(books.picker.contributors(PieceIndex(0)).count(), 0);
    assert_eq!(books.pick(2, 9).len(), 4);
}

#[test]
fn blocks_that_could_not_be_written_are_asked_for_again() {
    let mut books = Books::in_order(1);
    for block in books.pick(0, 4) {
        books.first(0, block);
    }
    books.picker.blocks_lost(PieceIndex(0), 1..3);
    assert_eq!(books.pick(1, 9), [block(0, 1), block(0, 2)]);
    books.picker.release_all(conn(1));
    books.picker.blocks_lost(PieceIndex(0), 0..99);
    assert!(!books.picker.is_started(PieceIndex(0)));
    assert_eq!(books.pick(1, 9).len(), 4);
}

#[test]
fn a_piece_that_was_lost_is_counted_out_and_fetched_again() {
    let mut books = Books::in_order(1);
    books.picker.set_have(PieceIndex(0));
    assert!(books.picker.is_complete());
    books.picker.set_missing(PieceIndex(0));
    assert_eq!(
        (books.picker.have_bytes(), books.picker.have().count()),
        (0, 0)
    );
    assert_eq!(books.pick(0, 1), [block(0, 0)]);
}

#[test]
fn completeness_is_about_wanted_pieces_only() {
    let mut books = Books::in_order(3);
    books.picker.set_priority(PieceIndex(2), Priority::Skip);
    books.picker.set_have(PieceIndex(0));
    assert!(!books.picker.is_complete());
    books.picker.set_have(PieceIndex(1));
    assert!(books.picker.is_complete());
    assert_eq!(books.picker.wanted_bytes(), 2 * u64::from(PIECE_LEN));
    books.picker.set_priority(PieceIndex(2), Priority::Low);
    assert_eq!(books.picker.left_bytes(), u64::from(PIECE_LEN));
}

#[test]
fn nothing_is_asked_twice_before_endgame() {
    let mut books = Books::in_order(2);
    books.pick(0, 7);
    assert!(!books.picker.endgame());
    assert_eq!(books.duplicate(1), None);
    books.pick(1, 1);
    assert!(books.picker.endgame());
    assert!(books.pick(2, 9).is_empty());
    assert!(books.duplicate(2).is_some());
}

#[test]
fn at_most_two_peers_are_asked_for_a_block_and_nobody_twice() {
    let mut books = Books::in_order(1);
    books.pick(0, 4);
    let mut again: Vec<_> = (0..4).map(|_| books.duplicate(1).unwrap()).collect();
    again.sort_unstable();
    again.dedup();
    assert_eq!(again.len(), 4, "each block once");
    assert_eq!(books.duplicate(1), None);
    assert_eq!(books.duplicate(2), None);
    assert_eq!(books.duplicate(0), None);
}

#[test]
fn the_first_to_bring_a_block_cancels_the_other() {
    let mut books = Books::in_order(1);
    books.pick(0, 4);
    let again = books.duplicate(1).unwrap();
    let receipt = books.picker.received(conn(1), again);
    assert_eq!(
        receipt,
        Receipt::First {
            cancel: smallvec![conn(0)],
            piece_complete: false
        }
    );
    assert_eq!(books.picker.received(conn(0), again), Receipt::Duplicate);
    assert!(
        books
            .picker
            .contributors(PieceIndex(0))
            .eq([(again.index, conn(1))])
    );
}

#[test]
fn a_block_of_two_stays_asked_until_both_gave_it_back() {
    let mut books = Books::in_order(1);
    books.pick(0, 4);
    let again = books.duplicate(1).unwrap();
    books.picker.released(conn(0), again);
    assert!(books.picker.endgame());
    assert_eq!(books.picker.release_all(conn(1)), [again]);
    assert!(!books.picker.endgame());
    assert_eq!(books.pick(2, 9), [again]);
}

#[test]
fn endgame_ends_when_there_is_new_work() {
    let mut books = Books::in_order(3);
    books.picker.set_priority(PieceIndex(1), Priority::Skip);
    books.picker.set_unchecked(PieceIndex(2));
    books.pick(0, 4);
    assert!(!books.picker.endgame(), "a check may find more to do");
    books.picker.set_have(PieceIndex(2));
    assert!(books.picker.endgame());
    books.picker.set_priority(PieceIndex(1), Priority::Normal);
    assert!(!books.picker.endgame());
    books.pick(0, 4);
    assert!(books.picker.endgame());
    for index in 0..4 {
        books.first(0, block(0, index));
    }
    books.picker.piece_failed(PieceIndex(0));
    assert!(!books.picker.endgame());
}

#[test]
fn memory_is_twelve_bytes_per_block() {
    assert_eq!(started::BYTES_PER_BLOCK, 12);
}

#[test]
fn a_started_piece_that_is_not_wanted_any_more_keeps_its_books() {
    let mut books = Books::in_order(2);
    books.pick(0, 4);
    books.picker.set_priority(PieceIndex(0), Priority::Skip);
    books.first(0, block(0, 1));
    books.picker.blocks_lost(PieceIndex(0), 1..2);
    books.picker.started.assert_ordered(&books.picker.pieces);
    books.picker.set_priority(PieceIndex(0), Priority::Normal);
    assert_eq!(books.pick(1, 1), [block(0, 1)]);
}
