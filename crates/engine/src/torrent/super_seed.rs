//! What is hidden of whom while super-seeding (BEP 16): the wire's side of
//! `crate::super_seed`.

use superseed_proto::layout::PieceIndex;
use superseed_proto::wire::Message;

use super::Torrent;
use crate::engine::shared::Cx;
use crate::ids::ConnKey;
use crate::super_seed::{ShowPeer, Swarm};

impl Torrent {
    /// Whether new peers are to think that we have nothing. While existing data
    /// is checked that is right as long as all of it is.
    fn super_seeds(&self) -> bool {
        self.lasting.options.super_seed
            && self.is_running()
            && self.picker.wanted_missing().count() == 0
    }

    /// Hides what we have from a peer that was told nothing so far, if that is
    /// what we do.
    pub(crate) fn mask(&mut self, key: ConnKey) -> bool {
        let masks = self.super_seeds();
        if masks {
            self.super_seed.join(key, self.layout);
            self.show_due = true;
        }
        masks
    }

    /// Shows what is due, or everything when it is over with super-seeding.
    pub(crate) fn super_seed(&mut self, cx: &mut Cx<'_>) {
        let due = std::mem::take(&mut self.show_due);
        if self.super_seed.is_empty() {
            return;
        }
        if !self.super_seeds() {
            return self.unmask_all(cx);
        }
        if due {
            self.show(cx);
        }
    }

    fn show(&mut self, cx: &mut Cx<'_>) {
        let (conns, now) = (&*cx.conns, cx.now);
        let view = |conn: ConnKey| {
            let peer = conns.get(conn)?.peer()?;
            // A Fast peer says first what it has (BEP 6); one without may have
            // nothing to say.
            let known = !peer.fast || !peer.bitfield_allowed;
            known.then_some(ShowPeer {
                conn,
                have: &peer.have,
                served: !peer.am_choking && peer.peer_interested,
                interested: peer.peer_interested,
                upload_bytes_per_s: peer.up.rate(now),
            })
        };
        let peers: Vec<_> = self.super_seed.masked().filter_map(view).collect();
        let (picker, others) = (&self.picker, self.peers.iter());
        let swarm = Swarm {
            ours: picker.have(),
            availability: &|piece| picker.availability(piece),
            peers: &peers,
            alone: others.filter_map(|key| conns.get(*key)?.peer()).count() < 2,
        };
        let shows = self.super_seed.show(&swarm, now, &mut cx.shared.rng);
        for (key, piece) in shows {
            if let Some(conn) = cx.conns.get_mut(key) {
                conn.send(&Message::Have(piece.0));
                cx.want_write(key);
            }
        }
    }

    /// Tells everyone what was hidden from them.
    fn unmask_all(&mut self, cx: &mut Cx<'_>) {
        let masked: Vec<_> = self.super_seed.masked().collect();
        for key in masked {
            let shown = self.super_seed.leave(key);
            let (Some(shown), Some(conn)) = (shown, cx.conns.get_mut(key)) else {
                continue;
            };
            for piece in self.picker.have().difference(&shown) {
                conn.send(&Message::Have(piece.0));
            }
            if let Some(peer) = conn.peer_mut() {
                peer.haves_told = self.haves.end();
            }
            cx.want_write(key);
        }
    }

    /// A peer got a piece.
    pub(crate) fn note_copy(&mut self, cx: &Cx<'_>, key: ConnKey, piece: PieceIndex) {
        let availability = self.picker.availability(piece);
        self.show_due |= self.super_seed.has(key, piece, availability, cx.now);
    }

    /// A peer said what it has.
    pub(crate) fn note_copies(&mut self, cx: &Cx<'_>, key: ConnKey) {
        self.show_due = true;
        if self.super_seed.is_empty() {
            return;
        }
        let Some(peer) = cx.conns.get(key).and_then(|conn| conn.peer()) else {
            return;
        };
        for piece in peer.have.iter() {
            self.note_copy(cx, key, piece);
        }
    }
}
