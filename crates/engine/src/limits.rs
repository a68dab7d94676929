//! Every bound on what a remote can make us hold, with its unit.
//!
//! Each names what it protects. A collection that a peer, a tracker or a
//! torrent file can grow has its limit here (invariant 5).

use std::time::Duration;

/// Candidates (known addresses) kept per torrent.
pub const CANDIDATES_PER_TORRENT_MAX: usize = 3_000;
/// The same while the torrent is dormant. Ten thousand of them would else hold
/// what ten thousand trackers name; who is awake asks for more.
pub const CANDIDATES_PER_DORMANT_MAX: usize = 16;
/// Banned addresses kept per torrent; the oldest is forgotten first.
pub const BANNED_PER_TORRENT_MAX: usize = 1_000;
/// Requests we accept from one peer at a time; advertised as `reqq` (BEP 10).
pub const REQUESTS_IN_QUEUE_MAX: usize = 2_000;
/// Requests we have at one peer at most, whatever its `reqq`: 1 Gbit/s over
/// 200 ms has 1,526 blocks on the way.
pub const REQUESTS_OUTSTANDING_MAX: usize = 2_048;
/// The longest block a peer may ask of us, in bytes; larger ones are a fault.
/// BEP 3 says 16 KiB, old clients ask for up to 128 KiB.
pub const REQUEST_LEN_MAX: u32 = 128 * 1024;
/// The length of a run in bytes: what one read of the disk brings for uploads,
/// and what a block that waits for a peer keeps in memory. With 256 KiB, twice as
/// many reads and wake-ups, seeding from memory cost a tenth more.
pub const RUN_LEN: u32 = 512 * 1024;
/// Bytes of blocks that wait for one peer at most, beside the last of them.
pub const QUEUED_BYTES_MAX: u64 = 2 << 20;
/// Reads for uploads that one peer may have started and that the disk has not
/// answered. REQUEST and CANCEL in turns would else start reads without end.
pub const READS_PER_PEER_MAX: usize = 16;
/// Addresses taken from one answer of a tracker: as many as it is asked for. A
/// tracker that names thousands would else hide those that others name.
pub const PEERS_PER_ANSWER_MAX: usize = 200;
/// Requests that a choked peer may send before it is a fault.
pub const CHOKED_REQUESTS_MAX: u32 = 300;
/// Blocks that a peer may send unasked before it is a fault. CANCEL races and
/// time-outs make a few of them honest.
pub const UNWANTED_BLOCKS_MAX: u32 = 2_048;
/// Hosts remembered per torrent that were given an allowed-fast set (BEP 6); the
/// oldest is forgotten first.
pub const NEWCOMERS_PER_TORRENT_MAX: usize = 1_000;
/// Pieces that a peer may allow us to ask for while it chokes (BEP 6).
pub const ALLOWED_FAST_MAX: usize = 32;
/// Wrong pieces whose senders are remembered until the piece is right, per
/// torrent; the oldest is forgotten first.
pub const SUSPECT_PIECES_MAX: usize = 64;
/// Digests of blocks of such pieces, per torrent: 2 MiB, enough for one piece
/// of 1 GiB. The oldest piece is forgotten first.
pub const SUSPECT_BLOCKS_MAX: usize = 65_536;
/// Pieces that super-seeding watches at one peer: shown, and not known to have
/// gone on to another one. The oldest that were sent are forgotten first.
pub const GIVEN_PIECES_MAX: usize = 1_024;
/// Extension handshakes read from one peer (BEP 10). Each is parsed; further ones
/// are passed over.
pub const EXTENDED_HANDSHAKES_MAX: u32 = 64;
/// The longest metadata that is fetched or served, in bytes (libtorrent,
/// `max_metadata_size`).
pub const METADATA_LEN_MAX: u32 = 31_457_280;
/// Requests for metadata that wait for one peer: as many as the longest has
/// blocks of 16 KiB. Further ones are rejected (BEP 9).
pub const METADATA_ASKED_MAX: usize = METADATA_LEN_MAX as usize / (16 << 10);
/// How often the whole metadata is served in one connection.
pub const METADATA_SERVED_TIMES: u32 = 3;
/// Lengths of a torrent's metadata that peers may state at a time: some lie.
pub const METADATA_LENGTHS_MAX: usize = 3;
/// Wholes of one length that are fetched of one peer each at a time, to see who
/// lies.
pub const METADATA_ALONE_MAX: usize = 3;
/// Bytes of metadata that is being fetched, of all torrents.
pub const METADATA_BYTES_MAX: u64 = 64 << 20;
/// Requests for metadata that one peer has at a time (libtorrent,
/// `ut_metadata`).
pub const METADATA_OUTSTANDING_PER_PEER: usize = 2;
/// Requests for one torrent's metadata that are out at a time.
pub const METADATA_OUTSTANDING_MAX: usize = 64;
/// Wholes of metadata that hashed wrong and of whose blocks the digests are
/// kept, of one torrent.
pub const METADATA_ROUNDS_MAX: usize = 3;
/// Connections of a torrent whose metadata is not known: a few bring it.
pub const AWAITING_PEERS_MAX: usize = 30;
/// Pieces that a peer may have told of before the metadata is known: as many as
/// a bitfield of the longest can name. They are kept as bits.
pub const EARLY_PIECES_MAX: u32 = 8 * (256 << 10);
/// Rules of the user's blocklists, all together: at most 64 MB of memory, or 256
/// for IPv6.
pub const FILTER_RULES_MAX: usize = 4_000_000;
/// How long a peer may take for its handshake.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an attempt to connect may take.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Silence after which a peer is disconnected, and how long it may leave unread
/// what is sent to it.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(180);
/// Silence of ours after which a keep-alive is sent (BEP 3: two minutes).
pub const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(100);
/// What others said of our own address that is remembered.
pub const EXTERNAL_VOTES_MAX: usize = 32;
/// Incoming connections of one host (of IPv6, of a /64) that have not shaken
/// hands: one host alone could hold every place until they time out.
pub const STRANGERS_PER_HOST_MAX: usize = 16;
/// Incoming connections taken beyond a limit, in total and per torrent.
pub const INCOMING_SLACK: usize = 10;
/// Bytes of messages (without block payloads) that wait for a peer that does
/// not read; beyond it the peer is disconnected.
pub const OUTGOING_BUFFER_MAX: usize = 4 << 20;
/// Addresses remembered per torrent that turned out to be our own; the oldest
/// is forgotten first.
pub const SELF_ADDRS_PER_TORRENT_MAX: usize = 64;
/// Trackers of one torrent; a torrent file can list any number.
pub const TRACKERS_PER_TORRENT_MAX: usize = 100;
/// UDP trackers whose connection ids or resolved names are kept.
pub const UDP_TRACKERS_MAX: usize = 1_000;
/// Dormant torrents that are being woken at a time: each may read a torrent file
/// of megabytes. Whoever shook hands with another one waits, as long as a
/// handshake may take. One that takes long does not count: its device hangs, and
/// the host's workers bound how many they read for.
pub const WAKING_MAX: usize = 8;
/// Bytes kept of what a peer says behind its handshake while its torrent is being
/// woken; the rest waits in its socket. A peer that leaves is noticed by reading.
pub const EARLY_BYTES_MAX: usize = 256;
/// Torrents that can be dormant, are awake and have no peer. Who shakes hands
/// with one torrent after the other and leaves would else have all of them in
/// memory; beyond it the one that was idle for the longest sleeps first.
pub const IDLE_AWAKE_MAX: usize = 16;
/// Datagrams of local discovery read of one host in a second (BEP 14 wants one
/// a minute; libtorrent-like clients repeat theirs, and name one torrent in each).
pub const LSD_HEARD_PER_S_MAX: u32 = 10;
/// Hosts of local discovery heard in one second; what others say then is not read.
pub const LSD_HOSTS_MAX: usize = 256;
/// Addresses of a torrent that one neighbour says of itself: a machine has few
/// clients. One that failed gives way to a new one.
pub const LSD_ADDRS_PER_HOST_MAX: usize = 4;
/// Web seeds of one torrent (BEP 19); a torrent file or link can list any number.
pub const WEB_SEEDS_PER_TORRENT_MAX: usize = 64;
/// Connections of one torrent to web seeds (libtorrent, `max_web_seed_connections`).
pub const WEB_SEED_CONNECTIONS_MAX: usize = 3;
/// Bytes that a web seed is asked for at a time at most (libtorrent,
/// `urlseed_max_request_bytes`).
pub const WEB_SEED_RUN_MAX: u64 = 16 << 20;
/// Silence after which a request to a web seed is given up (libtorrent,
/// `urlseed_timeout`).
pub const WEB_SEED_SILENCE: Duration = Duration::from_secs(20);
/// How often what is missing of a short answer is asked for at once.
pub const WEB_SEED_BREAKS_MAX: u32 = 3;
/// How long a web seed that failed is left alone (libtorrent, `urlseed_wait_retry`) …
pub const WEB_SEED_REST: Duration = Duration::from_secs(30);
/// … and the most that it may ask for.
pub const WEB_SEED_REST_MAX: Duration = Duration::from_secs(3_600);
/// Requests that a peer may reject in a row before it is left in peace until it
/// unchokes us again or the next keep-alive is due: asking on would only make
/// REJECTs as fast as the line carries them.
pub const REJECTS_IN_A_ROW_MAX: u32 = 64;
/// Messages of peer exchange that a peer may send in a minute (libtorrent,
/// ut_pex.cpp; BEP 11 has one).
pub const PEX_MESSAGES_MAX: usize = 6;
/// Addresses believed of one peer at a time: as many of those that it told and did
/// not drop (libtorrent, `max_pex_peers`).
pub const PEX_BELIEVED_MAX: usize = 50;
/// Hosts believed of one connection in all.
pub const PEX_HOSTS_PER_PEER_MAX: usize = 200;
/// Addresses of one machine that differ in their ports alone, beyond which none is
/// believed of a peer: nobody is to be called at one port after the other.
pub const PEX_ADDRS_PER_HOST_MAX: usize = 4;
/// Hosts remembered per torrent for how many they told us of; the one that began
/// first is forgotten first.
pub const PEX_TELLERS_MAX: usize = 1_000;
/// Peers of one family that left and are told nevertheless, where few are
/// connected (BEP 11).
pub const PEX_RECENT_MAX: usize = 25;
/// Addresses kept per torrent for telling: of connected peers, and of those that
/// others are yet to be told are gone. Who comes beyond it is not told.
pub const PEX_ROSTER_MAX: usize = 8_192;

