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

use super::{NodeId, Owned};

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

/// Bytes that came from one place.
enum Run {
    /// So many of the bytes that were copied.
    Copied(usize),
    /// Bytes that others hold as well.
    Shared(Bytes),
}

/// Bytes in order. What was copied is gathered, so that a read gives all the
/// messages between two blocks, as that of a system would.
#[derive(Default)]
struct Pipe {
    runs: VecDeque<Run>,
    copied: VecDeque<u8>,
    len: usize,
}

impl Pipe {
    fn share(&mut self, bytes: Bytes) {
        self.len += bytes.len();
        self.runs.push_back(Run::Shared(bytes));
    }

    fn copy(&mut self, bytes: &[u8]) {
        self.len += bytes.len();
        self.copied.extend(bytes);
        match self.runs.back_mut() {
            Some(Run::Copied(len)) => *len += bytes.len(),
            _ => self.runs.push_back(Run::Copied(bytes.len())),
        }
    }

    /// Takes bytes from the front, of one run: what others hold as it is, and
    /// what was copied into the place of what is in `copy`.
    fn take(&mut self, max: usize, copy: &mut Vec<u8>) -> Option<Bytes> {
        copy.clear();
        let front = self.runs.front_mut()?;
        let (shared, taken, left) = match front {
            Run::Copied(len) => {
                let taken = max.min(*len);
                let (first, second) = self.copied.as_slices();
                let of_first = taken.min(first.len());
                copy.extend_from_slice(&first[..of_first]);
                copy.extend_from_slice(&second[..taken - of_first]);
                self.copied.drain(..taken);
                *len -= taken;
                (None, taken, *len)
            }
            Run::Shared(bytes) => {
                let shared = bytes.split_to(max.min(bytes.len()));
                let taken = shared.len();
                (Some(shared), taken, bytes.len())
            }
        };
        if left == 0 {
            self.runs.pop_front();
        }
        self.len -= taken;
        shared
    }

    fn drop_front(&mut self, len: usize) {
        let (kept, mut copy) = (self.len - len, Vec::new());
        while self.len > kept {
            self.take(self.len - kept, &mut copy);
        }
    }

    fn drop_back(&mut self, len: usize) {
        self.len -= len;
        let (mut kept, mut runs, mut copied) = (self.len, 0, 0);
        while kept > 0 {
            kept -= match &mut self.runs[runs] {
                Run::Copied(len) => {
                    *len = kept.min(*len);
                    copied += *len;
                    *len
                }
                Run::Shared(bytes) => {
                    bytes.truncate(kept);
                    bytes.len()
                }
            };
            runs += 1;
        }
        self.runs.truncate(runs);
        self.copied.truncate(copied);
    }

    /// How many bytes there are, counted anew.
    fn count(&self) -> usize {
        let lens = self.runs.iter().map(|run| match run {
            Run::Copied(len) => *len,
            Run::Shared(bytes) => bytes.len(),
        });
        lens.sum()
    }
}

/// Less than this is not worth a segment of its own.
const CUT_MIN: usize = 8 << 10;

/// Where segments end among the bytes that are not sent: behind each block. So
/// a segment is the messages before a block and the block, and costs two reads,
/// where it would else be the end of one block and most of the next.
#[derive(Default)]
struct Cuts {
    /// How much lies between one cut and the next.
    lens: VecDeque<usize>,
    /// How much lies behind the last cut.
    open: usize,
    ends_in_block: bool,
}

impl Cuts {
    fn share(&mut self, len: usize) {
        self.open += len;
        self.ends_in_block = true;
    }

    fn copy(&mut self, len: usize) {
        if self.ends_in_block && self.open >= CUT_MIN {
            self.lens.push_back(std::mem::take(&mut self.open));
        }
        self.open += len;
        self.ends_in_block = false;
    }

    /// Takes at most `max` bytes up to the next cut; tells how many.
    fn take(&mut self, max: usize) -> usize {
        let front = self.lens.front_mut();
        let next = front.unwrap_or(&mut self.open);
        let taken = max.min(*next);
        *next -= taken;
        if self.lens.front() == Some(&0) {
            self.lens.pop_front();
        }
        taken
    }
}

pub(super) struct End {
    pub(super) node: NodeId,
    pub(super) addr: SocketAddr,
    /// What its owner calls it.
    pub(super) owner: u64,
    /// Somebody owns this end.
    pub(super) open: bool,
    /// What this end wrote and the other has not read.
    pipe: Pipe,
    /// Written and not yet on the uplink.
    pub(super) unsent: usize,
    cuts: Cuts,
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
            owner: 0,
            open,
            pipe: Pipe::default(),
            unsent: 0,
            cuts: Cuts::default(),
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

    /// Takes bytes that others hold as well.
    pub(super) fn share(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.unsent += bytes.len();
            self.cuts.share(bytes.len());
            self.pipe.share(bytes);
        }
    }

    /// Takes a copy of bytes.
    pub(super) fn copy(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.unsent += bytes.len();
            self.cuts.copy(bytes.len());
            self.pipe.copy(bytes);
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
        let len = self.cuts.take(self.unsent.min(quantum));
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

    /// An end as its owner knows it.
    pub(super) fn owned(&self, end: EndId) -> Owned {
        let End { node, owner, .. } = *self.end(end);
        Owned { node, end, owner }
    }

    /// Bytes that were written and neither read nor lost.
    pub(super) fn in_pipe(&self) -> usize {
        self.ends.iter().map(|end| end.pipe.count()).sum()
    }

    /// Takes bytes that were delivered to an end, of one run, and copies them
    /// unless others hold them as well.
    pub(super) fn take_unread(
        &mut self,
        end: EndId,
        max: usize,
        copy: &mut Vec<u8>,
    ) -> Option<Bytes> {
        let max = self.end(end).unread.min(max);
        let shared = self.end_mut(end.other()).pipe.take(max, copy);
        self.end_mut(end).unread -= shared.as_ref().map_or(copy.len(), Bytes::len);
        shared
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
        end.cuts = Cuts::default();
        end.pipe.drop_back(len);
        len
    }

    /// Loses a segment that arrives at an end which nobody reads.
    pub(super) fn drop_arriving(&mut self, end: EndId, len: usize) {
        self.end_mut(end.other()).pipe.drop_front(len);
    }
}
