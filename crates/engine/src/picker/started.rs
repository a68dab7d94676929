//! Started pieces: which block was asked of whom, and who brought it.

use smallvec::SmallVec;

use crate::ids::ConnKey;

/// Peers that were asked for one block: one, or two in the endgame.
pub(super) type Askers = SmallVec<[ConnKey; 2]>;

/// One block of a started piece.
#[derive(Clone, Debug)]
pub(super) enum BlockState {
    /// Nobody was asked.
    Free,
    /// These peers were asked.
    Asked(Askers),
    /// It is here; this peer brought it.
    Received(ConnKey),
}

/// A piece of which some block was asked for or received.
#[derive(Debug)]
pub(super) struct Started {
    pub(super) blocks: Vec<BlockState>,
    /// Blocks that nobody was asked for.
    pub(super) free: u32,
    /// Blocks that are here.
    pub(super) received: u32,
    /// The fast peer that works on it alone, as long as it does.
    pub(super) owner: Option<ConnKey>,
    /// No block before this one is free.
    cursor: u32,
}

impl Started {
    pub(super) fn new(blocks: u32, owner: Option<ConnKey>) -> Self {
        Self {
            blocks: vec![BlockState::Free; blocks as usize],
            free: blocks,
            received: 0,
            owner,
            cursor: 0,
        }
    }

    /// Marks up to `count` free blocks, lowest first, as asked of a peer.
    pub(super) fn take(&mut self, conn: ConnKey, count: usize, mut taken: impl FnMut(u32)) -> usize {
        let mut found = 0;
        let from = self.cursor;
        for (block, state) in (from..).zip(&mut self.blocks[from as usize..]) {
            if found == count {
                break;
            }
            if matches!(state, BlockState::Free) {
                *state = BlockState::Asked(SmallVec::from_slice(&[conn]));
                taken(block);
                found += 1;
            }
            self.cursor = block + 1;
        }
        self.free -= found as u32;
        found
    }

    /// A peer no longer owes a block; tells whether that made it free.
    pub(super) fn release(&mut self, conn: ConnKey, block: u32) -> bool {
        let BlockState::Asked(askers) = &mut self.blocks[block as usize] else { return false };
        askers.retain(|asker| *asker != conn);
        if !askers.is_empty() {
            return false;
        }
        self.set_free(block);
        true
    }

    /// A received block was lost again.
    pub(super) fn lose(&mut self, block: u32) {
        if matches!(self.blocks[block as usize], BlockState::Received(_)) {
            self.received -= 1;
            self.set_free(block);
        }
    }

    fn set_free(&mut self, block: u32) {
        self.blocks[block as usize] = BlockState::Free;
        self.free += 1;
        self.cursor = self.cursor.min(block);
        self.owner = None;
    }

    /// Whether no block was asked for and none is here.
    pub(super) fn is_untouched(&self) -> bool {
        self.free as usize == self.blocks.len()
    }

    pub(super) fn is_whole(&self) -> bool {
        self.received as usize == self.blocks.len()
    }

    /// Who brought what.
    pub(super) fn senders(&self) -> Vec<(u32, ConnKey)> {
        let numbered = (0..).zip(&self.blocks);
        let sent = numbered.filter_map(|(block, state)| match state {
            BlockState::Received(conn) => Some((block, *conn)),
            _ => None,
        });
        sent.collect()
    }
}
