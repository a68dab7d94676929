//! Bencode (BEP 3): a decoder that borrows and a canonical encoder.
//!
//! Owns the grammar and its limits. The decoder keeps the raw span of every
//! value, because an info-hash is the hash of bytes as they came, and never of
//! bytes encoded again. It does not recurse, and what it allocates is eight
//! bytes a token, counted against [`Limits`]. It must never know what a key
//! means: that is the business of metainfo, the wire and the trackers.

mod decode;
mod encode;
mod error;
mod value;

#[cfg(test)]
mod tests;

pub use decode::{Document, decode, decode_prefix};
pub use encode::{DictEncoder, Encoder, ListEncoder};
pub use error::{DecodeError, DecodeErrorKind};
pub use value::{Dict, DictIter, Kind, List, ListIter, Value};

/// What a decode may cost. One preset for each place that bencode comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest input, in bytes; never more than [`Limits::BYTES_MAX`].
    pub bytes: usize,
    /// How many lists and dictionaries may be open at once.
    pub depth: usize,
    /// How many tokens there may be: integers, strings, and two for each list
    /// or dictionary.
    pub tokens: usize,
}

impl Limits {
    /// The longest input under any limits: offsets are kept in 31 bits.
    pub const BYTES_MAX: usize = (1 << 31) - 1;

    /// A .torrent file. The figures are those of libtorrent 2.1.
    pub const TORRENT_FILE: Self = Self {
        bytes: 10_000_000,
        depth: 100,
        tokens: 3_000_000,
    };

    /// An info dictionary fetched from peers (BEP 9). The figures are those of
    /// libtorrent 2.1.
    pub const METADATA: Self = Self {
        bytes: 31_457_280,
        depth: 100,
        tokens: 2_500_000,
    };

    /// The answer of an HTTP tracker: some 20,000 peers as dictionaries.
    pub const TRACKER_REPLY: Self = Self {
        bytes: 1 << 20,
        depth: 10,
        tokens: 200_000,
    };

    /// An extension message of a peer (BEP 10), PEX being the longest.
    pub const PEER_MESSAGE: Self = Self {
        bytes: 512 * 1024,
        depth: 10,
        tokens: 2_000,
    };

    /// A packet of the DHT (BEP 5): what an Ethernet frame holds. Depth and
    /// tokens are those of libtorrent 2.1.
    pub const KRPC: Self = Self {
        bytes: 1_500,
        depth: 10,
        tokens: 500,
    };

    /// A record that this program wrote itself, such as resume data.
    pub const OWN_RECORD: Self = Self {
        bytes: 64 << 20,
        depth: 10,
        tokens: 3_000_000,
    };
}

/// How much of what BEP 3 forbids is tolerated.
///
/// The world's v1 torrents hold dictionaries with unsorted or repeated keys,
/// and refusing them would refuse their swarms; so those are *soft* errors.
/// What makes the extent or the amount of a value uncertain (truncation,
/// overflow, missing digits) is an error in both modes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Canonical bencode and nothing after it.
    Strict,
    /// Tolerates leading zeros, `-0`, unsorted and repeated keys, which
    /// [`Value::has_soft_error`] then reports, and bytes after the value,
    /// which [`Document::consumed`] tells. Of a repeated key the first value
    /// counts, as in libtorrent, so that both read the same torrent.
    Lenient,
}
