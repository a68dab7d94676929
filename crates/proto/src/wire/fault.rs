//! What a peer can do wrong with the bytes of its stream.

use thiserror::Error;

/// A sin of the remote that no later byte can mend: the connection is closed.
///
/// Only what can be judged from the bytes alone is here. Whether a message was
/// allowed at this moment, or names a piece that exists, is the engine's to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum WireFault {
    /// The stream does not begin as a BitTorrent handshake (BEP 3).
    #[error("the peer does not speak BitTorrent: byte {at} of its handshake is wrong")]
    WrongProtocol {
        /// The first byte that differs, 0-based.
        at: u8,
    },
    /// A length prefix over every limit there is, judged before the message id.
    #[error("a message of {len} bytes is over the limit of {max}")]
    MessageTooLong {
        /// The length prefix.
        len: u32,
        /// The greatest limit of any message.
        max: u32,
    },
    /// A message of fixed length with another length.
    #[error("message {id} is {len} bytes long instead of {expected}")]
    WrongLength {
        /// The message id.
        id: u8,
        /// The length prefix.
        len: u32,
        /// The only length this message may have.
        expected: u32,
    },
    /// A BITFIELD that does not fit the torrent's number of pieces.
    #[error("a bitfield message is {len} bytes long instead of {expected}")]
    WrongBitfieldLength {
        /// The length prefix.
        len: u32,
        /// The length for the torrent's number of pieces.
        expected: u32,
    },
    /// A BITFIELD over the limit, while the number of pieces is unknown.
    #[error("a bitfield message of {len} bytes is over the limit of {max}")]
    BitfieldTooLong {
        /// The length prefix.
        len: u32,
        /// The limit.
        max: u32,
    },
    /// A PIECE too short to hold a byte of data.
    #[error("a piece message of {len} bytes holds no data")]
    EmptyBlock {
        /// The length prefix.
        len: u32,
    },
    /// A PIECE with a larger block than was ever asked for.
    #[error("a piece message of {len} bytes is over the limit of {max}")]
    BlockTooLong {
        /// The length prefix.
        len: u32,
        /// The limit.
        max: u32,
    },
    /// An extended message without an extended id (BEP 10).
    #[error("an extended message has no id")]
    EmptyExtended,
    /// An extended message over the limit (BEP 10).
    #[error("an extended message of {len} bytes is over the limit of {max}")]
    ExtendedTooLong {
        /// The length prefix.
        len: u32,
        /// The limit.
        max: u32,
    },
    /// A message with an unknown id and more payload than is worth skipping.
    #[error("message {id}, which is unknown, is {len} bytes long; the limit is {max}")]
    UnknownTooLong {
        /// The message id.
        id: u8,
        /// The length prefix.
        len: u32,
        /// The limit.
        max: u32,
    },
}
