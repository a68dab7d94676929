//! What the host knows of torrents beside the engine: who waits for an answer
//! about them, and how far they are for those who wait.

use std::collections::HashMap;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use slotmap::{Key, KeyData, SecondaryMap};
use superseed_engine::disk::DiskResult;
use superseed_engine::{DiskError, DiskJob, DiskOp, Event, EventKind, JobKey, Ticket, TorrentKey};
use superseed_proto::layout::PieceIndex;
use superseed_proto::metainfo::Metainfo;
use tokio::sync::{oneshot, watch};

use crate::session::progress::Progress;
use crate::session::request::{
    About, AddFailure, AddRequest, Found, Known, KnownLink, LinkRequest, ReadRefusal,
    RestoreRequest, WakeReply,
};
use crate::storage::StorageSpec;

/// Reads of handles on their way at the same time.
const READS_MAX: usize = 64;
/// Job keys of the host have this bit set in their index; the engine would need
/// two thousand million jobs in flight to reach it.
const HOST_JOB_INDEX: u32 = 1 << 31;

/// Answers a request to add a torrent.
type AddReply = oneshot::Sender<Result<Known, AddFailure>>;
/// Answers a request to read.
type ReadReply = oneshot::Sender<Result<Bytes, ReadRefusal>>;

/// A torrent of which somebody waits that its storage opens; with an error,
/// that it ends.
struct Adding {
    reply: AddReply,
    error: Option<DiskError>,
}

struct Entry {
    about: About,
    progress: Progress,
    /// Shows the progress to handles, as long as there are some.
    shown: Option<watch::Sender<Progress>>,
    adding: Option<Box<Adding>>,
    /// Wait until it is awake.
    waking: Vec<WakeReply>,
    /// Wait for the end.
    removing: Vec<oneshot::Sender<()>>,
}

impl Entry {
    fn new(about: About) -> Self {
        Self {
            about,
            progress: Progress::default(),
            shown: None,
            adding: None,
            waking: Vec::new(),
            removing: Vec::new(),
        }
    }

    fn known(&mut self, key: TorrentKey) -> Known {
        let progress = &self.progress;
        let shown = self
            .shown
            .get_or_insert_with(|| watch::Sender::new(progress.clone()));
        Known {
            key,
            about: self.about.clone(),
            progress: shown.subscribe(),
        }
    }

    fn change(&mut self, change: impl FnOnce(&mut Progress) -> bool) {
        if !change(&mut self.progress) {
            return;
        }
        match &self.shown {
            Some(shown) if shown.receiver_count() > 0 => {
                shown.send_replace(self.progress.clone());
            }
            _ => self.shown = None,
        }
    }
}

/// A torrent of which only the names are known.
struct LinkEntry {
    found: watch::Sender<Found>,
    /// Wait for the end.
    removing: Vec<oneshot::Sender<()>>,
}

/// A request that the engine has not answered.
enum Asked {
    Add(Box<AddRequest>),
    Link(Box<LinkRequest>),
    Restore(RestoreRequest),
}

/// What the disk workers have to know of a torrent that was added.
pub(super) enum Added {
    /// How its storage is opened.
    Open(StorageSpec),
    /// Where it is kept: it sleeps.
    Asleep(PathBuf),
    /// What its names stand for, which was kept.
    Known(Arc<Metainfo>),
}

/// The torrents of a session and the requests about them that are open.
#[derive(Default)]
pub(super) struct Torrents {
    entries: SecondaryMap<TorrentKey, Entry>,
    /// Torrents that await their metadata.
    links: SecondaryMap<TorrentKey, LinkEntry>,
    /// Requests that the engine has not answered yet.
    asked: HashMap<Ticket, Asked>,
    next_ticket: u64,
    reads: HashMap<JobKey, ReadReply>,
    next_read: u32,
}

impl Torrents {
    /// Keeps a request until the engine answers to the ticket.
    pub(super) fn ask(&mut self, request: Box<AddRequest>) -> Ticket {
        self.keep(Asked::Add(request))
    }

    /// The same of a torrent that is known by its names.
    pub(super) fn ask_link(&mut self, request: Box<LinkRequest>) -> Ticket {
        self.keep(Asked::Link(request))
    }

    /// The same of a torrent that was kept.
    pub(super) fn ask_restored(&mut self, request: RestoreRequest) -> Ticket {
        self.keep(Asked::Restore(request))
    }

    fn keep(&mut self, asked: Asked) -> Ticket {
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        self.asked.insert(ticket, asked);
        ticket
    }

