//! The choice itself.
//!
//! Priorities are strict. Within one, blocks of started pieces come first as
//! far as they suit the peer: a fast peer works on pieces that nobody else
//! works on, so that it brings whole pieces; others join any but those. Then a
//! new piece, rarest first; then whatever is left. While the first pieces are
//! still to come, or too many are started, those that are started come first
//! for everyone. A peer on parole works alone, and nobody joins it, as long as
//! there is anything else to do. A snubbed peer gets what most others have.

use rand_core::Rng;
use superseed_proto::layout::{BLOCK_LEN, Block, PieceIndex};

use super::order::{BANDS, below};
use super::partial::Reach;
use super::pieces::Status;
use super::started::Started;
use super::{PickPeer, Picker, RANDOM_FIRST_PIECES, SAMPLE_MAX, SCAN_MAX, STARTED_BLOCKS_MAX};
use crate::config::{PickerKind, Priority};
use crate::ids::ConnKey;

/// A peer with so few pieces is asked what it has, instead of every piece who
/// has it.
const POOR_PEER_PIECES: u32 = 64;
/// Random pieces tried before the pieces of the peer are sampled.
const RANDOM_TRIES: usize = 32;

impl Picker {
    /// Asks a peer for up to `count` blocks, ascending within a piece, which
    /// are added to `out`; gives how many. `may_start` says whether there is
    /// memory for pieces that are not started. Never asks twice for a block.
    pub fn pick(
        &mut self,
        peer: &PickPeer<'_>,
        count: usize,
        may_start: bool,
        rng: &mut impl Rng,
        out: &mut Vec<Block>,
    ) -> usize {
        let mut left = count;
        for priority in BANDS {
            while left > 0 && self.unasked[priority as usize] > 0 {
                let Some(piece) = self.choose(peer, priority, may_start, rng) else {
                    break;
                };
                if !self.is_started(piece) {
                    self.start(piece);
                }
                left -= self.change(piece, |started| started.ask(peer, left, out));
            }
        }
        count - left
    }

    /// In endgame, or where somebody waits for it, asks a peer for a block that
    /// another was asked for, too; tells whether that may be. At most two are
    /// ever asked for the same.
    pub fn ask_too(&mut self, block: Block, from: ConnKey, to: &PickPeer<'_>) -> bool {
        let time = self.endgame() || self.is_urgent_for(block.piece, to);
        let may = time && self.may_help(block, from, to);
        if may {
            self.change(block.piece, |started| {
                started.ask_again(to.conn, block.index);
            });
        }
        may
    }

    /// In endgame, asks a peer for a block that another was asked for, in its
    /// place; tells whether that may be.
    pub fn pass_on(&mut self, block: Block, from: ConnKey, to: &PickPeer<'_>) -> bool {
        let apart = to.on_parole
            || self
                .started_piece(block.piece)
                .is_some_and(Started::is_on_parole);
        let may = self.endgame() && !apart && self.may_help(block, from, to);
        if may {
            self.change(block.piece, |started| started.pass_on(to.conn, block.index));
        }
        may
    }

    fn may_help(&self, block: Block, from: ConnKey, to: &PickPeer<'_>) -> bool {
        to.conn != from
            && to.have.has(block.piece)
            && self.is_wanted(block.piece)
            && self
                .started_piece(block.piece)
                .is_some_and(|started| started.is_asked_alone(from, block.index))
    }

    /// Asks a peer at any time for a block that one other was asked for: the
    /// baseline that shows what that would waste.
    pub(crate) fn pick_asked(&mut self, peer: &PickPeer<'_>, rng: &mut impl Rng) -> Option<Block> {
        let len = self.started.len() as u32;
        let start = if len > 0 { below(rng, len) } else { 0 };
        let (piece, candidates) = (start..len).chain(0..start).find_map(|place| {
            let started = self.started.at(place);
            let suits = !started.is_exclusive()
                && peer.have.has(started.piece())
                && self.pieces.is_wanted(started.piece());
            let candidates = if suits {
                started.asked_once(peer.conn).count() as u32
            } else {
                0
            };
            (candidates > 0).then_some((started.piece(), candidates))
        })?;
        let chosen = below(rng, candidates) as usize;
        let index = self
            .started_piece(piece)?
            .asked_once(peer.conn)
            .nth(chosen)?;
        self.change(piece, |started| started.ask_again(peer.conn, index));
        Some(Block { piece, index })
    }

    /// The piece of a priority that a peer works on next.
    fn choose(
        &mut self,
        peer: &PickPeer<'_>,
        priority: Priority,
        may_start: bool,
        rng: &mut impl Rng,
    ) -> Option<PieceIndex> {
        if peer.retries
            && may_start
            && let Some(piece) = self.failed_open(peer, priority)
        {
            return Some(piece);
        }
        if self.kind == PickerKind::InOrder {
            return self.choose_in_order(peer, priority, may_start);
        }
        let started = |picker: &Self, reach| {
            let pieces = &picker.pieces;
            picker.started.best(peer, priority, reach, pieces)
        };
        let finish_first = self.is_early() || self.has_many_started();
        let reach = if finish_first {
            Reach::Apart
        } else {
            Reach::Suiting
        };
        if let Some(piece) = started(self, reach) {
            return Some(piece);
        }
        if may_start && let Some(piece) = self.best_open(peer, priority, rng) {
            return Some(piece);
        }
        started(self, Reach::All).or_else(|| self.last_resort(peer, priority, may_start))
    }

