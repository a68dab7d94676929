//! What to ask for next.
//!
//! Random pieces first (so that a newcomer soon has something to give), then
//! the rarest; pieces that were started before new ones, except that a fast
//! peer works on pieces of its own; in the endgame a block may be asked of two.
//! Holds the state of every piece and block of a torrent, and who was asked
//! for it; knows peers only by key.

mod choose;
mod order;
mod started;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use rand_core::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use smallvec::SmallVec;
use superseed_proto::bitfield::Bitfield;
use superseed_proto::layout::{Block, Layout, PieceIndex};

use self::order::Order;
use self::started::{BlockState, Started};
use crate::config::{PickerKind, Priority};
use crate::ids::ConnKey;

/// A peer that blocks are picked for.
#[derive(Clone, Copy, Debug)]
pub struct PickPeer<'a> {
    /// Who.
    pub conn: ConnKey,
    /// What it has, or serves at the moment.
    pub have: &'a Bitfield,
    /// It brings whole pieces so fast that it need not share one.
    pub fast: bool,
    /// It owes blocks for too long: it gets what is left, and starts nothing.
    pub snubbed: bool,
}

/// What a block that arrived means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Receipt {
    /// It was missing. These other peers were asked for it too.
    First {
        /// Peers to send CANCEL.
        cancel: SmallVec<[ConnKey; 2]>,
        /// The piece has all its blocks now.
        piece_whole: bool,
    },
    /// It was here already.
    Duplicate,
    /// Its piece is not missing.
    Unwanted,
}

/// The pieces of a torrent, and what is asked for.
#[derive(Debug)]
pub struct Picker {
    layout: Layout,
    kind: PickerKind,
    have: Bitfield,
    unchecked: Bitfield,
    /// Wanted, not there and not waiting for its check.
    wanted_missing: Bitfield,
    priorities: Vec<Priority>,
    order: Order,
    started: BTreeMap<u32, Started>,
    /// Started pieces with free blocks.
    open: BTreeSet<u32>,
    /// Peers that have everything.
    seeds: u32,
    wanted_bytes: u64,
    left_bytes: u64,
    have_bytes: u64,
    rng: Xoshiro256PlusPlus,
}

impl Picker {
    /// A picker for a torrent of which everything is missing and wanted.
    pub fn new(layout: Layout, kind: PickerKind, seed: u64) -> Self {
        let pieces = layout.piece_count();
        let mut picker = Self {
            layout,
            kind,
            have: Bitfield::new(pieces),
            unchecked: Bitfield::new(pieces),
            wanted_missing: Bitfield::full(pieces),
            priorities: vec![Priority::Normal; pieces as usize],
            order: Order::new(pieces),
            started: BTreeMap::new(),
            open: BTreeSet::new(),
            seeds: 0,
            wanted_bytes: layout.total_len(),
            left_bytes: layout.total_len(),
            have_bytes: 0,
            rng: Xoshiro256PlusPlus::seed_from_u64(seed),
        };
        for piece in layout.pieces() {
            picker.order.insert(piece, Priority::Normal, &mut picker.rng);
        }
        picker
    }

    /// Changes the order of picking.
    pub fn set_kind(&mut self, kind: PickerKind) {
        self.kind = kind;
    }

    /// The verified pieces.
    pub fn have(&self) -> &Bitfield {
        &self.have
    }

    /// Bytes of the wanted pieces.
    pub fn wanted_bytes(&self) -> u64 {
        self.wanted_bytes
    }

    /// Bytes of the wanted pieces that are not verified.
    pub fn left_bytes(&self) -> u64 {
        self.left_bytes
    }

    /// Bytes of the verified pieces.
    pub fn have_bytes(&self) -> u64 {
        self.have_bytes
    }

    /// Whether every wanted piece is verified.
    pub fn is_complete(&self) -> bool {
        self.left_bytes == 0
    }

    /// Whether a piece is wanted, missing and not waiting for its check.
    pub fn is_wanted(&self, piece: PieceIndex) -> bool {
        self.wanted_missing.has(piece)
    }

    /// Whether a peer with these pieces has something that we want.
    pub fn interesting(&self, have: &Bitfield) -> bool {
        self.wanted_missing.count() > 0 && self.wanted_missing.intersects(have)
    }

    /// How many connected peers have a piece.
    pub fn availability(&self, piece: PieceIndex) -> u32 {
        u32::from(self.order.availability(piece)) + self.seeds
    }

    fn len(&self, piece: PieceIndex) -> u64 {
        u64::from(self.layout.piece_len(piece))
    }

    fn priority(&self, piece: PieceIndex) -> Priority {
        self.priorities[piece.0 as usize]
    }

    /// Puts a piece where its state and priority say it belongs.
    fn place(&mut self, piece: PieceIndex) {
        let missing = !self.have.has(piece) && !self.unchecked.has(piece);
        let priority = self.priority(piece);
        if missing && priority != Priority::Skip {
            self.wanted_missing.insert(piece);
        } else {
            self.wanted_missing.remove(piece);
        }
        if missing && !self.started.contains_key(&piece.0) {
            self.order.insert(piece, priority, &mut self.rng);
        } else {
            self.order.remove(piece, priority);
        }
    }

    /// Data of the piece waits for its check: it is neither asked for nor served.
    pub fn set_unchecked(&mut self, piece: PieceIndex) {
        self.set_state(piece, false, true);
    }

    /// The piece is not there.
    pub fn set_missing(&mut self, piece: PieceIndex) {
        self.set_state(piece, false, false);
    }

    /// The piece is verified.
    pub fn set_have(&mut self, piece: PieceIndex) {
        self.set_state(piece, true, false);
    }

