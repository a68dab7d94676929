//! KRPC, the messages of the DHT (BEP 5): one bencoded dictionary a packet.
//!
//! Owns what the packets say and how they are written: queries, responses and
//! errors of BEP 5, both families of addresses (BEP 32), scrapes (BEP 33), ids
//! made of addresses (BEP 42), nodes that only read (BEP 43), stored items
//! (BEP 44) and samples (BEP 51). Reading is lenient: keys in any order, keys
//! nobody knows, lists with entries that make no sense. Writing is canonical.
//! Whom to ask, what to keep and whom to believe is not known here.

mod bloom;
mod decode;
mod encode;
mod fault;
mod item;
mod message;
mod node_id;

#[cfg(test)]
mod tests;

pub use bloom::Bloom;
pub use encode::TooLong;
pub use fault::{ErrorCode, QueryFault, Unreadable};
pub use item::{
    Item, ItemFault, MutableItem, MutableKey, SALT_LEN_MAX, Signature, VALUE_LEN_MAX, check_value,
    signed_bytes, target_of, target_of_value,
};
pub use message::{
    Kind, Message, NodeAddr, PutQuery, Query, Response, Samples, Transaction, Version, Want,
};
pub use node_id::{Distance, NodeId, is_exempt};

/// The longest packet that is sent, in bytes (BEP 32, "Maximum packet size").
pub const PACKET_LEN_MAX: usize = 1_024;

/// The longest packet that is read, in bytes: some send more than
/// [`PACKET_LEN_MAX`].
pub const PACKET_READ_MAX: usize = crate::bencode::Limits::KRPC.bytes;

/// The longest transaction id that is kept, in bytes. Two are typical; one that
/// is longer is no transaction id.
pub const TRANSACTION_LEN_MAX: usize = 16;

/// The longest token that is kept, in bytes; a longer one counts as missing. In
/// the field they have four to twenty.
pub const TOKEN_LEN_MAX: usize = 128;

/// The longest name of a method that is kept, in bytes.
pub const METHOD_LEN_MAX: usize = 32;

/// How much of the text of an error is kept, in characters.
pub const ERROR_CHARS_MAX: usize = 100;

/// The longest time between two changes of a sample, in seconds (BEP 51).
pub const SAMPLE_INTERVAL_S_MAX: u32 = 21_600;
