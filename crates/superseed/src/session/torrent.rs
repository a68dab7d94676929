//! The handle of one torrent.

use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use superseed_engine::stats::{FileStats, PeerStats, TorrentStats, TrackerStats, WebSeedStats};
use superseed_engine::{Command, Explanation, Priority, RateLimits, TorrentKey};
use superseed_proto::hash::InfoHashes;
use superseed_proto::layout::{FileIndex, PieceIndex};
use superseed_proto::metainfo::Metainfo;
use tokio::sync::{oneshot, watch};

use crate::session::error::{Gone, ReadError, WaitError};
use crate::session::progress::Progress;
use crate::session::request::{Known, Link, ReadRefusal, Request};

/// The longest run that one disk job of [`Torrent::read`] takes, in bytes.
const READ_RUN_MAX: u32 = 1 << 20;

/// A torrent of a session.
///
/// A handle is cheap to clone and keeps the session alive. Its methods are
/// futures that need no particular runtime. Orders (`pause`, `set_limits`, …)
/// resolve when the engine has taken them, so that a question (`stats`,
/// `peers`, …) or a wait after one sees what followed from it.
#[derive(Clone)]
pub struct Torrent {
    link: Arc<Link>,
    known: Known,
}

impl Torrent {
    pub(crate) fn new(link: Arc<Link>, known: Known) -> Self {
        Self { link, known }
    }

    /// The engine's key of this torrent, as events name it.
    pub fn key(&self) -> TorrentKey {
        self.known.key
    }

    /// The info-hashes.
    pub fn info_hashes(&self) -> InfoHashes {
        self.known.about.info_hashes
    }

    /// The name that the torrent suggests for its file or directory.
    pub fn name(&self) -> &str {
        &self.known.about.name
    }

    /// What the `.torrent` file says. A torrent that sleeps is woken for that:
    /// a handle keeps none of it in memory.
    ///
    /// # Errors
    ///
    /// [`WaitError::Failed`] if the torrent sleeps and cannot be woken.
    pub async fn metainfo(&self) -> Result<Arc<Metainfo>, WaitError> {
        self.wake().await
    }

    /// Whether the torrent sleeps: it is complete and has no peer, and its hashes
    /// and file names are on the disk alone. It wakes by itself when it is needed.
    pub async fn is_dormant(&self) -> Result<bool, Gone> {
        let key = self.key();
        self.link.ask(move |engine, _| engine.is_dormant(key)).await
    }

    /// Waits until the torrent is awake, and keeps it so for a while.
    async fn wake(&self) -> Result<Arc<Metainfo>, WaitError> {
        let (reply, answer) = oneshot::channel();
        let torrent = self.key();
        self.link.send(Request::Wake { torrent, reply }).await?;
        let woken = answer.await.map_err(|_| Gone::Torrent)?;
        woken.map_err(WaitError::Failed)
    }

    /// The torrent at a glance.
    pub async fn stats(&self) -> Result<TorrentStats, Gone> {
        let key = self.key();
        self.link
            .ask(move |engine, now| engine.torrent_stats(key, now))
            .await?
            .ok_or(Gone::Torrent)
    }

    /// Why it is no faster: the main cause first.
    pub async fn explain(&self) -> Result<Explanation, Gone> {
        let key = self.key();
        self.link
            .ask(move |engine, now| engine.explain(key, now))
            .await?
            .ok_or(Gone::Torrent)
    }

    /// The files, in the order of the metainfo.
    ///
    /// # Errors
    ///
    /// [`WaitError::Failed`] if the torrent sleeps and cannot be woken.
    pub async fn files(&self) -> Result<Vec<FileStats>, WaitError> {
        loop {
            self.wake().await?;
            let key = self.key();
            let ask = self.link.ask(move |engine, now| {
                let known = engine.torrent_stats(key, now).is_some();
                known.then(|| engine.file_stats(key))
            });
            // It may have fallen asleep again.
            if let Some(files) = ask.await?.ok_or(Gone::Torrent)? {
                return Ok(files);
            }
        }
    }

