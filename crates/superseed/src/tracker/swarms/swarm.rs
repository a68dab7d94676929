//! One swarm: its peers in four pools by address family and by what they
//! have, so that counting is a length and drawing never looks at a peer that
//! the asker has no use for.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use rand_core::Rng;
use superseed_proto::PeerId;
use superseed_proto::tracker::{AddressFamily, ScrapeStats, TrackerPeer};

use super::Announce;
use super::draw::Draw;
use crate::tracker::limits::DRAWS_MAX;

/// What entering did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// The peer is new.
    Entered,
    /// It was there and is as it was.
    Renewed,
    /// It was a leecher and is a seed.
    BecameSeed,
    /// It was a seed and is a leecher, perhaps since it wants more files.
    BecameLeecher,
    /// It is new, and there was no room.
    NoRoom,
}

/// How many peers went, and how many of them were seeds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Gone {
    /// All of them.
    pub(super) peers: usize,
    /// The seeds among them.
    pub(super) seeds: usize,
}

/// A swarm.
#[derive(Debug, Default)]
pub(super) struct Swarm {
    pools: [Vec<Entry>; 4],
    places: HashMap<SocketAddr, Place>,
    completed: u32,
    /// When the last peer to announce expires, and the swarm with it.
    expires: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    addr: SocketAddr,
    peer_id: PeerId,
    expires: Duration,
}

/// Where a peer's entry stands.
#[derive(Clone, Copy, Debug)]
struct Place {
    pool: Pool,
    at: u32,
}

/// Which of the four pools.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pool {
    family: AddressFamily,
    complete: bool,
}

impl Pool {
    fn index(self) -> usize {
        let family = match self.family {
            AddressFamily::V4 => 0,
            AddressFamily::V6 => 2,
        };
        family + usize::from(self.complete)
    }
}

impl Swarm {
    /// How many peers there are.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// What a scrape tells.
    pub(super) fn stats(&self) -> ScrapeStats {
        let [leechers_v4, seeds_v4, leechers_v6, seeds_v6] = self.pools.each_ref().map(Vec::len);
        let figure = |count| u32::try_from(count).unwrap_or(u32::MAX);
        ScrapeStats {
            complete: figure(seeds_v4 + seeds_v6),
            downloaded: self.completed,
            incomplete: figure(leechers_v4 + leechers_v6),
        }
    }

    /// Enters or renews a peer until `expires`; a new one only if it
    /// `may_enter`.
    ///
    /// A completion counts where it makes a seed, so that a client that says
    /// it with every announce counts once.
    pub(super) fn enter(
        &mut self,
        announce: &Announce,
        expires: Duration,
        may_enter: bool,
    ) -> Change {
        use superseed_proto::tracker::Event::Completed;

        self.expires = self.expires.max(expires);
        let pool = Pool {
            family: AddressFamily::of(announce.addr.ip()),
            complete: announce.complete,
        };
        let entry = Entry {
            addr: announce.addr,
            peer_id: announce.peer_id,
            expires,
        };
        let change = match self.places.get(&announce.addr).copied() {
            Some(place) if place.pool == pool => {
                self.pools[pool.index()][place.at as usize] = entry;
                return Change::Renewed;
            }
            Some(place) => {
                self.remove(place);
                if pool.complete {
                    Change::BecameSeed
                } else {
                    Change::BecameLeecher
                }
            }
            None if may_enter => Change::Entered,
            None => return Change::NoRoom,
        };
        if pool.complete && announce.event == Some(Completed) {
            self.completed = self.completed.saturating_add(1);
        }
        self.push(pool, entry);
        change
    }

    /// Removes a peer, if it is there.
    pub(super) fn leave(&mut self, addr: SocketAddr) -> Gone {
        let Some(place) = self.places.get(&addr).copied() else {
            return Gone::default();
        };
        self.remove(place);
        Gone {
            peers: 1,
            seeds: usize::from(place.pool.complete),
        }
    }

    /// Draws peers for one that announces, from its first family as long as
    /// that has any.
    pub(super) fn draw(
        &self,
        announce: &Announce,
        now: Duration,
        rng: &mut impl Rng,
    ) -> Vec<TrackerPeer> {
        let mut drawn = Vec::new();
        for &family in announce.families {
            let leechers = &self.pools[Pool {
                family,
                complete: false,
            }
            .index()][..];
            let seeds = &self.pools[Pool {
                family,
                complete: true,
            }
            .index()][..];
            // Seeds have no use for each other.
            let seeds = if announce.complete { &[] } else { seeds };
            let entry = |at: usize| {
                leechers
                    .get(at)
                    .unwrap_or_else(|| &seeds[at - leechers.len()])
            };
            let others = Draw::new(leechers.len() + seeds.len(), rng)
                .take(DRAWS_MAX)
                .map(entry)
                .filter(|entry| entry.expires > now)
                .filter(|entry| entry.addr != announce.addr && entry.peer_id != announce.peer_id)
                .map(|entry| TrackerPeer {
                    addr: entry.addr,
                    peer_id: Some(entry.peer_id),
                });
            drawn.extend(others.take(announce.numwant - drawn.len()));
        }
        drawn
    }

    /// Removes the peers that have expired.
    pub(super) fn forget_the_silent(&mut self, now: Duration) -> Gone {
        let mut gone = Gone::default();
        for family in [AddressFamily::V4, AddressFamily::V6] {
            for complete in [false, true] {
                let pool = Pool { family, complete };
                let mut at = 0;
                while let Some(entry) = self.pools[pool.index()].get(at) {
                    if entry.expires > now {
                        at += 1;
                        continue;
                    }
                    // The last entry comes to this place and is looked at next.
                    self.remove(Place {
                        pool,
                        at: at as u32,
                    });
                    gone.peers += 1;
                    gone.seeds += usize::from(complete);
                }
            }
        }
        if gone.peers > 0 {
            // A swarm that was once large must not keep the room for it.
            self.pools
                .iter_mut()
                .for_each(|pool| pool.shrink_to(2 * pool.len()));
            self.places.shrink_to(2 * self.places.len());
        }
        gone
    }

    /// Whether nobody is here, nor has been for a lifetime; until then the
    /// count of completions is kept.
    pub(super) fn is_forgotten(&self, now: Duration) -> bool {
        self.places.is_empty() && self.expires <= now
    }

    fn push(&mut self, pool: Pool, entry: Entry) {
        let entries = &mut self.pools[pool.index()];
        // A swarm has at most `peers_per_swarm_max` peers, each with a port of
        // its own or an address of its own: far under 2^32 fit in memory.
        self.places.insert(
            entry.addr,
            Place {
                pool,
                at: entries.len() as u32,
            },
        );
        entries.push(entry);
    }

    fn remove(&mut self, place: Place) {
        let entries = &mut self.pools[place.pool.index()];
        let removed = entries.swap_remove(place.at as usize);
        if let Some(moved) = entries.get(place.at as usize) {
            self.places.insert(moved.addr, place);
        }
        self.places.remove(&removed.addr);
    }
}
