//! Keep the useful, replace the useless: whom a full torrent gives up.

use super::Torrent;
use crate::candidates::{CloseKind, Standing, Uselessness};
use crate::engine::shared::Cx;
use crate::ids::ConnKey;
use crate::limits::INCOMING_SLACK;
use crate::peer::Conn;
use crate::stats::PeerSource;
use crate::time::Time;

impl Torrent {
    /// Whether a place is worth more to others than to one who is useless:
    /// there are more peers than places, or all places are taken and somebody
    /// is to be tried of whom nothing is known yet.
    pub(super) fn has_better(&self, cx: &Cx<'_>) -> bool {
        let max = cx.shared.settings.connections_per_torrent_max;
        self.peers.len() > max || self.peers.len() == max && self.lasting.candidates.has_untried()
    }

    /// Gives up the most useless peer, if somebody is to have its place.
    pub(super) fn replace_useless(&mut self, cx: &mut Cx<'_>) {
        if self.is_running() && self.has_better(cx) {
            self.give_up_one(cx);
        }
    }

    /// Somebody knocks: not even the last places shall be useless ones'.
    pub(crate) fn make_room(&mut self, cx: &mut Cx<'_>) {
        let max = cx.shared.settings.connections_per_torrent_max + INCOMING_SLACK;
        if self.is_running() && self.peers.len() >= max {
            self.give_up_one(cx);
        }
    }

    fn give_up_one(&mut self, cx: &mut Cx<'_>) {
        if !self.turnover.allows(cx.now) {
            return;
        }
        let useless = |key: &ConnKey| {
            let conn = cx.conns.get(*key)?;
            Some((self.uselessness(conn, cx.now)?, *key))
        };
        let Some((_, key)) = self.peers.iter().filter_map(useless).max() else {
            return;
        };
        self.turnover.replaced(cx.now);
        self.give_up(cx, key);
    }

    /// Gives up a peer that is useless.
    pub(crate) fn give_up(&mut self, cx: &mut Cx<'_>, key: ConnKey) {
        self.disconnect(cx, key, CloseKind::Useless, None);
    }

    /// How useless one of its peers is; `None` if it is worth its place.
    pub(crate) fn uselessness(&self, conn: &Conn, now: Time) -> Option<Uselessness> {
        // A web seed takes no place of a peer.
        let peer = conn.peer().filter(|peer| peer.lane.is_none())?;
        let standing = Standing {
            since: peer.since,
            wanted: peer.am_interested || peer.peer_interested,
            idle_since: peer.idle_since,
            last_block: peer.last_block,
            of_user: conn.source == PeerSource::User,
            priority: self.lasting.candidates.priority(conn.remote),
        };
        standing.uselessness(now)
    }
}
