//! Whose turn it is: torrents are announced, and peers looked for, one after
//! the other.

use std::collections::BTreeMap;
use std::time::Duration;

use rand_core::Rng;
use smallvec::SmallVec;
use superseed_proto::SwarmKey;

use super::quota::Quota;
use crate::agenda::Agenda;
use crate::ids::TorrentKey;
use crate::time::Time;

/// Time between two announces of a torrent (libtorrent,
/// `dht_announce_interval`), give or take a tenth.
const INTERVAL: Duration = Duration::from_secs(15 * 60);
/// How long a torrent without peers waits before it looks again, at first.
const LONELY: Duration = Duration::from_secs(60);
/// Look-ups of torrents that begin in a second.
const BEGUN_PER_S: u64 = 2;

/// What a torrent wants of the DHT when it has its turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// The swarms that it is in.
    pub swarms: SmallVec<[SwarmKey; 2]>,
    /// Whether it wants peers and has none.
    pub is_lonely: bool,
    /// Whether it lacks nothing (BEP 33).
    pub is_seed: bool,
}

/// A torrent that looked for peers before its time.
#[derive(Clone, Copy, Debug)]
struct Lonely {
    tries: u32,
    /// When it would have its turn if it were not.
    regular_at: Time,
}

/// The turns of all torrents at one node of ours. Those that are awake go
/// first.
#[derive(Debug)]
pub(super) struct Turns {
    awake: Agenda<TorrentKey>,
    dormant: Agenda<TorrentKey>,
    lonely: BTreeMap<TorrentKey, Lonely>,
    begun: Quota,
}

impl Turns {
    pub(super) fn new(now: Time) -> Self {
        Self {
            awake: Agenda::default(),
            dormant: Agenda::default(),
            lonely: BTreeMap::new(),
            begun: Quota::new(BEGUN_PER_S, 1, now),
        }
    }

    /// A torrent wants a turn, as soon as may be.
    pub(super) fn add(&mut self, torrent: TorrentKey, is_dormant: bool, now: Time) {
        self.remove(torrent);
        match is_dormant {
            true => self.dormant.set(torrent, now),
            false => self.awake.set(torrent, now),
        }
    }

    /// A torrent fell asleep or woke: its turn stays.
    pub(super) fn change(&mut self, torrent: TorrentKey, is_dormant: bool) {
        let (from, to) = match is_dormant {
            true => (&mut self.awake, &mut self.dormant),
            false => (&mut self.dormant, &mut self.awake),
        };
        if let Some(at) = from.at(torrent) {
            from.remove(torrent);
            to.set(torrent, at);
        }
    }

    /// Whether a torrent has turns.
    pub(super) fn has(&self, torrent: TorrentKey) -> bool {
        self.awake
            .at(torrent)
            .or(self.dormant.at(torrent))
            .is_some()
    }

    /// A torrent wants no more turns.
    pub(super) fn remove(&mut self, torrent: TorrentKey) {
        self.awake.remove(torrent);
        self.dormant.remove(torrent);
        self.lonely.remove(&torrent);
    }

    /// The next torrent, if it is time for one. `wish` says what it wants;
    /// nothing means that it has no more turns.
    pub(super) fn next(
        &mut self,
        random: &mut impl Rng,
        now: Time,
        wish: &mut dyn FnMut(TorrentKey) -> Option<Wish>,
    ) -> Option<(TorrentKey, Wish)> {
        while self.awake.next().min(self.dormant.next()) <= now && self.begun.take(1, now) {
            let awake = self.awake.pop_due(now);
            let torrent = awake.or_else(|| self.dormant.pop_due(now))?;
            let lonely = self.lonely.remove(&torrent);
            let Some(wish) = wish(torrent) else {
                continue;
            };
            let agenda = match awake {
                Some(_) => &mut self.awake,
                None => &mut self.dormant,
            };
            if let Some(lonely) = lonely
                && !wish.is_lonely
                && now < lonely.regular_at
            {
                agenda.set(torrent, lonely.regular_at);
                continue;
            }
            let regular_at = now + about(INTERVAL, random);
            let mut next = regular_at;
            if wish.is_lonely && awake.is_some() {
                let tries = lonely.map_or(0, |lonely| lonely.tries);
                next = next.min(now + LONELY * (1 << tries.min(4)));
                let tries = tries + 1;
                self.lonely.insert(torrent, Lonely { tries, regular_at });
            }
            agenda.set(torrent, next);
            // Of each further swarm there is a look-up as well.
            for _ in 1..wish.swarms.len() {
                let _ = self.begun.take(1, now);
            }
            return Some((torrent, wish));
        }
        None
    }

