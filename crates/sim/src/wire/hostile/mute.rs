//! A peer that announces and never sends.

use super::Mask;
use crate::wire::{Actor, ActorIo, Frame};

/// A mute on one connection: it takes the connection and, at most, shakes hands.
pub struct Mute {
    mask: Option<Mask>,
}

impl Mute {
    /// A mute; with a mask it shakes hands.
    pub fn new(mask: Option<Mask>) -> Self {
        Self { mask }
    }
}

impl Actor for Mute {
    fn connected(&mut self, io: &mut ActorIo) {
        if let Some(mask) = &self.mask {
            io.send(&mask.hello());
        }
    }

    fn frame(&mut self, _: &Frame, _: &mut ActorIo) {}
}