    /// The connected peers.
    pub async fn peers(&self) -> Result<Vec<PeerStats>, Gone> {
        let key = self.key();
        self.link
            .ask(move |engine, now| engine.peer_stats(key, now))
            .await?
            .ok_or(Gone::Torrent)
    }

    /// The web seeds (BEP 19); of one that sleeps they are not known.
    pub async fn web_seeds(&self) -> Result<Vec<WebSeedStats>, Gone> {
        let key = self.key();
        self.link
            .ask(move |engine, now| engine.web_seed_stats(key, now))
            .await?
            .ok_or(Gone::Torrent)
    }

    /// The trackers.
    pub async fn trackers(&self) -> Result<Vec<TrackerStats>, Gone> {
        let key = self.key();
        self.link
            .ask(move |engine, now| engine.tracker_stats(key, now))
            .await?
            .ok_or(Gone::Torrent)
    }

    /// Changes the rate limits of this torrent; the session's hold beside them.
    pub async fn set_limits(&self, limits: RateLimits) -> Result<(), Gone> {
        self.command(Command::SetLimits(self.key(), limits)).await
    }

    /// Changes how much some files are wanted.
    pub async fn set_priorities(&self, priorities: Vec<(FileIndex, Priority)>) -> Result<(), Gone> {
        self.command(Command::SetPriorities(self.key(), priorities))
            .await
    }

    /// Asks for pieces in order (`true`) or rarest first.
    pub async fn set_sequential(&self, sequential: bool) -> Result<(), Gone> {
        self.command(Command::SetSequential(self.key(), sequential))
            .await
    }

    /// Seeds as if it had nothing (BEP 16), from the next connection on, or
    /// shows everyone everything.
    pub async fn set_super_seed(&self, super_seed: bool) -> Result<(), Gone> {
        self.command(Command::SetSuperSeed(self.key(), super_seed))
            .await
    }

    /// A piece is needed within this time from now, or by no moment any more
    /// (`None`): for who reads while the torrent downloads.
    ///
    /// Peers that bring them in time are asked for pieces with a deadline before
    /// all others, the earliest first; what is late at a slow peer is asked of a
    /// fast one too. The deadline is forgotten when the piece is there. It
    /// changes nothing for a piece of which no file is wanted.
    pub async fn set_deadline(
        &self,
        piece: PieceIndex,
        within: Option<Duration>,
    ) -> Result<(), Gone> {
        self.command(Command::SetDeadline(self.key(), piece, within))
            .await
    }

    /// Hashes everything on disk again.
    pub async fn recheck(&self) -> Result<(), Gone> {
        self.command(Command::Recheck(self.key())).await
    }

    /// Asks the trackers now, as far as their `min interval` allows.
    pub async fn reannounce(&self) -> Result<(), Gone> {
        self.command(Command::Reannounce(self.key())).await
    }

    /// Tries a peer.
    pub async fn add_peer(&self, addr: SocketAddr) -> Result<(), Gone> {
        self.command(Command::AddPeer(self.key(), addr)).await
    }

    /// Adds a tracker as a tier of its own.
    pub async fn add_tracker(&self, url: impl Into<String>) -> Result<(), Gone> {
        self.command(Command::AddTracker(self.key(), url.into()))
            .await
    }

    /// Stops all traffic of this torrent.
    pub async fn pause(&self) -> Result<(), Gone> {
        self.command(Command::Pause(self.key())).await
    }

    /// Goes on, also after an error.
    pub async fn resume(&self) -> Result<(), Gone> {
        self.command(Command::Resume(self.key())).await
    }

    /// Forgets the torrent and keeps its files; resolves when its trackers were
    /// told and its files are closed.
    pub async fn remove(&self) -> Result<(), Gone> {
        let (reply, done) = oneshot::channel();
        self.link
            .send(Request::Remove {
                torrent: self.key(),
                reply,
            })
            .await?;
        done.await.map_err(|_| Gone::Session)
    }

