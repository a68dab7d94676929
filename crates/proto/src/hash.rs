//! Info-hashes, swarm keys and piece verification.
//!
//! A torrent has a v1 hash (BEP 3), a v2 hash (BEP 52) or both. Peers and
//! trackers name a swarm by twenty bytes: the v1 hash, or the v2 hash cut to
//! twenty (BEP 52, "infohash"). [`PieceHasher`] is the only maker of a
//! [`PieceProof`], so "this piece was hashed and is right" is a type.

use std::fmt;

use sha1::{Digest, Sha1};
use sha2::Sha256;

use crate::layout::PieceIndex;

/// The SHA-1 of a raw info dictionary (BEP 3).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InfoHashV1(pub [u8; 20]);

/// The SHA-256 of a raw info dictionary (BEP 52).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InfoHashV2(pub [u8; 32]);

/// The twenty bytes that name a swarm in handshakes, announces, DHT and PEX.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SwarmKey(pub [u8; 20]);

/// The info-hashes of one torrent: v1, v2 or both (a hybrid).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum InfoHashes {
    /// A v1 torrent.
    V1(InfoHashV1),
    /// A v2-only torrent.
    V2(InfoHashV2),
    /// A hybrid: one info dictionary that both versions can read.
    Hybrid(InfoHashV1, InfoHashV2),
}

impl InfoHashes {
    /// The v1 hash, if the torrent has one.
    pub fn v1(&self) -> Option<InfoHashV1> {
        match *self {
            Self::V1(hash) | Self::Hybrid(hash, _) => Some(hash),
            Self::V2(_) => None,
        }
    }

    /// The v2 hash, if the torrent has one.
    pub fn v2(&self) -> Option<InfoHashV2> {
        match *self {
            Self::V2(hash) | Self::Hybrid(_, hash) => Some(hash),
            Self::V1(_) => None,
        }
    }

    /// The hash of a torrent without a v1 half, which no v1 swarm has.
    pub fn v2_only(&self) -> Option<InfoHashV2> {
        match *self {
            Self::V2(hash) => Some(hash),
            Self::V1(_) | Self::Hybrid(..) => None,
        }
    }

    /// The swarms of this torrent: one, or two for a hybrid, v1 first.
    pub fn swarm_keys(&self) -> impl Iterator<Item = SwarmKey> + use<> {
        let v1 = self.v1().map(InfoHashV1::swarm_key);
        let v2 = self.v2().map(InfoHashV2::swarm_key);
        v1.into_iter().chain(v2)
    }

    /// The swarm to use where only one can be named: v1 before v2.
    pub fn primary_swarm_key(&self) -> SwarmKey {
        match *self {
            Self::V1(hash) | Self::Hybrid(hash, _) => hash.swarm_key(),
            Self::V2(hash) => hash.swarm_key(),
        }
    }
}

impl InfoHashV1 {
    /// Hashes the raw bytes of an info dictionary.
    pub fn of_info(raw: &[u8]) -> Self {
        Self(Sha1::digest(raw).into())
    }

    /// The swarm this hash names.
    pub fn swarm_key(self) -> SwarmKey {
        SwarmKey(self.0)
    }
}

impl InfoHashV2 {
    /// Hashes the raw bytes of an info dictionary.
    pub fn of_info(raw: &[u8]) -> Self {
        Self(Sha256::digest(raw).into())
    }

    /// The swarm this hash names: its first twenty bytes (BEP 52).
    pub fn swarm_key(self) -> SwarmKey {
        let mut key = [0; 20];
        key.copy_from_slice(&self.0[..20]);
        SwarmKey(key)
    }
}

pub(crate) fn write_hex(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

/// Shows bytes that name something in hex, and who debugs them their type too.
macro_rules! hex_display {
    ($($name:ident),*) => {$(
        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                $crate::hash::write_hex(f, &self.0)
            }
        }
        impl core::fmt::Debug for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }
    )*};
}
pub(crate) use hex_display;
hex_display!(InfoHashV1, InfoHashV2, SwarmKey, Sha1Hash, Sha256Hash);

