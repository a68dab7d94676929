//! Machines that run a script instead of an engine.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use superseed_engine::{StreamEnd, Time};
use superseed_proto::mse::Layer;

use super::actor::{Actor, ActorIo};
use super::frame::Frame;
use crate::net::EndId;

/// A connection of a scripted machine.
pub(crate) struct ScriptConn {
    pub(crate) end: EndId,
    /// The stream is up.
    pub(crate) up: bool,
    pub(crate) ended: Option<StreamEnd>,
    /// Messages that nobody looked at yet, with the time of their arrival.
    pub(crate) inbox: VecDeque<(Time, Frame)>,
    /// Whether incoming bytes are left in the pipe.
    pub(crate) deaf: bool,
    /// Written, but the pipe has no room yet.
    pub(crate) outgoing: VecDeque<Bytes>,
    /// What to do when everything was written.
    pub(crate) then: Then,
    /// What arrives is kept as it is, for who looks at each byte of it.
    pub(crate) raw: Option<Vec<u8>>,
    /// What opens what arrives, and what seals what is sent.
    pub(crate) layers: (Layer, Layer),
    buf: BytesMut,
    shook_hands: bool,
    actor: Option<Box<dyn Actor>>,
}

/// How a scripted connection goes on after its last byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    Stay,
    HalfClose,
    Close,
}

/// A machine whose connections are scripted.
#[derive(Default)]
pub(crate) struct ScriptNode {
    pub(crate) conns: Vec<ScriptConn>,
    /// Makes the actor of each incoming connection.
    pub(crate) make_actor: Option<Box<dyn Fn() -> Box<dyn Actor>>>,
}

impl ScriptNode {
    pub(crate) fn by_end(&self, end: EndId) -> Option<usize> {
        self.conns.iter().position(|conn| conn.end == end)
    }
}

/// What an actor wants after it looked at an event.
#[derive(Default)]
pub(crate) struct Wishes {
    pub(crate) reset: bool,
    pub(crate) wake_after: Option<Duration>,
}

impl ScriptConn {
    pub(crate) fn new(end: EndId, up: bool, actor: Option<Box<dyn Actor>>) -> Self {
        Self {
            end,
            up,
            ended: None,
            inbox: VecDeque::new(),
            deaf: false,
            outgoing: VecDeque::new(),
            then: Then::Stay,
            raw: None,
            layers: (Layer::Plain, Layer::Plain),
            buf: BytesMut::new(),
            shook_hands: false,
            actor,
        }
    }

    fn act(&mut self, now: Time, event: impl FnOnce(&mut dyn Actor, &mut ActorIo)) -> Wishes {
        let Some(actor) = &mut self.actor else {
            return Wishes::default();
        };
        let mut io = ActorIo::new(now);
        event(actor.as_mut(), &mut io);
        self.outgoing.extend(io.sent);
        self.deaf |= io.deaf;
        if io.closed {
            self.then = Then::Close;
        }
        Wishes {
            reset: io.reset,
            wake_after: io.wake_after,
        }
    }

    pub(crate) fn connected(&mut self, now: Time) -> Wishes {
        self.up = true;
        self.act(now, |actor, io| actor.connected(io))
    }

    pub(crate) fn woken(&mut self, now: Time) -> Wishes {
        self.act(now, |actor, io| actor.woken(io))
    }

    /// The connection is over.
    pub(crate) fn end(&mut self, end: StreamEnd) {
        self.ended = Some(end);
        if let Some(actor) = &mut self.actor {
            actor.ended();
        }
    }

    /// Takes bytes; the messages in them go to the actor, or wait for the test.
    pub(crate) fn received(&mut self, bytes: &[u8], now: Time) -> Vec<Wishes> {
        if let Some(raw) = &mut self.raw {
            raw.extend_from_slice(bytes);
            return Vec::new();
        }
        let mut opened = bytes.to_vec();
        self.layers.0.apply(&mut opened);
        self.buf.extend_from_slice(&opened);
        let mut wishes = Vec::new();
        while let Some(frame) = Frame::cut(&mut self.buf, self.shook_hands) {
            self.shook_hands = true;
            if self.actor.is_some() {
                wishes.push(self.act(now, |actor, io| actor.frame(&frame, io)));
            } else {
                self.inbox.push_back((now, frame));
            }
        }
        wishes
    }
}
