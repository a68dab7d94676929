//! All started pieces, and those with blocks to ask for in order of preference.

use std::collections::BTreeSet;

use superseed_proto::bitfield::Bitfield;
use superseed_proto::layout::PieceIndex;

use super::PickPeer;
use super::SCAN_MAX;
use super::pieces::PieceTable;
use super::started::{Openness, Started};
use crate::config::Priority;
use crate::ids::ConnKey;

/// Which of the started pieces a peer may be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// Those that suit it, while there are new ones as well.
    Suiting,
    /// All but those that it or others should have for themselves, since they
    /// are on parole.
    Apart,
    /// All that admit it.
    All,
}

impl Reach {
    /// The reach of a peer over pieces that it works on alone.
    fn has_own(self, peer: &PickPeer<'_>) -> bool {
        self != Self::Suiting || !peer.snubbed
    }

    /// The reach of a peer over pieces of others.
    fn has(self, peer: &PickPeer<'_>, openness: Openness) -> bool {
        match (openness, self) {
            (Openness::Closed, _) => false,
            (_, Self::All) => true,
            (Openness::OnParole, _) | (Openness::Kept, Self::Suiting) => false,
            (Openness::Idle, Self::Suiting) => !peer.snubbed,
            (Openness::Idle, Self::Apart) => true,
            (Openness::Shared, Self::Suiting) => !peer.snubbed && !peer.fast && !peer.on_parole,
            (Openness::Shared | Openness::Kept, Self::Apart) => !peer.on_parole,
        }
    }

    /// Whether a peer may be given a piece.
    pub(super) fn admits(self, peer: &PickPeer<'_>, started: &Started) -> bool {
        if started.only_worker() == Some(peer.conn) {
            return self.has_own(peer);
        }
        let openness = started.openness();
        let spoilt = openness == Openness::Idle && !self.takes_idle(peer, started);
        self.has(peer, openness) && !spoilt
    }

    /// Whether a piece that nobody works on is one for this peer.
    fn takes_idle(self, peer: &PickPeer<'_>, started: &Started) -> bool {
        self == Self::All || !peer.on_parole || started.can_be_own()
    }
}

/// What decides which of several is worked on: one that failed before, then
/// that with the fewest blocks to ask for, then the rarest.
type Rank = (bool, u32, u32, PieceIndex);

const RANK_MIN: Rank = (false, 0, 0, PieceIndex(0));
const RANK_MAX: Rank = (true, u32::MAX, u32::MAX, PieceIndex(u32::MAX));

/// Where a piece stands in the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Standing {
    priority: Priority,
    openness: Openness,
    only_worker: Option<ConnKey>,
    rank: Rank,
}

impl Standing {
    /// None if there is nothing to ask for, or the piece is not wanted.
    fn of(started: &Started, pieces: &PieceTable) -> Option<Self> {
        let piece = started.piece();
        let priority = pieces.priority(piece);
        let missing = started.missing();
        (missing > 0 && priority != Priority::Skip).then(|| Self {
            priority,
            openness: started.openness(),
            only_worker: started.only_worker(),
            rank: (
                !started.is_exclusive(),
                missing,
                pieces.availability(piece),
                piece,
            ),
        })
    }
}

/// All started pieces. Every change costs the logarithm of their number.
#[derive(Debug)]
pub(super) struct StartedPieces {
    list: Vec<Started>,
    /// Those with a block to ask for.
    partial: Bitfield,
    /// The wanted ones among these, as others see them.
    order: BTreeSet<(Priority, Openness, Rank)>,
    /// Those that one peer alone works on, once more by that peer.
    own: BTreeSet<(ConnKey, Priority, Rank)>,
}

impl StartedPieces {
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// Nothing started of so many pieces.
    pub(super) fn new(piece_count: u32) -> Self {
        Self {
            list: Vec::new(),
            partial: Bitfield::new(piece_count),
            order: BTreeSet::new(),
            own: BTreeSet::new(),
        }
    }

