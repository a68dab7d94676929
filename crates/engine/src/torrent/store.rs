//! Received blocks between the socket and the disk.
//!
//! A piece of up to 1 MiB goes to the disk workers whole; a larger one in runs,
//! in order, its hash state carried from run to run, so that memory does not
//! grow with the length of the pieces. Blocks that came out of order are
//! written without being hashed only when memory is short, and read back when
//! their turn comes. One job per piece is out at a time.

use std::collections::BTreeMap;

use superseed_proto::hash::PieceHasher;
use superseed_proto::layout::{BLOCK_LEN, Block, Layout, PieceIndex};

use crate::block::{BlockBuf, BlockPool};
use crate::ids::ConnKey;
use crate::peer::Sender;

/// The largest piece that waits to be whole before it is written, in blocks,
/// and the longest run of a larger one: 1 MiB.
const RUN_BLOCKS_MAX: u32 = 64;
/// The same in bytes.
pub(crate) const WAITS_WHOLE_BYTES_MAX: u32 = RUN_BLOCKS_MAX * BLOCK_LEN;
/// The shortest run of a larger piece that is worth a job, in blocks: 256 KiB.
const RUN_BLOCKS_MIN: u32 = 16;

/// Where a block of a started piece is.
#[derive(Debug)]
enum Slot {
    Missing,
    Buffered(BlockBuf),
    Writing,
    OnDisk,
}

/// A started piece.
#[derive(Debug)]
struct Progress {
    /// Tells the answers to this attempt's jobs from those to an earlier one's.
    attempt: u64,
    slots: Vec<Slot>,
    /// Blocks that the hash state has seen, from the first on.
    hashed: u32,
    /// `None` before the first run, and while a job has it.
    hasher: Option<Box<PieceHasher>>,
    /// The hash state before the job that is out, for the case that it fails.
    checkpoint: Option<Box<PieceHasher>>,
    busy: bool,
    /// Who brought blocks of it: a connection may be gone when its host is
    /// asked for. At most one entry per block.
    senders: Vec<(ConnKey, Sender)>,
    /// A banned host sent some of what a job was at.
    tainted: bool,
    /// Its verdict waits.
    held: bool,
}

/// A job that a piece is ready for.
#[derive(Debug)]
pub(crate) enum StoreJob {
    /// Write these blocks; with a hasher, hash them too.
    Write {
        first: u32,
        blocks: Vec<BlockBuf>,
        hasher: Option<Box<PieceHasher>>,
        last: bool,
    },
    /// Read these blocks back and hash them.
    HashBack {
        first: u32,
        count: u32,
        hasher: Box<PieceHasher>,
        last: bool,
    },
}

/// All started pieces of a torrent.
#[derive(Debug, Default)]
pub(crate) struct PieceStore {
    pieces: BTreeMap<u32, Progress>,
    attempts: u64,
    /// Blocks in memory that no job has.
    waiting: usize,
}

impl PieceStore {
    /// Keeps a block that a connection to a host brought. Gives the buffer
    /// back if the block is there already.
    pub(crate) fn put(
        &mut self,
        layout: &Layout,
        block: Block,
        buf: BlockBuf,
        from: (ConnKey, Sender),
    ) -> Option<BlockBuf> {
        let attempts = &mut self.attempts;
        let progress = self
            .pieces
            .entry(block.piece.0)
            .or_insert_with(|| Progress {
                attempt: {
                    *attempts += 1;
                    *attempts
                },
                slots: (0..layout.block_count(block.piece))
                    .map(|_| Slot::Missing)
                    .collect(),
                hashed: 0,
                hasher: None,
                checkpoint: None,
                busy: false,
                senders: Vec::new(),
                tainted: false,
                held: false,
            });
        let slot = &mut progress.slots[block.index as usize];
        if matches!(slot, Slot::Missing) {
            *slot = Slot::Buffered(buf);
            self.waiting += 1;
            // The last who brought one is the most likely to bring the next.
            if !progress.senders.iter().rev().any(|known| *known == from) {
                progress.senders.push(from);
            }
            None
        } else {
            Some(buf)
        }
    }

    /// Takes the next job of a piece, if it is ready for one.
    ///
    /// With `spill` (memory is short) any buffered run will do.
    pub(crate) fn next_job(&mut self, piece: PieceIndex, spill: bool) -> Option<StoreJob> {
        let progress = self.pieces.get_mut(&piece.0)?;
        if progress.busy {
            return None;
        }
        let job = progress
            .in_order_job(spill)
            .or_else(|| progress.hash_back_job());
        let job = job.or_else(|| if spill { progress.spill_job() } else { None })?;
        progress.busy = true;
        if let StoreJob::Write { blocks, .. } = &job {
            self.waiting -= blocks.len();
        }
        Some(job)
    }

