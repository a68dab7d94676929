//! What can be wrong with a packet, and the errors that nodes tell each other.

use thiserror::Error;

use super::item::ItemFault;
#[cfg(doc)]
use super::message::Message;
use super::message::Transaction;

/// Why a packet cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Unreadable {
    /// Nothing can be made of it: it is no dictionary within
    /// [`Limits::KRPC`](crate::bencode::Limits::KRPC), has no transaction id, is
    /// of no kind, or is an answer that does not say whose.
    #[error("the packet is not of the DHT")]
    NotKrpc,
    /// It is a query that lacks what it needs, and is to be answered by
    /// [`Message::refusal`].
    #[error("the query has a fault: {fault}")]
    Query {
        /// The query's transaction id.
        transaction: Transaction,
        /// What is wrong.
        fault: QueryFault,
    },
}

/// Why a query was refused, in a number (BEP 5, BEP 44). Others than the ones
/// named here are in use, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ErrorCode(pub i64);

impl ErrorCode {
    /// A reason of no particular kind.
    pub const GENERIC: Self = Self(201);
    /// The node has a problem of its own.
    pub const SERVER: Self = Self(202);
    /// The query has a fault: a malformed packet, a wrong argument or token.
    pub const PROTOCOL: Self = Self(203);
    /// The method is not known.
    pub const METHOD_UNKNOWN: Self = Self(204);
    /// The value of an item is too long (BEP 44).
    pub const VALUE_TOO_LONG: Self = Self(205);
    /// The signature of an item is wrong (BEP 44).
    pub const SIGNATURE_WRONG: Self = Self(206);
    /// The salt of an item is too long (BEP 44).
    pub const SALT_TOO_LONG: Self = Self(207);
    /// The stored item has another sequence number than was expected (BEP 44).
    pub const CAS_MISMATCH: Self = Self(301);
    /// The stored item has a greater sequence number (BEP 44).
    pub const SEQ_TOO_LOW: Self = Self(302);
}

/// Why a query cannot be understood or carried out. Shown, it is the text of
/// the error that goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum QueryFault {
    /// There is no method, or its name is longer than any.
    #[error("no method")]
    NoMethod,
    /// There are no arguments, or not the sender's id among them.
    #[error("no id of 20 bytes")]
    NoId,
    /// There is no point to look for, or no swarm.
    #[error("no target of 20 bytes")]
    NoTarget,
    /// There is no token, or an overlong one.
    #[error("no token")]
    NoToken,
    /// The token is not one that the sender was given of late.
    #[error("wrong token")]
    WrongToken,
    /// The port is missing, 0 or beyond 65,535.
    #[error("no port")]
    NoPort,
    /// There is no item, or half a mutable one.
    #[error("no item")]
    NoItem,
    /// The item may not be stored.
    #[error("{0}")]
    Item(ItemFault),
    /// The stored item has another sequence number than was expected.
    #[error("the sequence number is not the expected one")]
    CasMismatch,
    /// The stored item has a greater sequence number, or another value for this
    /// one.
    #[error("the sequence number is not greater")]
    SeqTooLow,
    /// The method is not known, and names no target.
    #[error("method unknown")]
    MethodUnknown,
}

impl QueryFault {
    /// The number that goes back with it.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::NoMethod
            | Self::NoId
            | Self::NoTarget
            | Self::NoToken
            | Self::WrongToken
            | Self::NoPort
            | Self::NoItem => ErrorCode::PROTOCOL,
            Self::Item(fault) => fault.code(),
            Self::CasMismatch => ErrorCode::CAS_MISMATCH,
            Self::SeqTooLow => ErrorCode::SEQ_TOO_LOW,
            Self::MethodUnknown => ErrorCode::METHOD_UNKNOWN,
        }
    }
}
