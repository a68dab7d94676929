//! The baseline: no choice at all.

use std::time::Duration;

use rand_core::Rng;

use super::{ChokeContext, ChokePeer, Choker, Decision, Place, changes};
use crate::time::Time;

/// Serves everyone who is interested. It exists so that tests and simulations
/// can show what [`super::DefaultChoker`] is for.
#[derive(Debug, Default)]
pub struct UnchokeAll {
    next_round: Time,
}

impl Choker for UnchokeAll {
    fn rechoke(
        &mut self,
        peers: &[ChokePeer],
        _cx: &ChokeContext,
        now: Time,
        _rng: &mut dyn Rng,
    ) -> Vec<Decision> {
        self.next_round = now + Duration::from_secs(10);
        let place = |peer: &ChokePeer| {
            if peer.interested {
                Place::Regular
            } else {
                Place::None
            }
        };
        changes(peers, peers.iter().map(place))
    }

    fn next_round(&self) -> Time {
        self.next_round
    }

    fn places(&self) -> Option<usize> {
        None
    }
}
