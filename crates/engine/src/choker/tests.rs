//! The rules of the choker, one by one, against small tables of peers.

use rand_core::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use slotmap::KeyData;
use std::time::Duration;

use super::*;
use crate::config::ChokerPart;

pub(super) fn conn(at: u64) -> ConnKey {
    KeyData::from_ffi((1 << 32) | (at + 1)).into()
}

/// An interested peer that connected at the start and was never served.
pub(super) fn peer(at: u64) -> ChokePeer {
    ChokePeer {
        conn: conn(at),
        interested: true,
        snubbed: false,
        upload_only: false,
        download_bytes_per_s: 0,
        upload_bytes_per_s: 0,
        downloaded: 0,
        uploaded: 0,
        uploaded_since_unchoke: 0,
        connected_at: Time::START,
        unchoked: false,
        optimistic: false,
        unchoked_at: None,
        had_first_turn: false,
        choked_at: None,
    }
}

pub(super) fn context() -> ChokeContext {
    ChokeContext {
        seeding: false,
        first_copy: false,
        slots: None,
        upload_bytes_per_s: 0,
        upload_limit_bytes_per_s: None,
        piece_len: 256 * 1024,
    }
}

fn at(seconds: u64) -> Time {
    Time::from_micros(seconds * 1_000_000)
}

/// A torrent's peers under a choker, with decisions applied.
pub(super) struct Swarm {
    choker: Box<dyn Choker>,
    pub(super) cx: ChokeContext,
    pub(super) peers: Vec<ChokePeer>,
    pub(super) now: Time,
    rng: Xoshiro256PlusPlus,
}

impl Swarm {
    pub(super) fn new(kind: ChokerKind, peers: u64, slots: usize) -> Self {
        Self {
            choker: super::new(kind),
            cx: ChokeContext {
                slots: Some(slots),
                ..context()
            },
            peers: (0..peers).map(peer).collect(),
            now: at(100),
            rng: Xoshiro256PlusPlus::seed_from_u64(7),
        }
    }

    fn leeching(peers: u64, slots: usize) -> Self {
        Self::new(ChokerKind::Default, peers, slots)
    }

    pub(super) fn seeding(peers: u64, slots: usize) -> Self {
        Self::leeching(peers, slots).seeding_now()
    }

    /// The same when everything is there.
    pub(super) fn seeding_now(mut self) -> Self {
        self.cx.seeding = true;
        self
    }

    /// Peer `at` gives us `(at + 1) * 10` kB/s.
    pub(super) fn with_rates(mut self) -> Self {
        for (at, peer) in (1..).zip(&mut self.peers) {
            peer.download_bytes_per_s = at * 10_000;
            peer.downloaded = at * 100_000;
        }
        self
    }

    /// The same with other dice.
    pub(super) fn seeded(mut self, seed: u64) -> Self {
        self.rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        self
    }

    pub(super) fn rechoke(&mut self) -> Vec<Decision> {
        let decisions = self
            .choker
            .rechoke(&self.peers, &self.cx, self.now, &mut self.rng);
        for decision in &decisions {
            let peer = self
                .peers
                .iter_mut()
                .find(|peer| peer.conn == decision.conn)
                .unwrap();
            match (peer.unchoked, decision.unchoke) {
                (false, true) => {
                    peer.unchoked_at = Some(self.now);
                    peer.uploaded_since_unchoke = 0;
                }
                (true, false) => peer.choked_at = Some(self.now),
                _ => {}
            }
            (peer.unchoked, peer.optimistic) = (decision.unchoke, decision.optimistic);
        }
        decisions
    }

    pub(super) fn rounds(&mut self, count: usize) {
        for _ in 0..count {
            self.now = self.now.max(self.choker.next_round());
            self.rechoke();
        }
    }

    pub(super) fn after(&mut self, seconds: u64) -> &mut Self {
        self.now += Duration::from_secs(seconds);
        self
    }

    pub(super) fn regular(&self) -> Vec<usize> {
        self.those(|peer| peer.unchoked && !peer.optimistic)
    }

    pub(super) fn optimistic(&self) -> Vec<usize> {
        self.those(|peer| peer.unchoked && peer.optimistic)
    }

