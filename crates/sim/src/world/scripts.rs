//! Scripted machines in the world, and the handle by which a test speaks as
//! one of them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use superseed_engine::{StreamEnd, Time};
use superseed_proto::mse::Layer;

use super::{Happening, HostId, Place, World};
use crate::content::Content;
use crate::net::{Inbound, LinkSpec, Notice};
use crate::wire::{Actor, FakeSeed, Frame, ScriptConn, ScriptNode, Then, Wishes};

/// A machine that runs a script instead of an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ScriptId(pub(crate) usize);

/// How long [`Wire::expect`] waits, in virtual time.
const PATIENCE: Duration = Duration::from_secs(5);

impl World {
    /// Adds a machine whose connections a test speaks for, message by message.
    pub fn add_script(&mut self, link: LinkSpec) -> ScriptId {
        let id = ScriptId(self.scripts.len());
        let node = self.add_node(link, Place::Script(id));
        self.scripts.push(ScriptNode::default());
        self.script_nodes.push(node);
        id
    }

    /// Adds a machine in the network of another: the next address, which is in
    /// the same /64 (or /24).
    pub fn add_script_beside(&mut self, other: ScriptId, link: LinkSpec) -> ScriptId {
        let ip = match self.script_addr(other).ip() {
            IpAddr::V4(ip) => IpAddr::V4(Ipv4Addr::from_bits(ip.to_bits() + 1)),
            IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() + 1)),
        };
        let id = ScriptId(self.scripts.len());
        let node = self.add_node_at(ip, link, Place::Script(id));
        self.scripts.push(ScriptNode::default());
        self.script_nodes.push(node);
        id
    }

    /// Adds a machine that answers by a rule; each connection gets an actor.
    pub fn add_actor(
        &mut self,
        link: LinkSpec,
        make: impl Fn() -> Box<dyn Actor> + 'static,
    ) -> ScriptId {
        let id = self.add_script(link);
        self.scripts[id.0].make_actor = Some(Box::new(make));
        id
    }

    /// Adds a machine that serves like this seed.
    pub fn add_fake_seed(&mut self, link: LinkSpec, seed: FakeSeed) -> ScriptId {
        self.add_actor(link, move || Box::new(seed.clone()))
    }

    /// The address at which a scripted machine listens.
    pub fn script_addr(&self, script: ScriptId) -> std::net::SocketAddr {
        self.net.addr(self.script_nodes[script.0])
    }

    /// What a scripted machine does with incoming connections.
    pub fn set_script_inbound(&mut self, script: ScriptId, inbound: Inbound) {
        self.net.set_inbound(self.script_nodes[script.0], inbound);
    }

    /// Connects a scripted machine to a host; the number names the connection.
    pub fn script_connect(&mut self, script: ScriptId, host: HostId) -> usize {
        let to = self.addr(host);
        let end = self.net.connect(self.script_nodes[script.0], to, self.now);
        let node = &mut self.scripts[script.0];
        let actor = node.make_actor.as_ref().map(|make| make());
        node.conns.push(ScriptConn::new(end, false, actor));
        self.settle_net();
        node_conns(&self.scripts[script.0]) - 1
    }

    /// How many connections a scripted machine had so far.
    pub fn script_conns(&self, script: ScriptId) -> usize {
        node_conns(&self.scripts[script.0])
    }

    /// Speaks as a scripted machine on one of its connections.
    pub fn wire(&mut self, script: ScriptId, conn: usize) -> Wire<'_> {
        if conn >= self.script_conns(script) {
            self.fail("the scripted machine has no such connection");
        }
        Wire {
            world: self,
            script,
            conn,
        }
    }

    pub(super) fn notify_script(&mut self, id: ScriptId, notice: Notice) {
        let now = self.now;
        let node = &mut self.scripts[id.0];
        if let Notice::Incoming { end, .. } = notice {
            let actor = node.make_actor.as_ref().map(|make| make());
            node.conns.push(ScriptConn::new(end, true, actor));
            let at = node.conns.len() - 1;
            let wishes = node.conns[at].connected(now);
            return self.grant(id, at, wishes);
        }
        let (Notice::Connected(of)
        | Notice::ConnectFailed(of, _)
        | Notice::Readable(of)
        | Notice::Writable(of)
        | Notice::Reset(of)) = notice
        else {
            return;
        };
        let Some(at) = node.by_end(of.end) else {
            return;
        };
        match notice {
            Notice::Connected(..) => {
                let wishes = node.conns[at].connected(now);
                self.grant(id, at, wishes);
            }
            Notice::ConnectFailed(..) | Notice::Reset(..) => {
                node.conns[at].end(StreamEnd::Reset);
            }
            Notice::Readable(..) => self.read_script(id, at),
            _ => self.flush_script(id, at),
        }
    }

    fn read_script(&mut self, id: ScriptId, at: usize) {
        loop {
            let conn = &mut self.scripts[id.0].conns[at];
            if conn.deaf || conn.ended.is_some() {
                return;
            }
            let end = conn.end;
            if self.net.at_eof(end) {
                conn.end(StreamEnd::Eof);
                self.net.close(end, self.now);
                return;
            }
            let mut scratch = Vec::new();
            let shared = self.net.read(end, usize::MAX, &mut scratch, self.now);
            let bytes = shared.as_deref().unwrap_or(&scratch);
            if bytes.is_empty() {
                return;
            }
            let wishes = self.scripts[id.0].conns[at].received(bytes, self.now);
            for wish in wishes {
                self.grant(id, at, wish);
            }
        }
    }

    fn grant(&mut self, id: ScriptId, at: usize, wishes: Wishes) {
        if let Some(after) = wishes.wake_after {
            self.queue
                .push(self.now + after, Happening::ScriptWake(id, at));
        }
        if wishes.reset {
            self.reset_script(id, at);
        } else {
            self.flush_script(id, at);
        }
    }

    fn reset_script(&mut self, id: ScriptId, at: usize) {
        let conn = &mut self.scripts[id.0].conns[at];
        conn.end(StreamEnd::Reset);
        conn.outgoing.clear();
        self.net.reset(conn.end, self.now);
    }

    pub(super) fn wake_script(&mut self, id: ScriptId, at: usize) {
        if self.scripts[id.0].conns[at].ended.is_none() {
            let wishes = self.scripts[id.0].conns[at].woken(self.now);
            self.grant(id, at, wishes);
        }
    }

    /// Moves what waits into the pipe.
    fn flush_script(&mut self, id: ScriptId, at: usize) {
        loop {
            let conn = &mut self.scripts[id.0].conns[at];
            if !conn.up || conn.ended.is_some() {
                return;
            }
            let end = conn.end;
            let Some(mut bytes) = conn.outgoing.pop_front() else {
                break;
            };
            let room = self.net.room(end);
            let rest = bytes.split_off(bytes.len().min(room));
            if !rest.is_empty() {
                conn.outgoing.push_front(rest);
            }
            self.net.write(end, bytes, self.now);
            if self.net.room(end) == 0 {
                self.net.want_room(end);
                return;
            }
        }
        let conn = &mut self.scripts[id.0].conns[at];
        let end = conn.end;
        match std::mem::replace(&mut conn.then, Then::Stay) {
            Then::Stay => {}
            Then::HalfClose => self.net.finish_sending(end, self.now),
            Then::Close => {
                conn.end(StreamEnd::Eof);
                self.net.close(end, self.now);
            }
        }
    }
}

