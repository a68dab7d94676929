//! Metadata of one stated length, as it comes together.

use core::net::IpAddr;

use bytes::Bytes;
use superseed_proto::wire::METADATA_BLOCK_LEN;

use super::fetch::WholeId;
use super::serve::block_count;
use crate::time::Time;

/// A block that is there, and of whom.
#[derive(Clone, Debug)]
pub(super) struct Got {
    pub(super) bytes: Bytes,
    pub(super) from: IpAddr,
}

/// The blocks of metadata of one length.
#[derive(Clone, Debug)]
pub(super) struct Assembly {
    pub(super) len: u32,
    /// It is fetched of this host alone, to see whether that one lies.
    pub(super) of: Option<IpAddr>,
    blocks: Vec<Option<Got>>,
    missing: usize,
    /// It is whole, and somebody computes what it hashes to.
    pub(super) hashing: Option<WholeId>,
    /// When it was begun.
    pub(super) begun: Time,
    /// When something was last added.
    pub(super) since: Time,
}

impl Assembly {
    pub(super) fn new(len: u32, of: Option<IpAddr>, now: Time) -> Self {
        let blocks = block_count(len) as usize;
        Self {
            len,
            of,
            blocks: vec![None; blocks],
            missing: blocks,
            hashing: None,
            begun: now,
            since: now,
        }
    }

    /// Whether a source that states this length and is on this host adds to it.
    pub(super) fn takes_of(&self, len: u32, host: IpAddr) -> bool {
        self.len == len && self.of.is_none_or(|of| of == host) && self.hashing.is_none()
    }

    /// How long a block is; `None` for one past the end.
    pub(super) fn block_len(len: u32, block: u32) -> Option<usize> {
        let start = block.checked_mul(METADATA_BLOCK_LEN)?;
        let rest = len.checked_sub(start).filter(|rest| *rest > 0)?;
        Some(rest.min(METADATA_BLOCK_LEN) as usize)
    }

    pub(super) fn missing(&self) -> impl Iterator<Item = u32> + '_ {
        let missing = |(at, block): (u32, &Option<Got>)| block.is_none().then_some(at);
        (0..).zip(&self.blocks).filter_map(missing)
    }

    pub(super) fn lacks(&self, block: u32) -> bool {
        self.blocks.get(block as usize).is_some_and(Option::is_none)
    }

    /// Keeps a block of the right length.
    pub(super) fn keep(&mut self, block: u32, got: Got, now: Time) {
        if let Some(place) = self.blocks.get_mut(block as usize)
            && place.is_none()
        {
            *place = Some(got);
            self.missing -= 1;
            self.since = now;
        }
    }

    pub(super) fn is_whole(&self) -> bool {
        self.missing == 0
    }

    /// What is there, in its order.
    pub(super) fn got(&self) -> impl Iterator<Item = (u32, &Got)> {
        let got = |(at, block): (u32, _)| Some((at, Option::as_ref(block)?));
        (0..).zip(&self.blocks).filter_map(got)
    }

    /// Bytes that are there.
    pub(super) fn bytes(&self) -> u64 {
        self.got().map(|(_, got)| got.bytes.len() as u64).sum()
    }
}
