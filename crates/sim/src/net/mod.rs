//! The network: nodes with links, and TCP streams between them.
//!
//! Knows bytes, time and addresses; never what the bytes mean or who owns an
//! end. Every call leaves its consequences in two lists that the world
//! drains: events to come (`Net::due`) and notices for the owners of ends.
//!
//! Divergence from real TCP: no loss and no congestion control (a link is
//! shared by turns, a segment each, so flows are fair), and credit for
//! consumed bytes returns at once.

mod link;
mod spec;
mod stream;

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use slotmap::SlotMap;
use superseed_engine::Time;

use crate::rng::Rng;
use link::Lane;
pub use spec::{ByteLedger, DatagramFaults, Inbound, LinkSpec};
pub(crate) use stream::{EndId, Segment};
use stream::{Stream, StreamKey};

/// How long a system tries to connect to silence (Linux: six SYN
/// retransmissions, 127 s).
const SYN_GIVES_UP: Duration = Duration::from_secs(127);

/// A machine on the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub(crate) u32);

struct Node {
    ip: IpAddr,
    port: u16,
    inbound: Inbound,
    spec: LinkSpec,
    up: Lane,
    down: Lane,
    next_ephemeral: u16,
}

/// What the network does later.
pub(crate) enum NetEvent {
    Syn(EndId),
    Established(EndId),
    ConnectEnds(EndId, ConnectEnd),
    UplinkFree(NodeId),
    Arrive(EndId, Segment),
    DownlinkFree(NodeId),
    Reset(EndId),
}

/// Why a connection could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConnectEnd {
    Refused,
    TimedOut,
}

/// News for the owner of an end.
pub(crate) enum Notice {
    Incoming {
        node: NodeId,
        end: EndId,
        remote: SocketAddr,
    },
    Connected(Owned),
    ConnectFailed(Owned, ConnectEnd),
    /// Bytes, or the end of the stream, can be read.
    Readable(Owned),
    /// The send buffer has room again.
    Writable(Owned),
    Reset(Owned),
}

/// An end, and whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Owned {
    pub(crate) node: NodeId,
    pub(crate) end: EndId,
    /// The number that [`Net::set_owner`] gave it.
    pub(crate) owner: u64,
}

/// All machines and streams.
pub(crate) struct Net {
    nodes: Vec<Node>,
    by_ip: HashMap<IpAddr, NodeId>,
    streams: SlotMap<StreamKey, Stream>,
    ledger: ByteLedger,
    rng: Rng,
    pub(crate) due: Vec<(Time, NetEvent)>,
    pub(crate) notices: VecDeque<Notice>,
}

impl Net {
    pub(crate) fn new(rng: Rng) -> Self {
        Self {
            nodes: Vec::new(),
            by_ip: HashMap::new(),
            streams: SlotMap::with_key(),
            ledger: ByteLedger::default(),
            rng,
            due: Vec::new(),
            notices: VecDeque::new(),
        }
    }

    pub(crate) fn add_node(&mut self, ip: IpAddr, port: u16, spec: LinkSpec) -> NodeId {
        let id = NodeId(self.nodes.len() as u32);
        self.nodes.push(Node {
            ip,
            port,
            inbound: Inbound::Open,
            up: Lane::new(spec.up_bytes_per_s),
            down: Lane::new(spec.down_bytes_per_s),
            spec,
            next_ephemeral: 40_000,
        });
        let before = self.by_ip.insert(ip, id);
        assert!(before.is_none(), "two machines have the address {ip}");
        id
    }

    pub(crate) fn set_inbound(&mut self, node: NodeId, inbound: Inbound) {
        self.node(node).inbound = inbound;
    }

    pub(crate) fn inbound(&self, node: NodeId) -> Inbound {
        self.nodes[node.0 as usize].inbound
    }

    pub(crate) fn addr(&self, node: NodeId) -> SocketAddr {
        let node = &self.nodes[node.0 as usize];
        SocketAddr::new(node.ip, node.port)
    }

    pub(crate) fn node_at(&self, ip: IpAddr) -> Option<NodeId> {
        self.by_ip.get(&ip).copied()
    }

    /// The machine at the other end of a stream.
    pub(crate) fn remote_ip(&self, end: EndId) -> Option<IpAddr> {
        let stream = self.streams.get(end.stream)?;
        Some(stream.end(end.other()).addr.ip())
    }

    fn node(&mut self, id: NodeId) -> &mut Node {
        &mut self.nodes[id.0 as usize]
    }

    /// The one-way delay between two machines, this time.
    pub(crate) fn delay(&mut self, a: NodeId, b: NodeId) -> Duration {
        let (a, b) = (
            &self.nodes[a.0 as usize].spec,
            &self.nodes[b.0 as usize].spec,
        );
        let jitter = a.jitter + b.jitter;
        let fixed = a.latency + b.latency;
        fixed + self.rng.up_to(jitter)
    }

    pub(crate) fn latency(&self, node: NodeId) -> Duration {
        self.nodes[node.0 as usize].spec.latency
    }

