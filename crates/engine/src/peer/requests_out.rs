//! What we asked of a peer.

use std::collections::VecDeque;

use superseed_proto::layout::Block;

use crate::time::Time;

/// A REQUEST of ours that is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) block: Block,
    /// When we asked for it, or cancelled it.
    pub(crate) at: Time,
    /// We no longer want it, but a Fast peer (BEP 6) will still answer with
    /// PIECE or REJECT: until then it takes a place in the window.
    pub(crate) cancelled: bool,
}

/// The requests at one peer, oldest first. Answers mostly come in this order,
/// so a search from the front ends at once.
#[derive(Debug, Default)]
pub(crate) struct RequestsOut {
    asked: VecDeque<Asked>,
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
            cancelled: false,
        });
    }

    /// Takes the request for a block, if there is one.
    pub(crate) fn take(&mut self, block: Block) -> Option<Asked> {
        let at = self.asked.iter().position(|asked| asked.block == block)?;
        self.asked.remove(at)
    }

    /// Marks a request as cancelled; tells whether there was one that was not.
    pub(crate) fn cancel(&mut self, block: Block, now: Time) -> bool {
        let found = self
            .asked
            .iter_mut()
            .find(|asked| asked.block == block && !asked.cancelled);
        let Some(asked) = found else { return false };
        (asked.cancelled, asked.at) = (true, now);
        true
    }

    /// Takes requests that were cancelled before `then`: their answers will
    /// not come any more. Returns their blocks.
    pub(crate) fn expire_cancelled(&mut self, then: Time) -> Vec<Block> {
        let mut expired = Vec::new();
        self.asked.retain(|asked| {
            let gone = asked.cancelled && asked.at < then;
            if gone {
                expired.push(asked.block);
            }
            !gone
        });
        expired
    }

    /// Takes all requests.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Asked> + '_ {
        self.asked.drain(..)
    }

    /// How many are still wanted.
    pub(crate) fn wanted(&self) -> usize {
        self.asked.iter().filter(|asked| !asked.cancelled).count()
    }

    /// The blocks that are still wanted, the last that was asked for first.
    pub(crate) fn newest_first(&self) -> impl Iterator<Item = Block> + '_ {
        let wanted = self.asked.iter().rev().filter(|asked| !asked.cancelled);
        wanted.map(|asked| asked.block)
    }

    /// When the oldest request that is still wanted was sent.
    pub(crate) fn oldest(&self) -> Option<Time> {
        self.asked
            .iter()
            .find(|asked| !asked.cancelled)
            .map(|asked| asked.at)
    }
}