    pub(super) fn at(&self, place: u32) -> &Started {
        &self.list[place as usize]
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Started> {
        self.list.iter()
    }

    /// Whether a piece is started and has a block to ask for.
    pub(super) fn is_partial(&self, piece: PieceIndex) -> bool {
        self.partial.has(piece)
    }

    /// How many have a block to ask for.
    pub(super) fn partial_count(&self) -> u32 {
        self.partial.count()
    }

    pub(super) fn insert(&mut self, started: Started, pieces: &mut PieceTable) {
        let place = self.list.len() as u32;
        pieces.set_place(started.piece(), place);
        self.list.push(started);
        self.enter(place, pieces);
    }

    pub(super) fn remove(&mut self, place: u32, pieces: &mut PieceTable) {
        self.leave(place, pieces);
        self.partial.remove(self.list[place as usize].piece());
        self.list.swap_remove(place as usize);
        if let Some(moved) = self.list.get(place as usize) {
            pieces.set_place(moved.piece(), place);
        }
    }

    /// Changes a piece and keeps its standing right.
    pub(super) fn change<T>(
        &mut self,
        place: u32,
        pieces: &PieceTable,
        change: impl FnOnce(&mut Started) -> T,
    ) -> T {
        let started = &mut self.list[place as usize];
        let before = Standing::of(started, pieces);
        let answer = change(started);
        let after = Standing::of(started, pieces);
        if before == after {
            // A piece that is not wanted stands nowhere, and yet it may be partial.
            self.note_partial(place);
        } else {
            self.unlist(before);
            self.enter(place, pieces);
        }
        answer
    }

    /// Takes a piece out of the order, before anything that decides its place
    /// there changes.
    pub(super) fn leave(&mut self, place: u32, pieces: &PieceTable) {
        self.unlist(Standing::of(&self.list[place as usize], pieces));
    }

    /// The opposite of [`Self::leave`], after it changed.
    pub(super) fn enter(&mut self, place: u32, pieces: &PieceTable) {
        self.note_partial(place);
        let Some(standing) = Standing::of(&self.list[place as usize], pieces) else {
            return;
        };
        let Standing { priority, rank, .. } = standing;
        self.order.insert((priority, standing.openness, rank));
        if let Some(conn) = standing.only_worker {
            self.own.insert((conn, priority, rank));
        }
    }

    fn note_partial(&mut self, place: u32) {
        let started = &self.list[place as usize];
        if started.missing() > 0 {
            self.partial.insert(started.piece());
        } else {
            self.partial.remove(started.piece());
        }
    }

    fn unlist(&mut self, standing: Option<Standing>) {
        let Some(standing) = standing else { return };
        let Standing { priority, rank, .. } = standing;
        self.order.remove(&(priority, standing.openness, rank));
        if let Some(conn) = standing.only_worker {
            self.own.remove(&(conn, priority, rank));
        }
    }

    /// The piece of a priority with a block to ask for that a peer should work
    /// on next.
    pub(super) fn best(
        &self,
        peer: &PickPeer<'_>,
        priority: Priority,
        reach: Reach,
        pieces: &PieceTable,
    ) -> Option<PieceIndex> {
        // Often nothing of what a peer has is left to ask for: to find that out piece by
        // piece would cost more than all else.
        if !peer.have.intersects(&self.partial) {
            return None;
        }
        // A peer goes on with what it works on alone: a piece of one source needs
        // no search for who spoilt it.
        if reach.has_own(peer) {
            let all = (peer.conn, priority, RANK_MIN)..=(peer.conn, priority, RANK_MAX);
            let mut own = self.own.range(all);
            if let Some((.., rank)) = own.find(|(.., rank)| peer.have.has(rank.3)) {
                return Some(rank.3);
            }
        }
        let mut best: Option<Rank> = None;
        let mut too_many = false;
        for openness in [
            Openness::Idle,
            Openness::Shared,
            Openness::Kept,
            Openness::OnParole,
        ] {
            if !reach.has(peer, openness) {
                continue;
            }
            let all = (priority, openness, RANK_MIN)..=(priority, openness, RANK_MAX);
            let is = |rank: &Rank| {
                let idle = openness == Openness::Idle;
                peer.have.has(rank.3)
                    && (!idle || reach.takes_idle(peer, self.at(pieces.place(rank.3))))
            };
            let mut seen = 0;
            let mut ranks = self.order.range(all).map(|(.., rank)| rank);
            let found = ranks
                .by_ref()
                .inspect(|_| seen += 1)
                .take(SCAN_MAX)
                .find(|rank| is(rank));
            too_many |= found.is_none() && seen == SCAN_MAX && ranks.next().is_some();
            if let Some(rank) = found {
                best = Some(best.map_or(*rank, |known| known.min(*rank)));
            }
        }
        match best {
            None if too_many => self.first(peer, priority, reach, PieceIndex(0), pieces),
            best => best.map(|rank| rank.3),
        }
    }

    /// The same, but the one with the lowest index. No piece before `from` has a
    /// block to ask for.
    pub(super) fn first(
        &self,
        peer: &PickPeer<'_>,
        priority: Priority,
        reach: Reach,
        from: PieceIndex,
        pieces: &PieceTable,
    ) -> Option<PieceIndex> {
        let mut of_peer = peer.have.intersection_from(&self.partial, from);
        of_peer.find(|piece| {
            pieces.priority(*piece) == priority && reach.admits(peer, self.at(pieces.place(*piece)))
        })
    }

    /// Every piece stands where its state says, and nothing else does.
    #[cfg(test)]
    pub(super) fn assert_ordered(&self, pieces: &PieceTable) {
        let standings = || self.list.iter().filter_map(|of| Standing::of(of, pieces));
        let order = standings().map(|of| (of.priority, of.openness, of.rank));
        assert_eq!(order.collect::<BTreeSet<_>>(), self.order);
        let own = standings().filter_map(|of| Some((of.only_worker?, of.priority, of.rank)));
        assert_eq!(own.collect::<BTreeSet<_>>(), self.own);
        for (place, started) in (0..).zip(&self.list) {
            assert_eq!(pieces.place(started.piece()), place);
            assert_eq!(self.partial.has(started.piece()), started.missing() > 0);
        }
    }
}
