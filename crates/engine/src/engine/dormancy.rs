//! Who sleeps, who is woken, and in which order (decision 040).
//!
//! Bounds what strangers can make the engine hold: so many torrents are woken
//! at a time and so many are awake without a peer. Who is over waits.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use superseed_proto::layout::Layout;

use super::Engine;
use super::jobs::JobKind;
use super::shared::Cx;
use super::timers::Timer;
use super::torrents::Slot;
use crate::action::Outbox;
use crate::disk::{Awakening, DiskError, DiskErrorKind, DiskOp};
use crate::ids::TorrentKey;
use crate::limits::{IDLE_AWAKE_MAX, WAKING_MAX};
use crate::time::Time;
use crate::torrent::Torrent;
use crate::torrent::dormant::{Dormant, Had};
use crate::torrent::form::Form;
use crate::torrent::lasting::Lasting;

/// A torrent that takes longer to wake waits for a device that hangs, and no
/// other waits for it. Reading a torrent file of megabytes takes milliseconds.
const WAKING_PATIENCE: Duration = Duration::from_secs(1);

/// Torrents on their way into dormancy and out of it.
#[derive(Debug, Default)]
pub(crate) struct Dormancy {
    /// Torrents that are awake and idle, the one that was for the longest first.
    idle: BTreeSet<(Time, TorrentKey)>,
    /// Torrents that are to be woken, each once.
    due: VecDeque<TorrentKey>,
    /// Whom storage is waking, and since when.
    waking: Vec<(TorrentKey, Time)>,
}

impl Dormancy {
    /// A torrent has nothing to do from now on. Names the one that has to
    /// sleep for it, if there are too many.
    pub(crate) fn is_idle(&mut self, torrent: TorrentKey, now: Time) -> Option<TorrentKey> {
        self.idle.insert((now, torrent));
        // Those before it are on their way already.
        let over = self.idle.len().checked_sub(IDLE_AWAKE_MAX + 1)?;
        self.idle.iter().nth(over).map(|(_, idle)| *idle)
    }

    /// A torrent that was idle since then is so no more.
    pub(crate) fn is_busy(&mut self, torrent: TorrentKey, since: Time) {
        self.idle.remove(&(since, torrent));
    }

    /// How many are being woken, beside those whose device hangs: others would
    /// wait for it with them.
    fn waking(&self, now: Time) -> usize {
        let begun = self.waking.iter();
        begun
            .filter(|(_, since)| now.since(*since) < WAKING_PATIENCE)
            .count()
    }

    /// When the next of them will have taken too long.
    fn patience_ends(&self, now: Time) -> Time {
        let ends = self
            .waking
            .iter()
            .map(|(_, since)| *since + WAKING_PATIENCE);
        ends.filter(|end| *end > now).min().unwrap_or(Time::NEVER)
    }

    /// Whether somebody waits to be woken.
    pub(crate) fn is_due(&self) -> bool {
        !self.due.is_empty()
    }
}

