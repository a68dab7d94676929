//! What a hostile peer says of itself.

use std::sync::Arc;

use bytes::Bytes;
use superseed_proto::Bitfield;

use crate::content::Content;
use crate::rng::Rng;
use crate::wire::Frame;

/// Reserved bytes of a peer that speaks BEP 6.
const FAST: [u8; 8] = [0, 0, 0, 0, 0, 0, 0, 4];

/// The torrent that a hostile peer is after, and the name that it goes by.
#[derive(Clone)]
pub struct Mask {
    /// The torrent.
    pub content: Arc<Content>,
    /// Whether it speaks BEP 6.
    pub fast: bool,
    peer_id: [u8; 20],
}

impl Mask {
    /// A peer of this torrent; its number makes it differ from others.
    pub fn new(content: &Arc<Content>, number: u8, fast: bool) -> Self {
        let mut peer_id = *b"-HX0001-000000000000";
        peer_id[19] = number;
        Self {
            content: Arc::clone(content),
            fast,
            peer_id,
        }
    }

    /// What it differs in from others.
    pub fn number(&self) -> u8 {
        self.peer_id[19]
    }

    /// The handshake.
    pub fn hello(&self) -> Frame {
        let reserved = if self.fast { FAST } else { [0; 8] };
        Frame::Handshake(reserved, self.content.swarm().0, self.peer_id)
    }

    /// BITFIELD of everything, or HAVE ALL.
    pub fn claim_all(&self) -> Frame {
        if self.fast {
            Frame::HaveAll
        } else {
            Frame::Bitfield(self.full_bitfield())
        }
    }

    /// A bitfield of everything, as the wire has it.
    pub fn full_bitfield(&self) -> Bytes {
        let mut bits = Vec::new();
        Bitfield::full(self.piece_count()).write_wire(&mut bits);
        bits.into()
    }

    /// Pieces of the torrent.
    pub fn piece_count(&self) -> u32 {
        self.content.layout().piece_count()
    }

    /// Any block, as (piece, begin, length in bytes).
    pub fn any_block(&self, dice: &mut Rng) -> (u32, u32, u32) {
        let piece = dice.below(u64::from(self.piece_count())) as u32;
        self.any_block_of(piece, dice)
    }

    /// Any block of a piece.
    pub fn any_block_of(&self, piece: u32, dice: &mut Rng) -> (u32, u32, u32) {
        let count = self.content.blocks(piece).count() as u64;
        let mut blocks = self.content.blocks(piece);
        blocks
            .nth(dice.below(count) as usize)
            .unwrap_or((piece, 0, 1))
    }
}
