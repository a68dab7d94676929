//! What the engine holds in memory because others made it hold it.
//!
//! Owns the vocabulary only: the engine counts, and whoever asks compares with
//! `limits` and the settings. Nothing here limits anything.

use crate::dht::DhtHoldings;

/// What the engine holds now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holdings {
    /// Connections, those of strangers included.
    pub connections: usize,
    /// Bytes of received blocks that are not on disk yet.
    pub block_bytes: u64,
    /// Bytes asked of peers and not received.
    pub asked_bytes: u64,
    /// Bytes of metadata that is being fetched.
    pub metadata_bytes: u64,
    /// Bytes of runs kept for uploads.
    pub read_cache_bytes: u64,
    /// Reads for uploads that the disk has not answered.
    pub reads: usize,
    /// Names and addresses of UDP trackers.
    pub udp_trackers: usize,
    /// Hosts heard by local discovery within a second.
    pub lsd_hosts: usize,
    /// Computations of keys for encrypted handshakes.
    pub key_jobs: usize,
    /// The same that wait for their place.
    pub key_jobs_waiting: usize,
    /// Hosts that had some of late.
    pub key_hosts: usize,
    /// What nodes of ours hold for the DHT.
    pub dht: DhtHoldings,
    /// Of each kind, the most that one connection holds.
    pub of_one_peer: PeerHoldings,
    /// Of each kind, the most that one torrent holds.
    pub of_one_torrent: TorrentHoldings,
}

/// What is held for one connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PeerHoldings {
    /// Bytes of messages that wait to be sent.
    pub message_bytes: usize,
    /// Bytes of blocks that wait to be sent.
    pub block_bytes: usize,
    /// Bytes of both that are encrypted.
    pub sealed_bytes: usize,
    /// Parts of blocks that wait to be sent.
    pub block_parts: usize,
    /// Runs that those blocks keep in memory, in the read cache or out of it.
    pub runs: usize,
    /// Requests of the peer that wait.
    pub requests_in: usize,
    /// Requests of ours that the peer has.
    pub requests_out: usize,
    /// Bytes of a message that has not come whole.
    pub decoder_bytes: usize,
    /// Pieces that the peer allows us while it chokes.
    pub allowed_fast: usize,
    /// Requests of the peer for metadata that wait.
    pub metadata_asked: usize,
    /// Hosts that the peer told us of.
    pub pex_hosts: usize,
    /// Bytes of what the peer said of pieces before they were known.
    pub early_bytes: usize,
}

/// What is held for one torrent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TorrentHoldings {
    /// Connections.
    pub peers: usize,
    /// Known addresses.
    pub candidates: usize,
    /// Banned hosts.
    pub banned: usize,
    /// Addresses that turned out to be our own.
    pub self_addrs: usize,
    /// Wrong pieces whose senders are remembered.
    pub suspect_pieces: usize,
    /// Digests of blocks of such pieces.
    pub suspect_blocks: usize,
    /// Trackers.
    pub trackers: usize,
    /// Hosts that were given an allowed-fast set.
    pub newcomers: usize,
    /// Hosts that told of others.
    pub tellers: usize,
    /// Addresses that peers are told of.
    pub roster: usize,
    /// Digests of blocks of metadata that hashed wrong.
    pub metadata_digests: usize,
    /// Web seeds.
    pub web_seeds: usize,
    /// Connections to them.
    pub web_seed_connections: usize,
}

impl PeerHoldings {
    /// The greater of each kind.
    pub(crate) fn max(self, other: Self) -> Self {
        Self {
            message_bytes: self.message_bytes.max(other.message_bytes),
            block_bytes: self.block_bytes.max(other.block_bytes),
            sealed_bytes: self.sealed_bytes.max(other.sealed_bytes),
            block_parts: self.block_parts.max(other.block_parts),
            runs: self.runs.max(other.runs),
            requests_in: self.requests_in.max(other.requests_in),
            requests_out: self.requests_out.max(other.requests_out),
            decoder_bytes: self.decoder_bytes.max(other.decoder_bytes),
            allowed_fast: self.allowed_fast.max(other.allowed_fast),
            metadata_asked: self.metadata_asked.max(other.metadata_asked),
            pex_hosts: self.pex_hosts.max(other.pex_hosts),
            early_bytes: self.early_bytes.max(other.early_bytes),
        }
    }
}

impl TorrentHoldings {
    /// The greater of each kind.
    pub(crate) fn max(self, other: Self) -> Self {
        Self {
            peers: self.peers.max(other.peers),
            candidates: self.candidates.max(other.candidates),
            banned: self.banned.max(other.banned),
            self_addrs: self.self_addrs.max(other.self_addrs),
            suspect_pieces: self.suspect_pieces.max(other.suspect_pieces),
            suspect_blocks: self.suspect_blocks.max(other.suspect_blocks),
            trackers: self.trackers.max(other.trackers),
            newcomers: self.newcomers.max(other.newcomers),
            tellers: self.tellers.max(other.tellers),
            roster: self.roster.max(other.roster),
            metadata_digests: self.metadata_digests.max(other.metadata_digests),
            web_seeds: self.web_seeds.max(other.web_seeds),
            web_seed_connections: self.web_seed_connections.max(other.web_seed_connections),
        }
    }
}
