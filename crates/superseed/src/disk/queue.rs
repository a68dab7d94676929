//! The order of disk jobs.
//!
//! A lane serves peer reads before writes and both before checks, yet never
//! lets one kind wait for ever. Within a torrent, what opens, closes or changes
//! its storage as a whole is *exclusive*: it waits for the jobs before it, and
//! those after it wait. Everything else of a torrent may run at the same time and
//! in any order.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use superseed_engine::disk::{DiskJob, DiskOp};

use super::opening::OPENING_LANE;
use crate::storage::{Recalled, Storage, StorageSpec, TorrentStorage};

/// How many reads may overtake a waiting write in a row.
const READS_IN_A_ROW_MAX: u32 = 8;

/// How many other jobs may overtake a waiting check in a row.
const OTHERS_IN_A_ROW_MAX: u32 = 64;

/// What waits for the threads of one device.
pub(super) struct LaneQueue {
    reads: VecDeque<DiskJob>,
    writes: VecDeque<DiskJob>,
    checks: VecDeque<DiskJob>,
    reads_in_a_row: u32,
    others_in_a_row: u32,
    checks_running: usize,
    checks_running_max: usize,
}

impl LaneQueue {
    pub(super) fn new(checks_running_max: usize) -> Self {
        Self {
            reads: VecDeque::new(),
            writes: VecDeque::new(),
            checks: VecDeque::new(),
            reads_in_a_row: 0,
            others_in_a_row: 0,
            checks_running: 0,
            checks_running_max,
        }
    }

    pub(super) fn push(&mut self, job: DiskJob) {
        match job.op {
            DiskOp::Read { .. } => self.reads.push_back(job),
            DiskOp::Check { .. } => self.checks.push_back(job),
            _ => self.writes.push_back(job),
        }
    }

    /// The job to do next.
    pub(super) fn pop(&mut self) -> Option<DiskJob> {
        let check_is_due = self.others_in_a_row >= OTHERS_IN_A_ROW_MAX;
        if check_is_due && let Some(job) = self.pop_check() {
            return Some(job);
        }
        let write_is_due = self.reads_in_a_row >= READS_IN_A_ROW_MAX && !self.writes.is_empty();
        let read = if write_is_due {
            None
        } else {
            self.reads.pop_front()
        };
        let job = match read {
            Some(read) => {
                self.reads_in_a_row += 1;
                read
            }
            None => {
                self.reads_in_a_row = 0;
                match self.writes.pop_front() {
                    Some(write) => write,
                    None => return self.pop_check(),
                }
            }
        };
        self.others_in_a_row = self.others_in_a_row.saturating_add(1);
        Some(job)
    }

    fn pop_check(&mut self) -> Option<DiskJob> {
        if self.checks_running >= self.checks_running_max {
            return None;
        }
        let job = self.checks.pop_front()?;
        self.checks_running += 1;
        self.others_in_a_row = 0;
        Some(job)
    }

    /// Jobs that wait.
    pub(super) fn len(&self) -> usize {
        self.reads.len() + self.writes.len() + self.checks.len()
    }

    /// A check that [`LaneQueue::pop`] gave is done.
    pub(super) fn check_ended(&mut self) {
        self.checks_running -= 1;
    }

    pub(super) fn clear(&mut self) {
        self.reads.clear();
        self.writes.clear();
        self.checks.clear();
    }
}

/// One torrent: its storage and the jobs that wait behind an exclusive one.
pub(super) struct TorrentQueue {
    /// What opens it.
    pub(super) storage: Arc<dyn Storage>,
    /// What it is opened with; nobody knows it while the torrent sleeps.
    pub(super) spec: Option<Arc<StorageSpec>>,
    /// Where it is kept, if it may sleep.
    pub(super) kept: Option<Arc<Path>>,
    /// Where its files are, if that is known.
    pub(super) dir: Option<Arc<Path>>,
    /// What was kept of it, on its way from having been read to being opened.
    pub(super) recalled: Option<Box<Recalled>>,
    /// Its storage, once it is open.
    pub(super) open: Option<Arc<dyn TorrentStorage>>,
    /// The lane of its device.
    pub(super) lane: usize,
    outstanding: usize,
    exclusive: bool,
    parked: VecDeque<DiskJob>,
}

