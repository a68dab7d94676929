//! One torrent's bytes on one disk: what is there, what of it is durable, and
//! the resume record.

use std::collections::BTreeSet;
use std::sync::Arc;

use superseed_engine::DiskErrorKind;
use superseed_engine::disk::{DiskError, OpenReport, RecordTotals, ResumeSnapshot};
use superseed_proto::bitfield::Bitfield;
use superseed_proto::layout::{BLOCK_LEN, Block, Layout, PieceIndex};

use crate::content::Content;
use crate::rng::Rng;

/// What a crash does to writes that no sync covered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrashLoss {
    /// Only the process died: the system still writes everything.
    Nothing,
    /// Power cut: each unsynced block is kept, lost, or half written.
    Unsynced,
}

/// The bytes of one block on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cell {
    /// Never written: reads as zeroes where a later block made the file longer.
    Hole,
    /// Equal to the source.
    Source,
    /// Something else.
    Other(Box<[u8]>),
}

/// One torrent's data.
pub(crate) struct Store {
    content: Arc<Content>,
    cells: Vec<Cell>,
    /// What the cells that were written since the last sync held before each
    /// write, in order.
    unsynced: Vec<(usize, Cell)>,
    record: Option<ResumeSnapshot>,
    /// Something was written since the record: sizes or times differ from it.
    written_since_record: bool,
    pub(crate) fault: Option<DiskErrorKind>,
    cells_per_piece: usize,
    /// Pieces of which a bit turned since they were written.
    rotten: BTreeSet<PieceIndex>,
}

impl Store {
    pub(crate) fn new(content: Arc<Content>) -> Self {
        let layout = content.layout();
        let cells_per_piece = layout.piece_len_nominal().div_ceil(BLOCK_LEN) as usize;
        let count = cells_per_piece * layout.piece_count() as usize;
        Self {
            content,
            cells: vec![Cell::Hole; count],
            unsynced: Vec::new(),
            record: None,
            written_since_record: false,
            fault: None,
            cells_per_piece,
            rotten: BTreeSet::new(),
        }
    }

    pub(crate) fn content(&self) -> &Arc<Content> {
        &self.content
    }

    pub(crate) fn layout(&self) -> &Layout {
        self.content.layout()
    }

    /// Puts the whole content there, durable and without a record, as a user
    /// does who wants to seed.
    pub(crate) fn fill(&mut self) {
        for piece in self.layout().pieces() {
            for at in self.piece_cells(piece) {
                self.cells[at] = Cell::Source;
            }
        }
    }

    /// A resume record that says everything is there.
    pub(crate) fn record_everything(&mut self) {
        self.record = Some(ResumeSnapshot {
            pieces: Bitfield::full(self.layout().piece_count()),
            totals: RecordTotals {
                completed_told: true,
                ..Default::default()
            },
        });
    }

    fn piece_cells(&self, piece: PieceIndex) -> std::ops::Range<usize> {
        let first = piece.0 as usize * self.cells_per_piece;
        first..first + self.layout().block_count(piece) as usize
    }

    pub(super) fn cell_at(&self, piece: PieceIndex, begin: u32) -> usize {
        piece.0 as usize * self.cells_per_piece + (begin / BLOCK_LEN) as usize
    }

    fn block_at(&self, at: usize) -> Block {
        Block {
            piece: PieceIndex((at / self.cells_per_piece) as u32),
            index: (at % self.cells_per_piece) as u32,
        }
    }

    pub(super) fn cell(&self, at: usize) -> &Cell {
        &self.cells[at]
    }

    pub(super) fn used_bytes(&self) -> u64 {
        let written = self
            .cells
            .iter()
            .filter(|cell| **cell != Cell::Hole)
            .count();
        written as u64 * u64::from(BLOCK_LEN)
    }

    pub(super) fn is_hole(&self, at: usize) -> bool {
        self.cells[at] == Cell::Hole
    }

    pub(super) fn set_cell(&mut self, at: usize, cell: Cell) {
        let old = std::mem::replace(&mut self.cells[at], cell);
        self.unsynced.push((at, old));
        self.rotten
            .remove(&PieceIndex((at / self.cells_per_piece) as u32));
        self.written_since_record = true;
    }

    pub(super) fn sync(&mut self) {
        self.unsynced.clear();
    }

    /// The totals of the record.
    pub(crate) fn recorded_totals(&self) -> Option<RecordTotals> {
        self.record.as_ref().map(|record| record.totals)
    }

    /// Changes the totals of the record.
    pub(super) fn amend(&mut self, totals: RecordTotals) {
        if let Some(record) = &mut self.record {
            record.totals = totals;
        }
    }

    pub(super) fn save(&mut self, record: ResumeSnapshot) {
        self.record = Some(record);
        self.written_since_record = false;
    }

