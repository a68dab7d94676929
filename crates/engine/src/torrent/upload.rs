//! What peers get: their requests, answered in order from the read cache.

use superseed_proto::layout::{BLOCK_LEN, PieceIndex};
use superseed_proto::wire::{Message, encode_piece_header};

use super::Torrent;
use crate::disk::{DiskError, DiskOp};
use crate::engine::jobs::JobKind;
use crate::engine::read_cache::{Lookup, RunKey};
use crate::engine::shared::Cx;
use crate::ids::ConnKey;
use crate::limits::{QUEUED_BYTES_MAX, READS_PER_PEER_MAX, RUN_LEN};
use crate::peer::{Outgoing, PeerRequest};
use bytes::Bytes;
use smallvec::{SmallVec, smallvec};

/// Blocks that wait in a connection's queue: half a second of its rate within
/// these bounds, so that a fast peer never runs dry and a slow one can still
/// be choked or cancelled.
const QUEUED_BYTES_MIN: u64 = 256 * 1024;
/// How many waiting requests are looked at for reading ahead.
const READ_AHEAD_REQUESTS: usize = 64;
/// How many runs they may be in: as much as ever waits for one peer.
const READ_AHEAD_RUNS: usize = (QUEUED_BYTES_MAX / RUN_LEN as u64) as usize;

impl Torrent {
    /// Queues blocks for a peer, and reads what it will want next.
    pub(crate) fn serve(&mut self, cx: &mut Cx<'_>, key: ConnKey) {
        self.queue_blocks(cx, key);
        self.read_ahead(cx, key);
    }

    /// Queues blocks for a peer as far as its queue has room and they are in
    /// memory; tells whether there were any.
    fn queue_blocks(&mut self, cx: &mut Cx<'_>, key: ConnKey) -> bool {
        let mut any = false;
        let Some(peer) = cx.conns.get(key).and_then(|conn| conn.peer()) else {
            return any;
        };
        let room = (peer.up.rate(cx.now) / 2).clamp(QUEUED_BYTES_MIN, QUEUED_BYTES_MAX);
        loop {
            let Some(conn) = cx.conns.get_mut(key) else {
                return any;
            };
            let Some(peer) = conn.peer_mut() else {
                return any;
            };
            let Some(request) = peer.queue.front() else {
                break;
            };
            let runs = self.runs_of(request);
            if !has_room(&conn.outgoing, room, runs) {
                break;
            }
            let Some(parts) = self.block_bytes(cx, key, request) else {
                break;
            };
            let conn = cx
                .conns
                .get_mut(key)
                .expect("the connection was there a line ago");
            if let Some(peer) = conn.peer_mut() {
                peer.queue.pop();
            }
            let PeerRequest { piece, begin, len } = request;
            self.show_due |= self.super_seed.sent(key, PieceIndex(piece), len, cx.now);
            conn.outgoing
                .push_message(|buf| encode_piece_header(piece, begin, len, buf));
            for (part, run) in parts {
                conn.outgoing.push_block(part, run);
            }
            any = true;
        }
        cx.want_write(key);
        any
    }

    /// The runs in which a request begins and ends.
    fn runs_of(&self, request: PeerRequest) -> [RunKey; 2] {
        let end = request.begin + request.len - 1;
        [request.begin, end].map(|at| RunKey::of(self.key, PieceIndex(request.piece), at))
    }

    /// The bytes of a request with their run, in two parts where it crosses one.
    fn block_bytes(
        &mut self,
        cx: &mut Cx<'_>,
        key: ConnKey,
        request: PeerRequest,
    ) -> Option<SmallVec<[(Bytes, RunKey); 2]>> {
        let [first, last] = self.runs_of(request);
        let head = self.run(cx, key, first)?;
        let start = (request.begin - first.begin()) as usize;
        if first == last {
            let whole = head.slice(start..start + request.len as usize);
            return Some(smallvec![(whole, first)]);
        }
        // A request is at most 128 KiB long and a run 256 KiB: never three.
        let tail = self.run(cx, key, last)?;
        let end = (request.begin + request.len - last.begin()) as usize;
        Some(smallvec![
            (head.slice(start..), first),
            (tail.slice(..end), last)
        ])
    }

