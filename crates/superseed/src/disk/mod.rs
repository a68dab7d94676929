//! The disk workers: they take the engine's [`DiskJob`]s and answer each with
//! one [`DiskResult`].
//!
//! Work is cut into *lanes*, one per device, each with threads of its own, so
//! that a device that hangs stops only its own torrents. Until a torrent's
//! device is known, [`opening`] keeps apart what is opened in different places.
//! What a lane does first is in [`queue`]; what a job does is in [`work`]. The
//! pool decides nothing about pieces: which job is sent when is the engine's
//! business.

mod buffers;
mod check;
mod opening;
mod queue;
mod work;
mod worker;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender};
use superseed_engine::disk::{DiskJob, DiskResult};
use superseed_engine::ids::{JobKey, TorrentKey};

use crate::storage::{Storage, StorageSpec};
use buffers::ReadBuffers;
use opening::Opening;
use queue::{LaneQueue, TorrentQueue};

/// The most lanes; devices beyond share one. Each has [`DiskPool::new`]'s
/// number of threads.
const LANES_MAX: usize = 16;

/// The end of a job.
pub(crate) type Completion = (JobKey, DiskResult);

/// Threads that hash, read and write. See the module.
pub(crate) struct DiskPool {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    /// Signalled when a thread ends.
    ended: Condvar,
    done: Sender<Completion>,
    wake: Box<dyn Fn() + Send + Sync>,
    threads_per_lane: usize,
    reads: ReadBuffers,
}

struct State {
    torrents: HashMap<TorrentKey, TorrentQueue>,
    lanes: Vec<Lane>,
    lane_of_device: HashMap<u64, usize>,
    opening: Opening,
    stopping: bool,
    threads: usize,
}

struct Lane {
    queue: LaneQueue,
    work: Arc<Condvar>,
    threads: usize,
    /// Threads that wait for `work`.
    idle: usize,
}

impl DiskPool {
    /// A pool without torrents. `wake` is called from a worker after each
    /// completion was put into the channel; it must not block.
    ///
    /// One thread per core keeps the hashes going; a lane has one more, so
    /// that checks can never hold all of them.
    pub(crate) fn new(
        hash_threads: usize,
        wake: impl Fn() + Send + Sync + 'static,
    ) -> (Self, Receiver<Completion>) {
        let (done, completions) = crossbeam_channel::unbounded();
        let state = State {
            torrents: HashMap::new(),
            lanes: Vec::new(),
            lane_of_device: HashMap::new(),
            opening: Opening::default(),
            stopping: false,
            threads: 0,
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            ended: Condvar::new(),
            done,
            wake: Box::new(wake),
            threads_per_lane: hash_threads.max(1) + 1,
            reads: ReadBuffers::default(),
        });
        shared.add_lane(&mut shared.lock());
        (Self { shared }, completions)
    }

    /// Makes a torrent known. Its first job is `Open`, its last is `Close`.
    pub(crate) fn register(
        &self,
        torrent: TorrentKey,
        storage: Arc<dyn Storage>,
        spec: StorageSpec,
    ) {
        self.shared
            .lock()
            .torrents
            .insert(torrent, TorrentQueue::new(storage, Arc::new(spec)));
    }

    /// The same for a torrent that was kept and sleeps: its first job is `Wake`,
    /// `Amend` or `Close`.
    pub(crate) fn register_asleep(
        &self,
        torrent: TorrentKey,
        storage: Arc<dyn Storage>,
        kept: &Path,
    ) {
        let queue = TorrentQueue::asleep(storage, kept);
        self.shared.lock().torrents.insert(torrent, queue);
    }

    /// Queues a job; its completion always comes, unless the pool stops first.
    pub(crate) fn submit(&self, job: DiskJob) {
        let mut state = self.shared.lock();
        let Some(torrent) = state.torrents.get_mut(&job.torrent) else {
            drop(state);
            let result = work::refused(job.op, &work::not_open());
            if self.shared.answer(job.job, result) {
                (self.shared.wake)();
            }
            return;
        };
        if let Some(job) = torrent.offer(job) {
            let idle = self.shared.dispatch(&mut state, job);
            // A thread that is woken under the lock would only wait for it.
            drop(state);
            if let Some(work) = idle {
                work.notify_one();
            }
        }
    }

    /// Stops the threads after the job that each of them is at, and waits for
    /// them as long as that. Tells whether all of them ended: a disk that
    /// hangs holds its thread, which then ends by itself or with the process.
    ///
    /// Jobs that are still queued are dropped without completion.
    pub(crate) fn shutdown(self, within: Duration) -> bool {
        let deadline = Instant::now() + within;
        let mut state = self.shared.stop();
        while state.threads > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let waited = self.shared.ended.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }
}

impl Drop for DiskPool {
    fn drop(&mut self) {
        drop(self.shared.stop());
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stop(self: &Arc<Self>) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        state.stopping = true;
        // The storages go when the last worker lets go of them. To close the
        // files of those that none has may take as long as anything of a disk.
        let torrents = std::mem::take(&mut state.torrents);
        if !torrents.is_empty() {
            worker::spawn_closing(Arc::clone(self), &mut state, torrents);
        }
        state.opening.clear();
        for lane in &mut state.lanes {
            lane.queue.clear();
            lane.work.notify_all();
        }
        state
    }

    /// Sends an answer; `false` if nobody listens any more.
    fn answer(&self, job: JobKey, result: DiskResult) -> bool {
        self.done.send((job, result)).is_ok()
    }

    /// The lane of a device, made if there is room for another.
    fn lane_for(self: &Arc<Self>, state: &mut State, device: u64) -> usize {
        if let Some(lane) = state.lane_of_device.get(&device) {
            return *lane;
        }
        let lane = if state.lanes.len() < LANES_MAX {
            self.add_lane(state)
        } else {
            1 + (device % (LANES_MAX as u64 - 1)) as usize
        };
        state.lane_of_device.insert(device, lane);
        lane
    }

    fn add_lane(self: &Arc<Self>, state: &mut State) -> usize {
        let index = state.lanes.len();
        let queue = LaneQueue::new(self.threads_per_lane - 1);
        state.lanes.push(Lane {
            queue,
            work: Arc::new(Condvar::new()),
            threads: 0,
            idle: 0,
        });
        for _ in 0..self.threads_per_lane {
            worker::spawn(Arc::clone(self), state, index);
        }
        index
    }
}

impl State {
    /// Queues a job; gives what is to be notified of it. Threads that work look
    /// here when they are done, and telling nobody is a system call all the same.
    fn push(&mut self, lane: usize, job: DiskJob) -> Option<Arc<Condvar>> {
        let lane = &mut self.lanes[lane];
        lane.queue.push(job);
        (lane.idle > 0).then(|| Arc::clone(&lane.work))
    }
}
