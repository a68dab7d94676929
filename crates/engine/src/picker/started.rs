//! The blocks of started pieces: asked of whom, received from whom.

use smallvec::SmallVec;
use superseed_proto::layout::{Block, PieceIndex};

use super::pieces::PieceTable;
use super::{PickPeer, StartedPiece};
use crate::ids::ConnKey;

/// ```text
///           ask              receive
///  Missing ────▶ Asked ──────────────▶ Received
///     ▲  ◀──────── release │               │
///     └────────────────────┴── lost ───────┘
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Missing,
    Asked(ConnKey),
    Received(ConnKey),
}

#[cfg(test)]
pub(super) const BYTES_PER_BLOCK: usize = size_of::<State>();

/// Who works on a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Workers {
    /// Nothing is asked for.
    None,
    /// One peer, which may be a fast one that wants the piece for itself.
    One { conn: ConnKey, fast: bool },
    /// Several, or there were several since nothing was asked for.
    Many,
}

/// A started piece. Twelve bytes per block; the second request of a block,
/// which only endgame makes, is kept aside.
#[derive(Debug)]
pub(super) struct Started {
    piece: PieceIndex,
    blocks: Box<[State]>,
    /// Ascending by block.
    second: Vec<(u32, ConnKey)>,
    missing: u32,
    asked: u32,
    /// No block before this one is missing.
    first_missing: u32,
    workers: Workers,
    /// It hashed wrong before: one peer at a time, so that the next mistake
    /// has a name.
    exclusive: bool,
    /// A peer on parole began it, and nobody joins while there is other work.
    on_parole: bool,
}

impl Started {
    pub(super) fn new(piece: PieceIndex, blocks: u32, exclusive: bool) -> Self {
        Self {
            exclusive,
            on_parole: false,
            piece,
            blocks: vec![State::Missing; blocks as usize].into_boxed_slice(),
            second: Vec::new(),
            missing: blocks,
            asked: 0,
            first_missing: 0,
            workers: Workers::None,
        }
    }

    pub(super) fn piece(&self) -> PieceIndex {
        self.piece
    }

    pub(super) fn block_count(&self) -> u32 {
        self.blocks.len() as u32
    }

    pub(super) fn missing(&self) -> u32 {
        self.missing
    }

    pub(super) fn workers(&self) -> Workers {
        self.workers
    }

    /// Whether a peer may work on it.
    pub(super) fn admits(&self, conn: ConnKey) -> bool {
        match self.workers {
            _ if !self.exclusive => true,
            Workers::None => true,
            Workers::One { conn: other, .. } => other == conn,
            Workers::Many => false,
        }
    }

    /// Whether a peer may work on it while there is other work: who is on
    /// parole works alone.
    pub(super) fn suits(&self, conn: ConnKey, on_parole: bool) -> bool {
        match self.workers {
            Workers::One { conn: other, .. } if other == conn => true,
            // What others brought is no piece of its own, but a piece that
            // failed has to be brought by somebody.
            Workers::None => !on_parole || self.exclusive || self.is_untouched(),
            Workers::One { .. } | Workers::Many => !on_parole && !self.on_parole,
        }
    }

    /// Whether it hashed wrong before.
    pub(super) fn is_exclusive(&self) -> bool {
        self.exclusive
    }

    /// Whether two peers may be asked for the same block.
    pub(super) fn admits_two(&self) -> bool {
        !self.exclusive
    }

    pub(super) fn glance(&self) -> StartedPiece {
        let received = self.block_count() - self.missing - self.asked;
        StartedPiece {
            piece: self.piece,
            received,
            requested: self.asked,
            missing: self.missing,
        }
    }

    /// Whether nothing of it is asked for or here.
    pub(super) fn is_untouched(&self) -> bool {
        self.missing == self.block_count()
    }

    pub(super) fn is_complete(&self) -> bool {
        self.missing == 0 && self.asked == 0
    }

    pub(super) fn is_received(&self, block: u32) -> bool {
        matches!(self.blocks.get(block as usize), Some(State::Received(_)))
    }