    /// The engine refused a torrent.
    pub(super) fn refused(&mut self, ticket: Ticket, why: AddFailure) {
        match self.asked.remove(&ticket) {
            Some(Asked::Add(request)) => answer(request.reply, Err(why)),
            Some(Asked::Restore(request)) => answer(request.reply, Err(why)),
            Some(Asked::Link(request)) => answer(request.reply, Err(why)),
            None => {}
        }
    }

    /// The engine took a torrent.
    pub(super) fn added(&mut self, ticket: Ticket, key: TorrentKey) -> Option<Added> {
        let request = match self.asked.remove(&ticket)? {
            Asked::Add(request) => request,
            Asked::Link(request) => {
                let (found, shown) = watch::channel(Found::Nothing);
                let removing = Vec::new();
                self.links.insert(key, LinkEntry { found, removing });
                answer(request.reply, Ok(KnownLink { key, found: shown }));
                return request.kept.map(Added::Known);
            }
            Asked::Restore(request) => {
                self.entries.insert(key, Entry::new(request.about));
                answer(request.reply, Ok(()));
                return Some(Added::Asleep(request.kept));
            }
        };
        Some(Added::Open(self.open(key, *request)))
    }

    /// The storage of a torrent is opened next.
    fn open(&mut self, key: TorrentKey, request: AddRequest) -> StorageSpec {
        let mut entry = Entry::new(About::of(&request.metainfo));
        entry.adding = Some(Box::new(Adding {
            reply: request.reply,
            error: None,
        }));
        self.entries.insert(key, entry);
        request.spec
    }

    /// What came of a torrent's names.
    pub(super) fn found(&mut self, key: TorrentKey, found: Found) {
        if let Some(entry) = self.links.get(key) {
            // Without a handle nobody waits for it.
            let _ = entry.found.send(found);
        }
    }

    /// A torrent whose metadata is known begins. `None` if it is gone.
    pub(super) fn begin(&mut self, key: TorrentKey, request: AddRequest) -> Option<StorageSpec> {
        let Some(link) = self.links.remove(key) else {
            answer(request.reply, Err(AddFailure::Stopping));
            return None;
        };
        let spec = self.open(key, request);
        if let Some(entry) = self.entries.get_mut(key) {
            entry.removing = link.removing;
        }
        Some(spec)
    }

    /// Storage was opened, or not. True if a torrent that was being added
    /// failed, so that it has to be removed again: its handle is told then.
    pub(super) fn opened(&mut self, key: TorrentKey, failure: Option<&DiskError>) -> bool {
        let Some(entry) = self.entries.get_mut(key) else {
            return false;
        };
        let Some(mut adding) = entry.adding.take() else {
            return false;
        };
        match failure {
            None => {
                answer(adding.reply, Ok(entry.known(key)));
            }
            Some(error) => {
                adding.error = Some(error.clone());
                entry.adding = Some(adding);
            }
        }
        failure.is_some()
    }

    /// Someone waits until a torrent is awake.
    pub(super) fn waking(&mut self, key: TorrentKey, reply: WakeReply) {
        if let Some(entry) = self.entries.get_mut(key) {
            entry.waking.push(reply);
        }
    }

    /// A torrent is awake and is this, or could not be woken.
    pub(super) fn woken(&mut self, key: TorrentKey, result: &Result<Arc<Metainfo>, DiskError>) {
        if let Some(entry) = self.entries.get_mut(key) {
            for reply in entry.waking.drain(..) {
                answer(reply, result.clone());
            }
        }
    }

    /// Why a torrent stopped.
    pub(super) fn failure(&self, key: TorrentKey) -> Option<DiskError> {
        self.entries.get(key)?.progress.failed.clone()
    }

    /// Someone waits for the end of a torrent.
    pub(super) fn removing(&mut self, key: TorrentKey, reply: oneshot::Sender<()>) {
        let of_link = self.links.get_mut(key).map(|entry| &mut entry.removing);
        let of_entry = self.entries.get_mut(key).map(|entry| &mut entry.removing);
        match of_entry.or(of_link) {
            Some(removing) => removing.push(reply),
            None => answer(reply, ()),
        }
    }

    /// The engine has forgotten a torrent.
    pub(super) fn removed(&mut self, key: TorrentKey) {
        if let Some(link) = self.links.remove(key) {
            link.removing
                .into_iter()
                .for_each(|reply| answer(reply, ()));
        }
        let Some(entry) = self.entries.remove(key) else {
            return;
        };
        if let Some(adding) = entry.adding {
            let why = adding.error.map_or(AddFailure::Stopping, AddFailure::Disk);
            answer(adding.reply, Err(why));
        }
        entry
            .removing
            .into_iter()
            .for_each(|reply| answer(reply, ()));
    }

