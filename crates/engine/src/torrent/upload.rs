//! What peers get: their requests, answered in order from the read cache.

use superseed_proto::layout::PieceIndex;
use superseed_proto::wire::{Message, encode_piece_header};

use super::Torrent;
use crate::disk::{DiskError, DiskOp};
use crate::engine::jobs::{Job, JobKind};
use crate::engine::read_cache::{Lookup, RunKey};
use crate::engine::shared::Cx;
use crate::ids::ConnKey;
use crate::peer::PeerRequest;
use bytes::Bytes;

/// Blocks that wait in a connection's queue: half a second of its rate within
/// these bounds, so that a fast peer never runs dry and a slow one can still
/// be choked or cancelled.
const QUEUED_BYTES_MIN: u64 = 256 * 1024;
/// See [`QUEUED_BYTES_MIN`].
const QUEUED_BYTES_MAX: u64 = 2 * 1024 * 1024;
/// How many waiting requests are looked at for reading ahead.
const READ_AHEAD_REQUESTS: usize = 64;

impl Torrent {
    /// Queues blocks for a peer as far as its queue has room and they are in memory.
    pub(crate) fn serve(&mut self, cx: &mut Cx<'_>, key: ConnKey) {
        loop {
            let Some(conn) = cx.conns.get_mut(key) else {
                return;
            };
            let queued = conn.outgoing.block_bytes() as u64;
            let Some(peer) = conn.peer_mut() else { return };
            let room = (peer.up.rate(cx.now) / 2).clamp(QUEUED_BYTES_MIN, QUEUED_BYTES_MAX);
            let Some(request) = peer.queue.front() else {
                break;
            };
            if queued >= room {
                break;
            }
            let Some((head, tail)) = self.block_bytes(cx, key, request) else {
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
            conn.outgoing.push_block(head);
            if let Some(tail) = tail {
                conn.outgoing.push_block(tail);
            }
        }
        self.read_ahead(cx, key);
        cx.want_write(key);
    }

    /// The bytes of a request, in two parts where it crosses a run.
    fn block_bytes(
        &mut self,
        cx: &mut Cx<'_>,
        key: ConnKey,
        request: PeerRequest,
    ) -> Option<(Bytes, Option<Bytes>)> {
        let piece = PieceIndex(request.piece);
        let first = RunKey::of(self.key, piece, request.begin);
        let last = RunKey::of(self.key, piece, request.begin + request.len - 1);
        let head = self.run(cx, key, first)?;
        let start = (request.begin - first.begin()) as usize;
        if first == last {
            return Some((head.slice(start..start + request.len as usize), None));
        }
        // A request is at most 128 KiB long and a run 256 KiB: never three.
        let tail = self.run(cx, key, last)?;
        let end = (request.begin + request.len - last.begin()) as usize;
        Some((head.slice(start..), Some(tail.slice(..end))))
    }

    fn run(&mut self, cx: &mut Cx<'_>, conn: ConnKey, run: RunKey) -> Option<Bytes> {
        match cx.shared.cache.lookup(run, conn) {
            Lookup::Hit(data) => Some(data),
            Lookup::Loading => None,
            Lookup::Miss => {
                let len = run.len(&self.layout);
                let op = DiskOp::Read {
                    piece: run.piece,
                    begin: run.begin(),
                    len,
                };
                cx.disk(
                    self.key,
                    Job {
                        torrent: self.key,
                        kind: JobKind::Read(run),
                    },
                    op,
                );
                None
            }
        }
    }

    /// Starts the reads of runs that will be needed soon.
    fn read_ahead(&mut self, cx: &mut Cx<'_>, key: ConnKey) {
        let Some(peer) = cx.conns.get(key).and_then(|conn| conn.peer()) else {
            return;
        };
        let ahead = peer.queue.ahead().take(READ_AHEAD_REQUESTS);
        let runs =
            ahead.map(|request| RunKey::of(self.key, PieceIndex(request.piece), request.begin));
        let mut runs: smallvec::SmallVec<[RunKey; READ_AHEAD_REQUESTS]> = runs.collect();
        runs.dedup();
        let budget = cx.shared.settings.read_cache_bytes;
        for run in runs {
            if !cx.shared.cache.may_read_ahead(budget) {
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
        match result {
            Ok(data) => {
                let budget = cx.shared.settings.read_cache_bytes;
                for conn in cx.shared.cache.loaded(run, data, budget) {
                    self.serve(cx, conn);
                }
            }
            Err(error) => {
                cx.shared.cache.failed(run);
                self.disk_failed(cx, error);
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
        let served = !peer.am_choking || peer.allowed_to_it.contains(&request.piece);
        if has && served {
            peer.queue.push(request);
            return self.serve(cx, key);
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

    /// Forgets a peer's requests because it is choked or wants nothing any more.
    pub(crate) fn drop_requests(&mut self, cx: &mut Cx<'_>, key: ConnKey) {
        let Some(conn) = cx.conns.get_mut(key) else {
            return;
        };
        let Some(peer) = conn.peer_mut() else { return };
        let allowed = std::mem::take(&mut peer.allowed_to_it);
        let gone = peer.queue.take(|request| !allowed.contains(&request.piece));
        peer.allowed_to_it = allowed;
        if peer.fast {
            for PeerRequest { piece, begin, len } in gone {
                conn.send(&Message::Reject { piece, begin, len });
            }
        }
    }

    /// Payload left for a peer: counted, and room for the next blocks.
    pub(crate) fn count_upload(&mut self, cx: &mut Cx<'_>, key: ConnKey, payload: u64) {
        if payload > 0 {
            self.totals.uploaded += payload;
            self.up.add(payload, cx.now);
            self.save_soon(cx);
            self.goal_check(cx);
        }
        let waits = cx
            .conns
            .get(key)
            .and_then(|conn| conn.peer())
            .is_some_and(|peer| !peer.queue.is_empty());
        if waits {
            self.serve(cx, key);
        }
    }
}
