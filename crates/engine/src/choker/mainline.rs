//! The choker of the first BitTorrent client, version 3.4.2.

use std::time::Duration;

use rand_core::Rng;

use super::{ChokeContext, ChokePeer, Choker, Decision, Place, by_rate_desc, changes};
use crate::ids::ConnKey;
use crate::time::Time;

/// From round to round.
const ROUND: Duration = Duration::from_secs(10);
/// The order of the walk moves on every so many rounds.
const ROUNDS_PER_ROTATION: u64 = 3;
/// `max_uploads` is 7; one of them is left to the walk.
const PREFERRED: usize = 6;
/// `min_uploads`: the walk unchokes until so many interested ones are served.
const SERVED_MIN: usize = 4;
/// A new peer takes one of so many places before the front, and so begins
/// there with three times the chance of any other place.
const EXTRA_FRONT_PLACES: u32 = 2;

/// Mainline's rules as a rival for [`super::DefaultChoker`].
///
/// The six best of those who are interested and not snubbed are preferred.
/// Then all others are walked in an order of their own: they are unchoked
/// until one of them is interested and four peers are served; those
/// on the way who are not interested are unchoked too. Every thirty seconds
/// the order is turned so that a choked and interested peer comes first. All
/// is decided anew when a peer comes, and when one that is served goes or
/// changes its interest. As in the original, a peer counts as snubbed until its
/// first block.
#[derive(Debug, Default)]
pub struct Mainline {
    next_round: Time,
    rounds: u64,
    order: Vec<ConnKey>,
    /// Who is served, and whether it was interested then.
    served: Vec<(ConnKey, bool)>,
}

impl Choker for Mainline {
    fn rechoke(
        &mut self,
        peers: &[ChokePeer],
        cx: &ChokeContext,
        now: Time,
        rng: &mut dyn Rng,
    ) -> Vec<Decision> {
        let came = self.enlist(peers, rng);
        if now >= self.next_round {
            self.next_round = now + ROUND;
            self.rounds += 1;
            if self.rounds.is_multiple_of(ROUNDS_PER_ROTATION) {
                self.turn(peers);
            }
        } else if !came && !self.served_changed(peers) {
            return Vec::new();
        }
        let mut places = vec![Place::None; peers.len()];
        let best = by_rate_desc(peers, cx).into_iter();
        let best = best.filter(|at| {
            let is_snubbed = peers[*at].snubbed || peers[*at].downloaded == 0;
            peers[*at].interested && (cx.seeding || !is_snubbed)
        });
        let mut served = 0;
        for at in best.take(PREFERRED) {
            places[at] = Place::Regular;
            served += 1;
        }
        let mut hit = false;
        for conn in &self.order {
            let Some(at) = position(peers, *conn) else {
                continue;
            };
            if places[at] != Place::None {
                continue;
            }
            if served >= SERVED_MIN && hit {
                break;
            }
            places[at] = Place::Optimistic;
            if peers[at].interested {
                served += 1;
                hit = true;
            }
        }
        let served = peers.iter().zip(&places);
        let served = served.filter(|(_, place)| **place != Place::None);
        self.served = served
            .map(|(peer, _)| (peer.conn, peer.interested))
            .collect();
        changes(peers, places)
    }

    fn next_round(&self) -> Time {
        self.next_round
    }

    fn places(&self) -> Option<usize> {
        Some(PREFERRED + 1)
    }
}

impl Mainline {
    /// Takes in who came, with the bias to the front, and lets go who went.
    fn enlist(&mut self, peers: &[ChokePeer], rng: &mut dyn Rng) -> bool {
        let mut came = false;
        self.order.retain(|conn| position(peers, *conn).is_some());
        for peer in peers {
            if self.order.contains(&peer.conn) {
                continue;
            }
            let places = self.order.len() as u32 + 1 + EXTRA_FRONT_PLACES;
            let place = (rng.next_u32() % places).saturating_sub(EXTRA_FRONT_PLACES);
            self.order.insert(place as usize, peer.conn);
            came = true;
        }
        came
    }

    fn served_changed(&self, peers: &[ChokePeer]) -> bool {
        let changed = |(conn, interested): &(ConnKey, bool)| match position(peers, *conn) {
            Some(at) => peers[at].interested != *interested,
            None => *interested,
        };
        self.served.iter().any(changed)
    }