    fn set_state(&mut self, piece: PieceIndex, have: bool, unchecked: bool) {
        self.started.remove(&piece.0);
        self.open.remove(&piece.0);
        let wanted = self.priority(piece) != Priority::Skip;
        if have && self.have.insert(piece) {
            self.have_bytes += self.len(piece);
            self.left_bytes -= if wanted { self.len(piece) } else { 0 };
        } else if !have && self.have.remove(piece) {
            self.have_bytes -= self.len(piece);
            self.left_bytes += if wanted { self.len(piece) } else { 0 };
        }
        if unchecked {
            self.unchecked.insert(piece);
        } else {
            self.unchecked.remove(piece);
        }
        self.place(piece);
    }

    /// Changes how much a piece is wanted.
    pub fn set_priority(&mut self, piece: PieceIndex, priority: Priority) {
        let before = self.priority(piece);
        if before == priority {
            return;
        }
        self.order.remove(piece, before);
        self.priorities[piece.0 as usize] = priority;
        let (len, missing) = (self.len(piece), !self.have.has(piece));
        if before == Priority::Skip {
            self.wanted_bytes += len;
            self.left_bytes += if missing { len } else { 0 };
        } else if priority == Priority::Skip {
            self.wanted_bytes -= len;
            self.left_bytes -= if missing { len } else { 0 };
        }
        self.place(piece);
    }

    /// A peer told what it has.
    pub fn peer_joined(&mut self, have: &Bitfield) {
        if have.is_full() {
            self.seeds += 1;
            return;
        }
        for piece in have.iter() {
            self.order.more(piece, self.priorities[piece.0 as usize], &mut self.rng);
        }
    }

    /// A peer left.
    pub fn peer_left(&mut self, have: &Bitfield) {
        if have.is_full() {
            self.seeds -= 1;
            return;
        }
        for piece in have.iter() {
            self.order.fewer(piece, self.priorities[piece.0 as usize], &mut self.rng);
        }
    }

    /// A peer got a piece. With `now_full` it has them all, and moves to the
    /// seeds, which are only counted.
    pub fn peer_has(&mut self, piece: PieceIndex, now_full: bool) {
        if !now_full {
            return self.order.more(piece, self.priority(piece), &mut self.rng);
        }
        for other in self.layout.pieces().filter(|other| *other != piece) {
            self.order.fewer(other, self.priorities[other.0 as usize], &mut self.rng);
        }
        self.seeds += 1;
    }

    /// Whether a block is wanted and not here.
    pub fn is_block_missing(&self, block: Block) -> bool {
        let received = self.started.get(&block.piece.0).is_some_and(|started| {
            matches!(started.blocks[block.index as usize], BlockState::Received(_))
        });
        self.is_wanted(block.piece) && !received
    }

    /// A block arrived whole.
    ///
    /// One that was not asked of this peer counts all the same if it is
    /// missing: it was mostly asked for and taken back too early.
    pub fn received(&mut self, conn: ConnKey, block: Block) -> Receipt {
        if self.have.has(block.piece) || self.unchecked.has(block.piece) {
            return Receipt::Unwanted;
        }
        self.start(block.piece, None);
        let started = self.started.get_mut(&block.piece.0).expect("the piece was just started");
        let state = &mut started.blocks[block.index as usize];
        let cancel = match std::mem::replace(state, BlockState::Received(conn)) {
            BlockState::Received(first) => {
                *state = BlockState::Received(first);
                return Receipt::Duplicate;
            }
            BlockState::Free => {
                started.free -= 1;
                SmallVec::new()
            }
            BlockState::Asked(mut askers) => {
                askers.retain(|asker| *asker != conn);
                askers
            }
        };
        started.received += 1;
        let piece_whole = started.is_whole();
        if started.free == 0 {
            self.open.remove(&block.piece.0);
        }
        Receipt::First { cancel, piece_whole }
    }

    /// A peer no longer owes a block: it choked, rejected, was too slow or left.
    pub fn released(&mut self, conn: ConnKey, block: Block) {
        let Some(started) = self.started.get_mut(&block.piece.0) else { return };
        if !started.release(conn, block.index) {
            return;
        }
        if started.is_untouched() {
            self.forget(block.piece);
        } else {
            self.open.insert(block.piece.0);
        }
    }

    /// A received piece was verified.
    pub fn piece_verified(&mut self, piece: PieceIndex) {
        self.set_have(piece);
    }

    /// A received piece was wrong: all its blocks are missing again. Returns
    /// who brought which.
    pub fn piece_failed(&mut self, piece: PieceIndex) -> Vec<(u32, ConnKey)> {
        let senders = self.started.get(&piece.0).map(Started::senders).unwrap_or_default();
        self.forget(piece);
        senders
    }

    /// Some received blocks of a piece could not be kept.
    pub fn blocks_lost(&mut self, piece: PieceIndex, blocks: std::ops::Range<u32>) {
        let Some(started) = self.started.get_mut(&piece.0) else { return };
        for block in blocks {
            started.lose(block);
        }
        if started.is_untouched() {
            self.forget(piece);
        } else if started.free > 0 {
            self.open.insert(piece.0);
        }
    }

    fn forget(&mut self, piece: PieceIndex) {
        self.started.remove(&piece.0);
        self.open.remove(&piece.0);
        self.place(piece);
    }

    fn start(&mut self, piece: PieceIndex, owner: Option<ConnKey>) {
        if self.started.contains_key(&piece.0) {
            return;
        }
        self.order.remove(piece, self.priority(piece));
        self.started.insert(piece.0, Started::new(self.layout.block_count(piece), owner));
        self.open.insert(piece.0);
    }
}
