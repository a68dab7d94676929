//! The engine: one value that owns everything and decides everything.

use std::time::Duration;

use crate::action::Outbox;
use crate::config::Settings;
use crate::ids::{ConnKey, TorrentKey};
use crate::input::Input;
use crate::stats::{FileStats, PeerStats, TorrentStats, TrackerStats};
use crate::time::Time;

/// Why the engine wants to be woken at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// A choker round.
    Choke,
}

/// A BitTorrent client without a world: see the crate's documentation.
pub struct Engine {
    settings: Settings,
}

impl Engine {
    /// An engine that knows no torrent and no address.
    ///
    /// `seed` decides every choice and every secret; the host draws it from the
    /// operating system, a simulation from its own seed. `unix_time` is the
    /// date at [`Time::START`], for what is dated.
    pub fn new(settings: Settings, seed: [u8; 32]) -> Self {
        let _ = seed;
        Self { settings }
    }

    /// Takes one input and pushes what follows from it.
    pub fn handle(&mut self, input: Input<'_>, now: Time, out: &mut Outbox) {
        let _ = (input, now, out);
    }

    /// When the engine next wants [`Input::Tick`], and why.
    pub fn next_deadline(&self) -> Option<(Time, Reason)> {
        None
    }

    /// Offers the bytes that the stream should take next, front first, at most
    /// what the rate limits allow now. Empty when there is nothing to send.
    ///
    /// The host writes them with one gathering call and reports how many were
    /// taken with [`Input::Sent`].
    pub fn outgoing<'a>(&'a mut self, conn: ConnKey, now: Time, slices: &mut Vec<&'a [u8]>) {
        let _ = (conn, now, slices);
    }

    /// How many bytes the host may read from the stream now. Zero means: do
    /// not read until `Action::WantRead`.
    pub fn read_allowance(&mut self, conn: ConnKey, now: Time) -> usize {
        let _ = (conn, now);
        usize::MAX
    }

    /// The session's settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// All torrents.
    pub fn torrents(&self) -> Vec<TorrentKey> {
        Vec::new()
    }

    /// A torrent at a glance.
    pub fn torrent_stats(&self, torrent: TorrentKey, now: Time) -> Option<TorrentStats> {
        let _ = (torrent, now);
        None
    }

    /// The files of a torrent, in the order of its metainfo.
    pub fn file_stats(&self, torrent: TorrentKey) -> Option<Vec<FileStats>> {
        let _ = torrent;
        None
    }

    /// The connected peers of a torrent.
    pub fn peer_stats(&self, torrent: TorrentKey, now: Time) -> Option<Vec<PeerStats>> {
        let _ = (torrent, now);
        None
    }

    /// The trackers of a torrent.
    pub fn tracker_stats(&self, torrent: TorrentKey, now: Time) -> Option<Vec<TrackerStats>> {
        let _ = (torrent, now);
        None
    }

    /// Whether every piece that a run of the torrent's bytes touches is verified.
    pub fn has_bytes(&self, torrent: TorrentKey, bytes: std::ops::Range<u64>) -> bool {
        let _ = (torrent, bytes);
        false
    }

    /// The time until the engine is certainly idle, for tests.
    #[doc(hidden)]
    pub fn idle_for(&self, now: Time) -> Option<Duration> {
        self.next_deadline().map(|(at, _)| at.since(now))
    }
}