impl Engine {
    /// Does something to a dormant torrent, then what that made due.
    pub(super) fn with_dormant(
        &mut self,
        key: TorrentKey,
        now: Time,
        out: &mut Outbox,
        act: impl FnOnce(&mut Dormant, &mut Cx<'_>),
    ) {
        let Some(dormant) = self.torrents.dormant_mut(key) else {
            return;
        };
        let mut cx = Cx {
            now,
            conns: &mut self.conns,
            shared: &mut self.shared,
            out,
        };
        act(dormant, &mut cx);
        dormant.tell_neighbours(&mut cx);
        if dormant.take_wake_due() {
            self.shared.dormancy.due.push_back(key);
        }
        if dormant.is_gone() {
            self.remove(key, out);
        }
    }

    /// Does something to a torrent in whatever form it is.
    pub(super) fn with_any<R>(
        &mut self,
        key: TorrentKey,
        now: Time,
        out: &mut Outbox,
        act: impl FnOnce(&mut dyn Form, &mut Cx<'_>) -> R,
    ) -> Option<R> {
        let mut result = None;
        if self.is_dormant(key) {
            self.with_dormant(key, now, out, |dormant, cx| {
                result = Some(act(dormant, cx));
            });
        } else if self.torrents.is_awaiting(key) {
            self.with_awaiting(key, now, out, |awaiting, cx| {
                result = Some(act(awaiting, cx));
            });
        } else {
            self.with_torrent(key, now, out, |torrent, cx| result = Some(act(torrent, cx)));
        }
        result
    }

    /// Adds a torrent that was kept: it is dormant from the start.
    pub(super) fn add_dormant(
        &mut self,
        key: TorrentKey,
        lasting: Lasting,
        layout: Layout,
        now: Time,
        out: &mut Outbox,
    ) {
        let all = layout.total_len();
        let had = Had {
            layout,
            wanted_bytes: all,
            have_bytes: all,
            pieces_have: layout.piece_count(),
        };
        let dormant = Dormant::new(lasting, had);
        self.torrents.fill(key, Slot::Dormant(Box::new(dormant)));
        self.with_dormant(key, now, out, Dormant::begin);
    }

    /// A torrent that is kept has nothing to do: only what lasts stays.
    pub(super) fn fall_asleep(&mut self, key: TorrentKey, now: Time, out: &mut Outbox) {
        self.shared.cache.forget_torrent(key);
        for timer in [
            Timer::Choke(key),
            Timer::Sync(key),
            Timer::Inquiry(key),
            Timer::Haves(key),
            Timer::Idle(key),
        ] {
            self.shared.timers.clear(timer);
        }
        self.torrents.change(key, |slot| match slot {
            Slot::Active(torrent) => {
                let (lasting, had) = torrent.fall_asleep(&mut self.shared);
                Slot::Dormant(Box::new(Dormant::new(lasting, had)))
            }
            other => other,
        });
        self.with_dormant(key, now, out, |dormant, cx| {
            dormant.disk(cx, JobKind::Sleep, DiskOp::Sleep);
            dormant.plan_connect(cx);
        });
    }

    /// Wakes those whose turn has come. Where too many are awake already those
    /// that were idle for the longest sleep first.
    pub(super) fn wake_due(&mut self, now: Time, out: &mut Outbox) {
        while let Some(&key) = self.shared.dormancy.due.front() {
            let dormancy = &self.shared.dormancy;
            let waking = dormancy.waking(now);
            if waking >= WAKING_MAX {
                let at = dormancy.patience_ends(now);
                return self.shared.timers.set(Timer::Waking, at);
            }
            if waking + dormancy.idle.len() >= IDLE_AWAKE_MAX {
                let enough = dormancy.due.len().min(WAKING_MAX);
                for (_, idle) in dormancy.idle.iter().take(enough) {
                    self.shared.timers.set_no_later(Timer::Idle(*idle), now);
                }
                return;
            }
            self.shared.dormancy.due.pop_front();
            let mut begun = false;
            self.with_dormant(key, now, out, |dormant, cx| {
                begun = dormant.begin_waking(cx);
            });
            if begun {
                self.shared.dormancy.waking.push((key, now));
            }
        }
    }

    /// Storage read what was kept of a torrent, or could not.
    pub(super) fn woken(
        &mut self,
        key: TorrentKey,
        result: Result<Box<Awakening>, DiskError>,
        now: Time,
        out: &mut Outbox,
    ) {
        let dormancy = &mut self.shared.dormancy;
        dormancy.waking.retain(|(waking, _)| *waking != key);
        let Some(dormant) = self.torrents.dormant(key).filter(|one| one.is_waking()) else {
            // It is leaving, and is closed next.
            return;
        };
        let awakening = match result {
            Ok(awakening) => awakening,
            Err(error) => {
                return self.with_dormant(key, now, out, |dormant, cx| {
                    dormant.wake_failed(cx, error);
                });
            }
        };
        let metainfo = awakening.metainfo;
        let names = dormant.lasting.info_hashes;
        if metainfo.info_hashes != names || metainfo.info.layout != *dormant.layout() {
            let error = DiskError {
                kind: DiskErrorKind::Io,
                message: format!(
                    "what was kept of {} is of another torrent",
                    metainfo.info.name
                ),
            };
            return self.with_dormant(key, now, out, |dormant, cx| {
                dormant.disk(cx, JobKind::Sleep, DiskOp::Sleep);
                dormant.wake_failed(cx, error);
            });
        }
        let (mut peers, mut wishes) = (Vec::new(), Vec::new());
        self.torrents.change(key, |slot| match slot {
            Slot::Dormant(dormant) => {
                let lasting;
                (lasting, peers, wishes) = dormant.into_parts();
                let torrent = Torrent::awake(lasting, metainfo, &self.shared, now);
                Slot::Active(Box::new(torrent))
            }
            other => other,
        });
        self.with_torrent(key, now, out, |torrent, cx| {
            torrent.woken(cx, &awakening.report, peers);
        });
        for wish in wishes {
            self.command(wish, now, out);
        }
    }
}
