//! From received blocks to verified pieces: the disk's answers.

use superseed_proto::hash::{PieceHasher, PieceProof, Sha1Hash};
use superseed_proto::layout::{BLOCK_LEN, Block, PieceIndex};

use super::store::StoreJob;
use super::{Life, Torrent};
use crate::block::BlockBuf;
use crate::disk::{DiskError, DiskOp, PieceVerdict};
use crate::engine::jobs::{Job, JobKind};
use crate::engine::shared::Cx;
use crate::event::EventKind;
use crate::ids::ConnKey;

/// A run of blocks of a piece: what a write or read-back covered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    pub(crate) piece: PieceIndex,
    pub(crate) first: u32,
    pub(crate) count: u32,
    /// The attempt at the piece that the job belongs to.
    pub(crate) attempt: u64,
}

/// A hash state on its way between the engine and the workers.
pub(crate) type CarriedHasher = Option<Box<PieceHasher>>;

impl Torrent {
    /// Keeps a block that was received whole.
    pub(crate) fn keep_block(&mut self, cx: &mut Cx<'_>, block: Block, buf: BlockBuf) {
        if let Some(back) = self.store.put(&self.layout, block, buf) {
            cx.shared.pool.give(back);
        }
        let spill = self.memory_is_short(cx);
        self.write_next(cx, block.piece, spill);
        if spill {
            self.write_all(cx);
        }
    }

    /// Whether blocks that wait for others take too much. Those that are on
    /// their way to the disk do not count: to write more would not free them.
    ///
    /// While the torrent is paused the others do not come, and any is too much.
    fn memory_is_short(&self, cx: &Cx<'_>) -> bool {
        if self.life == Life::Paused {
            return true;
        }
        self.store.waiting_bytes() > cx.shared.settings.piece_budget_bytes / 2
    }

    /// Gives every started piece the chance to write.
    pub(crate) fn write_all(&mut self, cx: &mut Cx<'_>) {
        for piece in self.store.idle_pieces() {
            let spill = self.memory_is_short(cx);
            self.write_next(cx, piece, spill);
        }
    }

    fn write_next(&mut self, cx: &mut Cx<'_>, piece: PieceIndex, spill: bool) {
        if self.disk_waits.is_some() {
            return;
        }
        let Some(job) = self.store.next_job(piece, spill) else {
            return;
        };
        let attempt = self
            .store
            .attempt(piece)
            .expect("a piece with a job is started");
        let expected = |last: bool| last.then(|| self.metainfo.info.expected_hash(piece));
        let (kind, op) = match job {
            StoreJob::Write {
                first,
                blocks,
                hasher,
                last,
            } => (
                JobKind::Write(Run {
                    piece,
                    first,
                    count: blocks.len() as u32,
                    attempt,
                }),
                DiskOp::Write {
                    piece,
                    begin: first * BLOCK_LEN,
                    blocks,
                    hasher,
                    expected: expected(last),
                },
            ),
            StoreJob::HashBack {
                first,
                count,
                hasher,
                last,
            } => {
                let begin = first * BLOCK_LEN;
                let len = (count * BLOCK_LEN).min(self.layout.piece_len(piece) - begin);
                let op = DiskOp::HashBack {
                    piece,
                    begin,
                    len,
                    hasher,
                    expected: expected(last),
                };
                (
                    JobKind::HashBack(Run {
                        piece,
                        first,
                        count,
                        attempt,
                    }),
                    op,
                )
            }
        };
        cx.disk(
            self.key,
            Job {
                torrent: self.key,
                kind,
            },
            op,
        );
    }

    /// A write ended.
    pub(crate) fn written(
        &mut self,
        cx: &mut Cx<'_>,
        run: Run,
        blocks: Vec<BlockBuf>,
        hasher: CarriedHasher,
        outcome: Result<PieceVerdict, DiskError>,
    ) {
        let known = self.store.attempt(run.piece) == Some(run.attempt);
        match outcome {
            Ok(PieceVerdict::Unfinished) if known => {
                self.give_all(cx, blocks);
                self.store.written(run.piece, run.first, run.count, hasher);
                let spill = self.memory_is_short(cx);
                self.write_next(cx, run.piece, spill);
            }
            Ok(PieceVerdict::Verified(proof)) if known => {
                self.accept(cx, run, &blocks, &proof);
                self.give_all(cx, blocks);
            }
            Ok(PieceVerdict::Mismatch) if known => {
                self.reject(cx, run, &blocks);
                self.give_all(cx, blocks);
            }
            Err(error) if known => {
                self.store.job_failed(run.piece, run.first, blocks);
                self.disk_failed(cx, error);
            }
            // The torrent let go of the piece while the job was out.
            _ => self.give_all(cx, blocks),
        }
        self.refill_due = true;
    }

