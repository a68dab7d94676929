//! What must hold for any bytes that strangers send.
//!
//! One module for each fuzz target. A property takes arbitrary bytes and
//! panics where the code breaks a promise; that the code itself does not panic
//! is the least of them. `crates/proto/tests/seeds.rs` includes these modules
//! and runs them over `fuzz/seeds` with every test run, on a stable compiler.

pub mod bencode;
pub mod blocklist;
pub mod dns;
pub mod extension;
pub mod krpc;
pub mod lsd;
pub mod magnet;
pub mod merkle;
pub mod metainfo;
pub mod mse;
pub mod pex;
pub mod socks;
pub mod tracker;
