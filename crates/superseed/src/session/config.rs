//! What an embedding program chooses: the session's configuration, where a
//! torrent comes from and how it is added. Plain data; nothing here acts.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use superseed_engine::config::DhtSettings;
use superseed_engine::{Encryption, EncryptionPolicy, Settings, TorrentOptions};
use superseed_proto::layout::FileIndex;
use superseed_proto::magnet::{Magnet, MagnetPeer};
use superseed_proto::metainfo::Metainfo;

use crate::route::Route;
use crate::session::blocklist::Blocklist;
use crate::storage::{InvalidPath, Storage, StorageSpec};

/// The first port tried where no listen address is named (the customary
/// BitTorrent range is 6881–6889).
pub const DEFAULT_PORT: u16 = 6881;

/// How many ports from [`DEFAULT_PORT`] on are tried before giving up.
pub const DEFAULT_PORTS_TRIED: u16 = 100;

/// How long a complete torrent has no peer before it sleeps, where
/// [`Config::settings`] are the default ones (decision 040).
pub const DORMANT_AFTER: Duration = Duration::from_secs(30);

/// How a session is started.
///
/// ```
/// let config = superseed::Config {
///     listen: vec!["127.0.0.1:0".parse()?],
///     dir: "downloads".into(),
///     ..superseed::Config::default()
/// };
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone)]
pub struct Config {
    /// What can also change while the session runs ([`crate::Session::configure`]).
    /// By default neighbours are told of torrents that are not private (BEP 14),
    /// and so is the DHT (BEP 5), and their peers are told of each other (BEP 11),
    /// which [`Settings::default`] leaves out. On a loopback address there is a
    /// node of the DHT only if routers are named
    /// ([`DhtSettings::routers`](superseed_engine::config::DhtSettings::routers)).
    /// Encrypted streams are taken, and made where plain ones are refused, where
    /// [`Settings::default`] knows plain ones only.
    pub settings: Settings,
    /// Addresses to listen on, TCP and UDP with the same port number. Port 0
    /// lets the system choose. Empty means [`DEFAULT_PORT`] of both families,
    /// or the next free port. Where nothing may go around a proxy, nobody is
    /// listened to.
    pub listen: Vec<SocketAddr>,
    /// Where torrents go that are added without a directory of their own.
    pub dir: PathBuf,
    /// Where resume records are kept; `None` keeps them in the `.superseed`
    /// directory of each torrent's download directory.
    pub state_dir: Option<PathBuf>,
    /// The file in which the nodes of the DHT are kept that were good, for the
    /// next session; `None` keeps them nowhere. A broken one is as good as none.
    /// Of several sessions with the same one the first keeps it, and the id that
    /// is in it; the others begin with its nodes.
    pub dht_state: Option<PathBuf>,
    /// Threads that hash and touch files; `None` means one per core, at least two.
    pub workers: Option<usize>,
    /// Where bytes live; `None` means the file system.
    pub storage: Option<Arc<dyn Storage>>,
    /// Whether the gateway of a private network is asked to let peers in (PCP,
    /// NAT-PMP, UPnP). By default it is not: a program that uses the library has
    /// to want it.
    pub port_mapping: bool,
    /// What HTTP trackers see as `User-Agent`.
    pub user_agent: String,
    /// With whom it does not speak, from the first moment on
    /// ([`crate::Session::set_blocklist`] changes it).
    pub blocklist: Blocklist,
    /// By what way everything leaves.
    pub route: Route,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            settings: Settings {
                dormant_after: Some(DORMANT_AFTER),
                lsd: true,
                web_seeds: true,
                dht: DhtSettings {
                    enabled: true,
                    ..DhtSettings::default()
                },
                encryption: Encryption {
                    incoming: EncryptionPolicy::Allow,
                    outgoing: EncryptionPolicy::Allow,
                },
                pex: true,
                ..Settings::default()
            },
            listen: Vec::new(),
            dir: PathBuf::from("."),
            state_dir: None,
            dht_state: None,
            workers: None,
            storage: None,
            port_mapping: false,
            user_agent: concat!("superseed/", env!("CARGO_PKG_VERSION")).to_owned(),
            blocklist: Blocklist::default(),
            route: Route::default(),
        }
    }
}

impl Config {
    /// The addresses that the default listeners try, for one port number.
    pub(crate) fn default_addrs(port: u16) -> [SocketAddr; 2] {
        [
            SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)),
            SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)),
        ]
    }
}

