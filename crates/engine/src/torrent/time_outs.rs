//! What a connection waits for, and for how long.

use std::time::Duration;

use superseed_proto::wire::KEEP_ALIVE;

use super::Torrent;
use crate::candidates::CloseKind;
use crate::engine::shared::Cx;
use crate::engine::timers::Timer;
use crate::fault::PeerFault;
use crate::ids::ConnKey;
use crate::limits::{
    CONNECT_TIMEOUT, HANDSHAKE_TIMEOUT, IDLE_TIMEOUT, KEEPALIVE_INTERVAL, WEB_SEED_SILENCE,
};
use crate::peer::{Conn, Phase};
use crate::time::Time;

/// How long a Fast peer that choked us may take to answer what it owes.
const CHOKE_ANSWERS: Duration = Duration::from_secs(2);
/// How long the answer to a CANCEL (BEP 6) may hold a place in the window.
const CANCEL_ANSWERS: Duration = Duration::from_secs(60);

/// When a connection next needs a look. An answer that is too early is
/// harmless: the look finds nothing due and asks again.
pub(crate) fn next(conn: &Conn) -> Time {
    match &conn.phase {
        Phase::Connecting => conn.since + CONNECT_TIMEOUT,
        Phase::Securing(_) | Phase::Handshaking(_) | Phase::Waiting(_) => {
            conn.since + HANDSHAKE_TIMEOUT
        }
        Phase::Meeting(_) => {
            (conn.last_received + IDLE_TIMEOUT).min(conn.last_sent + KEEPALIVE_INTERVAL)
        }
        Phase::Traffic(peer) => {
            if let Some(lane) = &peer.lane {
                return match lane.lent() {
                    0 => Time::NEVER,
                    _ => conn.last_received.max(conn.held_until) + WEB_SEED_SILENCE,
                };
            }
            let idle = conn.last_received + IDLE_TIMEOUT;
            let keepalive = conn.last_sent + KEEPALIVE_INTERVAL;
            let owed = match (peer.choked_us_at, peer.requests.oldest()) {
                (_, None) => Time::NEVER,
                (Some(at), Some(oldest)) if oldest <= at => at + CHOKE_ANSWERS,
                (_, Some(oldest)) => {
                    // While a limit of ours keeps us from reading, nobody is silent.
                    peer.window.timeout_at(oldest.max(conn.held_until))
                }
            };
            let sending = peer.sending_since();
            let sending = sending.map_or(Time::NEVER, |since| {
                peer.window.timeout_at(since.max(conn.held_until))
            });
            let cancelled = peer.requests.cancelled_since();
            let cancelled = cancelled.map_or(Time::NEVER, |since| since + CANCEL_ANSWERS);
            idle.min(keepalive).min(owed).min(sending).min(cancelled)
        }
    }
}

impl Cx<'_> {
    /// Ends our silence on a connection of which nothing else is waited for.
    /// False if the peer has been silent, or deaf, for too long.
    pub(crate) fn keep_alive(&mut self, key: ConnKey) -> bool {
        let now = self.now;
        let Some(conn) = self.conns.get_mut(key) else {
            return true;
        };
        if is_idle(conn, now) {
            return false;
        }
        if now >= conn.last_sent + KEEPALIVE_INTERVAL {
            conn.last_sent = now;
            if conn.outgoing.is_empty() {
                conn.outgoing
                    .push_message(|buf| buf.extend_from_slice(&KEEP_ALIVE));
                self.want_write(key);
            }
        }
        let at = next(&self.conns[key]).max(now + Duration::from_millis(100));
        self.timer(Timer::Conn(key), at);
        true
    }
}

/// Whether a peer says nothing, or takes nothing, for too long. It is asked to
/// take bytes, or waits for quota; only the first is its fault.
fn is_idle(conn: &Conn, now: Time) -> bool {
    let deaf = conn.write_announced && now >= conn.last_taken + IDLE_TIMEOUT;
    deaf || now >= conn.last_received + IDLE_TIMEOUT
}

impl Torrent {
    /// Does what is due on a connection in traffic, and sets its next time-out.
    pub(crate) fn look_at(&mut self, cx: &mut Cx<'_>, key: ConnKey) {
        let now = cx.now;
        let Some(conn) = cx.conns.get_mut(key) else {
            return;
        };
        if conn.lane().is_some() {
            return self.look_at_lane(cx, key);
        }
        if is_idle(conn, now) {
            return self.disconnect(cx, key, CloseKind::Idle, Some(PeerFault::Idle));
        }
        if now >= conn.last_sent + KEEPALIVE_INTERVAL {
            conn.last_sent = now;
            if let Some(peer) = conn.peer_mut()
                && std::mem::take(&mut peer.rejects_in_a_row) > 0
            {
                self.refill_due = true;
            }
            if conn.outgoing.is_empty() {
                conn.outgoing
                    .push_message(|buf| buf.extend_from_slice(&KEEP_ALIVE));
                cx.want_write(key);
            }
        }
        let Some(conn) = cx.conns.get_mut(key) else {
            return;
        };
        if conn.waits_for_download {
            conn.held_until = now;
        }
        let held_until = conn.held_until;
        let Some(peer) = conn.peer_mut() else {
            return;
        };
        // What was asked since the choke is of the allowed-fast pieces (BEP 6)
        // and has the usual time.
        let oldest = peer.requests.oldest();
        let choked_at = peer
            .choked_us_at
            .filter(|at| oldest.is_some_and(|oldest| oldest <= *at));
        // What it owes comes after the block that it is in the middle of.
        let since = peer.sending_since();
        let is_late = |since: Time| now >= peer.window.timeout_at(since.max(held_until));
        let stuck = since.is_some_and(is_late);
        if let Some(at) = choked_at {
            if now >= at + CHOKE_ANSWERS {
                self.take_back_all(cx, key);
            }
        } else if stuck || oldest.is_some_and(is_late) {
            peer.window.on_timeout(now);
            self.rechoke_due = true;
            self.take_back_most(cx, key);
        }
        if stuck {
            self.give_up_receiving(cx, key);
        }
        if let Some(peer) = cx.conns.get_mut(key).and_then(|conn| conn.peer_mut()) {
            peer.requests.expire_cancelled(now - CANCEL_ANSWERS);
        }
        let Some(conn) = cx.conns.get(key) else {
            return;
        };
        // At least a little later than now: a look must never find itself due again at once.
        let at = next(conn).max(now + Duration::from_millis(100));
        cx.timer(Timer::Conn(key), at);
    }
}
