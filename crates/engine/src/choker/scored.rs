//! The choker of an earlier client that scores its peers.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

use rand_core::Rng;

use super::score::PeerScore;
use super::{ChokeContext, ChokePeer, Choker, Decision, Place, changes, draw};
use crate::ids::ConnKey;
use crate::time::Time;

/// From round to round.
const ROUND: Duration = Duration::from_secs(10);
/// A new optimistic peer is drawn every so many rounds.
const ROUNDS_PER_OPTIMISTIC: u64 = 3;
/// The download rate is credited with this much …
const MARGIN_BYTES_PER_S: f64 = 50.0 * 1024.0;
/// … and makes a slot for each so much of it …
const BYTES_PER_S_PER_SLOT: f64 = 20.0 * 1024.0;
/// … within these bounds.
const SLOTS: (usize, usize) = (2, 10);
/// What is left of a win after a round, where trust decays: it then stands for
/// the last five minutes, and is worth a third at most.
const WIN_KEEPS: f64 = 0.97;

/// Places by score, as a rival for [`super::DefaultChoker`].
///
/// As many slots as the *download* rate pays for go to the best by rate,
/// stability and trust; a further, optimistic one changes
/// hands every third round. Nothing changes between rounds. While seeding,
/// for which the original has no rule, our rate to a peer stands for its rate
/// to us.
#[derive(Debug, Default)]
pub struct Scored {
    decay: bool,
    next_round: Time,
    last_round: Option<Time>,
    /// Rounds in which somebody was interested.
    rounds: u64,
    optimistic: Option<ConnKey>,
    slots: usize,
    records: BTreeMap<ConnKey, Record>,
}

/// What is remembered of a connected peer.
#[derive(Debug, Default)]
struct Record {
    /// Its total at the last round, in bytes.
    total: u64,
    score: PeerScore,
}

impl Scored {
    /// With `decay`, wins fade: the original lets whoever won a hundred times
    /// keep twice its score for ever.
    pub fn new(decay: bool) -> Self {
        Self {
            decay,
            ..Self::default()
        }
    }

    /// Takes this round's samples; the rate of all peers together.
    fn sample(&mut self, peers: &[ChokePeer], cx: &ChokeContext, lasted: Duration) -> f64 {
        let mut records = std::mem::take(&mut self.records);
        let mut sum = 0.0;
        for peer in peers {
            let mut record = records.remove(&peer.conn).unwrap_or_default();
            let total = if cx.seeding {
                peer.uploaded
            } else {
                peer.downloaded
            };
            // The total is another one when seeding begins.
            let rate = total.saturating_sub(record.total) as f64 / lasted.as_secs_f64();
            record.total = total;
            if peer.interested {
                record.score.sample(rate);
            }
            sum += rate;
            self.records.insert(peer.conn, record);
        }
        sum
    }
}

impl Choker for Scored {
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
        let lasted = self.last_round.map_or(ROUND, |last| now.since(last));
        self.last_round = Some(now);
        let rate = self.sample(peers, cx, lasted);
        let is_candidate = |at: &usize| peers[*at].interested;
        let mut ranking: Vec<usize> = (0..peers.len()).filter(is_candidate).collect();
        if ranking.is_empty() {
            return Vec::new();
        }
        self.rounds += 1;
        let score = |at: &usize| {
            let record = self.records.get(&peers[*at].conn);
            // Scores are not negative, so their bits are in their order.
            record.map_or(0, |record| record.score.score().to_bits())
        };
        ranking.sort_by_cached_key(|at| Reverse(score(at)));
        self.slots = slots(rate);
        let (top, others) = ranking.split_at(self.slots.min(ranking.len()));
        let keeps = if self.decay { WIN_KEEPS } else { 1.0 };
        let mut places = vec![Place::None; peers.len()];
        for at in top {
            places[*at] = Place::Regular;
        }
        for (place, peer) in places.iter().zip(peers) {
            if let Some(record) = self.records.get_mut(&peer.conn) {
                record.score.judge(*place == Place::Regular, keeps);
            }
        }
        if self.rounds.is_multiple_of(ROUNDS_PER_OPTIMISTIC) {
            self.optimistic = draw(others, |_| 1, rng).map(|at| peers[at].conn);
        }
        let held = others
            .iter()
            .find(|at| Some(peers[**at].conn) == self.optimistic);
        if let Some(at) = held {
            places[*at] = Place::Optimistic;
        }
        changes(peers, places)
    }

    fn next_round(&self) -> Time {
        self.next_round
    }

    fn places(&self) -> Option<usize> {
        Some(self.slots + 1)
    }
}

