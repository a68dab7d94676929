//! A block whose bytes are arriving.

use superseed_proto::layout::Block;

use crate::block::BlockBuf;
use crate::time::Time;

/// The PIECE message that a peer is in the middle of.
#[derive(Debug)]
pub(crate) enum ReceivingBlock {
    /// A block that is wanted, and the buffer it goes to.
    Wanted {
        block: Block,
        buf: BlockBuf,
        /// When it began to come.
        since: Time,
        /// It was asked for, and the picker still counts on this peer for it.
        asked: bool,
    },
    /// Bytes that nobody wants any more; they are counted and dropped.
    Dropped,
}
