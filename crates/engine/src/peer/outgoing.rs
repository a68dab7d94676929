//! Bytes on their way to one peer: messages, and blocks that are shared.

use std::collections::VecDeque;

use bytes::Bytes;
use smallvec::SmallVec;

use crate::engine::read_cache::RunKey;

/// A run of the queue.
#[derive(Debug)]
enum Segment {
    /// The next bytes of the message buffer.
    Messages(usize),
    /// Payload of a block, shared with the read cache and other peers: a slice
    /// of this run.
    Block(Bytes, RunKey),
}

/// What waits to be sent, in order.
///
/// Messages are encoded into one buffer, blocks are only referenced: the host
/// gathers both in one write without a copy.
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    segments: VecDeque<Segment>,
    messages: Vec<u8>,
    /// Bytes of `messages` that were sent.
    messages_sent: usize,
    /// Bytes of the front segment that were sent.
    front_sent: usize,
    block_bytes: usize,
    block_parts: usize,
    /// The runs that blocks are slices of, and how many of each: a run stays in
    /// memory as long as one of its slices waits.
    runs: SmallVec<[(RunKey, u32); 4]>,
    len: usize,
}

/// What a `Sent` consisted of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SentBytes {
    /// Block payload.
    pub(crate) payload: usize,
    /// Everything else.
    pub(crate) protocol: usize,
}

/// Message bytes kept allocated when the queue runs empty.
const MESSAGES_KEPT: usize = 16 * 1024;

impl Outgoing {
    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes that wait.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Bytes of blocks that wait.
    pub(crate) fn block_bytes(&self) -> usize {
        self.block_bytes
    }

    /// Parts of blocks that wait.
    pub(crate) fn block_parts(&self) -> usize {
        self.block_parts
    }

    /// Whether a part of this run waits.
    pub(crate) fn keeps(&self, run: RunKey) -> bool {
        self.runs.iter().any(|(known, _)| *known == run)
    }

    /// Runs of the read cache that are kept in memory.
    pub(crate) fn runs(&self) -> usize {
        self.runs.len()
    }

    /// Bytes of messages that wait.
    pub(crate) fn message_bytes(&self) -> usize {
        self.len - self.block_bytes
    }

    /// Appends what `encode` writes.
    pub(crate) fn push_message(&mut self, encode: impl FnOnce(&mut Vec<u8>)) {
        let before = self.messages.len();
        encode(&mut self.messages);
        let added = self.messages.len() - before;
        self.len += added;
        if let Some(Segment::Messages(len)) = self.segments.back_mut() {
            *len += added;
        } else {
            self.segments.push_back(Segment::Messages(added));
        }
    }

    /// Appends payload of a block, a slice of `run`.
    pub(crate) fn push_block(&mut self, block: Bytes, run: RunKey) {
        self.len += block.len();
        self.block_bytes += block.len();
        self.block_parts += 1;
        // The last run that was begun is the most likely to go on.
        match self.runs.iter_mut().rev().find(|(known, _)| *known == run) {
            Some((_, slices)) => *slices += 1,
            None => self.runs.push((run, 1)),
        }
        self.segments.push_back(Segment::Block(block, run));
    }

    /// A slice of a run was sent.
    fn let_go(&mut self, run: RunKey) {
        self.block_parts -= 1;
        if let Some(at) = self.runs.iter().position(|(known, _)| *known == run) {
            self.runs[at].1 -= 1;
            if self.runs[at].1 == 0 {
                self.runs.remove(at);
            }
        }
    }

