//! What a node of ours answers (BEP 5, 32, 33, 44, 51), and what it keeps for
//! others.

use core::net::SocketAddr;

use rand_core::Rng;
use superseed_proto::krpc::{Item, NodeAddr, NodeId, Query, QueryFault, Response, Want};

use super::guard::{Guard, may_name};
use super::items::Items;
use super::peers::Peers;
use super::table::{K, Table};
use super::tokens::Tokens;
use crate::candidates::is_peer;
use crate::time::Time;

/// Peers in an answer (libtorrent, `dht_max_peers_reply`), and of IPv6, which
/// take three times the room (BEP 32). What does not fit is left out.
const VALUES_V4: usize = 100;
const VALUES_V6: usize = 40;

/// The answering half of a node.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) guard: Guard,
    pub(super) peers: Peers,
    pub(super) items: Items,
    tokens: Tokens,
}

/// Nodes that an answer may name.
#[derive(Debug)]
pub(super) struct Known<'a> {
    /// Of the family of the socket.
    pub(super) table: &'a Table,
    /// Of the other one, where we have a node in it and that is asked for.
    pub(super) other_family: Option<Vec<NodeAddr>>,
}

impl Server {
    pub(super) fn new(bytes_per_s: u64, random: &mut impl Rng, now: Time) -> Self {
        Self {
            guard: Guard::new(bytes_per_s, now),
            peers: Peers::default(),
            items: Items::new(now),
            tokens: Tokens::new(random, now),
        }
    }

    /// The answer to a question; none at all if there is no time for it.
    pub(super) fn answer(
        &mut self,
        from: SocketAddr,
        query: Query,
        (home, known): (NodeId, Known<'_>),
        random: &mut impl Rng,
        now: Time,
    ) -> Option<Result<Response, QueryFault>> {
        self.tokens.rotate(random, now);
        let mut response = Response::new(home);
        match query {
            Query::Ping => {}
            Query::FindNode { target, want } => name(&mut response, from, target, want, known),
            Query::GetPeers {
                swarm,
                want,
                no_seed,
                scrape,
            } => {
                let target = NodeId::from(swarm);
                name(&mut response, from, target, want, known);
                let count = if from.is_ipv4() { VALUES_V4 } else { VALUES_V6 };
                let mut values = self.peers.some(&swarm, count, no_seed, random, now);
                values.retain(|peer| may_name(from.ip(), peer.ip()));
                response.values = values;
                response.token = Some(self.tokens.issue(from.ip(), &target));
                if scrape && let Some((seeds, others)) = self.peers.filters(&swarm, now) {
                    response.seeds = Some(Box::new(seeds));
                    response.peers = Some(Box::new(others));
                }
            }
            Query::AnnouncePeer {
                swarm,
                port,
                implied_port,
                token,
                seed,
            } => {
                if !self.tokens.is_good(&token, from.ip(), &swarm.into()) {
                    return Some(Err(QueryFault::WrongToken));
                }
                let port = if implied_port { from.port() } else { port };
                let peer = SocketAddr::new(from.ip(), port);
                if !is_peer(peer) {
                    return Some(Err(QueryFault::NoPort));
                }
                self.peers.add(swarm, peer, seed, &home, now);
            }
            Query::Get { target, seq, want } => {
                name(&mut response, from, target, want, known);
                response.token = Some(self.tokens.issue(from.ip(), &target));
                match self.items.get(&target, now) {
                    // The asker has it, or a newer one.
                    Some(Item::Mutable(item)) if seq.is_some_and(|seq| item.seq <= seq) => {
                        response.seq = Some(item.seq);
                    }
                    Some(item) => response.set_item(item),
                    None => {}
                }
            }
            Query::Put(put) => {
                if !self
                    .tokens
                    .is_good(&put.token, from.ip(), &put.item.target())
                {
                    return Some(Err(QueryFault::WrongToken));
                }
                if let Err(fault) = self.items.put(*put, &home, now)? {
                    return Some(Err(fault));
                }
            }
            Query::SampleInfohashes { target, want } => {
                name(&mut response, from, target, want, known);
                response.samples = Some(self.peers.sample(random, now));
            }
            // So that look-ups of newer nodes do not end at older ones.
            Query::Other {
                target: Some(target),
                want,
                ..
            } => name(&mut response, from, target, want, known),
            Query::Other { target: None, .. } => return Some(Err(QueryFault::MethodUnknown)),
        }
        Some(Ok(response))
    }
}

/// Names the nodes that are asked for: of the families that are wanted, or of
/// that of the socket (BEP 32).
fn name(response: &mut Response, from: SocketAddr, target: NodeId, want: Want, known: Known<'_>) {
    let is_ours_wanted = match from.is_ipv4() {
        true => want.v4 || !want.v6,
        false => want.v6 || !want.v4,
    };
    let ours = is_ours_wanted.then(|| known.table.told(&target, K));
    let [ours, others] = [ours, known.other_family].map(|nodes| {
        let mut nodes = nodes?;
        nodes.retain(|node| may_name(from.ip(), node.addr.ip()));
        Some(nodes)
    });
    let (v4, v6) = match from.is_ipv4() {
        true => (ours, others),
        false => (others, ours),
    };
    (response.nodes, response.nodes6) = (v4, v6);
}

/// The point that a question is about, where its answer names nodes of a family
/// that is asked for.
pub(super) fn wanted(query: &Query) -> Option<(NodeId, Want)> {
    match query {
        Query::FindNode { target, want }
        | Query::Get { target, want, .. }
        | Query::SampleInfohashes { target, want }
        | Query::Other {
            target: Some(target),
            want,
            ..
        } => Some((*target, *want)),
        Query::GetPeers { swarm, want, .. } => Some(((*swarm).into(), *want)),
        Query::Ping
        | Query::AnnouncePeer { .. }
        | Query::Put(_)
        | Query::Other { target: None, .. } => None,
    }
}
