//! A peer that lies about what it has.

use std::time::Duration;

use super::Mask;
use crate::rng::Rng;
use crate::wire::{Actor, ActorIo, Frame};

/// How often a storm comes.
const STORM_EVERY: Duration = Duration::from_millis(100);
/// HAVEs in one storm.
const STORM_HAVES: usize = 20;
/// Bitfields in one storm.
const STORM_BITFIELDS: usize = 5;

/// What is wrong with a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Everything, and unchokes; no request is ever answered.
    ServesNothing,
    /// Everything, and unchokes; every request gets a REJECT (BEP 6).
    RejectsAll,
    /// A bitfield that is a byte too long.
    TooLong,
    /// A bitfield with spare bits, or too short where it has none to spare.
    SpareBits,
    /// HAVEs of any pieces without end.
    HaveStorm,
    /// The whole bitfield again and again, as aria2 sends it now and then.
    BitfieldStorm,
    /// HAVE of a piece beyond the end.
    HaveBeyond,
    /// HAVE of each piece, one after the other, and a REJECT of each request.
    HaveThenReject,
}

/// A peer that makes a wrong claim, on one connection.
pub struct Claimant {
    mask: Mask,
    claim: Claim,
    dice: Rng,
    next: u32,
}

impl Claimant {
    /// A peer that makes this claim.
    pub fn new(mask: Mask, claim: Claim, dice: Rng) -> Self {
        Self {
            mask,
            claim,
            dice,
            next: 0,
        }
    }

    fn storm(&mut self, io: &mut ActorIo) {
        let count = self.mask.piece_count();
        match self.claim {
            Claim::HaveStorm => {
                for _ in 0..STORM_HAVES {
                    let piece = self.dice.below(u64::from(count)) as u32;
                    io.send(&Frame::Have(piece));
                }
            }
            Claim::BitfieldStorm => {
                for _ in 0..STORM_BITFIELDS {
                    io.send(&Frame::Bitfield(self.mask.full_bitfield()));
                }
            }
            Claim::HaveThenReject => {
                io.send(&Frame::Have(self.next % count));
                self.next += 1;
            }
            _ => return,
        }
        io.wake_after(STORM_EVERY);
    }
}

impl Actor for Claimant {
    fn connected(&mut self, io: &mut ActorIo) {
        io.send(&self.mask.hello());
        let full = self.mask.full_bitfield();
        match self.claim {
            Claim::ServesNothing | Claim::RejectsAll => io.send(&self.mask.claim_all()),
            Claim::TooLong => io.send(&Frame::Bitfield([&full[..], &[0]].concat().into())),
            Claim::SpareBits if self.mask.piece_count().is_multiple_of(8) => {
                io.send(&Frame::Bitfield(full.slice(1..)));
            }
            Claim::SpareBits => io.send(&Frame::Bitfield(vec![0xff; full.len()].into())),
            Claim::HaveBeyond => io.send(&Frame::Have(self.mask.piece_count())),
            Claim::HaveStorm | Claim::BitfieldStorm | Claim::HaveThenReject => {
                if self.mask.fast {
                    io.send(&Frame::HaveNone);
                }
                io.wake_after(STORM_EVERY);
            }
        }
        io.send(&Frame::Unchoke);
    }

    fn frame(&mut self, frame: &Frame, io: &mut ActorIo) {
        let rejects = matches!(self.claim, Claim::RejectsAll | Claim::HaveThenReject);
        if let Frame::Request(piece, begin, len) = frame
            && rejects
            && self.mask.fast
        {
            io.send(&Frame::Reject(*piece, *begin, *len));
        }
    }

    fn woken(&mut self, io: &mut ActorIo) {
        self.storm(io);
    }
}
