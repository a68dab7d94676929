//! Peers that mean harm, or are so broken that it comes to the same.
//!
//! Each is an [`Actor`](super::Actor) in a file of its own; the data liar is a
//! [`FakeSeed`](super::FakeSeed) that spoils, the free rider a
//! [`RiderConn`](super::RiderConn). What they do is rated so that a run of
//! minutes costs seconds: it is the kind of harm that is tested, not its bulk.

mod claimant;
mod dribble;
mod flapper;
mod flooder;
mod gossip;
mod leaver;
mod mask;
mod mute;

pub use claimant::{Claim, Claimant};
pub use dribble::{Dribble, Endless, Gait};
pub use flapper::Flapper;
pub use flooder::{Flood, Flooder};
pub use gossip::Gossip;
pub use leaver::Leaver;
pub use mask::Mask;
pub use mute::Mute;
