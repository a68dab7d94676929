//! Peers without an engine: they speak raw wire, from a script or by a rule.
//!
//! A test holds a [`Wire`](crate::world::Wire) and reads like a transcript;
//! an [`Actor`] answers on its own, honest or not. Frames are cut here by a
//! few lines of their own, so that the engine's decoder is not tested against
//! itself.

mod actor;
mod frame;
mod hostile;
mod rider;
mod script;

pub use actor::{Actor, ActorIo, FakeSeed};
pub use frame::Frame;
pub use hostile::{
    Claim, Claimant, Dribble, Endless, Flapper, Flood, Flooder, Gait, Gossip, Leaver, Mask, Mute,
};
pub use rider::{Rider, RiderConn};
pub(crate) use script::{ScriptConn, ScriptNode, Then, Wishes};
