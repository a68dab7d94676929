//! What peers say (BEP 3, 6, 10), and what follows from it.

use bytes::Bytes;
use superseed_proto::bitfield::Bitfield;
use superseed_proto::layout::PieceIndex;
use superseed_proto::wire::{Event, Message};

use super::Torrent;
use crate::engine::shared::Cx;
use crate::fault::PeerFault;
use crate::ids::ConnKey;
use crate::limits::{
    ALLOWED_FAST_MAX, CHOKED_REQUESTS_MAX, OUTGOING_BUFFER_MAX, REQUEST_LEN_MAX,
    REQUESTS_IN_QUEUE_MAX, UNWANTED_BLOCKS_MAX,
};
use crate::peer::{PeerRequest, ReceivingBlock};

/// How long requests that crossed our CHOKE are forgiven.
const CHOKE_GRACE: std::time::Duration = std::time::Duration::from_secs(2);

impl Torrent {
    /// Takes one event of a peer's stream, whose bytes may lie in `shared`. What
    /// it makes room for is asked for once, when all that was read is taken.
    pub(crate) fn peer_event(
        &mut self,
        cx: &mut Cx<'_>,
        key: ConnKey,
        event: Event<'_>,
        shared: Option<&Bytes>,
    ) -> Result<(), PeerFault> {
        match event {
            Event::KeepAlive => Ok(()),
            Event::BlockStart { piece, begin, len } => self.block_start(cx, key, piece, begin, len),
            Event::BlockData(data) => {
                self.block_data(cx, key, data, shared);
                Ok(())
            }
            Event::BlockEnd => {
                self.block_end(cx, key);
                Ok(())
            }
            Event::Message(message) => self.message(cx, key, &message),
        }
    }

    pub(super) fn message(
        &mut self,
        cx: &mut Cx<'_>,
        key: ConnKey,
        message: &Message<'_>,
    ) -> Result<(), PeerFault> {
        let now = cx.now;
        let Some(conn) = cx.conns.get_mut(key) else {
            return Ok(());
        };
        if conn.outgoing.message_bytes() > OUTGOING_BUFFER_MAX {
            return Err(PeerFault::RequestFlood);
        }
        let Some(peer) = conn.peer_mut() else {
            return Ok(());
        };
        let first = std::mem::replace(&mut peer.bitfield_allowed, false);
        let fast = peer.fast;
        let need_fast = || {
            if fast {
                Ok(())
            } else {
                Err(PeerFault::FastNotNegotiated)
            }
        };
        match *message {
            Message::Choke => self.choked_us(cx, key),
            Message::Unchoke => {
                peer.peer_choking = false;
                peer.choked_us_at = None;
                peer.rejects_in_a_row = 0;
            }
            Message::Interested => {
                if !peer.peer_interested {
                    peer.peer_interested = true;
                    self.rechoke_due |= !self.choker.is_full();
                    self.show_due = true;
                }
            }
            Message::NotInterested => {
                if std::mem::take(&mut peer.peer_interested) {
                    peer.idle_since = now;
                    // Who has no place makes none free.
                    self.rechoke_due |= !peer.am_choking;
                    self.show_due = true;
                    self.drop_requests(cx, key);
                    cx.want_write(key);
                }
            }
            Message::Have(raw) => {
                let piece = self.layout.piece(raw).ok_or(PeerFault::BadPieceIndex)?;
                self.peer_has(cx, key, piece);
            }
            Message::Bitfield(bits) => {
                let bits = Bitfield::from_wire(bits, self.layout.piece_count());
                let bits = bits.ok_or(PeerFault::BadBitfield)?;
                if first {
                    self.peer_bitfield(cx, key, first, bits)?;
                } else {
                    // BEP 3 has it first or never, but aria2 sends it again in
                    // place of many HAVEs; pieces that it no longer names stay.
                    let new: Vec<_> = bits.difference(&peer.have).collect();
                    for piece in new {
                        self.peer_has(cx, key, piece);
                    }
                }
            }
            Message::HaveAll => {
                need_fast()?;
                self.peer_bitfield(cx, key, first, Bitfield::full(self.layout.piece_count()))?;
            }
            Message::HaveNone => {
                need_fast()?;
                self.peer_bitfield(cx, key, first, Bitfield::new(self.layout.piece_count()))?;
            }
            Message::Request { piece, begin, len } => {
                let request = self.in_range(piece, begin, len)?;
                self.take_request(cx, key, request)?;
            }
            Message::Cancel { piece, begin, len } => {
                self.in_range(piece, begin, len)?;
                self.request_cancelled(cx, key, PeerRequest { piece, begin, len });
            }
            Message::Reject { piece, begin, len } => {
                need_fast()?;
                self.layout.piece(piece).ok_or(PeerFault::BadPieceIndex)?;
                peer.rejects_in_a_row = peer.rejects_in_a_row.saturating_add(1);
                // A REJECT of what we took back on our own is late, not false.
                if let Some(block) = self.layout.block_at(piece, begin, len) {
                    self.take_back(cx, key, block);
                }
            }
            Message::AllowedFast(raw) => {
                need_fast()?;
                let piece = self.layout.piece(raw).ok_or(PeerFault::BadPieceIndex)?;
                if peer.allowed_fast.len() < ALLOWED_FAST_MAX
                    && !peer.allowed_fast.contains(&piece.0)
                {
                    peer.allowed_fast.push(piece.0);
                }
            }
            Message::Suggest(raw) => {
                need_fast()?;
                self.layout.piece(raw).ok_or(PeerFault::BadPieceIndex)?;
            }
            Message::Extended { id, payload } => {
                // The extension handshake may come before the bitfield.
                peer.bitfield_allowed = first;
                self.extended(cx, key, id, payload)?;
            }
            // DHT ports and unknown messages say nothing of pieces.
            Message::Port(port) => {
                peer.bitfield_allowed = first;
                cx.hear_of_node(key, port);
            }
            Message::Unknown { .. } => {
                peer.bitfield_allowed = first;
            }
        }
        Ok(())
    }

