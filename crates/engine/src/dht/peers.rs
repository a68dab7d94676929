//! The peers that others announced to a node of ours.

use core::net::SocketAddr;
use std::collections::BTreeMap;
use std::time::Duration;

use rand_core::Rng;
use superseed_proto::SwarmKey;
use superseed_proto::krpc::{Bloom, NodeId, Samples};

use super::contact::Place;
use crate::limits::{
    DHT_PEERS_MAX, DHT_PEERS_PER_HOST_MAX, DHT_PEERS_PER_SWARM_MAX, DHT_SWARMS_MAX,
};
use crate::time::Time;

/// How long a peer is remembered (libtorrent, dht_storage.cpp): half as long
/// again as most wait before they announce again.
const EXPIRY: Duration = Duration::from_secs(45 * 60);
/// How often everything that expired is forgotten.
const SWEEP: Duration = Duration::from_secs(60);
/// How long the same swarms are named as a sample (libtorrent,
/// `dht_sample_infohashes_interval`).
const SAMPLE_FOR: Duration = Duration::from_secs(21_600);
/// Swarms in a sample (libtorrent, `dht_max_infohashes_sample_count`).
const SAMPLES: usize = 20;

#[derive(Clone, Copy, Debug)]
struct Stored {
    addr: SocketAddr,
    seed: bool,
    expires: Time,
}

/// All peers that are stored.
#[derive(Debug, Default)]
pub(super) struct Peers {
    swarms: BTreeMap<SwarmKey, Vec<Stored>>,
    count: usize,
    sweep_at: Time,
    sample: Vec<SwarmKey>,
    sample_until: Time,
}

impl Peers {
    /// A peer of a swarm is announced. When there are too many, the smallest
    /// swarm that is furthest from `home` is forgotten, which may be this one.
    pub(super) fn add(
        &mut self,
        swarm: SwarmKey,
        addr: SocketAddr,
        seed: bool,
        home: &NodeId,
        now: Time,
    ) {
        self.sweep(now);
        let stored = Stored {
            addr,
            seed,
            expires: now + EXPIRY,
        };
        let peers = self.swarms.entry(swarm).or_default();
        if let Some(known) = peers.iter_mut().find(|known| known.addr == addr) {
            *known = stored;
            return;
        }
        let host = Place::of(SocketAddr::new(addr.ip(), 0));
        let of_host = |known: &Stored| Place::of(SocketAddr::new(known.addr.ip(), 0)) == host;
        let oldest = |peers: &[Stored], of_all: bool| {
            let of = |at: &usize| of_all || of_host(&peers[*at]);
            (0..peers.len())
                .filter(of)
                .min_by_key(|&at| peers[at].expires)
        };
        let is_full = peers.len() >= DHT_PEERS_PER_SWARM_MAX;
        let of_host_full = peers.iter().filter(|known| of_host(known)).count();
        if of_host_full >= DHT_PEERS_PER_HOST_MAX || is_full {
            let of_all = of_host_full < DHT_PEERS_PER_HOST_MAX;
            if let Some(at) = oldest(peers, of_all) {
                peers[at] = stored;
            }
            return;
        }
        peers.push(stored);
        self.count += 1;
        while self.swarms.len() > DHT_SWARMS_MAX || self.count > DHT_PEERS_MAX {
            let rank = |swarm: &SwarmKey, peers: &Vec<Stored>| {
                let distance = NodeId::from(*swarm).distance(home);
                (std::cmp::Reverse(peers.len()), distance)
            };
            let last = self
                .swarms
                .iter()
                .max_by_key(|(key, peers)| rank(key, peers));
            let Some((&last, _)) = last else { return };
            self.forget(&last);
        }
    }

    /// Up to `count` peers of a swarm, drawn by chance. With `no_seed` only
    /// those that lack something.
    pub(super) fn some(
        &self,
        swarm: &SwarmKey,
        count: usize,
        no_seed: bool,
        random: &mut impl Rng,
        now: Time,
    ) -> Vec<SocketAddr> {
        let stored = self.swarms.get(swarm).map_or(&[][..], Vec::as_slice);
        let fits = |known: &&Stored| known.expires > now && !(no_seed && known.seed);
        let fitting = stored.iter().filter(fits).map(|known| known.addr);
        draw(fitting.collect(), count, random)
    }

    /// All seeds of a swarm, and all other peers, as filters (BEP 33); `None` of
    /// a swarm that has no peer here.
    pub(super) fn filters(&self, swarm: &SwarmKey, now: Time) -> Option<(Bloom, Bloom)> {
        let (mut seeds, mut others) = (Bloom::default(), Bloom::default());
        let mut is_empty = true;
        let stored = self.swarms.get(swarm)?;
        for known in stored.iter().filter(|known| known.expires > now) {
            is_empty = false;
            match known.seed {
                true => seeds.insert(known.addr.ip()),
                false => others.insert(known.addr.ip()),
            }
        }
        (!is_empty).then_some((seeds, others))
    }

    /// Some of the swarms, the same ones for hours (BEP 51).
    pub(super) fn sample(&mut self, random: &mut impl Rng, now: Time) -> Samples {
        self.sweep(now);
        if now >= self.sample_until || self.sample.len() < SAMPLES.min(self.swarms.len()) {
            self.sample = draw(self.swarms.keys().copied().collect(), SAMPLES, random);
            self.sample_until = now + SAMPLE_FOR;
        }
        Samples {
            swarms: self.sample.clone(),
            total: self.swarms.len() as u64,
            interval_s: self.sample_until.since(now).as_secs() as u32,
        }
    }

