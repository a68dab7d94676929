//! What can be wrong with bencode, and where.

use thiserror::Error;

/// Why bytes are not the bencode that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{kind} at byte {offset}")]
pub struct DecodeError {
    /// What is wrong.
    pub kind: DecodeErrorKind,
    /// Where, in bytes from the beginning.
    pub offset: usize,
}

/// The ways in which bytes fail to be bencode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DecodeErrorKind {
    /// The input ends within a value.
    #[error("the data ends within a value")]
    UnexpectedEnd,
    /// No value begins with this byte, or a dictionary ends after a key.
    #[error("expected a value")]
    ExpectedValue,
    /// A number has no digit here; a dictionary key is not a string.
    #[error("expected a digit")]
    ExpectedDigit,
    /// A string's length is not followed by a colon.
    #[error("expected a colon after a string's length")]
    ExpectedColon,
    /// A number is beyond 64 bits with sign.
    #[error("a number is too large")]
    Overflow,
    /// The input is longer than [`Limits::bytes`](super::Limits::bytes).
    #[error("there is too much data")]
    TooLong,
    /// More is open than [`Limits::depth`](super::Limits::depth).
    #[error("lists and dictionaries are nested too deeply")]
    TooDeep,
    /// There are more values than [`Limits::tokens`](super::Limits::tokens).
    #[error("there are too many values")]
    TooManyTokens,
    /// A number begins with a needless zero (strict mode).
    #[error("a number has a leading zero")]
    LeadingZero,
    /// The integer is `-0` (strict mode).
    #[error("an integer is minus zero")]
    MinusZero,
    /// Keys of a dictionary are not in order (strict mode).
    #[error("the keys of a dictionary are not sorted")]
    UnsortedKeys,
    /// A dictionary has a key twice in a row (strict mode).
    #[error("a dictionary has a key twice")]
    DuplicateKey,
    /// Something follows the value (strict mode).
    #[error("there is data after the end")]
    TrailingData,
}