    /// When somebody has a turn.
    pub(super) fn next_deadline(&self) -> Time {
        let due = self.awake.next().min(self.dormant.next());
        due.max(self.begun.ready_at(1))
    }
}

/// A time, give or take a tenth.
pub(super) fn about(time: Duration, random: &mut impl Rng) -> Duration {
    let share = (random.next_u32() % 200_001) as f64 / 1e6;
    time.mul_f64(0.9 + share)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha12Rng;
    use rand_core::SeedableRng;
    use slotmap::SlotMap;

    fn at(s: u64) -> Time {
        Time::START + Duration::from_secs(s)
    }

    fn wish(is_lonely: bool) -> Option<Wish> {
        Some(Wish {
            swarms: [SwarmKey([1; 20])].into_iter().collect(),
            is_lonely,
            is_seed: false,
        })
    }

    fn keys(count: usize) -> Vec<TorrentKey> {
        let mut torrents = SlotMap::with_key();
        (0..count).map(|_| torrents.insert(())).collect()
    }

    #[test]
    fn dormant_torrents_are_announced_in_turns() {
        let mut random = ChaCha12Rng::seed_from_u64(1);
        let mut turns = Turns::new(at(0));
        let keys = keys(100);
        for (place, &key) in keys.iter().enumerate() {
            turns.add(key, place >= 10, at(0));
        }
        let mut had = Vec::new();
        let mut now = at(0);
        while had.len() < 100 {
            now = now.max(turns.next_deadline());
            while let Some((key, _)) = turns.next(&mut random, now, &mut |_| wish(false)) {
                had.push(key);
            }
        }
        // Two a second, the awake first, everybody once.
        assert!((at(48)..=at(50)).contains(&now), "{now:?}");
        assert!(keys[..10].iter().all(|key| had[..10].contains(key)));
        had.sort();
        assert_eq!(had, keys);
        let next = turns.next_deadline();
        assert!((at(810)..at(1_000)).contains(&next), "{next:?}");
    }

    #[test]
    fn a_paused_torrent_is_not_announced() {
        let mut random = ChaCha12Rng::seed_from_u64(1);
        let mut turns = Turns::new(at(0));
        turns.add(keys(1)[0], false, at(0));
        assert!(turns.next(&mut random, at(0), &mut |_| None).is_none());
        assert_eq!(turns.next_deadline(), Time::NEVER);
    }

    #[test]
    fn a_torrent_without_peers_looks_again_soon_and_then_less_often() {
        let mut random = ChaCha12Rng::seed_from_u64(1);
        let mut turns = Turns::new(at(0));
        let key = keys(1)[0];
        turns.add(key, false, at(0));
        for due in [0, 60, 180, 420] {
            assert_eq!(turns.next_deadline(), at(due));
            let turn = turns.next(&mut random, at(due), &mut |_| wish(true));
            assert_eq!(turn.map(|(key, _)| key), Some(key));
        }
        // It has peers now: its turn is a quarter of an hour after the last.
        assert!(
            turns
                .next(&mut random, at(900), &mut |_| wish(false))
                .is_none()
        );
        let next = turns.next_deadline();
        assert!((at(1_230)..=at(1_410)).contains(&next), "{next:?}");
    }
}
