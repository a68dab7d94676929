//! The DHT (BEP 5): nodes that find the peers of a swarm without a tracker.
//!
//! Owns our nodes, one for each listener and so for each family (BEP 32,
//! BEP 45): whom they know, what they are asked, what they look for. Has no
//! socket, clock or resolver: datagrams and answers come in as calls, what is
//! to be done comes out of [`Dht::poll`], which must be called after each.
//! What a torrent wants is asked when it has its turn.

mod announce;
mod bucket;
mod contact;
mod frontier;
mod guard;
mod items;
mod node;
mod orders;
mod peers;
mod progress;
mod quota;
mod refresh;
mod routers;
mod rpc;
mod search;
mod server;
mod snapshot;
mod stats;
mod table;
#[cfg(test)]
mod tests;
mod tokens;

use core::net::{IpAddr, SocketAddr};
use std::collections::BTreeMap;

use rand_chacha::ChaCha12Rng;
use rand_core::SeedableRng;
use superseed_proto::krpc::{Kind, Message, NodeId, Unreadable};

pub use announce::Wish;
pub use routers::ROUTERS;
pub use search::{Found, Goal};
pub use snapshot::{DhtSnapshot, NodeSnapshot};
pub use stats::{DhtHoldings, NodeStats};

use self::node::{Cx, Hint, Node};
use self::orders::Order;
use self::routers::Routers;
use self::search::Owner;
use self::server::wanted;
use self::table::K;
use crate::candidates::canonical;
use crate::config::DhtSettings;
use crate::ids::{ListenerId, Ticket, TorrentKey};
use crate::time::Time;

/// What the DHT wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DhtAction {
    /// Send a datagram.
    Send {
        /// From which socket.
        listener: ListenerId,
        /// To whom.
        to: SocketAddr,
        /// What.
        bytes: Vec<u8>,
    },
    /// Look a name up; answered by [`Dht::resolved`].
    Resolve {
        /// The name; never an address literal.
        host: String,
        /// To be handed back.
        port: u16,
    },
    /// Peers of a torrent were found.
    Peers {
        /// Whose.
        torrent: TorrentKey,
        /// Their addresses.
        peers: Vec<SocketAddr>,
    },
    /// Somebody that we asked says what our address is (BEP 42).
    Ours {
        /// Through which socket it was asked.
        listener: ListenerId,
        /// Who.
        voter: IpAddr,
        /// What it sees.
        ours: IpAddr,
    },
    /// A look-up that was ordered ended.
    Found {
        /// Of the order.
        ticket: Ticket,
        /// What came of it.
        found: Found,
    },
}

/// All our nodes.
#[derive(Debug)]
pub struct Dht {
    settings: DhtSettings,
    random: ChaCha12Rng,
    listeners: Vec<(ListenerId, SocketAddr)>,
    /// Ports that others than our neighbours call listeners at, where these are
    /// not their own.
    mapped: Vec<(ListenerId, u16)>,
    nodes: BTreeMap<ListenerId, Node>,
    routers: Routers,
    orders: BTreeMap<Ticket, Order>,
    /// Snapshots whose listener is not there yet.
    restored: Vec<NodeSnapshot>,
    /// What became due since the last poll.
    due: Vec<DhtAction>,
    /// When something that is no node's business was to be done.
    wake: Time,
}

impl Dht {
    /// One that takes no part until it is [configured](Self::configure). `seed`
    /// makes ids, tokens and transaction ids, none of which may be guessed.
    pub fn new(seed: [u8; 32]) -> Self {
        Self {
            settings: DhtSettings::default(),
            random: ChaCha12Rng::from_seed(seed),
            listeners: Vec::new(),
            mapped: Vec::new(),
            nodes: BTreeMap::new(),
            routers: Routers::default(),
            orders: BTreeMap::new(),
            restored: Vec::new(),
            due: Vec::new(),
            wake: Time::NEVER,
        }
    }

    /// Whether any node of ours takes part.
    pub fn is_on(&self) -> bool {
        !self.nodes.is_empty()
    }