    pub(super) fn open_report(&self) -> OpenReport {
        let count = self.layout().piece_count();
        let mut unchecked = Bitfield::new(count);
        let unchanged = !self.written_since_record;
        let trusted = match &self.record {
            Some(record) if unchanged => record.pieces.clone(),
            _ => Bitfield::new(count),
        };
        for piece in self.layout().pieces() {
            let some = self.piece_cells(piece).any(|at| !self.is_hole(at));
            if some && !trusted.has(piece) {
                unchecked.insert(piece);
            }
        }
        OpenReport {
            trusted,
            unchecked,
            record: self.record.as_ref().map(|record| record.totals),
            device: 0,
        }
    }

    /// Whether every byte of the piece equals the source.
    pub(crate) fn piece_is_right(&self, piece: PieceIndex) -> bool {
        self.cells[self.piece_cells(piece)]
            .iter()
            .all(|cell| *cell == Cell::Source)
    }

    /// Whether nothing of the piece was ever written.
    pub(super) fn piece_is_absent(&self, piece: PieceIndex) -> bool {
        self.cells[self.piece_cells(piece)]
            .iter()
            .all(|cell| *cell == Cell::Hole)
    }

    /// Pieces of which every byte equals the source.
    pub(crate) fn right_pieces(&self) -> u32 {
        self.layout()
            .pieces()
            .filter(|piece| self.piece_is_right(*piece))
            .count() as u32
    }

    /// Pieces that the resume record names.
    pub(crate) fn recorded_pieces(&self) -> u32 {
        self.record
            .as_ref()
            .map_or(0, |record| record.pieces.count())
    }

    /// Spoils a piece behind the engine's back.
    pub(crate) fn spoil(&mut self, piece: PieceIndex) {
        let at = self.cell_at(piece, 0);
        let len = self.layout().block_len(Block { piece, index: 0 });
        self.cells[at] = Cell::Other(vec![0x5a; len as usize].into());
        self.written_since_record = true;
    }

    /// One bit of a block turns on the disk, and nothing tells.
    pub(crate) fn rot(&mut self, block: Block, bit: usize) {
        let Some(bytes) = self.block_bytes(block) else {
            return;
        };
        let mut bytes: Box<[u8]> = bytes.into();
        let at = bit / 8 % bytes.len();
        bytes[at] ^= 1 << (bit % 8);
        let cell = self.cell_at(block.piece, block.begin());
        self.cells[cell] = Cell::Other(bytes);
        self.rotten.insert(block.piece);
    }

    /// Whether a piece is as the engine may believe it to be: right, or rotten
    /// since it was.
    pub(crate) fn may_be_claimed(&self, piece: PieceIndex) -> bool {
        self.rotten.contains(&piece) || self.piece_is_right(piece)
    }

    /// Writes as much of a run as `room` takes, the last block torn.
    pub(super) fn write_short(&mut self, piece: PieceIndex, begin: u32, run: &[&[u8]], room: u64) {
        let mut left = room as usize;
        for (at, bytes) in (self.cell_at(piece, begin)..).zip(run) {
            let written = bytes.len().min(left);
            if written == 0 {
                return;
            }
            let cell = self.torn(at, &bytes[..written], &self.cells[at]);
            self.set_cell(at, cell);
            left -= written;
        }
    }

    /// The engine is gone; tells how many blocks that were written went with it.
    pub(super) fn crash(&mut self, loss: CrashLoss, rng: &mut Rng) -> u32 {
        let mut unsynced = std::mem::take(&mut self.unsynced);
        if loss == CrashLoss::Nothing {
            return 0;
        }
        // Of a cell that was written twice, what the first write found.
        unsynced.sort_by_key(|(at, _)| *at);
        unsynced.dedup_by_key(|(at, _)| *at);
        let mut lost = 0;
        for (at, before) in unsynced {
            let after = match rng.below(3) {
                0 => continue,
                1 => before,
                _ => {
                    let bytes = self.block_bytes(self.block_at(at));
                    let bytes = bytes.expect("an unsynced block was written");
                    self.torn(at, &bytes[..bytes.len() / 2], &before)
                }
            };
            lost += u32::from(self.cells[at] != after);
            self.cells[at] = after;
        }
        lost
    }

    /// A block of which only the first bytes have got to the disk: the others
    /// are as they were before.
    fn torn(&self, at: usize, written: &[u8], before: &Cell) -> Cell {
        let block = self.block_at(at);
        let mut bytes = match self.bytes_of(before, block) {
            Some(bytes) => bytes.to_vec(),
            None => vec![0; self.layout().block_len(block) as usize],
        };
        bytes[..written.len()].copy_from_slice(written);
        if self.content.is_block(block, &bytes) {
            Cell::Source
        } else {
            Cell::Other(bytes.into())
        }
    }

