//! Pieces that are needed by a moment, for who reads while it downloads.
//!
//! Peers that bring them in time are asked for them before all others, the
//! earliest first: a slow peer would only hold up what a fast one has time for,
//! and goes on with what it would get without deadlines. Where nobody is in time
//! the fastest are asked. A peer on parole works alone here, too.

use std::collections::{BTreeMap, BTreeSet};

use superseed_proto::layout::{Block, PieceIndex};

use super::partial::Reach;
use super::pieces::Status;
use super::{PickPeer, Picker};
use crate::time::Time;

/// Pieces with a deadline that are looked at for one choice.
const URGENT_SCAN_MAX: usize = 64;

/// What is needed, and when.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    order: BTreeSet<(Time, PieceIndex)>,
    of: BTreeMap<PieceIndex, Time>,
}

impl Deadlines {
    pub(super) fn set(&mut self, piece: PieceIndex, deadline: Option<Time>) {
        if let Some(before) = self.of.remove(&piece) {
            self.order.remove(&(before, piece));
        }
        if let Some(deadline) = deadline {
            self.of.insert(piece, deadline);
            self.order.insert((deadline, piece));
        }
    }
}

impl Picker {
    /// A missing piece is needed by a moment, or by none any more. It is
    /// forgotten when the piece is there.
    pub fn set_deadline(&mut self, piece: PieceIndex, deadline: Option<Time>) {
        let known = self.pieces.contains(piece) && self.pieces.status(piece) != Status::Have;
        self.deadlines.set(piece, deadline.filter(|_| known));
    }

    /// Whether some piece is needed by a moment.
    pub fn has_deadlines(&self) -> bool {
        !self.deadlines.of.is_empty()
    }

    /// The first of the wanted pieces that are needed by a moment, the earliest
    /// first.
    pub fn urgent(&self) -> impl Iterator<Item = (Time, PieceIndex)> + '_ {
        let first = self.deadlines.order.iter().take(URGENT_SCAN_MAX).copied();
        first.filter(|(_, piece)| self.wanted_missing.has(*piece))
    }

    /// Asks a peer for up to `count` blocks of pieces with a deadline, like
    /// [`Self::pick`]. `brings_by` is when it would bring the first of them;
    /// `fastest` says that no other is in time where it is not.
    pub fn pick_urgent(
        &mut self,
        peer: &PickPeer<'_>,
        (brings_by, fastest): (Time, bool),
        count: usize,
        may_start: bool,
        out: &mut Vec<Block>,
    ) -> usize {
        let in_time = |deadline: Time| fastest || brings_by <= deadline;
        let admits = |piece: PieceIndex| match self.started_piece(piece) {
            Some(started) => started.missing() > 0 && Reach::Apart.admits(peer, started),
            None => may_start,
        };
        let pieces: Vec<_> = self
            .urgent()
            .filter(|(deadline, piece)| {
                in_time(*deadline) && peer.have.has(*piece) && admits(*piece)
            })
            .collect();
        let mut left = count;
        for (_, piece) in pieces {
            if left == 0 {
                break;
            }
            if !self.is_started(piece) {
                self.start(piece);
            }
            left -= self.change(piece, |started| started.ask(peer, left, out));
        }
        count - left
    }

    /// Whether somebody waits for a piece, and a peer may be asked for what
    /// others owe of it: one on parole works alone.
    pub(super) fn is_urgent_for(&self, piece: PieceIndex, peer: &PickPeer<'_>) -> bool {
        !peer.on_parole && self.deadlines.of.contains_key(&piece)
    }
}
