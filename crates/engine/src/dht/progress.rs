//! A node's time passes: answers come or do not, look-ups move on, turns are
//! had.

use core::net::SocketAddr;
use std::time::Duration;

use superseed_proto::krpc::{Message, NodeAddr, Query, Response, Want};

use super::DhtAction;
use super::guard::may_name;
use super::node::{Cx, Hint, Node};
use super::refresh::Task;
use super::rpc::{Asked, Late, Purpose, SearchId};
use super::search::{Announce, Goal, Owner};
use super::table::K;
use crate::candidates::is_reserved;
use crate::limits::{DHT_NODES_PER_ANSWER_MAX, DHT_SEARCHES_MAX, PEERS_PER_ANSWER_MAX};
use crate::time::Time;

/// Questions to see whether somebody is there that are out at a time.
const CHECKS_MAX: usize = 8;
/// The first wait before routers are asked again, and the longest.
const ROUTERS_AGAIN: Duration = Duration::from_secs(5);
const ROUTERS_AGAIN_MAX: Duration = Duration::from_secs(5 * 60);

impl Node {
    /// Somebody answered a question of ours, or one that was never asked. Nodes
    /// of the other family that were named are returned.
    pub(super) fn on_response(
        &mut self,
        from: SocketAddr,
        message: &Message,
        response: &Response,
        cx: &mut Cx<'_>,
    ) -> Vec<NodeAddr> {
        let Some(asked) = self.rpc.answered(from, &message.transaction) else {
            return Vec::new();
        };
        self.vote(from, message, cx);
        let node = NodeAddr {
            id: response.id,
            addr: from,
        };
        if let Some(expected) = asked.node().filter(|expected| expected.id != node.id) {
            // Another one lives there now.
            self.table.remove(&expected.id);
        }
        // A node that was asked by its name is of use for whom it names: where it
        // is, is the proxy's to know, and nobody can be told.
        if asked.purpose != Purpose::Router && !is_reserved(from.ip()) {
            self.table.answered(node, asked.took(cx.now), cx.now);
        }
        let (named, others): (Vec<NodeAddr>, Vec<NodeAddr>) = response
            .all_nodes()
            .copied()
            .take(2 * DHT_NODES_PER_ANSWER_MAX)
            .filter(|named| may_name(from.ip(), named.addr.ip()) && named.id != self.id)
            .partition(|named| self.is_of_family(named.addr));
        let named: Vec<NodeAddr> = named
            .into_iter()
            .filter(|named| self.is_usable(named.addr))
            .take(DHT_NODES_PER_ANSWER_MAX)
            .collect();
        match asked.purpose {
            Purpose::Router => self.look_home(&named, cx),
            Purpose::Check if self.table.len() < K => self.look_home(&named, cx),
            Purpose::Check => {
                for NodeAddr { id, addr } in named {
                    if self.table.has_room(&NodeAddr { id, addr }) {
                        self.hint(Hint { addr, id: Some(id) });
                    }
                }
            }
            Purpose::Search(id) => self.looked(id, &asked, response, &named, cx),
            Purpose::Store(id) => {
                if let Some(search) = self.searches.get_mut(&id) {
                    search.was_told(true);
                }
            }
        }
        self.wake = cx.now;
        others
    }

    /// Somebody refused what we asked: it is there, and of no use for this.
    pub(super) fn on_error(&mut self, from: SocketAddr, message: &Message, cx: &mut Cx<'_>) {
        let Some(asked) = self.rpc.answered(from, &message.transaction) else {
            return;
        };
        self.vote(from, message, cx);
        self.give_up(&asked);
        self.wake = cx.now;
    }

    /// Somebody says what our address is.
    fn vote(&self, from: SocketAddr, message: &Message, cx: &mut Cx<'_>) {
        let Some(ours) = message.ip.map(|ip| ip.ip().to_canonical()) else {
            return;
        };
        if ours.is_ipv4() == self.local.is_ipv4() && self.ours != Some(ours) {
            cx.out.push(DhtAction::Ours {
                listener: self.listener,
                voter: from.ip(),
                ours,
            });
        }
    }