    /// Offers the front of the queue: at most `limit` bytes in at most `slices_max` slices.
    pub(crate) fn offer<'a>(&'a self, limit: usize, slices_max: usize, slices: &mut Vec<&'a [u8]>) {
        slices.extend(self.front(limit).take(slices_max));
    }

    /// Copies the front of the queue, at most `limit` bytes, behind what `to` holds.
    pub(crate) fn copy_front(&self, limit: usize, to: &mut Vec<u8>) {
        self.front(limit)
            .for_each(|bytes| to.extend_from_slice(bytes));
    }

    fn front(&self, limit: usize) -> impl Iterator<Item = &[u8]> {
        let mut left = limit;
        let mut skip = self.front_sent;
        let mut at = self.messages_sent;
        self.segments.iter().map_while(move |segment| {
            if left == 0 {
                return None;
            }
            let bytes = match segment {
                Segment::Messages(len) => {
                    let bytes = &self.messages[at..at + len - skip];
                    at += len - skip;
                    bytes
                }
                Segment::Block(block, _) => &block[skip..],
            };
            skip = 0;
            let take = bytes.len().min(left);
            left -= take;
            Some(&bytes[..take])
        })
    }

    /// Drops bytes that were sent from the front.
    pub(crate) fn sent(&mut self, mut len: usize) -> SentBytes {
        let mut sent = SentBytes::default();
        self.len -= len;
        while len > 0 {
            let Some(front) = self.segments.front() else {
                break;
            };
            let (whole, run) = match front {
                Segment::Messages(len) => (*len, None),
                Segment::Block(block, run) => (block.len(), Some(*run)),
            };
            let take = (whole - self.front_sent).min(len);
            len -= take;
            self.front_sent += take;
            if run.is_some() {
                sent.payload += take;
                self.block_bytes -= take;
            } else {
                sent.protocol += take;
                self.messages_sent += take;
            }
            if self.front_sent == whole {
                self.segments.pop_front();
                self.front_sent = 0;
                if let Some(run) = run {
                    self.let_go(run);
                }
            }
        }
        if self.messages_sent == self.messages.len() {
            self.messages.clear();
            self.messages.shrink_to(MESSAGES_KEPT);
            self.messages_sent = 0;
        } else if self.messages_sent > MESSAGES_KEPT {
            self.messages.drain(..self.messages_sent);
            self.messages_sent = 0;
        }
        sent
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::TorrentKey;
    use proptest::prelude::*;
    use superseed_proto::layout::PieceIndex;

    /// A run of one of three pieces.
    fn run(number: usize) -> RunKey {
        RunKey::of(TorrentKey::default(), PieceIndex(number as u32 % 3), 0)
    }

    proptest! {
        #[test]
        fn bytes_leave_in_order_whatever_the_stream_takes(
            parts in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 1..50)), 1..40),
            takes in prop::collection::vec(1usize..60, 1..200),
        ) {
            let mut outgoing = Outgoing::default();
            let (mut expected, mut payload) = (Vec::new(), 0);
            for (number, (block, bytes)) in parts.iter().enumerate() {
                expected.extend_from_slice(bytes);
                if *block {
                    payload += bytes.len();
                    outgoing.push_block(Bytes::copy_from_slice(bytes), run(number));
                } else {
                    outgoing.push_message(|out| out.extend_from_slice(bytes));
                }
            }
            prop_assert_eq!(outgoing.len, expected.len());
            prop_assert_eq!(outgoing.block_bytes(), payload);
            prop_assert!(outgoing.runs() <= outgoing.block_parts().min(3));
            let (mut got, mut sent_payload) = (Vec::new(), 0);
            for limit in takes.into_iter().chain(std::iter::repeat(7)) {
                let mut slices = Vec::new();
                outgoing.offer(limit, 3, &mut slices);
                if slices.is_empty() {
                    break;
                }
                let taken: Vec<u8> = slices.concat();
                prop_assert!(taken.len() <= limit);
                got.extend_from_slice(&taken);
                sent_payload += outgoing.sent(taken.len()).payload;
            }
            prop_assert_eq!(got, expected);
            prop_assert_eq!(sent_payload, payload);
            prop_assert!(outgoing.is_empty());
            prop_assert_eq!((outgoing.runs(), outgoing.block_parts()), (0, 0));
        }
    }
}
