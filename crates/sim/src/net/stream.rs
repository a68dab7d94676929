//! One TCP stream: two ends, each with what it sends and what it received.
//!
//! The bytes of a direction stay in one queue from the moment they are written
//! until they are read, since segments of one direction never overtake each
//! other; that they move is only counted:
//!
//! ```text
//!  read ◀── unread │ arrived │ on the way │ unsent ◀── written
//! ```

use std::collections::VecDeque;
use std::net::SocketAddr;

use bytes::Bytes;
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

/// What travels: so many bytes of the stream, or its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Segment {
    Data(u32),
    Fin,
}

impl Segment {
    pub(crate) fn len(self) -> usize {
        match self {
            Self::Data(len) => len as usize,
            Self::Fin => 0,
        }
    }
}

/// Bytes in order, in the runs in which they were written.
#[derive(Default)]
struct Pipe {
    runs: VecDeque<Bytes>,
    len: usize,
}

impl Pipe {
    fn push(&mut self, bytes: Bytes) {
        self.len += bytes.len();
        self.runs.push_back(bytes);
    }

    /// Takes bytes from the front, of one run.
    fn take(&mut self, max: usize) -> Bytes {
        let Some(front) = self.runs.front_mut() else {
            return Bytes::new();
        };
        let taken = if front.len() <= max {
            self.runs.pop_front().unwrap_or_default()
        } else {
            front.split_to(max)
        };
        self.len -= taken.len();
        taken
    }

    fn drop_front(&mut self, mut len: usize) {
        while len > 0 {
            len -= self.take(len).len();
        }
    }

    fn drop_back(&mut self, len: usize) {
        let mut kept = self.len - len;
        self.len = kept;
        let mut runs = 0;
        while kept > 0 {
            let run = &mut self.runs[runs];
            run.truncate(kept);
            kept -= run.len();
            runs += 1;
        }
        self.runs.truncate(runs);
    }
}

pub(super) struct End {
    pub(super) node: NodeId,
    pub(super) addr: SocketAddr,
    /// Somebody owns this end.
    pub(super) open: bool,
    /// What this end wrote and the other has not read.
    pipe: Pipe,
    /// Written and not yet on the uplink.
    pub(super) unsent: usize,
    pub(super) fin_wanted: bool,
    fin_sent: bool,
    pub(super) waits_for_uplink: bool,
    pub(super) wants_room: bool,
    /// Segments of one direction never overtake each other.
    pub(super) last_arrival: Time,
    /// Waits for the downlink of this end's machine.
    pub(super) arrived: VecDeque<Segment>,
    pub(super) waits_for_downlink: bool,
    /// Delivered to this end and unread, in the pipe of the other.
    pub(super) unread: usize,
    pub(super) eof: bool,
}

impl End {
    fn new(node: NodeId, addr: SocketAddr, open: bool) -> Self {
        Self {
            node,
            addr,
            open,
            pipe: Pipe::default(),
            unsent: 0,
            fin_wanted: false,
            fin_sent: false,
            waits_for_uplink: false,
            wants_room: false,
            last_arrival: Time::START,
            arrived: VecDeque::new(),
            waits_for_downlink: false,
            unread: 0,
            eof: false,
        }
    }

    /// Bytes on the way, or arrived and unread.
    fn in_flight(&self) -> usize {
        self.pipe.len - self.unsent
    }

    pub(super) fn write(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.unsent += bytes.len();
            self.pipe.push(bytes);
        }
    }

    /// Whether something may go onto the uplink now.
    pub(super) fn can_send(&self, window: usize) -> bool {
        let data = self.unsent > 0 && self.in_flight() < window;
        let fin = self.unsent == 0 && self.fin_wanted && !self.fin_sent;
        data || fin
    }

    /// Takes what goes onto the uplink next, at most `quantum` bytes.
    pub(super) fn take_segment(&mut self, quantum: usize) -> Segment {
        if self.unsent == 0 {
            self.fin_sent = true;
            return Segment::Fin;
        }
        let len = self.unsent.min(quantum);
        self.unsent -= len;
        Segment::Data(len as u32)
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

    /// Bytes that were written and neither read nor lost.
    pub(super) fn in_pipe(&self) -> usize {
        let runs = self.ends.iter().flat_map(|end| &end.pipe.runs);
        runs.map(Bytes::len).sum()
    }

    /// Takes bytes that were delivered to an end, of one run.
    pub(super) fn take_unread(&mut self, end: EndId, max: usize) -> Bytes {
        let max = self.end(end).unread.min(max);
        let bytes = self.end_mut(end.other()).pipe.take(max);
        self.end_mut(end).unread -= bytes.len();
        bytes
    }

    /// Loses what was delivered to an end and not read; tells how much that was.
    pub(super) fn drop_unread(&mut self, end: EndId) -> usize {
        let len = std::mem::take(&mut self.end_mut(end).unread);
        self.end_mut(end.other()).pipe.drop_front(len);
        len
    }

    /// Loses what an end wrote and did not send; tells how much that was.
    pub(super) fn drop_unsent(&mut self, end: EndId) -> usize {
        let end = self.end_mut(end);
        let len = std::mem::take(&mut end.unsent);
        end.pipe.drop_back(len);
        len
    }

    /// Loses a segment that arrives at an end which nobody reads.
    pub(super) fn drop_arriving(&mut self, end: EndId, len: usize) {
        self.end_mut(end.other()).pipe.drop_front(len);
    }
}
