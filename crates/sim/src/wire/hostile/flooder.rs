//! A peer that asks for more than is good for the one it asks.

use std::collections::VecDeque;
use std::time::Duration;

use super::Mask;
use crate::rng::Rng;
use crate::wire::{Actor, ActorIo, Frame};

/// How often a flooder pours.
const POUR_EVERY: Duration = Duration::from_millis(200);
/// Messages that it pours at a time.
const POURED: usize = 30;
/// Requests of allowed-fast pieces that it keeps out.
const OUTSTANDING: usize = 16;

/// What a flooder sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flood {
    /// REQUESTs, choked or not, answered or not.
    Requests,
    /// REQUESTs of the pieces that it may have while it is choked (BEP 6),
    /// again and again.
    AllowedFast,
    /// REQUEST and CANCEL in turns, so that the disk reads for nothing.
    Cancels,
    /// REQUESTs of single bytes all over the torrent, so that each keeps a run
    /// in memory; what is sent is not read.
    Crumbs,
}

/// A request flooder on one connection.
pub struct Flooder {
    mask: Mask,
    flood: Flood,
    dice: Rng,
    choked: bool,
    allowed: Vec<u32>,
    out: VecDeque<(u32, u32)>,
}

impl Flooder {
    /// A flooder of this kind.
    pub fn new(mask: Mask, flood: Flood, dice: Rng) -> Self {
        Self {
            mask,
            flood,
            dice,
            choked: true,
            allowed: Vec::new(),
            out: VecDeque::new(),
        }
    }

    fn pour(&mut self, io: &mut ActorIo) {
        match self.flood {
            Flood::AllowedFast => return self.ask_for_allowed(io),
            // Those that want an answer wait until they are served.
            Flood::Cancels | Flood::Crumbs if self.choked => return,
            Flood::Crumbs => io.stop_reading(),
            Flood::Requests | Flood::Cancels => {}
        }
        let mut bytes = Vec::new();
        for _ in 0..POURED {
            let (piece, begin, len) = self.mask.any_block(&mut self.dice);
            if self.flood == Flood::Crumbs {
                let at = begin + self.dice.below(u64::from(len)) as u32;
                Frame::Request(piece, at, 1).encode(&mut bytes);
                continue;
            }
            Frame::Request(piece, begin, len).encode(&mut bytes);
            if self.flood == Flood::Cancels {
                Frame::Cancel(piece, begin, len).encode(&mut bytes);
            }
        }
        io.send_raw(bytes.into());
    }

    fn ask_for_allowed(&mut self, io: &mut ActorIo) {
        while self.choked && !self.allowed.is_empty() && self.out.len() < OUTSTANDING {
            let which = self.dice.below(self.allowed.len() as u64) as usize;
            let block = self.mask.any_block_of(self.allowed[which], &mut self.dice);
            self.out.push_back((block.0, block.1));
            io.send(&Frame::Request(block.0, block.1, block.2));
        }
    }
}

impl Actor for Flooder {
    fn connected(&mut self, io: &mut ActorIo) {
        io.send(&self.mask.hello());
        if self.mask.fast {
            io.send(&Frame::HaveNone);
        }
        // One that wants what it is allowed while choked does not ask for a slot.
        if self.flood != Flood::AllowedFast {
            io.send(&Frame::Interested);
        }
        io.wake_after(POUR_EVERY);
    }

    fn frame(&mut self, frame: &Frame, io: &mut ActorIo) {
        match frame {
            Frame::Unchoke => self.choked = false,
            Frame::Choke => self.choked = true,
            Frame::AllowedFast(piece) => self.allowed.push(*piece),
            Frame::Piece(piece, begin, _) | Frame::Reject(piece, begin, _) => {
                self.out.retain(|out| out != &(*piece, *begin));
                if matches!(frame, Frame::Piece(..)) && self.flood == Flood::AllowedFast {
                    self.ask_for_allowed(io);
                }
            }
            _ => {}
        }
    }

    fn woken(&mut self, io: &mut ActorIo) {
        self.pour(io);
        io.wake_after(POUR_EVERY);
    }
}