    pub(super) fn unchoked(&self) -> Vec<usize> {
        self.those(|peer| peer.unchoked)
    }

    pub(super) fn places(&self) -> Option<usize> {
        self.choker.places()
    }

    fn those(&self, is: impl Fn(&ChokePeer) -> bool) -> Vec<usize> {
        (0..self.peers.len())
            .filter(|at| is(&self.peers[*at]))
            .collect()
    }
}

#[test]
fn the_best_givers_get_the_slots_and_one_more_is_tried() {
    let mut swarm = Swarm::leeching(20, 4).with_rates();
    swarm.rechoke();
    assert_eq!(swarm.regular(), [16, 17, 18, 19]);
    assert_eq!(swarm.optimistic().len(), 1);
}

#[test]
fn unchoking_everyone_serves_those_who_give_nothing() {
    let mut swarm = Swarm::new(ChokerKind::UnchokeAll, 20, 4).with_rates();
    swarm.peers[3].interested = false;
    swarm.rechoke();
    assert_eq!(swarm.unchoked().len(), 19);
    assert!(swarm.optimistic().is_empty());
    swarm.peers[4].interested = false;
    swarm.rechoke();
    assert_eq!(swarm.unchoked().len(), 18);
}

#[test]
fn there_is_an_optimistic_slot_for_every_five() {
    let mut swarm = Swarm::leeching(60, 15).with_rates();
    swarm.rechoke();
    assert_eq!((swarm.regular().len(), swarm.optimistic().len()), (15, 3));
}

#[test]
fn without_givers_all_slots_are_optimistic_and_none_is_idle() {
    let mut swarm = Swarm::leeching(20, 4);
    swarm.rechoke();
    assert_eq!((swarm.regular().len(), swarm.optimistic().len()), (0, 5));
    swarm.peers.truncate(3);
    swarm.rechoke();
    assert_eq!(swarm.unchoked().len(), 3);
}

#[test]
fn who_became_better_gets_the_slot_at_the_next_round_and_not_before() {
    let mut swarm = Swarm::leeching(10, 4).with_rates();
    swarm.rechoke();
    let before = swarm.unchoked();
    let climber = (0..6).find(|at| !before.contains(at)).unwrap();
    swarm.peers[climber].download_bytes_per_s = 1_000_000;
    assert!(
        swarm.after(5).rechoke().is_empty(),
        "an event displaces nobody"
    );
    swarm.after(5).rechoke();
    assert!(swarm.regular().contains(&climber));
    assert!(!swarm.regular().contains(&6));
}

#[test]
fn a_slot_that_becomes_free_is_filled_at_once_and_held_for_ten_seconds() {
    let mut swarm = Swarm::leeching(10, 4).with_rates();
    swarm.rechoke();
    swarm.peers[9].interested = false;
    let decisions = swarm.after(6).rechoke();
    assert!(decisions.contains(&Decision {
        conn: conn(9),
        unchoke: false,
        optimistic: false
    }));
    assert_eq!(swarm.unchoked().len(), 5);
    let newest = swarm.those(|peer| peer.unchoked_at == Some(swarm.now));
    assert_eq!(newest.len(), 1);
    // At the round four seconds later, the newest is not displaced by anyone.
    for other in 0..9 {
        if !newest.contains(&other) {
            swarm.peers[other].download_bytes_per_s += 1_000_000;
        }
    }
    swarm.peers[newest[0]].download_bytes_per_s = 1_000;
    swarm.after(4).rechoke();
    assert!(swarm.unchoked().contains(&newest[0]));
    assert_eq!(swarm.unchoked().len(), 5);
    swarm.after(10).rechoke();
    assert!(!swarm.regular().contains(&newest[0]));
}

