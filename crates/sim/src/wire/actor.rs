//! Peers that answer by a rule: the honest stand-in and the misbehaving.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use superseed_engine::Time;
use superseed_proto::Bitfield;
use superseed_proto::layout::PieceIndex;

use super::frame::Frame;
use crate::content::Content;
use crate::rng::Rng;

/// A peer's behaviour on one connection.
pub trait Actor {
    /// The stream is up.
    fn connected(&mut self, io: &mut ActorIo);
    /// A message arrived.
    fn frame(&mut self, frame: &Frame, io: &mut ActorIo);
    /// The time that it asked for has come.
    fn woken(&mut self, io: &mut ActorIo) {
        let _ = io;
    }
    /// The connection is over.
    fn ended(&mut self) {}
}

/// What an actor can do to its connection.
pub struct ActorIo {
    now: Time,
    pub(super) sent: Vec<Bytes>,
    pub(super) closed: bool,
    pub(super) reset: bool,
    pub(super) wake_after: Option<Duration>,
    pub(super) deaf: bool,
}

impl ActorIo {
    pub(super) fn new(now: Time) -> Self {
        Self {
            now,
            sent: Vec::new(),
            closed: false,
            reset: false,
            wake_after: None,
            deaf: false,
        }
    }

    /// The present moment.
    pub fn now(&self) -> Time {
        self.now
    }

    /// Sends a message.
    pub fn send(&mut self, frame: &Frame) {
        self.sent.push(frame.to_bytes());
    }

    /// Sends bytes that need not be a message.
    pub fn send_raw(&mut self, bytes: Bytes) {
        self.sent.push(bytes);
    }

    /// Closes the stream after what was sent.
    pub fn close(&mut self) {
        self.closed = true;
    }

    /// Breaks the stream at once.
    pub fn reset(&mut self) {
        self.reset = true;
    }

    /// Leaves what arrives from now on in the pipe.
    pub fn stop_reading(&mut self) {
        self.deaf = true;
    }

    /// Asks for [`Actor::woken`].
    pub fn wake_after(&mut self, delay: Duration) {
        self.wake_after = Some(delay);
    }
}

/// A seed that serves what it is asked, with the faults that are switched on.
#[derive(Clone)]
pub struct FakeSeed {
    /// What it serves.
    pub content: Arc<Content>,
    /// Reserved bytes of its handshake: which extensions it speaks.
    pub reserved: [u8; 8],
    /// Its peer id.
    pub peer_id: [u8; 20],
    /// Every so many blocks, one is wrong.
    pub spoils_every: Option<u32>,
    /// The share of its blocks that are wrong, at random, and its dice.
    pub spoils: Option<(f64, Rng)>,
    /// Chokes after so many blocks, dropping what is asked, and unchokes a
    /// second later.
    pub chokes_after: Option<u32>,
    /// Closes in the middle of this block, counted from zero.
    pub closes_in_block: Option<u32>,
    /// Answers nothing after so many blocks.
    pub silent_after: Option<u32>,
    /// Time between two blocks.
    pub block_every: Duration,
    /// The pieces it has; all if `None`.
    pub has: Option<Bitfield>,
    /// Never unchokes anybody.
    pub keeps_choking: bool,
    asked: VecDeque<(u32, u32, u32)>,
    served: u32,
    choking: bool,
    waking: bool,
}

impl FakeSeed {
    /// An honest seed without the Fast extension.
    pub fn new(content: &Arc<Content>, number: u8) -> Self {
        let mut peer_id = *b"-FK0001-000000000000";
        peer_id[19] = number;
        Self {
            content: Arc::clone(content),
            reserved: [0; 8],
            peer_id,
            spoils_every: None,
            spoils: None,
            chokes_after: None,
            closes_in_block: None,
            silent_after: None,
            block_every: Duration::ZERO,
            has: None,
            keeps_choking: false,
            asked: VecDeque::new(),
            served: 0,
            choking: true,
            waking: false,
        }
    }

    fn serve_some(&mut self, io: &mut ActorIo) {
        while !self.choking && !self.waking && !self.asked.is_empty() {
            if self.silent_after.is_some_and(|after| self.served >= after) {
                return;
            }
            if self.chokes_after == Some(self.served) {
                self.chokes_after = None;
                self.choking = true;
                self.asked.clear();
                io.send(&Frame::Choke);
                self.wake(Duration::from_secs(1), io);
                return;
            }
            self.serve_one(io);
            if !self.block_every.is_zero() {
                self.wake(self.block_every, io);
            }
        }
    }

    fn serve_one(&mut self, io: &mut ActorIo) {
        let Some((piece, begin, len)) = self.asked.pop_front() else {
            return;
        };
        let mut block = self.content.slice(PieceIndex(piece), begin, len);
        let by_count = self
            .spoils_every
            .is_some_and(|every| self.served % every == every - 1);
        let by_chance = (self.spoils.as_mut()).is_some_and(|(share, dice)| dice.chance(*share));
        if by_count || by_chance {
            let mut wrong = block.to_vec();
            wrong[0] ^= 1;
            block = wrong.into();
        }
        let bytes = Frame::Piece(piece, begin, block).to_bytes();
        if self.closes_in_block == Some(self.served) {
            io.send_raw(bytes.slice(..bytes.len() / 2));
            io.close();
            self.choking = true;
        } else {
            io.send_raw(bytes);
        }
        self.served += 1;
    }

    fn wake(&mut self, delay: Duration, io: &mut ActorIo) {
        self.waking = true;
        io.wake_after(delay);
    }
}

impl Actor for FakeSeed {
    fn connected(&mut self, io: &mut ActorIo) {
        io.send(&Frame::Handshake(
            self.reserved,
            self.content.swarm().0,
            self.peer_id,
        ));
        let count = self.content.layout().piece_count();
        let mut bits = Vec::new();
        let has = self.has.clone();
        let has = has.unwrap_or_else(|| Bitfield::full(count));
        has.write_wire(&mut bits);
        io.send(&Frame::Bitfield(bits.into()));
    }

    fn frame(&mut self, frame: &Frame, io: &mut ActorIo) {
        match frame {
            Frame::Interested if self.choking && !self.keeps_choking => {
                self.choking = false;
                io.send(&Frame::Unchoke);
            }
            Frame::Request(piece, begin, len) if !self.choking => {
                self.asked.push_back((*piece, *begin, *len));
            }
            Frame::Cancel(piece, begin, len) => {
                self.asked.retain(|asked| asked != &(*piece, *begin, *len));
            }
            _ => {}
        }
        self.serve_some(io);
    }

    fn woken(&mut self, io: &mut ActorIo) {
        self.waking = false;
        if self.choking {
            self.choking = false;
            io.send(&Frame::Unchoke);
        }
        self.serve_some(io);
    }
}
