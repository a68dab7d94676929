//! All swarms of a tracker: who is in them, for how long, and who is told of
//! whom. Plain data; time is passed in, counted from the tracker's start.
//!
//! It never grows past its limits, whatever is announced, and knows neither
//! sockets nor the form of an answer.

mod draw;
mod swarm;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use rand_core::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use superseed_proto::tracker::{AddressFamily, Event, ScrapeStats, TrackerPeer};
use superseed_proto::{PeerId, SwarmKey};

use super::limits::SwarmLimits;
use swarm::{Change, Swarm};

/// What a client announces, as far as swarms care.
#[derive(Clone, Debug)]
pub(super) struct Announce {
    /// The swarm.
    pub(super) swarm: SwarmKey,
    /// Where others find the client: its identity in the swarm.
    pub(super) addr: SocketAddr,
    /// Who it says it is.
    pub(super) peer_id: PeerId,
    /// Whether it has everything it wants.
    pub(super) complete: bool,
    /// Why it announces.
    pub(super) event: Option<Event>,
    /// How many peers it shall get at most.
    pub(super) numwant: usize,
    /// The families of those peers; the first is exhausted before the second
    /// begins.
    pub(super) families: &'static [AddressFamily],
}

/// What comes of an announce.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Answer {
    /// The swarm with the client in it.
    pub(super) stats: ScrapeStats,
    /// Other peers, in random order.
    pub(super) peers: Vec<TrackerPeer>,
    /// Whether the client could not be entered for want of room.
    pub(super) unlisted: bool,
}

/// There is no room for another swarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SwarmsFull;

/// The swarms.
pub(super) struct Swarms {
    limits: SwarmLimits,
    lifetime: Duration,
    swarms: HashMap<SwarmKey, Swarm>,
    peers: usize,
    seeds: usize,
    rng: Xoshiro256PlusPlus,
}

impl Swarms {
    /// No swarms. Peers that do not announce for `lifetime` are forgotten;
    /// `seed` decides which peers are drawn.
    pub(super) fn new(limits: SwarmLimits, lifetime: Duration, seed: u64) -> Self {
        Self {
            limits,
            lifetime,
            swarms: HashMap::new(),
            peers: 0,
            seeds: 0,
            rng: Xoshiro256PlusPlus::seed_from_u64(seed),
        }
    }

    /// Enters, renews or removes a peer, and draws others for it.
    ///
    /// A seed is told of leechers only: it wants nothing from seeds. Nobody is
    /// told of itself, nor of an entry with its own peer id, which is the same
    /// client on its other family.
    pub(super) fn announce(
        &mut self,
        announce: &Announce,
        now: Duration,
    ) -> Result<Answer, SwarmsFull> {
        if announce.event == Some(Event::Stopped) {
            return Ok(self.leave(announce));
        }
        let full = self.swarms.len() >= self.limits.swarms_max;
        if full && !self.swarms.contains_key(&announce.swarm) {
            return Err(SwarmsFull);
        }
        let swarm = self.swarms.entry(announce.swarm).or_default();
        let may_enter =
            self.peers < self.limits.peers_max && swarm.len() < self.limits.peers_per_swarm_max;
        let change = swarm.enter(announce, now + self.lifetime, may_enter);
        match change {
            Change::Entered => {
                self.peers += 1;
                self.seeds += usize::from(announce.complete);
            }
            Change::BecameSeed => self.seeds += 1,
            Change::BecameLeecher => self.seeds -= 1,
            Change::Renewed | Change::NoRoom => {}
        }
        Ok(Answer {
            stats: swarm.stats(),
            peers: swarm.draw(announce, now, &mut self.rng),
            unlisted: change == Change::NoRoom,
        })
    }

    /// What is known of a swarm; nothing of an unknown one.
    pub(super) fn scrape(&self, swarm: SwarmKey) -> ScrapeStats {
        self.swarms
            .get(&swarm)
            .map(Swarm::stats)
            .unwrap_or_default()
    }

    /// Forgets peers that were silent for their lifetime, and swarms that had
    /// none for as long.
    ///
    /// A peer that has expired is not drawn any more, even before this is
    /// called; it is counted until then.
    pub(super) fn forget_the_silent(&mut self, now: Duration) {
        let (peers, seeds) = (&mut self.peers, &mut self.seeds);
        self.swarms.retain(|_, swarm| {
            let gone = swarm.forget_the_silent(now);
            *peers -= gone.peers;
            *seeds -= gone.seeds;
            !swarm.is_forgotten(now)
        });
    }

    /// How many swarms there are.
    pub(super) fn len(&self) -> usize {
        self.swarms.len()
    }

    /// How many peers there are in all swarms.
    pub(super) fn peers(&self) -> usize {
        self.peers
    }

    /// How many of the peers are seeds.
    pub(super) fn seeds(&self) -> usize {
        self.seeds
    }

    /// A peer leaves. An unknown swarm stays unknown.
    fn leave(&mut self, announce: &Announce) -> Answer {
        let Some(swarm) = self.swarms.get_mut(&announce.swarm) else {
            return Answer::default();
        };
        let gone = swarm.leave(announce.addr);
        self.peers -= gone.peers;
        self.seeds -= gone.seeds;
        Answer {
            stats: swarm.stats(),
            ..Answer::default()
        }
    }
}

#[cfg(test)]
mod tests;
