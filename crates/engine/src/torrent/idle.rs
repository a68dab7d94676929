//! When a torrent has nothing to do for so long that it can be dormant, and
//! what has to be on the disk before.
//!
//! ```text
//!          idle                 long enough, or too many are
//!  (busy) ──────▶ Counting ──────────────────────────────▶ Keeping ──kept──▶ asleep
//!     ▲              │                                        │
//!     └──────────────┴──── a peer, a wish of the user ────────┘
//! ```

use std::sync::Arc;

use superseed_proto::metainfo::Metainfo;

use super::lasting::Lasting;
use super::{Life, Torrent};
use crate::action::Action;
use crate::config::Priority;
use crate::disk::{DiskError, DiskOp, Keepsake, OpenReport, Terms};
use crate::engine::jobs::JobKind;
use crate::engine::shared::{Cx, Shared};
use crate::engine::timers::Timer;
use crate::ids::ConnKey;
use crate::limits::CANDIDATES_PER_DORMANT_MAX;
use crate::peer::Phase;
use crate::time::Time;

/// How near a torrent is to being dormant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Idleness {
    /// Since when it has nothing to do.
    pub(super) since: Option<Time>,
    /// It is being kept.
    keeping: bool,
    /// The user changed something since it was last being kept.
    changed: bool,
    /// Its storage cannot keep it.
    never: bool,
    /// It is kept and idle: the engine lets go of it at the end of this input.
    sleep_due: bool,
}

impl Torrent {
    /// Follows whether it has anything to do; called at the end of each input.
    pub(crate) fn watch_idleness(&mut self, cx: &mut Cx<'_>) {
        let Some(patience) = cx.shared.settings.dormant_after else {
            return;
        };
        let idle = self.is_idle();
        if idle == self.idleness.since.is_some() {
            return;
        }
        if idle {
            self.idleness.since = Some(cx.now);
            cx.timer(Timer::Idle(self.key), cx.now + patience);
            let over = cx.shared.dormancy.is_idle(self.key, cx.now);
            if let Some(longest) = over {
                cx.shared.timers.set_no_later(Timer::Idle(longest), cx.now);
            }
        } else {
            self.stir(cx);
        }
    }

    /// Somebody uses it: its patience begins anew.
    pub(crate) fn stir(&mut self, cx: &mut Cx<'_>) {
        if let Some(since) = self.idleness.since.take() {
            cx.shared.dormancy.is_busy(self.key, since);
            cx.timer(Timer::Idle(self.key), Time::NEVER);
        }
    }

    /// Goes on after being dormant, with those who waited for it.
    pub(crate) fn woken(&mut self, cx: &mut Cx<'_>, report: &OpenReport, waiting: Vec<ConnKey>) {
        self.device = cx.shared.memory.device(report.device);
        self.take_found(cx, report);
        self.life = if self.lasting.options.paused {
            Life::Paused
        } else {
            Life::Running
        };
        if !self.is_complete() {
            // Somebody touched its files.
            self.lasting.count_seeding_time(cx.now);
        }
        self.check_more(cx);
        self.say_state(cx);
        self.watch_goal(cx);
        self.peers.clone_from(&waiting);
        for key in waiting {
            self.welcome_waiting(cx, key);
        }
        self.refill_due = true;
        self.connect_due = true;
    }

    /// A peer that shook hands while the torrent was dormant is greeted, and
    /// read on from. One that is still at it goes on.
    fn welcome_waiting(&mut self, cx: &mut Cx<'_>, key: ConnKey) {
        let Some(conn) = cx.conns.get_mut(key) else {
            return;
        };
        let Phase::Waiting(early) = &mut conn.phase else {
            return;
        };
        let (handshake, bytes) = (early.handshake, std::mem::take(&mut early.bytes));
        if let Err(fault) = self.handshaken(cx, key, &handshake) {
            return self.disconnect_for(cx, key, fault);
        }
        cx.out.push(Action::WantRead { conn: key });
        self.read(cx, key, &bytes, None);
    }