    fn run(&mut self, cx: &mut Cx<'_>, conn: ConnKey, run: RunKey) -> Option<Bytes> {
        let peer = cx.conns.get_mut(conn)?.peer_mut()?;
        if !cx.shared.cache.has(run) {
            // When one of the peer's reads ends, it is served again.
            if peer.reads >= READS_PER_PEER_MAX {
                return None;
            }
            peer.reads += 1;
        }
        match cx.shared.cache.lookup(run, conn) {
            Lookup::Hit(data) => Some(data),
            Lookup::Loading => None,
            Lookup::Miss => {
                cx.shared.memory.read_begins(self.device);
                let len = run.len(&self.layout);
                let op = DiskOp::Read {
                    piece: run.piece,
                    begin: run.begin(),
                    len,
                };
                self.disk(cx, JobKind::Read(run), op);
                None
            }
        }
    }

    /// Starts the reads of runs that will be needed soon.
    fn read_ahead(&mut self, cx: &mut Cx<'_>, key: ConnKey) {
        let Some(peer) = cx.conns.get(key).and_then(|conn| conn.peer()) else {
            return;
        };
        let mut runs: SmallVec<[RunKey; READ_AHEAD_RUNS]> = SmallVec::new();
        for request in peer.queue.ahead().take(READ_AHEAD_REQUESTS) {
            let run = RunKey::of(self.key, PieceIndex(request.piece), request.begin);
            if !runs.contains(&run) {
                runs.push(run);
            }
            if runs.len() == READ_AHEAD_RUNS {
                break;
            }
        }
        let budget = cx.shared.settings.read_cache_bytes;
        for run in runs {
            if !may_read_ahead(cx.shared.memory.reads(self.device), budget) {
                return;
            }
            self.run(cx, key, run);
        }
    }

    /// A read ended: those who waited are served.
    pub(crate) fn read_done(
        &mut self,
        cx: &mut Cx<'_>,
        run: RunKey,
        result: Result<Bytes, DiskError>,
    ) {
        let budget = cx.shared.settings.read_cache_bytes;
        let (waiters, error) = match result {
            Ok(data) => (cx.shared.cache.loaded(run, data, budget), None),
            Err(error) => (cx.shared.cache.failed(run), Some(error)),
        };
        let starter = waiters.first().and_then(|conn| cx.conns.get_mut(*conn));
        if let Some(peer) = starter.and_then(|conn| conn.peer_mut()) {
            peer.reads -= 1;
        }
        if let Some(error) = error {
            return self.disk_failed(cx, error);
        }
        for conn in waiters {
            // Who takes nothing reads nothing ahead: what it waits for would
            // push itself out of the cache and be read again without end.
            if self.queue_blocks(cx, conn) {
                self.read_ahead(cx, conn);
            }
        }
    }

    /// A peer asks for a block. The request was found to be in range.
    pub(crate) fn requested(&mut self, cx: &mut Cx<'_>, key: ConnKey, request: PeerRequest) {
        let piece = PieceIndex(request.piece);
        let shown = self.super_seed.may_ask(key, piece);
        let has = self.have().has(piece) && shown && self.is_running();
        let Some(conn) = cx.conns.get_mut(key) else {
            return;
        };
        let Some(peer) = conn.peer_mut() else { return };
        if has && peer.may_have(&request) {
            if peer.am_choking {
                peer.allowed_bytes -= u64::from(request.len);
            }
            // Those behind are looked at when those before them are gone: a
            // flood costs no more than what is served.
            let is_behind = peer.queue.len() >= READ_AHEAD_REQUESTS;
            peer.queue.push(request);
            if !is_behind {
                self.serve(cx, key);
            }
            return;
        }
        if peer.fast {
            let PeerRequest { piece, begin, len } = request;
            conn.send(&Message::Reject { piece, begin, len });
            cx.want_write(key);
        }
    }

