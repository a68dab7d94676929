//! One TCP stream: two ends, each with what it sends and what it received.

use std::collections::VecDeque;
use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use superseed_engine::Time;

use super::NodeId;

slotmap::new_key_type! {
    /// A stream, until both ends are done with it.
    pub(crate) struct StreamKey;
}

/// One end of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct EndId {
    pub(crate) stream: StreamKey,
    /// 0 is the side that connected.
    pub(crate) side: u8,
}

impl EndId {
    pub(crate) fn other(self) -> Self {
        Self {
            stream: self.stream,
            side: 1 - self.side,
        }
    }
}

/// What travels.
#[derive(Debug)]
pub(crate) enum Segment {
    Data(Bytes),
    Fin,
}

impl Segment {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Data(bytes) => bytes.len(),
            Self::Fin => 0,
        }
    }
}

pub(super) struct End {
    pub(super) node: NodeId,
    pub(super) addr: SocketAddr,
    /// Somebody owns this end.
    pub(super) open: bool,
    /// Written and not yet on the uplink.
    pub(super) send: VecDeque<Bytes>,
    pub(super) send_len: usize,
    pub(super) fin_wanted: bool,
    pub(super) fin_sent: bool,
    /// On the way, or arrived and unread.
    pub(super) in_flight: usize,
    pub(super) waits_for_uplink: bool,
    pub(super) wants_room: bool,
    /// Segments of one direction never overtake each other.
    pub(super) last_arrival: Time,
    /// Waits for the downlink of this end's machine.
    pub(super) arrived: VecDeque<Segment>,
    pub(super) waits_for_downlink: bool,
    /// Delivered and unread.
    inbox: VecDeque<Bytes>,
    pub(super) inbox_len: usize,
    pub(super) eof: bool,
}

impl End {
    fn new(node: NodeId, addr: SocketAddr, open: bool) -> Self {
        Self {
            node,
            addr,
            open,
            send: VecDeque::new(),
            send_len: 0,
            fin_wanted: false,
            fin_sent: false,
            in_flight: 0,
            waits_for_uplink: false,
            wants_room: false,
            last_arrival: Time::START,
            arrived: VecDeque::new(),
            waits_for_downlink: false,
            inbox: VecDeque::new(),
            inbox_len: 0,
            eof: false,
        }
    }

    /// Whether something may go onto the uplink now.
    pub(super) fn can_send(&self, window: usize) -> bool {
        let data = !self.send.is_empty() && self.in_flight < window;
        let fin = self.send.is_empty() && self.fin_wanted && !self.fin_sent;
        data || fin
    }

    /// Takes what goes onto the uplink next, at most `quantum` bytes. As TCP
    /// does it, one segment carries what several writes left waiting: were
    /// each REQUEST a turn of its own, a busy uplink would let a dozen pass in
    /// a second.
    pub(super) fn take_segment(&mut self, quantum: usize) -> Segment {
        let Some(front) = self.send.front() else {
            self.fin_sent = true;
            return Segment::Fin;
        };
        let bytes = if front.len() >= quantum || self.send.len() == 1 {
            self.take_from_front(quantum)
        } else {
            let mut gathered = BytesMut::with_capacity(quantum.min(self.send_len));
            while gathered.len() < quantum && !self.send.is_empty() {
                gathered.extend_from_slice(&self.take_from_front(quantum - gathered.len()));
            }
            gathered.freeze()
        };
        self.send_len -= bytes.len();
        self.in_flight += bytes.len();
        Segment::Data(bytes)
    }

    fn take_from_front(&mut self, max: usize) -> Bytes {
        let Some(front) = self.send.front_mut() else {
            return Bytes::new();
        };
        let bytes = front.split_to(front.len().min(max));
        if front.is_empty() {
            self.send.pop_front();
        }
        bytes
    }

    pub(super) fn deliver(&mut self, bytes: Bytes) {
        self.inbox_len += bytes.len();
        self.inbox.push_back(bytes);
    }

    pub(super) fn take_inbox(&mut self, max: usize) -> Bytes {
        let Some(front) = self.inbox.front_mut() else {
            return Bytes::new();
        };
        let bytes = front.split_to(front.len().min(max));
        if front.is_empty() {
            self.inbox.pop_front();
        }
        self.inbox_len -= bytes.len();
        bytes
    }

    pub(super) fn drop_inbox(&mut self) -> usize {
        self.inbox.clear();
        std::mem::take(&mut self.inbox_len)
    }
}

pub(super) struct Stream {
    ends: [End; 2],
}

impl Stream {
    pub(super) fn new(from: NodeId, local: SocketAddr, target: NodeId, remote: SocketAddr) -> Self {
        Self {
            ends: [End::new(from, local, true), End::new(target, remote, false)],
        }
    }

    pub(super) fn ends(&self) -> &[End; 2] {
        &self.ends
    }

    pub(super) fn end(&self, end: EndId) -> &End {
        &self.ends[usize::from(end.side)]
    }

    pub(super) fn end_mut(&mut self, end: EndId) -> &mut End {
        &mut self.ends[usize::from(end.side)]
    }

    /// Bytes in the buffers of both ends.
    pub(super) fn buffered(&self) -> usize {
        let held = |end: &End| {
            let arrived: usize = end.arrived.iter().map(Segment::len).sum();
            end.send_len + arrived + end.inbox_len
        };
        self.ends.iter().map(held).sum()
    }

    /// Empties every buffer and tells how much that was.
    pub(super) fn drop_all(&mut self) -> usize {
        let dropped = self.buffered();
        for end in &mut self.ends {
            end.send.clear();
            end.send_len = 0;
            end.arrived.clear();
            end.drop_inbox();
        }
        dropped
    }
}
