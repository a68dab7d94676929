//! The end of a download: every wanted block is asked for, and some peers have
//! nothing left to bring while others have much.
//!
//! Who has room takes over what others would bring later: the newest requests
//! of the peer that needs longest for all of its own (CANCEL there, REQUEST
//! here), as long as that is a gain. Nothing comes twice for it, but for what
//! crosses its CANCEL. Who has nothing at all after that is asked for one block
//! that another owes, too, the one that will come last: a block that is on its
//! way cannot be taken over, and estimates do not know who will fall silent.

use std::time::Duration;

use superseed_proto::layout::{BLOCK_LEN, Block};

use super::Torrent;
use crate::engine::shared::Cx;
use crate::ids::ConnKey;
use crate::peer::{Peer, ReceivingBlock, RequestsOut};
use crate::time::Time;

/// A block changes hands if it would otherwise take as many times as long: an
/// estimate is not exact, and what moves too easily moves back.
const GAIN_MIN: f64 = 1.5;
/// How many debtors are looked at, those that need longest: all of them for
/// each of a thousand peers would be a million looks for every block.
const DEBTORS_MAX: usize = 64;

/// A peer that owes blocks, and how long it needs for them.
struct Debtor {
    conn: ConnKey,
    /// The block that is coming, and how much of a block is missing of it.
    coming: Option<(Block, f64)>,
    /// Requests that are still wanted.
    owed: usize,
    block_s: f64,
    /// Of its requests, newest first, how many were looked at for one peer.
    seen: usize,
    /// Nothing of what it owes can be taken by that peer.
    spent: bool,
}

/// All peers that owe blocks, as long as neither that nor the time changes:
/// when all peers are filled, most of them find nothing to take, and one look
/// does for all of these.
#[derive(Default)]
pub(super) struct Debtors {
    all: Vec<Debtor>,
    are_known: bool,
}

impl Debtors {
    /// Something was asked or taken back, or time passes.
    pub(super) fn forget(&mut self) {
        self.are_known = false;
    }
}

impl Debtor {
    fn of(conn: ConnKey, peer: &Peer, now: Time) -> Self {
        Self {
            conn,
            coming: coming(peer),
            owed: peer.requests.wanted(),
            block_s: f64::from(BLOCK_LEN) / peer.down.rate(now).max(1) as f64,
            seen: 0,
            spent: false,
        }
    }

    /// Until everything it owes is here.
    fn needs_s(&self) -> f64 {
        let coming = self.coming.map_or(0.0, |(_, missing)| missing);
        (self.owed as f64 + coming) * self.block_s
    }
}

impl Torrent {
    /// Gives a peer with room for so many requests what is worth asking it
    /// when every wanted block is asked for.
    pub(super) fn fill_at_the_end(&mut self, cx: &mut Cx<'_>, key: ConnKey, room: usize) {
        if !cx.shared.settings.endgame || !self.picker.endgame() {
            return;
        }
        let Some(peer) = cx.conns.get(key).and_then(|conn| conn.peer()) else {
            return;
        };
        if peer.window.delay().is_none() && !peer.requests.is_empty() {
            // It can neither take over nor be asked too.
            return;
        }
        let mut debtors = self.take_debtors(cx);
        let taken = self.take_over(cx, key, room, &mut debtors.all);
        let mut blocks: Vec<Block> = taken.iter().map(|(block, _)| *block).collect();
        if blocks.is_empty() {
            blocks.extend(self.ask_too(cx, key, &debtors.all));
        }
        self.debtors = debtors;
        for &(block, from) in &taken {
            self.cancel(cx, from, block);
        }
        self.ask(cx, key, &blocks);
    }

    /// The block that will come last, for a web seed that has nothing else to
    /// bring: it is asked for that one too.
    pub(super) fn help_at_the_end(&mut self, cx: &Cx<'_>, key: ConnKey) -> Option<Block> {
        if !cx.shared.settings.endgame || !self.picker.endgame() {
            return None;
        }
        let debtors = self.take_debtors(cx);
        let block = self.ask_too(cx, key, &debtors.all);
        self.debtors = debtors;
        block
    }

    /// Who owes blocks, to be put back.
    fn take_debtors(&mut self, cx: &Cx<'_>) -> Debtors {
        let mut debtors = std::mem::take(&mut self.debtors);
        if !debtors.are_known {
            self.find_debtors(cx, &mut debtors.all);
            debtors.are_known = true;
        }
        debtors
    }