    /// Waits until every wanted piece is there and on disk. A torrent that was
    /// complete when it was removed counts as complete.
    pub async fn wait_complete(&self) -> Result<(), WaitError> {
        self.wait(|progress| progress.complete).await
    }

    /// Waits until existing data has been checked: what is there is known.
    pub async fn wait_checked(&self) -> Result<(), WaitError> {
        self.wait(|progress| progress.checked).await
    }

    async fn wait(&self, reached: impl Fn(&Progress) -> bool) -> Result<(), WaitError> {
        let mut progress: watch::Receiver<Progress> = self.known.progress.clone();
        let seen = progress
            .wait_for(|progress| progress.failed.is_some() || reached(progress))
            .await
            .map_err(|_| Gone::Torrent)?;
        match &seen.failed {
            Some(error) if !reached(&seen) => Err(WaitError::Failed(error.clone())),
            _ => Ok(()),
        }
    }

    /// Reads a range of the torrent's bytes, all files end to end.
    ///
    /// The answer is as long as the range, so the caller bounds the memory. Only
    /// verified pieces are read: [`ReadError::Missing`] otherwise.
    pub async fn read(&self, range: Range<u64>) -> Result<Bytes, ReadError> {
        let layout = self.known.about.layout;
        let len = layout.total_len();
        if range.start > range.end || range.end > len {
            return Err(ReadError::OutOfRange {
                start: range.start,
                end: range.end,
                len,
            });
        }
        self.wake().await?;
        let key = self.key();
        let asked = range.clone();
        if !self
            .link
            .ask(move |engine, _| engine.has_bytes(key, asked))
            .await?
        {
            return Err(ReadError::Missing);
        }
        let mut all = BytesMut::with_capacity((range.end - range.start) as usize);
        let mut at = range.start;
        while at < range.end {
            let piece = PieceIndex((at / u64::from(layout.piece_len_nominal())) as u32);
            let begin = (at - layout.piece_offset(piece)) as u32;
            let rest = u64::from(layout.piece_len(piece) - begin).min(range.end - at) as u32;
            let end = begin + rest.min(READ_RUN_MAX);
            let run = self.read_run(piece, begin..end, at).await?;
            at += u64::from(end - begin);
            if at == range.end && all.is_empty() {
                return Ok(run);
            }
            all.extend_from_slice(&run);
        }
        Ok(all.freeze())
    }

    /// Reads a range of one file's bytes; as [`Torrent::read`].
    pub async fn read_file(&self, file: FileIndex, range: Range<u64>) -> Result<Bytes, ReadError> {
        let metainfo = self.metainfo().await?;
        let entry = metainfo
            .info
            .files
            .get(file.0 as usize)
            .ok_or(ReadError::NoSuchFile(file.0))?;
        if range.start > range.end || range.end > entry.len {
            return Err(ReadError::OutOfRange {
                start: range.start,
                end: range.end,
                len: entry.len,
            });
        }
        self.read(entry.offset + range.start..entry.offset + range.end)
            .await
    }

    async fn read_run(
        &self,
        piece: PieceIndex,
        bytes: Range<u32>,
        offset: u64,
    ) -> Result<Bytes, ReadError> {
        let (reply, answer) = oneshot::channel();
        self.link
            .send(Request::Read {
                torrent: self.key(),
                piece,
                bytes,
                offset,
                reply,
            })
            .await?;
        match answer.await {
            Ok(Ok(bytes)) => Ok(bytes),
            Ok(Err(ReadRefusal::Missing)) => Err(ReadError::Missing),
            Ok(Err(ReadRefusal::Busy)) => Err(ReadError::Busy),
            Ok(Err(ReadRefusal::Disk(error))) => Err(ReadError::Disk(error)),
            Err(_) => Err(ReadError::Gone(Gone::Session)),
        }
    }

    async fn command(&self, command: Command) -> Result<(), Gone> {
        self.link.order(Some(self.key()), command).await
    }
}

impl std::fmt::Debug for Torrent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Torrent({}, {:?})", self.info_hashes(), self.name())
    }
}
