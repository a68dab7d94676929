//! Fake-clock traces of the life of a torrent's trackers.

mod lifecycle;
mod line;
mod private;
mod properties;
mod tiers;
mod timing;
mod udp;
mod waits;

use core::net::SocketAddr;
use std::time::Duration;

use rand_core::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::*;
use crate::stats::TrackerStatus;
use crate::time::Time;

const V4: ListenerId = ListenerId(4);
const V6: ListenerId = ListenerId(6);

fn seconds(s: f64) -> Time {
    Time::START + Duration::from_secs_f64(s)
}

/// A torrent's trackers with a clock that is moved by hand.
struct Stage {
    set: TrackerSet,
    now: Time,
    ctx: AnnounceContext,
    pace: Pace,
}

impl Stage {
    fn new(tiers: &[&[&str]], private: bool) -> Self {
        let own = |tier: &&[&str]| tier.iter().map(|url| (*url).to_owned()).collect();
        let tiers: Vec<Vec<String>> = tiers.iter().map(own).collect();
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
        let mut set = TrackerSet::new(&tiers, private, 0xfeed, &mut rng);
        set.set_listeners(&[(V4, SocketAddr::from(([0, 0, 0, 0], 7000)))]);
        set.start(Time::START);
        let ctx = AnnounceContext {
            connected: 30,
            incoming_seen: false,
            complete: false,
            wants_peers: true,
        };
        Self {
            set,
            now: Time::START,
            ctx,
            pace: Pace::default(),
        }
    }

    /// A public torrent.
    fn public(tiers: &[&[&str]]) -> Self {
        Self::new(tiers, false)
    }

    fn dual_stack(mut self) -> Self {
        let any6 = SocketAddr::from(([0u16; 8], 7000));
        self.set
            .set_listeners(&[(V4, SocketAddr::from(([0, 0, 0, 0], 7000))), (V6, any6)]);
        self
    }

    /// The announces that are due now.
    fn orders(&mut self) -> Vec<AnnounceOrder> {
        let mut out = Vec::new();
        self.set.poll(self.now, &self.ctx, &mut self.pace, &mut out);
        out
    }

    /// The only announce that is due now.
    fn order(&mut self) -> AnnounceOrder {
        let mut orders = self.orders();
        assert_eq!(orders.len(), 1, "{orders:?}");
        orders.remove(0)
    }

    /// Sleeps until the next announces are due.
    fn sleep_to_orders(&mut self) -> Vec<AnnounceOrder> {
        for _ in 0..1_000 {
            let orders = self.orders();
            if !orders.is_empty() {
                return orders;
            }
            let next = self.set.next_deadline();
            assert!(next > self.now, "a deadline in the past would spin");
            assert_ne!(next, Time::NEVER, "nothing will ever be announced");
            self.now = next;
        }
        panic!("it wakes for nothing");
    }

    /// Sleeps until the next announce is due; says how long.
    fn sleep_to_order(&mut self) -> (f64, AnnounceOrder) {
        let before = self.now;
        let mut orders = self.sleep_to_orders();
        assert_eq!(orders.len(), 1, "{orders:?}");
        (self.now.since(before).as_secs_f64(), orders.remove(0))
    }

    fn pass(&mut self, s: f64) {
        self.now += Duration::from_secs_f64(s);
    }

    fn answer(&mut self, order: &AnnounceOrder) -> Option<Accepted> {
        self.answer_with(order, every(1_800))
    }

    fn answer_with(&mut self, order: &AnnounceOrder, answer: AnnounceAnswer) -> Option<Accepted> {
        self.set.on_success(order.slot, self.now, answer)
    }

    fn fail(&mut self, order: &AnnounceOrder) -> bool {
        self.fail_with(order, FailureKind::Unanswered)
    }

    fn fail_with(&mut self, order: &AnnounceOrder, kind: FailureKind) -> bool {
        self.set
            .on_failure(order.slot, self.now, kind, format!("{} is down", order.url))
    }

    fn statuses(&self) -> Vec<TrackerStatus> {
        self.set
            .stats(self.now)
            .into_iter()
            .map(|row| row.status)
            .collect()
    }
}

/// An answer with a regular interval.
fn every(interval_s: u64) -> AnnounceAnswer {
    AnnounceAnswer {
        interval: Some(Duration::from_secs(interval_s)),
        peers: 5,
        ..AnnounceAnswer::default()
    }
}