/// How many slots a download rate pays for.
fn slots(rate_bytes_per_s: f64) -> usize {
    let slots = (rate_bytes_per_s + MARGIN_BYTES_PER_S) / BYTES_PER_S_PER_SLOT;
    (slots as usize).clamp(SLOTS.0, SLOTS.1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choker::tests::Swarm;
    use crate::config::ChokerKind;

    /// Peers of which number `at` sends `(at + 1) * 10` kB in each second.
    fn round(swarm: &mut Swarm) {
        for (at, peer) in (1..).zip(&mut swarm.peers) {
            peer.downloaded += at * 10_000 * 10;
        }
        swarm.rounds(1);
    }

    fn swarm(peers: u64, decay: bool) -> Swarm {
        Swarm::new(ChokerKind::Scored { decay }, peers, 0)
    }

    #[test]
    fn slots_follow_the_download_rate() {
        let table = [
            (0.0, 2),
            (9.0, 2),
            (10.0, 3),
            (30.0, 4),
            (50.0, 5),
            (70.0, 6),
            (90.0, 7),
            (110.0, 8),
            (130.0, 9),
            (150.0, 10),
            (10_000.0, 10),
        ];
        for (kib_per_s, count) in table {
            assert_eq!(slots(kib_per_s * 1_024.0), count, "{kib_per_s}");
        }
    }

    #[test]
    fn the_optimistic_place_is_a_further_one_of_every_third_round() {
        let mut swarm = swarm(20, false);
        for number in 1..=9 {
            round(&mut swarm);
            let optimistic = usize::from(number >= 3);
            assert_eq!(swarm.regular(), (10..20).collect::<Vec<_>>());
            assert_eq!(swarm.optimistic().len(), optimistic, "round {number}");
        }
    }

    #[test]
    fn a_peer_with_a_hundred_wins_lives_on_its_past_unless_trust_decays() {
        let overtaken = |decay| {
            let mut swarm = swarm(12, decay);
            for _ in 0..300 {
                round(&mut swarm);
            }
            // The slowest of the ten who always won gets a new rival, who is
            // nearly twice as fast.
            for _ in 0..100 {
                let rates = [30u64, 20, 16, 80, 80, 80, 80, 80, 80, 80, 80, 80];
                for (peer, rate) in swarm.peers.iter_mut().zip(rates) {
                    peer.downloaded += rate * 10_000;
                }
                swarm.rounds(1);
            }
            !swarm.regular().contains(&2)
        };
        assert!(!overtaken(false));
        assert!(overtaken(true));
    }

    #[test]
    fn a_round_in_which_nobody_is_interested_changes_nothing_and_is_not_counted() {
        let mut swarm = swarm(20, false);
        round(&mut swarm);
        round(&mut swarm);
        let served = swarm.unchoked();
        assert_eq!(served.len(), 10);
        let interest = |swarm: &mut Swarm, interested| {
            let peers = swarm.peers.iter_mut();
            peers.for_each(|peer| peer.interested = interested);
        };
        interest(&mut swarm, false);
        for _ in 0..5 {
            round(&mut swarm);
            assert_eq!(swarm.unchoked(), served, "nobody is choked");
        }
        // The next counted round is the third, which has the optimistic place.
        interest(&mut swarm, true);
        round(&mut swarm);
        assert_eq!(swarm.optimistic().len(), 1);
    }

    #[test]
    fn a_rate_is_of_the_time_that_the_round_really_lasted() {
        // 150 kB from all in ten seconds are worth three slots, in thirty two.
        for (seconds, slots) in [(10, 3), (30, 2)] {
            let mut swarm = swarm(20, false);
            swarm.rounds(1);
            assert_eq!(swarm.unchoked().len(), 2);
            swarm.peers[0].downloaded += 150_000;
            swarm.after(seconds).rechoke();
            assert_eq!(swarm.regular().len(), slots, "{seconds} s");
        }
    }

    #[test]
    fn who_has_gone_is_forgotten() {
        let mut choker = Scored::new(false);
        let mut rng =
            <rand_xoshiro::Xoshiro256PlusPlus as rand_core::SeedableRng>::seed_from_u64(1);
        let cx = crate::choker::tests::context();
        for at in 0..1_000 {
            let now = choker.next_round();
            choker.rechoke(&[crate::choker::tests::peer(at)], &cx, now, &mut rng);
        }
        assert_eq!(choker.records.len(), 1);
    }
}