    /// When the copies of a datagram arrive that a machine sends or receives
    /// over a path of this delay: none, one or two.
    pub(crate) fn datagram(&mut self, node: NodeId, path: Duration) -> Vec<Duration> {
        let faults = self.nodes[node.0 as usize].spec.datagrams;
        let rng = &mut self.rng;
        let copies = if rng.chance(faults.loss) {
            0
        } else {
            1 + u8::from(rng.chance(faults.duplication))
        };
        (0..copies)
            .map(|_| path + rng.up_to(faults.reordering))
            .collect()
    }

    /// Begins to connect; the answer is a notice.
    pub(crate) fn connect(&mut self, from: NodeId, to: SocketAddr, now: Time) -> EndId {
        let node = self.node(from);
        node.next_ephemeral = node.next_ephemeral.checked_add(1).unwrap_or(40_000);
        let local = SocketAddr::new(node.ip, node.next_ephemeral);
        let target = self.node_at(to.ip());
        let stream = self
            .streams
            .insert(Stream::new(from, local, target.unwrap_or(from), to));
        let initiator = EndId { stream, side: 0 };
        match target {
            Some(target) => {
                let at = now + self.delay(from, target);
                self.due.push((at, NetEvent::Syn(initiator.other())));
            }
            None => {
                let gives_up = NetEvent::ConnectEnds(initiator, ConnectEnd::TimedOut);
                self.due.push((now + SYN_GIVES_UP, gives_up));
            }
        }
        initiator
    }

    fn syn(&mut self, acceptor: EndId, now: Time) {
        let Some(stream) = self.streams.get(acceptor.stream) else {
            return;
        };
        let (from, to) = (stream.end(acceptor.other()), stream.end(acceptor));
        let (initiator, target) = (from.node, to.node);
        let (remote, wanted_port) = (from.addr, to.addr.port());
        let node = &self.nodes[target.0 as usize];
        let inbound = match node.inbound {
            Inbound::Open if node.port != wanted_port => Inbound::Refused,
            inbound => inbound,
        };
        let back = now + self.delay(target, initiator);
        match inbound {
            Inbound::Silent => {
                let gives_up = NetEvent::ConnectEnds(acceptor.other(), ConnectEnd::TimedOut);
                self.due.push((now + SYN_GIVES_UP, gives_up));
            }
            Inbound::Refused => {
                let refused = NetEvent::ConnectEnds(acceptor.other(), ConnectEnd::Refused);
                self.due.push((back, refused));
            }
            Inbound::Open => {
                self.streams[acceptor.stream].end_mut(acceptor).open = true;
                // What the acceptor sends at once may not overtake the SYN ACK.
                self.streams[acceptor.stream].end_mut(acceptor).last_arrival = back;
                self.due
                    .push((back, NetEvent::Established(acceptor.other())));
                self.notices.push_back(Notice::Incoming {
                    node: target,
                    end: acceptor,
                    remote,
                });
            }
        }
    }

    /// Lets an event of this network happen.
    pub(crate) fn handle(&mut self, event: NetEvent, now: Time) {
        match event {
            NetEvent::Syn(acceptor) => self.syn(acceptor, now),
            NetEvent::Established(end) => {
                if let Some(stream) = self.streams.get(end.stream) {
                    self.notices.push_back(Notice::Connected(stream.owned(end)));
                }
            }
            NetEvent::ConnectEnds(end, why) => {
                if let Some(stream) = self.streams.remove(end.stream) {
                    let failed = Notice::ConnectFailed(stream.owned(end), why);
                    self.notices.push_back(failed);
                }
            }
            NetEvent::UplinkFree(node) => self.uplink_free(node, now),
            NetEvent::Arrive(end, segment) => self.arrive(end, segment, now),
            NetEvent::DownlinkFree(node) => self.downlink_free(node, now),
            NetEvent::Reset(end) => self.reset_arrives(end),
        }
    }

    /// Gives an end a number that comes with all news of it.
    pub(crate) fn set_owner(&mut self, end: EndId, owner: u64) {
        if let Some(stream) = self.streams.get_mut(end.stream) {
            stream.end_mut(end).owner = owner;
        }
    }

    /// How many bytes the stream takes now.
    pub(crate) fn room(&self, end: EndId) -> usize {
        self.streams.get(end.stream).map_or(0, |stream| {
            let end = stream.end(end);
            let cap = self.nodes[end.node.0 as usize].spec.send_buffer_bytes;
            cap.saturating_sub(end.unsent)
        })
    }

    /// Whether bytes of the stream wait for their turn.
    pub(crate) fn has_unsent(&self, end: EndId) -> bool {
        let stream = self.streams.get(end.stream);
        stream.is_some_and(|stream| stream.end(end).unsent > 0)
    }

    /// Asks for a [`Notice::Writable`] when half of the send buffer is free.
    pub(crate) fn want_room(&mut self, end: EndId) {
        if let Some(stream) = self.streams.get_mut(end.stream) {
            stream.end_mut(end).wants_room = true;
        }
    }

