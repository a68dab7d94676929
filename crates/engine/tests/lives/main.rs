//! Lives of torrents in which something comes at the wrong moment.
#![allow(clippy::unwrap_used, reason = "in a test, a panic is the verdict")]

mod asking;
mod blame;
mod dht;
mod disk;
mod dormant;
mod explain;
mod filter;
mod hostile;
mod limits;
mod mapped;
mod near;
mod scene;
mod stops;
mod twins;
