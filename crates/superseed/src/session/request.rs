//! The way from a handle to the engine thread: one bounded queue and a waker.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use superseed_engine::{Command, DiskError, Engine, Event, Time, TorrentKey, TorrentOptions};
use superseed_proto::InfoHashV2;
use superseed_proto::layout::PieceIndex;
use superseed_proto::metainfo::Metainfo;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use crate::session::error::Gone;
use crate::session::progress::Progress;
use crate::storage::StorageSpec;

/// How many requests wait for the engine thread before their senders do.
pub(crate) const REQUESTS_MAX: usize = 256;

/// A question that is asked on the engine thread, between two inputs.
pub(crate) type Question = Box<dyn FnOnce(&Engine, Time) + Send>;

/// What a handle asks of the engine thread.
pub(crate) enum Request {
    /// Add a torrent; answered when its storage is open.
    Add(Box<AddRequest>),
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

/// What a handle of a torrent is made of.
#[derive(Clone)]
pub(crate) struct Known {
    /// Its key.
    pub(crate) key: TorrentKey,
    /// What it is.
    pub(crate) metainfo: Arc<Metainfo>,
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
        dir: PathBuf,
        state_dir: Option<PathBuf>,
    ) -> Self {
        Self {
            requests: Some(requests),
            waker,
            events,
            ended,
            listen_addrs,
            dir,
            state_dir,
        }
    }
}
