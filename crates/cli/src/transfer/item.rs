//! One torrent of a call, from its source to its end.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use superseed::{AddOptions, Metainfo, Torrent, TorrentStats};

use crate::exit::{Exit, Failure};

/// A torrent of this call.
#[derive(Debug)]
pub(crate) struct Item {
    /// As the user wrote it.
    pub(crate) given: String,
    /// What it is; `None` if it could not be read.
    pub(crate) metainfo: Option<Arc<Metainfo>>,
    /// How to add it.
    pub(crate) options: AddOptions,
    /// How far it is.
    pub(crate) stage: Stage,
    /// The last known figures.
    pub(crate) stats: Option<TorrentStats>,
}

/// How far a torrent of this call is.
#[derive(Debug)]
pub(crate) enum Stage {
    /// It waits for its turn.
    Waiting,
    /// It is in the session.
    Running(Box<Running>),
    /// It is over, well or not.
    Ended(Result<(), Failure>),
}

/// A torrent in the session.
#[derive(Debug)]
pub(crate) struct Running {
    /// Its handle.
    pub(crate) torrent: Torrent,
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

impl Item {
    /// A torrent that waits for its turn.
    pub(crate) fn new(given: String, metainfo: Arc<Metainfo>, options: AddOptions) -> Self {
        Self {
            given,
            metainfo: Some(metainfo),
            options,
            stage: Stage::Waiting,
            stats: None,
        }
    }

    /// A source that is no torrent.
    pub(crate) fn failed(given: String, failure: Failure) -> Self {
        Self {
            given,
            metainfo: None,
            options: AddOptions::default(),
            stage: Stage::Ended(Err(failure)),
            stats: None,
        }
    }

    /// What to call it: the torrent's name where it is known.
    pub(crate) fn name(&self) -> &str {
        match (&self.options.name, &self.metainfo) {
            (Some(name), _) => name,
            (None, Some(metainfo)) => metainfo.name(),
            (None, None) => &self.given,
        }
    }

    /// The info-hash in hex; empty where it is not known.
    pub(crate) fn hash(&self) -> String {
        let metainfo = self.metainfo.as_ref();
        metainfo.map_or_else(String::new, |metainfo| metainfo.info_hashes.to_string())
    }

    /// Where its data lies.
    pub(crate) fn path(&self) -> PathBuf {
        let dir = self.options.dir.clone().unwrap_or_default();
        // Of a renamed single file there is nothing under the torrent's name.
        let single = self.metainfo.as_ref().is_some_and(|m| !m.info.multi_file);
        match self.options.renames.as_slice() {
            [.., (_, path)] if single => dir.join(path),
            _ => dir.join(self.name()),
        }
    }

    /// Whether it waits for its turn.
    pub(crate) fn is_waiting(&self) -> bool {
        matches!(self.stage, Stage::Waiting)
    }

    /// Whether it is over.
    pub(crate) fn is_ended(&self) -> bool {
        matches!(self.stage, Stage::Ended(_))
    }

    /// Its part of the session, while it has one.
    pub(crate) fn running(&mut self) -> Option<&mut Running> {
        match &mut self.stage {
            Stage::Running(running) => Some(running),
            Stage::Waiting | Stage::Ended(_) => None,
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
            Stage::Waiting => false,
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

impl Running {
    /// A torrent that was just added.
    pub(crate) fn new(torrent: Torrent, now: Instant) -> Self {
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