    /// Puts bytes into the send buffer and lets them leave; the caller looked
    /// at [`Net::room`], and puts in no more than the rest of a block beyond it.
    pub(crate) fn write(&mut self, end: EndId, bytes: Bytes, now: Time) {
        self.share(end, bytes);
        self.push(end, now);
    }

    /// Puts bytes that others hold as well into the send buffer, where more may
    /// follow before [`Net::push`].
    pub(crate) fn share(&mut self, end: EndId, bytes: Bytes) {
        self.ledger.sent += bytes.len() as u64;
        match self.streams.get_mut(end.stream) {
            Some(stream) => stream.end_mut(end).share(bytes),
            None => self.drop_bytes(bytes.len()),
        }
    }

    /// The same with a copy of bytes.
    pub(crate) fn copy(&mut self, end: EndId, bytes: &[u8]) {
        self.ledger.sent += bytes.len() as u64;
        match self.streams.get_mut(end.stream) {
            Some(stream) => stream.end_mut(end).copy(bytes),
            None => self.drop_bytes(bytes.len()),
        }
    }

    /// Lets leave what was put into the send buffer.
    pub(crate) fn push(&mut self, end: EndId, now: Time) {
        self.offer_uplink(end, now);
    }

    /// Bytes that can be read now.
    pub(crate) fn readable(&self, end: EndId) -> usize {
        self.streams
            .get(end.stream)
            .map_or(0, |stream| stream.end(end).unread)
    }

    /// Whether everything was read and the other side sent its FIN.
    pub(crate) fn at_eof(&self, end: EndId) -> bool {
        self.streams.get(end.stream).is_some_and(|stream| {
            let end = stream.end(end);
            end.eof && end.unread == 0
        })
    }

    /// Takes up to `max` bytes, at most one run of them: those that others hold
    /// as well as they are, and a copy of others in the place of what is in
    /// `copy`.
    pub(crate) fn read(
        &mut self,
        end: EndId,
        max: usize,
        copy: &mut Vec<u8>,
        now: Time,
    ) -> Option<Bytes> {
        copy.clear();
        let stream = self.streams.get_mut(end.stream)?;
        let shared = stream.take_unread(end, max, copy);
        self.ledger.received += shared.as_ref().map_or(copy.len(), Bytes::len) as u64;
        self.offer_uplink(end.other(), now);
        shared
    }

    /// The owner is done with its end: what it wrote still goes out, then FIN.
    pub(crate) fn close(&mut self, end: EndId, now: Time) {
        if let Some(stream) = self.streams.get_mut(end.stream) {
            stream.end_mut(end).open = false;
            let lost = stream.drop_unread(end);
            self.drop_bytes(lost);
            self.finish_sending(end, now);
        }
    }

    /// Sends FIN after what was written; the end can still read.
    pub(crate) fn finish_sending(&mut self, end: EndId, now: Time) {
        if let Some(stream) = self.streams.get_mut(end.stream) {
            stream.end_mut(end).fin_wanted = true;
            self.offer_uplink(end, now);
            self.forget_if_over(end);
        }
    }

    /// Breaks the stream: nothing more leaves, the other side sees a reset.
    pub(crate) fn reset(&mut self, end: EndId, now: Time) {
        let Some(stream) = self.streams.get_mut(end.stream) else {
            return;
        };
        let (from, to) = (stream.end(end).node, stream.end(end.other()).node);
        stream.end_mut(end).open = false;
        let lost = stream.drop_unread(end) + stream.drop_unsent(end);
        self.drop_bytes(lost);
        let at = now + self.delay(from, to);
        self.due.push((at, NetEvent::Reset(end.other())));
        self.forget_if_over(end);
    }

    fn reset_arrives(&mut self, end: EndId) {
        let Some(stream) = self.streams.remove(end.stream) else {
            return;
        };
        self.drop_bytes(stream.in_pipe());
        let receiver = stream.end(end);
        if receiver.open {
            self.notices.push_back(Notice::Reset(stream.owned(end)));
        }
    }

    /// A stream that nobody holds is gone as soon as nothing waits to be sent.
    fn forget_if_over(&mut self, end: EndId) {
        let over = self
            .streams
            .get(end.stream)
            .is_some_and(|stream| stream.ends().iter().all(|end| !end.open));
        if over && let Some(stream) = self.streams.remove(end.stream) {
            self.drop_bytes(stream.in_pipe());
        }
    }

    fn drop_bytes(&mut self, len: usize) {
        self.ledger.dropped += len as u64;
    }

    /// Where all bytes are; wrong sums mean that the simulator lost some.
    pub(crate) fn check_ledger(&self) -> Result<ByteLedger, String> {
        let in_pipes: usize = self.streams.values().map(Stream::in_pipe).sum();
        let ledger = self.ledger;
        if ledger.sent == ledger.received + ledger.dropped + in_pipes as u64 {
            Ok(ledger)
        } else {
            Err(format!(
                "{ledger:?} and {in_pipes} bytes in pipes do not add up"
            ))
        }
    }
}

#[cfg(test)]
mod tests;
