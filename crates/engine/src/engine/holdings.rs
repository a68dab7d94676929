//! Counting what is held.

use superseed_proto::wire::Decoder;

use super::Engine;
use crate::holdings::{Holdings, PeerHoldings, TorrentHoldings};
use crate::peer::Conn;

impl Engine {
    /// What the engine holds in memory because others made it hold it.
    ///
    /// It costs a look at every connection and every torrent.
    pub fn holdings(&self) -> Holdings {
        let peers = self.conns.values().map(of_conn);
        let torrents = self.torrents.keys().into_iter();
        let torrents = torrents.filter_map(|key| match self.torrents.dormant(key) {
            Some(dormant) => Some(dormant.holdings()),
            None => match self.torrents.awaiting(key) {
                Some(awaiting) => Some(awaiting.holdings()),
                None => Some(self.torrents.get(key)?.holdings()),
            },
        });
        Holdings {
            connections: self.conns.len(),
            block_bytes: self.shared.pool.bytes_out(),
            asked_bytes: self.shared.asked_bytes,
            metadata_bytes: self.shared.metadata_bytes,
            read_cache_bytes: self.shared.cache.bytes(),
            reads: self.shared.cache.loading(),
            udp_trackers: self.shared.udp.known_hosts(),
            lsd_hosts: self.shared.lsd.hosts_heard(),
            key_jobs: self.shared.keys.out(),
            key_jobs_waiting: self.shared.keys.waiting(),
            key_hosts: self.shared.keys.hosts(),
            dht: self.shared.dht.holdings(),
            of_one_peer: peers.fold(PeerHoldings::default(), PeerHoldings::max),
            of_one_torrent: torrents.fold(TorrentHoldings::default(), TorrentHoldings::max),
        }
    }
}

fn of_conn(conn: &Conn) -> PeerHoldings {
    let queued = PeerHoldings {
        message_bytes: conn.outgoing.message_bytes(),
        block_bytes: conn.outgoing.block_bytes(),
        sealed_bytes: conn.sealed_bytes(),
        block_parts: conn.outgoing.block_parts(),
        runs: conn.outgoing.runs(),
        ..PeerHoldings::default()
    };
    if let Some(meeting) = conn.meeting() {
        return PeerHoldings {
            decoder_bytes: meeting.decoder.as_ref().map_or(0, Decoder::buffered_len),
            early_bytes: meeting.bytes(),
            ..queued
        };
    }
    let Some(peer) = conn.peer() else {
        return queued;
    };
    PeerHoldings {
        requests_in: peer.queue.len(),
        requests_out: peer.requests.len(),
        decoder_bytes: peer.decoder.as_ref().map_or(0, Decoder::buffered_len),
        allowed_fast: peer.allowed_fast.len(),
        metadata_asked: peer.metadata.as_ref().map_or(0, |asked| asked.waiting()),
        pex_hosts: peer.exchange.as_ref().map_or(0, |with| with.heard.hosts()),
        ..queued
    }
}
