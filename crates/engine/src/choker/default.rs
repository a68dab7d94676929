//! The choker we run: reciprocation while leeching, turns while seeding.

use std::cmp::Reverse;
use std::time::Duration;

use rand_core::Rng;

use super::last_round::LastRound;
use super::slots::Slots;
use super::{ChokeContext, ChokePeer, Choker, Decision, Place, changes};
use crate::config::ChokerPart;
use crate::time::Time;

/// BEP 3: "only changing who's choked once every ten seconds".
const ROUND: Duration = Duration::from_secs(10);
/// So soon after the first round comes a first look at the uplink, then others
/// at twice the time and so on until the second round: who has a fast line
/// would else serve [four](super::slots) for ten seconds, and who is not among
/// them has nothing to give, and gets nothing. (In the simulated scenario
/// `leave-when-done` the last needs 1.16 fluid limits without in the worst of
/// twenty seeds, and 1.10 with it.)
const FIRST_LOOK: Duration = Duration::from_secs(1);
/// Who was unchoked keeps its place for this long, so that it gets over TCP's
/// slow start before it is judged (but for first turns, see below).
const HOLD: Duration = ROUND;
/// BEP 3: an optimistic unchoke lasts thirty seconds.
const OPTIMISTIC_HOLD: Duration = Duration::from_secs(30);
/// One optimistic slot for this many regular ones, but at least one (libtorrent).
const SLOTS_PER_OPTIMISTIC: usize = 5;
/// BEP 3: new peers are three times as likely to be the optimistic unchoke.
/// (While seeding they are like the others: `nat-churn` needs 1.26 fluid limits
/// in the median of 8 seeds so, and 1.27 where their wait counts thrice.)
const NEW_PEER_BIAS: u64 = 3;
/// While seeding a peer's turn ends after as many pieces (libtorrent) …
const TURN_PIECES: u64 = 20;
/// … or after this time, or one slow peer with large pieces would hold its
/// place for hours.
const TURN: Duration = Duration::from_secs(60);
/// While the first copy is sent and others wait for their first turn, a turn
/// ends after one piece, or as many small ones as fit into this (decision 035).
const FIRST_TURN_MIN_BYTES: u64 = 256 * 1024;
/// The wait of a peer that owes is worth this part of another's …
const OWING_BIAS: u64 = 4;
/// … and so many of them have a place at a time (decision 030).
const OWING_MAX: usize = 1;
/// The slots of a choker that does not size them (libtorrent's default).
const SLOTS_UNSIZED: usize = 8;

/// Reciprocation by rate, optimistic slots, and turns while seeding.
///
/// - Only interested peers that do not say they are upload-only take places.
/// - Leeching: the regular slots go to those who give most. What they do not
///   fill becomes optimistic slots, so that the line is not idle while somebody
///   waits who may give in return; a snubbed peer can only get one of those
///   (BEP 3, "anti-snubbing").
/// - An optimistic slot goes to whoever waited longest, where the wait of a
///   peer that was never served counts three times, and that of one that took
///   much and gave nothing a quarter. One of those has a slot at a time, and
///   the others none, though it be free.
/// - Seeding: no optimistic slots; a peer has its turn of twenty pieces or a
///   minute, then whoever waited longest. While the first copy is sent,
///   everybody has a first turn of one piece before anybody has a longer one.
/// - Outside rounds, free places are filled and nobody is displaced but by
///   those who wait for such a first turn. In the first ten seconds there are
///   looks between rounds, since the number of places is only being found out.
#[derive(Debug, Default)]
pub struct DefaultChoker {
    without: Option<ChokerPart>,
    next_round: Time,
    looks: Looks,
    slots: Slots,
    last_round: LastRound,
    places: usize,
    full: bool,
    /// After how many bytes a turn ends, while others wait for their first.
    first_turn: Option<u64>,
}

/// When to look between the first two rounds.
#[derive(Debug, Default)]
struct Looks {
    first_round: Option<Time>,
    next: Option<Time>,
}

impl Looks {
    /// Whether this call is a look, or the round before them.
    fn look(&mut self, now: Time) -> bool {
        let age = now.since(*self.first_round.get_or_insert(now));
        let is_look = age < ROUND && self.next.is_none_or(|next| now >= next);
        if is_look {
            self.next = Some(now + age.max(FIRST_LOOK));
        }
        is_look
    }

