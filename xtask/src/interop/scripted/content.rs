//! What scripted peers serve.

use std::sync::Arc;

/// A torrent's bytes, shared by all peers of a case.
#[derive(Clone, Debug)]
pub(in crate::interop) struct Content {
    bytes: Arc<Vec<u8>>,
    piece_len: usize,
    piece_count: usize,
}

impl Content {
    /// The content of a single-file torrent.
    pub(in crate::interop) fn of(bytes: Vec<u8>, piece_len: usize) -> Self {
        let piece_count = bytes.len().div_ceil(piece_len);
        Self {
            bytes: Arc::new(bytes),
            piece_len,
            piece_count,
        }
    }

    /// The same piece over and over, so that 16 GiB cost 16 MiB.
    pub(in crate::interop) fn repeated(piece: Vec<u8>, piece_count: usize) -> Self {
        let piece_len = piece.len();
        Self {
            bytes: Arc::new(piece),
            piece_len,
            piece_count,
        }
    }

    /// How many pieces there are.
    pub(in crate::interop) fn piece_count(&self) -> usize {
        self.piece_count
    }

    /// How many blocks of 16 KiB there are.
    pub(in crate::interop) fn block_count(&self) -> usize {
        // Pieces are whole multiples of a block, but for the last.
        let whole = self.piece_len * (self.piece_count - 1);
        let last = match self.bytes.len() == self.piece_len {
            true => self.piece_len,
            false => self.bytes.len() - whole,
        };
        (whole + last).div_ceil(1 << 14)
    }

    /// The bytes of a block; none where the torrent has no such block.
    pub(super) fn block(&self, piece: u32, begin: u32, len: u32) -> Option<&[u8]> {
        let piece = usize::try_from(piece).ok()?;
        let is_repeated = self.bytes.len() == self.piece_len;
        let first = if is_repeated {
            0
        } else {
            piece * self.piece_len
        };
        let start = first + usize::try_from(begin).ok()?;
        let end = start + usize::try_from(len).ok()?;
        (piece < self.piece_count).then_some(())?;
        self.bytes.get(start..end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_counted_and_found_in_whole_and_repeated_content() {
        let block = 1 << 14;
        let whole = Content::of(vec![1; 5 * block + 1], 2 * block);
        assert_eq!((whole.piece_count(), whole.block_count()), (3, 6));
        assert!(whole.block(2, 1 << 14, 1).is_some());
        assert!(whole.block(2, 1 << 14, 2).is_none());
        let repeated = Content::repeated(vec![2; 2 * block], 4);
        assert_eq!((repeated.piece_count(), repeated.block_count()), (4, 8));
        assert!(repeated.block(3, 1 << 14, 1 << 14).is_some());
        assert!(repeated.block(4, 0, 1).is_none());
    }
}
