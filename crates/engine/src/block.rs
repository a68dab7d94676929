//! Block buffers: the memory that received bytes live in until they are on disk.
//!
//! Bytes from a system are copied out of what it was read into. A host that has
//! them in memory which outlives the read lends it instead: the simulator moves
//! gigabytes for a second of its time, and spent a third of it on copies.

use bytes::Bytes;
use superseed_proto::layout::BLOCK_LEN;

/// One block on its way from a socket to the disk.
///
/// The buffer travels inside a disk job and comes back with its completion, so
/// that the steady state allocates nothing per block (invariant 7).
#[derive(Default)]
pub struct BlockBuf {
    /// With room for one block from the first byte on that is copied.
    own: Vec<u8>,
    /// The whole block, where it lies in memory that others hold as well.
    shared: Option<Bytes>,
}

impl BlockBuf {
    /// The bytes received so far.
    pub fn bytes(&self) -> &[u8] {
        match &self.shared {
            Some(shared) => shared,
            None => &self.own,
        }
    }

    /// Appends what fits and returns how much that was.
    pub fn extend(&mut self, data: &[u8]) -> usize {
        let room = BLOCK_LEN as usize - self.own.len();
        let take = data.len().min(room);
        self.own.reserve_exact(room);
        self.own.extend_from_slice(&data[..take]);
        take
    }

    /// Takes a whole block without copying it, in the place of what was there.
    pub fn share(&mut self, block: Bytes) {
        self.shared = Some(block);
    }
}

impl std::fmt::Debug for BlockBuf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "BlockBuf({})", self.bytes().len())
    }
}

/// Free block buffers, and a count of those that are out.
#[derive(Debug, Default)]
pub struct BlockPool {
    free: Vec<BlockBuf>,
    out: usize,
}

/// How many free buffers are kept for re-use; the rest go back to the allocator.
const FREE_BUFFERS_MAX: usize = 512;

impl BlockPool {
    /// An empty buffer.
    pub fn take(&mut self) -> BlockBuf {
        self.out += 1;
        self.free.pop().unwrap_or_default()
    }

    /// Gives a buffer back.
    pub fn give(&mut self, mut buf: BlockBuf) {
        self.out -= 1;
        buf.own.clear();
        buf.shared = None;
        if self.free.len() < FREE_BUFFERS_MAX {
            self.free.push(buf);
        }
    }

    /// Bytes held by buffers that are out, whether filled or not.
    pub fn bytes_out(&self) -> u64 {
        self.out as u64 * u64::from(BLOCK_LEN)
    }
}