/// Where a torrent comes from.
#[derive(Clone)]
pub enum TorrentSource {
    /// The bytes of a `.torrent` file.
    Bytes(Vec<u8>),
    /// A torrent that was read before.
    Metainfo(Arc<Metainfo>),
    /// A link: its metadata comes from peers (BEP 9).
    Magnet(Box<Magnet>),
}

impl From<Vec<u8>> for TorrentSource {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<Metainfo> for TorrentSource {
    fn from(metainfo: Metainfo) -> Self {
        Self::Metainfo(Arc::new(metainfo))
    }
}

impl From<Arc<Metainfo>> for TorrentSource {
    fn from(metainfo: Arc<Metainfo>) -> Self {
        Self::Metainfo(metainfo)
    }
}

impl From<Magnet> for TorrentSource {
    fn from(magnet: Magnet) -> Self {
        Self::Magnet(Box::new(magnet))
    }
}

/// How the metadata of a link is looked for.
#[derive(Clone, Debug, Default)]
pub struct LinkOptions {
    /// Peers to try first, beside those of the link.
    pub peers: Vec<SocketAddr>,
    /// Trackers beside those of the link, each a tier of its own.
    pub trackers: Vec<String>,
    /// Do not look for it yet.
    pub paused: bool,
    /// Where its files will go; `None` means [`Config::dir`]. If the link began
    /// there in an earlier run, its metadata was kept beside its resume record
    /// and need not be looked for.
    pub dir: Option<PathBuf>,
}

impl LinkOptions {
    /// The same peers and trackers as for the torrent itself.
    pub(crate) fn of(options: &AddOptions) -> Self {
        Self {
            peers: options.torrent.peers.clone(),
            trackers: options.torrent.trackers.clone(),
            paused: false,
            dir: options.dir.clone(),
        }
    }

    /// What the engine has to know while it looks.
    pub(crate) fn for_engine(&self, magnet: &Magnet) -> TorrentOptions {
        let named = magnet.peers.iter().filter_map(|peer| match peer {
            MagnetPeer::Ip(addr) => Some(*addr),
            MagnetPeer::Host { .. } => None,
        });
        let trackers = magnet.trackers.iter().chain(&self.trackers);
        TorrentOptions {
            peers: named.chain(self.peers.iter().copied()).collect(),
            trackers: trackers.cloned().collect(),
            paused: self.paused,
            ..TorrentOptions::default()
        }
    }
}

/// How a torrent is added.
#[derive(Clone, Debug, Default)]
pub struct AddOptions {
    /// Where its files go; `None` means [`Config::dir`].
    pub dir: Option<PathBuf>,
    /// How the engine treats it: priorities, limits, peers, trackers, …
    pub torrent: TorrentOptions,
    /// Reserve the disk space of wanted files at once instead of writing sparsely.
    pub preallocate: bool,
    /// Another name for the torrent's only file or its directory.
    pub name: Option<String>,
    /// Other paths for some files, relative to the directory.
    pub renames: Vec<(FileIndex, PathBuf)>,
}

/// The directory, below the download directory, of resume records.
const STATE_DIR: &str = ".superseed";

/// Where the records of torrents in `dir` are, unless all are in one place.
pub(crate) fn state_dir_for(dir: &Path, state_dir: Option<&Path>) -> PathBuf {
    state_dir.map_or_else(|| dir.join(STATE_DIR), Path::to_owned)
}

impl AddOptions {
    /// What storage has to know to open the torrent.
    pub(crate) fn storage_spec(
        &self,
        metainfo: &Metainfo,
        default_dir: &Path,
        state_dir: Option<&Path>,
    ) -> Result<StorageSpec, InvalidPath> {
        let dir = self.dir.as_deref().unwrap_or(default_dir);
        let state_dir = state_dir_for(dir, state_dir);
        let mut spec = StorageSpec {
            wanted: self.torrent.wanted(),
            preallocate: self.preallocate,
            allow_overwrite: self.torrent.allow_overwrite,
            recheck: self.torrent.recheck,
            ..StorageSpec::new(metainfo, dir, state_dir)
        };
        if let Some(name) = &self.name {
            spec.rename_root(Path::new(name))?;
        }
        for (file, path) in &self.renames {
            spec.rename_file(*file, path)?;
        }
        Ok(spec)
    }
}
