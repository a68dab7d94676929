//! One engine and scripted peers: tests that read like a transcript of the wire.

mod connection;
mod download;
mod scene;
mod upload;
