//! The judgement why a torrent is no faster.
//!
//! Whoever stands nearer to the end of a block's way is looked at first, since
//! it hides all that is before it: the disk, then the limit, then the peers,
//! then those who would name peers. Changes nothing but the note of the last
//! slow write.

use std::time::Duration;

use superseed_proto::layout::BLOCK_LEN;

use super::{Life, Torrent};
use crate::engine::jobs::{Job, JobKind, Outstanding};
use crate::engine::shared::{Conns, Cx, DeviceMemory, Shared};
use crate::engine::timers::Timer;
use crate::explain::{BindingLimit, Cause, Explanation};
use crate::rate::TokenBucket;
use crate::time::Time;

/// A limit of which nothing went unused for so long is what decides the rate.
const LIMIT_BINDS_AFTER: Duration = Duration::from_secs(3);
/// A disk job that takes longer waits for a disk that does not keep up.
const DISK_JOB_SLOW_AFTER: Duration = Duration::from_secs(2);
/// The same while memory is full, when requests wait for every write.
const DISK_JOB_SLOW_AFTER_IF_FULL: Duration = Duration::from_millis(250);
/// How long a slow write counts: where memory holds few pieces, blocks for the
/// next writes come in between.
const SLOW_WRITE_COUNTS: Duration = Duration::from_secs(3);
/// This part of the memory for blocks is in use when memory is called full:
/// what a write frees is given to requests in the same moment.
const MEMORY_FULL_PARTS: (u64, u64) = (3, 4);
/// "Nearly all" who choke us: nine of ten.
const NEARLY_ALL_PARTS: (usize, usize) = (9, 10);

/// The peers, counted.
#[derive(Default)]
struct Peers {
    connecting: usize,
    connected: usize,
    /// Want something of us.
    interested: usize,
    /// Want something of us and get it.
    unchoked: usize,
    /// Have something that we lack.
    having: usize,
    /// Of those, choke us.
    choking: usize,
    /// Of those that do not choke us, owe us a block for too long.
    snubbing: usize,
    /// Were asked for something, or have sent what we do not read.
    receiving: bool,
    /// Have something of ours to be sent.
    sending: bool,
}

/// A write that the disk was slow with.
#[derive(Clone, Copy, Debug)]
pub(super) struct SlowWrite {
    ended: Time,
    took: Duration,
}

/// Disk jobs that are out.
#[derive(Default)]
struct DiskQueue {
    jobs: usize,
    bytes: u64,
    oldest: Duration,
}

impl DiskQueue {
    fn cause(self, memory_is_full: bool) -> Cause {
        Cause::DiskIsSlow {
            jobs: self.jobs,
            bytes: self.bytes,
            oldest: self.oldest,
            memory_is_full,
        }
    }
}

impl Torrent {
    pub(crate) fn explain(&self, conns: &Conns, shared: &Shared, now: Time) -> Explanation {
        match &self.life {
            Life::Opening => return Explanation::of(Cause::Opening),
            Life::Paused | Life::Leaving(_) => return Explanation::of(Cause::Paused),
            Life::Failed(error) => {
                let error = error.clone();
                return Explanation::of(Cause::Failed { error });
            }
            Life::Running => {}
        }
        let peers = self.count_peers(conns);
        let pieces_left = self.check.left;
        if pieces_left > 0 {
            let checking = Cause::Checking { pieces_left };
            return Explanation::of_all(vec![checking], || self.slow(&peers, now));
        }
        if self.picker.is_complete() {
            let causes = self.why_sending_is_slow(&peers, shared, now);
            return Explanation::of_all(causes, || Cause::Complete {
                interested: peers.interested,
                unchoked: peers.unchoked,
            });
        }
        let causes = self.why_receiving_is_slow(&peers, shared, now);
        Explanation::of_all(causes, || self.slow(&peers, now))
    }

    /// Notes a slow write; to be called before anything follows from it.
    pub(crate) fn disk_answered(&mut self, cx: &Cx<'_>, job: &Job, since: Time) {
        let took = cx.now.since(since);
        let slow = if memory_is_full(cx.shared.memory_of(self.device)) {
            DISK_JOB_SLOW_AFTER_IF_FULL
        } else {
            DISK_JOB_SLOW_AFTER
        };
        if is_write(job) && took >= slow {
            let ended = cx.now;
            self.slow_write = Some(SlowWrite { ended, took });
        }
    }

    fn why_sending_is_slow(&self, peers: &Peers, shared: &Shared, now: Time) -> Vec<Cause> {
        let mut causes = Vec::new();
        let is_read = |job: &Job| job.torrent == self.key && matches!(job.kind, JobKind::Read(_));
        let reads = self.disk_queue(shared, now, is_read);
        if reads.oldest >= DISK_JOB_SLOW_AFTER {
            causes.push(reads.cause(false));
        }
        causes.extend(self.upload_limit(peers, shared, now));
        causes
    }

