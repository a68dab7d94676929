//! One iterative look-up, on plain data: whom to ask next, when it is over.

use core::net::SocketAddr;
use std::collections::BTreeSet;
use std::time::Duration;

use superseed_proto::SwarmKey;
use superseed_proto::krpc::{Item, MutableItem, NodeAddr, NodeId, PutQuery, Query, Response, Want};

use super::frontier::{Entry, Frontier, State};
use crate::ids::{Ticket, TorrentKey};
use crate::limits::{DHT_PEERS_PER_SEARCH_MAX, DHT_SEARCH_QUERIES_MAX};
use crate::time::Time;

/// Questions of a look-up that are out at a time (libtorrent,
/// `dht_search_branching`).
const ALPHA: u32 = 5;

/// What is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Goal {
    /// The nodes closest to a point.
    Nodes(NodeId),
    /// Peers of a swarm.
    Peers(SwarmKey),
    /// An item (BEP 44), of a mutable one with this salt.
    Get {
        /// Where it is.
        target: NodeId,
        /// What tells several items of one key apart; empty for most.
        salt: Vec<u8>,
    },
    /// To store an item (BEP 44).
    Put {
        /// The item, which must be right.
        item: Item,
        /// Of a mutable one: only where this is the stored sequence number.
        cas: Option<i64>,
    },
}

impl Goal {
    /// The point to get close to.
    pub fn target(&self) -> NodeId {
        match self {
            Self::Nodes(target) | Self::Get { target, .. } => *target,
            Self::Peers(swarm) => (*swarm).into(),
            Self::Put { item, .. } => item.target(),
        }
    }
}

/// That we are in a swarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Announce {
    pub(super) port: u16,
    pub(super) seed: bool,
}

/// Who wants to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// The node itself, of the nodes around it.
    Home,
    /// The node itself, of nodes far away.
    Far,
    /// A torrent.
    Torrent(TorrentKey),
    /// A user.
    User(Ticket),
}

/// One look-up.
#[derive(Debug)]
pub(super) struct Search {
    pub(super) goal: Goal,
    pub(super) owner: Owner,
    pub(super) announce: Option<Announce>,
    pub(super) frontier: Frontier,
    /// Questions that are out.
    in_flight: u32,
    /// Those of them that take longer than they should.
    slow: u32,
    /// Questions so far.
    pub(super) queries: u32,
    /// The closest have been found, and are told what to store.
    pub(super) is_storing: bool,
    /// Peers that were named.
    pub(super) peers: BTreeSet<SocketAddr>,
    /// How long it took to the first of them.
    pub(super) first_peer_after: Option<Duration>,
    /// The newest item so far.
    pub(super) item: Option<Item>,
    /// Who is still to be told what to store.
    pub(super) telling: Vec<(NodeAddr, Query)>,
    /// Nodes that stored what they were told.
    pub(super) stored: u32,
    pub(super) began: Time,
}

impl Search {
    pub(super) fn new(goal: Goal, owner: Owner, now: Time) -> Self {
        Self {
            frontier: Frontier::new(goal.target()),
            goal,
            owner,
            announce: None,
            in_flight: 0,
            slow: 0,
            queries: 0,
            is_storing: false,
            peers: BTreeSet::new(),
            first_peer_after: None,
            telling: Vec::new(),
            item: None,
            stored: 0,
            began: now,
        }
    }

    /// What every node is asked.
    pub(super) fn query(&self, want: Want) -> Query {
        match &self.goal {
            Goal::Nodes(target) => Query::FindNode {
                target: *target,
                want,
            },
            Goal::Peers(swarm) => Query::GetPeers {
                swarm: *swarm,
                want,
                no_seed: self.announce.is_some_and(|announce| announce.seed),
                scrape: false,
            },
            Goal::Get { target, .. } => Query::Get {
                target: *target,
                seq: None,
                want,
            },
            Goal::Put { item, .. } => Query::Get {
                target: item.target(),
                seq: None,
                want,
            },
        }
    }

    /// Whom to ask now. Each question that takes too long lets another one out,
    /// so that the dead hold up nobody.
    pub(super) fn next(&self) -> Option<NodeAddr> {
        let is_open = !self.is_storing
            && self.in_flight < ALPHA + self.slow
            && self.queries < DHT_SEARCH_QUERIES_MAX;
        if is_open { self.frontier.next() } else { None }
    }

    /// A node is being asked.
    pub(super) fn asked(&mut self, id: &NodeId) {
        self.in_flight += 1;
        self.queries += 1;
        self.set(id, State::Asked);
    }

    /// A node answered, by this name or another one.
    pub(super) fn answered(
        &mut self,
        id: &NodeId,
        node: NodeAddr,
        token: Option<Vec<u8>>,
        was_slow: bool,
    ) {
        if node.id == *id {
            return self.looked(id, State::Answered(token), was_slow);
        }
        if !self.is_storing {
            self.ended(was_slow);
            self.frontier.rename(id, node, token);
        }
    }

    /// A node takes long.
    pub(super) fn is_slow(&mut self, id: &NodeId) {
        if !self.is_storing {
            self.slow += 1;
            self.set(id, State::Slow);
        }
    }

