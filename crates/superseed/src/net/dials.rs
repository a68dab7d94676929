//! Streams that a proxy is to make, and how long they may take: a proxy that went
//! without a word is found out before its peers are blamed for it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use superseed_engine::limits::CONNECT_TIMEOUT;
use superseed_engine::{ConnKey, ConnectError, Input};

use super::host::Host;

/// How long a proxy may take to say anything.
const PATIENCE: Duration = Duration::from_secs(8);
const _: () = assert!(PATIENCE.as_secs() < CONNECT_TIMEOUT.as_secs());

/// The streams that were begun, those that are due first in front. Some may be
/// over.
#[derive(Default)]
pub(super) struct Dials(VecDeque<(Instant, ConnKey)>);

impl Dials {
    /// A stream was begun.
    pub(super) fn begin(&mut self, conn: ConnKey, now: Instant) {
        self.0.push_back((now + PATIENCE, conn));
    }

    /// When the next one is due.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.0.front().map(|(at, _)| *at)
    }

    /// One that is due.
    fn pop_due(&mut self, now: Instant) -> Option<ConnKey> {
        let due = self.0.pop_front_if(|(at, _)| *at <= now);
        due.map(|(_, conn)| conn)
    }
}

impl Host {
    /// Gives up streams of a proxy that says nothing, which is no fault of those
    /// whom it was to connect to.
    pub(super) fn tend_dials(&mut self) {
        if self.dials.0.is_empty() {
            return;
        }
        let now = Instant::now();
        while let Some(conn) = self.dials.pop_due(now) {
            let Some(stream) = self.streams.get_mut(conn).filter(|one| one.connecting) else {
                continue;
            };
            let dial = stream.dial.as_ref();
            if dial.is_none_or(|dial| dial.is_heard(&stream.tcp)) {
                continue;
            }
            tracing::debug!("the proxy says nothing");
            self.streams.remove(self.poll.registry(), conn);
            let error = ConnectError::LocalLimit;
            self.handle(Input::ConnectFailed { conn, error });
        }
    }
}

#[cfg(test)]
mod tests {
    use slotmap::SlotMap;

    use super::*;

    #[test]
    fn streams_are_due_in_the_order_in_which_they_were_begun_and_once() {
        let mut keys = SlotMap::<ConnKey, ()>::with_key();
        let [first, second] = [keys.insert(()), keys.insert(())];
        let mut dials = Dials::default();
        assert_eq!(dials.next_deadline(), None);
        let began = Instant::now();
        let later = began + Duration::from_secs(1);
        dials.begin(first, began);
        dials.begin(second, later);
        assert_eq!(dials.next_deadline(), Some(began + PATIENCE));
        assert_eq!(dials.pop_due(later), None);
        assert_eq!(dials.pop_due(began + PATIENCE), Some(first));
        assert_eq!(dials.pop_due(began + PATIENCE), None);
        assert_eq!(dials.pop_due(later + PATIENCE), Some(second));
        assert_eq!(dials.next_deadline(), None);
    }
}
