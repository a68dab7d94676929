//! The engine: one value that owns everything and decides everything.

mod awaiting;
mod commands;
mod datagrams;
pub(crate) mod dht;
pub(crate) mod dormancy;
mod due;
mod encrypt;
mod fetches;
mod finish;
mod holdings;
pub(crate) mod jobs;
pub(crate) mod keys;
pub(crate) mod lookups;
pub(crate) mod lsd;
pub(crate) mod memory;
mod query;
mod quota;
pub(crate) mod read_cache;
pub(crate) mod shared;
pub(crate) mod starved;
mod streams;
mod swarms;
pub(crate) mod timers;
mod torrents;
pub(crate) mod udp;

use self::jobs::{Job, JobKind, Outstanding};
use self::shared::{AnnounceOf, Conns, Cx, Shared};
use self::swarms::Swarms;
use self::torrents::Torrents;
use crate::action::{Action, Outbox};
use crate::candidates::Voter;
use crate::config::Settings;
use crate::disk::DiskResult;
use crate::ids::{JobKey, TorrentKey};
use crate::input::Input;
use crate::time::Time;
use crate::torrent::Torrent;
use crate::torrent::announce::{Answered, read_http};
use crate::torrent::dormant::Dormant;
use crate::trackers::FailureKind;

/// Why the engine wants to be woken at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// A choker round.
    Choke,
    /// A peer's time-outs: handshake, silence, keep-alive, owed blocks.
    Peer,
    /// An announce is due, or a tracker's silence.
    Announce,
    /// A candidate may be tried.
    Connect,
    /// Written data is to be made durable, or a record to be saved.
    Sync,
    /// The disk, that took no more, is tried again.
    DiskRetry,
    /// It is not known who spoilt a piece, and verdicts on others waited for it
    /// long enough.
    Inquiry,
    /// HAVEs have waited long enough for something to go with.
    Have,
    /// Peers are told of others.
    Pex,
    /// A seeding goal is reached.
    SeedGoal,
    /// A torrent had nothing to do for long enough to be dormant.
    Idle,
    /// Metadata is asked for again.
    Metadata,
    /// A torrent takes too long to wake for others to wait for it.
    Wake,
    /// A web seed has rested enough.
    WebSeed,
    /// A removed torrent has waited long enough for its trackers.
    Farewell,
    /// Neighbours are told of torrents.
    Lsd,
    /// A UDP tracker is asked again.
    UdpTracker,
    /// The DHT asks somebody, or has waited long enough for an answer.
    Dht,
    /// Peers wait for upload quota.
    UploadQuota,
    /// Peers wait for download quota.
    DownloadQuota,
    /// The session has waited long enough for its end.
    Shutdown,
}

/// A BitTorrent client without a world: see the crate's documentation.
pub struct Engine {
    torrents: Torrents,
    swarms: Swarms,
    conns: Conns,
    shared: Shared,
}

impl Engine {
    /// An engine that knows no torrent and no address.
    ///
    /// `seed` decides every choice and every secret; the host draws it from the
    /// operating system, a simulation from its own seed.
    pub fn new(settings: Settings, seed: [u8; 32]) -> Self {
        let mut shared = Shared::new(settings, seed);
        let swarms = Swarms::new(rand_core::Rng::next_u64(&mut shared.secret));
        Self {
            torrents: Torrents::default(),
            swarms,
            conns: Conns::with_key(),
            shared,
        }
    }

    /// Takes one input and pushes what follows from it.
    pub fn handle(&mut self, input: Input<'_>, now: Time, out: &mut Outbox) {
        self.dispatch(input, now, out);
        if self.shared.dormancy.is_due() {
            self.wake_due(now, out);
        }
        if !self.shared.lend_due.is_empty() {
            self.lend(now, out);
        }
    }

