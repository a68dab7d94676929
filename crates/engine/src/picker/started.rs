//! The blocks of started pieces: asked of whom, received from whom.

use smallvec::SmallVec;
use superseed_proto::layout::{Block, PieceIndex};

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
enum Workers {
    /// Nothing is asked for.
    None,
    /// One peer, which may be a fast one that wants the piece for itself.
    One { conn: ConnKey, fast: bool },
    /// Several, or there were several since nothing was asked for.
    Many,
}

/// What a started piece is to a peer that does not work on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Openness {
    /// Nobody works on it.
    Idle,
    /// Slow peers work on it and let others join.
    Shared,
    /// A fast peer wants it for itself.
    Kept,
    /// A peer on parole began it, and nobody joins while there is other work.
    OnParole,
    /// It failed, and is another's alone.
    Closed,
}

/// A started piece. Twelve bytes per block; the second request of a block,
/// which few have, is kept aside.
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

    /// Whether a peer may work on it.
    pub(super) fn admits(&self, conn: ConnKey) -> bool {
        match self.workers {
            _ if !self.exclusive => true,
            Workers::None => true,
            Workers::One { conn: other, .. } => other == conn,
            Workers::Many => false,
        }
    }

    /// What it is to peers that do not work on it.
    pub(super) fn openness(&self) -> Openness {
        match self.workers {
            Workers::None => Openness::Idle,
            _ if self.exclusive => Openness::Closed,
            _ if self.on_parole => Openness::OnParole,
            Workers::One { fast: true, .. } => Openness::Kept,
            Workers::One { .. } | Workers::Many => Openness::Shared,
        }
    }

    /// The one peer that works on it.
    pub(super) fn only_worker(&self) -> Option<ConnKey> {
        match self.workers {
            Workers::One { conn, .. } => Some(conn),
            Workers::None | Workers::Many => None,
        }
    }

    /// Whether it can be a piece of its own for a peer on parole: what others
    /// brought is none, but a piece that failed has to be brought by somebody.
    pub(super) fn can_be_own(&self) -> bool {
        self.exclusive || self.is_untouched()
    }

    /// Whether it hashed wrong before.
    pub(super) fn is_exclusive(&self) -> bool {
        self.exclusive
    }

    /// Whether a peer on parole works on it alone.
    pub(super) fn is_on_parole(&self) -> bool {
        self.on_parole
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

    /// Whether a block is not here and nobody was asked for it.
    pub(super) fn is_missing(&self, block: u32) -> bool {
        self.blocks.get(block as usize) == Some(&State::Missing)
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
        let conn = peer.conn;
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
            self.add_worker(peer);
        }
        count
    }

    /// Asks a peer for one block, if it is missing.
    pub(super) fn ask_for(&mut self, peer: &PickPeer<'_>, block: u32) -> bool {
        let missing = self.is_missing(block);
        if missing {
            if self.is_untouched() {
                self.on_parole = peer.on_parole;
            }
            self.blocks[block as usize] = State::Asked(peer.conn);
            self.missing -= 1;
            self.asked += 1;
            self.add_worker(peer);
        }
        missing
    }

    fn add_worker(&mut self, peer: &PickPeer<'_>) {
        let (conn, fast) = (peer.conn, peer.fast);
        self.workers = match self.workers {
            Workers::None => Workers::One { conn, fast },
            Workers::One { conn: other, .. } if other == conn => Workers::One { conn, fast },
            _ => Workers::Many,
        };
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

    /// Whether a block is asked of this peer and no other, and another may help.
    pub(super) fn is_asked_alone(&self, conn: ConnKey, block: u32) -> bool {
        !self.exclusive
            && self.blocks.get(block as usize) == Some(&State::Asked(conn))
            && self.second_of(block).is_none()
    }

    /// Asks a second peer for a block that one was asked for.
    pub(super) fn ask_again(&mut self, conn: ConnKey, block: u32) {
        self.add_second(block, conn);
        self.workers = Workers::Many;
    }

    /// Asks one peer for a block in the place of another.
    pub(super) fn pass_on(&mut self, to: ConnKey, block: u32) {
        self.blocks[block as usize] = State::Asked(to);
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
