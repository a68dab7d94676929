//! What an engine holds stays within its limits, whatever others do.

use superseed_engine::limits::{
    ALLOWED_FAST_MAX, BANNED_PER_TORRENT_MAX, CANDIDATES_PER_TORRENT_MAX, DHT_ASKERS_MAX,
    DHT_CONTACTS_MAX, DHT_FRONTIER_MAX, DHT_HINTS_MAX, DHT_ITEMS_MAX, DHT_PEERS_MAX,
    DHT_QUERIES_OUT_MAX, DHT_REPLACEMENTS_MAX, DHT_SEARCHES_MAX, DHT_SWARMS_MAX, EARLY_PIECES_MAX,
    INCOMING_SLACK, KEY_HOSTS_MAX, KEY_JOBS_MAX, LSD_HOSTS_MAX, METADATA_ASKED_MAX,
    METADATA_BYTES_MAX, METADATA_ROUNDS_MAX, NEWCOMERS_PER_TORRENT_MAX, OUTGOING_BUFFER_MAX,
    PEX_HOSTS_PER_PEER_MAX, PEX_ROSTER_MAX, PEX_TELLERS_MAX, QUEUED_BYTES_MAX, READS_PER_PEER_MAX,
    REQUEST_LEN_MAX, REQUESTS_IN_QUEUE_MAX, REQUESTS_OUTSTANDING_MAX, RUN_LEN, SEAL_BYTES_MAX,
    SELF_ADDRS_PER_TORRENT_MAX, SUSPECT_BLOCKS_MAX, SUSPECT_PIECES_MAX, TRACKERS_PER_TORRENT_MAX,
    UDP_TRACKERS_MAX, WEB_SEED_CONNECTIONS_MAX, WEB_SEEDS_PER_TORRENT_MAX,
};
use superseed_engine::{Holdings, PeerHoldings, Settings, TorrentHoldings};
use superseed_proto::BLOCK_LEN;
use superseed_proto::krpc::NodeId;

use super::{HostId, World};

/// What a host holds is looked at once in so many of its inputs.
const INPUTS_PER_LOOK: u64 = 64;
/// What may wait for one peer: the bound, and the block that goes beyond it.
const QUEUED_MAX: usize = QUEUED_BYTES_MAX as usize + REQUEST_LEN_MAX as usize;
/// Runs that so many bytes can be parts of: each may begin in one run
/// and end in another.
const QUEUED_RUNS_MAX: usize = QUEUED_BYTES_MAX as usize / RUN_LEN as usize + 2;
/// Blocks that may wait for one peer, each of which may be in two parts.
const QUEUED_PARTS_MAX: usize = 2 * (QUEUED_BYTES_MAX as usize / BLOCK_LEN as usize + 1);
/// The longest message of a peer that is kept until it is whole.
const MESSAGE_LEN_MAX: usize = 256 << 10;
/// A bitfield, and HAVEs of as many pieces.
const EARLY_BYTES_ABOUT_PIECES_MAX: usize = 2 * EARLY_PIECES_MAX as usize / 8;
/// What one message, or one decision of ours, may add beyond the limit on
/// messages that wait: REJECTs of all requests of a peer, or our bitfield.
const MESSAGES_SLACK: usize = 512 << 10;

impl World {
    /// Looks at what a host's engine holds now and then.
    pub(super) fn check_memory(&mut self, id: HostId) {
        let host = &mut self.hosts[id.0];
        if !host.inputs.is_multiple_of(INPUTS_PER_LOOK) {
            return;
        }
        let Some(engine) = &host.engine else { return };
        let (settings, held) = (engine.settings(), engine.holdings());
        let fits = held.block_bytes + held.asked_bytes <= settings.piece_budget_bytes;
        let before = if fits { 0 } else { host.block_bringers };
        host.block_bringers = before.max(held.connections);
        if let Some(what) = first_over(settings, &held, host.block_bringers) {
            self.fail(&format!("{id:?} holds too many {what}: {held:?}"));
        }
    }
}

