//! What bounds the tracker's memory and patience. Each refusal that follows
//! from a limit is counted in [`Refusals`](super::Refusals).

use std::time::Duration;

/// How many peers an announce gets that names no number.
pub const NUMWANT_DEFAULT: u32 = 50;

/// How many peers an announce gets at most, whatever it asks for.
pub const NUMWANT_MAX: u32 = 200;

/// How many HTTP connections are open at the same time. With the descriptors
/// of everything else this stays under the 1,024 that many systems allow.
pub const HTTP_CONNECTIONS_MAX: usize = 512;

/// How long an HTTP exchange may take from the accepted connection to the
/// last byte of the answer.
pub const HTTP_EXCHANGE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the exchange of a torrent file may take: as long as
/// [`fetch_torrent`](crate::fetch_torrent) waits for one.
pub const HTTP_FILE_TIMEOUT: Duration = Duration::from_secs(60);

/// How many torrent files a tracker hands out.
pub const FILES_MAX: usize = 64;

/// The largest of them, in bytes: what [`fetch_torrent`](crate::fetch_torrent)
/// takes.
pub const FILE_LEN_MAX: usize = crate::FETCH_BYTES_MAX;

/// The longest path of one, in bytes.
pub(super) const FILE_PATH_LEN_MAX: usize = 255;

/// The longest request line with all headers, in bytes: twice the longest
/// query that is read.
pub const HTTP_HEAD_LEN_MAX: usize = 16 * 1024;

/// The most headers that a request may have. Clients send about five, and
/// proxies add some.
pub(super) const HTTP_HEADERS_MAX: usize = 64;

/// How many entries an announce looks at for each family at most. Only expired
/// peers and those with the asker's own peer id are looked at in vain.
pub(super) const DRAWS_MAX: usize = 1_000;

/// How long accepting rests when the process has no descriptor left.
pub(super) const ACCEPT_REST: Duration = Duration::from_millis(500);

/// How much the tracker remembers.
///
/// A peer costs about 200 bytes and a torrent about 800; the defaults amount
/// to some 140 MB when all is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SwarmLimits {
    /// Torrents. An announce of one more fails.
    pub swarms_max: usize,
    /// Peers of one torrent. One more is told of peers, but not entered.
    pub peers_per_swarm_max: usize,
    /// Peers of all torrents together. One more is told of peers, but not
    /// entered.
    pub peers_max: usize,
}

impl Default for SwarmLimits {
    fn default() -> Self {
        Self {
            swarms_max: 50_000,
            peers_per_swarm_max: 50_000,
            peers_max: 500_000,
        }
    }
}
