//! What the session's events mean for the user and for the end of a torrent.

use superseed::{DiskErrorKind, Event, EventKind};

use super::Runner;
use crate::exit::Failure;
use crate::transfer::hook::{self, Completed};

impl Runner<'_> {
    /// Follows one event.
    pub(super) async fn event(&mut self, event: Event) {
        let Some(at) = self.position(event.torrent) else {
            return;
        };
        match event.kind {
            EventKind::State(state) => {
                if let Some(mut view) = self.view(at).await {
                    // The figures are newer than the event and may tell of the next state.
                    view.stats.state = state;
                    self.progress.state(&view);
                }
            }
            EventKind::Piece(_) => self.piece(at).await,
            EventKind::Complete => self.complete(at).await,
            EventKind::GoalReached => self.end(at, Ok(())).await,
            EventKind::Failed(error) => {
                let failure = Failure::disk(self.items[at].name(), &error);
                self.end(at, Err(failure)).await;
            }
            EventKind::DiskWaits(error) => {
                let failure = Failure::disk(self.items[at].name(), &error);
                // Space comes back, permissions rarely do: nothing to wait for.
                if error.kind == DiskErrorKind::ReadOnly && self.items[at].is_downloading() {
                    self.end(at, Err(failure)).await;
                } else {
                    self.progress.note(&format!("{failure}; will try again"));
                }
            }
            EventKind::TrackerFailed { url, error } => {
                // A dead tracker fails again and again; once is news.
                let before = self.tracker_errors.insert(url.clone(), error.clone());
                if before.as_ref() != Some(&error) {
                    self.note(at, &format!("tracker {url}: {error}"));
                }
            }
            EventKind::TrackerOk { url, warning, .. } => {
                self.tracker_errors.remove(&url);
                if let Some(warning) = warning {
                    self.note(at, &format!("tracker {url} warns: {warning}"));
                }
            }
            EventKind::PieceFailed(piece) => {
                self.note(
                    at,
                    &format!("piece {} hashed wrong and is fetched again", piece.0),
                );
            }
            EventKind::WebSeedFailed { url, error } => {
                // It is tried again and again, as a tracker is.
                let before = self.tracker_errors.insert(url.clone(), error.clone());
                if before.as_ref() != Some(&error) {
                    self.note(at, &format!("web seed {url}: {error}"));
                }
            }
            EventKind::WebSeedBanned { url } => {
                self.note(
                    at,
                    &format!("web seed {url} sent wrong data and is not used any more"),
                );
            }
            EventKind::PeerBanned { addr } => {
                self.note(at, &format!("peer {addr} was banned for sending bad data"));
            }
            // Whoever waits for the metadata hears of it from its handle.
            EventKind::Metadata
            | EventKind::MetadataRefused(_)
            | EventKind::Checked { .. }
            | EventKind::FileComplete(_)
            | EventKind::PeerFault { .. } => (),
        }
    }

    async fn piece(&mut self, at: usize) {
        let Some(running) = self.items[at].running() else {
            return;
        };
        running.pieces += 1;
        if self
            .order
            .max_pieces
            .is_some_and(|max| running.pieces >= max)
        {
            self.end(at, Ok(())).await;
        }
    }

    /// Every wanted piece of a torrent is there.
    pub(super) async fn complete(&mut self, at: usize) {
        let Some(running) = self.items[at].running() else {
            return;
        };
        if std::mem::replace(&mut running.complete, true) {
            return;
        }
        let path = self.items[at].path().to_owned();
        let Some(view) = self.view(at).await else {
            return;
        };
        self.progress.complete(&view, &path);
        if let Some(command) = self.args.on_complete.clone() {
            let completed = Completed {
                name: view.name,
                hash: view.hash,
                path,
                bytes: view.stats.wanted_bytes,
            };
            self.hooks.spawn(hook::run(command, completed));
        }
        if !self.order.seeds {
            self.end(at, Ok(())).await;
        }
    }
}
