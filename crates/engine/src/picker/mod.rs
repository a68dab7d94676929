//! Which block to ask whom for.
//!
//! Owns, for one torrent: the state, priority and availability of every piece,
//! and of every started piece who was asked for which block and who sent it.
//! Pure policy over plain data: no connection, no clock, no bytes. Randomness
//! is passed in.
//!
//! Terms: a piece is *open* if it is missing and no block of it was asked for
//! or received; *started* from then on until it is verified or all of it is
//! given back; *wanted* unless its priority is `Skip`.
//!
//! Cost: a HAVE is O(1), a BITFIELD that is not full O(pieces), and so is the
//! end of its peer. To start a piece is O(levels of availability that are rarer),
//! of which there are few since the rarest are started; what changes in a
//! started piece costs the logarithm of their number. Choosing a piece looks at
//! no more than `SCAN_MAX` pieces in order of preference and then, for a peer
//! that has none of them, at `SAMPLE_MAX` of the pieces it does have; it never
//! walks all pieces but in steps of 64 bits. Memory: 12 bytes per piece and 12
//! per block of a started piece. `benches/picker.rs` measures it.

mod availability;
mod blocks;
mod deadlines;
mod order;
mod partial;
mod pick;
mod pieces;
mod runs;
mod started;

use std::collections::BTreeSet;

use smallvec::SmallVec;
use superseed_proto::bitfield::Bitfield;
use superseed_proto::layout::{Block, Layout, PieceIndex};

use self::deadlines::Deadlines;
use self::order::Bands;
use self::partial::StartedPieces;
use self::pieces::{PieceTable, Status};
use self::started::Started;
use crate::config::{PickerKind, Priority};
use crate::ids::ConnKey;

/// Pieces looked at in order of preference for one choice.
const SCAN_MAX: usize = 256;
/// Pieces of a peer looked at for one choice when the scan found none.
const SAMPLE_MAX: usize = 2_048;
/// While fewer pieces than this are complete, the choice is random: a first
/// piece is wanted soon, and a rare one comes slowly (BEP 3; libtorrent's
/// `initial_picker_threshold`).
const RANDOM_FIRST_PIECES: u32 = 4;
/// Blocks of pieces with blocks to ask for beyond which these are finished first (libtorrent:
/// 2048, which are 32 MiB).
const STARTED_BLOCKS_MAX: u64 = 2_048;

/// The peer that blocks are picked for.
#[derive(Clone, Copy, Debug)]
pub struct PickPeer<'a> {
    /// Its connection.
    pub conn: ConnKey,
    /// What it has, or as much of it as it serves us.
    pub have: &'a Bitfield,
    /// It brings a whole piece in a short time and gets pieces of its own.
    pub fast: bool,
    /// It owes us blocks for too long: it gets what others can bring as well.
    pub snubbed: bool,
    /// It may have sent a wrong block: it gets pieces of its own, so that the
    /// next mistake has a name, and others' only when there is nothing else.
    pub on_parole: bool,
    /// It is among the fastest: it is asked for pieces that failed before any
    /// other, since they tell who spoilt them.
    pub retries: bool,
}

/// What became of a block that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Receipt {
    /// It was missing. That it was not asked of its sender (any more) does not
    /// matter: after a time-out it is welcome, and who asks for memory's sake
    /// asks [`Picker::is_block_missing`] before the bytes come.
    First {
        /// Others that were asked for it.
        cancel: SmallVec<[ConnKey; 2]>,
        /// Every block of the piece is here.
        piece_complete: bool,
    },
    /// The block is here already, or its piece is verified.
    Duplicate,
    /// The piece is not wanted, not checked yet, or another peer's alone because
    /// it hashed wrong.
    Unwanted,
}

/// A started piece at a glance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StartedPiece {
    /// Which.
    pub piece: PieceIndex,
    /// Blocks that are here.
    pub received: u32,
    /// Blocks that were asked for and are not here.
    pub requested: u32,
    /// Blocks that nobody was asked for.
    pub missing: u32,
}

/// Chooses pieces and keeps the books of their blocks.
#[derive(Debug)]
pub struct Picker {
    layout: Layout,
    kind: PickerKind,
    pieces: PieceTable,
    bands: Bands,
    started: StartedPieces,
    /// Peers that had everything when they joined; not counted per piece.
    seeds: u32,
    have: Bitfield,
    wanted_missing: Bitfield,
    /// Wanted, open and not failed: what `bands` holds.
    open: Bitfield,
    wanted_bytes: u64,
    left_bytes: u64,
    have_bytes: u64,
    /// Wanted blocks that are missing and asked of nobody, by priority.
    unasked: [u64; Priority::COUNT],
    /// Wanted pieces that are not checked yet.
    unchecked: u32,
    /// Pieces that hashed wrong and were not right since.
    failed: BTreeSet<PieceIndex>,
    deadlines: Deadlines,
    /// No piece before this one has a block to ask for.
    first_unasked: PieceIndex,
}