    /// A read-back ended.
    pub(crate) fn hashed_back(
        &mut self,
        cx: &mut Cx<'_>,
        run: Run,
        hasher: CarriedHasher,
        outcome: Result<PieceVerdict, DiskError>,
    ) {
        if self.store.attempt(run.piece) != Some(run.attempt) {
            return;
        }
        match outcome {
            Ok(PieceVerdict::Unfinished) => {
                self.store
                    .hashed_back(run.piece, run.first, run.count, hasher);
                let spill = self.memory_is_short(cx);
                self.write_next(cx, run.piece, spill);
            }
            Ok(PieceVerdict::Verified(proof)) => self.verified(cx, &proof),
            Ok(PieceVerdict::Mismatch) => self.piece_was_wrong(cx, run.piece, Vec::new()),
            Err(error) => {
                self.store.job_failed(run.piece, run.first, Vec::new());
                self.disk_failed(cx, error);
            }
        }
        self.refill_due = true;
    }

    fn give_all(&mut self, cx: &mut Cx<'_>, blocks: Vec<BlockBuf>) {
        for buf in blocks {
            cx.shared.pool.give(buf);
        }
    }

    /// The piece is right; blocks of an earlier wrong attempt that differ from
    /// these are the proof against their senders.
    fn accept(&mut self, cx: &mut Cx<'_>, run: Run, blocks: &[BlockBuf], proof: &PieceProof) {
        if let Some(suspects) = self.suspects.remove(&run.piece.0) {
            for (block, ip, digest) in suspects {
                let Some(right) = block
                    .checked_sub(run.first)
                    .and_then(|at| blocks.get(at as usize))
                else {
                    continue;
                };
                if Sha1Hash::of(right.bytes()) != digest {
                    self.ban(cx, ip);
                }
            }
        }
        self.verified(cx, proof);
    }

    /// The piece is wrong: its only sender is the culprit; of several, what
    /// each sent is remembered until the piece is right.
    fn reject(&mut self, cx: &mut Cx<'_>, run: Run, blocks: &[BlockBuf]) {
        let digests = blocks.iter().map(|buf| Sha1Hash::of(buf.bytes()));
        let digests = digests
            .enumerate()
            .map(|(at, digest)| (run.first + at as u32, digest))
            .collect();
        self.piece_was_wrong(cx, run.piece, digests);
    }

    fn piece_was_wrong(
        &mut self,
        cx: &mut Cx<'_>,
        piece: PieceIndex,
        digests: Vec<(u32, Sha1Hash)>,
    ) {
        self.store.forget(piece, &mut cx.shared.pool);
        self.totals.wasted += u64::from(self.layout.piece_len(piece));
        cx.event(self.key, EventKind::PieceFailed(piece));
        let senders = self.picker.piece_failed(piece);
        let ip_of = |conn: &ConnKey| cx.conns.get(*conn).map(|conn| conn.remote.ip());
        let hosts = senders.iter().filter_map(|(_, conn)| ip_of(conn));
        let mut hosts: Vec<_> = hosts.map(crate::candidates::host).collect();
        let suspects = digests.into_iter().filter_map(|(block, digest)| {
            let (_, conn) = senders.iter().find(|(sent, _)| *sent == block)?;
            Some((block, ip_of(conn)?, digest))
        });
        let suspects: Vec<_> = suspects.collect();
        let all_known = senders.iter().all(|(_, conn)| ip_of(conn).is_some());
        hosts.sort_unstable();
        hosts.dedup();
        if let ([culprit], true) = (hosts.as_slice(), all_known) {
            let culprit = *culprit;
            self.ban(cx, culprit);
        } else if self.suspects.len() < crate::limits::SUSPECT_PIECES_MAX {
            // The first failure is the one of several senders: a later one has
            // a single sender as a rule.
            self.suspects.entry(piece.0).or_insert(suspects);
        }
        self.refill_due = true;
    }
}
