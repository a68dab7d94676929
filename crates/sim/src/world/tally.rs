//! What a machine says and hears, counted from the bytes on its connections.
//!
//! A measurement must not depend on what is measured: the engine's own
//! statistics forget a peer with its connection and know nothing of CHOKE and
//! UNCHOKE. A tally reads the frames (BEP 3) that pass and never the engine.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;

use foldhash::fast::FixedState;

use super::{HostId, World};
use crate::net::EndId;

/// The length of a handshake, which comes before the first frame.
const HANDSHAKE_LEN: usize = 68;
/// Length, id, piece and begin: the longest part of a frame that is read.
const HEAD_LEN: usize = 13;

/// Message ids of BEP 3 that are counted.
mod id {
    pub(super) const CHOKE: u8 = 0;
    pub(super) const UNCHOKE: u8 = 1;
    pub(super) const HAVE: u8 = 4;
    pub(super) const REQUEST: u8 = 6;
    pub(super) const PIECE: u8 = 7;
    pub(super) const CANCEL: u8 = 8;
}

/// The payload and the choke messages of one machine, from the moment it was
/// asked for to the moment its download was complete.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Payload sent, by the address of who got it.
    pub sent: BTreeMap<IpAddr, u64>,
    /// Payload received, useful or not.
    pub received_bytes: u64,
    /// Payload of blocks that came although the machine had taken the request
    /// back on this connection. A block counts when its frame begins.
    pub late_bytes: u64,
    /// Payload of other blocks that had come before, likewise.
    pub duplicate_bytes: u64,
    /// CHOKE and UNCHOKE messages sent.
    pub choke_flips: u64,
    /// All bytes sent on connections to peers, by address.
    pub wire_out: BTreeMap<IpAddr, u64>,
    /// All bytes received on them, by address.
    pub wire_in: BTreeMap<IpAddr, u64>,
    /// Connections and attempts, both ways.
    pub connections: u64,
    /// What of both is not payload.
    pub protocol: Protocol,
}

/// Bytes of messages, sent and received, without the payload of PIECE.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Protocol {
    /// HAVE.
    pub have_bytes: u64,
    /// REQUEST and CANCEL.
    pub request_bytes: u64,
    /// The heads of PIECE.
    pub piece_bytes: u64,
    /// Everything else but handshakes.
    pub other_bytes: u64,
}

impl Protocol {
    fn count(&mut self, id: Option<u8>, bytes: u64) {
        let sum = match id {
            Some(id::HAVE) => &mut self.have_bytes,
            Some(id::REQUEST | id::CANCEL) => &mut self.request_bytes,
            Some(id::PIECE) => &mut self.piece_bytes,
            _ => &mut self.other_bytes,
        };
        *sum += bytes;
    }
}

impl std::ops::AddAssign for Protocol {
    fn add_assign(&mut self, other: Self) {
        self.have_bytes += other.have_bytes;
        self.request_bytes += other.request_bytes;
        self.piece_bytes += other.piece_bytes;
        self.other_bytes += other.other_bytes;
    }
}

impl Tally {
    /// Payload sent to all.
    pub fn sent_bytes(&self) -> u64 {
        self.sent.values().sum()
    }

    /// All bytes sent to peers.
    pub fn wire_out_bytes(&self) -> u64 {
        self.wire_out.values().sum()
    }

    /// All bytes received from peers.
    pub fn wire_in_bytes(&self) -> u64 {
        self.wire_in.values().sum()
    }
}

/// A tally that is still being taken.
#[derive(Default)]
pub(super) struct Counter {
    tally: Tally,
    lines: HashMap<EndId, Line, FixedState>,
    seen: HashSet<(u32, u32), FixedState>,
    closed: bool,
}

/// One connection.
struct Line {
    remote: IpAddr,
    out: Frames,
    back: Frames,
    cancelled: HashSet<(u32, u32), FixedState>,
}

impl Counter {
    /// A connection begins.
    pub(super) fn open(&mut self, end: EndId, remote: IpAddr) {
        if self.closed {
            return;
        }
        self.tally.connections += 1;
        let line = Line {
            remote,
            out: Frames::default(),
            back: Frames::default(),
            cancelled: HashSet::default(),
        };
        self.lines.insert(end, line);
    }

    /// A connection is over.
    pub(super) fn forget(&mut self, end: EndId) {
        self.lines.remove(&end);
    }

    /// The download is complete: nothing counts any more.
    pub(super) fn close(&mut self) {
        self.closed = true;
        self.lines.clear();
    }