#[test]
fn in_the_first_ten_seconds_a_fast_line_opens_more_places() {
    let mut swarm = Swarm::new(ChokerKind::Default, 20, 4).with_rates();
    swarm.cx.slots = None;
    swarm.rechoke();
    assert_eq!(swarm.regular().len(), 4);
    let began = swarm.now;
    swarm.cx.upload_bytes_per_s = 10_000_000;
    let mut looks = Vec::new();
    while swarm.choker.next_call() < swarm.choker.next_round() {
        swarm.now = swarm.choker.next_call();
        swarm.rechoke();
        looks.push(swarm.now.since(began).as_secs());
    }
    assert_eq!(looks, [1, 2, 4, 8]);
    assert_eq!(swarm.regular().len(), 20);
    swarm.rounds(1);
    assert_eq!(swarm.choker.next_call(), swarm.choker.next_round());
}

#[test]
fn who_becomes_interested_changes_something_only_while_the_choker_is_not_full() {
    for (seeding, places) in [(false, 5), (true, 4)] {
        for interested in 0..10 {
            let mut swarm = Swarm::leeching(10, 4).with_rates();
            swarm.cx.seeding = seeding;
            for peer in &mut swarm.peers[interested..] {
                peer.interested = false;
            }
            swarm.rechoke();
            let full = swarm.choker.is_full();
            assert_eq!(full, interested >= places);
            swarm.peers[9].interested = true;
            assert_eq!(swarm.after(1).rechoke().is_empty(), full);
        }
    }
}

#[test]
fn rounds_without_anybody_are_not_the_first_ten_seconds() {
    let mut swarm = Swarm::new(ChokerKind::Default, 3, 4);
    let peers = std::mem::take(&mut swarm.peers);
    swarm.rechoke();
    swarm.after(3_600).peers = peers;
    swarm.rechoke();
    let look = swarm.choker.next_call().since(swarm.now);
    assert_eq!(look, Duration::from_secs(1));
}

#[test]
fn an_optimistic_slot_is_held_for_thirty_seconds_and_then_goes_to_the_longest_wait() {
    let mut swarm = Swarm::leeching(8, 4).with_rates();
    swarm.peers[1].connected_at = Time::START;
    for other in [0, 2, 3] {
        swarm.peers[other].connected_at = at(50);
    }
    swarm.rechoke();
    assert_eq!(swarm.optimistic(), [1]);
    swarm.rounds(2);
    assert_eq!(swarm.optimistic(), [1]);
    swarm.rounds(1);
    assert_eq!(swarm.now, at(130));
    assert_ne!(swarm.optimistic(), [1]);
    let mut served = vec![1];
    for _ in 0..3 {
        served.extend(swarm.optimistic());
        swarm.rounds(3);
    }
    served.sort_unstable();
    assert_eq!(served, [0, 1, 2, 3], "each has its turn");
}

#[test]
fn the_wait_of_a_new_peer_counts_three_times() {
    let mut swarm = Swarm::leeching(6, 4).with_rates();
    for (other, choked_at) in [(0, 40), (1, 60)] {
        swarm.peers[other].unchoked_at = Some(at(1));
        swarm.peers[other].choked_at = Some(at(choked_at));
    }
    swarm.peers[1].unchoked_at = None;
    swarm.peers[1].choked_at = None;
    swarm.peers[1].connected_at = at(79);
    swarm.rechoke();
    assert_eq!(swarm.optimistic(), [1], "3 × 21 s is longer than 60 s");
}

#[test]
fn ties_of_the_optimistic_slot_are_random() {
    let mut picked = [0; 6];
    let mut swarm = Swarm::leeching(6, 4);
    for seed in 0..1_200 {
        swarm.choker = super::new(ChokerKind::Default);
        swarm.rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        swarm.peers = (0..6).map(peer).collect();
        swarm.rechoke();
        let left_out = (0..6).find(|at| !swarm.unchoked().contains(at)).unwrap();
        picked[left_out] += 1;
    }
    assert!(
        picked.iter().all(|&count| (140..260).contains(&count)),
        "{picked:?}"
    );
}

#[test]
fn a_snubbed_peer_loses_its_regular_slot_whatever_its_rate() {
    let mut swarm = Swarm::leeching(10, 4).with_rates();
    swarm.rechoke();
    swarm.peers[9].snubbed = true;
    swarm.rounds(1);
    assert!(!swarm.unchoked().contains(&9));
    assert_eq!(swarm.regular().len(), 4);
}

