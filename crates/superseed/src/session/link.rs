//! The handle of a torrent that is known by a link, until its metadata is there.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use superseed_engine::config::Priority;
use superseed_engine::stats::{PeerStats, TorrentStats, TrackerStats};
use superseed_engine::{Command, Explanation, TorrentKey};
use superseed_proto::hash::InfoHashes;
use superseed_proto::layout::FileIndex;
use superseed_proto::magnet::{Magnet, MagnetPeer};
use superseed_proto::metainfo::Metainfo;
use tokio::sync::{oneshot, watch};

use crate::session::config::AddOptions;
use crate::session::error::{AddError, Gone, LinkError};
use crate::session::kept;
use crate::session::request::{AddRequest, Found, KnownLink, Link, Request};
use crate::session::torrent::Torrent;

/// A torrent of which a link tells the names: its metadata is fetched of peers
/// (BEP 9), and it begins when [`Awaited::begin`] says how.
///
/// Whoever drops the handle before removes the torrent.
pub struct Awaited {
    link: Arc<Link>,
    key: TorrentKey,
    found: watch::Receiver<Found>,
    magnet: Magnet,
    /// It is somebody else's to remove.
    handed_over: AtomicBool,
}

impl Awaited {
    pub(crate) fn new(link: Arc<Link>, known: KnownLink, magnet: Magnet) -> Self {
        Self {
            link,
            key: known.key,
            found: known.found,
            magnet,
            handed_over: AtomicBool::new(false),
        }
    }

    /// The engine's key of this torrent, as events name it. It stays the same
    /// when the torrent begins.
    pub fn key(&self) -> TorrentKey {
        self.key
    }

    /// The info-hashes, as the link has them.
    pub fn info_hashes(&self) -> InfoHashes {
        self.magnet.info_hashes
    }

    /// Peers that the link names by names, with their ports.
    pub(super) fn peer_names(&self) -> impl Iterator<Item = (String, u16)> {
        self.magnet.peers.iter().filter_map(|peer| match peer {
            MagnetPeer::Host { name, port } => Some((name.clone(), *port)),
            MagnetPeer::Ip(_) => None,
        })
    }

    /// Waits for the metadata. What the link tells beside it (trackers, web
    /// seeds) is added to what came.
    ///
    /// # Errors
    ///
    /// [`LinkError::Refused`] if what came is no torrent.
    pub async fn metainfo(&self) -> Result<Arc<Metainfo>, LinkError> {
        let mut found = self.found.clone();
        let came = found.wait_for(|found| !matches!(found, Found::Nothing));
        match &*came.await.map_err(|_| Gone::Torrent)? {
            Found::Metadata(metainfo) => Ok(Arc::new(self.completed(metainfo))),
            Found::Refused(why) => Err(LinkError::Refused(why.clone())),
            Found::Nothing => Err(Gone::Torrent.into()),
        }
    }

    fn completed(&self, metainfo: &Metainfo) -> Metainfo {
        let mut metainfo = metainfo.clone();
        let tiers = self.magnet.trackers.iter().map(|url| vec![url.clone()]);
        metainfo.trackers.extend(tiers);
        metainfo
            .web_seeds
            .extend(self.magnet.web_seeds.iter().cloned());
        metainfo
    }

