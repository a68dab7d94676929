//! One peer to which we seem empty: what it was shown, and what became of it.

use std::time::Duration;

use superseed_proto::bitfield::Bitfield;
use superseed_proto::layout::{Layout, PieceIndex};

use super::{
    AHEAD_BYTES_MIN, DOUBLINGS_MAX, INTEREST_TIME, SPREAD_BYTES_PER_S, SPREAD_TIME, ShowPeer,
    Swarm, UNSPREAD_MIN, UNSPREAD_S,
};
use crate::limits::GIVEN_PIECES_MAX;
use crate::time::Time;

/// How a piece that was given to a peer counts among its copies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counted {
    Not,
    Coming,
    Waiting,
    Held,
    Lost,
}

/// How far a piece is.
///
/// ```text
///  Shown ──all of it left, or HAVE──▶ Sent ──another peer has it──▶ forgotten
///                                      └──too late──▶ Lost ──the same──▶ forgotten
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Shown,
    Sent,
    Lost,
}

/// A piece that was shown and that nobody else is known to have got of the peer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Given {
    pub(super) piece: PieceIndex,
    pub(super) counted: Counted,
    stage: Stage,
    /// The peer said that it has it.
    told: bool,
    /// What was not put on its way yet.
    left: u32,
    /// When the peer last got on with it.
    since: Time,
}

/// The state of one masked peer.
#[derive(Debug)]
pub(super) struct Masked {
    layout: Layout,
    pub(super) shown: Bitfield,
    pub(super) given: Vec<Given>,
    /// Bytes of shown pieces that were not put on their way.
    pub(super) unsent: u64,
    /// With less left it is shown more.
    pub(super) ahead_bytes: u64,
    /// There is nothing more to show it.
    pub(super) all_shown: bool,
    /// Pieces that it lost since it last passed one on.
    lost_in_a_row: u32,
    /// After a lost piece it is shown nothing before.
    not_before: Time,
}

impl Masked {
    pub(super) fn new(layout: Layout) -> Self {
        Self {
            layout,
            shown: Bitfield::new(layout.piece_count()),
            given: Vec::new(),
            unsent: 0,
            ahead_bytes: AHEAD_BYTES_MIN,
            all_shown: false,
            lost_in_a_row: 0,
            not_before: Time::START,
        }
    }

    pub(super) fn show(&mut self, piece: PieceIndex, served: bool, now: Time) -> Counted {
        self.shown.insert(piece);
        let counted = if served {
            Counted::Coming
        } else {
            Counted::Waiting
        };
        let left = self.layout.piece_len(piece);
        self.unsent += u64::from(left);
        self.given.push(Given {
            piece,
            counted,
            stage: Stage::Shown,
            told: false,
            left,
            since: now,
        });
        counted
    }

    fn find(&mut self, piece: PieceIndex) -> Option<&mut Given> {
        self.given.iter_mut().find(|given| given.piece == piece)
    }

    pub(super) fn sent(&mut self, piece: PieceIndex, len: u32, now: Time) {
        let Some(given) = self.find(piece) else {
            return;
        };
        let len = len.min(given.left);
        given.left -= len;
        given.since = now;
        if given.left == 0 && given.stage == Stage::Shown {
            given.stage = Stage::Sent;
        }
        self.unsent -= u64::from(len);
    }

    /// It has a piece.
    pub(super) fn got(&mut self, piece: PieceIndex, now: Time) {
        let Some(given) = self.find(piece) else {
            return;
        };
        given.told = true;
        given.since = now;
        let left = std::mem::take(&mut given.left);
        if given.stage == Stage::Shown {
            given.stage = Stage::Sent;
        }
        self.unsent -= u64::from(left);
    }

    /// Forgets a piece that it got if others have it too; gives how it counted.
    pub(super) fn spread(&mut self, piece: PieceIndex, availability: u32) -> Option<Counted> {
        let at = self.given.iter().position(|given| given.piece == piece)?;
        let given = self.given[at];
        if given.stage == Stage::Shown || availability <= u32::from(given.told) {
            return None;
        }
        self.lost_in_a_row = 0;
        self.not_before = Time::START;
        self.given.remove(at);
        Some(given.counted)
    }