    /// Looks who owes blocks. Who owes nothing is not looked at again before it
    /// is asked for something: most of a large swarm never is.
    fn find_debtors(&mut self, cx: &Cx<'_>, debtors: &mut Vec<Debtor>) {
        debtors.clear();
        let lanes = self.web_seeds.iter().flat_map(|seeds| seeds.conns());
        for conn in self.peers.iter().copied().chain(lanes) {
            if !self.owing.contains_key(conn) {
                continue;
            }
            match cx.conns.get(conn).and_then(|conn| conn.peer()) {
                Some(peer) if peer.requests.wanted() > 0 || coming(peer).is_some() => {
                    debtors.push(Debtor::of(conn, peer, cx.now));
                }
                _ => {
                    self.owing.remove(conn);
                }
            }
        }
        if debtors.len() > DEBTORS_MAX {
            debtors.select_nth_unstable_by(DEBTORS_MAX, |a, b| {
                let longest_first = b.needs_s().total_cmp(&a.needs_s());
                longest_first.then_with(|| a.conn.cmp(&b.conn))
            });
            debtors.truncate(DEBTORS_MAX);
        }
    }

    /// A second request for the block that will come last, of a peer that has
    /// nothing else to bring.
    fn ask_too(&mut self, cx: &Cx<'_>, key: ConnKey, debtors: &[Debtor]) -> Option<Block> {
        let peer = cx.conns.get(key)?.peer()?;
        if !peer.requests.is_empty() {
            return None;
        }
        let to = self.pick_peer(cx, key, peer, &peer.have);
        // To ask a web seed twice for the same brings nothing.
        let own = peer.lane.as_ref().map(|lane| lane.source);
        let source = |conn| cx.conns.get(conn)?.lane().map(|lane| lane.source);
        let is_own = |conn: ConnKey| conn == key || own.is_some() && source(conn) == own;
        let others = debtors.iter().filter(|debtor| !is_own(debtor.conn));
        let mut others: Vec<_> = others.map(|debtor| (debtor.needs_s(), debtor)).collect();
        others.sort_by(|(a, _), (b, _)| b.total_cmp(a));
        others.into_iter().find_map(|(_, debtor)| {
            let other = cx.conns.get(debtor.conn)?.peer()?;
            let coming = debtor.coming.map(|(block, _)| block);
            let mut owed = other.requests.newest_first().chain(coming);
            owed.find(|block| self.picker.ask_too(*block, debtor.conn, &to))
        })
    }

    /// Moves requests of others to a peer, in the books of the picker: the
    /// blocks, and whose they were. After that others owe other things.
    fn take_over(
        &mut self,
        cx: &Cx<'_>,
        key: ConnKey,
        room: usize,
        debtors: &mut [Debtor],
    ) -> Vec<(Block, ConnKey)> {
        let mut taken = Vec::new();
        let peer_of = |key: ConnKey| cx.conns.get(key).and_then(|conn| conn.peer());
        let Some(peer) = peer_of(key) else {
            return taken;
        };
        let Some(delay) = peer.window.delay() else {
            return taken;
        };
        let to = self.pick_peer(cx, key, peer, &peer.have);
        let own = Debtor::of(key, peer, cx.now);
        for debtor in &mut *debtors {
            (debtor.seen, debtor.spent) = (0, debtor.conn == key);
        }
        while taken.len() < room {
            let here_s = own_s(&own, delay, taken.len());
            let longest = debtors
                .iter_mut()
                .filter(|debtor| debtor.owed > 0 && !debtor.spent)
                .max_by(|a, b| a.needs_s().total_cmp(&b.needs_s()));
            let Some(debtor) = longest.filter(|debtor| debtor.needs_s() > GAIN_MIN * here_s) else {
                break;
            };
            let requests = peer_of(debtor.conn).map(|other| &other.requests);
            let left = requests.into_iter().flat_map(RequestsOut::newest_first);
            let found = left.skip(debtor.seen).find(|block| {
                debtor.seen += 1;
                self.picker.pass_on(*block, debtor.conn, &to)
            });
            match found {
                Some(block) => {
                    debtor.owed -= 1;
                    taken.push((block, debtor.conn));
                }
                None => debtor.spent = true,
            }
        }
        taken
    }
}

/// The wanted block that a peer is in the middle of, and how much of a block is
/// missing of it.
fn coming(peer: &Peer) -> Option<(Block, f64)> {
    match &peer.receiving {
        Some(ReceivingBlock::Wanted { block, buf, .. }) => {
            let missing = BLOCK_LEN.saturating_sub(buf.bytes().len() as u32);
            Some((*block, f64::from(missing) / f64::from(BLOCK_LEN)))
        }
        _ => None,
    }
}

/// How long a peer needs for all it owes and one block more than `extra`.
fn own_s(own: &Debtor, delay: Duration, extra: usize) -> f64 {
    delay.as_secs_f64() + (own.owed + extra + 1) as f64 * own.block_s
}