#[test]
fn peers_that_take_nothing_never_hold_a_slot() {
    for seeding in [false, true] {
        let mut swarm = Swarm::leeching(10, 4).with_rates();
        swarm.cx.seeding = seeding;
        swarm.peers[9].upload_only = true;
        swarm.peers[8].interested = false;
        swarm.rechoke();
        assert!(!swarm.unchoked().contains(&9) && !swarm.unchoked().contains(&8));
        let holder = swarm.unchoked()[0];
        swarm.peers[holder].upload_only = true;
        swarm.after(1).rechoke();
        assert!(!swarm.unchoked().contains(&holder));
    }
}

#[test]
fn who_lost_interest_keeps_a_place_until_somebody_wants_it() {
    for seeding in [false, true] {
        let mut swarm = Swarm::leeching(4, 4).with_rates();
        swarm.cx.seeding = seeding;
        swarm.rechoke();
        swarm.peers[2].interested = false;
        swarm.after(1).rechoke();
        assert!(swarm.unchoked().contains(&2));
        swarm.peers.extend([peer(4), peer(5)]);
        swarm.after(1).rechoke();
        assert!(!swarm.unchoked().contains(&2));
        swarm.peers[4].interested = false;
        swarm.peers[5].interested = false;
        swarm.peers[3].interested = false;
        swarm.peers[3].upload_only = true;
        swarm.rounds(2);
        assert!(
            !swarm.unchoked().contains(&2),
            "nobody gets a place to linger"
        );
        assert!(!swarm.unchoked().contains(&3));
    }
}

/// Peers 0 to 3 took much and gave nothing; the others are new.
fn with_owing(mut swarm: Swarm) -> Swarm {
    for peer in &mut swarm.peers[..4] {
        peer.uploaded = 256 * 1024 + 1;
        peer.unchoked_at = Some(at(1));
        peer.choked_at = Some(at(90));
    }
    swarm
}

#[test]
fn those_who_owe_get_optimistic_slots_only_and_never_fill_the_others() {
    let mut swarm = with_owing(Swarm::leeching(7, 8));
    swarm.rechoke();
    assert_eq!(
        swarm.unchoked().len(),
        4,
        "three who are new, and one who owes"
    );
    assert!((4..7).all(|at| swarm.unchoked().contains(&at)));
    // Who gave a sixteenth of what it took beyond the first piece owes nothing.
    for peer in &mut swarm.peers[..4] {
        peer.downloaded = 1;
    }
    swarm.rounds(1);
    assert_eq!(swarm.unchoked().len(), 7);
    let mut seed = with_owing(Swarm::seeding(7, 8));
    seed.rechoke();
    assert_eq!(seed.unchoked().len(), 7, "nobody can give to a seed");
}

#[test]
fn the_wait_of_who_owes_counts_a_quarter() {
    for (choked_at, chosen) in [(75, 1), (77, 0)] {
        let mut swarm = Swarm::leeching(6, 4).with_rates();
        for (other, choked_at) in [(0, 4), (1, choked_at)] {
            swarm.peers[other].unchoked_at = Some(at(1));
            swarm.peers[other].choked_at = Some(at(choked_at));
        }
        swarm.peers[0].downloaded = 0;
        swarm.peers[0].uploaded = 1 << 20;
        swarm.rechoke();
        assert_eq!(swarm.optimistic(), [chosen], "96 s are worth 24 s");
    }
}

#[test]
fn without_a_part_the_choker_does_the_rest() {
    let without = |part| Swarm::new(ChokerKind::DefaultWithout(part), 20, 4).with_rates();
    let mut average = without(ChokerPart::Average);
    average.rechoke();
    average.peers[0].downloaded += 1 << 30;
    average.rounds(1);
    assert!(
        average.regular().contains(&0),
        "what the last round brought counts"
    );

    let mut optimistic = without(ChokerPart::Optimistic);
    optimistic.rechoke();
    assert_eq!(optimistic.unchoked(), [16, 17, 18, 19]);

    let mut events = without(ChokerPart::Events);
    events.rechoke();
    events.peers[19].interested = false;
    assert!(events.after(5).rechoke().is_empty());
    assert!(!events.after(5).rechoke().is_empty());

    let mut sizing = without(ChokerPart::Sizing);
    sizing.cx.slots = None;
    sizing.cx.upload_bytes_per_s = 100_000_000;
    sizing.rechoke();
    assert_eq!(sizing.regular().len(), 8);
}