    /// The first who is choked and interested comes to the front.
    fn turn(&mut self, peers: &[ChokePeer]) {
        let waits = |conn: &ConnKey| {
            position(peers, *conn).is_some_and(|at| peers[at].interested && !peers[at].unchoked)
        };
        if let Some(first) = self.order.iter().position(waits) {
            self.order.rotate_left(first);
        }
    }
}

fn position(peers: &[ChokePeer], conn: ConnKey) -> Option<usize> {
    peers.iter().position(|peer| peer.conn == conn)
}

#[cfg(test)]
mod tests {
    use crate::choker::tests::Swarm;
    use crate::config::ChokerKind;

    fn swarm(peers: u64) -> Swarm {
        Swarm::new(ChokerKind::Mainline, peers, 0).with_rates()
    }

    /// What the original does with the same peers.
    #[test]
    fn as_many_are_unchoked_as_by_the_original() {
        let mut all = swarm(20);
        all.rechoke();
        assert_eq!((all.regular().len(), all.optimistic().len()), (6, 1));
        assert_eq!(all.regular(), [14, 15, 16, 17, 18, 19]);

        let mut snubbed = swarm(20);
        snubbed
            .peers
            .iter_mut()
            .for_each(|peer| peer.snubbed = true);
        snubbed.rechoke();
        assert_eq!(snubbed.unchoked().len(), 4);

        let mut some = swarm(20);
        some.peers[..15]
            .iter_mut()
            .for_each(|peer| peer.snubbed = true);
        some.rechoke();
        assert_eq!(some.unchoked().len(), 6);

        let mut few = swarm(12);
        few.peers[2..]
            .iter_mut()
            .for_each(|peer| peer.interested = false);
        few.rechoke();
        assert_eq!(few.unchoked().len(), 12);
    }

    #[test]
    fn a_place_that_becomes_free_is_filled_at_once() {
        let mut swarm = swarm(20);
        swarm.rechoke();
        swarm.peers.truncate(19);
        swarm.after(1).rechoke();
        assert_eq!(swarm.regular(), [13, 14, 15, 16, 17, 18]);
    }

    #[test]
    fn who_is_not_served_changes_nothing_between_rounds() {
        let mut swarm = swarm(20);
        swarm.rechoke();
        swarm.peers[0].download_bytes_per_s = 1 << 30;
        let choked = (1..14).find(|at| !swarm.unchoked().contains(at)).unwrap();
        swarm.peers[choked].interested = false;
        assert!(swarm.after(1).rechoke().is_empty());
        swarm.peers[19].interested = false;
        swarm.after(1).rechoke();
        assert!(swarm.regular().contains(&0));
    }

    #[test]
    fn a_peer_is_snubbed_until_its_first_block_but_not_by_a_seed() {
        let mut swarm = swarm(20);
        swarm.peers[19].downloaded = 0;
        swarm.rechoke();
        assert_eq!(swarm.regular(), [13, 14, 15, 16, 17, 18]);
        let mut seed = Swarm::new(ChokerKind::Mainline, 20, 0).seeding_now();
        seed.rechoke();
        assert_eq!(seed.regular().len(), 6);
    }

    #[test]
    fn every_third_round_another_one_who_waits_comes_to_the_front() {
        let mut swarm = swarm(12);
        let mut tried = Vec::new();
        for _ in 0..18 {
            swarm.rounds(1);
            tried.extend(swarm.optimistic());
        }
        let changes = tried.windows(2).filter(|pair| pair[0] != pair[1]).count();
        assert_eq!(changes, 6, "{tried:?}");
        tried.sort_unstable();
        tried.dedup();
        assert_eq!(tried, [0, 1, 2, 3, 4, 5], "each has its turn");
    }

    #[test]
    fn a_new_peer_begins_at_the_front_three_times_as_often() {
        let mut first = 0;
        for seed in 0..3_000 {
            let mut swarm = swarm(7).seeded(seed);
            swarm.rechoke();
            let newcomer = crate::choker::tests::peer(7);
            swarm.peers.push(newcomer);
            swarm.rechoke();
            first += u32::from(swarm.optimistic() == [7]);
        }
        // In front of the only one of seven that is not preferred: the front
        // (3 of 10), or one of the places before that one.
        assert!(first > 3_000 * 3 / 10, "{first}");
    }
}