    /// A node of a look-up answered.
    fn looked(
        &mut self,
        id: SearchId,
        asked: &Asked,
        response: &Response,
        named: &[NodeAddr],
        cx: &mut Cx<'_>,
    ) {
        let Some(search) = self.searches.get_mut(&id) else {
            return;
        };
        let Some(expected) = asked.id else {
            return;
        };
        let node = NodeAddr {
            id: response.id,
            addr: asked.to,
        };
        search.answered(&expected, node, response.token.clone(), asked.is_slow);
        for &node in named {
            search.frontier.add(node, false);
        }
        search.take_item(response);
        let values = response.values.iter().copied();
        let peers: Vec<_> = values
            .filter(|peer| may_name(asked.to.ip(), peer.ip()))
            .collect();
        let new = search.take_peers(&peers, cx.now);
        if let Owner::Torrent(torrent) = search.owner
            && !new.is_empty()
        {
            let peers = new;
            cx.out.push(DhtAction::Peers { torrent, peers });
        }
    }

    fn give_up(&mut self, asked: &Asked) {
        match asked.purpose {
            Purpose::Router | Purpose::Check => {}
            Purpose::Search(id) => {
                if let (Some(search), Some(node)) = (self.searches.get_mut(&id), &asked.id) {
                    search.failed(node, asked.is_slow);
                }
            }
            Purpose::Store(id) => {
                if let Some(search) = self.searches.get_mut(&id) {
                    search.was_told(false);
                }
            }
        }
    }

    /// Does what is due.
    pub(super) fn poll(&mut self, cx: &mut Cx<'_>) {
        self.wake = Time::NEVER;
        while let Some(late) = self.rpc.late(cx.now) {
            self.is_late(late);
        }
        if !self.is_starving() {
            self.routers_tried = 0;
        }
        self.fit_id(cx);
        // Those that end make room for those that begin.
        self.drive_all(cx);
        if self.has_somebody() {
            self.keep_up(cx);
            self.have_turns(cx);
        }
        self.follow_hints(cx);
        self.drive_all(cx);
    }

    fn drive_all(&mut self, cx: &mut Cx<'_>) {
        let ids: Vec<_> = self.searches.keys().copied().collect();
        for id in ids {
            self.drive(id, cx);
        }
    }

    /// Whether there is anybody to begin a look-up with.
    pub(super) fn has_somebody(&self) -> bool {
        self.table.len() > 0 || self.searches.values().any(|s| s.owner == Owner::Home)
    }

    /// Whether routers are to be asked now; if so, when again.
    pub(super) fn take_routers_due(&mut self, now: Time) -> bool {
        if !self.is_starving() || now < self.routers_at {
            return false;
        }
        let wait = ROUTERS_AGAIN * (1 << self.routers_tried.min(8));
        self.routers_at = now + wait.min(ROUTERS_AGAIN_MAX);
        self.routers_tried += 1;
        true
    }

    /// When [`Node::poll`] has something to do.
    pub(super) fn next_deadline(&self) -> Time {
        let mut next = self.wake.min(self.rpc.next_deadline());
        if self.is_starving() {
            next = next.min(self.routers_at);
        }
        if self.has_somebody() {
            if self.table.len() > 0 {
                next = next.min(self.refresh.next_deadline());
            }
            if self.ordered() < DHT_SEARCHES_MAX {
                next = next.min(self.turns.next_deadline());
            }
        }
        next
    }

    fn is_late(&mut self, late: Late) {
        match late {
            Late::Slow(asked) => {
                if let (Purpose::Search(id), Some(node)) = (asked.purpose, &asked.id)
                    && let Some(search) = self.searches.get_mut(&id)
                {
                    search.is_slow(node);
                }
            }
            Late::Dead(asked) => {
                self.give_up(&asked);
                let next = asked.node().and_then(|node| self.table.failed(&node));
                if let Some(NodeAddr { id, addr }) = next {
                    self.hint(Hint { addr, id: Some(id) });
                }
            }
        }
    }

    /// Keeps the table true.
    fn keep_up(&mut self, cx: &mut Cx<'_>) {
        while self.table.len() > 0
            && let Some(task) = self.refresh.next((self.id, &self.table), cx.random, cx.now)
        {
            match task {
                Task::Home => self.look_home(&[], cx),
                Task::Far(point) => drop(self.begin(Goal::Nodes(point), Owner::Far, cx.now)),
                // One that cannot be asked now is due again in a second.
                Task::Check(NodeAddr { id, addr }) => {
                    let _ = self.check(Hint { addr, id: Some(id) }, cx);
                }
            }
        }
    }