#[test]
fn the_end_of_the_download_makes_optimistic_slots_regular() {
    let mut swarm = Swarm::leeching(10, 4);
    swarm.rechoke();
    assert_eq!(swarm.optimistic().len(), 5);
    swarm.cx.seeding = true;
    swarm.after(1).rechoke();
    assert_eq!((swarm.regular().len(), swarm.optimistic().len()), (4, 0));
}

#[test]
fn fewer_slots_by_a_new_setting_hold_at_once() {
    let mut swarm = Swarm::leeching(20, 10).with_rates();
    swarm.rechoke();
    swarm.cx.slots = Some(1);
    swarm.after(1).rechoke();
    assert_eq!(swarm.unchoked().len(), 2);
    assert_eq!(swarm.regular(), [19]);
}

#[test]
fn each_choker_tells_how_many_it_may_serve_and_serves_no_more_whatever_happens() {
    use ChokerKind::{Bep3, Default, DefaultWithout, Mainline, Scored, UnchokeAll};
    let kinds = [
        (Default, Some(12)),
        (DefaultWithout(ChokerPart::Optimistic), Some(10)),
        (DefaultWithout(ChokerPart::Events), Some(12)),
        (Bep3, Some(4)),
        (Mainline, Some(7)),
        (Scored { decay: false }, Some(3)),
        (UnchokeAll, None),
    ];
    for (kind, places) in kinds {
        let mut swarm = Swarm::new(kind, 30, 10).with_rates();
        swarm.peers.iter_mut().for_each(|peer| peer.downloaded = 1);
        swarm.rechoke();
        assert_eq!(swarm.places(), places, "{kind:?}");
        for _ in 0..500 {
            let random = swarm.rng.next_u64();
            let peer = &mut swarm.peers[(random % 30) as usize];
            match (random >> 8) % 4 {
                0 | 1 => peer.interested = !peer.interested,
                2 => peer.downloaded += random >> 40,
                _ => peer.download_bytes_per_s = random >> 44,
            }
            swarm.after((random >> 24) % 4).rechoke();
            let served = swarm.those(|peer| peer.unchoked && peer.interested);
            let places = swarm.places().unwrap_or(usize::MAX);
            assert!(served.len() <= places, "{kind:?}: {served:?} of {places}");
        }
    }
}

#[test]
fn the_bounds_hold_whatever_happens() {
    for seed in 0..200 {
        let mut swarm = Swarm::leeching(30, 5);
        swarm.rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        for _ in 0..60 {
            let random = swarm.rng.next_u64();
            let peer = &mut swarm.peers[(random % 30) as usize];
            match (random >> 8) % 5 {
                0 => peer.interested = !peer.interested,
                1 => peer.snubbed = !peer.snubbed,
                2 => peer.upload_only = !peer.upload_only,
                3 => peer.uploaded_since_unchoke += random >> 40,
                _ => peer.download_bytes_per_s = random >> 44,
            }
            swarm.cx.seeding ^= (random >> 16).is_multiple_of(20);
            let before: Vec<_> = swarm.peers.clone();
            swarm.after((random >> 24) % 4).rechoke();
            assert!(swarm.unchoked().len() <= 6);
            let eligible = swarm.those(|peer| peer.interested && !peer.upload_only);
            let all = if swarm.cx.seeding { 5 } else { 6 };
            let served = swarm.those(|peer| peer.unchoked && peer.interested);
            assert_eq!(served.len(), eligible.len().min(all));
            assert!(served.iter().all(|at| eligible.contains(at)));
            let lost = before.iter().zip(&swarm.peers).filter(|(old, new)| {
                old.unchoked && !new.unchoked && new.interested && !new.upload_only
            });
            let flapped =
                lost.filter(|(old, _)| swarm.now.since(old.unchoked_at.unwrap()).as_secs() < 10);
            assert!(swarm.cx.seeding || flapped.count() == 0);
        }
    }
}