    /// The torrent begins; resolves when its storage is open and the metadata is
    /// kept for the next time. Waits for the metadata if it has not come yet.
    /// Files that the link does not select are
    /// skipped, unless the options have priorities of their own.
    pub async fn begin(&self, options: AddOptions) -> Result<Torrent, AddError> {
        let metainfo = self.metainfo().await?;
        if let Some(hash) = metainfo.info_hashes.v2_only() {
            return Err(AddError::V2Only(hash));
        }
        let mut options = options;
        self.select(&metainfo, &mut options)?;
        let web_seeds = self.magnet.web_seeds.iter().cloned();
        options.torrent.web_seeds.extend(web_seeds);
        let places = &self.link.places;
        let spec = options.storage_spec(&metainfo, &places.dir, places.state_dir.as_deref())?;
        let (reply, answer) = oneshot::channel();
        let state_dir = spec.state_dir.clone();
        let request = AddRequest {
            metainfo,
            options: options.torrent,
            spec,
            reply,
        };
        let begin = Request::Begin {
            torrent: self.key,
            request: Box::new(request),
        };
        self.link.send(begin).await.map_err(|_| AddError::Stopped)?;
        self.handed_over.store(true, Ordering::Relaxed);
        match answer.await {
            Ok(Ok(known)) => {
                self.keep(state_dir).await;
                Ok(Torrent::new(Arc::clone(&self.link), known))
            }
            Ok(Err(failure)) => Err(failure.into()),
            Err(_) => Err(AddError::Stopped),
        }
    }

    /// Keeps what came, without what the link says beside it.
    async fn keep(&self, state_dir: PathBuf) {
        let found = self.found.borrow().clone();
        if let Found::Metadata(metainfo) = found {
            kept::keep(&self.link, self.info_hashes(), metainfo, state_dir).await;
        }
    }

    /// Files that the link does not select are skipped (BEP 53).
    fn select(&self, metainfo: &Metainfo, options: &mut AddOptions) -> Result<(), AddError> {
        let select = &self.magnet.select_only;
        let files = metainfo.info.files.len();
        if let Some(last) = select.last().filter(|last| last.0 as usize >= files) {
            let file = last.0;
            return Err(AddError::NoSuchFile { file, files });
        }
        if !select.is_empty() && options.torrent.priorities.is_empty() {
            let chosen = (0..files as u32).map(|file| {
                if select.selects(FileIndex(file)) {
                    Priority::Normal
                } else {
                    Priority::Skip
                }
            });
            options.torrent.priorities = chosen.collect();
        }
        Ok(())
    }

    /// The torrent at a glance.
    pub async fn stats(&self) -> Result<TorrentStats, Gone> {
        let key = self.key;
        let stats = self
            .link
            .ask(move |engine, now| engine.torrent_stats(key, now));
        stats.await?.ok_or(Gone::Torrent)
    }

    /// Why the metadata is not there.
    pub async fn explain(&self) -> Result<Explanation, Gone> {
        let key = self.key;
        let why = self.link.ask(move |engine, now| engine.explain(key, now));
        why.await?.ok_or(Gone::Torrent)
    }

    /// The connected peers.
    pub async fn peers(&self) -> Result<Vec<PeerStats>, Gone> {
        let key = self.key;
        let peers = self
            .link
            .ask(move |engine, now| engine.peer_stats(key, now));
        peers.await?.ok_or(Gone::Torrent)
    }

    /// The trackers.
    pub async fn trackers(&self) -> Result<Vec<TrackerStats>, Gone> {
        let key = self.key;
        let trackers = self
            .link
            .ask(move |engine, now| engine.tracker_stats(key, now));
        trackers.await?.ok_or(Gone::Torrent)
    }

    /// Tries a peer.
    pub async fn add_peer(&self, peer: SocketAddr) -> Result<(), Gone> {
        let command = Command::AddPeer(self.key, peer);
        self.link.order(Some(self.key), command).await
    }

    /// Removes the torrent; resolves when it is gone.
    pub async fn remove(&self) {
        self.handed_over.store(true, Ordering::Relaxed);
        let (reply, gone) = oneshot::channel();
        let torrent = self.key;
        // Either way it is gone.
        if self
            .link
            .send(Request::Remove { torrent, reply })
            .await
            .is_ok()
        {
            let _ = gone.await;
        }
    }
}

impl Drop for Awaited {
    fn drop(&mut self) {
        if !self.handed_over.load(Ordering::Relaxed) {
            let (reply, _) = oneshot::channel();
            let torrent = self.key;
            self.link.try_send(Request::Remove { torrent, reply });
        }
    }
}

impl std::fmt::Debug for Awaited {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Awaited({:?})", self.magnet.info_hashes)
    }
}
