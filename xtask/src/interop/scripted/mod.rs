//! Peers and a tracker that do what a script says, and log what they see.
//!
//! They frame messages by hand, sharing no code with the program under test.

mod content;
mod dns;
mod log;
mod peer;
mod serve;
mod tracker;
pub(crate) mod wire;

pub(super) use content::Content;
pub(super) use dns::NameServer;
pub(super) use log::{Log, Seen};
pub(super) use peer::{Script, ScriptedPeer, Sin};
pub(super) use tracker::HangingTrackers;
pub(crate) use tracker::{CountingTracker, tracker_of_peers};
