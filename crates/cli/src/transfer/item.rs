//! One torrent of a call, from its source to its end.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use superseed::{
    AddOptions, Awaited, Explanation, Gone, Magnet, Metainfo, PeerStats, Torrent, TorrentStats,
    WebSeedStats,
};

use super::waiting::{Ready, Waiting};
use crate::exit::{Exit, Failure};

/// A torrent of this call.
#[derive(Debug)]
pub(crate) struct Item {
    /// As the user wrote it.
    pub(crate) given: String,
    /// What to call it and where it lies; `None` if it could not be read.
    about: Option<About>,
    /// How far it is.
    pub(crate) stage: Stage,
    /// The last known figures.
    pub(crate) stats: Option<TorrentStats>,
}

/// What is always known of a torrent: little, since there may be thousands.
#[derive(Debug)]
struct About {
    name: String,
    /// Its info-hash in hex.
    hash: String,
    /// Where its data lies.
    path: PathBuf,
}

/// How far a torrent of this call is.
#[derive(Debug)]
pub(crate) enum Stage {
    /// It waits for its turn.
    Waiting(Waiting),
    /// It is in the session.
    Running(Box<Running>),
    /// It is over, well or not.
    Ended(Result<(), Failure>),
}

/// A torrent in the session.
#[derive(Debug)]
pub(crate) struct Running {
    /// Its handle.
    pub(crate) torrent: Handle,
    /// Every wanted piece is there.
    pub(crate) complete: bool,
    /// Pieces verified in this run.
    pub(crate) pieces: u32,
    /// Payload bytes and verified bytes when last looked at.
    pub(crate) seen_bytes: (u64, u64),
    /// When they last grew.
    pub(crate) seen_growing: Instant,
    /// The main cause of the present stall, as it was last told.
    pub(crate) stall_told: Option<&'static str>,
}

/// A torrent in the session, or a link of which peers are asked what it is.
#[derive(Clone, Debug)]
pub(crate) enum Handle {
    Torrent(Torrent),
    Link(Arc<Awaited>),
}

impl Handle {
    /// Its present figures.
    pub(crate) async fn stats(&self) -> Result<TorrentStats, Gone> {
        match self {
            Self::Torrent(torrent) => torrent.stats().await,
            Self::Link(link) => link.stats().await,
        }
    }

    /// Its peers.
    pub(crate) async fn peers(&self) -> Result<Vec<PeerStats>, Gone> {
        match self {
            Self::Torrent(torrent) => torrent.peers().await,
            Self::Link(link) => link.peers().await,
        }
    }

    /// Its web seeds; of a link none is asked for anything.
    pub(crate) async fn web_seeds(&self) -> Result<Vec<WebSeedStats>, Gone> {
        match self {
            Self::Torrent(torrent) => torrent.web_seeds().await,
            Self::Link(_) => Ok(Vec::new()),
        }
    }

    /// Why it is no faster.
    pub(crate) async fn explain(&self) -> Result<Explanation, Gone> {
        match self {
            Self::Torrent(torrent) => torrent.explain().await,
            Self::Link(link) => link.explain().await,
        }
    }

    /// It has no business in the swarm any more. If the session is gone, so is
    /// its traffic.
    pub(crate) async fn retire(&self) {
        match self {
            Self::Torrent(torrent) => drop(torrent.pause().await),
            Self::Link(link) => link.remove().await,
        }
    }
}

impl Item {
    /// A link that waits for its turn.
    pub(crate) fn of_link(given: String, magnet: Magnet) -> Self {
        let hash = magnet.info_hashes.to_string();
        Self {
            given,
            about: Some(About {
                name: magnet.name.clone().unwrap_or_else(|| hash.clone()),
                hash,
                path: PathBuf::new(),
            }),
            stage: Stage::Waiting(Waiting::Link(Box::new(magnet))),
            stats: None,
        }
    }

    /// It is known what the link stands for.
    pub(crate) fn found(&mut self, metainfo: &Metainfo, options: &AddOptions) {
        self.about = Some(About::new(metainfo, options));
    }

