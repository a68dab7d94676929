//! Piece layers (BEP 52): the hashes of a file's pieces, by the file's root.
//!
//! Owns the layers that came with a torrent, each checked against its root.
//! They lie outside the info dictionary, so they may be missing.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::info::{FileEntry, Info};
use crate::hash::Sha256Hash;

/// The length of a SHA-256, in bytes.
pub(super) const SHA256_LEN: usize = 32;

/// The layers of a torrent, as many as came with it.
#[derive(Clone, Debug, Default)]
pub(super) struct Layers {
    /// `piece layers` as it came.
    pub(super) raw: Option<Bytes>,
    /// The hashes of each root, which files with equal bytes share.
    by_root: BTreeMap<Sha256Hash, Bytes>,
}

impl Layers {
    /// The layer of a file of `info`.
    pub(super) fn of_file<'a>(
        &'a self,
        info: &Info,
        file: &'a FileEntry,
    ) -> Option<PieceLayer<'a>> {
        let root = file.pieces_root.as_ref()?;
        let piece_len = u64::from(info.layout.piece_len_nominal());
        if file.len <= piece_len {
            return Some(PieceLayer { hashes: &root.0 });
        }
        let hashes = self.by_root.get(root)?;
        // Files of different lengths with one root are not both what they say,
        // and which one lies is not for us to know.
        let expected = file.len.div_ceil(piece_len) * SHA256_LEN as u64;
        (hashes.len() as u64 == expected).then_some(PieceLayer { hashes })
    }
}

/// What the pieces of one file must hash to, in order. A view that borrows
/// from the torrent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PieceLayer<'a> {
    /// 32 bytes for each piece.
    hashes: &'a [u8],
}

impl<'a> PieceLayer<'a> {
    /// How many pieces the file has; never 0.
    #[expect(clippy::len_without_is_empty, reason = "no layer is empty")]
    pub fn len(&self) -> usize {
        self.hashes.len() / SHA256_LEN
    }

    /// What a piece of the file must hash to; the file's first piece is 0.
    ///
    /// # Panics
    ///
    /// If the file has no such piece.
    pub fn get(&self, piece: usize) -> Sha256Hash {
        let at = piece * SHA256_LEN;
        hash(&self.hashes[at..at + SHA256_LEN])
    }

    /// All hashes in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Sha256Hash> + use<'a> {
        self.hashes.chunks_exact(SHA256_LEN).map(hash)
    }
}

/// The hash that 32 bytes are.
fn hash(bytes: &[u8]) -> Sha256Hash {
    let mut hash = [0; SHA256_LEN];
    hash.copy_from_slice(bytes);
    Sha256Hash(hash)
}