    fn follow_hints(&mut self, cx: &mut Cx<'_>) {
        while self.rpc.checks() < CHECKS_MAX
            && let Some(hint) = self.hints.pop_front()
        {
            if let Err(at) = self.check(hint, cx) {
                self.wake = self.wake.min(at);
                self.hints.push_back(hint);
                return;
            }
        }
    }

    /// Asks somebody whether it is there, in words that teach us something as
    /// long as there is room for it.
    fn check(&mut self, hint: Hint, cx: &mut Cx<'_>) -> Result<(), Time> {
        let want = self.want(cx);
        let shared_bits = hint.id.map(|id| self.id.shared_bits(&id));
        let query = match shared_bits {
            Some(bits) if self.table.len() >= K && !self.table.has_room_at(bits) => Query::Ping,
            Some(bits) if self.table.len() >= K => Query::FindNode {
                target: super::refresh::beside(self.id, bits, cx.random),
                want,
            },
            _ => Query::FindNode {
                target: self.id,
                want,
            },
        };
        self.ask((hint.addr, hint.id), query, Purpose::Check, cx)
    }

    /// Asks a router whom it knows around us.
    pub(super) fn ask_router(&mut self, to: SocketAddr, cx: &mut Cx<'_>) {
        if self.may_be_asked(to) {
            let query = Query::FindNode {
                target: self.id,
                want: self.want(cx),
            };
            // One that cannot be asked now is asked with all others again.
            let _ = self.ask((to, None), query, Purpose::Router, cx);
        }
    }

    /// Begins look-ups of the torrents whose turn it is.
    fn have_turns(&mut self, cx: &mut Cx<'_>) {
        while self.ordered() < DHT_SEARCHES_MAX
            && let Some((torrent, wish)) = self.turns.next(cx.random, cx.now, cx.wish)
        {
            for &swarm in &wish.swarms {
                // Others announced it to us, maybe.
                let peers = self.server.peers.some(
                    &swarm,
                    PEERS_PER_ANSWER_MAX,
                    wish.is_seed,
                    cx.random,
                    cx.now,
                );
                if !peers.is_empty() {
                    cx.out.push(DhtAction::Peers { torrent, peers });
                }
                let port = self.port;
                let search = self.begin(Goal::Peers(swarm), Owner::Torrent(torrent), cx.now);
                search.announce = Some(Announce {
                    port,
                    seed: wish.is_seed,
                });
            }
        }
    }

    /// Lets a look-up ask on, store what it is for, or end.
    fn drive(&mut self, id: SearchId, cx: &mut Cx<'_>) {
        let bootstrap = self.want(cx);
        while let Some(search) = self.searches.get_mut(&id) {
            if !search.is_storing && search.has_found() {
                search.begin_storing();
            }
            if search.is_over() {
                return self.end(id, cx);
            }
            let (node, query, purpose) = if search.is_storing {
                let Some((node, query)) = search.telling.last().cloned() else {
                    return;
                };
                (node, query, Purpose::Store(id))
            } else {
                let want = match search.owner {
                    Owner::Home => bootstrap,
                    _ => Want::default(),
                };
                let Some(node) = search.next() else {
                    return;
                };
                (node, search.query(want), Purpose::Search(id))
            };
            if let Err(at) = self.ask((node.addr, Some(node.id)), query, purpose, cx) {
                self.wake = self.wake.min(at);
                return;
            }
            let Some(search) = self.searches.get_mut(&id) else {
                return;
            };
            match purpose {
                Purpose::Store(_) => search.telling_next(),
                _ => search.asked(&node.id),
            }
        }
    }

    fn end(&mut self, id: SearchId, cx: &mut Cx<'_>) {
        let Some(search) = self.searches.remove(&id) else {
            return;
        };
        match search.owner {
            Owner::Home => self.refresh.ended_home(&self.table, cx.now),
            Owner::Far | Owner::Torrent(_) => {}
            Owner::User(ticket) => self.found.push((ticket, search.into_found())),
        }
        // Somebody may have waited for the place.
        self.wake = cx.now;
    }
}
