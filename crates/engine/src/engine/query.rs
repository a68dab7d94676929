//! What can be asked about the engine at any moment.

use std::ops::Range;
use std::sync::Arc;

use superseed_proto::layout::PieceIndex;
use superseed_proto::metainfo::Metainfo;

use super::Engine;
use crate::config::Settings;
use crate::explain::Explanation;
use crate::ids::TorrentKey;
use crate::stats::{FileStats, PeerLoad, PeerStats, TorrentStats, TrackerStats, WebSeedStats};
use crate::time::Time;

impl Engine {
    /// The session's settings.
    pub fn settings(&self) -> &Settings {
        &self.shared.settings
    }

    /// All torrents.
    pub fn torrents(&self) -> Vec<TorrentKey> {
        self.torrents.keys()
    }

    /// The torrents that are awake.
    pub fn awake_torrents(&self) -> impl Iterator<Item = TorrentKey> + '_ {
        self.torrents.awake()
    }

    /// A torrent at a glance.
    pub fn torrent_stats(&self, torrent: TorrentKey, now: Time) -> Option<TorrentStats> {
        if let Some(awaiting) = self.torrents.awaiting(torrent) {
            return Some(awaiting.stats(&self.conns));
        }
        if let Some(dormant) = self.torrents.dormant(torrent) {
            return Some(dormant.torrent_stats(now));
        }
        Some(self.torrents.get(torrent)?.torrent_stats(&self.conns, now))
    }

    /// Why a torrent is no faster than it is.
    ///
    /// It costs the torrent's peers and the session's disk jobs.
    pub fn explain(&self, torrent: TorrentKey, now: Time) -> Option<Explanation> {
        if let Some(awaiting) = self.torrents.awaiting(torrent) {
            return Some(awaiting.explain(&self.conns));
        }
        if let Some(dormant) = self.torrents.dormant(torrent) {
            return Some(dormant.explain());
        }
        let torrent = self.torrents.get(torrent)?;
        Some(torrent.explain(&self.conns, &self.shared, now))
    }

    /// The files of a torrent, in the order of its metainfo; of one that is
    /// dormant nobody knows them.
    pub fn file_stats(&self, torrent: TorrentKey) -> Option<Vec<FileStats>> {
        Some(self.torrents.get(torrent)?.file_stats())
    }

    /// The connected peers of a torrent.
    pub fn peer_stats(&self, torrent: TorrentKey, now: Time) -> Option<Vec<PeerStats>> {
        if self.is_dormant(torrent) {
            return Some(Vec::new());
        }
        if let Some(awaiting) = self.torrents.awaiting(torrent) {
            return Some(awaiting.peer_stats(&self.conns));
        }
        Some(self.torrents.get(torrent)?.peer_stats(&self.conns, now))
    }

    /// The web seeds of a torrent.
    pub fn web_seed_stats(&self, torrent: TorrentKey, now: Time) -> Option<Vec<WebSeedStats>> {
        if self.is_dormant(torrent) {
            return Some(Vec::new());
        }
        let torrent = self.torrents.get(torrent)?;
        Some(torrent.web_seed_stats(&self.conns, now))
    }

    /// The same at a glance, for who looks often.
    pub fn peer_loads(&self, torrent: TorrentKey) -> impl Iterator<Item = PeerLoad> + '_ {
        let torrent = self.torrents.get(torrent);
        torrent
            .into_iter()
            .flat_map(|torrent| torrent.peer_loads(&self.conns))
    }

    /// How many of a torrent's interested peers may be served until its choker
    /// decides again; `None` is all of them.
    pub fn upload_places(&self, torrent: TorrentKey) -> Option<usize> {
        self.torrents.get(torrent)?.upload_places()
    }

    /// The trackers of a torrent.
    pub fn tracker_stats(&self, torrent: TorrentKey, now: Time) -> Option<Vec<TrackerStats>> {
        if let Some(dormant) = self.torrents.dormant(torrent) {
            return Some(dormant.lasting.trackers.stats(now));
        }
        if let Some(awaiting) = self.torrents.awaiting(torrent) {
            return Some(awaiting.lasting.trackers.stats(now));
        }
        Some(self.torrents.get(torrent)?.lasting.trackers.stats(now))
    }

    /// Which files of a torrent are wanted, for its storage.
    pub fn wanted_files(&self, torrent: TorrentKey) -> Option<Vec<bool>> {
        Some(self.torrents.get(torrent)?.wanted_files())
    }

    /// Whether every piece that a run of the torrent's bytes touches is verified.
    pub fn has_bytes(&self, torrent: TorrentKey, bytes: Range<u64>) -> bool {
        if let Some(dormant) = self.torrents.dormant(torrent) {
            return dormant.has_all();
        }
        self.torrents.get(torrent).is_some_and(|torrent| {
            let mut pieces = torrent.layout.pieces_of(bytes);
            pieces.all(|piece| torrent.have().has(PieceIndex(piece)))
        })
    }

    /// Whether a torrent is dormant: it has to be woken for what needs its
    /// pieces or files ([`crate::input::Command::Wake`]).
    pub fn is_dormant(&self, torrent: TorrentKey) -> bool {
        self.torrents.dormant(torrent).is_some()
    }

    /// What a torrent is, while it is awake.
    pub fn metainfo(&self, torrent: TorrentKey) -> Option<&Arc<Metainfo>> {
        Some(self.torrents.get(torrent)?.metainfo())
    }

    /// Bytes held by received blocks that are not on disk yet.
    pub fn buffered_bytes(&self) -> u64 {
        self.shared.pool.bytes_out()
    }
}
