//! The way from a handle to the engine thread: one bounded queue and a waker.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use superseed_engine::dht::Goal;
use superseed_engine::{Command, DiskError, Engine, Event, Time, TorrentKey, TorrentOptions};
use superseed_proto::InfoHashV2;
use superseed_proto::hash::InfoHashes;
use superseed_proto::layout::{Layout, PieceIndex};
use superseed_proto::metainfo::Metainfo;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use crate::session::error::{AddError, Gone};
use crate::session::progress::Progress;
use crate::storage::{Storage, StorageSpec, Summary};

/// How many requests wait for the engine thread before their senders do.
pub(crate) const REQUESTS_MAX: usize = 256;

/// A question that is asked on the engine thread, between two inputs.
pub(crate) type Question = Box<dyn FnOnce(&Engine, Time) + Send>;

/// What a handle asks of the engine thread.
pub(crate) enum Request {
    /// Add a torrent; answered when its storage is open.
    Add(Box<AddRequest>),
    /// Add a torrent by its names; answered when the engine has it.
    AddLink(Box<LinkRequest>),
    /// A torrent whose metadata is known begins; answered when its storage is
    /// open.
    Begin {
        /// Which.
        torrent: TorrentKey,
        /// How, and whom to answer.
        request: Box<AddRequest>,
    },
    /// Add torrents that were kept.
    Restore(Vec<(Box<Summary>, RestoreRequest)>),
    /// Wake a torrent if it sleeps, for what needs its pieces or files.
    Wake {
        /// Which.
        torrent: TorrentKey,
        /// Whom to answer when it is awake.
        reply: WakeReply,
    },
    /// Pass a command on; answered when what follows from it was performed.
    Order {
        /// What to do.
        command: Command,
        /// The torrent that it is about.
        torrent: Option<TorrentKey>,
        /// Whom to answer.
        reply: oneshot::Sender<Result<(), Gone>>,
    },
    /// Remove a torrent; answered when it is gone.
    Remove {
        /// Which.
        torrent: TorrentKey,
        /// Whom to tell.
        reply: oneshot::Sender<()>,
    },
    /// Look something up in the DHT.
    LookUp {
        /// What.
        goal: Box<Goal>,
        /// Whom to answer.
        reply: oneshot::Sender<superseed_engine::dht::Found>,
    },
    /// Look a name up.
    Resolve {
        /// The name.
        host: String,
        /// Whom to answer.
        reply: oneshot::Sender<Vec<std::net::IpAddr>>,
    },
    /// Look at the engine.
    Ask(Question),
    /// List the torrents.
    Torrents(oneshot::Sender<Vec<Known>>),
    /// Read a run of one verified piece.
    Read {
        /// Whose.
        torrent: TorrentKey,
        /// The piece.
        piece: PieceIndex,
        /// Which bytes of the piece.
        bytes: Range<u32>,
        /// Where these bytes begin in the torrent.
        offset: u64,
        /// Whom to answer.
        reply: oneshot::Sender<Result<bytes::Bytes, ReadRefusal>>,
    },
    /// End in order.
    Stop,
}

/// A torrent to be added, for the engine and for storage.
pub(crate) struct AddRequest {
    /// What it is.
    pub(crate) metainfo: Arc<Metainfo>,
    /// For the engine.
    pub(crate) options: TorrentOptions,
    /// For storage.
    pub(crate) spec: StorageSpec,
    /// Whom to answer.
    pub(crate) reply: oneshot::Sender<Result<Known, AddFailure>>,
}

/// A torrent to be added of which only the names are known.
pub(crate) struct LinkRequest {
    /// Its names.
    pub(crate) info_hashes: InfoHashes,
    /// Its metadata, if that was kept in an earlier run.
    pub(crate) kept: Option<Arc<Metainfo>>,
    /// For the engine.
    pub(crate) options: TorrentOptions,
    /// Whom to answer.
    pub(crate) reply: oneshot::Sender<Result<KnownLink, AddFailure>>,
}

/// What a handle of such a torrent is made of.
pub(crate) struct KnownLink {
    /// Its key.
    pub(crate) key: TorrentKey,
    /// What came of its names.
    pub(crate) found: watch::Receiver<Found>,
}

/// What came of a torrent's names.
#[derive(Clone, Debug, Default)]
pub(crate) enum Found {
    /// Nothing so far.
    #[default]
    Nothing,
    /// Its metadata.
    Metadata(Arc<Metainfo>),
    /// They stand for no torrent that can be downloaded: why.
    Refused(String),
}

/// Answers a request to wake: what the torrent is, or why it does not wake.
pub(crate) type WakeReply = oneshot::Sender<Result<Arc<Metainfo>, DiskError>>;

/// A torrent that was kept.
pub(crate) struct RestoreRequest {
    /// What is known of it without what was kept.
    pub(crate) about: About,
    /// Where it is kept.
    pub(crate) kept: PathBuf,
    /// Whom to answer.
    pub(crate) reply: oneshot::Sender<Result<(), AddFailure>>,
}

/// What is always known of a torrent.
#[derive(Clone)]
pub(crate) struct About {
    /// Its names.
    pub(crate) info_hashes: InfoHashes,
    /// What it suggests for its file or directory.
    pub(crate) name: Arc<str>,
    /// How it is cut into pieces.
    pub(crate) layout: Layout,
}