fn node_conns(node: &ScriptNode) -> usize {
    node.conns.len()
}

/// One connection of a scripted machine: what the test says and hears.
pub struct Wire<'w> {
    world: &'w mut World,
    script: ScriptId,
    conn: usize,
}

impl Wire<'_> {
    fn state(&mut self) -> &mut ScriptConn {
        &mut self.world.scripts[self.script.0].conns[self.conn]
    }

    /// Sends a message.
    pub fn send(&mut self, frame: Frame) -> &mut Self {
        self.send_raw(frame.to_bytes())
    }

    /// Sends bytes that need not be a message.
    pub fn send_raw(&mut self, bytes: impl Into<Bytes>) -> &mut Self {
        let mut bytes = Vec::from(bytes.into());
        self.state().layers.1.apply(&mut bytes);
        self.state().outgoing.push_back(bytes.into());
        self.world.flush_script(self.script, self.conn);
        self.world.settle_net();
        self
    }

    /// Reads bytes, and no messages, until [`Self::encrypted`].
    pub fn begin_raw(&mut self) -> &mut Self {
        self.state().raw.get_or_insert_default();
        self
    }

    /// Waits until bytes are there that nobody looked at, and takes them; none
    /// if the connection ends instead.
    pub fn take_raw(&mut self) -> Vec<u8> {
        let (script, conn) = (self.script, self.conn);
        self.world.run_until(PATIENCE, |world| {
            let state = &world.scripts[script.0].conns[conn];
            state.raw.as_ref().is_some_and(|raw| !raw.is_empty()) || state.ended.is_some()
        });
        self.state()
            .raw
            .as_mut()
            .map(std::mem::take)
            .unwrap_or_default()
    }

    /// From here on messages are read and sent through these layers; `rest` came
    /// already.
    pub fn encrypted(&mut self, read: Layer, write: Layer, rest: &[u8]) -> &mut Self {
        let now = self.world.now();
        let state = self.state();
        state.raw = None;
        state.layers = (read, write);
        state.received(rest, now);
        self
    }

    /// Shakes hands with these reserved bytes, and waits for the answer.
    pub fn shake_hands(&mut self, content: &Arc<Content>, reserved: [u8; 8]) -> &mut Self {
        let mut peer_id = *b"-TT0001-wire00000000";
        peer_id[18] = b'0' + self.script.0 as u8;
        self.send(Frame::Handshake(reserved, content.swarm().0, peer_id));
        self.expect_some("a handshake", |frame| matches!(frame, Frame::Handshake(..)));
        self
    }

    /// Waits for this message, passing over others.
    pub fn expect(&mut self, wanted: Frame) -> &mut Self {
        self.expect_some(&format!("{wanted:?}"), |frame| *frame == wanted);
        self
    }

    /// Waits for a message that fits, passing over others, and returns it.
    pub fn expect_some(&mut self, what: &str, fits: impl Fn(&Frame) -> bool) -> Frame {
        self.expect_within(PATIENCE, what, fits).1
    }

    /// The same with more patience; returns also when it came.
    pub fn expect_within(
        &mut self,
        patience: Duration,
        what: &str,
        fits: impl Fn(&Frame) -> bool,
    ) -> (Time, Frame) {
        let end = self.world.now() + patience;
        let mut passed = Vec::new();
        loop {
            while let Some((at, frame)) = self.state().inbox.pop_front() {
                if fits(&frame) {
                    return (at, frame);
                }
                passed.push(frame);
            }
            let (script, conn) = (self.script, self.conn);
            let left = end.since(self.world.now());
            let came = self.world.run_until(left, |world| {
                let state = &world.scripts[script.0].conns[conn];
                !state.inbox.is_empty() || state.ended.is_some()
            });
            if !came || self.state().inbox.is_empty() {
                let ended = self.state().ended;
                passed.drain(..passed.len().saturating_sub(12));
                self.world.fail(&format!(
                    "the engine did not send {what}; end: {ended:?}; it sent (last 12): {passed:?}"
                ));
            }
        }
    }

    /// Lets time pass and fails if a message that fits came meanwhile; other
    /// messages are returned.
    pub fn expect_none(
        &mut self,
        time: Duration,
        what: &str,
        fits: impl Fn(&Frame) -> bool,
    ) -> Vec<Frame> {
        self.world.run_for(time);
        let frames: Vec<Frame> = self
            .state()
            .inbox
            .drain(..)
            .map(|(_, frame)| frame)
            .collect();
        if let Some(frame) = frames.iter().find(|frame| fits(frame)) {
            self.world
                .fail(&format!("the engine sent {what}: {frame:?}"));
        }
        frames
    }

    /// Waits for the end of the connection.
    pub fn expect_end(&mut self, patience: Duration) -> StreamEnd {
        let (script, conn) = (self.script, self.conn);
        self.world.run_until(patience, |world| {
            world.scripts[script.0].conns[conn].ended.is_some()
        });
        match self.state().ended {
            Some(end) => end,
            None => self.world.fail("the engine did not close the connection"),
        }
    }

    /// Whether the connection is up.
    pub fn is_up(&mut self) -> bool {
        self.state().up && self.state().ended.is_none()
    }

    /// Leaves what arrives in the pipe, or reads again.
    pub fn set_deaf(&mut self, deaf: bool) -> &mut Self {
        self.state().deaf = deaf;
        self.world.read_script(self.script, self.conn);
        self.world.settle_net();
        self
    }

    /// Sends FIN after what was sent, and goes on reading.
    pub fn half_close(&mut self) -> &mut Self {
        self.state().then = Then::HalfClose;
        self.world.flush_script(self.script, self.conn);
        self.world.settle_net();
        self
    }

    /// Closes after what was sent.
    pub fn close(&mut self) {
        self.state().then = Then::Close;
        self.world.flush_script(self.script, self.conn);
        self.world.settle_net();
    }

    /// Breaks the stream at once.
    pub fn reset(&mut self) {
        self.world.reset_script(self.script, self.conn);
        self.world.settle_net();
    }

    /// The world, for whatever happens beside this connection.
    pub fn world(&mut self) -> &mut World {
        self.world
    }
}
