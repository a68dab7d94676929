//! How a stream that we open begins, plain or encrypted (MSE), and what follows
//! if the peer does not take it so.

use super::lasting::Lasting;
use crate::candidates::{CloseKind, Way};
use crate::engine::shared::Cx;
use crate::engine::timers::Timer;
use crate::ids::ConnKey;
use crate::peer::{Conn, Phase};
use crate::time::Time;

impl Lasting {
    /// An outgoing stream is up: we speak first.
    pub(super) fn speak_first(&self, cx: &mut Cx<'_>, key: ConnKey) {
        let swarm = self.info_hashes.primary_swarm_key();
        let policy = cx.shared.settings.encryption.outgoing;
        let Some(conn) = cx.conns.get_mut(key) else {
            return;
        };
        let way = self.candidates.way(conn.remote, policy);
        conn.trial = Some(way);
        conn.phase = Phase::Handshaking(Box::default());
        conn.since = cx.now;
        conn.last_received = cx.now;
        // Not `rearm`: the time-out of the attempt would cut the handshake short.
        let at = super::time_outs::next(conn);
        match way {
            Way::Plain => cx.send_handshake(key, swarm),
            Way::Encrypted => cx.encrypt(key, swarm),
        }
        cx.timer(Timer::Conn(key), at);
    }

    /// The peer's handshake came: the way in which we began is one that it takes.
    pub(crate) fn way_worked(&mut self, conn: &mut Conn) {
        if let Some(way) = conn.trial.take() {
            self.candidates.way_worked(conn.remote, way);
        }
    }

    /// A stream that we opened is gone. True if it may not have been begun as
    /// the peer wants it, and the address is tried the other way.
    pub(crate) fn tries_other_way(&mut self, cx: &Cx<'_>, conn: &Conn, why: CloseKind) -> bool {
        let policy = cx.shared.settings.encryption.outgoing;
        match (conn.trial, why) {
            (Some(way), CloseKind::Lost | CloseKind::Fault | CloseKind::Idle) => {
                self.candidates.way_failed(conn.remote, way, policy)
            }
            _ => false,
        }
    }
}

/// Since when the peer could answer with its handshake.
pub(super) fn asked_at(conn: &Conn) -> Time {
    let secure = conn.secure.as_ref();
    secure.map_or(conn.since, |secure| secure.asked_at)
}