    /// The next look, if it comes before the second round.
    fn next(&self) -> Option<Time> {
        let second_round = self.first_round? + ROUND;
        self.next.filter(|next| *next < second_round)
    }
}

/// A peer that may have a place.
struct Contender<'a> {
    at: usize,
    peer: &'a ChokePeer,
    /// It keeps its place unless there are fewer places than such peers.
    held: bool,
    waited: u64,
    tie: u32,
}

impl DefaultChoker {
    /// The choker without one of its parts.
    pub fn without(part: ChokerPart) -> Self {
        Self {
            without: Some(part),
            ..Self::default()
        }
    }

    fn lacks(&self, part: ChokerPart) -> bool {
        self.without == Some(part)
    }

    fn optimistic(&self, slots: usize) -> usize {
        if self.lacks(ChokerPart::Optimistic) {
            return 0;
        }
        (slots / SLOTS_PER_OPTIMISTIC).max(1)
    }
}

impl Choker for DefaultChoker {
    fn rechoke(
        &mut self,
        peers: &[ChokePeer],
        cx: &ChokeContext,
        now: Time,
        rng: &mut dyn Rng,
    ) -> Vec<Decision> {
        let is_round = now >= self.next_round;
        if !is_round && self.lacks(ChokerPart::Events) {
            return Vec::new();
        }
        let mut cx = *cx;
        if self.lacks(ChokerPart::Sizing) {
            cx.slots.get_or_insert(SLOTS_UNSIZED);
        }
        let mut judged = peers.to_vec();
        if self.lacks(ChokerPart::Average) {
            self.last_round.judge(&mut judged, is_round, now);
        }
        if peers.is_empty() {
            // Whoever comes next finds a line of which nothing is known.
            self.looks = Looks::default();
        } else if self.looks.look(now) {
            self.slots.see(&cx);
        }
        if is_round {
            self.next_round = now + ROUND;
            self.slots.round(&judged, &cx);
        }
        let regular = self.slots.count(&cx);
        let eligible = judged.iter().enumerate();
        let eligible = eligible.filter(|(_, peer)| peer.interested && !peer.upload_only);
        let newcomers = eligible.clone().any(|(_, peer)| awaits_first_turn(peer));
        let first_turn =
            (cx.first_copy && newcomers).then(|| u64::from(cx.piece_len).max(FIRST_TURN_MIN_BYTES));
        self.first_turn = first_turn;
        let contenders = eligible.map(|(at, peer)| Contender {
            at,
            peer,
            held: peer.unchoked
                && !is_over(peer, first_turn)
                && (!is_round || served_for(peer, now) < HOLD),
            waited: waited(peer, &cx, now),
            tie: rng.next_u32(),
        });
        let contenders: Vec<_> = contenders.collect();
        let mut places = vec![Place::None; peers.len()];
        let all = if cx.seeding {
            let turns = (regular, first_turn, is_round);
            by_turns(contenders, turns, &cx, now, &mut places);
            regular
        } else {
            let optimistic = self.optimistic(regular);
            by_rate(contenders, (regular, optimistic), &cx, now, &mut places);
            regular + optimistic
        };
        self.places = all;
        self.full = taken(&places) >= all;
        linger(peers, all, &mut places);
        changes(peers, places)
    }

    fn next_round(&self) -> Time {
        self.next_round
    }

    fn turn_bytes(&self) -> Option<u64> {
        self.first_turn.filter(|_| !self.lacks(ChokerPart::Events))
    }

    fn next_call(&self) -> Time {
        match self.looks.next() {
            Some(look) if !self.lacks(ChokerPart::Events) => self.next_round.min(look),
            _ => self.next_round,
        }
    }

    fn places(&self) -> Option<usize> {
        Some(self.places)
    }

    fn is_full(&self) -> bool {
        self.full
    }
}