// The DHT. Where a limit of libtorrent (2.1) is taken over, its name is there.

/// Live contacts of one node of ours, all buckets together.
pub const DHT_CONTACTS_MAX: usize = 512;
/// Contacts that wait for a place in one bucket.
pub const DHT_REPLACEMENTS_MAX: usize = 8;
/// Addresses that wait to be asked whether a node is there, of one node of ours:
/// who asked us, what peers and torrents name.
pub const DHT_HINTS_MAX: usize = 64;
/// Questions of one node of ours that wait for their answers.
pub const DHT_QUERIES_OUT_MAX: usize = 512;
/// Look-ups of one node of ours at a time, its own beside them.
pub const DHT_SEARCHES_MAX: usize = 8;
/// Look-ups that users ordered and that wait for their turn.
pub const DHT_ORDERS_MAX: usize = 64;
/// Nodes that one look-up knows (libtorrent, traversal_algorithm.cpp).
pub const DHT_FRONTIER_MAX: usize = 100;
/// Questions of one look-up, those that store included.
pub const DHT_SEARCH_QUERIES_MAX: u32 = 100;
/// Peers taken from all answers to one look-up.
pub const DHT_PEERS_PER_SEARCH_MAX: usize = 1_000;
/// Nodes taken from one answer: two times what an honest one names.
pub const DHT_NODES_PER_ANSWER_MAX: usize = 16;
/// Swarms of which peers are stored (`dht_max_torrents`).
pub const DHT_SWARMS_MAX: usize = 2_000;
/// Peers stored of one swarm (`dht_max_peers`).
pub const DHT_PEERS_PER_SWARM_MAX: usize = 500;
/// Peers stored of all swarms: 4 MiB or so.
pub const DHT_PEERS_MAX: usize = 50_000;
/// Peers stored of one swarm at one host (of IPv6, one /64): behind one address
/// there are several, and not many.
pub const DHT_PEERS_PER_HOST_MAX: usize = 8;
/// Stored items (`dht_max_dht_items`), each of up to 1,000 bytes (BEP 44).
pub const DHT_ITEMS_MAX: usize = 700;
/// Signatures of items that are verified in a second, some 50 µs each.
pub const DHT_VERIFIED_PER_S_MAX: u64 = 20;
/// Hosts whose questions are counted; who would be next forgotten goes first.
pub const DHT_ASKERS_MAX: usize = 4_096;
/// Questions of one host in ten seconds (`dht_block_ratelimit`, five a second);
/// beyond it the host is not answered for five minutes (`dht_block_timeout`).
pub const DHT_QUERIES_PER_ASKER_MAX: u32 = 50;
/// Questions of all hosts together that a node of ours looks at in a second.
pub const DHT_QUERIES_PER_S_MAX: u64 = 500;
/// Questions to one address in a second: others block who sends five.
pub const DHT_QUERIES_TO_ONE_PER_S_MAX: usize = 2;
/// Names of routers that are looked up, and torrents can name nodes, too.
pub const DHT_ROUTERS_MAX: usize = 32;

// Encrypted streams.

/// Exponentiations for encrypted handshakes that are out at a time: what more
/// strangers want is refused, and streams of ours wait.
pub const KEY_JOBS_MAX: usize = 64;
/// Encrypted handshakes that one host (of IPv6, a /64) may begin at once, each of
/// which costs two exponentiations.
pub const KEYS_PER_HOST_MAX: u32 = 8;
/// How soon it may begin another one.
pub const KEYS_PER_HOST_EVERY: Duration = Duration::from_millis(500);
/// Hosts remembered that began some; each is forgotten as soon as it may begin as
/// many as at first.
pub const KEY_HOSTS_MAX: usize = 1_024;
/// Bytes of a connection that are encrypted and not sent.
pub const SEAL_BYTES_MAX: usize = 32 << 10;
/// Buffers for them that are kept for the next connection that has to send.
pub const SEAL_BUFFERS_KEPT: usize = 16;
