//! What a node does so that its table stays true: it looks at its own
//! neighbourhood, at places where it knows few, and asks who was silent for
//! long.

use std::time::Duration;

use rand_core::Rng;
use superseed_proto::krpc::{NodeAddr, NodeId};

use super::announce::about;
use super::contact::GOOD_FOR;
use super::table::{K, Table};
use crate::time::Time;

/// How soon a node with few contacts looks for more, at first.
const POOR: Duration = Duration::from_secs(30);
/// Between two questions to the silent.
const CHECK_EVERY: Duration = Duration::from_secs(1);
/// The longest before the table is looked over again.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// Buckets that nearly every network fills, so that few in one means that we
/// know too little.
const FAR_BUCKETS: u32 = 4;

/// One thing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Task {
    /// Look up our own id.
    Home,
    /// Look up this point.
    Far(NodeId),
    /// See whether this one is still there.
    Check(NodeAddr),
}

/// When to do what.
#[derive(Debug)]
pub(super) struct Refresh {
    home_at: Time,
    /// How long a node with few contacts waits.
    poor: Duration,
    /// Buckets to be looked at, since when.
    far: Vec<u32>,
    far_at: Time,
    check_at: Time,
}

impl Refresh {
    pub(super) fn new() -> Self {
        Self {
            home_at: Time::START,
            poor: POOR,
            far: Vec::new(),
            far_at: Time::START,
            check_at: Time::START,
        }
    }

    /// The next thing to do now.
    pub(super) fn next(
        &mut self,
        (id, table): (NodeId, &Table),
        random: &mut impl Rng,
        now: Time,
    ) -> Option<Task> {
        if now >= self.home_at {
            self.began_home(table.len(), random, now);
            return Some(Task::Home);
        }
        if let Some(shared_bits) = self.far.pop() {
            return Some(Task::Far(beside(id, shared_bits, random)));
        }
        if now < self.check_at {
            return None;
        }
        let silent = table.next_check();
        if let Some((at, node)) = silent
            && at <= now
        {
            self.check_at = now + CHECK_EVERY;
            return Some(Task::Check(node));
        }
        let at = silent.map_or(Time::NEVER, |(at, _)| at);
        self.check_at = at.clamp(now + CHECK_EVERY, now + LOOK_EVERY);
        None
    }

    /// The look-up of our own id begins, whoever ordered it.
    pub(super) fn began_home(&mut self, known: usize, random: &mut impl Rng, now: Time) {
        let wait = match known < K {
            true => self.poor,
            false => GOOD_FOR,
        };
        self.poor = (self.poor * 2).min(GOOD_FOR);
        self.home_at = now + about(wait, random);
    }

    /// The look-up of our own id ended: what it passed by far away is next.
    pub(super) fn ended_home(&mut self, table: &Table, now: Time) {
        self.far_at = now;
        self.far = (0..FAR_BUCKETS)
            .filter(|&shared_bits| table.in_bucket(shared_bits) < K)
            .take_while(|_| table.len() >= K)
            .collect();
    }

    /// Our id is another one.
    pub(super) fn moved(&mut self, now: Time) {
        self.home_at = now;
    }

    pub(super) fn next_deadline(&self) -> Time {
        match self.far.is_empty() {
            true => self.home_at.min(self.check_at),
            false => self.far_at,
        }
    }
}

/// A point that shares so many first bits with ours, and not the next.
pub(super) fn beside(id: NodeId, shared_bits: u32, random: &mut impl Rng) -> NodeId {
    let mut point = [0; 20];
    random.fill_bytes(&mut point);
    let bits = shared_bits.min(NodeId::BITS - 1) as usize;
    for bit in 0..=bits {
        let mask = 0x80 >> (bit % 8);
        let ours = id.0[bit / 8] & mask;
        let wanted = if bit == bits { ours ^ mask } else { ours };
        point[bit / 8] = point[bit / 8] & !mask | wanted;
    }
    NodeId(point)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha12Rng;
    use rand_core::SeedableRng;

    #[test]
    fn a_point_beside_ours_shares_as_many_bits_as_it_should() {
        let mut random = ChaCha12Rng::seed_from_u64(1);
        let id = NodeId([0xa5; 20]);
        for bits in [0, 1, 7, 8, 9, 100, 159] {
            assert_eq!(beside(id, bits, &mut random).shared_bits(&id), bits);
        }
    }
}