    /// The started pieces that no job is out for.
    pub(crate) fn idle_pieces(&self) -> Vec<PieceIndex> {
        let idle = self.pieces.iter().filter(|(_, progress)| !progress.busy);
        idle.map(|(&piece, _)| PieceIndex(piece)).collect()
    }

    /// A write ended well and the piece goes on.
    pub(crate) fn written(
        &mut self,
        piece: PieceIndex,
        first: u32,
        count: u32,
        hasher: Option<Box<PieceHasher>>,
    ) {
        let Some(progress) = self.pieces.get_mut(&piece.0) else {
            return;
        };
        progress.busy = false;
        for slot in &mut progress.slots[first as usize..(first + count) as usize] {
            *slot = Slot::OnDisk;
        }
        if hasher.is_some() {
            progress.advance_to(first + count, hasher);
        }
    }

    /// A read-back ended well and the piece goes on.
    pub(crate) fn hashed_back(
        &mut self,
        piece: PieceIndex,
        first: u32,
        count: u32,
        hasher: Option<Box<PieceHasher>>,
    ) {
        let Some(progress) = self.pieces.get_mut(&piece.0) else {
            return;
        };
        progress.busy = false;
        progress.advance_to(first + count, hasher);
    }

    /// A job failed: its blocks wait in memory again, as before it.
    pub(crate) fn job_failed(&mut self, piece: PieceIndex, first: u32, blocks: Vec<BlockBuf>) {
        let Some(progress) = self.pieces.get_mut(&piece.0) else {
            return;
        };
        progress.busy = false;
        for (slot, buf) in progress.slots[first as usize..].iter_mut().zip(blocks) {
            *slot = Slot::Buffered(buf);
            self.waiting += 1;
        }
        if progress.hashed > 0 && progress.hasher.is_none() {
            progress.hasher = progress.checkpoint.take();
        }
    }

    /// Whose connection it was that brought blocks of a piece.
    pub(crate) fn sender_of(&self, piece: PieceIndex, conn: ConnKey) -> Option<Sender> {
        let senders = &self.pieces.get(&piece.0)?.senders;
        let found = senders.iter().find(|(known, _)| *known == conn);
        found.map(|(_, sender)| *sender)
    }

    /// Whether several brought blocks of a piece, and one of them is such.
    pub(crate) fn is_mixed(&self, piece: PieceIndex, is: impl Fn(Sender) -> bool) -> bool {
        let Some(progress) = self.pieces.get(&piece.0) else {
            return false;
        };
        let mut senders = progress.senders.iter().map(|(_, sender)| *sender);
        let first = senders.next();
        first.is_some_and(|first| senders.any(|sender| sender != first))
            && progress.senders.iter().any(|(_, sender)| is(*sender))
    }

    /// Lets the verdict on a piece wait, or not any more: the job that ends it
    /// is not given out.
    pub(crate) fn hold(&mut self, piece: PieceIndex, held: bool) {
        if let Some(progress) = self.pieces.get_mut(&piece.0) {
            progress.held = held;
        }
    }

    /// No jobs of a piece until it is forgotten: a job beside the store's own
    /// looks at what it holds.
    pub(crate) fn freeze(&mut self, piece: PieceIndex) {
        if let Some(progress) = self.pieces.get_mut(&piece.0) {
            progress.busy = true;
        }
    }

    /// Takes a block out that is not to be trusted; tells whether it is out,
    /// and gives its buffer if it was in memory. What a job may be at is left
    /// until [`take_tainted`](Self::take_tainted).
    ///
    /// If it was hashed, the hash begins again; what is on the disk is read
    /// back for it.
    pub(crate) fn take_out(&mut self, block: Block) -> (bool, Option<BlockBuf>) {
        let Some(progress) = self.pieces.get_mut(&block.piece.0) else {
            return (false, None);
        };
        let Some(slot) = progress.slots.get_mut(block.index as usize) else {
            return (false, None);
        };
        match std::mem::replace(slot, Slot::Missing) {
            Slot::Buffered(buf) => {
                self.waiting -= 1;
                (true, Some(buf))
            }
            Slot::OnDisk if !progress.busy => {
                if block.index < progress.hashed {
                    progress.advance_to(0, None);
                }
                (true, None)
            }
            other => {
                progress.tainted |= !matches!(other, Slot::Missing);
                *slot = other;
                (false, None)
            }
        }
    }

    /// Whether something that is not to be trusted was left in a piece, and no
    /// job is at it any more. Says so once.
    pub(crate) fn take_tainted(&mut self, piece: PieceIndex) -> bool {
        let progress = self.pieces.get_mut(&piece.0);
        progress.is_some_and(|progress| !progress.busy && std::mem::take(&mut progress.tainted))
    }