/// The first limit that is not kept. So many connections may have brought
/// blocks since these last fitted into their memory.
fn first_over(settings: &Settings, held: &Holdings, bringers: usize) -> Option<&'static str> {
    let block_len = u64::from(BLOCK_LEN);
    // Beyond the budget every connection may have one block, and one request.
    let blocks_max = settings.piece_budget_bytes + 2 * bringers as u64 * block_len;
    // The newest run stays even if it alone is too large.
    let cache_max = settings.read_cache_bytes.max(u64::from(RUN_LEN));
    let own = [
        (
            "connections",
            held.connections as u64,
            (settings.connections_max + INCOMING_SLACK) as u64,
        ),
        (
            "bytes of blocks",
            held.block_bytes + held.asked_bytes,
            blocks_max,
        ),
        ("bytes in the read cache", held.read_cache_bytes, cache_max),
        (
            "reads",
            held.reads as u64,
            // Those of connections that are gone are still under way.
            ((settings.connections_max + INCOMING_SLACK) * READS_PER_PEER_MAX) as u64,
        ),
        ("bytes of metadata", held.metadata_bytes, METADATA_BYTES_MAX),
        (
            "UDP trackers",
            held.udp_trackers as u64,
            UDP_TRACKERS_MAX as u64,
        ),
        ("neighbours", held.lsd_hosts as u64, LSD_HOSTS_MAX as u64),
        ("keys", held.key_jobs as u64, KEY_JOBS_MAX as u64),
        (
            "keys that wait",
            held.key_jobs_waiting as u64,
            (settings.connections_max + INCOMING_SLACK) as u64,
        ),
        (
            "hosts with keys",
            held.key_hosts as u64,
            KEY_HOSTS_MAX as u64,
        ),
    ];
    let dht = [
        ("contacts", held.dht.contacts, DHT_CONTACTS_MAX),
        (
            "waiting contacts",
            held.dht.waiting,
            NodeId::BITS as usize * DHT_REPLACEMENTS_MAX,
        ),
        ("hints", held.dht.hints, DHT_HINTS_MAX),
        ("questions", held.dht.queries_out, DHT_QUERIES_OUT_MAX),
        // A hybrid has two at a time.
        ("look-ups", held.dht.searches, DHT_SEARCHES_MAX + 1),
        ("nodes of a look-up", held.dht.frontier, DHT_FRONTIER_MAX),
        ("stored swarms", held.dht.swarms, DHT_SWARMS_MAX),
        ("stored peers", held.dht.peers, DHT_PEERS_MAX),
        ("stored items", held.dht.items, DHT_ITEMS_MAX),
        ("askers", held.dht.askers, DHT_ASKERS_MAX),
    ];
    let over = own.iter().find(|(_, held, max)| held > max);
    let dht_over = dht.iter().find(|(_, held, max)| held > max);
    over.map(|(what, ..)| *what)
        .or_else(|| dht_over.map(|(what, ..)| *what))
        .or_else(|| peer_over(&held.of_one_peer))
        .or_else(|| torrent_over(settings, &held.of_one_torrent))
}

fn peer_over(held: &PeerHoldings) -> Option<&'static str> {
    let limits = [
        (
            "bytes of messages",
            held.message_bytes,
            OUTGOING_BUFFER_MAX + MESSAGES_SLACK,
        ),
        ("bytes of blocks for a peer", held.block_bytes, QUEUED_MAX),
        ("sealed bytes", held.sealed_bytes, SEAL_BYTES_MAX),
        ("blocks for a peer", held.block_parts, QUEUED_PARTS_MAX),
        ("runs for a peer", held.runs, QUEUED_RUNS_MAX),
        (
            "requests of a peer",
            held.requests_in,
            REQUESTS_IN_QUEUE_MAX,
        ),
        (
            "requests at a peer",
            held.requests_out,
            REQUESTS_OUTSTANDING_MAX,
        ),
        ("bytes of a message", held.decoder_bytes, MESSAGE_LEN_MAX),
        (
            "pieces allowed by a peer",
            held.allowed_fast,
            ALLOWED_FAST_MAX,
        ),
        (
            "requests for metadata",
            held.metadata_asked,
            METADATA_ASKED_MAX,
        ),
        (
            "hosts told by a peer",
            held.pex_hosts,
            PEX_HOSTS_PER_PEER_MAX,
        ),
        (
            "bytes about pieces that are not known",
            held.early_bytes,
            EARLY_BYTES_ABOUT_PIECES_MAX,
        ),
    ];
    let over = limits.into_iter().find(|(_, held, max)| held > max);
    over.map(|(what, ..)| what)
}