fn by_rate(
    contenders: Vec<Contender<'_>>,
    (slots, optimistic): (usize, usize),
    cx: &ChokeContext,
    now: Time,
    places: &mut [Place],
) {
    let all = slots + optimistic;
    let (mut givers, mut others): (Vec<_>, Vec<_>) = contenders
        .into_iter()
        .partition(|contender| contender.peer.gives());
    // Others who hold a place beyond the optimistic ones hold a regular one.
    let held = others.iter().filter(|contender| contender.held).count();
    let regular = slots.min(all.saturating_sub(held)).min(givers.len());
    givers.sort_unstable_by_key(|contender| {
        let Contender {
            peer, held, tie, ..
        } = contender;
        (
            Reverse(*held),
            Reverse(peer.download_bytes_per_s),
            Reverse(peer.unchoked),
            *tie,
        )
    });
    others.extend(givers.drain(regular..));
    others.sort_unstable_by_key(|contender| {
        let Contender {
            peer,
            held,
            waited,
            tie,
            ..
        } = contender;
        let stays = peer.unchoked && peer.optimistic && served_for(peer, now) < OPTIMISTIC_HOLD;
        (Reverse(*held), Reverse(stays), Reverse(*waited), *tie)
    });
    for contender in &givers {
        places[contender.at] = Place::Regular;
    }
    let (mut left, mut left_to_owing) = (all - regular, optimistic.min(OWING_MAX));
    for contender in &others {
        let owes = contender.peer.owes(cx);
        if left == 0 || (owes && !contender.held && left_to_owing == 0) {
            continue;
        }
        left -= 1;
        left_to_owing = left_to_owing.saturating_sub(usize::from(owes));
        places[contender.at] = Place::Optimistic;
    }
}

fn taken(places: &[Place]) -> usize {
    places.iter().filter(|place| **place != Place::None).count()
}

/// Who has just lost interest keeps a place that nobody else wants: it takes
/// nothing, and if it comes back it need not be told again.
fn linger(peers: &[ChokePeer], all: usize, places: &mut [Place]) {
    let left = all.saturating_sub(taken(places));
    let lingers = |peer: &ChokePeer| peer.unchoked && !peer.interested && !peer.upload_only;
    let who = peers.iter().zip(places).filter(|(peer, _)| lingers(peer));
    for (peer, place) in who.take(left) {
        *place = if peer.optimistic {
            Place::Optimistic
        } else {
            Place::Regular
        };
    }
}

fn by_turns(
    mut contenders: Vec<Contender<'_>>,
    (slots, first_turn, is_round): (usize, Option<u64>, bool),
    cx: &ChokeContext,
    now: Time,
    places: &mut [Place],
) {
    let turn_bytes = TURN_PIECES * u64::from(cx.piece_len);
    let order = |contender: &Contender<'_>| {
        let peer = contender.peer;
        let sent = peer.uploaded_since_unchoke;
        if !peer.unchoked {
            let class = if first_turn.is_some() && awaits_first_turn(peer) {
                2
            } else {
                4
            };
            return (class, u64::MAX - contender.waited);
        }
        let over = is_round && (sent >= turn_bytes || served_for(peer, now) >= TURN);
        let class = match (contender.held, over) {
            (true, _) => 0,
            (false, false) if is_over(peer, first_turn) => 3,
            (false, false) => 1,
            (false, true) => 5,
        };
        (class, sent)
    };
    contenders.sort_unstable_by_key(|contender| (order(contender), contender.tie));
    for contender in contenders.iter().take(slots) {
        places[contender.at] = Place::Regular;
    }
}

/// Its turn would be over if it were a first one.
fn is_over(peer: &ChokePeer, first_turn: Option<u64>) -> bool {
    first_turn.is_some_and(|turn| peer.uploaded_since_unchoke >= turn)
}

fn awaits_first_turn(peer: &ChokePeer) -> bool {
    is_new(peer) && !peer.had_first_turn
}

/// It was never served.
fn is_new(peer: &ChokePeer) -> bool {
    peer.unchoked_at.is_none()
}

fn served_for(peer: &ChokePeer, now: Time) -> Duration {
    peer.unchoked_at.map_or(Duration::ZERO, |at| now.since(at))
}

/// How long a choked peer waited, in weighted microseconds.
fn waited(peer: &ChokePeer, cx: &ChokeContext, now: Time) -> u64 {
    if peer.unchoked {
        return 0;
    }
    let since = peer.choked_at.unwrap_or(peer.connected_at);
    let micros = now.as_micros().saturating_sub(since.as_micros());
    if cx.seeding {
        // Nobody is tried out for what it may give in return.
        return micros;
    }
    if peer.owes(cx) {
        return micros / OWING_BIAS;
    }
    let bias = if is_new(peer) { NEW_PEER_BIAS } else { 1 };
    micros.saturating_mul(bias)
}