impl Picker {
    /// A picker of which every piece is missing and of normal priority.
    pub fn new(layout: Layout, kind: PickerKind) -> Self {
        let count = layout.piece_count();
        let mut picker = Self {
            layout,
            kind,
            pieces: PieceTable::new(count),
            bands: Bands::default(),
            started: StartedPieces::new(count),
            seeds: 0,
            have: Bitfield::new(count),
            wanted_missing: Bitfield::new(count),
            open: Bitfield::new(count),
            wanted_bytes: 0,
            left_bytes: 0,
            have_bytes: 0,
            unasked: [0; Priority::COUNT],
            unchecked: 0,
            failed: BTreeSet::new(),
            deadlines: Deadlines::default(),
            first_unasked: PieceIndex(0),
        };
        for piece in layout.pieces() {
            picker.enter(piece);
        }
        picker
    }

    /// The piece may be on disk: it is neither asked for nor served until
    /// [`Self::set_missing`] or [`Self::set_have`] says what it is.
    pub fn set_unchecked(&mut self, piece: PieceIndex) {
        self.set_status(piece, Status::Unchecked);
    }

    /// The piece is not there: after a check, or because it was lost. What is
    /// known of its blocks is forgotten.
    pub fn set_missing(&mut self, piece: PieceIndex) {
        self.set_status(piece, Status::Open);
    }

    /// The piece was found and verified.
    pub fn set_have(&mut self, piece: PieceIndex) {
        self.set_status(piece, Status::Have);
    }

    /// A started piece hashed right; who sent its blocks is forgotten.
    pub fn piece_verified(&mut self, piece: PieceIndex) {
        self.set_status(piece, Status::Have);
    }

    /// A started piece hashed wrong. All its blocks are missing again; gives
    /// who sent which. From now on one peer at a time is asked for it: as long
    /// as several send, liars among them could spoil it for ever.
    pub fn piece_failed(&mut self, piece: PieceIndex) -> Vec<(u32, ConnKey)> {
        let senders = self.contributors(piece).collect();
        self.failed.insert(piece);
        self.set_status(piece, Status::Open);
        senders
    }

    /// Changes how much a piece is wanted.
    pub fn set_priority(&mut self, piece: PieceIndex, priority: Priority) {
        if self.pieces.contains(piece) && self.pieces.priority(piece) != priority {
            self.leave(piece);
            self.pieces.set_priority(piece, priority);
            self.enter(piece);
        }
    }

    /// Changes the order.
    pub fn set_kind(&mut self, kind: PickerKind) {
        self.kind = kind;
    }

    /// The verified pieces.
    pub fn have(&self) -> &Bitfield {
        &self.have
    }

    /// The pieces that are wanted and neither verified nor unchecked.
    pub fn wanted_missing(&self) -> &Bitfield {
        &self.wanted_missing
    }

    /// Whether a piece is wanted, there or not.
    pub fn is_wanted(&self, piece: PieceIndex) -> bool {
        self.pieces.contains(piece) && self.pieces.is_wanted(piece)
    }

    /// Whether a block is wanted and not here, whoever was asked for it.
    pub fn is_block_missing(&self, block: Block) -> bool {
        self.wanted_missing.has(block.piece)
            && self
                .started_piece(block.piece)
                .is_none_or(|started| !started.is_received(block.index))
    }

    /// Whether every wanted piece is verified.
    pub fn is_complete(&self) -> bool {
        self.left_bytes == 0
    }

    /// Bytes of the wanted pieces.
    pub fn wanted_bytes(&self) -> u64 {
        self.wanted_bytes
    }

    /// Bytes of the wanted pieces that are not verified.
    pub fn left_bytes(&self) -> u64 {
        self.left_bytes
    }

    /// Bytes of the verified pieces.
    pub fn have_bytes(&self) -> u64 {
        self.have_bytes
    }

    /// Whether a peer has a piece that we want and miss.
    pub fn interesting(&self, have: &Bitfield) -> bool {
        if have.is_full() {
            return self.wanted_missing.count() > 0;
        }
        have.intersects(&self.wanted_missing)
    }

