//! What the bytes of BitTorrent mean.
//!
//! Leaves without I/O, clock, threads or policy: bencode, metainfo, the peer
//! wire, the tracker codecs and the messages of the DHT. Nothing here knows of
//! torrents in progress; the `superseed-engine` crate decides, this crate reads
//! and writes.
#![forbid(unsafe_code)]

pub mod bencode;
pub mod bitfield;
pub mod blocklist;
mod compact;
pub mod dns;
pub mod hash;
pub mod krpc;
pub mod layout;
pub mod lsd;
pub mod magnet;
pub mod merkle;
pub mod metainfo;
pub mod mse;
pub mod peer_id;
pub mod percent;
pub mod socks;
mod text;
pub mod tracker;
pub mod url_rules;
pub mod wire;

pub use bitfield::Bitfield;
pub use hash::{InfoHashV1, InfoHashV2, InfoHashes, SwarmKey};
pub use layout::{BLOCK_LEN, Block, FileIndex, Layout, PieceIndex};
pub use peer_id::PeerId;
