//! The life of a disk thread.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::thread;

use superseed_engine::disk::{Awakening, DiskError, DiskErrorKind, DiskJob, DiskOp, DiskResult};
use superseed_engine::ids::TorrentKey;

use super::buffers::ReadBuffers;
use super::check::CheckBuffer;
use super::queue::TorrentQueue;
use super::{Shared, State, work};
use crate::storage::{Recalled, Storage, StorageSpec, TorrentStorage};

/// Starts a thread for a lane. Without it the lane has one thread less, which
/// is only a matter as long as no other could be started either.
pub(super) fn spawn(shared: Arc<Shared>, state: &mut State, lane: usize) {
    let builder = thread::Builder::new().name(format!("disk-{lane}"));
    match builder.spawn(move || run(&shared, lane)) {
        Ok(_) => {
            state.threads += 1;
            state.lanes[lane].threads += 1;
        }
        Err(error) => tracing::error!(%error, "cannot start a disk thread"),
    }
}

/// Starts a thread that lets go of torrents, as workers do.
pub(super) fn spawn_closing(
    shared: Arc<Shared>,
    state: &mut State,
    torrents: HashMap<TorrentKey, TorrentQueue>,
) {
    let builder = thread::Builder::new().name("disk-closing".to_owned());
    let close = move || {
        drop(torrents);
        shared.lock().threads -= 1;
        shared.ended.notify_all();
    };
    match builder.spawn(close) {
        Ok(_) => state.threads += 1,
        Err(error) => tracing::error!(%error, "cannot start a thread that closes files"),
    }
}

/// What a job needs of its torrent, taken while the lock is held.
struct Subject {
    storage: Arc<dyn Storage>,
    spec: Option<Arc<StorageSpec>>,
    kept: Option<Arc<Path>>,
    recalled: Option<Box<Recalled>>,
    open: Option<Arc<dyn TorrentStorage>>,
}

fn run(shared: &Arc<Shared>, lane: usize) {
    let mut buffer = CheckBuffer::new();
    let mut next = None;
    while let Some((mut job, mut subject)) = next.take().or_else(|| wait(shared, lane)) {
        let is_check = matches!(job.op, DiskOp::Check { .. });
        let done = catch_unwind(AssertUnwindSafe(|| {
            perform(&mut job, &mut subject, &shared.reads, &mut buffer)
        }));
        drop(subject);
        let done =
            done.unwrap_or_else(|_| Done::of(work::refused_in_place(&mut job.op, &panicked())));
        let mut state = shared.lock();
        if is_check {
            state.lanes[lane].queue.check_ended();
        }
        if let Then::Recalled(recalled) = done.then {
            // Where it is opened depends on where its files are.
            if let Some(torrent) = state.torrents.get_mut(&job.torrent) {
                torrent.dir = Some(recalled.spec.dir.as_path().into());
                torrent.recalled = Some(recalled);
            }
            if let Some(work) = shared.dispatch(&mut state, job) {
                work.notify_one();
            }
            next = state.take_job(lane);
            continue;
        }
        let released = conclude(shared, &mut state, &job, done.then);
        // Under the lock, so that no job that waited for this one is answered
        // before it. A storage is let go without it: that may touch the disk.
        let answered = shared.answer(job.job, done.result);
        next = state.take_job(lane);
        drop(state);
        if answered {
            (shared.wake)();
        }
        drop(released);
    }
    shared.lock().threads -= 1;
    shared.ended.notify_all();
}

/// Waits for a job; `None` when the pool stops.
fn wait(shared: &Shared, lane: usize) -> Option<(DiskJob, Subject)> {
    let mut state = shared.lock();
    loop {
        if let Some(next) = state.take_job(lane) {
            return Some(next);
        }
        if state.stopping {
            return None;
        }
        let work = Arc::clone(&state.lanes[lane].work);
        state.lanes[lane].idle += 1;
        state = work.wait(state).unwrap_or_else(PoisonError::into_inner);
        state.lanes[lane].idle -= 1;
    }
}

impl State {
    /// The next job of a lane, if there is one.
    fn take_job(&mut self, lane: usize) -> Option<(DiskJob, Subject)> {
        while !self.stopping
            && let Some(job) = self.lanes[lane].queue.pop()
        {
            // A torrent outlives its jobs: only `Close`, its last, removes it.
            if let Some(torrent) = self.torrents.get_mut(&job.torrent) {
                let subject = Subject {
                    storage: Arc::clone(&torrent.storage),
                    spec: torrent.spec.clone(),
                    kept: torrent.kept.clone(),
                    recalled: torrent.recalled.take(),
                    open: torrent.open.clone(),
                };
                return Some((job, subject));
            }
        }
        None
    }
}

/// A result, and what becomes of the torrent with it.
struct Done {
    result: DiskResult,
    then: Then,
}

enum Then {
    Nothing,
    Opened(Arc<dyn TorrentStorage>),
    Wanted(Vec<bool>),
    Kept(PathBuf),
    /// To be opened now.
    Recalled(Box<Recalled>),
    Asleep,
    Woken(Arc<dyn TorrentStorage>, Arc<StorageSpec>),
}

/// What is to be dropped without the lock: it may touch the disk.
type Released = (Option<super::TorrentQueue>, Option<Arc<dyn TorrentStorage>>);

impl Done {
    fn of(result: DiskResult) -> Self {
        Self {
            result,
            then: Then::Nothing,
        }
    }
}