    fn why_receiving_is_slow(&self, peers: &Peers, shared: &Shared, now: Time) -> Vec<Cause> {
        let mut causes = Vec::new();
        if let Some(error) = &self.disk_waits {
            let retry = shared.timers.deadline(Timer::DiskRetry(self.key));
            causes.push(Cause::DiskRefuses {
                error: error.clone(),
                retry_in: retry.map(|at| at.since(now)),
            });
        } else {
            causes.extend(self.slow_disk(shared, now));
        }
        if peers.receiving {
            let limit = binding(&self.download, &shared.download, now);
            causes.extend(limit.map(Cause::DownloadLimit));
        }
        let tracker = || self.tracker(now);
        let (parts, of) = NEARLY_ALL_PARTS;
        if peers.connected == 0 {
            let next_try = self.lasting.candidates.next_deadline(now);
            let nobody = Cause::NoPeers {
                candidates: self.lasting.candidates.connectable(),
                connecting: peers.connecting,
                next_try: (next_try != Time::NEVER).then(|| next_try.since(now)),
            };
            let none_known = peers.connecting == 0 && self.lasting.candidates.connectable() == 0;
            let at = causes.len();
            causes.push(nobody);
            causes.extend(self.resting_web_seed(now));
            if let Some(tracker) = tracker() {
                // Whoever knows nobody waits to be told of somebody.
                causes.insert(if none_known { at } else { at + 1 }, tracker);
            }
        } else if peers.having == 0 {
            let peers = peers.connected;
            causes.push(Cause::NothingWeLack { peers });
            causes.extend(self.resting_web_seed(now));
            causes.extend(tracker());
        } else if peers.choking * of >= peers.having * parts {
            causes.push(Cause::Choked {
                choking: peers.choking,
                having: peers.having,
            });
            // Who cannot give gets nothing.
            causes.extend(self.upload_limit(peers, shared, now));
            causes.extend(tracker());
        }
        causes
    }

    /// The cause where nothing else is.
    fn slow(&self, peers: &Peers, now: Time) -> Cause {
        Cause::PeersAreSlow {
            serving: peers.having - peers.choking,
            snubbing: peers.snubbing,
            bytes_per_s: self.down.rate(now),
        }
    }

    fn count_peers(&self, conns: &Conns) -> Peers {
        let mut peers = Peers::default();
        for conn in self.suppliers().filter_map(|key| conns.get(key)) {
            peers.receiving |= conn.waits_for_download;
            peers.sending |= conn.waits_for_upload;
            let Some(peer) = conn.peer() else {
                peers.connecting += 1;
                continue;
            };
            peers.connected += 1;
            peers.receiving |= !peer.requests.is_empty();
            peers.sending |= !peer.queue.is_empty();
            peers.interested += usize::from(peer.peer_interested);
            peers.unchoked += usize::from(peer.peer_interested && !peer.am_choking);
            if peer.am_interested {
                peers.having += 1;
                peers.choking += usize::from(peer.peer_choking);
                let snubs = !peer.peer_choking && peer.window.is_snubbed();
                peers.snubbing += usize::from(snubs);
            }
        }
        peers
    }

    fn upload_limit(&self, peers: &Peers, shared: &Shared, now: Time) -> Option<Cause> {
        let limit = binding(&self.upload, &shared.upload, now).filter(|_| peers.sending)?;
        Some(Cause::UploadLimit(limit))
    }

    fn tracker(&self, now: Time) -> Option<Cause> {
        let wait = self.lasting.trackers.waits_for(now)?;
        Some(Cause::Tracker {
            url: wait.url,
            announcing: wait.announcing,
            left: wait.until.since(now),
            error: wait.error,
        })
    }

    /// Whether writes do not keep up with what peers send.
    ///
    /// Memory for blocks is everybody's on a device: when the writes of another
    /// torrent have used it up, this one waits for them too.
    fn slow_disk(&self, shared: &Shared, now: Time) -> Option<Cause> {
        let memory = shared.memory_of(self.device);
        let full = memory_is_full(memory);
        let all = self.disk_queue(shared, now, |job| {
            job.device == self.device && is_write(job)
        });
        if full && all.bytes * 2 >= memory.held {
            return Some(all.cause(true));
        }
        let mut own = self.disk_queue(shared, now, |job| job.torrent == self.key && is_write(job));
        let slow = self.slow_write;
        if let Some(slow) = slow.filter(|slow| now.since(slow.ended) < SLOW_WRITE_COUNTS) {
            own.oldest = own.oldest.max(slow.took);
            return Some(own.cause(full));
        }
        (own.oldest >= DISK_JOB_SLOW_AFTER).then(|| own.cause(full))
    }

    /// The jobs that count, of this torrent or of all.
    fn disk_queue(&self, shared: &Shared, now: Time, counts: impl Fn(&Job) -> bool) -> DiskQueue {
        let mut queue = DiskQueue::default();
        for Outstanding { job, since } in shared.jobs.values().filter(|out| counts(&out.job)) {
            let bytes = match &job.kind {
                // Whole blocks: only the last one of a torrent is shorter.
                JobKind::Write(run) | JobKind::HashBack(run) => run.count * BLOCK_LEN,
                JobKind::Read(run) => run.len(&self.layout),
                _ => 0,
            };
            queue.jobs += 1;
            queue.bytes += u64::from(bytes);
            queue.oldest = queue.oldest.max(now.since(*since));
        }
        queue
    }
}

/// Whether no more blocks can be asked for than writes make room for.
fn memory_is_full(memory: DeviceMemory) -> bool {
    let (parts, of) = MEMORY_FULL_PARTS;
    memory.held * of >= memory.part * parts
}

fn is_write(job: &Job) -> bool {
    matches!(job.kind, JobKind::Write(_) | JobKind::HashBack(_))
}

/// The narrower of two limits, if it decides the rate.
fn binding(own: &TokenBucket, session: &TokenBucket, now: Time) -> Option<BindingLimit> {
    let limit = |bucket: &TokenBucket, of_session| {
        Some(BindingLimit {
            bytes_per_s: bucket.rate()?,
            of_session,
            since: bucket.binds_for(now)?,
        })
    };
    let limits = [limit(own, false), limit(session, true)];
    let binding = limits
        .into_iter()
        .flatten()
        .filter(|limit| limit.since >= LIMIT_BINDS_AFTER);
    binding.min_by_key(|limit| limit.bytes_per_s)
}
