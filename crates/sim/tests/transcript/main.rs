//! One engine and scripted peers: tests that read like a transcript of the wire.
#![allow(clippy::unwrap_used, reason = "in a test, a panic is the verdict")]

mod connection;
mod dormant;
mod download;
mod encryption;
mod extension;
mod link;
mod pex;
mod scene;
mod super_seed;
mod upload;