    /// The same where the lowest index comes first.
    fn choose_in_order(
        &mut self,
        peer: &PickPeer<'_>,
        priority: Priority,
        may_start: bool,
    ) -> Option<PieceIndex> {
        let count = self.layout.piece_count();
        while self.first_unasked.0 < count
            && !self.open.has(self.first_unasked)
            && !self.started.is_partial(self.first_unasked)
        {
            self.first_unasked.0 += 1;
        }
        let from = self.first_unasked;
        let started = |reach| {
            self.started
                .first(peer, priority, reach, from, &self.pieces)
        };
        let open = if may_start {
            self.first_open(peer, priority)
        } else {
            None
        };
        let next = started(Reach::Apart).into_iter().chain(open).min();
        next.or_else(|| started(Reach::All))
            .or_else(|| self.last_resort(peer, priority, may_start))
    }

    /// A piece that failed and that nobody brings again yet.
    fn failed_open(&self, peer: &PickPeer<'_>, priority: Priority) -> Option<PieceIndex> {
        let mut failed = self.failed.iter().copied();
        failed.find(|piece| {
            self.pieces.status(*piece) == Status::Open
                && self.pieces.priority(*piece) == priority
                && peer.have.has(*piece)
        })
    }

    /// A piece that failed, for a peer that is not fast and has nothing else.
    fn last_resort(
        &self,
        peer: &PickPeer<'_>,
        priority: Priority,
        may_start: bool,
    ) -> Option<PieceIndex> {
        if may_start {
            self.failed_open(peer, priority)
        } else {
            None
        }
    }

    fn is_early(&self) -> bool {
        self.have().count() < RANDOM_FIRST_PIECES
    }

    fn has_many_started(&self) -> bool {
        let blocks_per_piece = u64::from(self.layout.piece_len_nominal().div_ceil(BLOCK_LEN));
        u64::from(self.started.partial_count()) * blocks_per_piece > STARTED_BLOCKS_MAX
    }

    /// The open piece of a peer that is started next.
    pub(super) fn best_open(
        &mut self,
        peer: &PickPeer<'_>,
        priority: Priority,
        rng: &mut impl Rng,
    ) -> Option<PieceIndex> {
        let band = self
            .bands
            .of_mut(priority)
            .filter(|band| !band.is_empty())?;
        if peer.snubbed {
            return self.sample(peer, priority, |availability| u32::MAX - availability, rng);
        }
        if self.have.count() < RANDOM_FIRST_PIECES {
            let tries = (0..RANDOM_TRIES)
                .find_map(|_| band.random(rng).filter(|piece| peer.have.has(*piece)));
            return tries.or_else(|| self.sample(peer, priority, |_| 0, rng));
        }
        if peer.have.count() <= POOR_PEER_PIECES {
            return self.sample(peer, priority, |availability| availability, rng);
        }
        let found = band.scan(SCAN_MAX, rng, &mut self.pieces, |piece| {
            peer.have.has(piece)
        });
        if found.is_some() || band.len() <= SCAN_MAX {
            return found;
        }
        self.sample(peer, priority, |availability| availability, rng)
    }

    /// Of the open pieces of a peer, or [`SAMPLE_MAX`] of them from a random
    /// place on, the one with the least rank; random among equals.
    fn sample(
        &self,
        peer: &PickPeer<'_>,
        priority: Priority,
        rank: impl Fn(u32) -> u32,
        rng: &mut impl Rng,
    ) -> Option<PieceIndex> {
        let start = PieceIndex(below(rng, self.layout.piece_count()));
        let pieces = peer.have.intersection_from(&self.open, start);
        let mut best: Option<(u32, PieceIndex)> = None;
        let mut equals = 0;
        for piece in pieces
            .filter(|piece| self.pieces.priority(*piece) == priority)
            .take(SAMPLE_MAX)
        {
            let of_piece = rank(self.pieces.availability(piece));
            equals = match best {
                Some((least, _)) if of_piece > least => continue,
                Some((least, _)) if of_piece == least => equals + 1,
                _ => 1,
            };
            if below(rng, equals) == 0 {
                best = Some((of_piece, piece));
            }
        }
        best.map(|(_, piece)| piece)
    }

    /// The open piece of a peer with the lowest index.
    pub(super) fn first_open(&self, peer: &PickPeer<'_>, priority: Priority) -> Option<PieceIndex> {
        let band = self.bands.of(priority).filter(|band| !band.is_empty())?;
        if band.len() <= SCAN_MAX {
            return band.iter().filter(|piece| peer.have.has(*piece)).min();
        }
        let mut pieces = peer.have.intersection_from(&self.open, self.first_unasked);
        pieces.find(|piece| self.pieces.priority(*piece) == priority)
    }
}