    /// What was made of it lies here.
    pub(crate) fn lies_at(&mut self, path: PathBuf) {
        if let Some(about) = &mut self.about {
            about.path = path;
        }
    }

    /// A torrent that waits for its turn.
    pub(crate) fn new(given: String, ready: Ready) -> Self {
        Self {
            given,
            about: Some(About::new(&ready.metainfo, &ready.options)),
            stage: Stage::Waiting(Waiting::Ready(Box::new(ready))),
            stats: None,
        }
    }

    /// Forgets what can be read again from this file.
    pub(crate) fn forget(&mut self, path: PathBuf) {
        if let Stage::Waiting(waiting) = &mut self.stage {
            *waiting = Waiting::Unread(path);
        }
    }

    /// A source that is no torrent.
    pub(crate) fn failed(given: String, failure: Failure) -> Self {
        Self {
            given,
            about: None,
            stage: Stage::Ended(Err(failure)),
            stats: None,
        }
    }

    /// What to call it: the torrent's name where it is known.
    pub(crate) fn name(&self) -> &str {
        let about = self.about.as_ref();
        about.map_or(&self.given, |about| &about.name)
    }

    /// The info-hash in hex; empty where it is not known.
    pub(crate) fn hash(&self) -> &str {
        let about = self.about.as_ref();
        about.map_or("", |about| &about.hash)
    }

    /// Where its data lies; nowhere, if it could not be read.
    pub(crate) fn path(&self) -> &Path {
        let about = self.about.as_ref();
        about.map_or(Path::new(""), |about| &about.path)
    }

    /// What it takes to add it, while it waits for its turn.
    pub(crate) fn waiting(&self) -> Option<&Waiting> {
        match &self.stage {
            Stage::Waiting(waiting) => Some(waiting),
            Stage::Running(_) | Stage::Ended(_) => None,
        }
    }

    /// Whether it is in the session.
    pub(crate) fn is_running(&self) -> bool {
        matches!(self.stage, Stage::Running(_))
    }

    /// Whether it is over.
    pub(crate) fn is_ended(&self) -> bool {
        matches!(self.stage, Stage::Ended(_))
    }

    /// Its part of the session, while it has one.
    pub(crate) fn running(&mut self) -> Option<&mut Running> {
        match &mut self.stage {
            Stage::Running(running) => Some(running),
            Stage::Waiting(_) | Stage::Ended(_) => None,
        }
    }

    /// Whether it is in the session and not complete.
    pub(crate) fn is_downloading(&self) -> bool {
        matches!(&self.stage, Stage::Running(running) if !running.complete)
    }

    /// Why it did not succeed.
    pub(crate) fn failure(&self) -> Option<&Failure> {
        match &self.stage {
            Stage::Ended(Err(failure)) => Some(failure),
            _ => None,
        }
    }

    /// The user ended the program: a complete torrent has succeeded, all
    /// others can be gone on with.
    pub(crate) fn interrupt(&mut self) {
        let complete = match &self.stage {
            Stage::Ended(_) => return,
            Stage::Running(running) => running.complete,
            Stage::Waiting(_) => false,
        };
        self.stage = Stage::Ended(if complete {
            Ok(())
        } else {
            let message = format!(
                "{}: interrupted; the same command goes on where it stopped",
                self.name()
            );
            Err(Failure::new(Exit::Interrupted, message))
        });
    }
}

impl About {
    fn new(metainfo: &Metainfo, options: &AddOptions) -> Self {
        let name = options.name.as_deref().unwrap_or(metainfo.name());
        let dir = options.dir.clone().unwrap_or_default();
        // Of a renamed single file there is nothing under the torrent's name.
        let path = match options.renames.as_slice() {
            [.., (_, path)] if !metainfo.info.multi_file => dir.join(path),
            _ => dir.join(name),
        };
        Self {
            name: name.to_owned(),
            hash: metainfo.info_hashes.to_string(),
            path,
        }
    }
}

impl Running {
    /// A torrent that was just added.
    pub(crate) fn new(torrent: Handle, now: Instant) -> Self {
        Self {
            torrent,
            complete: false,
            pieces: 0,
            seen_bytes: (0, 0),
            seen_growing: now,
            stall_told: None,
        }
    }
}
