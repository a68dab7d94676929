//! What to ask of whom.

use superseed_proto::bitfield::Bitfield;
use superseed_proto::layout::{BLOCK_LEN, Block, PieceIndex};
use superseed_proto::wire::Message;

use super::Torrent;
use super::store::WAITS_WHOLE_BYTES_MAX;
use crate::config::RequestKind;
use crate::engine::shared::{Cx, DeviceMemory};
use crate::engine::timers::Timer;
use crate::ids::ConnKey;
use crate::limits::REJECTS_IN_A_ROW_MAX;
use crate::peer::{Peer, Phase};
use crate::picker::PickPeer;
use crate::rate::request_room;

/// A peer that brings a whole piece within this time works on pieces of its own.
const WHOLE_PIECE_S: u64 = 20;
/// A peer may have requests for this many times the memory that is free.
///
/// So nobody can have all of it: one peer gets four fifths, each of ten nearly
/// a tenth, and there is always some for who comes next. The scenario
/// `slow-peer` (ten of 10 MiB/s, and one of 10 KiB/s) ended a tenth of a second
/// later where this was 1,000; with 2, one peer over 200 ms at 1 Gbit/s had
/// 89 % of the line, with 4 it has 99 %.
const SHARE_OF_FREE_MEMORY: usize = 4;
/// A window is filled again when this part of it is free …
///
/// A REQUEST for each block that comes is a segment, and a call of the system,
/// for each block. In `slow-peer` four fifths of what the engine told its host
/// were such writes, in `homogeneous-10` a third; all end as before (decision
/// 033).
const BATCH_PART_OF_DEPTH: usize = 8;
/// … or so many blocks are.
const BATCH_MAX: usize = 8;
/// The largest piece that a fast peer takes alone.
const WHOLE_PIECE_BYTES_MAX: u64 = 16 << 20;

impl Torrent {
    /// Fills a peer's window with requests.
    pub(crate) fn fill(&mut self, cx: &mut Cx<'_>, key: ConnKey) {
        self.fill_next(cx, key);
        self.debtors.forget();
    }

