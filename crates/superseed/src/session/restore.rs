//! Adding torrents that were kept in an earlier run, thousands at a time.
//!
//! A torrent that is complete sleeps from the start: neither its torrent file
//! nor its data is looked at. The records are read on a thread of their own, so
//! that neither the caller's runtime nor the engine thread waits for a disk.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use superseed_engine::TorrentOptions;
use tokio::sync::oneshot;

use super::Session;
use super::aside::aside;
use super::error::{AddError, Gone};
use super::request::{About, Link, Request, RestoreRequest};
use crate::storage::{Recalled, Storage, StorageSpec, Summary};

/// Torrents that are handed to the engine thread at a time: it serves peers
/// between two such lots.
const LOT: usize = 128;

/// What came of restoring a state directory.
#[derive(Debug, Default)]
pub struct Restored {
    /// Torrents that are in the session now.
    pub torrents: usize,
    /// Records of which the torrent could not be added, and why.
    pub failed: Vec<(PathBuf, AddError)>,
}

/// What the records say.
#[derive(Default)]
struct Records {
    restored: Restored,
    /// Torrents that have to be opened as any other.
    others: Vec<(PathBuf, Recalled)>,
}

impl Session {
    /// Adds the torrents that were kept in a state directory (see
    /// [`crate::Config::state_dir`]), and resolves when all of them answer
    /// handshakes. [`Session::torrents`] has their handles.
    ///
    /// A torrent is kept when it first sleeps, that is, when it was complete and
    /// without a peer for a while; others have to be added again.
    ///
    /// # Errors
    ///
    /// [`Gone`] if the session ends. What is wrong with single torrents is
    /// told in the answer.
    pub async fn restore(&self, state_dir: impl Into<PathBuf>) -> Result<Restored, Gone> {
        let state_dir = state_dir.into();
        let link = Arc::clone(&self.link);
        let read = move || restore_all(&link, &state_dir);
        let records = aside("superseed-restore", read).await;
        let records = records.ok_or(Gone::Session)??;
        let mut restored = records.restored;
        for (path, torrent) in records.others {
            let options = TorrentOptions {
                trackers: added_trackers(&torrent),
                ..torrent.terms.options
            };
            let spec = StorageSpec {
                wanted: options.wanted(),
                ..torrent.spec
            };
            match self.add_spec(torrent.metainfo, options, spec).await {
                Ok(_) => restored.torrents += 1,
                Err(error) => restored.failed.push((path, error)),
            }
        }
        Ok(restored)
    }
}

/// The trackers that the user added to those of the metainfo.
fn added_trackers(torrent: &Recalled) -> Vec<String> {
    let own = |url: &String| {
        torrent
            .metainfo
            .trackers
            .iter()
            .flatten()
            .any(|own| own == url)
    };
    let tiers = torrent.terms.trackers.iter();
    tiers.flatten().filter(|url| !own(url)).cloned().collect()
}

fn restore_all(link: &Link, state_dir: &Path) -> Result<Records, Gone> {
    let storage = &*link.places.storage;
    let mut records = Records::default();
    let kept = match storage.kept_in(state_dir) {
        Ok(kept) => kept,
        Err(error) => {
            let failed = (state_dir.to_owned(), error.into());
            records.restored.failed.push(failed);
            return Ok(records);
        }
    };
    for lot in kept.chunks(LOT) {
        restore_lot(link, lot, &mut records)?;
    }
    Ok(records)
}

fn restore_lot(link: &Link, lot: &[PathBuf], records: &mut Records) -> Result<(), Gone> {
    let (mut requests, mut answers) = (Vec::new(), Vec::new());
    for path in lot {
        match summary_of(&*link.places.storage, path, records) {
            Ok(Some(summary)) => {
                let (reply, answer) = oneshot::channel();
                let about = About::of_summary(&summary);
                let kept = path.clone();
                requests.push((Box::new(summary), RestoreRequest { about, kept, reply }));
                answers.push((path, answer));
            }
            Ok(None) => {}
            Err(error) => records.restored.failed.push((path.clone(), error)),
        }
    }
    link.send_blocking(Request::Restore(requests))?;
    for (path, answer) in answers {
        match answer.blocking_recv().map_err(|_| Gone::Session)? {
            Ok(()) => records.restored.torrents += 1,
            Err(failure) => records.restored.failed.push((path.clone(), failure.into())),
        }
    }
    Ok(())
}

/// What is known of a torrent that may sleep. One that may not is noted, to be
/// opened.
fn summary_of(
    storage: &dyn Storage,
    path: &Path,
    records: &mut Records,
) -> Result<Option<Summary>, AddError> {
    if let Some(summary) = storage.summary(path)? {
        return Ok(Some(summary));
    }
    let torrent = storage.recall(path)?;
    records.others.push((path.to_owned(), torrent));
    Ok(None)
}
