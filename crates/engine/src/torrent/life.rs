//! A torrent's life: opened, running, paused, failed, leaving.

use std::time::Duration;

use superseed_proto::layout::FileIndex;

use super::{Leaving, Life, Torrent};
use crate::config::{PickerKind, Priority};
use crate::disk::{DiskError, DiskErrorKind, DiskOp, OpenReport};
use crate::engine::jobs::JobKind;
use crate::engine::shared::Cx;
use crate::engine::timers::Timer;
use crate::event::{EventKind, TorrentState};
use crate::stats::PeerSource;

/// How long a full disk is left alone before the next try.
const DISK_RETRY: Duration = Duration::from_secs(30);
/// How long the last announces of a torrent may take.
pub(super) const FAREWELL: Duration = Duration::from_secs(2);

impl Torrent {
    /// Asks for the storage: the first thing in a torrent's life.
    pub(crate) fn open(&mut self, cx: &mut Cx<'_>) {
        self.life = Life::Opening;
        self.say_state(cx);
        self.disk(cx, JobKind::Open, DiskOp::Open);
    }

    pub(crate) fn opened(&mut self, cx: &mut Cx<'_>, result: Result<Box<OpenReport>, DiskError>) {
        if matches!(self.life, Life::Leaving(_)) {
            return;
        }
        let report = match result {
            Ok(report) => report,
            Err(error) => return self.fail(cx, error),
        };
        self.device = cx.shared.memory.device(report.device);
        if !self.lasting.opened_before {
            // Later records hold what was counted since, too.
            self.lasting.opened_before = true;
            self.lasting.earlier = report.record.unwrap_or_default();
        }
        if self.take_found(cx, &report) {
            self.say_checked(cx);
        }
        if self.lasting.earlier.completed_told {
            self.lasting.complete_told = true;
        }
        for addr in self.lasting.options.peers.clone() {
            self.learn(cx, addr, PeerSource::User);
        }
        if self.lasting.options.paused {
            self.life = Life::Paused;
            self.disconnect_all(cx);
            self.say_state(cx);
            self.check_more(cx);
        } else {
            self.start(cx);
        }
    }

    /// Begins, or goes on after a pause or an error.
    fn start(&mut self, cx: &mut Cx<'_>) {
        self.life = Life::Running;
        self.lasting.set_listeners(cx);
        if self.picker.is_complete() && self.check.is_done() {
            // A download that ended in an earlier run: `completed` was said then.
            self.lasting.complete_told |= self.picker.have().is_full();
            self.lasting.complete_since.get_or_insert(cx.now);
        }
        if !self.lasting.trackers.is_running() {
            self.lasting.trackers.start(cx.now);
        }
        self.lasting.candidates.wake(cx.now);
        self.adopt_all(cx);
        self.check_more(cx);
        self.say_state(cx);
        // A goal that was reached before ends it at once, before trackers hear.
        self.watch_goal(cx);
        if !self.is_running() {
            return;
        }
        // What a full disk refused before a pause has nothing else to wait for.
        self.write_all(cx);
        self.refill_due = true;
        self.announce(cx);
        self.connect_more(cx);
    }

    /// Stops all traffic; the storage stays open.
    pub(crate) fn pause(&mut self, cx: &mut Cx<'_>) {
        self.lasting.options.paused = true;
        self.terms_changed();
        if self.life != Life::Running {
            return;
        }
        self.lasting.count_seeding_time(cx.now);
        self.life = Life::Paused;
        self.disconnect_all(cx);
        self.lasting.trackers.stop(cx.now);
        self.announce(cx);
        // What waits in memory for the rest of its piece would wait long, and
        // the memory is everybody's.
        self.write_all(cx);
        cx.timer(Timer::Connect(self.key), crate::Time::NEVER);
        self.save_soon(cx);
        self.say_state(cx);
    }

    /// Goes on after a pause or an error.
    pub(crate) fn resume(&mut self, cx: &mut Cx<'_>) {
        self.lasting.options.paused = false;
        self.terms_changed();
        match self.life {
            Life::Paused => self.start(cx),
            Life::Failed(_) => self.open(cx),
            _ => {}
        }
    }

    /// Stops with an error. Other torrents are not concerned.
    pub(crate) fn fail(&mut self, cx: &mut Cx<'_>, error: DiskError) {
        if matches!(self.life, Life::Failed(_) | Life::Leaving(_)) {
            return;
        }
        let was_running = self.is_running();
        self.lasting.count_seeding_time(cx.now);
        self.life = Life::Failed(error.clone());
        self.disconnect_all(cx);
        self.store.clear(&mut cx.shared.pool);
        self.check.clear();
        if was_running {
            self.lasting.trackers.stop(cx.now);
            self.announce(cx);
        }
        cx.event(self.key, EventKind::Failed(error));
        self.say_state(cx);
    }

