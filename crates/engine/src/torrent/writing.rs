//! From received blocks to verified pieces: the disk's answers.

use superseed_proto::hash::PieceHasher;
use superseed_proto::layout::{BLOCK_LEN, Block, PieceIndex};

use super::store::StoreJob;
use super::{Life, Torrent};
use crate::block::BlockBuf;
use crate::disk::{DiskError, DiskOp, PieceVerdict};
use crate::engine::jobs::JobKind;
use crate::engine::shared::Cx;
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
    pub(crate) fn keep_block(
        &mut self,
        cx: &mut Cx<'_>,
        from: ConnKey,
        block: Block,
        buf: BlockBuf,
    ) {
        let Some(conn) = cx.conns.get(from) else {
            return cx.shared.pool.give(buf);
        };
        let from = (from, conn.sender());
        if let Some(back) = self.store.put(&self.layout, block, buf, from) {
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
    /// Each peer may have one block on its way whatever the budget, and with a
    /// thousand peers as much again lies here beside it: to spill that would
    /// only write it twice.
    ///
    /// While the torrent is paused the others do not come, and any is too much.
    fn memory_is_short(&self, cx: &Cx<'_>) -> bool {
        if self.life == Life::Paused {
            return true;
        }
        let of_peers = cx.conns.len() as u64 * u64::from(BLOCK_LEN);
        self.store.waiting_bytes() > cx.shared.memory_of(self.device).part / 2 + of_peers
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
        let held = !spill && self.awaits_inquiry(piece);
        self.store.hold(piece, held);
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
        self.disk(cx, kind, op);
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
                self.drop_tainted(cx, run.piece);
                let spill = self.memory_is_short(cx);
                self.write_next(cx, run.piece, spill);
            }
            Ok(PieceVerdict::Verified(proof)) if known => {
                self.give_all(cx, blocks);
                self.verified(cx, &proof);
            }
            Ok(PieceVerdict::Mismatch) if known => self.piece_was_wrong(cx, run, blocks),
            Err(error) if known => {
                self.store.job_failed(run.piece, run.first, blocks);
                self.drop_tainted(cx, run.piece);
                self.disk_failed(cx, error);
                self.refill_due = true;
            }
            // The torrent let go of the piece while the job was out.
            _ => self.give_all(cx, blocks),
        }
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
                self.drop_tainted(cx, run.piece);
                let spill = self.memory_is_short(cx);
                self.write_next(cx, run.piece, spill);
            }
            Ok(PieceVerdict::Verified(proof)) => self.verified(cx, &proof),
            Ok(PieceVerdict::Mismatch) => self.piece_was_wrong(cx, run, Vec::new()),
            Err(error) => {
                self.store.job_failed(run.piece, run.first, Vec::new());
                self.drop_tainted(cx, run.piece);
                self.disk_failed(cx, error);
                self.refill_due = true;
            }
        }
    }

    pub(super) fn give_all(&mut self, cx: &mut Cx<'_>, blocks: Vec<BlockBuf>) {
        for buf in blocks {
            cx.shared.pool.give(buf);
        }
    }
}
