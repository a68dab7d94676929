//! Hashing what is already on the disk, with large reads.

use superseed_engine::disk::CheckVerdict;
use superseed_proto::hash::{ExpectedHash, PieceHasher};
use superseed_proto::layout::{Layout, PieceIndex};

use crate::storage::{ReadError, TorrentStorage};

/// How much is read at once, in bytes. The next read is announced to the
/// system before this one is hashed, so that disk and core work side by side.
const READ_LEN: usize = 1 << 20;

/// Memory of one worker, used again for each check.
pub(super) struct CheckBuffer {
    bytes: Vec<u8>,
    /// The hash state of a piece of this many zeroes: a hole needs no hashing.
    zeroes: Option<(u32, PieceHasher)>,
}

impl CheckBuffer {
    pub(super) fn new() -> Self {
        Self {
            bytes: Vec::new(),
            zeroes: None,
        }
    }

    fn room(&mut self, len: u64) -> &mut [u8] {
        // Most workers of most sessions never check anything.
        if self.bytes.is_empty() {
            self.bytes = vec![0; READ_LEN];
        }
        let len = usize::try_from(len).unwrap_or(READ_LEN).min(READ_LEN);
        &mut self.bytes[..len]
    }

    fn zero_piece(&mut self, len: u32) -> PieceHasher {
        if let Some((known, hasher)) = &self.zeroes
            && *known == len
        {
            return hasher.clone();
        }
        let mut hasher = PieceHasher::new();
        let mut left = u64::from(len);
        while left > 0 {
            let zeroes = self.room(left);
            zeroes.fill(0);
            hasher.update(zeroes);
            left -= zeroes.len() as u64;
        }
        self.zeroes = Some((len, hasher.clone()));
        hasher
    }
}

/// Checks pieces, one verdict each.
pub(super) fn check(
    storage: &dyn TorrentStorage,
    layout: &Layout,
    pieces: &[(PieceIndex, ExpectedHash)],
    buffer: &mut CheckBuffer,
) -> Vec<(PieceIndex, CheckVerdict)> {
    let mut verdicts = Vec::with_capacity(pieces.len());
    let mut rest = pieces;
    while let Some((piece, expected)) = rest.first() {
        let batch = batch_len(layout, rest);
        if batch > 1 && check_together(storage, layout, &rest[..batch], buffer, &mut verdicts) {
            rest = &rest[batch..];
        } else {
            verdicts.push((*piece, check_one(storage, layout, *piece, expected, buffer)));
            rest = &rest[1..];
        }
    }
    verdicts
}

/// How many of the first pieces follow each other and fit into one read.
fn batch_len(layout: &Layout, pieces: &[(PieceIndex, ExpectedHash)]) -> usize {
    let mut len = 0;
    let follow = |at: usize| at == 0 || pieces[at].0.0 == pieces[at - 1].0.0 + 1;
    (0..pieces.len())
        .take_while(|at| {
            let piece = pieces[*at].0;
            if layout.piece(piece.0).is_none() {
                return false;
            }
            len += layout.piece_len(piece) as usize;
            follow(*at) && len <= READ_LEN
        })
        .count()
}

/// Checks small pieces with one read; `false` if some of them are not there,
/// and they are to be looked at one by one.
fn check_together(
    storage: &dyn TorrentStorage,
    layout: &Layout,
    pieces: &[(PieceIndex, ExpectedHash)],
    buffer: &mut CheckBuffer,
    verdicts: &mut Vec<(PieceIndex, CheckVerdict)>,
) -> bool {
    let start = layout.piece_offset(pieces[0].0);
    let len = pieces
        .iter()
        .map(|(piece, _)| u64::from(layout.piece_len(*piece)))
        .sum();
    if storage.is_hole(start, len) {
        return false;
    }
    let mut bytes = &*{
        let room = buffer.room(len);
        if storage.read(start, room).is_err() {
            return false;
        }
        storage.prefetch(start + len, READ_LEN as u64);
        room
    };
    for (piece, expected) in pieces {
        let (own, rest) = bytes.split_at(layout.piece_len(*piece) as usize);
        bytes = rest;
        let mut hasher = PieceHasher::new();
        hasher.update(own);
        let verdict = hasher.finish(*piece, expected).map_or_else(
            || CheckVerdict::Mismatch {
                nonzero: own.iter().any(|byte| *byte != 0),
            },
            CheckVerdict::Verified,
        );
        verdicts.push((*piece, verdict));
    }
    true
}

fn check_one(
    storage: &dyn TorrentStorage,
    layout: &Layout,
    piece: PieceIndex,
    expected: &ExpectedHash,
    buffer: &mut CheckBuffer,
) -> CheckVerdict {
    if layout.piece(piece.0).is_none() {
        return CheckVerdict::Absent;
    }
    let (start, len) = (layout.piece_offset(piece), layout.piece_len(piece));
    if storage.is_hole(start, u64::from(len)) {
        let proof = buffer.zero_piece(len).finish(piece, expected);
        return proof.map_or(CheckVerdict::Absent, CheckVerdict::Verified);
    }
    let mut hasher = PieceHasher::new();
    let mut nonzero = false;
    let fed = feed_and(storage, start, u64::from(len), buffer, |bytes| {
        hasher.update(bytes);
        nonzero = nonzero || bytes.iter().any(|byte| *byte != 0);
    });
    match fed {
        Ok(()) => hasher
            .finish(piece, expected)
            .map_or(CheckVerdict::Mismatch { nonzero }, CheckVerdict::Verified),
        Err(ReadError::Absent(_)) => CheckVerdict::Absent,
        Err(ReadError::Failed(error)) => CheckVerdict::Failed(error),
    }
}

/// Feeds a run of bytes to a hasher.
pub(super) fn feed(
    storage: &dyn TorrentStorage,
    start: u64,
    len: u64,
    hasher: &mut PieceHasher,
    buffer: &mut CheckBuffer,
) -> Result<(), ReadError> {
    feed_and(storage, start, len, buffer, |bytes| hasher.update(bytes))
}

/// Shows a run of bytes to `take`, in parts that are whole blocks but for the last.
pub(super) fn feed_and(
    storage: &dyn TorrentStorage,
    mut start: u64,
    mut len: u64,
    buffer: &mut CheckBuffer,
    mut take: impl FnMut(&[u8]),
) -> Result<(), ReadError> {
    while len > 0 {
        let room = buffer.room(len);
        storage.read(start, room)?;
        let read = room.len() as u64;
        storage.prefetch(start + read, READ_LEN as u64);
        take(room);
        start += read;
        len -= read;
    }
    Ok(())
}