    /// How many peers are stored, of how many swarms.
    pub(super) fn len(&self) -> (usize, usize) {
        (self.count, self.swarms.len())
    }

    fn sweep(&mut self, now: Time) {
        if now < self.sweep_at {
            return;
        }
        self.sweep_at = now + SWEEP;
        self.swarms.retain(|_, peers| {
            peers.retain(|known| known.expires > now);
            !peers.is_empty()
        });
        self.count = self.swarms.values().map(Vec::len).sum();
    }

    fn forget(&mut self, swarm: &SwarmKey) {
        if let Some(peers) = self.swarms.remove(swarm) {
            self.count -= peers.len();
        }
    }
}

/// Up to `count` of many, each as likely as the others.
fn draw<T>(mut from: Vec<T>, count: usize, random: &mut impl Rng) -> Vec<T> {
    let count = count.min(from.len());
    for at in 0..count {
        let left = from.len() - at;
        from.swap(at, at + random.next_u64() as usize % left);
    }
    from.truncate(count);
    from
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::Ipv4Addr;
    use rand_chacha::ChaCha12Rng;
    use rand_core::SeedableRng;

    const HOME: NodeId = NodeId([0; 20]);
    const SWARM: SwarmKey = SwarmKey([1; 20]);

    fn at(minutes: u64) -> Time {
        Time::START + Duration::from_secs(60 * minutes)
    }

    fn peer(host: u32, port: u16) -> SocketAddr {
        (Ipv4Addr::from(0x5d00_0000 + host), port).into()
    }

    fn random() -> ChaCha12Rng {
        ChaCha12Rng::seed_from_u64(1)
    }

    #[test]
    fn the_store_forgets_after_three_quarters_of_an_hour() {
        let mut peers = Peers::default();
        peers.add(SWARM, peer(1, 1), false, &HOME, at(0));
        peers.add(SWARM, peer(2, 1), false, &HOME, at(10));
        let some = |peers: &Peers, now| peers.some(&SWARM, 100, false, &mut random(), now);
        assert_eq!(some(&peers, at(44)).len(), 2);
        assert_eq!(some(&peers, at(45)), [peer(2, 1)]);
        peers.add(SwarmKey([2; 20]), peer(3, 1), false, &HOME, at(60));
        assert_eq!(peers.len(), (1, 1));
    }

    #[test]
    fn one_host_has_few_places_in_a_swarm_and_a_swarm_not_too_many() {
        let mut peers = Peers::default();
        for port in 1..=100 {
            peers.add(SWARM, peer(1, port), false, &HOME, at(0));
        }
        assert_eq!(peers.len().0, DHT_PEERS_PER_HOST_MAX);
        for host in 0..1_000 {
            peers.add(SWARM, peer(host, 7), false, &HOME, at(1));
        }
        assert_eq!(peers.len(), (DHT_PEERS_PER_SWARM_MAX, 1));
    }

    #[test]
    fn announces_of_random_swarms_do_not_push_out_those_that_are_ours_to_keep() {
        let mut peers = Peers::default();
        let (near, large) = (SwarmKey([0; 20]), SwarmKey([0xff; 20]));
        peers.add(near, peer(1, 1), false, &HOME, at(0));
        for host in 2..4 {
            peers.add(large, peer(host, 1), false, &HOME, at(0));
        }
        let mut random = random();
        for _ in 0..3_000 {
            let mut key = [0; 20];
            random.fill_bytes(&mut key);
            peers.add(SwarmKey(key), peer(9, 9), false, &HOME, at(1));
        }
        assert_eq!(peers.len().1, DHT_SWARMS_MAX);
        assert!(peers.swarms.contains_key(&near) && peers.swarms.contains_key(&large));
    }

    #[test]
    fn seeds_are_left_out_and_counted_apart_where_that_is_asked_for() {
        let mut peers = Peers::default();
        for host in 0..200 {
            peers.add(SWARM, peer(host, 1), host % 2 == 0, &HOME, at(0));
        }
        let some = peers.some(&SWARM, 150, true, &mut random(), at(1));
        assert_eq!(some.len(), 100);
        let (seeds, others) = peers.filters(&SWARM, at(1)).unwrap();
        assert!(seeds.may_contain(peer(0, 1).ip()) && others.may_contain(peer(1, 1).ip()));
        assert!((80.0..120.0).contains(&seeds.estimate()));
        assert!(peers.filters(&SwarmKey([9; 20]), at(1)).is_none());
    }

    #[test]
    fn a_sample_stays_for_hours() {
        let mut peers = Peers::default();
        for swarm in 0..200 {
            peers.add(SwarmKey([swarm; 20]), peer(1, 1), false, &HOME, at(0));
        }
        let first = peers.sample(&mut random(), at(1));
        assert_eq!((first.swarms.len(), first.total), (SAMPLES, 200));
        let again = peers.sample(&mut random(), at(40));
        assert_eq!(again.swarms, first.swarms);
        assert!(again.interval_s < first.interval_s);
    }
}
