//! Whom to serve.
//!
//! A choker looks at plain data about the peers of one torrent and says who is
//! to be choked and unchoked. It keeps no connection, sends nothing and reads
//! no clock; the torrent calls it at [`Choker::next_call`] and whenever a place
//! may have become free, or a peer wants one of those that are.

mod bep3;
mod default;
mod last_round;
mod mainline;
mod score;
mod scored;
mod slots;
mod unchoke_all;

use std::cmp::Reverse;

use rand_core::Rng;

pub use self::bep3::Bep3;
pub use self::default::DefaultChoker;
pub use self::mainline::Mainline;
pub use self::scored::Scored;
pub use self::unchoke_all::UnchokeAll;
use crate::config::ChokerKind;
use crate::ids::ConnKey;
use crate::time::Time;

/// A policy of unchoking.
pub trait Choker: std::fmt::Debug + Send {
    /// What should change now. Peers that are not named stay as they are.
    ///
    /// May be called at any time: outside a round nobody loses a place that
    /// still deserves it, only free places are given: a turn of a seed may end.
    fn rechoke(
        &mut self,
        peers: &[ChokePeer],
        cx: &ChokeContext,
        now: Time,
        rng: &mut dyn Rng,
    ) -> Vec<Decision>;

    /// When the next round is.
    fn next_round(&self) -> Time;

    /// When [`Self::rechoke`] wants to be called again without any event: at
    /// the next round, or before.
    fn next_call(&self) -> Time {
        self.next_round()
    }

    /// How many peers that are interested may be served until the next
    /// decision, optimistic places included; `None` is as many as there are.
    fn places(&self) -> Option<usize>;

    /// After how many bytes sent to a peer since its unchoke
    /// [`Self::rechoke`] wants to be called, if that ends a turn.
    fn turn_bytes(&self) -> Option<u64> {
        None
    }

    /// Whether peers that are interested hold every place, so that one more
    /// changes nothing before the next call or before one of them leaves.
    fn is_full(&self) -> bool {
        false
    }
}

/// The choker of a kind. Its first call is a round.
pub fn new(kind: ChokerKind) -> Box<dyn Choker> {
    match kind {
        ChokerKind::Default => Box::<DefaultChoker>::default(),
        ChokerKind::DefaultWithout(part) => Box::new(DefaultChoker::without(part)),
        ChokerKind::Bep3 => Box::<Bep3>::default(),
        ChokerKind::Mainline => Box::<Mainline>::default(),
        ChokerKind::Scored { decay } => Box::new(Scored::new(decay)),
        ChokerKind::UnchokeAll => Box::<UnchokeAll>::default(),
    }
}

/// What a choker knows of one peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChokePeer {
    /// Its connection.
    pub conn: ConnKey,
    /// It wants something of us.
    pub interested: bool,
    /// It owes us blocks for too long.
    pub snubbed: bool,
    /// It says that it takes nothing (BEP 21), or has every piece.
    pub upload_only: bool,
    /// Payload rate from it.
    pub download_bytes_per_s: u64,
    /// Payload rate to it.
    pub upload_bytes_per_s: u64,
    /// Payload received from it since the connection was made.
    pub downloaded: u64,
    /// Payload sent to it since the connection was made.
    pub uploaded: u64,
    /// Payload sent to it since we last unchoked it.
    pub uploaded_since_unchoke: u64,
    /// When the connection was made.
    pub connected_at: Time,
    /// We do not choke it now.
    pub unchoked: bool,
    /// It holds an optimistic slot, by the last decision about it.
    pub optimistic: bool,
    /// When we last unchoked it.
    pub unchoked_at: Option<Time>,
    /// Its host had the first turn that a newcomer gets (decision 035).
    pub had_first_turn: bool,
    /// When we last choked it after having unchoked it.
    pub choked_at: Option<Time>,
}

/// Less than a block per minute is no reciprocation.
const GIVES_MIN_BYTES_PER_S: u64 = 16 * 1024 / 60;
/// Anybody may take a piece before it has given something, or it never had
/// anything to give; of a large piece this much.
const CREDIT_MAX_BYTES: u64 = 4 << 20;
/// Who gave, gets this much for each byte before it owes anything: a slow peer
/// is no free rider.
const CREDIT_PER_GIVEN: u64 = 16;

impl ChokePeer {
    /// It reciprocates, at whatever rate.
    fn gives(&self) -> bool {
        !self.snubbed && self.download_bytes_per_s >= GIVES_MIN_BYTES_PER_S
    }

    /// It has taken much, and given next to nothing.
    fn owes(&self, cx: &ChokeContext) -> bool {
        let credit = u64::from(cx.piece_len).min(CREDIT_MAX_BYTES);
        self.uploaded > credit.saturating_add(self.downloaded.saturating_mul(CREDIT_PER_GIVEN))
    }
}

/// What a choker knows of the torrent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChokeContext {
    /// We have everything we want: there is nobody to reciprocate.
    pub seeding: bool,
    /// We send the first copy: some piece was never seen at a peer, so nobody
    /// else could have given it.
    pub first_copy: bool,
    /// The setting: places beside optimistic ones, or `None` to measure.
    pub slots: Option<usize>,
    /// Payload rate to all peers of the torrent.
    pub upload_bytes_per_s: u64,
    /// The tightest limit on that rate, if there is one.
    pub upload_limit_bytes_per_s: Option<u64>,
    /// The nominal length of a piece.
    pub piece_len: u32,
}

/// A change of one peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whose.
    pub conn: ConnKey,
    /// Serve it (or go on serving it).
    pub unchoke: bool,
    /// Its slot is an optimistic one.
    pub optimistic: bool,
}

/// What a choker wants for one peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    None,
    Regular,
    Optimistic,
}

/// All peers, the best first by the rate that counts: theirs to us while there
/// is something to reciprocate, ours to them while seeding.
fn by_rate_desc(peers: &[ChokePeer], cx: &ChokeContext) -> Vec<usize> {
    let rate = |at: &usize| {
        let peer = &peers[*at];
        if cx.seeding {
            peer.upload_bytes_per_s
        } else {
            peer.download_bytes_per_s
        }
    };
    let mut order: Vec<usize> = (0..peers.len()).collect();
    order.sort_by_key(|at| Reverse(rate(at)));
    order
}

/// Draws one candidate, each as likely as its weight says.
fn draw(candidates: &[usize], weight: impl Fn(&usize) -> u32, rng: &mut dyn Rng) -> Option<usize> {
    let sum: u32 = candidates.iter().map(&weight).sum();
    let mut left = rng.next_u32().checked_rem(sum)?;
    for at in candidates {
        let own = weight(at);
        if left < own {
            return Some(*at);
        }
        left -= own;
    }
    None
}

/// The decisions that bring each peer to its place.
fn changes(peers: &[ChokePeer], places: impl IntoIterator<Item = Place>) -> Vec<Decision> {
    let decisions = peers.iter().zip(places).map(|(peer, place)| {
        let unchoke = place != Place::None;
        (
            peer,
            Decision {
                conn: peer.conn,
                unchoke,
                optimistic: place == Place::Optimistic,
            },
        )
    });
    decisions
        .filter(|(peer, to)| (peer.unchoked, peer.optimistic) != (to.unchoke, to.optimistic))
        .map(|(_, decision)| decision)
        .collect()
}

#[cfg(test)]
mod seeding_tests;
#[cfg(test)]
mod tests;