    /// Changes the settings. What others stored stays as long as we take part.
    /// Says whether there are other nodes of ours now, which know no torrent.
    pub fn configure(&mut self, settings: &DhtSettings, now: Time) -> bool {
        if self.settings == *settings {
            return false;
        }
        self.settings = settings.clone();
        match &settings.routers {
            Some(named) => {
                let named = named.iter().map(|(host, port)| (host.as_str(), *port));
                self.routers.set(named);
            }
            None => self.routers.set(ROUTERS.iter().copied()),
        }
        self.settle(now)
    }

    /// These are our sockets from now on. New nodes of ours know no torrent.
    pub fn listening(&mut self, listeners: &[(ListenerId, SocketAddr)], now: Time) {
        self.listeners = listeners.to_vec();
        self.settle(now);
    }

    /// A gateway has others call a listener at this port, or, without one, at its
    /// own again: torrents are announced with it from now on.
    pub fn mapped(&mut self, listener: ListenerId, port: Option<u16>) {
        self.mapped.retain(|(known, _)| *known != listener);
        self.mapped.extend(port.map(|port| (listener, port)));
        self.set_ports();
    }

    fn set_ports(&mut self) {
        for (listener, node) in &mut self.nodes {
            let mapped = self.mapped.iter().find(|(known, _)| known == listener);
            node.port = mapped.map_or(node.local.port(), |(_, port)| *port);
        }
    }

    /// Makes a node for every listener that should have one, and no other. Says
    /// whether that changed anything.
    fn settle(&mut self, now: Time) -> bool {
        let before: Vec<_> = self.nodes.values().map(|node| node.local).collect();
        let is_named = self.settings.routers.is_some();
        let takes_part =
            |addr: &SocketAddr| self.settings.enabled && (is_named || !addr.ip().is_loopback());
        let wanted: BTreeMap<_, _> = self
            .listeners
            .iter()
            .filter(|(_, addr)| takes_part(addr))
            .copied()
            .collect();
        self.nodes
            .retain(|listener, node| wanted.get(listener) == Some(&node.local));
        for (listener, local) in wanted {
            if self.nodes.contains_key(&listener) {
                continue;
            }
            let bytes_per_s = self.settings.send_bytes_per_s;
            let mut node = Node::new((listener, local), bytes_per_s, &mut self.random, now);
            let fits = |snapshot: &NodeSnapshot| snapshot.is_ipv6 == local.is_ipv6();
            if let Some(at) = self.restored.iter().position(fits) {
                let NodeSnapshot { id, known, .. } = self.restored.remove(at);
                node.restore(id, &known, now);
            }
            self.nodes.insert(listener, node);
        }
        self.set_ports();
        !before
            .into_iter()
            .eq(self.nodes.values().map(|node| node.local))
    }

    /// Whom nodes of ours knew in an earlier run.
    pub fn restore(&mut self, snapshot: DhtSnapshot, now: Time) {
        for saved in snapshot.nodes {
            let fits =
                |node: &&mut Node| node.local.is_ipv6() == saved.is_ipv6 && node.table.len() == 0;
            match self.nodes.values_mut().find(fits) {
                Some(node) => node.restore(saved.id, &saved.known, now),
                None if self.restored.len() < 8 => self.restored.push(saved),
                None => {}
            }
        }
    }

    /// Whom they know now.
    pub fn snapshot(&self, now: Time) -> DhtSnapshot {
        let nodes = self.nodes.values();
        DhtSnapshot {
            nodes: nodes.map(|node| NodeSnapshot::of(node, now)).collect(),
        }
    }

    /// Several who do not know of each other say that this is our address on
    /// that socket.
    pub fn ours(&mut self, listener: ListenerId, ip: IpAddr, now: Time) {
        self.with(listener, now, |node, cx| node.set_ours(ip, cx));
    }

