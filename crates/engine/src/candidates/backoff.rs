//! How long an address waits for its next attempt.
//!
//! The delay doubles from one minute (libtorrent: `min_reconnect_time` 60 s,
//! growing by as much) up to an hour. An address that the user named is worth
//! more: it is asked at once, again after a second, and at least every five
//! minutes, so that a peer that starts a little later is found soon.

use std::time::Duration;

use super::CloseKind;
use crate::input::ConnectError;

/// No address is tried twice within this time, whatever happens.
pub(super) const RETRY_MIN: Duration = Duration::from_secs(1);
/// The delay after a first failure.
const RETRY_FIRST: Duration = Duration::from_secs(60);
/// The longest delay, without jitter.
const RETRY_MAX: Duration = Duration::from_secs(3_600);
/// The delay after a connection that had proved itself: the peer may restart.
const RETRY_PROVEN: Duration = Duration::from_secs(20);
/// How long a connection must have lasted to prove itself.
const PROVEN_AFTER: Duration = Duration::from_secs(60);
/// The delay after a failure of our own machine.
const RETRY_LOCAL: Duration = Duration::from_secs(5);
/// The delay where the same peer is connected under another address.
const RETRY_DUPLICATE: Duration = Duration::from_secs(600);
/// Refusals in a row after which an address is given up for an hour, if there
/// are others: nobody listens there.
const REFUSALS_MAX: u8 = 3;
/// Seconds between attempts to an address that the user named; the last
/// repeats.
const USER_RETRIES_S: [u64; 9] = [1, 2, 5, 10, 20, 30, 60, 120, 300];

/// The rule for one address, at the end of an attempt or a connection.
#[derive(Debug)]
pub(super) struct Backoff {
    failures: u8,
    user: bool,
    jitter: u16,
}

impl Backoff {
    /// `jitter` is uniform; it lengthens a delay by up to a quarter, so that
    /// addresses that failed together are not tried together.
    pub(super) fn new(failures: u8, user: bool, jitter: u16) -> Self {
        Self {
            failures,
            user,
            jitter,
        }
    }

    /// Failures in a row, including those just added.
    pub(super) fn failures(&self) -> u8 {
        self.failures
    }

    /// The delay after a failed attempt; `others` says whether there is
    /// anybody else to turn to.
    pub(super) fn after_failure(&mut self, error: ConnectError, others: bool) -> Duration {
        if error == ConnectError::LocalLimit {
            return self.jittered(RETRY_LOCAL);
        }
        self.fail(1);
        let hopeless = error == ConnectError::Refused && others && self.failures >= REFUSALS_MAX;
        if hopeless && !self.user {
            self.jittered(RETRY_MAX)
        } else {
            self.delay()
        }
    }

    /// The delay after a connection that lasted for `lasted`.
    pub(super) fn after_close(&mut self, why: CloseKind, lasted: Duration) -> Duration {
        if lasted >= PROVEN_AFTER {
            self.failures = 0;
        }
        match why {
            CloseKind::Useless => self.jittered(RETRY_MAX),
            CloseKind::Duplicate => self.jittered(RETRY_DUPLICATE),
            CloseKind::Ours => self.jittered(RETRY_FIRST),
            CloseKind::Lost if lasted >= PROVEN_AFTER && !self.user => self.jittered(RETRY_PROVEN),
            CloseKind::Lost if lasted >= PROVEN_AFTER => self.delay(),
            CloseKind::Lost | CloseKind::Idle => {
                self.fail(1);
                self.delay()
            }
            CloseKind::Fault => {
                // The user's wish does not make a broken peer whole.
                self.user = false;
                self.fail(2);
                self.delay()
            }
        }
    }

    fn fail(&mut self, count: u8) {
        self.failures = self.failures.saturating_add(count);
    }

    fn delay(&self) -> Duration {
        let steps = usize::from(self.failures.max(1)) - 1;
        let delay = if self.user {
            Duration::from_secs(USER_RETRIES_S[steps.min(USER_RETRIES_S.len() - 1)])
        } else {
            RETRY_FIRST
                .saturating_mul(1 << steps.min(16))
                .min(RETRY_MAX)
        };
        self.jittered(delay)
    }

    fn jittered(&self, delay: Duration) -> Duration {
        delay + delay * u32::from(self.jitter) / (4 * u32::from(u16::MAX))
    }
}