fn torrent_over(settings: &Settings, held: &TorrentHoldings) -> Option<&'static str> {
    let peers_max = settings.connections_per_torrent_max + INCOMING_SLACK;
    let limits = [
        ("peers", held.peers, peers_max),
        ("candidates", held.candidates, CANDIDATES_PER_TORRENT_MAX),
        ("bans", held.banned, BANNED_PER_TORRENT_MAX),
        ("own addresses", held.self_addrs, SELF_ADDRS_PER_TORRENT_MAX),
        ("suspect pieces", held.suspect_pieces, SUSPECT_PIECES_MAX),
        ("suspect blocks", held.suspect_blocks, SUSPECT_BLOCKS_MAX),
        ("trackers", held.trackers, TRACKERS_PER_TORRENT_MAX),
        ("newcomers", held.newcomers, NEWCOMERS_PER_TORRENT_MAX),
        ("tellers", held.tellers, PEX_TELLERS_MAX),
        ("addresses to tell", held.roster, PEX_ROSTER_MAX),
        (
            "digests of metadata",
            held.metadata_digests,
            METADATA_ROUNDS_MAX * METADATA_ASKED_MAX,
        ),
        ("web seeds", held.web_seeds, WEB_SEEDS_PER_TORRENT_MAX),
        (
            "connections to web seeds",
            held.web_seed_connections,
            WEB_SEED_CONNECTIONS_MAX,
        ),
    ];
    let over = limits.into_iter().find(|(_, held, max)| held > max);
    over.map(|(what, ..)| what)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What of an engine a limit is about.
    type Grow = fn(&mut Holdings) -> &mut usize;

    fn over(held: &Holdings) -> Option<&'static str> {
        first_over(&Settings::default(), held, held.connections)
    }

    #[test]
    fn each_thing_beyond_its_limit_is_found() {
        let settings = Settings::default();
        let connections_max = settings.connections_max + INCOMING_SLACK;
        let peers_max = settings.connections_per_torrent_max + INCOMING_SLACK;
        let limits: Vec<(Grow, usize)> = vec![
            (|held| &mut held.connections, connections_max),
            (|held| &mut held.reads, connections_max * READS_PER_PEER_MAX),
            (|held| &mut held.udp_trackers, UDP_TRACKERS_MAX),
            (|held| &mut held.lsd_hosts, LSD_HOSTS_MAX),
            (|held| &mut held.key_jobs, KEY_JOBS_MAX),
            (|held| &mut held.key_jobs_waiting, connections_max),
            (|held| &mut held.key_hosts, KEY_HOSTS_MAX),
            (
                |held| &mut held.of_one_peer.message_bytes,
                OUTGOING_BUFFER_MAX + MESSAGES_SLACK,
            ),
            (|held| &mut held.of_one_peer.block_bytes, QUEUED_MAX),
            (|held| &mut held.of_one_peer.sealed_bytes, SEAL_BYTES_MAX),
            (|held| &mut held.of_one_peer.block_parts, QUEUED_PARTS_MAX),
            (|held| &mut held.of_one_peer.runs, QUEUED_RUNS_MAX),
            (
                |held| &mut held.of_one_peer.requests_in,
                REQUESTS_IN_QUEUE_MAX,
            ),
            (
                |held| &mut held.of_one_peer.requests_out,
                REQUESTS_OUTSTANDING_MAX,
            ),
            (|held| &mut held.of_one_peer.decoder_bytes, MESSAGE_LEN_MAX),
            (|held| &mut held.of_one_peer.allowed_fast, ALLOWED_FAST_MAX),
            (
                |held| &mut held.of_one_peer.metadata_asked,
                METADATA_ASKED_MAX,
            ),
            (
                |held| &mut held.of_one_peer.pex_hosts,
                PEX_HOSTS_PER_PEER_MAX,
            ),
            (|held| &mut held.of_one_torrent.roster, PEX_ROSTER_MAX),
            (
                |held| &mut held.of_one_peer.early_bytes,
                EARLY_BYTES_ABOUT_PIECES_MAX,
            ),
            (
                |held| &mut held.of_one_torrent.metadata_digests,
                METADATA_ROUNDS_MAX * METADATA_ASKED_MAX,
            ),
            (|held| &mut held.of_one_torrent.tellers, PEX_TELLERS_MAX),
            (|held| &mut held.of_one_torrent.peers, peers_max),
            (
                |held| &mut held.of_one_torrent.candidates,
                CANDIDATES_PER_TORRENT_MAX,
            ),
            (
                |held| &mut held.of_one_torrent.banned,
                BANNED_PER_TORRENT_MAX,
            ),
            (
                |held| &mut held.of_one_torrent.self_addrs,
                SELF_ADDRS_PER_TORRENT_MAX,
            ),
            (
                |held| &mut held.of_one_torrent.suspect_pieces,
                SUSPECT_PIECES_MAX,
            ),
            (
                |held| &mut held.of_one_torrent.suspect_blocks,
                SUSPECT_BLOCKS_MAX,
            ),
            (
                |held| &mut held.of_one_torrent.trackers,
                TRACKERS_PER_TORRENT_MAX,
            ),
            (
                |held| &mut held.of_one_torrent.newcomers,
                NEWCOMERS_PER_TORRENT_MAX,
            ),
            (
                |held| &mut held.of_one_torrent.web_seeds,
                WEB_SEEDS_PER_TORRENT_MAX,
            ),
            (
                |held| &mut held.of_one_torrent.web_seed_connections,
                WEB_SEED_CONNECTIONS_MAX,
            ),
        ];
        for (grow, max) in limits {
            let mut held = Holdings::default();
            *grow(&mut held) = max;
            assert_eq!(over(&held), None, "up to {max}");
            *grow(&mut held) += 1;
            assert!(over(&held).is_some(), "beyond {max}");
        }
    }

    #[test]
    fn blocks_beyond_their_memory_and_a_cache_beyond_its_own_are_found() {
        let settings = Settings::default();
        let budget = settings.piece_budget_bytes;
        let with_blocks = |block_bytes, asked_bytes, connections| Holdings {
            block_bytes,
            asked_bytes,
            connections,
            ..Holdings::default()
        };
        let two_blocks = 2 * u64::from(BLOCK_LEN);
        assert_eq!(over(&with_blocks(budget, 0, 0)), None);
        assert_eq!(over(&with_blocks(budget, two_blocks, 1)), None);
        assert!(over(&with_blocks(budget, 1, 0)).is_some());
        assert!(over(&with_blocks(budget, two_blocks + 1, 1)).is_some());
        let cached = Holdings {
            read_cache_bytes: settings.read_cache_bytes + 1,
            ..Holdings::default()
        };
        assert!(over(&cached).is_some());
    }
}
