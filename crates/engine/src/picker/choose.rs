//! The choice itself: which blocks a peer is asked for.

use rand_core::Rng;
use superseed_proto::layout::{Block, PieceIndex};

use super::started::BlockState;
use super::{PickPeer, Picker};
use crate::config::{PickerKind, Priority};
use crate::ids::ConnKey;

/// Pieces that are picked at random before the rarest are (mainline and
/// libtorrent: 4).
const RANDOM_FIRST: u32 = 4;
/// Tries to find a random piece that the peer has, before the search is in order.
const RANDOM_TRIES: usize = 16;
/// Started pieces beyond which nobody starts another one while it can join.
const STARTED_MAX: usize = 512;
/// Peers that are asked for one block at a time.
const ASKERS_MAX: usize = 2;

impl Picker {
    /// Picks up to `count` blocks for a peer, marks them as asked of it and
    /// appends them to `out`. Returns how many there are.
    ///
    /// Without `may_start` only started pieces are picked from. The cost is in
    /// the open pieces plus, for a new piece, the rarer pieces that the peer
    /// lacks, or all its pieces if it has few.
    pub fn pick(&mut self, peer: &PickPeer<'_>, count: usize, may_start: bool, out: &mut Vec<Block>) -> usize {
        let mut left = count;
        let crowded = self.started.len() >= STARTED_MAX;
        left -= self.pick_open(peer, left, out, |owner| owner == Some(peer.conn));
        if !peer.fast || crowded || peer.snubbed || !may_start {
            left -= self.pick_open(peer, left, out, |owner| owner.is_none());
        }
        while left > 0 && may_start && !crowded && !peer.snubbed {
            let Some(piece) = self.choose_piece(peer) else { break };
            self.start(piece, peer.fast.then_some(peer.conn));
            left -= self.take(peer.conn, piece, left, out);
        }
        // Nothing else is left: even the pieces of fast peers are shared.
        left -= self.pick_open(peer, left, out, |_| true);
        count - left
    }

    /// Picks from started pieces, those that are nearest to their end first.
    fn pick_open(
        &mut self,
        peer: &PickPeer<'_>,
        count: usize,
        out: &mut Vec<Block>,
        may_join: impl Fn(Option<ConnKey>) -> bool,
    ) -> usize {
        if count == 0 || self.open.is_empty() {
            return 0;
        }
        let mut pieces: Vec<(Priority, u32, u32)> = Vec::new();
        for &piece in &self.open {
            let index = PieceIndex(piece);
            let started = &self.started[&piece];
            if peer.have.has(index) && self.is_wanted(index) && may_join(started.owner) {
                pieces.push((self.priority(index), started.free, piece));
            }
        }
        if self.kind == PickerKind::RarestFirst {
            pieces.sort_unstable_by_key(|&(priority, free, piece)| (std::cmp::Reverse(priority), free, piece));
        }
        let mut left = count;
        for (_, _, piece) in pieces {
            if left == 0 {
                break;
            }
            left -= self.take(peer.conn, PieceIndex(piece), left, out);
        }
        count - left
    }

    fn take(&mut self, conn: ConnKey, piece: PieceIndex, count: usize, out: &mut Vec<Block>) -> usize {
        let Some(started) = self.started.get_mut(&piece.0) else { return 0 };
        let taken = started.take(conn, count, |index| out.push(Block { piece, index }));
        if started.free == 0 {
            self.open.remove(&piece.0);
        }
        taken
    }

    /// The piece to start next with a peer.
    fn choose_piece(&mut self, peer: &PickPeer<'_>) -> Option<PieceIndex> {
        if self.kind == PickerKind::InOrder {
            return self.lowest(peer);
        }
        if self.have.count() < RANDOM_FIRST
            && let Some(piece) = self.random(peer)
        {
            return Some(piece);
        }
        if (peer.have.count() as usize) < self.order.len() / 8 {
            return self.rarest_of_few(peer);
        }
        self.order.iter().find(|piece| peer.have.has(*piece))
    }

    fn lowest(&self, peer: &PickPeer<'_>) -> Option<PieceIndex> {
        let mut best: Option<PieceIndex> = None;
        for piece in peer.have.intersection(&self.wanted_missing) {
            if !self.order.holds(piece) {
                continue;
            }
            if self.priority(piece) == Priority::High {
                return Some(piece);
            }
            if best.is_none_or(|best| self.priority(piece) > self.priority(best)) {
                best = Some(piece);
            }
        }
        best
    }

    fn random(&mut self, peer: &PickPeer<'_>) -> Option<PieceIndex> {
        let wanted = self.order.most_wanted();
        let len = u32::try_from(wanted.len()).ok().filter(|len| *len > 0)?;
        let tries = (0..RANDOM_TRIES).map(|_| wanted[(self.rng.next_u32() % len) as usize]);
        tries.map(PieceIndex).find(|piece| peer.have.has(*piece))
    }

    /// For a peer with few pieces: looks at those instead of at all others.
    fn rarest_of_few(&mut self, peer: &PickPeer<'_>) -> Option<PieceIndex> {
        let mut best: Option<(std::cmp::Reverse<Priority>, u16, u32, PieceIndex)> = None;
        for piece in peer.have.intersection(&self.wanted_missing) {
            if self.order.holds(piece) {
                let priority = std::cmp::Reverse(self.priority(piece));
                let key = (priority, self.order.availability(piece), self.rng.next_u32(), piece);
                best = Some(best.map_or(key, |best| best.min(key)));
            }
        }
        best.map(|(_, _, _, piece)| piece)
    }

    /// Whether every wanted missing block was asked for or is here. It ends by
    /// itself as soon as there is a block that nobody was asked for.
    pub fn endgame(&self) -> bool {
        self.wanted_missing.count() > 0
            && self.order.len() == 0
            && self.open.iter().all(|&piece| !self.is_wanted(PieceIndex(piece)))
    }

    /// In the endgame: a block that somebody else was asked for, for a peer
    /// that is otherwise idle. At most two peers are asked for one block.
    pub fn pick_duplicate(&mut self, peer: &PickPeer<'_>) -> Option<Block> {
        let mut choices = 0;
        let mut chosen = None;
        for (&piece, started) in &self.started {
            let index = PieceIndex(piece);
            if !peer.have.has(index) || !self.wanted_missing.has(index) {
                continue;
            }
            for (block, state) in (0..).zip(&started.blocks) {
                let BlockState::Asked(askers) = state else { continue };
                if askers.len() < ASKERS_MAX && !askers.contains(&peer.conn) {
                    choices += 1;
                    // Each of the blocks seen so far is the chosen one with the same chance.
                    if self.rng.next_u32() % choices == 0 {
                        chosen = Some(Block { piece: index, index: block });
                    }
                }
            }
        }
        let block = chosen?;
        let started = self.started.get_mut(&block.piece.0)?;
        if let BlockState::Asked(askers) = &mut started.blocks[block.index as usize] {
            askers.push(peer.conn);
        }
        Some(block)
    }
}
