//! Web seeds (BEP 19) with real sessions, sockets and files, on the loopback
//! interface.

// Scaffolding outside of test functions may fail a test as well.
#![allow(clippy::unwrap_used)]

mod fetch;
mod server;
