//! Who gets our upload: the choker's view of the peers, and its decisions.

use std::time::Duration;

use superseed_proto::layout::PieceIndex;
use superseed_proto::wire::Message;

use super::Torrent;
use crate::candidates::host;
use crate::choker::{ChokeContext, ChokePeer, Decision};
use crate::engine::shared::Cx;
use crate::engine::timers::Timer;
use crate::ids::ConnKey;

/// However eager a choker is, it is not asked again sooner.
const LEAST_PAUSE: Duration = Duration::from_millis(100);

impl Torrent {
    /// A round of the choker; without peers there is no next one.
    pub(crate) fn choke_round(&mut self, cx: &mut Cx<'_>) {
        if self.peers.is_empty() {
            return;
        }
        self.rechoke(cx);
        self.show_due = true;
        let next = self.choker.next_call().max(cx.now + LEAST_PAUSE);
        cx.timer(Timer::Choke(self.key), next);
    }

    /// How many interested peers may be served until the next decision.
    pub(crate) fn upload_places(&self) -> Option<usize> {
        self.choker.places()
    }

    /// Lets the choker decide, and does as it says.
    pub(crate) fn rechoke(&mut self, cx: &mut Cx<'_>) {
        let now = cx.now;
        let peers: Vec<ChokePeer> = self
            .peers
            .iter()
            .filter_map(|&conn| self.view(cx, conn))
            .collect();
        let own = self.lasting.options.limits.upload_bytes_per_s;
        let session = cx.shared.settings.limits.upload_bytes_per_s;
        let seeding = self.picker.is_complete();
        let context = ChokeContext {
            seeding,
            first_copy: seeding && self.sends_first_copy(),
            slots: cx.shared.settings.upload_slots,
            upload_bytes_per_s: self.up.rate(now),
            upload_limit_bytes_per_s: own.into_iter().chain(session).min(),
            piece_len: self.layout.piece_len_nominal(),
        };
        let decisions = self
            .choker
            .rechoke(&peers, &context, now, &mut cx.shared.rng);
        for decision in decisions {
            self.apply_choke(cx, decision);
        }
    }

    /// Whether some piece was never seen at a peer. Looks at each piece once
    /// and not again before everybody is gone.
    fn sends_first_copy(&mut self) -> bool {
        let count = self.layout.piece_count();
        let unseen = (self.pieces_seen..count)
            .map(PieceIndex)
            .find(|piece| self.picker.have().has(*piece) && self.picker.availability(*piece) == 0);
        self.pieces_seen = unseen.map_or(count, |piece| piece.0);
        unseen.is_some()
    }

    fn apply_choke(&mut self, cx: &mut Cx<'_>, decision: Decision) {
        let now = cx.now;
        let Some(conn) = cx.conns.get_mut(decision.conn) else {
            return;
        };
        let Some(peer) = conn.peer_mut() else { return };
        peer.optimistic = decision.optimistic;
        if peer.am_choking != decision.unchoke {
            return;
        }
        peer.am_choking = !decision.unchoke;
        if decision.unchoke {
            peer.unchoked_at = Some(now);
            // Each choke is overtaken by some requests; only one choke's count.
            peer.choked_requests = 0;
            peer.uploaded_since_unchoke = 0;
            peer.downloaded_since_unchoke = 0;
            conn.send(&Message::Unchoke);
            if self.choker.turn_bytes().is_some() {
                self.first_turns.admit(host(conn.remote.ip()));
            }
        } else {
            peer.choked_at = Some(now);
            conn.send(&Message::Choke);
            self.drop_requests(cx, decision.conn);
        }
        self.show_due = true;
        cx.want_write(decision.conn);
    }

    /// Settings changed while the torrent runs.
    pub(crate) fn reconfigured(&mut self, cx: &mut Cx<'_>, other_choker: bool) {
        if other_choker {
            self.choker = crate::choker::new(cx.shared.settings.choker);
        }
        self.set_sequential(cx, self.lasting.options.sequential);
        self.rechoke(cx);
        self.connect_more(cx);
    }

    fn view(&self, cx: &Cx<'_>, key: ConnKey) -> Option<ChokePeer> {
        let conn = cx.conns.get(key)?;
        let peer = conn.peer()?;
        Some(ChokePeer {
            conn: key,
            interested: peer.peer_interested,
            snubbed: peer.window.is_snubbed(),
            upload_only: peer.about.upload_only || peer.is_seed(),
            download_bytes_per_s: peer.down.rate(cx.now),
            upload_bytes_per_s: peer.up.rate(cx.now),
            downloaded: peer.downloaded,
            uploaded: peer.uploaded,
            uploaded_since_unchoke: peer.uploaded_since_unchoke,
            connected_at: peer.since,
            unchoked: !peer.am_choking,
            unchoked_at: peer.unchoked_at,
            had_first_turn: self.first_turns.knows(host(conn.remote.ip())),
            choked_at: peer.choked_at,
            optimistic: peer.optimistic,
        })
    }
}
