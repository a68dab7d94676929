//! HAVEs on their way: encoded once, and taken along by the next bytes for each
//! peer.
//!
//! With a thousand peers a piece is a thousand HAVEs. To queue each of them at
//! once was two thirds of what the engine did for a block.

use superseed_proto::layout::PieceIndex;
use superseed_proto::wire::Message;

/// The HAVEs that some peer was not told yet, in the order of their pieces'
/// coming.
#[derive(Debug, Default)]
pub(crate) struct Haves {
    wire: Vec<u8>,
}

impl Haves {
    /// There is another piece to tell of.
    pub(crate) fn push(&mut self, piece: PieceIndex) {
        Message::Have(piece.0).encode(&mut self.wire);
    }

    /// Where a peer stands that was told everything.
    pub(crate) fn end(&self) -> usize {
        self.wire.len()
    }

    /// What a peer has yet to be told that stands at `told`.
    pub(crate) fn after(&self, told: usize) -> &[u8] {
        &self.wire[told.min(self.wire.len())..]
    }

    /// Everyone was told everything, and stands at the start again.
    pub(crate) fn clear(&mut self) {
        self.wire.clear();
    }
}