    /// Whether every recorded piece is really there.
    pub(super) fn check_record(&self) -> Result<(), String> {
        let Some(record) = &self.record else {
            return Ok(());
        };
        match record
            .pieces
            .iter()
            .find(|piece| !self.piece_is_right(*piece))
        {
            Some(piece) => Err(format!(
                "the resume record names {piece:?}, which is not on disk"
            )),
            None => Ok(()),
        }
    }

    /// The bytes of a block, if it was ever written.
    pub(super) fn block_bytes(&self, block: Block) -> Option<&[u8]> {
        self.bytes_of(&self.cells[self.cell_at(block.piece, block.begin())], block)
    }

    fn bytes_of<'a>(&'a self, cell: &'a Cell, block: Block) -> Option<&'a [u8]> {
        match cell {
            Cell::Hole => None,
            Cell::Source => Some(self.content.block(block)),
            Cell::Other(bytes) => Some(&bytes[..self.layout().block_len(block) as usize]),
        }
    }

    pub(super) fn failure(&self) -> Option<DiskError> {
        self.fault.map(|kind| self.error(kind))
    }

    pub(super) fn error(&self, kind: DiskErrorKind) -> DiskError {
        let what = match kind {
            DiskErrorKind::Full => "no space left on device",
            DiskErrorKind::ReadOnly => "permission denied",
            DiskErrorKind::Foreign => "a file in the way is not ours",
            DiskErrorKind::Locked => "another process uses it",
            DiskErrorKind::Io => "input/output error",
        };
        let message = format!("/sim/{}: {what}", self.content.name());
        DiskError { kind, message }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::ContentSpec;

    const PIECE: PieceIndex = PieceIndex(0);
    const LEN: usize = BLOCK_LEN as usize;

    fn empty() -> Store {
        Store::new(ContentSpec::new(1 << 20, 256 << 10).make(1))
    }

    fn block(index: u32) -> Block {
        Block {
            piece: PIECE,
            index,
        }
    }

    #[test]
    fn a_short_write_leaves_whole_blocks_a_torn_one_and_what_was_there() {
        let mut store = empty();
        store.set_cell(2, Cell::Other(vec![7; LEN].into()));
        let content = Arc::clone(store.content());
        let run: Vec<&[u8]> = (0..4).map(|index| content.block(block(index))).collect();
        store.write_short(PIECE, 0, &run, 2 * LEN as u64 + 100);
        assert_eq!(store.cells[..2], [Cell::Source, Cell::Source]);
        let torn = store.block_bytes(block(2)).unwrap();
        assert_eq!(torn[..100], content.block(block(2))[..100]);
        assert!(torn[100..].iter().all(|byte| *byte == 7));
        assert!(store.is_hole(3));
        // The rest comes later, and all is right.
        store.write_short(PIECE, 2 * BLOCK_LEN, &run[2..], 2 * LEN as u64);
        assert_eq!(store.cells[..4], [const { Cell::Source }; 4]);
    }

    #[test]
    fn a_power_cut_keeps_what_was_synced_and_of_the_rest_keeps_loses_or_tears_some() {
        let mut store = empty();
        store.fill();
        let holes = 16;
        store.cells[holes..].fill(Cell::Hole);
        for at in holes..store.cells.len() {
            store.set_cell(at, Cell::Source);
        }
        let lost = store.crash(CrashLoss::Unsynced, &mut Rng::new(1));
        let (synced, unsynced) = store.cells.split_at(holes);
        assert!(synced.iter().all(|cell| *cell == Cell::Source));
        let kept = unsynced.iter().filter(|cell| **cell == Cell::Source);
        assert_eq!(unsynced.len() - kept.count(), lost as usize);
        let torn = |cell: &&Cell| matches!(cell, Cell::Other(_));
        let torn = unsynced.iter().filter(torn).count();
        assert!(0 < torn && torn < lost as usize && (lost as usize) < unsynced.len());
        for (at, cell) in unsynced.iter().enumerate() {
            if let Cell::Other(bytes) = cell {
                let source = store.content.block(store.block_at(holes + at));
                assert_eq!(bytes[..LEN / 2], source[..LEN / 2]);
                assert!(bytes[LEN / 2..].iter().all(|byte| *byte == 0));
            }
        }
        assert_eq!(store.crash(CrashLoss::Unsynced, &mut Rng::new(1)), 0);
    }

    #[test]
    fn a_process_that_dies_loses_nothing_that_it_had_written() {
        let mut store = empty();
        store.set_cell(0, Cell::Source);
        assert_eq!(store.crash(CrashLoss::Nothing, &mut Rng::new(1)), 0);
        assert_eq!(*store.cell(0), Cell::Source);
    }
}
