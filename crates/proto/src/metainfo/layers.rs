//! Piece layers (BEP 52): the hashes of a file's pieces, by the file's root.
//!
//! Owns the layers that came with a torrent, each checked against its root.
//! They lie outside the info dictionary, so they may be missing.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::error::MetainfoError;
use super::info::{FileEntry, Info};
use crate::bencode::{self, Limits, Mode, Value};
use crate::hash::Sha256Hash;
use crate::merkle;

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
    /// Reads `piece layers` of a torrent with a v2 half. What is no dictionary
    /// counts as missing.
    ///
    /// # Errors
    ///
    /// If a layer is not one of this torrent's files': of the right length,
    /// and hashing to the root.
    pub(super) fn read(value: Option<Value<'_>>, info: &Info) -> Result<Self, MetainfoError> {
        let Some(value) = value.filter(|value| value.as_dict().is_some()) else {
            return Ok(Self::default());
        };
        // Decoded again, so that the layers are slices of a copy that stays.
        let raw = Bytes::copy_from_slice(value.raw());
        let document = bencode::decode(&raw, &Limits::TORRENT_FILE, Mode::Lenient)?;
        let piece_len = u64::from(info.layout.piece_len_nominal());
        let leaves_per_piece = (piece_len / u64::from(merkle::LEAF_LEN)) as u32;
        // The lengths of the layers that may come, of which each comes once.
        let mut expected = BTreeMap::new();
        for file in &info.files {
            if let Some(root) = file.pieces_root.filter(|_| file.len > piece_len) {
                let len = file.len.div_ceil(piece_len) * SHA256_LEN as u64;
                expected.entry(root).or_insert(len);
            }
        }
        let mut by_root = BTreeMap::new();
        for (root, layer) in document.root().as_dict().into_iter().flatten() {
            let root = <[u8; SHA256_LEN]>::try_from(root).map(Sha256Hash);
            let (Ok(root), Some(layer)) = (root, layer.as_bytes()) else {
                return Err(MetainfoError::PieceLayer);
            };
            let expected = expected
                .remove(&root)
                .ok_or(MetainfoError::PieceLayerForeign(root))?;
            let found = layer.len() as u64;
            if found != expected {
                return Err(MetainfoError::PieceLayerLength {
                    root,
                    found,
                    expected,
                });
            }
            let hashes = layer.chunks_exact(SHA256_LEN).map(hash);
            if merkle::root_of_layer(hashes, leaves_per_piece) != root {
                return Err(MetainfoError::PieceLayerRoot(root));
            }
            by_root.insert(root, raw.slice_ref(layer));
        }
        Ok(Self {
            raw: Some(raw),
            by_root,
        })
    }

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