    /// The same, of one peer after the other.
    fn fill_next(&mut self, cx: &mut Cx<'_>, key: ConnKey) {
        if !self.may_download() {
            return;
        }
        let DeviceMemory {
            held: committed,
            part: budget,
        } = cx.shared.memory_of(self.device);
        let Some(peer) = cx.conns.get(key).and_then(|conn| conn.peer()) else {
            return;
        };
        let missing = self.picker.wanted_missing();
        let allows_something = || {
            let mut allowed = peer.allowed_fast.iter();
            allowed.any(|&piece| missing.has(PieceIndex(piece)))
        };
        if !peer.am_interested || (peer.peer_choking && !allows_something()) {
            return;
        }
        if peer.rejects_in_a_row >= REJECTS_IN_A_ROW_MAX {
            return;
        }
        let depth = peer.window.depth(cx.now, peer.requests_max());
        let depth = depth.min(self.share_of_memory(cx, committed, budget));
        let idle = peer.requests.is_empty();
        let batch = (depth / BATCH_PART_OF_DEPTH).min(BATCH_MAX);
        if !idle && depth.saturating_sub(peer.requests.len()) < batch {
            return;
        }
        let room = self.limit_room(cx).min(request_room(
            cx.shared.download.rate(),
            cx.shared.asked_bytes,
        ));
        let others_starve = cx.shared.memory.starved(self.device).has_others(self.key);
        let in_budget = if others_starve {
            0
        } else {
            budget.saturating_sub(committed).min(room) / u64::from(BLOCK_LEN)
        };
        // A peer without a request keeps one even over the budget: what is in
        // memory may wait for just the block that it has. Nor does a limit take
        // it from anybody, or none but the first would ever be asked.
        //
        // But one block for each connection, and no further: a slow disk would be
        // outrun by those who have nothing else to do.
        let ceiling = budget + cx.conns.len() as u64 * u64::from(BLOCK_LEN);
        let floor = usize::from(idle && committed < ceiling);
        let free = depth
            .min(SHARE_OF_FREE_MEMORY * in_budget as usize)
            .saturating_sub(peer.requests.len())
            .min(in_budget as usize)
            .max(floor);
        let kind = cx.shared.settings.requests;
        let free = match kind {
            RequestKind::Adaptive | RequestKind::Duplicate => free,
            RequestKind::StopAndWait if cx.shared.asked_bytes > 0 => 0,
            RequestKind::StopAndWait => free.min(1),
        };
        if free == 0 {
            if idle && committed >= ceiling {
                self.starve(cx, key);
            }
            return;
        }
        let may_start = committed < budget && !others_starve;
        if peer.lane.is_some() {
            return self.fill_lane(cx, key, free, may_start);
        }
        let mut blocks: Vec<Block> = std::mem::take(&mut self.picked);
        blocks.clear();
        let (choking, overdue) = (peer.peer_choking, peer.window.is_overdue());
        let restricted = choking.then(|| allowed(peer, self.layout.piece_count()));
        let have = restricted.as_ref().unwrap_or(&peer.have);
        let pick_peer = self.pick_peer(cx, key, peer, have);
        while kind == RequestKind::Duplicate
            && blocks.len() < free
            && let Some(block) = self.picker.pick_asked(&pick_peer, &mut cx.shared.rng)
        {
            blocks.push(block);
        }
        if self.picker.has_deadlines() {
            let room = free - blocks.len();
            self.pick_urgent(cx, &pick_peer, room, may_start, &mut blocks);
        }
        let room = free - blocks.len();
        self.picker
            .pick(&pick_peer, room, may_start, &mut cx.shared.rng, &mut blocks);
        let room = free - blocks.len();
        // Who waits for one peer must look for another when that one has nothing.
        self.refill_due |= kind == RequestKind::StopAndWait && blocks.is_empty();
        self.ask(cx, key, &blocks);
        if overdue && !blocks.is_empty() {
            // A request of a peer that is overdue only proves that it is back: its
            // block is free for others, or two such peers could keep the last.
            for &block in &blocks {
                self.picker.released(key, block);
            }
            self.refill_due = true;
        }
        self.picked = blocks;
        if room > 0 && !choking {
            self.fill_at_the_end(cx, key, room);
        }
        let peer = cx.conns.get(key).and_then(|conn| conn.peer());
        let starves = !may_start && peer.is_some_and(|peer| peer.requests.is_empty());
        if starves {
            self.starve(cx, key);
        }
    }

    /// How many requests each peer may have while less than half of the memory
    /// is free: what all of them would settle at of which each has so many times
    /// what is free. With a thousand peers less than a block is free then, and
    /// who came first would have ten while others wait: a tenth of the rate of
    /// the scenario `thousand-peers`.
    fn share_of_memory(&self, cx: &Cx<'_>, committed: u64, budget: u64) -> usize {
        if committed <= budget / 2 {
            return usize::MAX;
        }
        let peers = self.owing.len() + cx.shared.memory.starved(self.device).len();
        let blocks = (budget / u64::from(BLOCK_LEN)) as usize;
        (SHARE_OF_FREE_MEMORY * blocks / (1 + SHARE_OF_FREE_MEMORY * peers)).max(1)
    }

    /// A peer waits for memory.
    pub(super) fn starve(&self, cx: &mut Cx<'_>, key: ConnKey) {
        let peer = cx.conns.get_mut(key).and_then(|conn| conn.peer_mut());
        if peer.is_some_and(|peer| !std::mem::replace(&mut peer.starved, true)) {
            cx.shared.memory.starve(self.device, self.key, key);
        }
    }

    /// There is memory for a peer that waited for some.
    pub(crate) fn feed(&mut self, cx: &mut Cx<'_>, key: ConnKey) {
        if let Some(peer) = cx.conns.get_mut(key).and_then(|conn| conn.peer_mut()) {
            peer.starved = false;
            self.fill(cx, key);
        }
    }

