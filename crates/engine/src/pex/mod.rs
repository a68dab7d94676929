//! Peer exchange (BEP 11): whom a peer was told of, and whom it is believed to
//! know.
//!
//! Plain data, apart from torrents and streams. [`Roster`] knows a torrent's
//! connected peers and makes messages of the difference to what one of them was
//! told ([`Told`]); [`Heard`] takes the messages of one peer. When to send, and
//! what follows from what was heard, is the torrent's to say (`torrent::pex`).

mod heard;
mod told;
#[cfg(test)]
mod told_tests;

use std::time::Duration;

pub(crate) use heard::Heard;
pub(crate) use told::{Receiver, Roster, Told};

/// Between two messages to one peer (BEP 11).
pub(crate) const PEX_EVERY: Duration = Duration::from_secs(60);
/// From a peer's extension handshake to the first message to it.
pub(crate) const PEX_FIRST_AFTER: Duration = Duration::from_secs(10);
/// Of one message, how many are added and how many dropped at most (BEP 11).
pub(crate) const PEX_TOLD_MAX: usize = 50;
/// How many the first message adds (libtorrent, `max_peer_entries`; BEP 11
/// leaves it open).
pub(crate) const PEX_FIRST_TOLD_MAX: usize = 100;

/// What is to be kept of peer exchange with one peer.
#[derive(Debug, Default)]
pub(crate) struct Exchange {
    pub(crate) told: Told,
    pub(crate) heard: Heard,
}
