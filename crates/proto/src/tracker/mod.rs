//! What clients and trackers send each other: over HTTP (BEP 3, 7, 23, 24, 31, 48)
//! and over UDP (BEP 15, 41), each from both sides.
//!
//! Turns requests and answers into bytes and back. Never fetches, waits,
//! retries or chooses a tracker.

mod announce;
pub mod http;
pub mod server;
pub mod udp;

pub use announce::{
    AddressFamily, AnnounceRequest, AnnounceResponse, Event, PEERS_MAX, ScrapeStats,
    TEXT_CHARS_MAX, TRACKER_ID_LEN_MAX, TrackerPeer,
};
pub use http::{TrackerError, announce_url, parse_announce, parse_scrape, scrape_url};