    fn choked_us(&mut self, cx: &mut Cx<'_>, key: ConnKey) {
        let now = cx.now;
        let Some(peer) = cx.conns.get_mut(key).and_then(|conn| conn.peer_mut()) else {
            return;
        };
        peer.peer_choking = true;
        peer.window.on_choked(now);
        if peer.fast {
            // It will answer each request with PIECE or REJECT; the time-out
            // looks after the case that it does not.
            peer.choked_us_at = Some(now);
            self.rearm(cx, key);
        } else {
            self.take_back_all(cx, key);
        }
    }

    fn peer_has(&mut self, cx: &mut Cx<'_>, key: ConnKey, piece: PieceIndex) {
        let Some(peer) = cx.conns.get_mut(key).and_then(|conn| conn.peer_mut()) else {
            return;
        };
        if !peer.have.insert(piece) {
            return;
        }
        let full = peer.have.is_full();
        let interested = peer.am_interested;
        let has_place = !peer.am_choking;
        self.picker.peer_has(piece);
        self.note_copy(cx, key, piece);
        if full {
            self.rechoke_due |= has_place;
            self.close_if_useless(cx, key);
        }
        if !interested && self.picker.is_wanted(piece) {
            self.update_interest(cx, key);
        }
    }

    fn peer_bitfield(
        &mut self,
        cx: &mut Cx<'_>,
        key: ConnKey,
        first: bool,
        have: Bitfield,
    ) -> Result<(), PeerFault> {
        if !first {
            return Err(PeerFault::LateBitfield);
        }
        self.picker.peer_joined(&have);
        let Some(peer) = cx.conns.get_mut(key).and_then(|conn| conn.peer_mut()) else {
            return Ok(());
        };
        // What it joined with so far was nothing, so nothing has to be undone.
        peer.joined_full = have.is_full();
        peer.have = have;
        self.note_copies(cx, key);
        self.update_interest(cx, key);
        self.close_if_useless(cx, key);
        Ok(())
    }

    fn in_range(&self, piece: u32, begin: u32, len: u32) -> Result<PeerRequest, PeerFault> {
        let index = self.layout.piece(piece).ok_or(PeerFault::BadPieceIndex)?;
        if len > REQUEST_LEN_MAX || !self.layout.contains(index, begin, len) {
            return Err(PeerFault::BadRequest);
        }
        Ok(PeerRequest { piece, begin, len })
    }

    fn take_request(
        &mut self,
        cx: &mut Cx<'_>,
        key: ConnKey,
        request: PeerRequest,
    ) -> Result<(), PeerFault> {
        let now = cx.now;
        let Some(peer) = cx.conns.get_mut(key).and_then(|conn| conn.peer_mut()) else {
            return Ok(());
        };
        if peer.queue.len() >= REQUESTS_IN_QUEUE_MAX {
            return Err(PeerFault::RequestFlood);
        }
        if !peer.may_have(&request) {
            let crossed = peer.choked_at.is_some_and(|at| now.since(at) < CHOKE_GRACE);
            if !crossed {
                peer.choked_requests += 1;
            }
            if peer.choked_requests > CHOKED_REQUESTS_MAX {
                return Err(PeerFault::ChokedRequests);
            }
        }
        self.requested(cx, key, request);
        Ok(())
    }