    /// Whether every wanted block is asked for or here, and some piece is still
    /// missing. Derived, so it ends with the first block that is given back or
    /// the first piece that fails or is wanted anew.
    pub fn endgame(&self) -> bool {
        self.unasked.iter().all(|blocks| *blocks == 0) && self.unchecked == 0 && self.left_bytes > 0
    }

    /// Who sent which block of a started piece, ascending.
    pub fn contributors(&self, piece: PieceIndex) -> impl Iterator<Item = (u32, ConnKey)> + '_ {
        self.started_piece(piece)
            .into_iter()
            .flat_map(Started::senders)
    }

    /// The started pieces in no particular order.
    pub fn started(&self) -> impl Iterator<Item = StartedPiece> + '_ {
        self.started.iter().map(Started::glance)
    }

    /// Whether a piece hashed wrong and was not right since.
    pub fn has_failed(&self) -> bool {
        !self.failed.is_empty()
    }

    /// Whether a piece is started.
    pub fn is_started(&self, piece: PieceIndex) -> bool {
        self.started_piece(piece).is_some()
    }

    fn started_piece(&self, piece: PieceIndex) -> Option<&Started> {
        let is = self.pieces.contains(piece) && self.pieces.status(piece) == Status::Started;
        is.then(|| self.started.at(self.pieces.place(piece)))
    }

    fn set_status(&mut self, piece: PieceIndex, status: Status) {
        if !self.pieces.contains(piece) || self.pieces.status(piece) == status {
            return;
        }
        self.leave(piece);
        if self.pieces.status(piece) == Status::Started {
            self.started
                .remove(self.pieces.place(piece), &mut self.pieces);
        }
        self.pieces.set_status(piece, status);
        self.enter(piece);
    }

    /// Makes an open piece a started one without any block.
    fn start(&mut self, piece: PieceIndex) {
        let blocks = self.layout.block_count(piece);
        let exclusive = self.failed.contains(&piece);
        self.leave(piece);
        self.pieces.set_status(piece, Status::Started);
        self.started
            .insert(Started::new(piece, blocks, exclusive), &mut self.pieces);
        self.enter(piece);
    }

    /// Takes a piece out of every sum and index, before it changes.
    fn leave(&mut self, piece: PieceIndex) {
        let len = u64::from(self.layout.piece_len(piece));
        let status = self.pieces.status(piece);
        if status == Status::Have {
            self.have.remove(piece);
            self.have_bytes -= len;
        }
        if !self.pieces.is_wanted(piece) {
            return;
        }
        self.wanted_bytes -= len;
        self.left_bytes -= if status == Status::Have { 0 } else { len };
        self.unchecked -= u32::from(status == Status::Unchecked);
        self.unasked[self.pieces.priority(piece) as usize] -= u64::from(self.unasked_of(piece));
        self.wanted_missing.remove(piece);
        if status == Status::Started {
            self.started.leave(self.pieces.place(piece), &self.pieces);
        }
        if status == Status::Open && !self.failed.contains(&piece) {
            self.open.remove(piece);
            self.bands.remove(piece, &mut self.pieces);
        }
    }

    /// The opposite of [`Self::leave`], after it changed.
    fn enter(&mut self, piece: PieceIndex) {
        let len = u64::from(self.layout.piece_len(piece));
        let status = self.pieces.status(piece);
        if status == Status::Have {
            self.failed.remove(&piece);
            self.deadlines.set(piece, None);
            self.have.insert(piece);
            self.have_bytes += len;
        }
        if !self.pieces.is_wanted(piece) {
            return;
        }
        self.wanted_bytes += len;
        self.left_bytes += if status == Status::Have { 0 } else { len };
        self.unchecked += u32::from(status == Status::Unchecked);
        self.unasked[self.pieces.priority(piece) as usize] += u64::from(self.unasked_of(piece));
        if matches!(status, Status::Open | Status::Started) {
            self.wanted_missing.insert(piece);
            self.first_unasked = self.first_unasked.min(piece);
        }
        if status == Status::Started {
            self.started.enter(self.pieces.place(piece), &self.pieces);
        }
        if status == Status::Open && !self.failed.contains(&piece) {
            self.open.insert(piece);
            self.bands.insert(piece, &mut self.pieces);
        }
    }

    /// Blocks of a piece that are missing and asked of nobody.
    fn unasked_of(&self, piece: PieceIndex) -> u32 {
        match self.pieces.status(piece) {
            Status::Open => self.layout.block_count(piece),
            Status::Started => self.started.at(self.pieces.place(piece)).missing(),
            Status::Unchecked | Status::Have => 0,
        }
    }
}

#[cfg(test)]
mod choice_tests;
#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod tests;
