//! Pending deadlines, one per thing that can wait.

use std::collections::{BTreeMap, HashMap};

use foldhash::fast::FixedState;

use super::Reason;
use crate::ids::{ConnKey, TorrentKey};
use crate::time::Time;

/// A thing that waits for a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Timer {
    /// A connection's time-outs: handshake, idle, keep-alive, owed blocks.
    Conn(ConnKey),
    /// A torrent's choker round.
    Choke(TorrentKey),
    /// A torrent's next announce.
    Trackers(TorrentKey),
    /// A torrent's next attempt to connect.
    Connect(TorrentKey),
    /// A torrent's next sync of written data and save of its record.
    Sync(TorrentKey),
    /// A torrent's next try after the disk took no more.
    DiskRetry(TorrentKey),
    /// The longest that a torrent's verdicts wait for an inquiry.
    Inquiry(TorrentKey),
    /// A torrent's HAVEs that waited for company.
    Haves(TorrentKey),
    /// A torrent's next messages of peer exchange.
    Pex(TorrentKey),
    /// A torrent's seeding goal.
    Goal(TorrentKey),
    /// The end of a torrent's patience with having nothing to do.
    Idle(TorrentKey),
    /// Requests for a torrent's metadata that are late.
    Metadata(TorrentKey),
    /// A torrent's next web seed that has rested enough.
    WebSeeds(TorrentKey),
    /// A removed torrent's last announces.
    Farewell(TorrentKey),
    /// A torrent takes too long to wake for others to wait for it.
    Waking,
    /// Local discovery has something to say.
    Lsd,
    /// UDP tracker retransmissions.
    UdpTrackers,
    /// What the DHT does next.
    Dht,
    /// Peers that wait for upload quota.
    UploadQuota,
    /// Peers that wait for download quota.
    DownloadQuota,
    /// The end of the session, whatever is still open.
    Shutdown,
}

impl Timer {
    fn reason(self) -> Reason {
        match self {
            Self::Conn(_) => Reason::Peer,
            Self::Choke(_) => Reason::Choke,
            Self::Trackers(_) => Reason::Announce,
            Self::Connect(_) => Reason::Connect,
            Self::Sync(_) => Reason::Sync,
            Self::DiskRetry(_) => Reason::DiskRetry,
            Self::Inquiry(_) => Reason::Inquiry,
            Self::Haves(_) => Reason::Have,
            Self::Pex(_) => Reason::Pex,
            Self::Goal(_) => Reason::SeedGoal,
            Self::Idle(_) => Reason::Idle,
            Self::Metadata(_) => Reason::Metadata,
            Self::WebSeeds(_) => Reason::WebSeed,
            Self::Farewell(_) => Reason::Farewell,
            Self::Waking => Reason::Wake,
            Self::Lsd => Reason::Lsd,
            Self::UdpTrackers => Reason::UdpTracker,
            Self::Dht => Reason::Dht,
            Self::UploadQuota => Reason::UploadQuota,
            Self::DownloadQuota => Reason::DownloadQuota,
            Self::Shutdown => Reason::Shutdown,
        }
    }
}

/// All pending deadlines. Equal times fire in the order in which they were set.
#[derive(Debug)]
pub(crate) struct Timers {
    queue: BTreeMap<(Time, u64), Timer>,
    places: HashMap<Timer, (Time, u64), FixedState>,
    sequence: u64,
}

impl Timers {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            queue: BTreeMap::new(),
            places: HashMap::with_hasher(FixedState::with_seed(seed)),
            sequence: 0,
        }
    }

    /// Sets the one deadline of `timer`; `Time::NEVER` clears it.
    pub(crate) fn set(&mut self, timer: Timer, at: Time) {
        if self.places.get(&timer).is_some_and(|place| place.0 == at) {
            return;
        }
        self.clear(timer);
        if at == Time::NEVER {
            return;
        }
        self.sequence += 1;
        let place = (at, self.sequence);
        self.places.insert(timer, place);
        self.queue.insert(place, timer);
    }

    /// Sets the deadline unless an earlier one is set already.
    pub(crate) fn set_no_later(&mut self, timer: Timer, at: Time) {
        if self.deadline(timer).is_none_or(|set| at < set) {
            self.set(timer, at);
        }
    }

    pub(crate) fn deadline(&self, timer: Timer) -> Option<Time> {
        self.places.get(&timer).map(|place| place.0)
    }

    pub(crate) fn clear(&mut self, timer: Timer) {
        if let Some(place) = self.places.remove(&timer) {
            self.queue.remove(&place);
        }
    }

    /// Forgets every deadline of a torrent.
    pub(crate) fn clear_torrent(&mut self, torrent: TorrentKey) {
        for timer in [
            Timer::Choke(torrent),
            Timer::Trackers(torrent),
            Timer::Connect(torrent),
            Timer::Sync(torrent),
            Timer::DiskRetry(torrent),
            Timer::Inquiry(torrent),
            Timer::Haves(torrent),
            Timer::Pex(torrent),
            Timer::Goal(torrent),
            Timer::Idle(torrent),
            Timer::Metadata(torrent),
            Timer::WebSeeds(torrent),
        ] {
            self.clear(timer);
        }
    }

    pub(crate) fn next(&self) -> Option<(Time, Reason)> {
        self.queue
            .first_key_value()
            .map(|(place, timer)| (place.0, timer.reason()))
    }

    /// Takes the oldest timer that is due.
    pub(crate) fn pop_due(&mut self, now: Time) -> Option<Timer> {
        let (&place, &timer) = self.queue.first_key_value()?;
        if place.0 > now {
            return None;
        }
        self.queue.remove(&place);
        self.places.remove(&timer);
        Some(timer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_timer_has_one_deadline_and_ties_fire_in_order() {
        let mut timers = Timers::new(1);
        let t = |s| Time::START + Duration::from_secs(s);
        timers.set(Timer::UploadQuota, t(5));
        timers.set(Timer::DownloadQuota, t(3));
        timers.set(Timer::UploadQuota, t(3));
        timers.set_no_later(Timer::UploadQuota, t(4));
        assert_eq!(timers.next(), Some((t(3), Reason::DownloadQuota)));
        assert_eq!(timers.pop_due(t(2)), None);
        assert_eq!(timers.pop_due(t(3)), Some(Timer::DownloadQuota));
        assert_eq!(timers.pop_due(t(3)), Some(Timer::UploadQuota));
        assert_eq!(timers.next(), None);
    }

    #[test]
    fn never_clears() {
        let mut timers = Timers::new(1);
        timers.set(Timer::Shutdown, Time::START);
        timers.set(Timer::Shutdown, Time::NEVER);
        assert_eq!(timers.pop_due(Time::NEVER), None);
    }
}
