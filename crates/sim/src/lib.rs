//! A virtual-time world that runs hundreds of real engines.
//!
//! [`World`] is a host of [`Engine`](superseed_engine::Engine)s: it performs
//! their actions and feeds their inputs, with links, disks, trackers and
//! scripted peers that are made of nothing but a seed and an event queue. One
//! seed gives one run, action by action, so that whatever fails can be seen
//! again. [`scenario`] holds the named runs that tests and the command share.
//!
//! Nothing here reads a clock or touches a socket or a file. A failed check
//! panics with the moment, the reason and the command that shows it again.
#![forbid(unsafe_code)]

pub mod content;
pub mod disk;
mod journal;
pub mod net;
pub mod policies;
mod queue;
pub mod rng;
pub mod scenario;
pub mod tracker;
pub mod web;
pub mod wire;
pub mod world;

pub use content::{Content, ContentSpec};
pub use disk::{CrashLoss, DiskSpec};
pub use net::{ByteLedger, DatagramFaults, Inbound, LinkSpec};
pub use rng::Rng;
pub use tracker::{SeenAnnounce, TrackerMood, TrackerSpec};
pub use web::{WebSeedMood, WebSeedSpec};
pub use wire::{Actor, ActorIo, FakeSeed, Frame};
pub use world::{
    HostId, HostSpec, Progress, ScriptId, Split, Tally, TrackerId, WebSeedId, Wire, World,
};