    /// Forgets a piece: it is verified, or everything about it was wrong.
    pub(crate) fn forget(&mut self, piece: PieceIndex, pool: &mut BlockPool) {
        if let Some(progress) = self.pieces.remove(&piece.0) {
            for slot in progress.slots {
                if let Slot::Buffered(buf) = slot {
                    self.waiting -= 1;
                    pool.give(buf);
                }
            }
        }
    }

    /// Bytes of blocks that wait in memory for others of their piece.
    pub(crate) fn waiting_bytes(&self) -> u64 {
        self.waiting as u64 * u64::from(BLOCK_LEN)
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self, pool: &mut BlockPool) {
        let pieces: Vec<u32> = self.pieces.keys().copied().collect();
        for piece in pieces {
            self.forget(PieceIndex(piece), pool);
        }
    }

    /// The present attempt at a piece. A job of an earlier one means nothing any more.
    pub(crate) fn attempt(&self, piece: PieceIndex) -> Option<u64> {
        self.pieces.get(&piece.0).map(|progress| progress.attempt)
    }
}

impl Progress {
    fn run_len(&self, from: u32, is_member: impl Fn(&Slot) -> bool) -> u32 {
        let slots = &self.slots[from as usize..];
        slots
            .iter()
            .take(RUN_BLOCKS_MAX as usize)
            .take_while(|slot| is_member(slot))
            .count() as u32
    }

    fn take_blocks(&mut self, first: u32, count: u32) -> Vec<BlockBuf> {
        let slots = &mut self.slots[first as usize..(first + count) as usize];
        let taken =
            slots
                .iter_mut()
                .filter_map(|slot| match std::mem::replace(slot, Slot::Writing) {
                    Slot::Buffered(buf) => Some(buf),
                    _ => None,
                });
        taken.collect()
    }

    /// The hash state has seen all blocks before `hashed`.
    fn advance_to(&mut self, hashed: u32, hasher: Option<Box<PieceHasher>>) {
        self.hashed = hashed;
        self.hasher = hasher;
        self.checkpoint = None;
    }

    fn take_hasher(&mut self) -> Box<PieceHasher> {
        let hasher = self.hasher.take().unwrap_or_default();
        self.checkpoint = (self.hashed > 0).then(|| hasher.clone());
        hasher
    }

    fn in_order_job(&mut self, spill: bool) -> Option<StoreJob> {
        let (first, count) = (self.hashed, self.slots.len() as u32);
        let run = self.run_len(first, |slot| matches!(slot, Slot::Buffered(_)));
        let last = first + run == count;
        let long_enough = count > RUN_BLOCKS_MAX && run >= RUN_BLOCKS_MIN;
        // A run up to a block that was spilled cannot grow, and what is behind
        // that block waits for it.
        let next = self.slots.get((first + run) as usize);
        let bounded = next.is_some_and(|slot| matches!(slot, Slot::OnDisk));
        if run == 0 || (last && self.held) || !(last || long_enough || bounded || spill) {
            return None;
        }
        let hasher = Some(self.take_hasher());
        Some(StoreJob::Write {
            first,
            blocks: self.take_blocks(first, run),
            hasher,
            last,
        })
    }

    fn hash_back_job(&mut self) -> Option<StoreJob> {
        let first = self.hashed;
        let count = self.run_len(first, |slot| matches!(slot, Slot::OnDisk));
        if count == 0 {
            return None;
        }
        let last = first + count == self.slots.len() as u32;
        if last && self.held {
            return None;
        }
        Some(StoreJob::HashBack {
            first,
            count,
            hasher: self.take_hasher(),
            last,
        })
    }

