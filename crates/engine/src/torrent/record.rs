//! What is durable, and the resume record that says so (invariant 10).
//!
//! A verified piece enters the record only after a sync that began when all
//! its bytes were written. Syncs are batched: every 30 s or 256 MiB.

use std::time::Duration;

use superseed_proto::bitfield::Bitfield;
use superseed_proto::layout::PieceIndex;

use super::{Life, Torrent};
use crate::disk::{DiskError, DiskOp, ResumeSnapshot};
use crate::engine::jobs::JobKind;
use crate::engine::shared::Cx;
use crate::engine::timers::Timer;
use crate::time::Time;

/// The longest a verified piece waits for its sync.
const SYNC_INTERVAL: Duration = Duration::from_secs(30);
/// The most bytes that wait for a sync.
const SYNC_BYTES: u64 = 256 << 20;
/// How soon a change of totals reaches the record.
const SAVE_DELAY: Duration = Duration::from_secs(60);

/// The durability of a torrent's pieces.
#[derive(Debug)]
pub(crate) struct Durable {
    /// Pieces that a finished sync covers.
    synced: Bitfield,
    /// Pieces that were verified since the last sync began.
    waiting: Vec<PieceIndex>,
    waiting_bytes: u64,
    sync_out: bool,
    save_out: bool,
    /// The record on disk is older than what is known.
    stale: bool,
}

impl Durable {
    pub(crate) fn new(pieces: u32) -> Self {
        Self {
            synced: Bitfield::new(pieces),
            waiting: Vec::new(),
            waiting_bytes: 0,
            sync_out: false,
            save_out: false,
            stale: false,
        }
    }

    /// Takes over the pieces that the record on disk names.
    pub(crate) fn opened(&mut self, recorded: &Bitfield) {
        *self = Self {
            sync_out: self.sync_out,
            save_out: self.save_out,
            ..Self::new(recorded.len())
        };
        self.synced = recorded.clone();
    }

    /// Gives up on what is not recorded: the storage was never opened, or failed.
    pub(crate) fn settle(&mut self) {
        self.waiting.clear();
        self.stale = false;
    }

    /// Whether nothing is on its way to the disk; the record may be stale, or
    /// be saved by what keeps the torrent.
    pub(super) fn is_quiet(&self, keeping: bool) -> bool {
        !self.sync_out && (!self.save_out || keeping) && self.waiting.is_empty()
    }

    pub(super) fn is_stale(&self) -> bool {
        self.stale
    }

    /// A record of what is known now is on its way.
    pub(super) fn save_begins(&mut self) {
        self.stale = false;
        self.save_out = true;
    }

    fn is_settled(&self) -> bool {
        !self.sync_out && !self.save_out && !self.stale && self.waiting.is_empty()
    }
}

impl Torrent {
    /// A piece was verified and written.
    pub(crate) fn piece_written(&mut self, cx: &mut Cx<'_>, piece: PieceIndex) {
        self.durable.waiting.push(piece);
        self.durable.waiting_bytes += u64::from(self.layout.piece_len(piece));
        if self.durable.waiting_bytes >= SYNC_BYTES {
            self.sync_now(cx);
        } else {
            cx.shared
                .timers
                .set_no_later(Timer::Sync(self.key), cx.now + SYNC_INTERVAL);
        }
    }

    /// Something that the record holds changed, but nothing that hurries.
    pub(crate) fn save_soon(&mut self, cx: &mut Cx<'_>) {
        self.durable.stale = true;
        cx.shared
            .timers
            .set_no_later(Timer::Sync(self.key), cx.now + SAVE_DELAY);
    }

    /// Syncs what waits, or saves the record if nothing does.
    pub(crate) fn sync_now(&mut self, cx: &mut Cx<'_>) {
        if self.durable.sync_out || self.durable.save_out {
            return;
        }
        if self.durable.waiting.is_empty() {
            return self.save_now(cx);
        }
        let pieces = std::mem::take(&mut self.durable.waiting);
        self.durable.waiting_bytes = 0;
        self.durable.sync_out = true;
        self.disk(cx, JobKind::Sync(pieces), DiskOp::Sync);
    }

    fn save_now(&mut self, cx: &mut Cx<'_>) {
        self.durable.save_begins();
        let snapshot = self.snapshot(cx.now);
        let kind = JobKind::Save;
        self.disk(cx, kind, DiskOp::SaveRecord(Box::new(snapshot)));
    }

    pub(super) fn snapshot(&self, now: Time) -> ResumeSnapshot {
        ResumeSnapshot {
            pieces: self.durable.synced.clone(),
            totals: self.lasting.record_totals(now),
        }
    }

    pub(crate) fn synced(
        &mut self,
        cx: &mut Cx<'_>,
        pieces: Vec<PieceIndex>,
        result: Result<(), DiskError>,
    ) {
        self.durable.sync_out = false;
        match result {
            Ok(()) => {
                for piece in pieces {
                    if self.picker.have().has(piece) {
                        self.durable.synced.insert(piece);
                    }
                }
                self.save_now(cx);
            }
            Err(error) => {
                self.durable.waiting.extend(pieces);
                self.record_failed(cx, error);
            }
        }
    }

    pub(crate) fn saved(&mut self, cx: &mut Cx<'_>, result: Result<(), DiskError>) {
        self.durable.save_out = false;
        match result {
            Err(error) => self.record_failed(cx, error),
            Ok(()) if matches!(self.life, Life::Leaving(_)) => {
                if !self.durable.waiting.is_empty() || self.durable.stale {
                    self.sync_now(cx);
                }
                self.close_when_saved(cx);
            }
            Ok(()) if !self.durable.waiting.is_empty() || self.durable.stale => {
                cx.shared
                    .timers
                    .set_no_later(Timer::Sync(self.key), cx.now + SYNC_INTERVAL);
            }
            Ok(()) => {}
        }
    }

    fn record_failed(&mut self, cx: &mut Cx<'_>, error: DiskError) {
        if matches!(self.life, Life::Leaving(_)) {
            // Nothing more can be done: the pieces are checked again next time.
            self.durable.waiting.clear();
            self.durable.stale = false;
            self.close_when_saved(cx);
        } else {
            self.durable.stale = true;
            self.disk_failed(cx, error);
            if !matches!(self.life, Life::Failed(_)) {
                let at = cx.now + SYNC_INTERVAL;
                cx.shared.timers.set_no_later(Timer::Sync(self.key), at);
            }
        }
    }

    /// The last job of a leaving torrent, once the record is safe.
    pub(crate) fn close_when_saved(&mut self, cx: &mut Cx<'_>) {
        let settled = self.durable.is_settled();
        let Life::Leaving(leaving) = &mut self.life else {
            return;
        };
        if settled && !leaving.close_asked {
            leaving.close_asked = true;
            self.disk(cx, JobKind::Close, DiskOp::Close);
        }
    }

    pub(crate) fn closed(&mut self) {
        if let Life::Leaving(leaving) = &mut self.life {
            leaving.storage_closed = true;
        }
    }
}