    /// A peer as the picker sees it, that serves us `have`.
    pub(super) fn pick_peer<'a>(
        &self,
        cx: &Cx<'_>,
        key: ConnKey,
        peer: &Peer,
        have: &'a Bitfield,
    ) -> PickPeer<'a> {
        let fast_bytes = peer
            .down
            .rate(cx.now)
            .saturating_mul(WHOLE_PIECE_S)
            .min(WHOLE_PIECE_BYTES_MAX);
        // A piece of one's own is in memory until its last block came, if it is
        // not written in runs: with many peers they would be all there is, and
        // most had to wait.
        let memory = cx.shared.memory_of(self.device);
        let in_runs = self.layout.piece_len_nominal() > WAITS_WHOLE_BYTES_MAX;
        let has_room = in_runs || memory.held <= memory.part / 2;
        PickPeer {
            conn: key,
            have,
            // Nobody should begin in the middle of a web seed's run.
            fast: peer.lane.is_some()
                || has_room && fast_bytes >= u64::from(self.layout.piece_len_nominal()),
            snubbed: peer.window.is_snubbed(),
            on_parole: peer.on_parole,
            retries: self.picker.has_failed() && self.is_among_fastest(cx, key),
        }
    }

    /// Sends a peer requests for blocks that the picker gave it.
    pub(super) fn ask(&mut self, cx: &mut Cx<'_>, key: ConnKey, blocks: &[Block]) {
        let Some(conn) = cx.conns.get_mut(key) else {
            return;
        };
        let Phase::Traffic(peer) = &mut conn.phase else {
            return;
        };
        if blocks.is_empty() {
            return;
        }
        for &block in blocks {
            let len = self.layout.block_len(block);
            peer.requests.push(block, cx.now);
            cx.shared.asked_bytes += u64::from(len);
            if peer.lane.is_some() {
                continue;
            }
            conn.outgoing.push_message(|buf| {
                Message::Request {
                    piece: block.piece.0,
                    begin: block.begin(),
                    len,
                }
                .encode(buf);
            });
        }
        peer.window.on_requests(cx.now);
        self.owing.insert(key, ());
        self.debtors.forget();
        cx.want_write(key);
        self.rearm(cx, key);
    }

    /// Bytes that the torrent's own download limit lets us ask for.
    fn limit_room(&self, cx: &Cx<'_>) -> u64 {
        let Some(rate) = self.download.rate() else {
            return u64::MAX;
        };
        let of_peer = |key: ConnKey| {
            let peer = cx.conns.get(key).and_then(|conn| conn.peer());
            peer.map_or(0, |peer| peer.requests.wanted())
        };
        let blocks: usize = self.suppliers().map(of_peer).sum();
        request_room(Some(rate), blocks as u64 * u64::from(BLOCK_LEN))
    }

    /// Whether no peer is more than twice as fast.
    pub(super) fn is_among_fastest(&self, cx: &Cx<'_>, key: ConnKey) -> bool {
        let rate = |key: ConnKey| {
            let peer = cx.conns.get(key).and_then(|conn| conn.peer());
            peer.map_or(0, |peer| peer.down.rate(cx.now))
        };
        let best = self.suppliers().map(rate).max().unwrap_or(0);
        2 * rate(key) >= best
    }

    /// Gives those the chance to ask who have room since they last asked.
    pub(crate) fn fill_some(&mut self, cx: &mut Cx<'_>) {
        for key in std::mem::take(&mut self.refill_peers) {
            self.fill_next(cx, key);
        }
        self.debtors.forget();
    }

    /// Gives every peer the chance to ask: some blocks became free.
    pub(crate) fn fill_all(&mut self, cx: &mut Cx<'_>) {
        self.refill_peers.clear();
        for at in 0..self.peers.len() {
            self.fill_next(cx, self.peers[at]);
        }
        for key in self.lanes() {
            self.fill_next(cx, key);
        }
        self.debtors.forget();
    }

    /// Takes back everything that was asked of a peer.
    pub(crate) fn take_back_all(&mut self, cx: &mut Cx<'_>, key: ConnKey) {
        let Some(peer) = cx.conns.get_mut(key).and_then(|conn| conn.peer_mut()) else {
            return;
        };
        let mut any = false;
        for asked in peer.requests.drain() {
            any = true;
            if !asked.is_cancelled() {
                cx.shared.asked_bytes -= u64::from(self.layout.block_len(asked.block));
                self.picker.released(key, asked.block);
            }
        }
        self.refill_due |= any;
    }

    /// Takes back all but the oldest request of a peer that does not deliver.
    ///
    /// That one stays with the peer, to prove that it is back, but its block is
    /// free for others: else a silent peer could keep the last block of all.
    pub(crate) fn take_back_most(&mut self, cx: &mut Cx<'_>, key: ConnKey) {
        let Some(peer) = cx.conns.get(key).and_then(|conn| conn.peer()) else {
            return;
        };
        let mut wanted: Vec<Block> = peer.requests.newest_first().collect();
        for &block in &wanted {
            self.picker.released(key, block);
        }
        self.refill_due |= wanted.pop().is_some();
        for block in wanted {
            self.cancel(cx, key, block);
        }
    }

    /// Takes one request back: its peer will not answer it.
    pub(crate) fn take_back(&mut self, cx: &mut Cx<'_>, key: ConnKey, block: Block) -> bool {
        let Some(peer) = cx.conns.get_mut(key).and_then(|conn| conn.peer_mut()) else {
            return false;
        };
        let Some(asked) = peer.requests.take(block) else {
            return false;
        };
        if !asked.is_cancelled() {
            cx.shared.asked_bytes -= u64::from(self.layout.block_len(block));
            self.picker.released(key, block);
            self.refill_due = true;
        }
        true
    }

    /// Tells a peer that a block is no longer wanted of it. With BEP 6 the
    /// request holds its place until the peer answers it one way or the other.
    pub(crate) fn cancel(&mut self, cx: &mut Cx<'_>, key: ConnKey, block: Block) {
        let Some(conn) = cx.conns.get_mut(key) else {
            return;
        };
        let Some(peer) = conn.peer_mut() else { return };
        if !peer.requests.cancel(block, cx.now) {
            return;
        }
        self.debtors.forget();
        let len = self.layout.block_len(block);
        cx.shared.asked_bytes -= u64::from(len);
        if cx.shared.settings.requests == RequestKind::Duplicate {
            return;
        }
        if peer.lane.is_some() {
            return self.lane_cancelled(cx, key, block);
        }
        if !peer.fast {
            peer.requests.take(block);
        }
        conn.send(&Message::Cancel {
            piece: block.piece.0,
            begin: block.begin(),
            len,
        });
        cx.want_write(key);
        self.refill_peers.push(key);
    }

    /// Looks again whether we want something of a peer, and tells it.
    pub(crate) fn update_interest(&mut self, cx: &mut Cx<'_>, key: ConnKey) {
        let running = self.is_running();
        let Some(conn) = cx.conns.get_mut(key) else {
            return;
        };
        let Some(peer) = conn.peer_mut() else { return };
        let interested = running && self.picker.interesting(&peer.have);
        if interested == peer.am_interested {
            return;
        }
        peer.am_interested = interested;
        if !interested {
            peer.idle_since = cx.now;
        }
        conn.send(if interested {
            &Message::Interested
        } else {
            &Message::NotInterested
        });
        cx.want_write(key);
        self.rearm(cx, key);
    }

    /// What is wanted changed: every peer is looked at again.
    pub(crate) fn interest_changed(&mut self, cx: &mut Cx<'_>) {
        for at in 0..self.peers.len() {
            self.update_interest(cx, self.peers[at]);
        }
    }

    /// Sets the timer of a connection to its next time-out.
    pub(crate) fn rearm(&self, cx: &mut Cx<'_>, key: ConnKey) {
        let Some(conn) = cx.conns.get(key) else {
            return;
        };
        let at = super::time_outs::next(conn);
        cx.shared.timers.set_no_later(Timer::Conn(key), at);
    }
}

/// The pieces that a choking peer still serves (BEP 6).
fn allowed(peer: &Peer, piece_count: u32) -> Bitfield {
    let mut allowed = Bitfield::new(piece_count);
    for &piece in &peer.allowed_fast {
        if peer.have.has(PieceIndex(piece)) {
            allowed.insert(PieceIndex(piece));
        }
    }
    allowed
}
