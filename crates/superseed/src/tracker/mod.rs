//! An embedded tracker: announce and scrape over HTTP (BEP 3, 7, 23, 24, 48)
//! and UDP (BEP 15), for tests and for swarms of one's own, and torrent files
//! beside them.
//!
//! Here are its handle and its thread. Which peers a swarm has and who is
//! told of whom is decided in `swarms`, which knows no socket and no clock;
//! the codecs are those of `superseed-proto`. It never asks anybody anything:
//! all that it knows, clients have told it.
//!
//! A client is entered under the address that its packets come from. What it
//! claims in `ip=` counts in a private network only: see `address`.

mod address;
mod connection_id;
mod error;
mod files;
mod http;
mod limits;
mod service;
mod sockets;
mod stats;
mod swarms;
mod udp;

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use superseed_proto::SwarmKey;
use superseed_proto::tracker::ScrapeStats;
use tokio::sync::oneshot;

pub use error::{ServeFileError, TrackerError};
pub use limits::{
    FILE_LEN_MAX, FILES_MAX, HTTP_CONNECTIONS_MAX, HTTP_EXCHANGE_TIMEOUT, HTTP_FILE_TIMEOUT,
    HTTP_HEAD_LEN_MAX, NUMWANT_DEFAULT, NUMWANT_MAX, SwarmLimits,
};
pub use stats::{Refusals, Stats};

use connection_id::ConnectionIds;
use service::Service;
use sockets::Sockets;

/// The port that trackers have by convention.
pub const DEFAULT_PORT: u16 = 6969;

/// How a [`Tracker`] is set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackerConfig {
    /// The addresses, each for HTTP (TCP) and UDP alike; if empty, both
    /// families on [`DEFAULT_PORT`], or the one that the machine has. Port 0
    /// means a port that the system chooses, the same for both transports. An
    /// IPv6 address takes IPv6 only.
    pub listen: Vec<SocketAddr>,
    /// When clients are asked to announce again, in whole seconds and at
    /// least one. Who is silent for twice as long is forgotten.
    pub interval: Duration,
    /// How soon a client may announce again if it needs peers, in whole
    /// seconds; never more than `interval`. It is said, not enforced.
    pub min_interval: Duration,
    /// The torrents that the tracker is for; an announce of another is
    /// refused. `None` takes all.
    pub only: Option<BTreeSet<SwarmKey>>,
    /// How much the tracker remembers.
    pub limits: SwarmLimits,
}

impl Default for TrackerConfig {
    /// Both families on [`DEFAULT_PORT`], every 30 minutes, at least a minute
    /// apart.
    fn default() -> Self {
        Self {
            listen: Vec::new(),
            interval: Duration::from_secs(1_800),
            min_interval: Duration::from_secs(60),
            only: None,
            limits: SwarmLimits::default(),
        }
    }
}

