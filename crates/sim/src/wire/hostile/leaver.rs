//! A peer that closes before UNCHOKE.

use super::Mask;
use crate::wire::{Actor, ActorIo, Frame};

/// A leaver on one connection: it says that it has everything, and is gone when
/// somebody is interested.
pub struct Leaver {
    mask: Mask,
}

impl Leaver {
    /// A leaver.
    pub fn new(mask: Mask) -> Self {
        Self { mask }
    }
}

impl Actor for Leaver {
    fn connected(&mut self, io: &mut ActorIo) {
        io.send(&self.mask.hello());
        io.send(&self.mask.claim_all());
        io.send(&Frame::Interested);
    }

    fn frame(&mut self, frame: &Frame, io: &mut ActorIo) {
        if matches!(frame, Frame::Interested | Frame::Unchoke) {
            io.close();
        }
    }
}
