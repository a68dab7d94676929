//! The choker that BEP 3 describes: three by rate, one by chance.

use std::time::Duration;

use rand_core::Rng;

use super::{ChokeContext, ChokePeer, Choker, Decision, Place, by_rate_desc, changes, draw};
use crate::ids::ConnKey;
use crate::time::Time;

/// "Only changing who's choked once every ten seconds."
const ROUND: Duration = Duration::from_secs(10);
/// An optimistic unchoke lasts for as many rounds: thirty seconds.
const ROUNDS_PER_OPTIMISTIC: u64 = 3;
/// Of the four places one is the optimistic one.
const REGULAR: usize = 3;
/// New connections are three times as likely to be the optimistic unchoke.
const NEW_PEER_BIAS: u32 = 3;

/// BEP 3 by the letter, as a rival for [`super::DefaultChoker`].
///
/// Every ten seconds the three interested peers with the best rates are
/// unchoked, and so is everyone with a better rate who is not interested. A
/// fourth place is optimistic and changes hands every thirty seconds. Between
/// rounds nothing changes, whoever comes or goes.
#[derive(Debug, Default)]
pub struct Bep3 {
    next_round: Time,
    rounds: u64,
    optimistic: Option<ConnKey>,
    /// Unchoked beside the places, as they were not interested: whoever of
    /// them becomes so before the next round is served.
    besides: usize,
}

impl Choker for Bep3 {
    fn rechoke(
        &mut self,
        peers: &[ChokePeer],
        cx: &ChokeContext,
        now: Time,
        rng: &mut dyn Rng,
    ) -> Vec<Decision> {
        if now < self.next_round {
            return Vec::new();
        }
        self.next_round = now + ROUND;
        let mut places = vec![Place::None; peers.len()];
        let mut left = REGULAR;
        self.besides = 0;
        for at in by_rate_desc(peers, cx) {
            if left == 0 {
                break;
            }
            if peers[at].snubbed && !cx.seeding {
                continue;
            }
            places[at] = Place::Regular;
            if peers[at].interested {
                left -= 1;
            } else {
                self.besides += 1;
            }
        }
        let is_candidate = |at: &usize| peers[*at].interested && places[*at] == Place::None;
        let candidates: Vec<usize> = (0..peers.len()).filter(is_candidate).collect();
        let held = candidates
            .iter()
            .copied()
            .find(|at| Some(peers[*at].conn) == self.optimistic);
        let held = held.filter(|_| !self.rounds.is_multiple_of(ROUNDS_PER_OPTIMISTIC));
        self.rounds += 1;
        let weight = |at: &usize| match peers[*at].unchoked_at {
            None => NEW_PEER_BIAS,
            Some(_) => 1,
        };
        let chosen = held.or_else(|| draw(&candidates, weight, rng));
        self.optimistic = chosen.map(|at| peers[at].conn);
        if let Some(at) = chosen {
            places[at] = Place::Optimistic;
        }
        changes(peers, places)
    }

    fn next_round(&self) -> Time {
        self.next_round
    }

    fn places(&self) -> Option<usize> {
        Some(REGULAR + 1 + self.besides)
    }
}

#[cfg(test)]
mod tests {
    use crate::choker::tests::Swarm;
    use crate::config::ChokerKind;

    #[test]
    fn three_by_rate_and_one_by_chance_are_served_on_a_grid_of_ten_seconds() {
        let mut swarm = Swarm::new(ChokerKind::Bep3, 20, 0).with_rates();
        swarm.rechoke();
        assert_eq!(swarm.regular(), [17, 18, 19]);
        assert_eq!(swarm.optimistic().len(), 1);
        swarm.peers[0].download_bytes_per_s = 1 << 30;
        assert!(swarm.after(9).rechoke().is_empty());
        swarm.after(1).rechoke();
        assert_eq!(swarm.regular(), [0, 18, 19]);
    }

    #[test]
    fn who_is_faster_and_not_interested_is_unchoked_besides() {
        let mut swarm = Swarm::new(ChokerKind::Bep3, 20, 0).with_rates();
        swarm.peers[19].interested = false;
        swarm.rechoke();
        assert_eq!(swarm.regular(), [16, 17, 18, 19]);
    }

    #[test]
    fn the_optimistic_place_is_held_for_three_rounds() {
        let mut swarm = Swarm::new(ChokerKind::Bep3, 40, 0).with_rates();
        let mut held = Vec::new();
        for _ in 0..9 {
            swarm.rounds(1);
            held.push(swarm.optimistic());
        }
        for three in held.chunks(3) {
            assert!(three.iter().all(|at| *at == three[0]), "{held:?}");
        }
        assert!(held[0] != held[3] || held[3] != held[6], "{held:?}");
    }

    #[test]
    fn a_new_peer_is_three_times_as_likely() {
        let mut new = 0;
        for seed in 0..1_000 {
            let mut swarm = Swarm::new(ChokerKind::Bep3, 7, 0).with_rates().seeded(seed);
            for old in 0..3 {
                swarm.peers[old].unchoked_at = Some(swarm.now);
            }
            swarm.rechoke();
            new += u32::from(swarm.optimistic() == [3]);
        }
        // One new and three old ones: 3 of 6.
        assert!((430..570).contains(&new), "{new}");
    }
}
