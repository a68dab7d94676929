//! What happens to blocks that were asked for.

use std::ops::Range;

use superseed_proto::layout::{Block, PieceIndex};

use super::pieces::Status;
use super::started::Started;
use super::{Picker, Receipt};
use crate::config::Priority;
use crate::ids::ConnKey;

impl Picker {
    /// A whole block came. See [`Receipt`] for blocks that nobody asked for.
    pub fn received(&mut self, conn: ConnKey, block: Block) -> Receipt {
        if !self.pieces.contains(block.piece) || block.index >= self.layout.block_count(block.piece)
        {
            return Receipt::Unwanted;
        }
        match self.pieces.status(block.piece) {
            Status::Have => return Receipt::Duplicate,
            Status::Unchecked => return Receipt::Unwanted,
            Status::Open if !self.is_wanted(block.piece) => return Receipt::Unwanted,
            Status::Open => self.start(block.piece),
            Status::Started => {}
        }
        let refused = self
            .started_piece(block.piece)
            .is_some_and(|started| !started.admits(conn) && !started.is_received(block.index));
        if refused {
            return Receipt::Unwanted;
        }
        let (taken, piece_complete) = self.change(block.piece, |started| {
            let taken = started.receive(conn, block.index);
            (taken, started.is_complete())
        });
        match taken {
            None => Receipt::Duplicate,
            Some(cancel) => Receipt::First {
                cancel,
                piece_complete,
            },
        }
    }

    /// A peer will not bring a block it was asked for: it choked or rejected,
    /// let it time out, or is gone. Anything else is ignored.
    pub fn released(&mut self, conn: ConnKey, block: Block) {
        if self.started_piece(block.piece).is_none() {
            return;
        }
        self.change(block.piece, |started| started.release(conn, block.index));
        self.close_untouched(block.piece);
    }

    /// The blocks that a peer was asked for. Looks at every block of the started
    /// pieces.
    pub(super) fn asked_of(&self, conn: ConnKey) -> impl Iterator<Item = Block> + '_ {
        let started = self.started.iter();
        started.flat_map(move |started| started.asked_of(conn))
    }

    /// Releases all that a peer was asked for, and gives it. Looks at every
    /// block of the started pieces; who keeps a list of requests releases
    /// these one by one instead.
    pub fn release_all(&mut self, conn: ConnKey) -> Vec<Block> {
        let blocks: Vec<_> = self.asked_of(conn).collect();
        for block in &blocks {
            self.released(conn, *block);
        }
        blocks
    }

    /// Received blocks are lost, since they could not be written: they are
    /// missing again.
    pub fn blocks_lost(&mut self, piece: PieceIndex, blocks: Range<u32>) {
        if self.started_piece(piece).is_none() {
            return;
        }
        self.change(piece, |started| {
            for block in blocks.start..blocks.end.min(started.block_count()) {
                started.lose(block);
            }
        });
        self.close_untouched(piece);
    }

    /// Changes the blocks of a started piece and keeps the sums right.
    pub(super) fn change<T>(
        &mut self,
        piece: PieceIndex,
        change: impl FnOnce(&mut Started) -> T,
    ) -> T {
        let priority = self.pieces.priority(piece);
        let place = self.pieces.place(piece);
        let (answer, before, after) = self.started.change(place, &self.pieces, |started| {
            let before = started.missing();
            let answer = change(started);
            (answer, before, started.missing())
        });
        if after > 0 {
            self.first_unasked = self.first_unasked.min(piece);
        }
        if priority != Priority::Skip {
            let unasked = &mut self.unasked[priority as usize];
            *unasked = *unasked - u64::from(before) + u64::from(after);
        }
        answer
    }

    /// A started piece of which nothing is left is open again.
    fn close_untouched(&mut self, piece: PieceIndex) {
        if self.started_piece(piece).is_some_and(Started::is_untouched) {
            self.set_missing(piece);
        }
    }
}
