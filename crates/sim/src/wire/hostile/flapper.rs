//! A peer that chokes and unchokes many times a second.

use std::time::Duration;

use super::Mask;
use crate::wire::{Actor, ActorIo, Frame};

/// How long it is of one mind.
const FLAP_EVERY: Duration = Duration::from_millis(50);

/// A choke flapper on one connection: it has everything, as it says, and never
/// sends any of it.
pub struct Flapper {
    mask: Mask,
    choking: bool,
}

impl Flapper {
    /// A flapper.
    pub fn new(mask: Mask) -> Self {
        Self {
            mask,
            choking: true,
        }
    }
}

impl Actor for Flapper {
    fn connected(&mut self, io: &mut ActorIo) {
        io.send(&self.mask.hello());
        io.send(&self.mask.claim_all());
        io.wake_after(FLAP_EVERY);
    }

    fn frame(&mut self, _: &Frame, _: &mut ActorIo) {}

    fn woken(&mut self, io: &mut ActorIo) {
        self.choking = !self.choking;
        io.send(if self.choking {
            &Frame::Choke
        } else {
            &Frame::Unchoke
        });
        io.wake_after(FLAP_EVERY);
    }
}