    /// A datagram arrived. False means that it is not for the DHT, or that
    /// nothing follows from it.
    pub fn on_datagram(
        &mut self,
        listener: ListenerId,
        from: SocketAddr,
        bytes: &[u8],
        now: Time,
    ) -> bool {
        let from = canonical(from);
        let Some(node) = self.nodes.get_mut(&listener) else {
            return false;
        };
        if !node.is_of_family(from) || from.port() == 0 {
            return false;
        }
        let read = Message::decode(bytes);
        let is_question = match &read {
            Ok(message) => matches!(message.kind, Kind::Query { .. }),
            Err(Unreadable::Query { .. }) => true,
            Err(Unreadable::NotKrpc) => return false,
        };
        let read_only = self.settings.read_only;
        if is_question && (read_only || !node.server.guard.may_ask(from, now)) {
            return false;
        }
        let message = match read {
            Ok(message) => message,
            Err(Unreadable::Query { transaction, fault }) => {
                self.with(listener, now, |node, cx| {
                    node.refuse(from, transaction, &fault, cx);
                });
                return true;
            }
            Err(Unreadable::NotKrpc) => return false,
        };
        match &message.kind {
            Kind::Query { id, query } => {
                let other_family = wanted(query).and_then(|(target, want)| {
                    let is_wanted = if from.is_ipv4() { want.v6 } else { want.v4 };
                    let other = self.other_family(from).filter(|_| is_wanted)?;
                    Some(other.table.told(&target, K))
                });
                let (id, query) = (*id, query.clone());
                self.with(listener, now, |node, cx| {
                    node.on_query(from, (&message, id, query), other_family, cx);
                });
            }
            Kind::Response(response) => {
                let others = self.with(listener, now, |node, cx| {
                    node.on_response(from, &message, response, cx)
                });
                for named in others.into_iter().flatten() {
                    self.hint_of(named.addr, Some(named.id), now);
                }
            }
            Kind::Error { .. } => {
                self.with(listener, now, |node, cx| node.on_error(from, &message, cx));
            }
        }
        true
    }

    /// A node of ours in the family that an address is not of.
    fn other_family(&self, addr: SocketAddr) -> Option<&Node> {
        self.nodes.values().find(|node| !node.is_of_family(addr))
    }

    /// Somebody says that there may be a node (PORT of BEP 5; the nodes of a
    /// torrent).
    pub fn hint(&mut self, addr: SocketAddr, now: Time) {
        self.hint_of(canonical(addr), None, now);
    }

    fn hint_of(&mut self, addr: SocketAddr, id: Option<NodeId>, now: Time) {
        if self.routers.is_router(addr) {
            return;
        }
        let mut nodes = self.nodes.values_mut();
        if let Some(node) = nodes.find(|node| node.is_of_family(addr)) {
            node.hint(Hint { addr, id });
            node.wake = now;
        }
    }

    /// A node is at what a name was looked up to.
    fn hint_of_name(&mut self, addr: SocketAddr, now: Time) {
        if self.routers.is_router(addr) {
            return;
        }
        let mut nodes = self.nodes.values_mut();
        if let Some(node) = nodes.find(|node| node.is_of_family(addr)) {
            node.hint_of_name(addr);
            node.wake = now;
        }
    }

    /// The same, by a name or an address in words.
    pub fn hint_name(&mut self, host: &str, port: u16, now: Time) {
        match host.parse() {
            Ok(ip) => self.hint(SocketAddr::new(ip, port), now),
            Err(_) => {
                self.routers.add_node(host, port);
                self.wake = now;
            }
        }
    }

    /// A name was looked up; `addrs` is empty if that failed.
    pub fn resolved(&mut self, host: &str, port: u16, addrs: &[IpAddr], now: Time) {
        match self.routers.resolved(host, port, addrs, now) {
            Some(true) => {
                let addrs: Vec<_> = addrs
                    .iter()
                    .map(|ip| SocketAddr::new(ip.to_canonical(), port))
                    .collect();
                for listener in self.starving() {
                    self.with(listener, now, |node, cx| {
                        addrs.iter().for_each(|&router| node.ask_router(router, cx));
                    });
                }
            }
            Some(false) => {
                for &ip in addrs {
                    self.hint_of_name(SocketAddr::new(ip.to_canonical(), port), now);
                }
            }
            None => {}
        }
    }

    fn starving(&self) -> Vec<ListenerId> {
        let nodes = self.nodes.iter();
        nodes
            .filter(|(_, node)| node.is_starving())
            .map(|(listener, _)| *listener)
            .collect()
    }

