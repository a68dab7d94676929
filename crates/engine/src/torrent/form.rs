//! What can happen to a torrent whatever its form: awake, dormant, or without
//! its metadata.

use core::net::SocketAddr;

use bytes::Bytes;
use superseed_proto::wire::Handshake;

use super::Torrent;
use super::announce::Answered;
use super::dormant::Dormant;
use crate::candidates::CloseKind;
use crate::engine::shared::Cx;
use crate::fault::PeerFault;
use crate::ids::ConnKey;
use crate::input::ConnectError;
use crate::stats::PeerSource;
use crate::trackers::{FailureKind, SlotId};

/// A torrent in one of its forms.
pub(crate) trait Form {
    /// Announces are due, or may be.
    fn announce(&mut self, cx: &mut Cx<'_>);
    /// A tracker answered.
    fn answered(&mut self, cx: &mut Cx<'_>, slot: SlotId, answered: Answered);
    /// A tracker did not answer, or refused.
    fn announce_failed(&mut self, cx: &mut Cx<'_>, slot: SlotId, kind: FailureKind, why: String);
    /// The listeners changed: announces go out for new ones.
    fn listeners_changed(&mut self, cx: &mut Cx<'_>);
    /// Others than before are blocked: who is now, is disconnected.
    fn filter_changed(&mut self, cx: &mut Cx<'_>);
    /// A candidate may be tried.
    fn connect_due(&mut self, cx: &mut Cx<'_>);
    /// A seeding goal may be reached.
    fn goal_check(&mut self, cx: &mut Cx<'_>);
    /// Somebody named peers of its swarm.
    fn peers_named(&mut self, cx: &mut Cx<'_>, peers: &[SocketAddr], source: PeerSource);
    /// A neighbour is in its swarm.
    fn meet(&mut self, cx: &mut Cx<'_>, addr: SocketAddr);
    /// Begins its end.
    fn leave(&mut self, cx: &mut Cx<'_>);
    /// The time for its last announces is over.
    fn farewell_over(&mut self);
    /// Its storage is closed.
    fn storage_closed(&mut self);
    /// An outgoing stream is up.
    fn connected(&mut self, cx: &mut Cx<'_>, key: ConnKey);
    /// An outgoing stream could not be made.
    fn connect_failed(&mut self, cx: &mut Cx<'_>, key: ConnKey, error: ConnectError);
    /// Takes an incoming stream that names it, if it has room.
    fn welcome(&mut self, cx: &mut Cx<'_>, key: ConnKey) -> bool;
    /// The remote's handshake is whole. False if nothing may follow.
    fn handshaken(&mut self, cx: &mut Cx<'_>, key: ConnKey, handshake: &Handshake) -> bool;
    /// Bytes came behind the handshake, which may lie in `shared`.
    fn read(&mut self, cx: &mut Cx<'_>, key: ConnKey, input: &[u8], shared: Option<&Bytes>);
    /// A stream is gone.
    fn lost(&mut self, cx: &mut Cx<'_>, key: ConnKey);
    /// A peer broke the rules.
    fn disconnect_for(&mut self, cx: &mut Cx<'_>, key: ConnKey, fault: PeerFault);
}

impl Form for Torrent {
    fn peers_named(&mut self, cx: &mut Cx<'_>, peers: &[SocketAddr], source: PeerSource) {
        Self::peers_named(self, cx, peers, source);
    }

    fn announce(&mut self, cx: &mut Cx<'_>) {
        Self::announce(self, cx);
    }

    fn answered(&mut self, cx: &mut Cx<'_>, slot: SlotId, answered: Answered) {
        Self::answered(self, cx, slot, answered);
    }

    fn announce_failed(&mut self, cx: &mut Cx<'_>, slot: SlotId, kind: FailureKind, why: String) {
        Self::announce_failed(self, cx, slot, kind, why);
    }

    fn listeners_changed(&mut self, cx: &mut Cx<'_>) {
        Self::listeners_changed(self, cx);
    }

    fn filter_changed(&mut self, cx: &mut Cx<'_>) {
        self.lasting.candidates.set_filter(&cx.shared.filter);
        for key in self.peers.clone() {
            if cx.is_blocked(key) {
                self.disconnect(cx, key, CloseKind::Ours, None);
            }
        }
        // Those that may go on are connected to again: who is asked knows.
        self.close_lanes(cx);
    }

    fn connect_due(&mut self, cx: &mut Cx<'_>) {
        self.connect_more(cx);
    }

    fn goal_check(&mut self, cx: &mut Cx<'_>) {
        Self::goal_check(self, cx);
    }

    fn meet(&mut self, cx: &mut Cx<'_>, addr: SocketAddr) {
        Self::meet(self, cx, addr);
    }

    fn leave(&mut self, cx: &mut Cx<'_>) {
        Self::leave(self, cx);
    }

    fn farewell_over(&mut self) {
        Self::farewell_over(self);
    }

    fn storage_closed(&mut self) {
        self.closed();
    }

    fn connected(&mut self, cx: &mut Cx<'_>, key: ConnKey) {
        Self::connected(self, cx, key);
    }

    fn connect_failed(&mut self, cx: &mut Cx<'_>, key: ConnKey, error: ConnectError) {
        let remote = cx.conns[key].remote;
        self.lasting.candidates.failed(remote, cx.now, error);
        self.forget(cx, key, CloseKind::Lost);
    }

    fn welcome(&mut self, cx: &mut Cx<'_>, key: ConnKey) -> bool {
        self.make_room(cx);
        self.is_running() && self.lasting.admit(cx, key, &mut self.peers)
    }

    fn handshaken(&mut self, cx: &mut Cx<'_>, key: ConnKey, handshake: &Handshake) -> bool {
        match Self::handshaken(self, cx, key, handshake) {
            Ok(()) => true,
            Err(fault) => {
                Self::disconnect_for(self, cx, key, fault);
                false
            }
        }
    }

    fn read(&mut self, cx: &mut Cx<'_>, key: ConnKey, input: &[u8], shared: Option<&Bytes>) {
        Self::read(self, cx, key, input, shared);
    }

    fn lost(&mut self, cx: &mut Cx<'_>, key: ConnKey) {
        self.forget(cx, key, CloseKind::Lost);
    }

    fn disconnect_for(&mut self, cx: &mut Cx<'_>, key: ConnKey, fault: PeerFault) {
        Self::disconnect_for(self, cx, key, fault);
    }
}

impl Form for Dormant {
    fn peers_named(&mut self, cx: &mut Cx<'_>, peers: &[SocketAddr], source: PeerSource) {
        Self::peers_named(self, cx, peers, source);
    }

    fn announce(&mut self, cx: &mut Cx<'_>) {
        Self::announce(self, cx);
    }

    fn answered(&mut self, cx: &mut Cx<'_>, slot: SlotId, answered: Answered) {
        Self::answered(self, cx, slot, answered);
    }

    fn announce_failed(&mut self, cx: &mut Cx<'_>, slot: SlotId, kind: FailureKind, why: String) {
        Self::announce_failed(self, cx, slot, kind, why);
    }

    fn listeners_changed(&mut self, cx: &mut Cx<'_>) {
        Self::listeners_changed(self, cx);
    }

    fn filter_changed(&mut self, cx: &mut Cx<'_>) {
        self.lasting.candidates.set_filter(&cx.shared.filter);
        self.close_blocked(cx);
    }

    fn connect_due(&mut self, cx: &mut Cx<'_>) {
        self.plan_connect(cx);
    }

    fn goal_check(&mut self, cx: &mut Cx<'_>) {
        Self::goal_check(self, cx);
    }

    fn meet(&mut self, cx: &mut Cx<'_>, addr: SocketAddr) {
        Self::meet(self, cx, addr);
    }

    fn leave(&mut self, cx: &mut Cx<'_>) {
        Self::leave(self, cx);
    }

    fn farewell_over(&mut self) {
        Self::farewell_over(self);
    }

    fn storage_closed(&mut self) {
        self.closed();
    }

    /// It wakes before it connects, and falls asleep without a connection.
    fn connected(&mut self, cx: &mut Cx<'_>, key: ConnKey) {
        self.close(cx, key);
    }

    fn connect_failed(&mut self, cx: &mut Cx<'_>, key: ConnKey, _: ConnectError) {
        self.forget(cx, key);
    }

    fn welcome(&mut self, cx: &mut Cx<'_>, key: ConnKey) -> bool {
        Self::welcome(self, cx, key)
    }

    fn handshaken(&mut self, cx: &mut Cx<'_>, key: ConnKey, handshake: &Handshake) -> bool {
        Self::handshaken(self, cx, key, handshake);
        true
    }

    fn read(&mut self, cx: &mut Cx<'_>, key: ConnKey, input: &[u8], _: Option<&Bytes>) {
        self.hear(cx, key, input);
    }

    fn lost(&mut self, cx: &mut Cx<'_>, key: ConnKey) {
        self.forget(cx, key);
    }

    fn disconnect_for(&mut self, cx: &mut Cx<'_>, key: ConnKey, _: PeerFault) {
        self.close(cx, key);
    }
}
