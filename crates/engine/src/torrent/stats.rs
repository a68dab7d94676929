//! What users see of a torrent.

use std::time::Duration;

use superseed_proto::layout::PieceIndex;
use superseed_proto::wire::client_name;

use super::{Life, Torrent};
use crate::engine::shared::Conns;
use crate::holdings::TorrentHoldings;
use crate::stats::{FileStats, PeerLoad, PeerStats, TorrentStats};
use crate::time::Time;

impl Torrent {
    pub(crate) fn torrent_stats(&self, conns: &Conns, now: Time) -> TorrentStats {
        let rate = self.down.rate(now);
        let left = self.picker.left_bytes();
        let connected = self.peers.iter().filter_map(|key| conns.get(*key)?.peer());
        let (mut peers, mut seeds) = (0, 0);
        for peer in connected {
            peers += 1;
            seeds += usize::from(peer.is_seed());
        }
        TorrentStats {
            wanted_bytes: self.picker.wanted_bytes(),
            have_bytes: self.picker.have_bytes(),
            left_bytes: left,
            pieces_have: self.have().count(),
            pieces_unchecked: self.check.left,
            download_bytes_per_s: rate,
            upload_bytes_per_s: self.up.rate(now),
            peers,
            seeds,
            eta: (left > 0 && rate > 0).then(|| Duration::from_secs(left.div_ceil(rate))),
            error: match (&self.life, &self.disk_waits) {
                (Life::Failed(error), _) | (_, Some(error)) => Some(error.message.clone()),
                _ => None,
            },
            ..self.lasting.stats(&self.layout, self.state(), now)
        }
    }

    pub(crate) fn holdings(&self) -> TorrentHoldings {
        TorrentHoldings {
            peers: self.peers.len(),
            suspect_pieces: self.suspects.pieces(),
            suspect_blocks: self.suspects.digests(),
            newcomers: self.newcomers.len().max(self.first_turns.len()),
            roster: self.roster.len(),
            web_seeds: self
                .web_seeds
                .as_ref()
                .map_or(0, |seeds| seeds.sources().count()),
            web_seed_connections: self.lanes().len(),
            ..self.lasting.holdings()
        }
    }

    pub(crate) fn file_stats(&self) -> Vec<FileStats> {
        let info = &self.metainfo.info;
        let files = info.files.iter().zip(&self.file_priorities);
        let stats = files.map(|(file, &priority)| {
            let span = file.offset..file.offset + file.len;
            let overlap = |piece: u32| {
                let start = self.layout.piece_offset(PieceIndex(piece));
                let end = start + u64::from(self.layout.piece_len(PieceIndex(piece)));
                end.min(span.end) - start.max(span.start)
            };
            let had = self
                .layout
                .pieces_of(span.clone())
                .filter(|&piece| self.have().has(PieceIndex(piece)));
            FileStats {
                bytes: file.len,
                have_bytes: had.map(overlap).sum(),
                priority,
            }
        });
        stats.collect()
    }

    pub(crate) fn peer_loads(&self, conns: &Conns) -> impl Iterator<Item = PeerLoad> {
        self.peers.iter().filter_map(|key| {
            let conn = conns.get(*key)?;
            let peer = conn.peer()?;
            Some(PeerLoad {
                addr: conn.remote,
                requests_out: peer.requests.len(),
                requests_out_max: peer.requests_max(),
                requests_in: peer.queue.len(),
                is_served: !peer.am_choking && peer.peer_interested,
            })
        })
    }

    pub(crate) fn peer_stats(&self, conns: &Conns, now: Time) -> Vec<PeerStats> {
        let connected = self.peers.iter().filter_map(|key| {
            let conn = conns.get(*key)?;
            Some((conn, conn.peer()?))
        });
        let stats = connected.map(|(conn, peer)| PeerStats {
            client: peer
                .about
                .client
                .clone()
                .or_else(|| client_name(&peer.id))
                .unwrap_or_else(|| "unknown".to_owned()),
            download_bytes_per_s: peer.down.rate(now),
            upload_bytes_per_s: peer.up.rate(now),
            downloaded_bytes: peer.downloaded,
            uploaded_bytes: peer.uploaded,
            am_choking: peer.am_choking,
            am_interested: peer.am_interested,
            peer_choking: peer.peer_choking,
            peer_interested: peer.peer_interested,
            optimistic: peer.optimistic,
            snubbed: peer.window.is_snubbed(),
            requests_out: peer.requests.len(),
            requests_in: peer.queue.len(),
            pieces: peer.have.count(),
            ..PeerStats::of_conn(conn)
        });
        stats.collect()
    }
}
