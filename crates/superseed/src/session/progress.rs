//! What handles can wait for: a small state per torrent that the engine thread
//! keeps up to date from the engine's events, so that no waiter can miss one.

use superseed_engine::{DiskError, EventKind, TorrentState};

/// How far a torrent is, as its events said.
#[derive(Clone, Debug, Default)]
pub(crate) struct Progress {
    /// The check of existing data ended.
    pub(crate) checked: bool,
    /// Every wanted piece is there and on disk.
    pub(crate) complete: bool,
    /// Why it stopped, until it goes on.
    pub(crate) failed: Option<DiskError>,
}

impl Progress {
    /// Follows one event; tells whether anything changed.
    pub(crate) fn follow(&mut self, kind: &EventKind) -> bool {
        match kind {
            EventKind::Checked { .. } => self.checked = true,
            // A torrent that was complete when it was opened says only `Seeding`.
            EventKind::Complete | EventKind::State(TorrentState::Seeding) => {
                self.failed = None;
                self.checked = true;
                self.complete = true;
            }
            EventKind::Failed(error) => self.failed = Some(error.clone()),
            EventKind::State(TorrentState::Checking) => {
                self.failed = None;
                self.checked = false;
            }
            EventKind::State(TorrentState::Downloading) => {
                self.failed = None;
                self.checked = true;
                self.complete = false;
            }
            _ => return false,
        }
        true
    }
}