    /// Takes note of what time and the choker did, and says how the count of
    /// each piece changes. Gives the bytes that it can ask for of pieces that
    /// nobody has.
    pub(super) fn look_at(
        &mut self,
        peer: &ShowPeer<'_>,
        swarm: &Swarm<'_>,
        now: Time,
        mut count: impl FnMut(PieceIndex, Counted, Counted),
    ) -> u64 {
        let (mut lost, mut new_bytes) = (0, 0);
        self.given.retain_mut(|given| {
            // What came by another way before it was shown, or crossed it.
            let known = given.told || peer.have.has(given.piece);
            let availability = (swarm.availability)(given.piece);
            let others = availability > u32::from(known);
            if given.stage != Stage::Shown && (others || swarm.alone) {
                count(given.piece, given.counted, Counted::Not);
                return false;
            }
            let late = now.since(given.since) >= spread_time(&self.layout, given.piece);
            if late && given.stage == Stage::Sent {
                given.stage = Stage::Lost;
                lost += 1;
            }
            let counted = match given.stage {
                Stage::Shown if peer.served && !late => Counted::Coming,
                Stage::Shown => Counted::Waiting,
                Stage::Sent if known => Counted::Held,
                Stage::Sent => Counted::Coming,
                Stage::Lost if known => Counted::Lost,
                Stage::Lost => Counted::Held,
            };
            if counted == Counted::Coming && availability == 0 {
                new_bytes += u64::from(given.left);
            }
            count(given.piece, given.counted, counted);
            given.counted = counted;
            true
        });
        if lost > 0 {
            let wait = 1 << self.lost_in_a_row.min(DOUBLINGS_MAX);
            self.not_before = now + SPREAD_TIME * wait;
            self.lost_in_a_row = self.lost_in_a_row.saturating_add(lost);
        }
        let mut over = self.given.len().saturating_sub(GIVEN_PIECES_MAX);
        self.given.retain(|given| {
            let keep = over == 0 || given.stage == Stage::Shown;
            if !keep {
                over -= 1;
                count(given.piece, given.counted, Counted::Not);
            }
            keep
        });
        new_bytes
    }

    pub(super) fn piece_len(&self, piece: PieceIndex) -> u32 {
        self.layout.piece_len(piece)
    }

    /// Whether it deserves another piece.
    pub(super) fn wants_more(&self, peer: &ShowPeer<'_>, now: Time) -> bool {
        if self.all_shown || now < self.not_before || self.given.len() >= GIVEN_PIECES_MAX {
            return false;
        }
        if !peer.served {
            // One piece is enough to be interested in us.
            let patience = if peer.interested {
                Duration::MAX
            } else {
                INTEREST_TIME
            };
            let waits =
                |given: &Given| given.stage == Stage::Shown && now.since(given.since) < patience;
            return !self.given.iter().any(waits);
        }
        let under_way = self.given.iter().filter(|given| given.stage != Stage::Lost);
        if self.lost_in_a_row > 0 {
            return under_way.count() == 0;
        }
        let unspread = under_way.filter(|given| given.stage == Stage::Sent);
        let unspread_bytes: u64 = unspread
            .map(|given| u64::from(self.layout.piece_len(given.piece)))
            .sum();
        let piece_len = u64::from(self.layout.piece_len_nominal());
        let allowed = (UNSPREAD_MIN * piece_len).max(peer.upload_bytes_per_s * UNSPREAD_S);
        self.unsent < self.ahead_bytes && unspread_bytes < allowed
    }

    /// The order in which peers get what the line has to spare: who passes
    /// pieces on first.
    pub(super) fn merit(&self) -> (u32, usize) {
        (self.lost_in_a_row, self.given.len())
    }
}

/// How long a piece may be at one peer only.
fn spread_time(layout: &Layout, piece: PieceIndex) -> Duration {
    let len = u64::from(layout.piece_len(piece));
    SPREAD_TIME + Duration::from_millis(len * 1_000 / SPREAD_BYTES_PER_S)
}