    fn dispatch(&mut self, input: Input<'_>, now: Time, out: &mut Outbox) {
        match input {
            Input::Tick => self.tick(now, out),
            Input::Command(command) => self.command(command, now, out),
            Input::Listening { listener, addr } => self.listening(listener, addr, now, out),
            Input::Incoming {
                ticket,
                remote,
                listener,
            } => {
                self.incoming(ticket, remote, listener, now, out);
            }
            Input::Connected { conn } => self.connected(conn, now, out),
            Input::ConnectFailed { conn, error } => self.connect_failed(conn, error, now, out),
            Input::Received { conn, bytes } => self.received(conn, bytes, None, now, out),
            Input::ReceivedShared { conn, bytes } => {
                self.received(conn, &bytes, Some(&bytes), now, out);
            }
            Input::Sent { conn, len } => self.sent(conn, len, now, out),
            Input::Closed { conn, end } => self.stream_closed(conn, end, now, out),
            Input::Datagram {
                listener,
                from,
                bytes,
            } => {
                self.datagram(listener, from, bytes, now, out);
            }
            Input::Mapped { listener, external } => self.mapped(listener, external, now, out),
            Input::Multicast { near, from, bytes } => {
                self.multicast(near, from, bytes, now, out);
            }
            Input::AnnounceDone { announce, result } => {
                let Some(of) = self.shared.announces.remove(announce) else {
                    return;
                };
                match read_http(result) {
                    Ok(answered) => self.answered(of, answered, now, out),
                    Err((kind, message)) => self.announce_failed(of, kind, message, now, out),
                }
            }
            Input::Fetched { fetch, part } => self.fetched(fetch, part, now, out),
            Input::Resolved { resolve, addrs } => self.resolved(resolve, &addrs, now, out),
            Input::Worked { work, result } => self.worked(work, result, now, out),
            Input::DiskDone { job, result } => self.disk_done(job, result, now, out),
        }
    }

    /// When the engine next wants [`Input::Tick`], and why.
    pub fn next_deadline(&self) -> Option<(Time, Reason)> {
        self.shared.timers.next()
    }