    /// Acts upon an error of a read or write.
    pub(crate) fn disk_failed(&mut self, cx: &mut Cx<'_>, error: DiskError) {
        match error.kind {
            DiskErrorKind::Full | DiskErrorKind::ReadOnly => {
                if self.disk_waits.is_none() {
                    cx.event(self.key, EventKind::DiskWaits(error.clone()));
                }
                self.disk_waits = Some(error);
                cx.timer(Timer::DiskRetry(self.key), cx.now + DISK_RETRY);
                self.say_state(cx);
            }
            DiskErrorKind::Foreign | DiskErrorKind::Locked | DiskErrorKind::Io => {
                self.fail(cx, error);
            }
        }
    }

    /// Tries the disk again after it took no more.
    pub(crate) fn disk_retry(&mut self, cx: &mut Cx<'_>) {
        if self.disk_waits.take().is_none() || !self.is_running() {
            return;
        }
        self.say_state(cx);
        self.write_all(cx);
        self.refill_due = true;
    }

    /// Begins the end: trackers hear `stopped`, the record is saved, files close.
    pub(crate) fn leave(&mut self, cx: &mut Cx<'_>) {
        if matches!(self.life, Life::Leaving(_)) {
            return;
        }
        let (was_open, announces) = match self.life {
            Life::Running => (true, true),
            Life::Paused => (true, false),
            Life::Opening | Life::Failed(_) | Life::Leaving(_) => (false, false),
        };
        self.lasting.count_seeding_time(cx.now);
        self.disconnect_all(cx);
        self.store.clear(&mut cx.shared.pool);
        self.check.clear();
        cx.shared.cache.forget_torrent(self.key);
        cx.shared.timers.clear_torrent(self.key);
        self.life = Life::Leaving(Leaving::default());
        if announces {
            self.lasting.trackers.stop(cx.now);
            self.announce(cx);
        }
        cx.timer(Timer::Farewell(self.key), cx.now + FAREWELL);
        if was_open {
            self.sync_now(cx);
        } else {
            self.durable.settle();
        }
        self.close_when_saved(cx);
        self.announced_farewell();
    }

    /// Notes that no announce is out any more.
    pub(crate) fn announced_farewell(&mut self) {
        let all_stopped = self.lasting.trackers.all_stopped();
        if let Life::Leaving(leaving) = &mut self.life {
            leaving.announces_done |= all_stopped;
        }
    }

    /// The time for last announces is over.
    pub(crate) fn farewell_over(&mut self) {
        if let Life::Leaving(leaving) = &mut self.life {
            leaving.announces_done = true;
        }
    }

    /// Whether nothing of it is left to wait for.
    pub(crate) fn is_gone(&self) -> bool {
        matches!(&self.life, Life::Leaving(leaving) if leaving.is_over())
    }

    /// Changes priorities of some files.
    pub(crate) fn set_priorities(&mut self, cx: &mut Cx<'_>, changes: &[(FileIndex, Priority)]) {
        let before = self.wanted_files();
        for &(file, priority) in changes {
            if let Some(entry) = self.file_priorities.get_mut(file.0 as usize) {
                *entry = priority;
            }
        }
        self.terms_changed();
        self.apply_priorities();
        let wanted = self.wanted_files();
        let opened = !matches!(
            self.life,
            Life::Opening | Life::Failed(_) | Life::Leaving(_)
        );
        if wanted != before && opened {
            let kind = JobKind::SetWanted;
            self.disk(cx, kind, DiskOp::SetWanted { wanted });
        }
        if !self.picker.is_complete() && self.lasting.complete_since.is_some() {
            self.lasting.count_seeding_time(cx.now);
            // Peers that were of no use may be of some now.
            self.lasting.candidates.wake(cx.now);
            self.connect_due = true;
        }
        self.interest_changed(cx);
        self.tell_upload_only(cx);
        self.note_completion(cx);
        self.say_state(cx);
        self.refill_due = true;
    }

    pub(crate) fn set_sequential(&mut self, cx: &Cx<'_>, sequential: bool) {
        self.lasting.options.sequential = sequential;
        self.terms_changed();
        let kind = if sequential {
            PickerKind::InOrder
        } else {
            cx.shared.settings.picker
        };
        self.picker.set_kind(kind);
    }

    /// What the torrent is doing, in one word.
    pub(crate) fn state(&self) -> TorrentState {
        match self.life {
            Life::Opening => TorrentState::Opening,
            Life::Failed(_) => TorrentState::Failed,
            Life::Paused | Life::Leaving(_) => TorrentState::Paused,
            Life::Running if !self.check.is_done() => TorrentState::Checking,
            Life::Running if self.picker.is_complete() => TorrentState::Seeding,
            Life::Running if self.disk_waits.is_some() => TorrentState::DiskWaits,
            Life::Running => TorrentState::Downloading,
        }
    }

    /// Tells the user when the state is another one than last told.
    pub(crate) fn say_state(&mut self, cx: &mut Cx<'_>) {
        let state = self.state();
        self.lasting.say_state(cx, state);
    }
}
