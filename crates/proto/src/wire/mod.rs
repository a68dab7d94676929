//! The peer wire: handshake, messages, and the extension protocol's handshake
//! and messages (BEP 3, 5, 6, 9, 10, 11, 21, 54).
//!
//! Turns bytes into values and back. Never judges whether a message was
//! allowed at its moment and never knows which pieces exist: that is the
//! engine's. A BEP 52 hash message (ids 21 to 23) is an unknown message here.

pub mod client;
pub mod decoder;
pub mod extended;
pub mod fast;
pub mod fault;
pub mod handshake;
pub mod message;
pub mod metadata;
pub mod pex;
pub mod small;

pub use client::client_name;
pub use decoder::{Decoder, DecoderLimits, Event};
pub use extended::{ExtendedHandshake, ExtensionIds};
pub use fast::allowed_fast_set;
pub use fault::WireFault;
pub use handshake::{
    Capability, HANDSHAKE_LEN, Handshake, HandshakeEvent, HandshakeReader, Reserved,
};
pub use message::{KEEP_ALIVE, Message, PIECE_HEADER_LEN, encode_piece_header};
pub use metadata::{METADATA_BLOCK_LEN, MetadataMessage, NotMetadata};
pub use pex::{PEX_LIST_MAX, Pex, PexFlag, PexFlags};
pub use small::{DontHave, UploadOnly};