    pub(super) fn senders(&self) -> impl Iterator<Item = (u32, ConnKey)> + '_ {
        (0..)
            .zip(&self.blocks)
            .filter_map(|(at, state)| match state {
                State::Received(conn) => Some((at, *conn)),
                State::Missing | State::Asked(_) => None,
            })
    }

    /// Asks a peer for the first missing blocks; gives how many.
    pub(super) fn ask(&mut self, peer: &PickPeer<'_>, max: usize, out: &mut Vec<Block>) -> usize {
        let (conn, fast) = (peer.conn, peer.fast);
        if self.is_untouched() {
            self.on_parole = peer.on_parole;
        }
        let mut count = 0;
        let mut at = self.first_missing as usize;
        while count < max && at < self.blocks.len() {
            if self.blocks[at] == State::Missing {
                self.blocks[at] = State::Asked(conn);
                out.push(Block {
                    piece: self.piece,
                    index: at as u32,
                });
                count += 1;
            }
            at += 1;
        }
        self.first_missing = at as u32;
        self.missing -= count as u32;
        self.asked += count as u32;
        if count > 0 {
            self.workers = match self.workers {
                Workers::None => Workers::One { conn, fast },
                Workers::One { conn: other, .. } if other == conn => Workers::One { conn, fast },
                _ => Workers::Many,
            };
        }
        count
    }

    /// Blocks that exactly one peer was asked for, and not this one.
    pub(super) fn asked_once(&self, conn: ConnKey) -> impl Iterator<Item = u32> + '_ {
        (0..)
            .zip(&self.blocks)
            .filter_map(move |(at, state)| match state {
                State::Asked(other) if *other != conn && self.second_of(at).is_none() => Some(at),
                _ => None,
            })
    }

    /// Asks a second peer for a block that one was asked for.
    pub(super) fn ask_again(&mut self, conn: ConnKey, block: u32) {
        self.add_second(block, conn);
        self.workers = Workers::Many;
    }

    /// Takes a block from a peer: who else was asked for it, or `None` if it is
    /// here already.
    pub(super) fn receive(&mut self, conn: ConnKey, block: u32) -> Option<SmallVec<[ConnKey; 2]>> {
        let state = *self.blocks.get(block as usize)?;
        let mut others = SmallVec::new();
        match state {
            State::Received(_) => return None,
            State::Missing => self.missing -= 1,
            State::Asked(first) => {
                self.asked -= 1;
                others.push(first);
                others.extend(self.take_second(block));
                others.retain(|other| *other != conn);
            }
        }
        self.blocks[block as usize] = State::Received(conn);
        self.note_idle();
        Some(others)
    }

    /// A peer will not bring a block.
    pub(super) fn release(&mut self, conn: ConnKey, block: u32) {
        let Some(State::Asked(first)) = self.blocks.get(block as usize).copied() else {
            return;
        };
        match self.take_second(block) {
            Some(second) if first == conn => self.blocks[block as usize] = State::Asked(second),
            Some(second) if second == conn => {}
            Some(second) => self.add_second(block, second),
            None if first == conn => {
                self.asked -= 1;
                self.make_missing(block);
                self.note_idle();
            }
            None => {}
        }
    }

    /// A block, if it was received, is lost.
    pub(super) fn lose(&mut self, block: u32) {
        if self.is_received(block) {
            self.make_missing(block);
        }
    }

    /// The blocks that a peer was asked for.
    pub(super) fn asked_of(&self, conn: ConnKey) -> impl Iterator<Item = Block> + '_ {
        (0..).zip(&self.blocks).filter_map(move |(index, state)| {
            let asked = match *state {
                State::Asked(first) => first == conn || self.second_of(index) == Some(conn),
                _ => false,
            };
            asked.then_some(Block {
                piece: self.piece,
                index,
            })
        })
    }

    fn make_missing(&mut self, block: u32) {
        self.blocks[block as usize] = State::Missing;
        self.missing += 1;
        self.first_missing = self.first_missing.min(block);
    }

    fn note_idle(&mut self) {
        if self.asked == 0 {
            self.workers = Workers::None;
        }
    }

    fn second_of(&self, block: u32) -> Option<ConnKey> {
        let at = self
            .second
            .binary_search_by_key(&block, |(at, _)| *at)
            .ok()?;
        Some(self.second[at].1)
    }

    fn add_second(&mut self, block: u32, conn: ConnKey) {
        let at = self.second.partition_point(|(at, _)| *at < block);
        self.second.insert(at, (block, conn));
    }

    fn take_second(&mut self, block: u32) -> Option<ConnKey> {
        let at = self
            .second
            .binary_search_by_key(&block, |(at, _)| *at)
            .ok()?;
        Some(self.second.remove(at).1)
    }
}

/// All started pieces: first those with blocks to ask for, then those without,
/// so that a choice never looks at the latter.
#[derive(Debug, Default)]
pub(super) struct StartedPieces {
    list: Vec<Started>,
    /// How many have a missing block.
    partial: usize,
}

impl StartedPieces {
    pub(super) fn at(&self, place: u32) -> &Started {
        &self.list[place as usize]
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Started> {
        self.list.iter()
    }

    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// The pieces that have a block to ask for.
    pub(super) fn partial(&self) -> &[Started] {
        &self.list[..self.partial]
    }

    pub(super) fn insert(&mut self, started: Started, pieces: &mut PieceTable) {
        let place = self.list.len();
        pieces.set_place(started.piece, place as u32);
        self.list.push(started);
        self.settle(place, pieces);
    }

    pub(super) fn remove(&mut self, place: u32, pieces: &mut PieceTable) {
        let mut place = place as usize;
        if place < self.partial {
            self.partial -= 1;
            self.swap(place, self.partial, pieces);
            place = self.partial;
        }
        self.swap(place, self.list.len() - 1, pieces);
        self.list.pop();
    }

    /// Changes a piece and keeps it on its side of the border.
    pub(super) fn change<T>(
        &mut self,
        place: u32,
        pieces: &mut PieceTable,
        change: impl FnOnce(&mut Started) -> T,
    ) -> T {
        let answer = change(&mut self.list[place as usize]);
        self.settle(place as usize, pieces);
        answer
    }

    fn settle(&mut self, place: usize, pieces: &mut PieceTable) {
        let has_missing = self.list[place].missing > 0;
        if has_missing && place >= self.partial {
            self.swap(place, self.partial, pieces);
            self.partial += 1;
        } else if !has_missing && place < self.partial {
            self.partial -= 1;
            self.swap(place, self.partial, pieces);
        }
    }

    fn swap(&mut self, a: usize, b: usize, pieces: &mut PieceTable) {
        self.list.swap(a, b);
        for at in [a, b] {
            pieces.set_place(self.list[at].piece, at as u32);
        }
    }
}
