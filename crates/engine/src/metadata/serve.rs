//! What one peer may fetch of our metadata, and in what order it gets it.

use std::collections::VecDeque;

use superseed_proto::wire::METADATA_BLOCK_LEN;

use crate::limits::{METADATA_ASKED_MAX, METADATA_SERVED_TIMES};

/// The requests of one peer for blocks of metadata. They are answered in turn
/// as the stream takes the answers, so that they cost their numbers only.
#[derive(Clone, Debug, Default)]
pub(crate) struct Served {
    asked: VecDeque<u32>,
    /// Blocks that it was sent, or will be.
    granted: u32,
}

/// How many blocks metadata of a length has.
pub(crate) fn block_count(len: u32) -> u32 {
    len.div_ceil(METADATA_BLOCK_LEN)
}

impl Served {
    /// Takes a request, unless the peer has asked for too much. That is several
    /// times the whole, since it may lose what it got (BEP 9 has rejects for
    /// the protection against floods).
    pub(crate) fn ask(&mut self, block: u32, of: u32) -> bool {
        let takes = self.asked.len() < METADATA_ASKED_MAX
            && self.granted < of.saturating_mul(METADATA_SERVED_TIMES);
        if takes {
            self.granted += 1;
            self.asked.push_back(block);
        }
        takes
    }

    /// The block that is to be sent next.
    pub(crate) fn next(&mut self) -> Option<u32> {
        self.asked.pop_front()
    }

    /// How many requests wait.
    pub(crate) fn waiting(&self) -> usize {
        self.asked.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_block_may_be_short_and_counts() {
        assert_eq!(block_count(1), 1);
        assert_eq!(block_count(METADATA_BLOCK_LEN), 1);
        assert_eq!(block_count(METADATA_BLOCK_LEN + 1), 2);
    }

    #[test]
    fn requests_are_answered_in_order_and_a_few_times_only() {
        let mut served = Served::default();
        assert!(served.ask(1, 2) && served.ask(0, 2));
        assert_eq!(
            [served.next(), served.next(), served.next()],
            [Some(1), Some(0), None]
        );
        let more = (0..100).filter(|_| served.ask(0, 2)).count();
        assert_eq!(more, 2 * METADATA_SERVED_TIMES as usize - 2);
    }

    #[test]
    fn requests_without_end_are_not_kept() {
        let mut served = Served::default();
        let taken = (0..10_000).filter(|_| served.ask(0, u32::MAX)).count();
        assert_eq!(
            (taken, served.waiting()),
            (METADATA_ASKED_MAX, METADATA_ASKED_MAX)
        );
    }
}