    /// Whether it has nothing to do that needs its pieces or files. Addresses
    /// that it may not connect to yet can wait for that without them.
    fn is_idle(&self) -> bool {
        let rests = matches!(self.life, Life::Running | Life::Paused);
        rests
            && self.peers.is_empty()
            && self.is_complete()
            && self.disk_waits.is_none()
            && self.check.is_quiet()
            && self.durable.is_quiet(self.idleness.keeping)
            // What was shown to whom is nowhere on the disk.
            && !self.lasting.options.super_seed
            && !self.idleness.never
    }

    /// It was idle for long enough, or it is the turn of the one that was for
    /// the longest.
    pub(crate) fn idle_due(&mut self, cx: &mut Cx<'_>) {
        let off = cx.shared.settings.dormant_after.is_none();
        if off || self.idleness.since.is_none() || self.idleness.keeping || !self.is_idle() {
            return;
        }
        if self.lasting.kept && !self.durable.is_stale() {
            self.idleness.sleep_due = true;
            return;
        }
        self.idleness.keeping = true;
        self.idleness.changed = false;
        self.durable.save_begins();
        let keepsake = Keepsake {
            metainfo: Arc::clone(&self.metainfo),
            snapshot: self.snapshot(cx.now),
            terms: self.terms(),
        };
        let kind = JobKind::Keep;
        self.disk(cx, kind, DiskOp::Keep(Box::new(keepsake)));
    }

    /// Storage keeps it, or does not.
    pub(crate) fn kept(&mut self, cx: &mut Cx<'_>, result: Result<bool, DiskError>) {
        self.idleness.keeping = false;
        let failed = result.is_err();
        let kept = matches!(result, Ok(true));
        self.idleness.never = !kept;
        self.saved(cx, Ok(()));
        if failed && matches!(self.life, Life::Running | Life::Paused) {
            // It stays awake, as it would have without the attempt, and its
            // record is saved as that of any other.
            self.save_soon(cx);
        }
        if kept {
            self.lasting.kept = !self.idleness.changed;
            self.idle_due(cx);
        }
    }

    /// What is kept is no longer what it is.
    pub(crate) fn terms_changed(&mut self) {
        self.lasting.kept = false;
        self.idleness.changed = true;
    }

    pub(crate) fn take_sleep_due(&mut self) -> bool {
        std::mem::take(&mut self.idleness.sleep_due)
    }

    fn terms(&self) -> Terms {
        let mut terms = self.lasting.terms();
        terms.options.priorities = self.priorities_chosen();
        terms
    }

    /// The priorities of files, none where all are as usual.
    fn priorities_chosen(&self) -> Vec<Priority> {
        let usual = |priority: &Priority| *priority == Priority::Normal;
        let last = self.file_priorities.iter().rposition(|one| !usual(one));
        self.file_priorities[..last.map_or(0, |last| last + 1)].to_vec()
    }

    /// Lets go of everything but what lasts. With it come the bytes that are
    /// wanted, and what is there.
    pub(crate) fn fall_asleep(self, shared: &mut Shared) -> (Lasting, super::dormant::Had) {
        if let Some(since) = self.idleness.since {
            shared.dormancy.is_busy(self.key, since);
        }
        let had = super::dormant::Had {
            layout: self.layout,
            wanted_bytes: self.picker.wanted_bytes(),
            have_bytes: self.picker.have_bytes(),
            pieces_have: self.have().count(),
        };
        let priorities = self.priorities_chosen();
        let mut lasting = self.lasting;
        lasting.options.priorities = priorities;
        lasting.candidates.shrink(CANDIDATES_PER_DORMANT_MAX);
        lasting.options.peers = Vec::new();
        lasting.options.trackers = Vec::new();
        (lasting, had)
    }

    /// Its metainfo, for the user.
    pub(crate) fn metainfo(&self) -> &Arc<Metainfo> {
        &self.metainfo
    }
}
