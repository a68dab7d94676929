//! How a torrent's bytes are cut: pieces, blocks and files.

use std::ops::Range;

/// The length of a block: what one REQUEST asks for (BEP 3).
pub const BLOCK_LEN: u32 = 16 * 1024;

/// A piece of one layout, 0-based.
///
/// Wire decoders yield raw `u32`s; [`Layout::piece`] checks them against the
/// torrent and makes this type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PieceIndex(pub u32);

/// A file of one torrent, 0-based, in the order of the metainfo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileIndex(pub u32);

/// A block: the `index`-th run of [`BLOCK_LEN`] bytes of a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Block {
    /// The piece.
    pub piece: PieceIndex,
    /// The block in the piece, 0-based.
    pub index: u32,
}

impl Block {
    /// Where the block begins in its piece, in bytes.
    pub fn begin(&self) -> u32 {
        self.index * BLOCK_LEN
    }
}

/// The lengths that turn offsets into pieces and blocks.
///
/// Holds no file names: what a peer or the picker needs is here, what the disk
/// needs is in the metainfo's file list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    total_len: u64,
    piece_len: u32,
    piece_count: u32,
}

impl Layout {
    /// A layout, or `None` if a length is zero or there would be more than
    /// `u32::MAX` pieces.
    pub fn new(total_len: u64, piece_len: u32) -> Option<Self> {
        if total_len == 0 || piece_len == 0 {
            return None;
        }
        let piece_count = u32::try_from(total_len.div_ceil(u64::from(piece_len))).ok()?;
        Some(Self {
            total_len,
            piece_len,
            piece_count,
        })
    }

    /// All bytes of the torrent.
    pub fn total_len(&self) -> u64 {
        self.total_len
    }

    /// The nominal length of a piece in bytes; the last piece may be shorter.
    pub fn piece_len_nominal(&self) -> u32 {
        self.piece_len
    }

    /// How many pieces there are.
    pub fn piece_count(&self) -> u32 {
        self.piece_count
    }

    /// Checks a raw index from the wire.
    pub fn piece(&self, raw: u32) -> Option<PieceIndex> {
        (raw < self.piece_count).then_some(PieceIndex(raw))
    }

    /// All pieces in order.
    pub fn pieces(&self) -> impl DoubleEndedIterator<Item = PieceIndex> + use<> {
        (0..self.piece_count).map(PieceIndex)
    }

    /// The length of a piece in bytes.
    pub fn piece_len(&self, piece: PieceIndex) -> u32 {
        if piece.0 + 1 == self.piece_count {
            let before = u64::from(self.piece_len) * u64::from(piece.0);
            (self.total_len - before) as u32
        } else {
            self.piece_len
        }
    }

    /// Where a piece begins in the torrent's bytes.
    pub fn piece_offset(&self, piece: PieceIndex) -> u64 {
        u64::from(self.piece_len) * u64::from(piece.0)
    }

    /// How many blocks a piece has.
    pub fn block_count(&self, piece: PieceIndex) -> u32 {
        self.piece_len(piece).div_ceil(BLOCK_LEN)
    }

    /// The length of a block; the last of a piece may be shorter.
    pub fn block_len(&self, block: Block) -> u32 {
        (self.piece_len(block.piece) - block.begin()).min(BLOCK_LEN)
    }

    /// The block that a REQUEST or PIECE names, if it names exactly one of ours.
    pub fn block_at(&self, piece: u32, begin: u32, len: u32) -> Option<Block> {
        let piece = self.piece(piece)?;
        if !begin.is_multiple_of(BLOCK_LEN) || begin >= self.piece_len(piece) {
            return None;
        }
        let block = Block {
            piece,
            index: begin / BLOCK_LEN,
        };
        (self.block_len(block) == len).then_some(block)
    }

    /// Whether `begin..begin + len` lies within the piece and is not empty.
    pub fn contains(&self, piece: PieceIndex, begin: u32, len: u32) -> bool {
        len > 0 && u64::from(begin) + u64::from(len) <= u64::from(self.piece_len(piece))
    }

    /// The pieces that a run of the torrent's bytes touches; empty for an empty run.
    pub fn pieces_of(&self, bytes: Range<u64>) -> Range<u32> {
        if bytes.is_empty() {
            return 0..0;
        }
        let piece_len = u64::from(self.piece_len);
        let end = bytes.end.min(self.total_len).div_ceil(piece_len) as u32;
        ((bytes.start / piece_len) as u32).min(end)..end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_piece_and_block_are_shorter() {
        let layout = Layout::new(100_000, 65_536).unwrap();
        assert_eq!(layout.piece_count(), 2);
        assert_eq!(layout.piece_len(PieceIndex(0)), 65_536);
        assert_eq!(layout.piece_len(PieceIndex(1)), 34_464);
        assert_eq!(layout.block_count(PieceIndex(1)), 3);
        let last = Block {
            piece: PieceIndex(1),
            index: 2,
        };
        assert_eq!(layout.block_len(last), 34_464 - 32_768);
        assert_eq!(layout.block_at(1, 32_768, 1_696), Some(last));
        assert_eq!(layout.block_at(1, 32_768, 1_697), None);
        assert_eq!(layout.block_at(1, 1, 16_384), None);
        assert_eq!(layout.block_at(2, 0, 16_384), None);
    }

    #[test]
    fn a_run_of_bytes_touches_the_pieces_it_overlaps() {
        let layout = Layout::new(100, 10).unwrap();
        assert_eq!(layout.pieces_of(0..10), 0..1);
        assert_eq!(layout.pieces_of(9..11), 0..2);
        assert_eq!(layout.pieces_of(95..100), 9..10);
        assert_eq!(layout.pieces_of(40..40), 0..0);
    }

    #[test]
    fn a_size_that_is_a_multiple_has_a_full_last_piece() {
        let layout = Layout::new(40, 10).unwrap();
        assert_eq!(layout.piece_len(PieceIndex(3)), 10);
    }
}
