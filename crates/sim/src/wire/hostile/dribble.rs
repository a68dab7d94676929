//! A peer whose bytes come one at a time: honest or not, it is slow.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use superseed_engine::Time;

use super::Mask;
use crate::wire::{Actor, ActorIo, Frame};

/// The length of the message that never ends; the longest of its kind that is
/// not refused at once.
const ENDLESS_LEN: usize = 60 << 10;
/// The id of PIECE.
const PIECE: u8 = 7;

/// Which of its messages a dribbler sends byte by byte; what follows waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gait {
    /// Everything.
    All,
    /// All but the handshake.
    Messages,
    /// PIECEs.
    Pieces,
}

/// Another actor, whose messages leave byte by byte.
pub struct Dribble {
    inner: Box<dyn Actor>,
    gait: Gait,
    every: Duration,
    /// Bytes that wait, each for its turn.
    waiting: VecDeque<u8>,
    shook_hands: bool,
    /// When the next byte is due, while some wait.
    byte_at: Time,
    /// When the other actor wanted to be woken.
    inner_at: Time,
    /// The wake-up that counts; others are stale.
    wake_at: Time,
}

impl Dribble {
    /// Lets a byte of `inner` out in each interval.
    pub fn new(inner: Box<dyn Actor>, gait: Gait, every: Duration) -> Self {
        Self {
            inner,
            gait,
            every,
            waiting: VecDeque::new(),
            shook_hands: false,
            byte_at: Time::NEVER,
            inner_at: Time::NEVER,
            wake_at: Time::NEVER,
        }
    }

    /// Passes an event on, and holds back what comes of it.
    fn pass(&mut self, io: &mut ActorIo, event: impl FnOnce(&mut dyn Actor, &mut ActorIo)) {
        let mut own = ActorIo::new(io.now());
        event(self.inner.as_mut(), &mut own);
        for bytes in own.sent.drain(..) {
            self.take(bytes, io);
        }
        if let Some(after) = own.wake_after {
            self.inner_at = io.now() + after;
        }
        if own.closed {
            io.close();
        }
        if own.reset {
            io.reset();
        }
        self.plan(io);
    }

    fn take(&mut self, bytes: Bytes, io: &mut ActorIo) {
        let is_hello = !std::mem::replace(&mut self.shook_hands, true);
        let slow = match self.gait {
            Gait::All => true,
            Gait::Messages => !is_hello,
            Gait::Pieces => !is_hello && bytes.get(4) == Some(&PIECE),
        };
        if !slow && self.waiting.is_empty() {
            return io.send_raw(bytes);
        }
        if self.waiting.is_empty() {
            self.byte_at = io.now() + self.every;
        }
        self.waiting.extend(bytes);
    }

    fn plan(&mut self, io: &mut ActorIo) {
        let at = self.byte_at.min(self.inner_at);
        if at < self.wake_at {
            self.wake_at = at;
            io.wake_after(at.since(io.now()));
        }
    }
}

impl Actor for Dribble {
    fn connected(&mut self, io: &mut ActorIo) {
        self.pass(io, |inner, io| inner.connected(io));
    }

    fn frame(&mut self, frame: &Frame, io: &mut ActorIo) {
        self.pass(io, |inner, io| inner.frame(frame, io));
    }

    fn woken(&mut self, io: &mut ActorIo) {
        if io.now() < self.wake_at {
            return;
        }
        self.wake_at = Time::NEVER;
        if self.byte_at <= io.now() {
            if let Some(byte) = self.waiting.pop_front() {
                io.send_raw(vec![byte].into());
            }
            self.byte_at = if self.waiting.is_empty() {
                Time::NEVER
            } else {
                io.now() + self.every
            };
        }
        if self.inner_at <= io.now() {
            self.inner_at = Time::NEVER;
            return self.pass(io, |inner, io| inner.woken(io));
        }
        self.plan(io);
    }

    fn ended(&mut self) {
        self.inner.ended();
    }
}

/// A peer that has everything, as it says, and begins an extended message
/// (BEP 10) of which it sends one byte in a while: with [`Gait::Messages`].
pub struct Endless {
    mask: Mask,
}

impl Endless {
    /// A peer with a message that never ends.
    pub fn new(mask: Mask) -> Self {
        Self { mask }
    }
}

impl Actor for Endless {
    fn connected(&mut self, io: &mut ActorIo) {
        io.send(&self.mask.hello());
        io.send(&Frame::Extended(0, vec![b'l'; ENDLESS_LEN].into()));
    }

    fn frame(&mut self, _: &Frame, _: &mut ActorIo) {}
}
