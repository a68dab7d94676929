//! How fast announces may leave for one host.
//!
//! A session of ten thousand torrents on one tracker has ten thousand announces
//! to make when it starts, and at its end. Every announce asks here first and
//! is given a moment of its own, so that nobody has to ask twice and the ones
//! that were spread at first stay spread by their intervals.
//!
//! Each host has two *lanes*, so that a download that begins does not stand
//! behind ten thousand torrents that only say that they are still there.

use std::collections::BTreeMap;
use std::time::Duration;

use super::udp;
use crate::time::Time;

/// The most announces to one host in any second, of all torrents together.
pub const ANNOUNCES_PER_S_MAX: u32 = 50;
/// Announces of one lane that may leave at once after a rest …
const BURST: u32 = 6;
/// … and the time between two after that: in any second a lane lets pass its
/// burst and 19 more, and two lanes fifty.
const PACE: Duration = Duration::from_millis(50);
/// Hosts that are remembered before those that are at rest are forgotten.
const HOSTS_SWEPT_ABOVE: usize = 64;

/// Who announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// A torrent that lacks something, or that leaves.
    Urgent,
    /// A torrent that is complete.
    Patient,
}

/// The announces to each host.
#[derive(Debug, Default)]
pub struct Pace {
    /// For each lane, when it would be empty if nothing more came.
    hosts: BTreeMap<String, [Time; 2]>,
}

impl Pace {
    /// The moment at which an announce to this tracker may leave, which nobody
    /// else is given.
    pub fn reserve(&mut self, url: &str, lane: Lane, now: Time) -> Time {
        let host = udp::target::parse(url).map_or_else(|| url.to_owned(), |(host, _)| host);
        if self.hosts.len() >= HOSTS_SWEPT_ABOVE && !self.hosts.contains_key(&host) {
            self.hosts
                .retain(|_, lanes| lanes.iter().any(|empty| *empty > now));
        }
        let lanes = self.hosts.entry(host).or_default();
        let empty = &mut lanes[lane as usize];
        let waiting = empty.since(now);
        *empty = (*empty).max(now) + PACE;
        now + waiting.saturating_sub(PACE * (BURST - 1))
    }

    /// Forgets what was reserved: of those that hold a moment that has not come
    /// none will announce. What left already still counts.
    pub fn drop_reservations(&mut self, now: Time) {
        for empty in self.hosts.values_mut().flatten() {
            *empty = (*empty).min(now + PACE * (BURST - 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "http://tracker.example/announce";

    fn at(ms: u64) -> Time {
        Time::START + Duration::from_millis(ms)
    }

    /// The most moments in any second.
    fn densest_second(mut moments: Vec<Time>) -> usize {
        moments.sort_unstable();
        let within = |(first, from): (usize, &Time)| {
            let end = *from + Duration::from_secs(1);
            moments[first..].iter().take_while(|at| **at < end).count()
        };
        moments.iter().enumerate().map(within).max().unwrap_or(0)
    }

    #[test]
    fn no_second_has_more_announces_to_one_host_than_allowed() {
        let mut pace = Pace::default();
        let mut moments = Vec::new();
        // A rest, a crowd of both kinds, and stragglers while it is served.
        for ms in (0..5_000).step_by(7) {
            for lane in [Lane::Patient, Lane::Urgent] {
                moments.push(pace.reserve(ONE, lane, at(10_000 + ms)));
                moments.push(pace.reserve("udp://TRACKER.example:80", lane, at(10_000 + ms)));
            }
        }
        assert_eq!(densest_second(moments), ANNOUNCES_PER_S_MAX as usize);
    }

    #[test]
    fn who_lacks_something_does_not_stand_behind_those_who_do_not() {
        let mut pace = Pace::default();
        for _ in 0..10_000 {
            pace.reserve(ONE, Lane::Patient, at(0));
        }
        assert_eq!(pace.reserve(ONE, Lane::Urgent, at(3)), at(3));
        assert!(pace.reserve(ONE, Lane::Patient, at(3)) > at(400_000));
    }

    #[test]
    fn hosts_do_not_wait_for_each_other_and_are_forgotten_at_rest() {
        let mut pace = Pace::default();
        for number in 0..1_000 {
            let url = format!("http://{number}.example/announce");
            assert_eq!(
                pace.reserve(&url, Lane::Patient, at(number * 10)),
                at(number * 10)
            );
        }
        assert!(pace.hosts.len() <= HOSTS_SWEPT_ABOVE + 1);
    }

    #[test]
    fn dropped_reservations_leave_the_pace_as_it_is() {
        let mut pace = Pace::default();
        let mut moments: Vec<Time> = (0..1_000)
            .map(|_| pace.reserve(ONE, Lane::Urgent, at(0)))
            .collect();
        pace.drop_reservations(at(1_000));
        moments.retain(|moment| *moment < at(1_000));
        moments.extend((0..100).map(|_| pace.reserve(ONE, Lane::Urgent, at(1_000))));
        assert!(densest_second(moments) <= ANNOUNCES_PER_S_MAX as usize / 2);
    }
}
