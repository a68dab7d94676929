//! Making connections, as far as limits allow.

use super::lasting::Lasting;
use crate::action::Action;
use crate::candidates::connect::SlowStart;
use crate::engine::shared::Cx;
use crate::engine::timers::Timer;
use crate::ids::ConnKey;
use crate::peer::{Conn, Phase};
use crate::stats::PeerSource;
use crate::time::Time;

/// How soon a torrent looks again for a place when others hold them all.
pub(super) const PLACE_RETRY: std::time::Duration = std::time::Duration::from_secs(10);

/// The parts of a torrent that making connections needs.
pub(super) struct Dial<'t> {
    pub(super) lasting: &'t mut Lasting,
    pub(super) peers: &'t mut Vec<ConnKey>,
    pub(super) slow_start: &'t mut SlowStart,
    /// Connections that it may have.
    pub(super) places: usize,
}

impl Dial<'_> {
    /// Tries candidates as far as limits allow.
    pub(super) fn more(&mut self, cx: &mut Cx<'_>) {
        let up = peers_up(cx, self.peers);
        while self.peers.len() < self.places
            && cx.conns.len() < cx.shared.settings.connections_max
            && cx.shared.connect.allow(cx.now)
            && self.slow_start.allow(up, cx.now)
        {
            let Some(remote) = self.lasting.candidates.next(cx.now) else {
                break;
            };
            let from = cx.shared.listener_for(remote);
            self.lasting.candidates.connecting(remote, cx.now);
            cx.shared.connect.started(cx.now);
            self.slow_start.started(up, cx.now);
            let mut conn = Conn::new(remote, Phase::Connecting, cx.now);
            conn.torrent = Some(self.lasting.key);
            conn.listener = from;
            conn.source = self
                .lasting
                .candidates
                .source(remote)
                .unwrap_or(PeerSource::Tracker);
            let at = super::time_outs::next(&conn);
            let key = cx.conns.insert(conn);
            self.peers.push(key);
            cx.shared.timers.set_no_later(Timer::Conn(key), at);
            cx.out.push(Action::Connect {
                conn: key,
                remote,
                from,
            });
        }
    }

    /// When to try again. Never, where what ends the wait brings us back.
    pub(super) fn next(&self, cx: &Cx<'_>) -> Time {
        let candidate = self.lasting.candidates.next_deadline(cx.now);
        if self.peers.len() >= self.places || candidate == Time::NEVER {
            return Time::NEVER;
        }
        // A place that others hold becomes free without our being told.
        let session_room = cx.conns.len() < cx.shared.settings.connections_max;
        match cx.shared.connect.next_deadline(cx.now) {
            at if session_room && at != Time::NEVER => {
                let up = peers_up(cx, self.peers);
                let slow = self.slow_start.next_deadline(up, cx.now);
                candidate.max(at).max(slow)
            }
            _ => candidate.max(cx.now + PLACE_RETRY),
        }
    }
}

/// Peers whose streams are up.
pub(super) fn peers_up(cx: &Cx<'_>, peers: &[ConnKey]) -> usize {
    let up = |key: &&ConnKey| {
        let conn = cx.conns.get(**key);
        conn.is_some_and(|conn| !conn.is_half_open())
    };
    peers.iter().filter(up).count()
}

impl Cx<'_> {
    /// An outgoing stream of a torrent is up: we speak first.
    pub(super) fn begin_handshake(&mut self, key: ConnKey, lasting: &Lasting) {
        self.shared.connect.ended();
        lasting.speak_first(self, key);
    }
}