    /// Follows an event of the engine.
    pub(super) fn follow(&mut self, event: &Event) {
        if let EventKind::MetadataRefused(why) = &event.kind {
            self.found(event.torrent, Found::Refused(why.clone()));
        }
        if let Some(entry) = self.entries.get_mut(event.torrent) {
            entry.change(|progress| progress.follow(&event.kind));
        }
    }

    /// The next check of a torrent has yet to end.
    pub(super) fn will_check(&mut self, key: TorrentKey) {
        if let Some(entry) = self.entries.get_mut(key) {
            entry.change(|progress| {
                progress.checked = false;
                progress.complete = false;
                true
            });
        }
    }

    /// A torrent is to go on: what stopped it is history.
    pub(super) fn will_resume(&mut self, key: TorrentKey) {
        if let Some(entry) = self.entries.get_mut(key) {
            entry.change(|progress| {
                progress.failed = None;
                true
            });
        }
    }

    /// Whether the engine has a torrent.
    pub(super) fn has(&self, key: TorrentKey) -> bool {
        self.entries.contains_key(key) || self.links.contains_key(key)
    }

    /// Handles of all torrents whose storage was opened.
    pub(super) fn list(&mut self) -> Vec<Known> {
        let open = self
            .entries
            .iter_mut()
            .filter(|(_, entry)| entry.adding.is_none());
        open.map(|(key, entry)| entry.known(key)).collect()
    }

    /// Makes a disk job of a handle's read.
    pub(super) fn read(
        &mut self,
        torrent: TorrentKey,
        piece: PieceIndex,
        bytes: Range<u32>,
        reply: ReadReply,
    ) -> Option<DiskJob> {
        if self.reads.len() >= READS_MAX {
            answer(reply, Err(ReadRefusal::Busy));
            return None;
        }
        let job = self.free_job();
        self.reads.insert(job, reply);
        let op = DiskOp::Read {
            piece,
            begin: bytes.start,
            len: bytes.end - bytes.start,
        };
        Some(DiskJob { job, torrent, op })
    }

    fn free_job(&mut self) -> JobKey {
        loop {
            self.next_read = (self.next_read + 1) % HOST_JOB_INDEX;
            let index = u64::from(HOST_JOB_INDEX | self.next_read);
            let job = JobKey::from(KeyData::from_ffi(1 << 32 | index));
            if !self.reads.contains_key(&job) && !job.is_null() {
                return job;
            }
        }
    }

    /// Whether a completion is of a read of ours; then it is answered.
    pub(super) fn read_done(&mut self, job: JobKey, result: DiskResult) -> Option<DiskResult> {
        let Some(reply) = self.reads.remove(&job) else {
            return Some(result);
        };
        if let DiskResult::Read(result) = result {
            answer(reply, result.map_err(ReadRefusal::Disk));
        }
        None
    }
}

/// Answers a handle; one that has stopped waiting does not mind.
fn answer<T>(reply: oneshot::Sender<T>, value: T) {
    let _ = reply.send(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_are_bounded_and_have_keys_of_their_own() {
        let mut torrents = Torrents::default();
        let mut engine_keys = slotmap::SlotMap::<JobKey, ()>::with_key();
        let of_engine: Vec<_> = (0..READS_MAX).map(|_| engine_keys.insert(())).collect();
        let mut answers = Vec::new();
        for _ in 0..READS_MAX {
            let (reply, answer) = oneshot::channel();
            let job = torrents
                .read(TorrentKey::default(), PieceIndex(0), 0..1, reply)
                .unwrap();
            assert!(!of_engine.contains(&job.job));
            answers.push((job.job, answer));
        }
        let (reply, mut refused) = oneshot::channel();
        assert!(
            torrents
                .read(TorrentKey::default(), PieceIndex(0), 0..1, reply)
                .is_none()
        );
        assert!(matches!(refused.try_recv(), Ok(Err(ReadRefusal::Busy))));
        for (job, mut answer) in answers {
            let read = DiskResult::Read(Ok(Bytes::from_static(b"x")));
            assert!(torrents.read_done(job, read).is_none());
            assert_eq!(answer.try_recv().unwrap().unwrap(), "x");
        }
        let of_the_engine = torrents.read_done(of_engine[0], DiskResult::Closed);
        assert!(matches!(of_the_engine, Some(DiskResult::Closed)));
    }
}
