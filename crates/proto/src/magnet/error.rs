//! Why a magnet link is refused: one sentence each, for the user to read.

use thiserror::Error;

use super::LINK_LEN_MAX;
use super::select::{FILE_NUMBER_MAX, SELECT_RANGES_MAX};
use crate::text;

/// How much of what a user gave is repeated to them, in characters.
const EXCERPT_CHARS_MAX: usize = 80;

/// What makes text no link to one torrent.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MagnetError {
    /// Over [`LINK_LEN_MAX`].
    #[error("the magnet link has {0} bytes where at most {LINK_LEN_MAX} are read")]
    TooLong(usize),
    /// Something other than a magnet link.
    #[error("`{0}` does not begin with `magnet:?`")]
    Scheme(String),
    /// No `xt` of a kind that is known.
    #[error("the magnet link names no torrent: it has no `xt=urn:btih:` and no `xt=urn:btmh:`")]
    MissingInfoHash,
    /// `xt` cannot be decoded.
    #[error("the magnet link's `xt={0}` has a `%` without two hexadecimal digits after it")]
    BrokenEscape(String),
    /// What follows `urn:btih:` is not of the right length or alphabet.
    #[error("the magnet link's v1 info-hash `{0}` is not 40 hexadecimal or 32 base32 characters")]
    InfoHashV1(String),
    /// What follows `urn:btmh:` is not a SHA-256 as a multihash.
    #[error(
        "the magnet link's v2 info-hash `{0}` is not `1220` and then 64 hexadecimal characters"
    )]
    InfoHashV2(String),
    /// Two different hashes of one kind.
    #[error("the magnet link names two torrents: {0} and {1}")]
    TwoTorrents(String, String),
    /// `so` cannot be read. Downloading everything instead would be worse.
    #[error("the magnet link's selection of files (`so`) cannot be read: {0}")]
    Select(#[from] SelectError),
    /// Not what [`Magnet::from_info_hash`](super::Magnet::from_info_hash) reads.
    #[error("`{0}` is no info-hash, which has 40 or 64 hexadecimal or 32 base32 characters")]
    InfoHash(String),
}

/// What makes text no selection of files (BEP 53).
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SelectError {
    /// Not a number, or one that no file can have.
    #[error("`{0}` is not a file number from 0 to {FILE_NUMBER_MAX}")]
    Number(String),
    /// The end of a range is before its beginning.
    #[error("the range {0}-{1} ends before it begins")]
    Reversed(u32, u32),
    /// Over [`SELECT_RANGES_MAX`].
    #[error("it has more than {SELECT_RANGES_MAX} separate ranges")]
    TooManyRanges,
}

/// So much of `text` as is fit for a sentence.
pub(super) fn excerpt(text: &str) -> String {
    text::printable(text.as_bytes(), EXCERPT_CHARS_MAX)
}