/// A running tracker.
///
/// It works on a thread of its own and stops when it is dropped. What it
/// knows is in memory only; after a restart it learns the swarms again from
/// their announces.
///
/// ```
/// use superseed::tracker::{Tracker, TrackerConfig};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let tracker = Tracker::start(TrackerConfig {
///     listen: vec!["127.0.0.1:0".parse()?],
///     ..TrackerConfig::default()
/// })?;
/// let port = tracker.local_addrs()[0].port();
/// assert_eq!(
///     tracker.announce_urls(),
///     [
///         format!("http://127.0.0.1:{port}/announce"),
///         format!("udp://127.0.0.1:{port}/announce"),
///     ]
/// );
/// assert_eq!(tracker.stats().torrents, 0);
/// tracker.stop();
/// # Ok(())
/// # }
/// ```
pub struct Tracker {
    addrs: Vec<SocketAddr>,
    service: Arc<Service>,
    /// Dropped to end the thread.
    running: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Tracker {
    /// Binds the addresses and starts the thread. Does not wait for the
    /// network, needs no runtime and may be called from anywhere.
    ///
    /// # Errors
    /// If an address cannot be listened on, for TCP or UDP, or if the interval
    /// is under a second.
    pub fn start(config: TrackerConfig) -> Result<Self, TrackerError> {
        if config.interval < Duration::from_secs(1) {
            return Err(TrackerError::IntervalTooShort);
        }
        let sockets = Sockets::bind(&config.listen)?;
        let addrs = sockets.iter().map(|pair| pair.addr).collect();
        let system = |what| move |error| TrackerError::System { what, error };
        let random = |into: &mut [u8]| {
            getrandom::fill(into)
                .map_err(|error| system("no random numbers")(std::io::Error::from(error)))
        };
        let (mut seed, mut secret) = ([0; 8], [0; 32]);
        random(&mut seed)?;
        random(&mut secret)?;
        let service = Arc::new(Service::new(&config, u64::from_ne_bytes(seed)));
        let ids = Arc::new(ConnectionIds::new(secret));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(system("no event loop"))?;
        let (running, ended) = oneshot::channel();
        let served = Arc::clone(&service);
        let thread = std::thread::Builder::new()
            .name("superseed-tracker".into())
            .spawn(move || {
                runtime.block_on(async {
                    match serve(sockets, served, ids) {
                        // The sender is never used, only dropped.
                        Ok(()) => drop(ended.await),
                        Err(error) => tracing::error!(%error, "the tracker cannot serve"),
                    }
                });
            })
            .map_err(system("no thread"))?;
        Ok(Self {
            addrs,
            service,
            running: Some(running),
            thread: Some(thread),
        })
    }

    /// The bound addresses with their actual ports, in the order of the
    /// configuration. Each is served over TCP and UDP.
    pub fn local_addrs(&self) -> &[SocketAddr] {
        &self.addrs
    }

    /// What to write into torrents: for each address an HTTP and a UDP URL.
    ///
    /// An address that means "every interface" is named as loopback, since
    /// that works on this machine at least; others need its name or address.
    pub fn announce_urls(&self) -> Vec<String> {
        let urls = self.addrs.iter().flat_map(|&addr| {
            let host = match addr.ip() {
                IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
                IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
                ip => ip,
            };
            let host = SocketAddr::new(host, addr.port());
            ["http", "udp"].map(|scheme| format!("{scheme}://{host}/announce"))
        });
        urls.collect()
    }

    /// Hands out a torrent file at `path` of its HTTP addresses from now on,
    /// in place of what was there.
    ///
    /// The path begins with a slash and holds letters, digits, `-._~` and
    /// slashes only. Whoever knows it gets the file.
    ///
    /// # Errors
    /// If the path is `/`, one of the tracker's own or not plain, if the file
    /// has more than [`FILE_LEN_MAX`] bytes, or if there are [`FILES_MAX`]
    /// already.
    pub fn serve_torrent(&self, path: &str, bytes: Vec<u8>) -> Result<(), ServeFileError> {
        self.service.files().insert(path, bytes)
    }

    /// What a scrape would tell of a swarm.
    pub fn swarm(&self, swarm: SwarmKey) -> ScrapeStats {
        self.service.swarm(swarm)
    }

    /// What the tracker has and has done.
    pub fn stats(&self) -> Stats {
        self.service.stats()
    }

    /// Ends the tracker and frees its ports, as dropping it does. Exchanges
    /// that are under way are cut off.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Tracker {
    fn drop(&mut self) {
        self.running = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the tracker's thread panicked");
        }
    }
}

impl std::fmt::Debug for Tracker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tracker")
            .field("addrs", &self.addrs)
            .finish_non_exhaustive()
    }
}

/// Starts the tasks; they end with the runtime.
fn serve(
    sockets: Vec<Sockets>,
    service: Arc<Service>,
    ids: Arc<ConnectionIds>,
) -> std::io::Result<()> {
    let connections = http::Connections::new();
    for pair in sockets {
        let tcp = tokio::net::TcpListener::from_std(pair.tcp)?;
        let udp = tokio::net::UdpSocket::from_std(pair.udp)?;
        tokio::spawn(http::serve(tcp, Arc::clone(&service), connections.clone()));
        tokio::spawn(udp::serve(udp, Arc::clone(&service), Arc::clone(&ids)));
    }
    tokio::spawn(async move { service.forget_the_silent().await });
    Ok(())
}
