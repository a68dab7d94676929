//! The public API: sessions, torrents and their events as async handles.
//!
//! A handle holds no state of its own. It sends requests to the engine thread
//! and waits for the answers; what it waits with needs no ambient runtime.
//! Decisions belong to the engine, system calls to `net` and `disk`.

mod aside;
pub(crate) mod blocklist;
pub(crate) mod config;
pub(crate) mod dht;
pub(crate) mod error;
pub(crate) mod events;
mod kept;
pub(crate) mod link;
pub(crate) mod progress;
pub(crate) mod request;
pub(crate) mod restore;
pub(crate) mod torrent;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use superseed_engine::{Command, Settings, TorrentKey, TorrentOptions};
use superseed_proto::magnet::Magnet;
use superseed_proto::metainfo::Metainfo;
use tokio::sync::{broadcast, oneshot};

use crate::net;
use crate::storage::StorageSpec;
use blocklist::Blocklist;
use config::{AddOptions, Config, LinkOptions, TorrentSource};
use dht::Dht;
use error::{AddError, Gone, StartError};
use events::Events;
use link::Awaited;
use request::{AddRequest, Link, LinkRequest, Request};
use torrent::Torrent;

/// A BitTorrent client: one engine, its listeners and its torrents.
///
/// A handle is cheap to clone. The session runs on threads of its own; a
/// process may have several. It ends in order with [`Session::stop`]; when the
/// last handle (of it or its torrents) is dropped, it ends within two seconds
/// in the background.
///
/// Two sessions on the loopback interface, without a tracker:
///
/// ```
/// use superseed::{AddOptions, Config, Session, TorrentBuilder};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// # let root = tempfile::tempdir()?;
/// # let (here, there) = (root.path().join("here"), root.path().join("there"));
/// # std::fs::create_dir_all(&here)?;
/// std::fs::write(here.join("hello.txt"), b"Hello, swarm!")?;
/// let torrent_file = TorrentBuilder::new("hello.txt", 16_384)
///     .single_file(13)
///     .hash_content(b"Hello, swarm!")
///     .build();
///
/// let loopback = || Config { listen: vec!["127.0.0.1:0".parse().unwrap()], ..Config::default() };
/// let seeder = Session::start(loopback())?;
/// let leecher = Session::start(loopback())?;
///
/// let seeding = AddOptions { dir: Some(here), ..AddOptions::default() };
/// let seed = seeder.add(torrent_file.clone(), seeding).await?;
/// seed.wait_complete().await?;
///
/// let downloading = AddOptions { dir: Some(there.clone()), ..AddOptions::default() };
/// let torrent = leecher.add(torrent_file, downloading).await?;
/// torrent.add_peer(seeder.listen_addrs()[0]).await?;
/// torrent.wait_complete().await?;
/// assert_eq!(std::fs::read(there.join("hello.txt"))?, b"Hello, swarm!");
///
/// leecher.stop().await;
/// seeder.stop().await;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })
/// # }
/// ```
#[derive(Clone)]
pub struct Session {
    link: Arc<Link>,
}

/// A session at a glance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionStats {
    /// Torrents, whatever their state.
    pub torrents: usize,
    /// Connected peers of all torrents.
    pub peers: usize,
    /// Payload rate from all peers.
    pub download_bytes_per_s: u64,
    /// Payload rate to all peers.
    pub upload_bytes_per_s: u64,
    /// Payload received since the session started.
    pub downloaded_bytes: u64,
    /// Payload sent since the session started.
    pub uploaded_bytes: u64,
    /// Payload that came twice, late or wrong.
    pub wasted_bytes: u64,
}

impl Session {
    /// Starts a session: binds its addresses and starts its threads.
    ///
    /// Does not wait for the network and may be called from anywhere.
    pub fn start(config: Config) -> Result<Self, StartError> {
        net::start(config).map(|link| Self {
            link: Arc::new(link),
        })
    }

    /// Adds a torrent; resolves when its storage is open. Of a magnet link that
    /// is when its metadata has come, which may be never
    /// ([`Session::add_link`] does not wait for that).
    ///
    /// Existing data is checked after that ([`Torrent::wait_checked`]), while
    /// the transfer may already begin.
    pub async fn add(
        &self,
        source: impl Into<TorrentSource>,
        options: AddOptions,
    ) -> Result<Torrent, AddError> {
        let metainfo = match source.into() {
            TorrentSource::Bytes(bytes) => Arc::new(Metainfo::parse(&bytes)?),
            TorrentSource::Metainfo(metainfo) => metainfo,
            TorrentSource::Magnet(magnet) => {
                let awaited = self.add_link(*magnet, LinkOptions::of(&options)).await?;
                awaited.metainfo().await?;
                return awaited.begin(options).await;
            }
        };
        let places = &self.link.places;
        let spec = options.storage_spec(&metainfo, &places.dir, places.state_dir.as_deref())?;
        self.add_spec(metainfo, options.torrent, spec).await
    }

    async fn add_spec(
        &self,
        metainfo: Arc<Metainfo>,
        options: TorrentOptions,
        spec: StorageSpec,
    ) -> Result<Torrent, AddError> {
        let (reply, answer) = oneshot::channel();
        let request = AddRequest {
            metainfo,
            options,
            spec,
            reply,
        };
        self.link
            .send(Request::Add(Box::new(request)))
            .await
            .map_err(|_| AddError::Stopped)?;
        match answer.await {
            Ok(Ok(known)) => Ok(Torrent::new(Arc::clone(&self.link), known)),
            Ok(Err(failure)) => Err(failure.into()),
            Err(_) => Err(AddError::Stopped),
        }
    }

