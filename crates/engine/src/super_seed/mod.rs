//! Super-seeding (BEP 16): which piece a seed that seems to have nothing shows
//! to whom, so that the swarm has a whole copy after one was sent.
//!
//! A peer to which we seem empty is *masked*. It is shown pieces one by one, by
//! HAVE, and may ask for those alone. Pure policy over plain data: no
//! connection, no clock; who has how many copies is asked of the picker.
//!
//! - The piece with the fewest copies is shown, where a copy on its way counts
//!   as one, so that no two peers fetch the same piece while another one waits.
//! - A peer is shown the next piece when little of the last is left to send:
//!   what is shown earlier waits at one peer while others could fetch it.
//! - What a peer got and nobody else has is *unspread*. With too many such
//!   pieces a peer waits until another one has got one of them (BEP 16).
//! - A piece that stays unspread for long is *lost*: it counts as not sent, and
//!   who keeps it gets one piece at a time, after waits that double.
//! - While pieces without a copy keep the line busy no others are shown: the
//!   last pieces of the first copy do not share the line.
//! - Once every piece was sent, peers are shown more at a time.
//! - No wait may leave the line idle: when nobody who passes pieces on can take
//!   what the line carries, the others may.
//!
//! BEP 16 shows one piece per peer at a time and stalls with the slowest
//! receiver; the figures that chose otherwise are in docs/decisions/023.
//!
//! Cost: a HAVE is O(masked peers) if it is of a piece on its way, and O(1)
//! otherwise; to show a piece is O(pieces) once for all its blocks. Memory: 16
//! bytes per piece, and per masked peer one bit per piece and what is on its way.

mod masked;

use std::collections::BTreeMap;
use std::time::Duration;

use rand_core::Rng;
use superseed_proto::bitfield::Bitfield;
use superseed_proto::layout::{Layout, PieceIndex};

use self::masked::{Counted, Masked};
use crate::ids::ConnKey;
use crate::limits::GIVEN_PIECES_MAX;
use crate::time::Time;

/// A peer with no less than this left to ask for is shown nothing more …
const AHEAD_BYTES_MIN: u64 = 64 << 10;
/// … and a fast one with what it takes in as many milliseconds: its requests
/// must reach us before the last block has left.
const AHEAD_MS: u64 = 1_000;
/// The same once no piece is left that is neither on its way nor had by anyone.
const AHEAD_LATER_MS: u64 = 2_000;
/// Unspread pieces that a peer may have …
const UNSPREAD_MIN: u64 = 4;
/// … or what it takes in as many seconds, if that is more.
const UNSPREAD_S: u64 = 10;
/// The line counts as busy with so many bytes left to ask for …
const BUSY_BYTES_MIN: u64 = 256 << 10;
/// … or what it carries in as many milliseconds, if that is more.
const BUSY_MS: u64 = 100;
/// A piece has this long to get from its first peer to a second one …
const SPREAD_TIME: Duration = Duration::from_secs(20);
/// … and the time that a peer takes which passes it on at this rate.
const SPREAD_BYTES_PER_S: u64 = 32 << 10;
/// A peer that wants nothing of what it was shown is shown something else.
const INTEREST_TIME: Duration = Duration::from_secs(10);
/// How long it is believed that everything was sent.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// How often the wait after lost pieces doubles.
const DOUBLINGS_MAX: u32 = 4;

/// What is known of a peer at the moment.
#[derive(Clone, Copy, Debug)]
pub struct ShowPeer<'a> {
    /// Its connection.
    pub conn: ConnKey,
    /// What it has.
    pub have: &'a Bitfield,
    /// It wants something of us and is not choked.
    pub served: bool,
    /// It wants something of us.
    pub interested: bool,
    /// Payload rate to it.
    pub upload_bytes_per_s: u64,
}

/// What is known of the swarm at the moment.
#[derive(Clone, Copy)]
pub struct Swarm<'a> {
    /// The pieces that can be shown.
    pub ours: &'a Bitfield,
    /// How many connected peers have a piece.
    pub availability: &'a dyn Fn(PieceIndex) -> u32,
    /// The masked peers of which it is known what they have.
    pub peers: &'a [ShowPeer<'a>],
    /// There is one peer only: it can pass nothing on.
    pub alone: bool,
}

/// Copies of a piece that availability does not tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Copies {
    /// Shown to a peer that is fetching it, or sent and not yet verified there.
    coming: u32,
    /// Shown to a peer that cannot or does not fetch it now.
    waiting: u32,
    /// Sent to a peer that is to pass it on: no more copies than are known.
    held: u32,
    /// Held by a peer that does not pass it on.
    lost: u32,
}