impl About {
    pub(crate) fn of(metainfo: &Metainfo) -> Self {
        Self {
            info_hashes: metainfo.info_hashes,
            name: metainfo.info.name.as_str().into(),
            layout: metainfo.info.layout,
        }
    }

    pub(crate) fn of_summary(summary: &Summary) -> Self {
        Self {
            info_hashes: summary.info_hashes,
            name: summary.name.as_str().into(),
            layout: summary.layout,
        }
    }
}

/// What a handle of a torrent is made of.
#[derive(Clone)]
pub(crate) struct Known {
    /// Its key.
    pub(crate) key: TorrentKey,
    /// What is always known of it.
    pub(crate) about: About,
    /// How far it is.
    pub(crate) progress: watch::Receiver<Progress>,
}

/// Why a torrent was not added.
#[derive(Debug)]
pub(crate) enum AddFailure {
    /// The engine has it already.
    Duplicate,
    /// It has no v1 half.
    V2Only(InfoHashV2),
    /// The session ends.
    Stopping,
    /// Its storage could not be opened.
    Disk(DiskError),
}

impl From<AddFailure> for AddError {
    fn from(failure: AddFailure) -> Self {
        match failure {
            AddFailure::Duplicate => Self::Duplicate,
            AddFailure::V2Only(hash) => Self::V2Only(hash),
            AddFailure::Disk(error) => error.into(),
            AddFailure::Stopping => Self::Stopped,
        }
    }
}

/// Why a run was not read.
#[derive(Debug)]
pub(crate) enum ReadRefusal {
    /// Not verified yet.
    Missing,
    /// Too many reads wait.
    Busy,
    /// Storage failed.
    Disk(DiskError),
}

/// What all handles of a session share. The session ends when it is dropped.
pub(crate) struct Link {
    requests: Option<mpsc::Sender<Request>>,
    waker: Arc<mio::Waker>,
    /// Handed to subscribers; closed by the engine thread, which owns the sender.
    pub(crate) events: broadcast::WeakSender<Event>,
    /// Resolves when the engine thread has ended.
    pub(crate) ended: watch::Receiver<bool>,
    /// Where the session listens.
    pub(crate) listen_addrs: Vec<std::net::SocketAddr>,
    /// Where torrents go and are kept.
    pub(crate) places: Places,
}

/// Where the torrents of a session go, and where they are kept.
pub(crate) struct Places {
    /// What keeps them.
    pub(crate) storage: Arc<dyn Storage>,
    /// Where torrents go that name no directory.
    pub(crate) dir: PathBuf,
    /// Where resume records go, if not beside the files.
    pub(crate) state_dir: Option<PathBuf>,
}

impl Link {
    /// Sends a request, waiting while the queue is full.
    pub(crate) async fn send(&self, request: Request) -> Result<(), Gone> {
        let sender = self.requests.as_ref().ok_or(Gone::Session)?;
        sender.send(request).await.map_err(|_| Gone::Session)?;
        self.wake();
        Ok(())
    }

    /// Sends a request if there is room for it, and does not wait.
    pub(crate) fn try_send(&self, request: Request) {
        if let Some(sender) = &self.requests {
            // Who sends so expects no answer.
            let _ = sender.try_send(request);
            self.wake();
        }
    }

    /// Sends a request from a thread that may block.
    pub(crate) fn send_blocking(&self, request: Request) -> Result<(), Gone> {
        let sender = self.requests.as_ref().ok_or(Gone::Session)?;
        sender.blocking_send(request).map_err(|_| Gone::Session)?;
        self.wake();
        Ok(())
    }

    /// Asks a question of the engine and waits for its answer.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Engine, Time) -> T + Send + 'static,
    ) -> Result<T, Gone> {
        let (reply, answer) = oneshot::channel();
        let ask = move |engine: &Engine, now: Time| {
            // A dropped receiver means that nobody waits any more.
            let _ = reply.send(question(engine, now));
        };
        self.send(Request::Ask(Box::new(ask))).await?;
        answer.await.map_err(|_| Gone::Session)
    }

    /// Gives an order and waits until it was followed.
    pub(crate) async fn order(
        &self,
        torrent: Option<TorrentKey>,
        command: Command,
    ) -> Result<(), Gone> {
        let (reply, answer) = oneshot::channel();
        self.send(Request::Order {
            command,
            torrent,
            reply,
        })
        .await?;
        answer.await.map_err(|_| Gone::Session)?
    }

    fn wake(&self) {
        if let Err(error) = self.waker.wake() {
            tracing::error!(%error, "cannot wake the engine thread");
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        // The queue must be closed before the thread looks at it.
        self.requests = None;
        self.wake();
    }
}

impl Link {
    /// A link to an engine thread that will hold the other ends.
    pub(crate) fn new(
        requests: mpsc::Sender<Request>,
        waker: Arc<mio::Waker>,
        events: broadcast::WeakSender<Event>,
        ended: watch::Receiver<bool>,
        listen_addrs: Vec<std::net::SocketAddr>,
        places: Places,
    ) -> Self {
        Self {
            requests: Some(requests),
            waker,
            events,
            ended,
            listen_addrs,
            places,
        }
    }
}
