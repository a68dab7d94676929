//! Block buffers: the memory that received bytes live in until they are on disk.

use superseed_proto::layout::BLOCK_LEN;

/// One block on its way from a socket to the disk.
///
/// The buffer travels inside a disk job and comes back with its completion, so
/// that the steady state allocates nothing per block (invariant 7).
pub struct BlockBuf {
    bytes: Box<[u8]>,
    len: u32,
}

impl BlockBuf {
    fn new() -> Self {
        Self {
            bytes: vec![0; BLOCK_LEN as usize].into_boxed_slice(),
            len: 0,
        }
    }

    /// The bytes received so far.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len as usize]
    }

    /// Appends what fits and returns how much that was.
    pub fn extend(&mut self, data: &[u8]) -> usize {
        let start = self.len as usize;
        let take = data.len().min(self.bytes.len() - start);
        self.bytes[start..start + take].copy_from_slice(&data[..take]);
        self.len += take as u32;
        take
    }
}

impl std::fmt::Debug for BlockBuf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "BlockBuf({})", self.len)
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
        let mut buf = self.free.pop().unwrap_or_else(BlockBuf::new);
        buf.len = 0;
        buf
    }

    /// Gives a buffer back.
    pub fn give(&mut self, buf: BlockBuf) {
        self.out -= 1;
        if self.free.len() < FREE_BUFFERS_MAX {
            self.free.push(buf);
        }
    }

    /// Bytes held by buffers that are out, whether filled or not.
    pub fn bytes_out(&self) -> u64 {
        self.out as u64 * u64::from(BLOCK_LEN)
    }
}