    /// Does something to a torrent, then what that made due.
    fn with_torrent(
        &mut self,
        key: TorrentKey,
        now: Time,
        out: &mut Outbox,
        act: impl FnOnce(&mut Torrent, &mut Cx<'_>),
    ) {
        let Some(device) = self.torrents.get(key).map(|torrent| torrent.device) else {
            return;
        };
        self.act_on(key, now, out, act);
        // Each once: who gets nothing again waits behind all others.
        for _ in 0..self.shared.memory.starved(device).len() {
            let room = self.shared.memory_of(device);
            if room.held >= room.part {
                return;
            }
            let Some((torrent, peer)) = self.shared.memory.next_starved(device) else {
                return;
            };
            self.act_on(torrent, now, out, |torrent, cx| torrent.feed(cx, peer));
        }
    }

    fn act_on(
        &mut self,
        key: TorrentKey,
        now: Time,
        out: &mut Outbox,
        act: impl FnOnce(&mut Torrent, &mut Cx<'_>),
    ) {
        let Some((torrent, mut cx)) = self.torrent_cx(key, now, out) else {
            return;
        };
        act(torrent, &mut cx);
        torrent.finish(&mut cx);
        torrent.settle(&mut cx);
        if torrent.is_gone() {
            self.remove(key, out);
        } else if torrent.take_sleep_due() {
            self.fall_asleep(key, now, out);
        }
    }

    /// A torrent, and what may be touched while something happens to it.
    fn torrent_cx<'a>(
        &'a mut self,
        key: TorrentKey,
        now: Time,
        out: &'a mut Outbox,
    ) -> Option<(&'a mut Torrent, Cx<'a>)> {
        let cx = Cx {
            now,
            conns: &mut self.conns,
            shared: &mut self.shared,
            out,
        };
        Some((self.torrents.get_mut(key)?, cx))
    }

    fn remove(&mut self, key: TorrentKey, out: &mut Outbox) {
        let Some(info_hashes) = self.torrents.remove(key) else {
            return;
        };
        self.swarms.remove(info_hashes);
        self.shared.timers.clear_torrent(key);
        self.shared.timers.clear(timers::Timer::Farewell(key));
        self.shared.cache.forget_torrent(key);
        self.shared.lsd.forget(key);
        self.shared.announces.retain(|_, of| of.torrent != key);
        out.push(Action::Removed { torrent: key });
        self.end_if_done(out);
    }

    /// A tracker answered.
    fn answered(&mut self, of: AnnounceOf, answered: Answered, now: Time, out: &mut Outbox) {
        if let Some(ours) = answered.ours {
            let voter = Voter::Trackers(of.torrent);
            self.shared.external_vote(voter, ours, now);
        }
        self.with_any(of.torrent, now, out, |form, cx| {
            form.answered(cx, of.slot, answered);
        });
    }

    /// A tracker did not answer, or refused.
    fn announce_failed(
        &mut self,
        of: AnnounceOf,
        kind: FailureKind,
        message: String,
        now: Time,
        out: &mut Outbox,
    ) {
        self.with_any(of.torrent, now, out, |form, cx| {
            form.announce_failed(cx, of.slot, kind, message);
        });
    }

    fn disk_done(&mut self, job: JobKey, result: DiskResult, now: Time, out: &mut Outbox) {
        let Some(Outstanding { job, since }) = self.shared.jobs.remove(job) else {
            return;
        };
        let key = job.torrent;
        if matches!(job.kind, JobKind::Read(_)) {
            self.shared.memory.read_ends(job.device);
        }
        match (&job.kind, result) {
            (JobKind::Wake, DiskResult::Woken(result)) => self.woken(key, result, now, out),
            (JobKind::Sleep, DiskResult::Asleep) => {}
            (JobKind::Amend, DiskResult::Amended(_)) => {
                self.with_dormant(key, now, out, Dormant::amended);
            }
            (JobKind::Close, DiskResult::Closed) => {
                self.with_any(key, now, out, |form, _| form.storage_closed());
            }
            (_, result) => self.job_done(job, since, result, now, out),
        }
    }

    /// A job of a torrent that is awake ended.
    fn job_done(&mut self, job: Job, since: Time, result: DiskResult, now: Time, out: &mut Outbox) {
        self.with_torrent(job.torrent, now, out, |torrent, cx| {
            torrent.disk_answered(cx, &job, since);
            match (job.kind, result) {
                (JobKind::Open, DiskResult::Opened(result)) => torrent.opened(cx, result),
                (
                    JobKind::Write(run),
                    DiskResult::Written {
                        blocks,
                        hasher,
                        outcome,
                    },
                ) => {
                    torrent.written(cx, run, blocks, hasher, outcome);
                }
                (JobKind::HashBack(run), DiskResult::HashedBack { hasher, outcome }) => {
                    torrent.hashed_back(cx, run, hasher, outcome);
                }
                (JobKind::DigestWrong(run), DiskResult::Digested { unwritten, outcome }) => {
                    torrent.digested_wrong(cx, run, unwritten, outcome);
                }
                (JobKind::DigestRight(piece), DiskResult::Digested { outcome, .. }) => {
                    torrent.digested_right(cx, piece, outcome);
                }
                (JobKind::Check(check), DiskResult::Checked(verdicts)) => {
                    torrent.checked(cx, check, verdicts);
                }
                (JobKind::Read(run), DiskResult::Read(result)) => {
                    torrent.read_done(cx, run, result);
                }
                (JobKind::Sync(pieces), DiskResult::Synced(result)) => {
                    torrent.synced(cx, pieces, result);
                }
                (JobKind::Save, DiskResult::Saved(result)) => torrent.saved(cx, result),
                (JobKind::SetWanted, DiskResult::WantedSet(result)) => {
                    if let Err(error) = result {
                        torrent.disk_failed(cx, error);
                    }
                }
                (JobKind::Keep, DiskResult::Kept(result)) => torrent.kept(cx, result),
                (kind, result) => unreachable!("the host answered {kind:?} with {result:?}"),
            }
        });
    }
}