    /// A torrent is to be announced, and its peers to be found, from now on.
    pub fn add_torrent(&mut self, torrent: TorrentKey, is_dormant: bool, now: Time) {
        for node in self.nodes.values_mut() {
            node.turns.add(torrent, is_dormant, now);
        }
    }

    /// A torrent fell asleep or woke.
    pub fn change_torrent(&mut self, torrent: TorrentKey, is_dormant: bool) {
        for node in self.nodes.values_mut() {
            node.turns.change(torrent, is_dormant);
        }
    }

    /// Whether a torrent is among those that are announced.
    pub fn has_torrent(&self, torrent: TorrentKey) -> bool {
        self.nodes.values().any(|node| node.turns.has(torrent))
    }

    /// Where a peer of a torrent, if that is announced, finds our node of its
    /// family.
    pub fn port(&self, torrent: TorrentKey, peer: SocketAddr) -> Option<u16> {
        let peer = canonical(peer);
        let mut nodes = self.nodes.values();
        let node = nodes.find(|node| node.is_of_family(peer) && node.turns.has(torrent))?;
        Some(node.local.port())
    }

    /// A torrent is nobody's business any more: nothing that is sent after this
    /// names it.
    pub fn remove_torrent(&mut self, torrent: TorrentKey) {
        for node in self.nodes.values_mut() {
            node.turns.remove(torrent);
            node.searches
                .retain(|_, search| search.owner != Owner::Torrent(torrent));
        }
    }

    /// Pushes what is to be done now. `wish` says what a torrent wants when it
    /// has its turn; nothing means that it is to have no more.
    pub fn poll(
        &mut self,
        now: Time,
        wish: &mut dyn FnMut(TorrentKey) -> Option<Wish>,
        out: &mut Vec<DhtAction>,
    ) {
        self.wake = Time::NEVER;
        self.begin_orders(now);
        let has_both = self.has_both();
        for node in self.nodes.values_mut() {
            let mut cx = Cx {
                now,
                random: &mut self.random,
                out: &mut self.due,
                read_only: self.settings.read_only,
                has_other_family: has_both,
                wish: &mut *wish,
            };
            node.poll(&mut cx);
        }
        self.ask_routers(now);
        self.end_orders();
        out.append(&mut self.due);
    }

    /// When [`poll`](Self::poll) has something to do.
    pub fn next_deadline(&self) -> Time {
        let nodes = self.nodes.values().map(Node::next_deadline);
        let next = nodes.min().unwrap_or(Time::NEVER);
        next.min(self.wake).min(self.orders_due())
    }

    /// Does something to a node of ours, outside of anybody's turn.
    fn with<R>(
        &mut self,
        listener: ListenerId,
        now: Time,
        act: impl FnOnce(&mut Node, &mut Cx<'_>) -> R,
    ) -> Option<R> {
        let has_other_family = self.has_both();
        let mut cx = Cx {
            now,
            random: &mut self.random,
            out: &mut self.due,
            read_only: self.settings.read_only,
            has_other_family,
            wish: &mut |_| None,
        };
        let node = self.nodes.get_mut(&listener)?;
        Some(act(node, &mut cx))
    }

    fn has_both(&self) -> bool {
        let is_v4 = |node: &Node| node.local.is_ipv4();
        let mut nodes = self.nodes.values();
        nodes.clone().any(is_v4) && !nodes.all(is_v4)
    }

    fn ask_routers(&mut self, now: Time) {
        let mut needs_routers = false;
        let due: Vec<_> = self
            .nodes
            .iter_mut()
            .filter_map(|(listener, node)| node.take_routers_due(now).then_some(*listener))
            .collect();
        let addrs: Vec<_> = self.routers.addrs().collect();
        for listener in due {
            needs_routers = true;
            self.with(listener, now, |node, cx| {
                addrs.iter().for_each(|&router| node.ask_router(router, cx));
            });
        }
        if self.is_on() {
            for (host, port) in self.routers.take_due(needs_routers, now) {
                self.due.push(DhtAction::Resolve { host, port });
            }
        }
    }
}