    /// The machine sent these bytes.
    pub(super) fn sent(&mut self, end: EndId, bytes: &[u8]) {
        let Some(line) = self.lines.get_mut(&end) else {
            return;
        };
        let tally = &mut self.tally;
        *tally.wire_out.entry(line.remote).or_default() += bytes.len() as u64;
        let cancelled = &mut line.cancelled;
        let payload = line.out.read(bytes, |head| match head {
            Head::Frame(id, bytes) => tally.protocol.count(id, bytes),
            Head::Choke => tally.choke_flips += 1,
            Head::Cancel(piece, begin) => {
                cancelled.insert((piece, begin));
            }
            Head::Piece(..) => {}
        });
        if payload > 0 {
            *tally.sent.entry(line.remote).or_default() += payload;
        }
    }

    /// The machine received these bytes.
    pub(super) fn received(&mut self, end: EndId, bytes: &[u8]) {
        let Some(line) = self.lines.get_mut(&end) else {
            return;
        };
        let (tally, seen) = (&mut self.tally, &mut self.seen);
        *tally.wire_in.entry(line.remote).or_default() += bytes.len() as u64;
        let cancelled = &line.cancelled;
        let payload = line.back.read(bytes, |head| match head {
            Head::Frame(id, bytes) => tally.protocol.count(id, bytes),
            Head::Piece(piece, begin, len) if !seen.insert((piece, begin)) => {
                if cancelled.contains(&(piece, begin)) {
                    tally.late_bytes += len;
                } else {
                    tally.duplicate_bytes += len;
                }
            }
            _ => {}
        });
        tally.received_bytes += payload;
    }
}

/// What counts of a frame.
enum Head {
    /// Any frame: its id, if it is not a keep-alive, and its bytes that are not
    /// payload.
    Frame(Option<u8>, u64),
    /// CHOKE or UNCHOKE.
    Choke,
    /// CANCEL of this piece and begin.
    Cancel(u32, u32),
    /// PIECE: its piece, begin, and the length of its block.
    Piece(u32, u32, u64),
}

/// Cuts a stream of bytes into frames; reads heads and counts payload.
struct Frames {
    head: [u8; HEAD_LEN],
    filled: usize,
    skip: usize,
    payload: bool,
}

impl Default for Frames {
    fn default() -> Self {
        Self {
            head: [0; HEAD_LEN],
            filled: 0,
            skip: HANDSHAKE_LEN,
            payload: false,
        }
    }
}

impl Frames {
    /// Reads on; returns how many of the bytes are payload.
    fn read(&mut self, mut bytes: &[u8], mut on: impl FnMut(Head)) -> u64 {
        let mut payload = 0;
        while !bytes.is_empty() {
            if self.skip > 0 {
                let take = self.skip.min(bytes.len());
                self.skip -= take;
                bytes = &bytes[take..];
                payload += if self.payload { take as u64 } else { 0 };
                continue;
            }
            self.payload = false;
            let take = (self.wanted() - self.filled).min(bytes.len());
            self.head[self.filled..][..take].copy_from_slice(&bytes[..take]);
            self.filled += take;
            bytes = &bytes[take..];
            if self.filled == self.wanted() {
                self.finish(&mut on);
            }
        }
        payload
    }

    fn word(&self, at: usize) -> u32 {
        let bytes = [0, 1, 2, 3].map(|step| self.head[at + step]);
        u32::from_be_bytes(bytes)
    }

    /// How much of the head must be there before more is known.
    fn wanted(&self) -> usize {
        match self.filled {
            0..4 => 4,
            4 if self.word(0) == 0 => 4,
            4 => 5,
            _ if self.is_long() => HEAD_LEN,
            _ => 5,
        }
    }

    fn is_long(&self) -> bool {
        matches!(self.head[4], id::PIECE | id::CANCEL) && self.word(0) >= 9
    }

    fn finish(&mut self, on: &mut impl FnMut(Head)) {
        let len = self.word(0) as usize;
        self.skip = len + 4 - self.filled;
        let long = self.filled == HEAD_LEN;
        let id = (self.filled > 4).then_some(self.head[4]);
        let is_piece = id == Some(id::PIECE) && long;
        let payload = if is_piece { self.skip } else { 0 };
        on(Head::Frame(id, (self.filled + self.skip - payload) as u64));
        if self.filled > 4 {
            match self.head[4] {
                id::CHOKE | id::UNCHOKE => on(Head::Choke),
                id::CANCEL if long => on(Head::Cancel(self.word(5), self.word(9))),
                id::PIECE if long => {
                    self.payload = true;
                    on(Head::Piece(self.word(5), self.word(9), self.skip as u64));
                }
                _ => {}
            }
        }
        self.filled = 0;
    }
}

impl World {
    /// Counts what a host sends and receives from now until its download is
    /// complete.
    pub fn count_wire(&mut self, id: HostId) {
        self.hosts[id.0].counter = Some(Box::default());
    }

    /// What was counted; nothing if [`World::count_wire`] was not called.
    pub fn tally(&self, id: HostId) -> Tally {
        let counter = self.hosts[id.0].counter.as_ref();
        counter.map_or_else(Tally::default, |counter| counter.tally.clone())
    }
}

#[cfg(test)]
mod tests;
