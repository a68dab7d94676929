//! What we asked of a peer.

use std::collections::VecDeque;

use superseed_proto::layout::Block;

use crate::time::Time;

/// A REQUEST of ours that is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) block: Block,
    pub(crate) at: Time,
    /// When we told the peer that we no longer want it. A Fast peer (BEP 6)
    /// will still answer with PIECE or REJECT: until then it takes a place in
    /// the window, though no memory is kept for it.
    cancelled_at: Option<Time>,
}

impl Asked {
    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancelled_at.is_some()
    }
}

/// The requests at one peer, oldest first. Answers mostly come in this order,
/// so a search from the front ends at once.
#[derive(Debug, Default)]
pub(crate) struct RequestsOut {
    asked: VecDeque<Asked>,
    /// How many of them are cancelled.
    cancelled: usize,
    /// No CANCEL that is not answered is older.
    cancelled_since: Option<Time>,
}

impl RequestsOut {
    pub(crate) fn len(&self) -> usize {
        self.asked.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.asked.is_empty()
    }

    pub(crate) fn push(&mut self, block: Block, at: Time) {
        self.asked.push_back(Asked {
            block,
            at,
            cancelled_at: None,
        });
    }

    /// Takes the request for a block, if there is one.
    pub(crate) fn take(&mut self, block: Block) -> Option<Asked> {
        let at = self.asked.iter().position(|asked| asked.block == block)?;
        let asked = self.asked.remove(at)?;
        self.cancelled -= usize::from(asked.is_cancelled());
        Some(asked)
    }

    /// Marks a request as cancelled; tells whether there was one that was not.
    pub(crate) fn cancel(&mut self, block: Block, now: Time) -> bool {
        let found = self
            .asked
            .iter_mut()
            .find(|asked| asked.block == block && !asked.is_cancelled());
        let Some(asked) = found else { return false };
        asked.cancelled_at = Some(now);
        self.cancelled += 1;
        self.cancelled_since.get_or_insert(now);
        true
    }

    /// No CANCEL that is not answered is older than this.
    pub(crate) fn cancelled_since(&self) -> Option<Time> {
        self.cancelled_since
    }

    /// Forgets requests that were cancelled before `then`: their answers will
    /// not come any more.
    pub(crate) fn expire_cancelled(&mut self, then: Time) {
        if self.cancelled_since.is_none_or(|since| since > then) {
            return;
        }
        let is_old = |asked: &Asked| asked.cancelled_at.is_some_and(|at| at <= then);
        self.asked.retain(|asked| !is_old(asked));
        let left = self.asked.iter().filter_map(|asked| asked.cancelled_at);
        self.cancelled = left.clone().count();
        self.cancelled_since = left.min();
    }

    /// Takes all requests.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Asked> + '_ {
        (self.cancelled, self.cancelled_since) = (0, None);
        self.asked.drain(..)
    }

    /// How many are still wanted.
    pub(crate) fn wanted(&self) -> usize {
        self.asked.len() - self.cancelled
    }

    /// The blocks that are still wanted, the last that was asked for first.
    pub(crate) fn newest_first(&self) -> impl Iterator<Item = Block> + '_ {
        let wanted = self
            .asked
            .iter()
            .rev()
            .filter(|asked| !asked.is_cancelled());
        wanted.map(|asked| asked.block)
    }

    /// When the oldest request that is still wanted was sent.
    pub(crate) fn oldest(&self) -> Option<Time> {
        self.asked
            .iter()
            .find(|asked| !asked.is_cancelled())
            .map(|asked| asked.at)
    }
}

#[cfg(test)]
mod tests {
    use superseed_proto::layout::PieceIndex;

    use super::*;

    fn block(index: u32) -> Block {
        let piece = PieceIndex(0);
        Block { piece, index }
    }

    fn at(seconds: u64) -> Time {
        Time::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn what_was_cancelled_keeps_its_place_and_its_time_until_it_is_answered_or_old() {
        let mut requests = RequestsOut::default();
        for index in 0..4 {
            requests.push(block(index), at(u64::from(index)));
        }
        for (index, now) in [(0, 10), (2, 20)] {
            assert!(requests.cancel(block(index), at(now)));
            assert!(!requests.cancel(block(index), at(now)), "only once");
        }
        assert_eq!((requests.len(), requests.wanted()), (4, 2));
        assert_eq!(requests.oldest(), Some(at(1)));
        assert_eq!(requests.cancelled_since(), Some(at(10)));
        requests.expire_cancelled(at(9));
        assert_eq!(requests.len(), 4);
        requests.expire_cancelled(at(10));
        assert_eq!((requests.len(), requests.wanted()), (3, 2));
        assert_eq!(requests.cancelled_since(), Some(at(20)));
        let answered = requests.take(block(2)).unwrap();
        assert!(answered.is_cancelled());
        assert_eq!(answered.at, at(2), "its round trip began with the REQUEST");
        assert_eq!((requests.len(), requests.wanted()), (2, 2));
    }
}