impl fmt::Display for InfoHashes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V1(hash) | Self::Hybrid(hash, _) => write!(f, "{hash}"),
            Self::V2(hash) => write!(f, "{hash}"),
        }
    }
}

impl fmt::Debug for InfoHashes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V1(hash) => write!(f, "{hash:?}"),
            Self::V2(hash) => write!(f, "{hash:?}"),
            Self::Hybrid(v1, v2) => write!(f, "{v1:?}+{v2:?}"),
        }
    }
}

/// A SHA-1 of something that is not an info dictionary, such as a piece.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sha1Hash(pub [u8; 20]);

impl Sha1Hash {
    /// Hashes bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha1::digest(bytes).into())
    }
}

/// A SHA-256 of something that is not an info dictionary: a leaf, a node or a
/// root of a file's merkle tree (BEP 52).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sha256Hash(pub [u8; 32]);

impl Sha256Hash {
    /// Hashes bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

/// What a piece must hash to. A hybrid piece will carry two expectations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpectedHash {
    /// The piece's entry in the v1 `pieces` string.
    Sha1(Sha1Hash),
}

/// Proof that a piece of a torrent hashed to what its metainfo says.
///
/// Only [`PieceHasher::finish`] makes one; everything that announces, serves
/// or counts a piece asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PieceProof {
    piece: PieceIndex,
}

impl PieceProof {
    /// The piece that was proven.
    pub fn piece(&self) -> PieceIndex {
        self.piece
    }
}

/// The hash state of one piece, fed in order, carried from run to run.
#[derive(Clone, Debug)]
pub struct PieceHasher {
    sha1: Sha1,
    fed: u64,
}

impl PieceHasher {
    /// A state that has seen no byte.
    pub fn new() -> Self {
        Self {
            sha1: Sha1::new(),
            fed: 0,
        }
    }

    /// Feeds the next bytes of the piece.
    pub fn update(&mut self, bytes: &[u8]) {
        self.sha1.update(bytes);
        self.fed += bytes.len() as u64;
    }

    /// How many bytes were fed so far.
    pub fn fed(&self) -> u64 {
        self.fed
    }

    /// The hash of the bytes that were fed, for whoever makes a torrent.
    pub fn sha1(&self) -> Sha1Hash {
        Sha1Hash(self.sha1.clone().finalize().into())
    }

    /// Compares with what is expected. `None` means that the bytes are wrong.
    pub fn finish(self, piece: PieceIndex, expected: &ExpectedHash) -> Option<PieceProof> {
        match expected {
            ExpectedHash::Sha1(hash) => {
                let got: [u8; 20] = self.sha1.finalize().into();
                (got == hash.0).then_some(PieceProof { piece })
            }
        }
    }
}

impl Default for PieceHasher {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_needs_the_right_bytes() {
        let expected = ExpectedHash::Sha1(Sha1Hash(Sha1::digest(b"abc").into()));
        let mut right = PieceHasher::new();
        right.update(b"a");
        right.update(b"bc");
        assert_eq!(right.fed(), 3);
        assert_eq!(
            right.finish(PieceIndex(7), &expected).map(|p| p.piece()),
            Some(PieceIndex(7))
        );
        let mut wrong = PieceHasher::new();
        wrong.update(b"abd");
        assert_eq!(wrong.finish(PieceIndex(7), &expected), None);
    }

    #[test]
    fn a_hybrid_has_two_swarms_and_v1_is_first() {
        let (v1, v2) = (InfoHashV1([1; 20]), InfoHashV2([2; 32]));
        let hashes = InfoHashes::Hybrid(v1, v2);
        let keys: Vec<_> = hashes.swarm_keys().collect();
        assert_eq!(keys, [SwarmKey([1; 20]), SwarmKey([2; 20])]);
        assert_eq!(hashes.primary_swarm_key(), keys[0]);
    }
}