    /// A peer no longer wants a block. With BEP 6 it hears that it will not come.
    pub(crate) fn request_cancelled(
        &mut self,
        cx: &mut Cx<'_>,
        key: ConnKey,
        request: PeerRequest,
    ) {
        let Some(conn) = cx.conns.get_mut(key) else {
            return;
        };
        let Some(peer) = conn.peer_mut() else { return };
        if peer.queue.cancel(request) && peer.fast {
            let PeerRequest { piece, begin, len } = request;
            conn.send(&Message::Reject { piece, begin, len });
            cx.want_write(key);
        }
    }

    /// Forgets a peer's requests because it is choked or wants nothing any more,
    /// but for those of pieces that it may have all the same.
    pub(crate) fn drop_requests(&mut self, cx: &mut Cx<'_>, key: ConnKey) {
        let Some(conn) = cx.conns.get_mut(key) else {
            return;
        };
        let Some(peer) = conn.peer_mut() else { return };
        let allowed = std::mem::take(&mut peer.allowed_to_it);
        let mut left = peer.allowed_bytes;
        let gone = peer.queue.take(|request| {
            let len = u64::from(request.len);
            let stays = allowed.contains(&request.piece) && left >= len;
            left -= if stays { len } else { 0 };
            !stays
        });
        (peer.allowed_to_it, peer.allowed_bytes) = (allowed, left);
        if peer.fast {
            for PeerRequest { piece, begin, len } in gone {
                conn.send(&Message::Reject { piece, begin, len });
            }
        }
    }

    /// Payload left for a peer: counted, and room for the next blocks.
    pub(crate) fn count_upload(&mut self, cx: &mut Cx<'_>, key: ConnKey, payload: u64) {
        if payload > 0 {
            self.lasting.totals.uploaded += payload;
            self.up.add(payload, cx.now);
            self.save_soon(cx);
            self.goal_check(cx);
        }
        let Some(peer) = cx.conns.get(key).and_then(|conn| conn.peer()) else {
            return;
        };
        let fetches_metadata = peer.metadata.is_some();
        let sent = peer.uploaded_since_unchoke;
        self.rechoke_due |=
            (self.choker.turn_bytes()).is_some_and(|turn| sent >= turn && sent - payload < turn);
        if !peer.queue.is_empty() {
            self.serve(cx, key);
        }
        if fetches_metadata {
            self.send_metadata(cx, key);
        }
    }
}

/// Whether a run may be read before it is needed. What is on its way from a
/// device may take half of the cache: more would push out what was read ahead
/// before it is sent, and memory would grow with the number of peers. What
/// hangs elsewhere is in no cache yet.
fn may_read_ahead(reads: u64, budget_bytes: u64) -> bool {
    (reads + 1) * u64::from(RUN_LEN) <= budget_bytes / 2
}

/// Whether a block of a request may join those that wait: in bytes, in number,
/// and in the runs that are kept in memory for it. Single bytes from all over a
/// torrent would else keep all of it.
fn has_room(queued: &Outgoing, room: u64, runs: [RunKey; 2]) -> bool {
    let parts_max = 2 * room / u64::from(BLOCK_LEN);
    // What fills the room can begin in one run and end in another.
    let runs_max = (room / u64::from(RUN_LEN)) as usize + 2;
    let [first, last] = runs;
    let mut more = usize::from(!queued.keeps(first));
    if first != last {
        more += usize::from(!queued.keeps(last));
    }
    (queued.block_bytes() as u64) < room
        && (queued.block_parts() as u64) < parts_max
        && queued.runs() + more <= runs_max
}
