//! Pieces that a peer had and has no longer (BEP 54).

use superseed_proto::layout::{Block, PieceIndex};

use super::Torrent;
use crate::engine::shared::Cx;
use crate::ids::ConnKey;

impl Torrent {
    /// A peer no longer has a piece.
    ///
    /// What was asked of it comes back at once, unless the Fast extension makes
    /// it answer each request (BEP 54, "Protocol encoding").
    pub(super) fn peer_lost(&mut self, cx: &mut Cx<'_>, key: ConnKey, piece: PieceIndex) {
        let Some(peer) = cx.conns.get_mut(key).and_then(|conn| conn.peer_mut()) else {
            return;
        };
        if !peer.have.has(piece) {
            return;
        }
        if std::mem::take(&mut peer.joined_full) {
            self.picker.seed_is_partial(&peer.have);
        }
        peer.have.remove(piece);
        peer.allowed_fast.retain(|allowed| *allowed != piece.0);
        self.picker.peer_lost(piece);
        let fast = peer.fast;
        let asked: Vec<Block> = peer
            .requests
            .newest_first()
            .filter(|block| block.piece == piece)
            .collect();
        if !fast {
            for block in asked {
                self.take_back(cx, key, block);
            }
        }
        self.rechoke_due = true;
        self.update_interest(cx, key);
    }
}