/// What masked peers were shown, and what became of it.
#[derive(Debug, Default)]
pub struct SuperSeed {
    masked: BTreeMap<ConnKey, Masked>,
    copies: Vec<Copies>,
    /// A piece that was neither on its way nor had when last looked for.
    a_new_one: Option<PieceIndex>,
    /// When to look for one after there was none.
    look_again_at: Time,
}

impl SuperSeed {
    /// Whether nobody is masked.
    pub fn is_empty(&self) -> bool {
        self.masked.is_empty()
    }

    /// Whether a peer is one of them.
    pub fn is_masked(&self, conn: ConnKey) -> bool {
        !self.masked.is_empty() && self.masked.contains_key(&conn)
    }

    /// The peers to which we seem empty.
    pub fn masked(&self) -> impl Iterator<Item = ConnKey> + '_ {
        self.masked.keys().copied()
    }

    /// A peer was told that we have nothing.
    pub fn join(&mut self, conn: ConnKey, layout: Layout) {
        self.copies
            .resize(layout.piece_count() as usize, Copies::default());
        self.masked.insert(conn, Masked::new(layout));
    }

    /// A peer is gone, or is told everything: gives what it was shown.
    pub fn leave(&mut self, conn: ConnKey) -> Option<Bitfield> {
        let mut gone = self.masked.remove(&conn)?;
        for given in gone.given.drain(..) {
            self.copies[given.piece.0 as usize].change(given.counted, Counted::Not);
        }
        Some(gone.shown)
    }

    /// Whether a peer may ask for a piece: it was shown to it, or the peer is
    /// not masked.
    pub fn may_ask(&self, conn: ConnKey, piece: PieceIndex) -> bool {
        self.masked
            .get(&conn)
            .is_none_or(|masked| masked.shown.has(piece))
    }

    /// A block was put on its way to a peer. True if the peer has little left
    /// to ask for.
    pub fn sent(&mut self, conn: ConnKey, piece: PieceIndex, len: u32, now: Time) -> bool {
        let Some(masked) = self.masked.get_mut(&conn) else {
            return false;
        };
        masked.sent(piece, len, now);
        masked.unsent < masked.ahead_bytes
    }

    /// A peer has a piece, which `availability` peers now have. True if that
    /// makes room for another one.
    pub fn has(&mut self, conn: ConnKey, piece: PieceIndex, availability: u32, now: Time) -> bool {
        let Some(copies) = self.copies.get_mut(piece.0 as usize) else {
            return false;
        };
        if *copies == Copies::default() {
            return false;
        }
        if let Some(masked) = self.masked.get_mut(&conn) {
            masked.got(piece, now);
        }
        let mut any = false;
        for masked in self.masked.values_mut() {
            if let Some(counted) = masked.spread(piece, availability) {
                copies.change(counted, Counted::Not);
                any = true;
            }
        }
        any || self.masked.contains_key(&conn)
    }

    /// Decides what is shown to whom now.
    pub fn show(
        &mut self,
        swarm: &Swarm<'_>,
        now: Time,
        rng: &mut impl Rng,
    ) -> Vec<(ConnKey, PieceIndex)> {
        let mut new_bytes = 0;
        let ahead_ms = if self.all_sent(swarm, now) {
            AHEAD_LATER_MS
        } else {
            AHEAD_MS
        };
        for peer in swarm.peers {
            new_bytes += self.look_at(peer, ahead_ms, swarm, now);
        }
        let served = swarm.peers.iter().filter(|peer| peer.served);
        let rate: u64 = served.map(|peer| peer.upload_bytes_per_s).sum();
        let busy_bytes = BUSY_BYTES_MIN.max(rate * BUSY_MS / 1_000);
        let mut shows = Vec::new();
        for peer in swarm.peers {
            while self.masked[&peer.conn].wants_more(peer, now) {
                let new_only = new_bytes >= busy_bytes;
                let Some((piece, is_new)) = self.show_to(peer, new_only, swarm, now, rng) else {
                    break;
                };
                if is_new && peer.served {
                    new_bytes += u64::from(self.masked[&peer.conn].piece_len(piece));
                }
                shows.push((peer.conn, piece));
            }
        }
        self.keep_busy(busy_bytes, swarm, now, rng, &mut shows);
        shows
    }

    /// Shows pieces to peers that would have to wait, as far as the others
    /// leave the line idle.
    fn keep_busy(
        &mut self,
        busy_bytes: u64,
        swarm: &Swarm<'_>,
        now: Time,
        rng: &mut impl Rng,
        shows: &mut Vec<(ConnKey, PieceIndex)>,
    ) {
        let mut served: Vec<_> = swarm.peers.iter().filter(|peer| peer.served).collect();
        let mut left: u64 = served
            .iter()
            .map(|peer| self.masked[&peer.conn].unsent)
            .sum();
        while left < busy_bytes && !served.is_empty() {
            served.sort_by_key(|peer| self.masked[&peer.conn].merit());
            served.retain(|peer| {
                if left >= busy_bytes {
                    return true;
                }
                let Some((piece, _)) = self.show_to(peer, false, swarm, now, rng) else {
                    return false;
                };
                left += u64::from(self.masked[&peer.conn].piece_len(piece));
                shows.push((peer.conn, piece));
                true
            });
        }
    }

    /// Takes note of what changed for a peer; gives the bytes that it can ask
    /// for of pieces that nobody has.
    fn look_at(&mut self, peer: &ShowPeer<'_>, ahead_ms: u64, swarm: &Swarm<'_>, now: Time) -> u64 {
        let Some(masked) = self.masked.get_mut(&peer.conn) else {
            return 0;
        };
        masked.ahead_bytes = AHEAD_BYTES_MIN.max(peer.upload_bytes_per_s * ahead_ms / 1_000);
        let copies = &mut self.copies;
        masked.look_at(peer, swarm, now, |piece, from, to| {
            copies[piece.0 as usize].change(from, to);
        })
    }

    /// Shows a peer the piece with the fewest copies that it lacks, any of
    /// several; tells whether it had none. With `new_only` no other is shown.
    fn show_to(
        &mut self,
        peer: &ShowPeer<'_>,
        new_only: bool,
        swarm: &Swarm<'_>,
        now: Time,
        rng: &mut impl Rng,
    ) -> Option<(PieceIndex, bool)> {
        let masked = self.masked.get_mut(&peer.conn)?;
        if masked.all_shown || masked.given.len() >= GIVEN_PIECES_MAX {
            return None;
        }
        let count = self.copies.len() as u32;
        let start = rng.next_u32() % count.max(1);
        let mut best = None;
        for piece in (start..count).chain(0..start).map(PieceIndex) {
            if !swarm.ours.has(piece) || masked.shown.has(piece) || peer.have.has(piece) {
                continue;
            }
            let Copies {
                coming,
                waiting,
                lost,
                ..
            } = self.copies[piece.0 as usize];
            let copies = ((swarm.availability)(piece) + coming).saturating_sub(lost);
            if best.is_none_or(|(least, _)| (copies, waiting) < least) {
                best = Some(((copies, waiting), piece));
            }
            if (copies, waiting) == (0, 0) {
                break;
            }
        }
        let Some(((least, _), piece)) = best else {
            masked.all_shown = true;
            return None;
        };
        if new_only && least > 0 {
            return None;
        }
        let counted = masked.show(piece, peer.served, now);
        self.copies[piece.0 as usize].change(Counted::Not, counted);
        Some((piece, least == 0))
    }

    /// Whether every piece is had by a peer or on its way to one. A piece that
    /// is not is remembered, and that there is none for a while: it is rare
    /// that all pieces are looked at.
    fn all_sent(&mut self, swarm: &Swarm<'_>, now: Time) -> bool {
        let is_new = |piece: &PieceIndex| {
            let coming = self.copies.get(piece.0 as usize).map_or(0, |of| of.coming);
            swarm.ours.has(*piece) && coming == 0 && (swarm.availability)(*piece) == 0
        };
        if self.a_new_one.as_ref().is_some_and(is_new) {
            return false;
        }
        if now >= self.look_again_at {
            self.a_new_one = swarm.ours.iter().find(is_new);
            self.look_again_at = match self.a_new_one {
                Some(_) => now,
                None => now + LOOK_AGAIN,
            };
        } else {
            self.a_new_one = None;
        }
        self.a_new_one.is_none()
    }

    /// More can be shown than before.
    pub fn found(&mut self) {
        for masked in self.masked.values_mut() {
            masked.all_shown = false;
        }
    }
}

impl Copies {
    fn change(&mut self, from: Counted, to: Counted) {
        if let Some(count) = self.of(from) {
            *count -= 1;
        }
        if let Some(count) = self.of(to) {
            *count += 1;
        }
    }

    fn of(&mut self, counted: Counted) -> Option<&mut u32> {
        match counted {
            Counted::Not => None,
            Counted::Coming => Some(&mut self.coming),
            Counted::Waiting => Some(&mut self.waiting),
            Counted::Held => Some(&mut self.held),
            Counted::Lost => Some(&mut self.lost),
        }
    }
}

#[cfg(test)]
mod tests;
