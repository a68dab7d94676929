//! Real sessions on the loopback interface, with real sockets and files.
//!
//! No port is fixed, nothing waits for a time to pass, and nothing leaves the
//! machine.

// Scaffolding outside of test functions may fail a test as well.
#![allow(clippy::unwrap_used)]

mod blocklist;
mod bound;
mod devices;
mod dht;
mod dormant;
mod encryption;
mod interface;
mod kept_link;
mod life;
mod proxy;
mod raw;
mod tracker;
mod transfer;
mod world;
