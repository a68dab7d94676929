//! One mapping of one port: when it is asked for, renewed and tried again.
//!
//! ```text
//!          lease              3/4 of the lease
//!   Due ─────────▶ Held ───────────────────────▶ Due, and held till its end
//!    ▲ │ failure
//!    └─┘ after 2 s, 4 s … 600 s
//! ```
//!
//! Plain data: it reads no clock and sends nothing.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::Instant;

/// What is asked for, as libtorrent asks (`upnp_lease_duration`,
/// `natpmp_lease_duration`).
pub(super) const LEASE: Duration = Duration::from_secs(3_600);
/// The first pause after a failure; each is twice as long as the one before.
const RETRY_FIRST: Duration = Duration::from_secs(2);
/// The longest.
const RETRY_MAX: Duration = Duration::from_secs(600);
/// Not even a gateway that grants seconds is asked more often.
const RENEW_MIN: Duration = Duration::from_secs(30);

/// What a gateway grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lease {
    /// Where peers reach us.
    pub(super) external: SocketAddr,
    /// For how long.
    pub(super) lasts: Duration,
}

/// One mapping, from the wish for it on.
#[derive(Debug)]
pub(super) struct Mapping {
    ask_at: Instant,
    failures: u32,
    held: Option<Held>,
    was_asked: bool,
}

#[derive(Clone, Copy, Debug)]
struct Held {
    external: SocketAddr,
    ends_at: Instant,
}

impl Mapping {
    /// One that is to be asked for now.
    pub(super) fn wanted(now: Instant) -> Self {
        Self {
            ask_at: now,
            failures: 0,
            held: None,
            was_asked: false,
        }
    }

    /// When the gateway is to be asked next, for the first time or again.
    pub(super) fn ask_at(&self) -> Instant {
        self.ask_at
    }

    /// The gateway is being asked.
    pub(super) fn asking(&mut self) {
        self.was_asked = true;
    }

    /// Whether the gateway may hold it: it was asked, whatever came of that.
    pub(super) fn may_be_held(&self) -> bool {
        self.was_asked
    }

    /// The gateway grants it.
    pub(super) fn granted(&mut self, lease: Lease, now: Instant) {
        self.failures = 0;
        self.ask_at = now + (lease.lasts * 3 / 4).max(RENEW_MIN);
        self.held = Some(Held {
            external: lease.external,
            ends_at: now + lease.lasts,
        });
    }

    /// The gateway does not, or there is none.
    pub(super) fn refused(&mut self, now: Instant) {
        let pause = RETRY_FIRST * 2_u32.saturating_pow(self.failures.min(16));
        self.failures += 1;
        self.ask_at = now + pause.min(RETRY_MAX);
    }

    /// Where peers reach us, as long as the lease lasts.
    pub(super) fn external(&self, now: Instant) -> Option<SocketAddr> {
        let held = self.held.filter(|held| now < held.ends_at)?;
        Some(held.external)
    }

    /// When [`Mapping::external`] changes by itself, if it does.
    pub(super) fn ends_at(&self, now: Instant) -> Option<Instant> {
        let ends_at = self.held.map(|held| held.ends_at);
        ends_at.filter(|at| now < *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(lasts: Duration) -> Lease {
        Lease {
            external: "198.51.100.1:7000".parse().unwrap(),
            lasts,
        }
    }

    #[test]
    fn a_mapping_is_renewed_before_it_ends() {
        let now = Instant::now();
        let mut mapping = Mapping::wanted(now);
        assert_eq!((mapping.ask_at(), mapping.external(now)), (now, None));
        mapping.granted(lease(LEASE), now);
        assert_eq!(mapping.ask_at(), now + LEASE * 3 / 4);
        assert_eq!(mapping.external(now), Some(lease(LEASE).external));
    }

    #[test]
    fn a_renewal_that_fails_leaves_the_mapping_till_its_end() {
        let now = Instant::now();
        let mut mapping = Mapping::wanted(now);
        mapping.granted(lease(LEASE), now);
        let renewal = mapping.ask_at();
        mapping.refused(renewal);
        assert_eq!(mapping.ask_at(), renewal + RETRY_FIRST);
        let end = now + LEASE;
        assert_eq!(mapping.ends_at(renewal), Some(end));
        assert!(mapping.external(end - RETRY_FIRST).is_some());
        assert_eq!(mapping.external(end), None);
        assert_eq!(mapping.ends_at(end), None);
    }

    #[test]
    fn failures_are_tried_again_after_two_seconds_and_ever_later_up_to_ten_minutes() {
        let mut now = Instant::now();
        let mut mapping = Mapping::wanted(now);
        let mut pauses = Vec::new();
        for _ in 0..40 {
            mapping.refused(now);
            pauses.push((mapping.ask_at() - now).as_secs());
            now = mapping.ask_at();
        }
        assert_eq!(pauses[..10], [2, 4, 8, 16, 32, 64, 128, 256, 512, 600]);
        assert!(pauses[10..].iter().all(|pause| *pause == 600));
        mapping.granted(lease(LEASE), now);
        mapping.refused(now);
        assert_eq!(mapping.ask_at(), now + RETRY_FIRST);
    }

    #[test]
    fn a_lease_of_a_second_is_not_renewed_without_end() {
        let now = Instant::now();
        let mut mapping = Mapping::wanted(now);
        mapping.granted(lease(Duration::from_secs(1)), now);
        assert_eq!(mapping.ask_at(), now + RENEW_MIN);
    }
}
