//! Pieces that are there: how they are counted, told and celebrated.

use std::time::Duration;

use smallvec::SmallVec;
use superseed_proto::hash::PieceProof;
use superseed_proto::layout::{FileIndex, PieceIndex};

use super::Torrent;
use crate::engine::shared::Cx;
use crate::engine::timers::Timer;
use crate::event::EventKind;
use crate::ids::ConnKey;
use crate::peer::Conn;

/// How long a HAVE waits for a message that it can go with.
///
/// The scenario `homogeneous-50` (mean of three seeds) ends after 1.044, 1.040,
/// 1.043 and 1.049 times the fluid limit where this is nothing, a quarter of a
/// second, one and four; the hosts come for bytes 2.4, 1.0, 0.7 and 0.5 million
/// times.
const HAVE_WAIT: Duration = Duration::from_secs(1);

impl Torrent {
    /// The check found a piece on disk.
    pub(crate) fn found(&mut self, cx: &mut Cx<'_>, proof: &PieceProof) {
        self.picker.set_have(proof.piece());
        self.piece_written(cx, proof.piece());
        self.tell_have(cx, proof.piece());
        self.super_seed.found();
        self.show_due = true;
    }

    /// A received piece hashed right and is written.
    pub(crate) fn verified(&mut self, cx: &mut Cx<'_>, proof: &PieceProof) {
        let piece = proof.piece();
        self.store.forget(piece, &mut cx.shared.pool);
        self.compare_suspects(cx, piece);
        self.picker.piece_verified(piece);
        self.piece_written(cx, piece);
        self.tell_have(cx, piece);
        cx.event(self.key, EventKind::Piece(piece));
        for file in self.files_of(piece) {
            let mut pieces = self.metainfo.info.file_pieces(file);
            if pieces.all(|piece| self.picker.have().has(PieceIndex(piece))) {
                cx.event(self.key, EventKind::FileComplete(file));
            }
        }
        self.note_completion(cx);
    }

    /// The files that have bytes in a piece.
    fn files_of(&self, piece: PieceIndex) -> Vec<FileIndex> {
        let files = &self.metainfo.info.files;
        let start = self.layout.piece_offset(piece);
        let end = start + u64::from(self.layout.piece_len(piece));
        let first = files.partition_point(|file| file.offset + file.len <= start);
        let touched = files[first..].iter().take_while(|file| file.offset < end);
        let numbered = touched.enumerate().filter(|(_, file)| file.len > 0);
        numbered
            .map(|(at, _)| FileIndex((first + at) as u32))
            .collect()
    }

    /// HAVE to everyone from whom it is not hidden; interest in those who have it may end.
    ///
    /// A peer that has the piece is told all the same: it must see when we are
    /// complete, and a seed shows its user how far those are who fetch from it
    /// (libtorrent's `send_redundant_have`, on by default).
    ///
    /// Who can do nothing with it yet hears of it with the next message, or
    /// after [`HAVE_WAIT`]: a packet and two system calls for nine bytes would
    /// be most of what a large swarm costs.
    fn tell_have(&mut self, cx: &mut Cx<'_>, piece: PieceIndex) {
        if self.peers.is_empty() {
            return;
        }
        self.haves.push(piece);
        let lacks_more = self.picker.wanted_missing().count() > 0;
        // First one look at each: a processor waits for the memory of many at a
        // time as long as nothing is done in between. A loop, since the compiler
        // takes the look into an iterator's two or does not, by chance.
        let mut due = SmallVec::<[_; 64]>::new();
        for &key in &self.peers {
            let Some(peer) = cx.conns.get(key).and_then(|conn| conn.peer()) else {
                continue;
            };
            let has = peer.have.has(piece);
            // A super-seed that would serve us, and has nothing more for us, may
            // wait for just this one; who waits for our memory does not.
            let idle = !peer.peer_choking && peer.requests.is_empty() && !peer.starved;
            let waits = has && peer.am_interested && idle;
            let acts = waits || (!has && peer.acts_on_have(piece));
            let stays = peer.am_interested && lacks_more && peer.is_seed();
            let may_end = has && !stays;
            if acts || may_end {
                due.push((key, acts, may_end));
            }
        }
        for (key, acts, may_end) in due {
            if acts {
                self.take_haves(cx, key);
                cx.want_write(key);
            }
            if may_end {
                self.update_interest(cx, key);
            }
        }
        let timers = &mut cx.shared.timers;
        timers.set_no_later(Timer::Haves(self.key), cx.now + HAVE_WAIT);
    }

    /// HAVEs that nothing took along go alone.
    pub(crate) fn send_haves(&mut self, cx: &mut Cx<'_>) {
        for &key in &self.peers {
            self.take_haves(cx, key);
            if let Some(peer) = cx.conns.get_mut(key).and_then(|conn| conn.peer_mut()) {
                peer.haves_told = 0;
            }
            cx.want_write(key);
        }
        self.haves.clear();
    }

    fn take_haves(&self, cx: &mut Cx<'_>, key: ConnKey) {
        if let Some(conn) = cx.conns.get_mut(key) {
            self.add_haves(key, conn);
        }
    }

    /// Queues the HAVEs that a peer was not told yet, unless they are hidden
    /// from it.
    pub(crate) fn add_haves(&self, key: ConnKey, conn: &mut Conn) {
        let end = self.haves.end();
        let Some(peer) = conn.peer_mut() else { return };
        let told = std::mem::replace(&mut peer.haves_told, end);
        if told < end && !self.super_seed.is_masked(key) {
            let wire = self.haves.after(told);
            conn.outgoing
                .push_message(|buf| buf.extend_from_slice(wire));
        }
    }

    /// Whether the last wanted piece came; says so once.
    pub(crate) fn note_completion(&mut self, cx: &mut Cx<'_>) {
        if !self.is_complete() || self.lasting.complete_since.is_some() || !self.is_running() {
            return;
        }
        self.lasting.complete_since = Some(cx.now);
        // Wanted files alone are no completed download (BEP 3): the rest may
        // be wanted later.
        if !self.lasting.complete_told && self.picker.have().is_full() {
            self.lasting.complete_told = true;
            self.lasting.trackers.complete(cx.now);
            self.announce(cx);
        }
        self.sync_now(cx);
        cx.event(self.key, EventKind::Complete);
        self.say_state(cx);
        self.tell_upload_only(cx);
        self.close_useless(cx);
        self.watch_goal(cx);
        self.rechoke_due = true;
    }

    /// The check ended and nothing is missing: there was no download to speak of.
    pub(crate) fn note_found_complete(&mut self, cx: &mut Cx<'_>) {
        if self.lasting.totals.downloaded == 0 && self.picker.have().is_full() {
            self.lasting.complete_told = true;
            // Trackers that were told while the check ran list us as a leecher.
            self.lasting.trackers.reannounce(cx.now);
            self.announce(cx);
        }
        self.note_completion(cx);
    }

    /// Sets the timer for a seeding time, and looks at the ratio.
    pub(crate) fn watch_goal(&mut self, cx: &mut Cx<'_>) {
        self.lasting.plan_goal(cx);
        self.goal_check(cx);
    }

    /// Pauses the torrent when its seeding goal is reached.
    pub(crate) fn goal_check(&mut self, cx: &mut Cx<'_>) {
        if self.lasting.complete_since.is_none() || !self.is_running() {
            return;
        }
        if self.lasting.is_goal_reached(&self.layout, cx.now) {
            cx.event(self.key, EventKind::GoalReached);
            self.pause(cx);
        }
    }
}