impl TorrentQueue {
    pub(super) fn new(storage: Arc<dyn Storage>, spec: Arc<StorageSpec>) -> Self {
        Self::of(storage, Some(spec), None)
    }

    /// A torrent that sleeps from the start.
    pub(super) fn asleep(storage: Arc<dyn Storage>, kept: &Path) -> Self {
        Self::of(storage, None, Some(kept.into()))
    }

    fn of(
        storage: Arc<dyn Storage>,
        spec: Option<Arc<StorageSpec>>,
        kept: Option<Arc<Path>>,
    ) -> Self {
        let dir = spec.as_ref().map(|spec| spec.dir.as_path().into());
        Self {
            storage,
            spec,
            kept,
            open: None,
            dir,
            recalled: None,
            lane: OPENING_LANE,
            outstanding: 0,
            exclusive: false,
            parked: VecDeque::new(),
        }
    }

    /// Takes a new job; gives it back if it may run now.
    pub(super) fn offer(&mut self, job: DiskJob) -> Option<DiskJob> {
        self.parked.push_back(job);
        self.release()
    }

    /// A job of this torrent ended. [`TorrentQueue::release`] what may follow.
    pub(super) fn ended(&mut self) {
        self.outstanding -= 1;
        self.exclusive = false;
    }

    /// The next job that may run now; call until there is none.
    pub(super) fn release(&mut self) -> Option<DiskJob> {
        let wants_exclusive = is_exclusive(&self.parked.front()?.op);
        if self.exclusive || (wants_exclusive && self.outstanding > 0) {
            return None;
        }
        self.exclusive = wants_exclusive;
        self.outstanding += 1;
        self.parked.pop_front()
    }
}

fn is_exclusive(op: &DiskOp) -> bool {
    matches!(
        op,
        DiskOp::Open
            | DiskOp::SetWanted { .. }
            | DiskOp::Sleep
            | DiskOp::Wake { .. }
            | DiskOp::Amend(_)
            | DiskOp::Close
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use superseed_engine::ids::{JobKey, TorrentKey};
    use superseed_proto::layout::PieceIndex;

    fn job(op: DiskOp) -> DiskJob {
        DiskJob {
            job: JobKey::default(),
            torrent: TorrentKey::default(),
            op,
        }
    }

    fn read() -> DiskJob {
        job(DiskOp::Read {
            piece: PieceIndex(0),
            begin: 0,
            len: 1,
        })
    }

    fn check() -> DiskJob {
        job(DiskOp::Check { pieces: Vec::new() })
    }

    fn kinds(queue: &mut LaneQueue, count: usize) -> String {
        let kind = |job: DiskJob| match job.op {
            DiskOp::Read { .. } => 'r',
            DiskOp::Check { .. } => 'c',
            _ => 'w',
        };
        (0..count).map_while(|_| queue.pop()).map(kind).collect()
    }

    #[test]
    fn reads_go_before_writes_and_writes_before_checks() {
        let mut queue = LaneQueue::new(1);
        for job in [check(), job(DiskOp::Sync), read()] {
            queue.push(job);
        }
        assert_eq!(kinds(&mut queue, 3), "rwc");
    }

    #[test]
    fn a_stream_of_reads_lets_a_write_through_now_and_then() {
        let mut queue = LaneQueue::new(1);
        (0..20).for_each(|_| queue.push(read()));
        (0..2).for_each(|_| queue.push(job(DiskOp::Sync)));
        assert_eq!(kinds(&mut queue, 22), "rrrrrrrrwrrrrrrrrwrrrr");
    }

    #[test]
    fn a_stream_of_other_jobs_lets_a_check_through_now_and_then() {
        let mut queue = LaneQueue::new(1);
        queue.push(check());
        (0..70).for_each(|_| queue.push(read()));
        assert_eq!(kinds(&mut queue, 71).find('c'), Some(64));
    }

    #[test]
    fn checks_leave_a_thread_free() {
        let mut queue = LaneQueue::new(1);
        queue.push(check());
        queue.push(check());
        assert_eq!(kinds(&mut queue, 2), "c");
        queue.check_ended();
        assert_eq!(kinds(&mut queue, 2), "c");
    }
}