    fn spill_job(&mut self) -> Option<StoreJob> {
        let first = self
            .slots
            .iter()
            .position(|slot| matches!(slot, Slot::Buffered(_)))? as u32;
        let run = self.run_len(first, |slot| matches!(slot, Slot::Buffered(_)));
        Some(StoreJob::Write {
            first,
            blocks: self.take_blocks(first, run),
            hasher: None,
            last: false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(blocks: u32) -> Layout {
        Layout::new(u64::from(blocks) * 16_384 * 2, blocks * 16_384).unwrap()
    }

    fn block(index: u32) -> Block {
        Block {
            piece: PieceIndex(0),
            index,
        }
    }

    fn put(store: &mut PieceStore, pool: &mut BlockPool, layout: &Layout, index: u32) {
        let from = (ConnKey::default(), Sender::Peer([10, 0, 0, 1].into()));
        let back = store.put(layout, block(index), pool.take(), from);
        assert!(back.is_none());
    }

    #[test]
    fn a_small_piece_goes_whole_and_only_then() {
        let (mut store, mut pool, layout) =
            (PieceStore::default(), BlockPool::default(), layout(3));
        put(&mut store, &mut pool, &layout, 2);
        put(&mut store, &mut pool, &layout, 0);
        assert!(store.next_job(PieceIndex(0), false).is_none());
        put(&mut store, &mut pool, &layout, 1);
        let Some(StoreJob::Write {
            first: 0,
            blocks,
            hasher: Some(_),
            last: true,
        }) = store.next_job(PieceIndex(0), false)
        else {
            panic!("a whole piece");
        };
        assert_eq!(blocks.len(), 3);
        assert!(
            store.next_job(PieceIndex(0), true).is_none(),
            "one job at a time"
        );
        assert!(
            store
                .put(
                    &layout,
                    block(1),
                    pool.take(),
                    (ConnKey::default(), Sender::Peer([10, 0, 0, 1].into()))
                )
                .is_some(),
            "a duplicate comes back"
        );
    }

    #[test]
    fn a_whole_piece_with_a_spilled_block_is_hashed_when_memory_is_long_again() {
        let (mut store, mut pool, layout) =
            (PieceStore::default(), BlockPool::default(), layout(4));
        put(&mut store, &mut pool, &layout, 2);
        let Some(StoreJob::Write {
            first: 2,
            hasher: None,
            ..
        }) = store.next_job(PieceIndex(0), true)
        else {
            panic!("a spilled block");
        };
        for index in [0, 1, 3] {
            put(&mut store, &mut pool, &layout, index);
        }
        store.written(PieceIndex(0), 2, 1, None);
        let Some(StoreJob::Write {
            first: 0,
            blocks,
            hasher: Some(hasher),
            last: false,
        }) = store.next_job(PieceIndex(0), false)
        else {
            panic!("what is before the spilled block");
        };
        assert_eq!(blocks.len(), 2);
        store.written(PieceIndex(0), 0, 2, Some(hasher));
        let Some(StoreJob::HashBack {
            first: 2,
            count: 1,
            hasher,
            last: false,
        }) = store.next_job(PieceIndex(0), false)
        else {
            panic!("the spilled block");
        };
        store.hashed_back(PieceIndex(0), 2, 1, Some(hasher));
        let last = store.next_job(PieceIndex(0), false);
        assert!(matches!(
            last,
            Some(StoreJob::Write {
                first: 3,
                last: true,
                ..
            })
        ));
    }

    #[test]
    fn a_large_piece_goes_in_runs_in_order() {
        let (mut store, mut pool, layout) =
            (PieceStore::default(), BlockPool::default(), layout(100));
        for index in 0..15 {
            put(&mut store, &mut pool, &layout, index);
            assert!(store.next_job(PieceIndex(0), false).is_none());
        }
        put(&mut store, &mut pool, &layout, 15);
        let Some(StoreJob::Write {
            first: 0,
            blocks,
            hasher,
            last: false,
        }) = store.next_job(PieceIndex(0), false)
        else {
            panic!("a run");
        };
        store.written(PieceIndex(0), 0, blocks.len() as u32, hasher);
        for index in 17..99 {
            put(&mut store, &mut pool, &layout, index);
        }
        assert!(
            store.next_job(PieceIndex(0), false).is_none(),
            "block 16 is missing"
        );
        let Some(StoreJob::Write {
            first: 17,
            blocks,
            hasher: None,
            last: false,
        }) = store.next_job(PieceIndex(0), true)
        else {
            panic!("a spill");
        };
        assert_eq!(blocks.len() as u32, RUN_BLOCKS_MAX);
        store.written(PieceIndex(0), 17, blocks.len() as u32, None);
        put(&mut store, &mut pool, &layout, 16);
        let Some(StoreJob::Write {
            first: 16,
            blocks,
            hasher: Some(hasher),
            ..
        }) = store.next_job(PieceIndex(0), true)
        else {
            panic!("the next in order");
        };
        store.written(PieceIndex(0), 16, blocks.len() as u32, Some(hasher));
        let Some(StoreJob::HashBack {
            first: 17,
            count: RUN_BLOCKS_MAX,
            last: false,
            ..
        }) = store.next_job(PieceIndex(0), false)
        else {
            panic!("the spilled run is read back");
        };
    }

    #[test]
    fn a_failed_job_waits_in_memory_and_is_tried_again() {
        let (mut store, mut pool, layout) =
            (PieceStore::default(), BlockPool::default(), layout(2));
        put(&mut store, &mut pool, &layout, 0);
        put(&mut store, &mut pool, &layout, 1);
        let Some(StoreJob::Write { blocks, .. }) = store.next_job(PieceIndex(0), false) else {
            panic!("a job");
        };
        store.job_failed(PieceIndex(0), 0, blocks);
        assert!(matches!(
            store.next_job(PieceIndex(0), false),
            Some(StoreJob::Write {
                first: 0,
                last: true,
                ..
            })
        ));
    }
}