/// Reads what was kept of a torrent that was asleep, or opens it if that was done.
fn wake(subject: &mut Subject, wanted: &mut Vec<bool>) -> Done {
    let Some(kept) = &subject.kept else {
        return Done::of(DiskResult::Woken(Err(work::not_kept())));
    };
    let Some(recalled) = subject.recalled.take() else {
        return match subject.storage.recall(kept) {
            Ok(recalled) => Done {
                // Nobody hears it: the job goes on.
                result: DiskResult::Asleep,
                then: Then::Recalled(Box::new(recalled)),
            },
            Err(error) => Done::of(DiskResult::Woken(Err(error))),
        };
    };
    let wanted = std::mem::take(wanted);
    match subject.storage.wake(*recalled, wanted) {
        Ok(mut woken) => {
            woken.report.device = woken.storage.device();
            let awakening = Awakening {
                metainfo: woken.metainfo,
                report: woken.report,
            };
            Done {
                result: DiskResult::Woken(Ok(Box::new(awakening))),
                then: Then::Woken(Arc::from(woken.storage), woken.spec),
            }
        }
        Err(error) => Done::of(DiskResult::Woken(Err(error))),
    }
}

fn perform(
    job: &mut DiskJob,
    subject: &mut Subject,
    reads: &ReadBuffers,
    buffer: &mut CheckBuffer,
) -> Done {
    match (&mut job.op, subject.open.as_deref()) {
        (DiskOp::Open, None) => {
            let Some(spec) = &subject.spec else {
                return Done::of(DiskResult::Opened(Err(work::not_open())));
            };
            match subject.storage.open(spec) {
                Ok((open, mut report)) => {
                    report.device = open.device();
                    Done {
                        result: DiskResult::Opened(Ok(Box::new(report))),
                        then: Then::Opened(Arc::from(open)),
                    }
                }
                Err(error) => Done::of(DiskResult::Opened(Err(error))),
            }
        }
        (DiskOp::Keep(keepsake), Some(open)) => match open.keep(keepsake) {
            Ok(Some(kept)) => Done {
                result: DiskResult::Kept(Ok(true)),
                then: Then::Kept(kept),
            },
            Ok(None) => Done::of(DiskResult::Kept(Ok(false))),
            Err(error) => Done::of(DiskResult::Kept(Err(error))),
        },
        (DiskOp::Sleep, open) => {
            if let Some(open) = open {
                open.close();
            }
            Done {
                result: DiskResult::Asleep,
                then: Then::Asleep,
            }
        }
        (DiskOp::Wake { wanted }, None) => wake(subject, wanted),
        (DiskOp::Amend(amendment), _) => Done::of(DiskResult::Amended(match &subject.kept {
            Some(kept) => subject.storage.amend(kept, amendment),
            None => Err(work::not_kept()),
        })),
        // Files are chosen before the torrent could be opened: remember it.
        (DiskOp::SetWanted { wanted }, None) => {
            let then = Then::Wanted(std::mem::take(wanted));
            Done {
                result: DiskResult::WantedSet(Ok(())),
                then,
            }
        }
        (op, open) => Done::of(match (open, &subject.spec) {
            (Some(open), Some(spec)) => work::run(op, open, &spec.layout, reads, buffer),
            _ => work::refused_in_place(op, &work::not_open()),
        }),
    }
}

/// Settles the torrent's state after a job and lets its next jobs go. What it
/// returns is to be dropped without the lock.
fn conclude(shared: &Arc<Shared>, state: &mut State, job: &DiskJob, then: Then) -> Released {
    let key = job.torrent;
    if matches!(job.op, DiskOp::Close) {
        return (state.torrents.remove(&key), None);
    }
    if let Then::Opened(open) | Then::Woken(open, _) = &then {
        let lane = shared.lane_for(state, open.device());
        let dir = state.torrents.get_mut(&key).and_then(|torrent| {
            torrent.lane = lane;
            torrent.dir.clone()
        });
        if let Some(dir) = dir {
            state.opening.learn(dir, lane);
        }
    }
    if matches!(job.op, DiskOp::Open | DiskOp::Wake { .. })
        && let Some(dir) = state.torrents.get(&key).and_then(|one| one.dir.clone())
    {
        shared.opening_ended(state, &dir);
    }
    let Some(torrent) = state.torrents.get_mut(&key) else {
        return (None, None);
    };
    let mut closed = None;
    match then {
        Then::Nothing | Then::Recalled(_) => {}
        Then::Opened(open) => torrent.open = Some(open),
        Then::Wanted(wanted) => {
            if let Some(spec) = &mut torrent.spec {
                Arc::make_mut(spec).wanted = wanted;
            }
        }
        Then::Kept(kept) => torrent.kept = Some(kept.into()),
        Then::Asleep => {
            closed = torrent.open.take();
            torrent.spec = None;
        }
        Then::Woken(open, spec) => (torrent.open, torrent.spec) = (Some(open), Some(spec)),
    }
    torrent.ended();
    release(shared, state, key);
    (None, closed)
}

fn release(shared: &Arc<Shared>, state: &mut State, key: TorrentKey) {
    while let Some(job) = state.torrents.get_mut(&key).and_then(TorrentQueue::release) {
        if let Some(work) = shared.dispatch(state, job) {
            work.notify_one();
        }
    }
}

fn panicked() -> DiskError {
    DiskError {
        kind: DiskErrorKind::Io,
        message: "the storage failed in a way that it should not: this is a bug".to_owned(),
    }
}