    /// Adds a torrent of which a link tells the names (BEP 9); does not wait for
    /// its metadata, which is there already if the link began in an earlier run
    /// ([`LinkOptions::dir`]). Peers and trackers of the link are used beside those of the
    /// options.
    pub async fn add_link(
        &self,
        magnet: Magnet,
        options: LinkOptions,
    ) -> Result<Awaited, AddError> {
        let (reply, answer) = oneshot::channel();
        let for_engine = options.for_engine(&magnet);
        let request = LinkRequest {
            info_hashes: magnet.info_hashes,
            kept: kept::metadata(&self.link, magnet.info_hashes, options.dir).await,
            options: for_engine,
            reply,
        };
        self.link
            .send(Request::AddLink(Box::new(request)))
            .await
            .map_err(|_| AddError::Stopped)?;
        let known = match answer.await {
            Ok(Ok(known)) => known,
            Ok(Err(failure)) => return Err(failure.into()),
            Err(_) => return Err(AddError::Stopped),
        };
        let key = known.key;
        let link = Awaited::new(Arc::clone(&self.link), known, magnet);
        for (name, port) in link.peer_names() {
            let look_up = Command::AddPeerName(key, name, port);
            let order = self.link.order(Some(key), look_up);
            order.await.map_err(|_| AddError::Stopped)?;
        }
        Ok(link)
    }

    /// The torrents of the session whose metadata is known.
    pub async fn torrents(&self) -> Result<Vec<Torrent>, Gone> {
        let (reply, answer) = oneshot::channel();
        self.link.send(Request::Torrents(reply)).await?;
        let known = answer.await.map_err(|_| Gone::Session)?;
        Ok(known
            .into_iter()
            .map(|known| Torrent::new(Arc::clone(&self.link), known))
            .collect())
    }

    /// The session at a glance.
    pub async fn stats(&self) -> Result<SessionStats, Gone> {
        self.link
            .ask(|engine, now| {
                let mut sum = SessionStats::default();
                for key in engine.torrents() {
                    let Some(stats) = engine.torrent_stats(key, now) else {
                        continue;
                    };
                    sum.torrents += 1;
                    sum.peers += stats.peers;
                    sum.download_bytes_per_s += stats.download_bytes_per_s;
                    sum.upload_bytes_per_s += stats.upload_bytes_per_s;
                    sum.downloaded_bytes += stats.session_downloaded_bytes;
                    sum.uploaded_bytes += stats.session_uploaded_bytes;
                    sum.wasted_bytes += stats.wasted_bytes;
                }
                sum
            })
            .await
    }

    /// The torrents that are awake, by their keys: of those that sleep nothing
    /// moves, and whoever shows thousands need not ask for their figures.
    pub async fn awake(&self) -> Result<Vec<TorrentKey>, Gone> {
        self.link
            .ask(|engine, _| engine.awake_torrents().collect())
            .await
    }

    /// The DHT (BEP 5), for what is no torrent's.
    pub fn dht(&self) -> Dht {
        Dht::new(Arc::clone(&self.link))
    }

    /// The settings in force.
    pub async fn settings(&self) -> Result<Settings, Gone> {
        self.link.ask(|engine, _| engine.settings().clone()).await
    }

    /// Changes the settings while the session runs.
    pub async fn configure(&self, settings: Settings) -> Result<(), Gone> {
        self.link
            .order(None, Command::Configure(Box::new(settings)))
            .await
    }

    /// Speaks with nobody from now on whom the list names: who is connected is
    /// disconnected. It takes the place of the list before.
    pub async fn set_blocklist(&self, list: Blocklist) -> Result<(), Gone> {
        self.link.order(None, Command::SetFilter(list.0)).await
    }

    /// The addresses of a host, found by the session's own way: not by the
    /// system's resolver where the session is bound to an interface. Where nothing
    /// may go around a proxy, it is one that stands for the host in this session.
    /// None if the host has none, or they are not told in time.
    pub async fn resolve(&self, host: impl Into<String>) -> Result<Vec<IpAddr>, Gone> {
        let (reply, answer) = oneshot::channel();
        let host = host.into();
        self.link.send(Request::Resolve { host, reply }).await?;
        // Too many look-ups at once come to nothing.
        Ok(answer.await.unwrap_or_default())
    }

    /// The addresses that the session listens on, with the actual port numbers:
    /// none where nothing may go around a proxy.
    pub fn listen_addrs(&self) -> &[SocketAddr] {
        &self.link.listen_addrs
    }

    /// The events from now on. The stream is bounded and reports what a slow
    /// reader lost ([`crate::Notice::Lagged`]).
    pub fn subscribe(&self) -> Events {
        Events(self.link.events.upgrade().map_or_else(
            // The session has ended: a stream that is closed already.
            || broadcast::channel(1).1,
            |sender| sender.subscribe(),
        ))
    }

    /// Ends in order: tells trackers `stopped` (two seconds at most), makes
    /// what was written durable and saves the resume records. Resolves when all
    /// that is done. Further calls on any handle answer [`Gone::Session`].
    pub async fn stop(&self) {
        let mut ended = self.link.ended.clone();
        // Either the thread takes the request, or it is gone already.
        let _ = self.link.send(Request::Stop).await;
        // An error means that the thread has dropped its end: it is gone too.
        let _ = ended.wait_for(|ended| *ended).await;
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Session({:?})", self.link.listen_addrs)
    }
}
