//! The trackers of one torrent.

use std::net::SocketAddr;

use rand_core::Rng;

use super::{Accepted, AnnounceAnswer, AnnounceContext, AnnounceOrder, FailureKind, SlotId};
use crate::ids::ListenerId;
use crate::stats::TrackerStats;
use crate::time::Time;

/// The trackers of one torrent and what each was told.
#[derive(Debug)]
pub struct TrackerSet {
    private: bool,
}

impl TrackerSet {
    /// The trackers of a torrent that has not begun: nothing is announced
    /// before [`start`](Self::start) and [`set_listeners`](Self::set_listeners).
    ///
    /// Each tier is shuffled (BEP 12); a URL that came before is dropped.
    pub fn new(tiers: &[Vec<String>], private: bool, key: u32, rng: &mut impl Rng) -> Self {
        let _ = (tiers, key, rng.next_u32());
        Self { private }
    }

    /// The torrent begins, or goes on after [`stop`](Self::stop).
    pub fn start(&mut self, now: Time) {
        let _ = (now, self.private);
    }

    /// The addresses to announce from; each announces its own port.
    pub fn set_listeners(&mut self, listeners: &[(ListenerId, SocketAddr)]) {
        let _ = listeners;
    }

    /// Pushes the announces that are due. To be called when
    /// [`next_deadline`](Self::next_deadline) has come and whenever the
    /// context changed, such as after the loss of a peer.
    pub fn poll(&mut self, now: Time, ctx: &AnnounceContext, out: &mut Vec<AnnounceOrder>) {
        let _ = (now, ctx, out);
    }

    /// A tracker answered. `None` means that the answer is to an attempt that
    /// was given up: its peers are still good, in a public torrent.
    pub fn on_success(&mut self, slot: SlotId, now: Time, answer: AnnounceAnswer) -> Option<Accepted> {
        let _ = (slot, now, answer);
        None
    }

    /// An announce failed; `message` is one sentence. True means that it is
    /// worth telling the user.
    pub fn on_failure(&mut self, slot: SlotId, now: Time, kind: FailureKind, message: String) -> bool {
        let _ = (slot, now, kind, message);
        false
    }

    /// When [`poll`](Self::poll) has something to do; [`Time::NEVER`] if it
    /// only waits for answers.
    pub fn next_deadline(&self) -> Time {
        Time::NEVER
    }

    /// The torrent stops: the next poll orders the `stopped` announces.
    pub fn stop(&mut self, now: Time) {
        let _ = now;
    }

    /// Whether every tracker that must know of the stop was told, or failed.
    pub fn all_stopped(&self) -> bool {
        true
    }

    /// The last wanted piece was downloaded and verified just now (and not: a
    /// check found everything on disk).
    pub fn complete(&mut self, now: Time) {
        let _ = now;
    }

    /// The user wants an announce now; each tracker's minimum interval is kept.
    pub fn reannounce(&mut self, now: Time) {
        let _ = now;
    }

    /// Adds a tracker as a tier of its own. False if it is known already or
    /// there are too many.
    pub fn add_tracker(&mut self, url: &str) -> bool {
        let _ = url;
        false
    }

    /// URLs with a scheme that no tracker client speaks, each once.
    pub fn take_unsupported(&mut self) -> Vec<String> {
        Vec::new()
    }

    /// One row per tracker, in the order of the tiers.
    pub fn stats(&self, now: Time) -> Vec<TrackerStats> {
        let _ = now;
        Vec::new()
    }
}