    /// A node will not answer.
    pub(super) fn failed(&mut self, id: &NodeId, was_slow: bool) {
        self.looked(id, State::Failed, was_slow);
    }

    /// A node that was to store something answered, or did not.
    pub(super) fn was_told(&mut self, took_it: bool) {
        self.ended(false);
        self.stored += u32::from(took_it);
    }

    /// The next that is to store something is being told so.
    pub(super) fn telling_next(&mut self) {
        self.telling.pop();
        self.in_flight += 1;
        self.queries += 1;
    }

    /// Whether all has been found that will be.
    pub(super) fn has_found(&self) -> bool {
        if matches!(self.goal, Goal::Get { .. }) && matches!(self.item, Some(Item::Immutable(_))) {
            return true;
        }
        let is_spent = self.queries >= DHT_SEARCH_QUERIES_MAX && self.in_flight <= self.slow;
        is_spent || self.frontier.is_done()
    }

    /// From now on nodes are told what to store; what others still answer to
    /// earlier questions counts no more.
    pub(super) fn begin_storing(&mut self) {
        self.is_storing = true;
        // The closest is the first to be told, and taken from the end.
        self.telling = self.to_store();
        self.telling.reverse();
        (self.in_flight, self.slow) = (0, 0);
    }

    /// Whether it is over. Who is slow to say that it stored is not waited for
    /// by an announce: nobody is told how many did.
    pub(super) fn is_over(&self) -> bool {
        self.is_storing
            && self.telling.is_empty()
            && (self.in_flight == 0 || self.announce.is_some())
    }

    /// Whom to tell what is to be stored, with the questions that do so.
    fn to_store(&self) -> Vec<(NodeAddr, Query)> {
        let told = |entry: &Entry| {
            let State::Answered(Some(token)) = &entry.state else {
                return None;
            };
            Some((entry.node, self.store_query(token.clone())?))
        };
        self.frontier.closest().filter_map(told).collect()
    }

    fn store_query(&self, token: Vec<u8>) -> Option<Query> {
        match (&self.goal, self.announce) {
            (Goal::Peers(swarm), Some(announce)) => Some(Query::AnnouncePeer {
                swarm: *swarm,
                port: announce.port,
                implied_port: false,
                token,
                seed: announce.seed,
            }),
            (Goal::Put { item, cas }, _) => Some(Query::Put(Box::new(PutQuery {
                token,
                item: item.clone(),
                cas: *cas,
            }))),
            _ => None,
        }
    }

    /// Takes peers that a node named, and returns those that are new.
    pub(super) fn take_peers(&mut self, named: &[SocketAddr], now: Time) -> Vec<SocketAddr> {
        let mut new = Vec::new();
        for &addr in named {
            if self.peers.len() < DHT_PEERS_PER_SEARCH_MAX && self.peers.insert(addr) {
                new.push(addr);
            }
        }
        if !new.is_empty() {
            self.first_peer_after.get_or_insert(now.since(self.began));
        }
        new
    }

    /// What came of it, for who ordered it.
    pub(super) fn into_found(self) -> Found {
        Found {
            peers: self.peers.into_iter().collect(),
            first_peer_after: self.first_peer_after,
            item: self.item,
            stored: self.stored,
            queries: self.queries,
        }
    }

    /// Takes an item that a node named, if it is the one that is looked for and
    /// newer than what is known.
    pub(super) fn take_item(&mut self, response: &Response) {
        let Goal::Get { target, salt } = &self.goal else {
            return;
        };
        // Before the signature is verified, which is costly.
        if seq(&self.item).is_some_and(|known| response.seq.unwrap_or(0) <= known) {
            return;
        }
        if let Some(item) = response.item(target, salt) {
            self.item = Some(item);
        }
    }

    fn looked(&mut self, id: &NodeId, state: State, was_slow: bool) {
        if !self.is_storing {
            self.ended(was_slow);
            self.set(id, state);
        }
    }

    fn ended(&mut self, was_slow: bool) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.slow = self.slow.saturating_sub(u32::from(was_slow));
    }

    fn set(&mut self, id: &NodeId, state: State) {
        if let Some(entry) = self.frontier.get_mut(id) {
            entry.state = state;
        }
    }
}

/// What came of a look-up that a user ordered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Peers that were named.
    pub peers: Vec<SocketAddr>,
    /// How long it took until the first of them was.
    pub first_peer_after: Option<Duration>,
    /// The newest item that was found.
    pub item: Option<Item>,
    /// How many nodes stored the item.
    pub stored: u32,
    /// Questions that were asked.
    pub queries: u32,
}

impl Found {
    /// Adds what the look-up of another family or listener found.
    pub(super) fn unite(&mut self, other: Self) {
        self.peers.extend(other.peers);
        let firsts = [self.first_peer_after, other.first_peer_after];
        self.first_peer_after = firsts.into_iter().flatten().min();
        if seq(&self.item) < seq(&other.item) {
            self.item = other.item;
        }
        self.stored += other.stored;
        self.queries += other.queries;
    }
}

/// The more, the newer.
fn seq(item: &Option<Item>) -> Option<i64> {
    item.as_ref().map(|item| match item {
        Item::Immutable(_) => 0,
        Item::Mutable(MutableItem { seq, .. }) => *seq,
    })
}
