//! Opening torrents whose device nobody knows yet.
//!
//! Who opens a file on a device that hangs waits for it, and nothing tells such
//! a device beforehand. So of each directory one torrent is opened first and
//! shows its device; the others of that directory wait for it, and are then
//! opened among the jobs of that device. What is opened in different directories
//! never waits for one another, as long as no more of them hang than there may
//! be threads.

use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::sync::{Arc, Condvar};

use superseed_engine::disk::{DiskJob, DiskOp};

use super::queue::TorrentQueue;
use super::{Shared, State, worker};

/// The lane in which torrents are opened, before their device is known.
pub(super) const OPENING_LANE: usize = 0;

/// The most threads of that lane: it begins with as many as any, and has one
/// more whenever all of them are busy.
const OPENING_THREADS_MAX: usize = 32;

/// What is known of directories.
#[derive(Default)]
pub(super) struct Opening {
    /// Where torrents were opened before.
    lanes: HashMap<Arc<Path>, usize>,
    /// Where the first torrent is being opened, and what waits for it.
    first: HashMap<Arc<Path>, VecDeque<DiskJob>>,
}

impl Opening {
    /// A torrent of a directory was opened: its device has this lane.
    pub(super) fn learn(&mut self, dir: Arc<Path>, lane: usize) {
        self.lanes.insert(dir, lane);
    }

    /// Nothing is opened any more.
    pub(super) fn clear(&mut self) {
        self.first.clear();
    }

    /// The lane of a torrent whose device is not known.
    fn lane(&self, torrent: &TorrentQueue) -> Option<usize> {
        self.lanes.get(torrent.dir.as_ref()?).copied()
    }
}

impl Shared {
    /// Queues a job that may run now; gives what is to be notified of it.
    pub(super) fn dispatch(
        self: &Arc<Self>,
        state: &mut State,
        job: DiskJob,
    ) -> Option<Arc<Condvar>> {
        let torrent = state.torrents.get(&job.torrent)?;
        if torrent.lane != OPENING_LANE {
            return state.push(torrent.lane, job);
        }
        let opens = matches!(job.op, DiskOp::Open | DiskOp::Wake { .. });
        if let Some(lane) = state.opening.lane(torrent).filter(|_| opens) {
            return state.push(lane, job);
        }
        if let Some(dir) = torrent.dir.clone().filter(|_| opens) {
            if let Some(waiting) = state.opening.first.get_mut(&dir) {
                waiting.push_back(job);
                return None;
            }
            state.opening.first.insert(dir, VecDeque::new());
        }
        let idle = state.push(OPENING_LANE, job);
        // Who was notified is idle until it is awake, so that one may seem to be
        // there for several jobs.
        let lane = &state.lanes[OPENING_LANE];
        if lane.queue.len() > lane.idle && lane.threads < OPENING_THREADS_MAX {
            worker::spawn(Arc::clone(self), state, OPENING_LANE);
        }
        idle
    }

    /// A job of the opening lane ended. Lets those go that waited for it.
    pub(super) fn opening_ended(self: &Arc<Self>, state: &mut State, dir: &Path) {
        for job in state.opening.first.remove(dir).unwrap_or_default() {
            if let Some(work) = self.dispatch(state, job) {
                work.notify_one();
            }
        }
    }
}
