//! Data that is on disk already: trusted, hashed, or in the way.
//!
//! Pieces that wait for their check are neither asked for nor served; all
//! others go on beside the check.

use std::collections::{BTreeSet, VecDeque};

use superseed_proto::bitfield::Bitfield;
use superseed_proto::hash::ExpectedHash;
use superseed_proto::layout::{FileIndex, PieceIndex};

use super::{Life, Torrent};
use crate::disk::{CheckVerdict, DiskError, DiskErrorKind, DiskOp, OpenReport};
use crate::engine::jobs::JobKind;
use crate::engine::shared::Cx;
use crate::event::EventKind;

/// Check jobs that are out at a time: enough for every worker and one waiting.
const JOBS_MAX: usize = 4;
/// The bytes that one check job covers, at least one piece.
const JOB_BYTES: u32 = 4 << 20;

/// The check of a torrent.
#[derive(Debug, Default)]
pub(crate) struct Check {
    /// Tells the answers to this check's jobs from those to an earlier one's.
    number: u64,
    waiting: VecDeque<PieceIndex>,
    jobs: usize,
    /// Pieces whose verdict is still out, in jobs or waiting.
    pub(crate) left: u32,
    /// Whether files without a resume record may be foreign.
    suspicious: bool,
    /// Wrong pieces that hold something.
    nonzero: BTreeSet<PieceIndex>,
}

impl Check {
    pub(crate) fn is_done(&self) -> bool {
        self.left == 0
    }

    /// Whether no job of this or an earlier check is out.
    pub(crate) fn is_quiet(&self) -> bool {
        self.is_done() && self.jobs == 0
    }

    /// Forgets what waits; answers of jobs that are out no longer count.
    pub(crate) fn clear(&mut self) {
        *self = Self {
            number: self.number + 1,
            jobs: self.jobs,
            ..Self::default()
        };
    }
}

impl Torrent {
    /// Takes over what storage found; tells whether it can all be trusted.
    pub(crate) fn take_found(&mut self, cx: &mut Cx<'_>, report: &OpenReport) -> bool {
        let recheck = std::mem::take(&mut self.lasting.options.recheck);
        self.check.clear();
        for piece in self.layout.pieces() {
            let trusted = report.trusted.has(piece) && !recheck;
            if trusted {
                self.picker.set_have(piece);
            } else if report.unchecked.has(piece) || report.trusted.has(piece) {
                self.picker.set_unchecked(piece);
                self.check.waiting.push_back(piece);
                self.check.left += 1;
            } else {
                self.picker.set_missing(piece);
            }
        }
        self.check.suspicious = report.record.is_none() && !self.lasting.options.allow_overwrite;
        self.durable.opened(self.picker.have());
        if report.record.is_none() && self.check.is_done() && !self.picker.is_complete() {
            // Claims the files before anything is in them: without a record, a
            // piece half written would be foreign data at the next start.
            self.sync_now(cx);
        }
        !report.unchecked.iter().any(|_| true) && !recheck
    }

    /// Nothing had to be hashed.
    pub(crate) fn say_checked(&self, cx: &mut Cx<'_>) {
        let pieces = self.picker.have().count();
        cx.event(self.key, EventKind::Checked { pieces });
    }

    /// Hashes everything again. What was verified is served no more until then.
    pub(crate) fn recheck(&mut self, cx: &mut Cx<'_>) {
        if !matches!(self.life, Life::Running | Life::Paused) || !self.check.is_done() {
            return;
        }
        self.disconnect_all(cx);
        self.lasting.count_seeding_time(cx.now);
        self.store.clear(&mut cx.shared.pool);
        cx.shared.cache.forget_torrent(self.key);
        let all = Bitfield::full(self.layout.piece_count());
        let report = OpenReport {
            trusted: Bitfield::new(all.len()),
            unchecked: all,
            record: Some(self.lasting.earlier),
            device: 0,
        };
        if self.take_found(cx, &report) {
            self.say_checked(cx);
        }
        self.say_state(cx);
        self.check_more(cx);
    }

    /// Keeps the workers busy with pieces that wait for their check.
    pub(crate) fn check_more(&mut self, cx: &mut Cx<'_>) {
        while self.check.jobs < JOBS_MAX && !self.check.waiting.is_empty() {
            let mut pieces: Vec<(PieceIndex, ExpectedHash)> = Vec::new();
            let mut bytes = 0;
            while let Some(&piece) = self.check.waiting.front() {
                let follows = pieces.last().is_none_or(|(last, _)| last.0 + 1 == piece.0);
                let len = self.layout.piece_len(piece);
                if !follows || (!pieces.is_empty() && bytes + len > JOB_BYTES) {
                    break;
                }
                bytes += len;
                pieces.push((piece, self.metainfo.info.expected_hash(piece)));
                self.check.waiting.pop_front();
            }
            self.check.jobs += 1;
            let kind = JobKind::Check(self.check.number);
            self.disk(cx, kind, DiskOp::Check { pieces });
        }
    }

    pub(crate) fn checked(
        &mut self,
        cx: &mut Cx<'_>,
        check: u64,
        verdicts: Vec<(PieceIndex, CheckVerdict)>,
    ) {
        self.check.jobs -= 1;
        if check != self.check.number {
            return self.check_more(cx);
        }
        for (piece, verdict) in verdicts {
            self.check.left -= 1;
            match verdict {
                CheckVerdict::Verified(proof) => self.found(cx, &proof),
                CheckVerdict::Mismatch { nonzero } => {
                    self.picker.set_missing(piece);
                    if nonzero && self.check.suspicious {
                        self.check.nonzero.insert(piece);
                    }
                }
                CheckVerdict::Absent => self.picker.set_missing(piece),
                CheckVerdict::Failed(error) => return self.fail(cx, error),
            }
        }
        self.check_more(cx);
        if self.check.is_done() {
            self.check_done(cx);
        }
        self.refill_due = true;
    }

    fn check_done(&mut self, cx: &mut Cx<'_>) {
        if let Some(error) = self.foreign_file() {
            return self.fail(cx, error);
        }
        self.check.nonzero.clear();
        cx.event(
            self.key,
            EventKind::Checked {
                pieces: self.picker.have().count(),
            },
        );
        self.note_found_complete(cx);
        self.interest_changed(cx);
        if self.check.suspicious {
            // Nothing was foreign: the files are ours from now on.
            self.sync_now(cx);
        } else {
            self.save_soon(cx);
        }
        self.say_state(cx);
    }

    /// A file that holds something of which no piece is right, and that no
    /// record of ours names: to go on would destroy somebody's data.
    fn foreign_file(&self) -> Option<DiskError> {
        if !self.check.suspicious || self.check.nonzero.is_empty() {
            return None;
        }
        let info = &self.metainfo.info;
        let foreign = (0..info.files.len() as u32).map(FileIndex).find(|&file| {
            let mut pieces = info.file_pieces(file).map(PieceIndex);
            let mut any_nonzero = false;
            let none_verified = pieces.all(|piece| {
                any_nonzero |= self.check.nonzero.contains(&piece);
                !self.picker.have().has(piece)
            });
            none_verified && any_nonzero
        })?;
        let path = info.file_path(foreign);
        Some(DiskError {
            kind: DiskErrorKind::Foreign,
            message: format!(
                "{} exists and holds other data than this torrent's; move it away or allow it to be overwritten",
                path.display()
            ),
        })
    }
}