    pub(super) fn block_start(
        &mut self,
        cx: &mut Cx<'_>,
        key: ConnKey,
        piece: u32,
        begin: u32,
        len: u32,
    ) -> Result<(), PeerFault> {
        self.layout.piece(piece).ok_or(PeerFault::BadPieceIndex)?;
        let block = self.layout.block_at(piece, begin, len);
        let may_download = self.is_running();
        let Some(peer) = cx.conns.get_mut(key).and_then(|conn| conn.peer_mut()) else {
            return Ok(());
        };
        peer.bitfield_allowed = false;
        let asked = block.and_then(|block| peer.requests.take(block));
        if let Some(asked) = asked {
            if !asked.is_cancelled() {
                cx.shared.asked_bytes -= u64::from(len);
            }
            peer.rejects_in_a_row = 0;
            let queue = cx.shared.request_queue_time(cx.now);
            peer.window.on_block(len, asked.at, queue, cx.now);
            // Late blocks of an honest peer are few among many, whatever the time.
            peer.unwanted_blocks = peer.unwanted_blocks.saturating_sub(1);
        } else {
            peer.unwanted_blocks += 1;
            if peer.unwanted_blocks > UNWANTED_BLOCKS_MAX {
                return Err(PeerFault::UnwantedBlocks);
            }
        }
        // What was taken back after a time-out is still welcome if nobody else
        // brought it; what was never asked for is not worth a buffer over the budget.
        let known = asked.is_some_and(|asked| !asked.is_cancelled());
        let memory = cx.shared.memory_of(self.device);
        let in_budget = memory.held < memory.part;
        let wanted = block.filter(|block| {
            may_download && (known || in_budget) && self.picker.is_block_missing(*block)
        });
        if let (Some(block), None, true) = (block, wanted, known) {
            // It may be wanted again, and then of anybody.
            self.picker.released(key, block);
        }
        peer.receiving = Some(match wanted {
            Some(block) => {
                self.owing.insert(key, ());
                ReceivingBlock::Wanted {
                    block,
                    buf: cx.shared.pool.take(),
                    since: cx.now,
                    asked: known,
                }
            }
            None => ReceivingBlock::Dropped,
        });
        Ok(())
    }

    pub(super) fn block_data(
        &mut self,
        cx: &mut Cx<'_>,
        key: ConnKey,
        data: &[u8],
        shared: Option<&Bytes>,
    ) {
        let (now, len) = (cx.now, data.len() as u64);
        let Some(peer) = cx.conns.get_mut(key).and_then(|conn| conn.peer_mut()) else {
            return;
        };
        peer.last_block = Some(now);
        peer.downloaded += len;
        peer.downloaded_since_unchoke += len;
        peer.down.add(len, now);
        self.lasting.totals.downloaded += len;
        self.down.add(len, now);
        cx.shared.down.add(len, now);
        match &mut peer.receiving {
            Some(ReceivingBlock::Wanted { block, buf, .. }) => match shared {
                Some(shared) if data.len() == self.layout.block_len(*block) as usize => {
                    buf.share(shared.slice_ref(data));
                }
                _ => {
                    buf.extend(data);
                }
            },
            _ => self.lasting.totals.wasted += len,
        }
    }

    pub(super) fn block_end(&mut self, cx: &mut Cx<'_>, key: ConnKey) {
        let Some(peer) = cx.conns.get_mut(key).and_then(|conn| conn.peer_mut()) else {
            return;
        };
        let Some(ReceivingBlock::Wanted { block, buf, .. }) = peer.receiving.take() else {
            return;
        };
        match self.picker.received(key, block) {
            crate::picker::Receipt::First { cancel, .. } => {
                for other in cancel {
                    self.cancel(cx, other, block);
                }
                self.keep_block(cx, key, block, buf);
            }
            crate::picker::Receipt::Duplicate | crate::picker::Receipt::Unwanted => {
                self.lasting.totals.wasted += buf.bytes().len() as u64;
                cx.shared.pool.give(buf);
            }
        }
    }

    /// A peer takes too long over the block that it is in the middle of: others
    /// may bring it. What is left of it is still welcome if it comes first.
    pub(crate) fn give_up_receiving(&mut self, cx: &mut Cx<'_>, key: ConnKey) {
        let Some(peer) = cx.conns.get_mut(key).and_then(|conn| conn.peer_mut()) else {
            return;
        };
        if let Some(ReceivingBlock::Wanted { block, asked, .. }) = &mut peer.receiving
            && std::mem::take(asked)
        {
            self.picker.released(key, *block);
            self.refill_due = true;
        }
    }

    /// A connection ends in the middle of a block: its bytes are lost, its
    /// place is free again.
    pub(crate) fn drop_receiving(&mut self, cx: &mut Cx<'_>, key: ConnKey) {
        let Some(peer) = cx.conns.get_mut(key).and_then(|conn| conn.peer_mut()) else {
            return;
        };
        if let Some(ReceivingBlock::Wanted {
            block, buf, asked, ..
        }) = peer.receiving.take()
        {
            cx.shared.pool.give(buf);
            if asked {
                self.picker.released(key, block);
                self.refill_due = true;
            }
        }
    }
}
