//! From what a packet says to its bytes, which are never too many.

use core::net::SocketAddr;

use thiserror::Error;

use super::PACKET_LEN_MAX;
use super::item::Item;
use super::message::{Kind, Message, NodeAddr, PutQuery, Query, Response, Want};
use super::node_id::NodeId;
use crate::bencode::{DictEncoder, Encoder};
use crate::compact;

/// What is to be said does not fit into a packet, and cannot be cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the packet would have {len} bytes")]
pub struct TooLong {
    /// How long it would be at least, in bytes.
    pub len: usize,
}

impl Message {
    /// The packet, as canonical bencode of at most [`PACKET_LEN_MAX`] bytes.
    ///
    /// Of a response that is too long is left out what others will tell as well:
    /// peers, then samples, then nodes of the family that the receiver is not
    /// of, then other nodes, always from the end of the list (BEP 32, BEP 33).
    ///
    /// # Errors
    /// If the rest is still too long, as with an item whose value has the length
    /// that BEP 44 allows: its packet is longer than BEP 32 allows. See
    /// [`Message::encode_within`].
    pub fn encode(&self) -> Result<Vec<u8>, TooLong> {
        self.encode_within(PACKET_LEN_MAX)
    }

    /// As [`Message::encode`], with another greatest length in bytes: for who
    /// sends items, and has decided that their packets need not be as short as
    /// BEP 32 wants them.
    ///
    /// # Errors
    /// As there.
    pub fn encode_within(&self, len_max: usize) -> Result<Vec<u8>, TooLong> {
        let mut lists = match &self.kind {
            Kind::Response(response) => Lists::of(response),
            Kind::Query { .. } | Kind::Error { .. } => Lists::default(),
        };
        loop {
            let packet = self.write(&lists);
            if packet.len() <= len_max {
                return Ok(packet);
            }
            let is_v6 = self.ip.is_some_and(|ip| ip.ip().to_canonical().is_ipv6());
            if !lists.shorten(packet.len() - len_max, is_v6) {
                return Err(TooLong { len: packet.len() });
            }
        }
    }

    fn write(&self, lists: &Lists<'_>) -> Vec<u8> {
        Encoder::dict(|dict| {
            let kind = match &self.kind {
                Kind::Query { id, query } => {
                    dict.dict("a", |a| write_arguments(id, query, a));
                    dict.bytes("q", method(query));
                    "q"
                }
                Kind::Response(response) => {
                    dict.dict("r", |r| write_response(response, lists, r));
                    "r"
                }
                Kind::Error { code, text } => {
                    dict.list("e", |e| {
                        e.int(code.0);
                        e.bytes(text);
                    });
                    "e"
                }
            };
            if let Some(ip) = self.ip {
                dict.bytes("ip", compact::bytes(ip));
            }
            if self.read_only {
                dict.int("ro", 1);
            }
            dict.bytes("t", self.transaction.as_bytes());
            if let Some(version) = self.version {
                dict.bytes("v", version.0);
            }
            dict.bytes("y", kind);
        })
    }
}

/// How many entries of the lists of a response are written.
#[derive(Default)]
struct Lists<'a> {
    values: &'a [SocketAddr],
    samples: &'a [crate::SwarmKey],
    nodes: Vec<&'a NodeAddr>,
    nodes6: Vec<&'a NodeAddr>,
}

impl<'a> Lists<'a> {
    fn of(response: &'a Response) -> Self {
        let nodes = |list: &'a Option<Vec<NodeAddr>>, is_v6: bool| {
            let nodes = list.iter().flatten();
            nodes.filter(|node| node.addr.is_ipv6() == is_v6).collect()
        };
        Self {
            values: &response.values,
            samples: response
                .samples
                .as_ref()
                .map_or(&[], |samples| &samples.swarms),
            nodes: nodes(&response.nodes, false),
            nodes6: nodes(&response.nodes6, true),
        }
    }

    /// Leaves out as many entries of the first list that has some as `excess`
    /// bytes take, or all; `false` if no list has any. What the lengths of the
    /// lists themselves take is not counted, so there may be another round.
    fn shorten(&mut self, excess: usize, is_to_v6: bool) -> bool {
        if !self.values.is_empty() {
            let mut freed = 0;
            while freed < excess
                && let Some((addr, rest)) = self.values.split_last()
            {
                freed += if addr.is_ipv6() { 3 + 18 } else { 2 + 6 };
                self.values = rest;
            }
        } else if !self.samples.is_empty() {
            self.samples = &self.samples[..kept(self.samples.len(), excess, 20)];
        } else {
            let (v4, v6) = ((&mut self.nodes, 20 + 6), (&mut self.nodes6, 20 + 18));
            let order = if is_to_v6 { [v4, v6] } else { [v6, v4] };
            let Some((nodes, entry_len)) = order.into_iter().find(|(nodes, _)| !nodes.is_empty())
            else {
                return false;
            };
            nodes.truncate(kept(nodes.len(), excess, entry_len));
        }
        true
    }
}

fn kept(count: usize, excess: usize, entry_len: usize) -> usize {
    count.saturating_sub(excess.div_ceil(entry_len))
}

fn method(query: &Query) -> &[u8] {
    match query {
        Query::Ping => b"ping",
        Query::FindNode { .. } => b"find_node",
        Query::GetPeers { .. } => b"get_peers",
        Query::AnnouncePeer { .. } => b"announce_peer",
        Query::Get { .. } => b"get",
        Query::Put(_) => b"put",
        Query::SampleInfohashes { .. } => b"sample_infohashes",
        Query::Other { method, .. } => method,
    }
}

fn write_arguments(id: &NodeId, query: &Query, a: &mut DictEncoder<'_>) {
    a.bytes("id", id.0);
    match query {
        Query::Ping => {}
        Query::FindNode { target, want } | Query::SampleInfohashes { target, want } => {
            a.bytes("target", target.0);
            write_want(*want, a);
        }
        Query::GetPeers {
            swarm,
            want,
            no_seed,
            scrape,
        } => {
            a.bytes("info_hash", swarm.0);
            write_flag("noseed", *no_seed, a);
            write_flag("scrape", *scrape, a);
            write_want(*want, a);
        }
        Query::AnnouncePeer {
            swarm,
            port,
            implied_port,
            token,
            seed,
        } => {
            write_flag("implied_port", *implied_port, a);
            a.bytes("info_hash", swarm.0);
            a.int("port", i64::from(*port));
            write_flag("seed", *seed, a);
            a.bytes("token", token);
        }
        Query::Get { target, seq, want } => {
            if let Some(seq) = seq {
                a.int("seq", *seq);
            }
            a.bytes("target", target.0);
            write_want(*want, a);
        }
        Query::Put(put) => write_put(put, a),
        Query::Other { target, want, .. } => {
            if let Some(target) = target {
                a.bytes("target", target.0);
            }
            write_want(*want, a);
        }
    }
}

/// A flag that is not set is not written: nodes exist that heed only whether
/// there is one.
fn write_flag(key: &str, is_set: bool, a: &mut DictEncoder<'_>) {
    if is_set {
        a.int(key, 1);
    }
}

fn write_want(want: Want, a: &mut DictEncoder<'_>) {
    if want != Want::default() {
        a.list("want", |list| {
            if want.v4 {
                list.bytes("n4");
            }
            if want.v6 {
                list.bytes("n6");
            }
        });
    }
}

fn write_put(put: &PutQuery, a: &mut DictEncoder<'_>) {
    if let Item::Mutable(item) = &put.item {
        if let Some(cas) = put.cas {
            a.int("cas", cas);
        }
        a.bytes("k", item.key.0);
        if !item.salt.is_empty() {
            a.bytes("salt", &item.salt);
        }
        a.int("seq", item.seq);
        a.bytes("sig", item.signature.0);
    }
    a.bytes("token", &put.token);
    a.raw("v", put.item.value());
}

fn write_response(response: &Response, lists: &Lists<'_>, r: &mut DictEncoder<'_>) {
    if let Some(peers) = &response.peers {
        r.bytes("BFpe", peers.0);
    }
    if let Some(seeds) = &response.seeds {
        r.bytes("BFsd", seeds.0);
    }
    r.bytes("id", response.id.0);
    if let Some(samples) = &response.samples {
        r.int("interval", i64::from(samples.interval_s));
    }
    if let Some(key) = &response.key {
        r.bytes("k", key.0);
    }
    if response.nodes.is_some() {
        r.bytes("nodes", compact_nodes(&lists.nodes));
    }
    if response.nodes6.is_some() {
        r.bytes("nodes6", compact_nodes(&lists.nodes6));
    }
    if let Some(samples) = &response.samples {
        r.int("num", i64::try_from(samples.total).unwrap_or(i64::MAX));
        let swarms: Vec<u8> = lists.samples.iter().flat_map(|swarm| swarm.0).collect();
        r.bytes("samples", swarms);
    }
    if let Some(seq) = response.seq {
        r.int("seq", seq);
    }
    if let Some(signature) = &response.signature {
        r.bytes("sig", signature.0);
    }
    if let Some(token) = &response.token {
        r.bytes("token", token);
    }
    if let Some(value) = &response.value {
        r.raw("v", value);
    }
    if !lists.values.is_empty() {
        r.list("values", |list| {
            for &addr in lists.values {
                list.bytes(compact::bytes(addr));
            }
        });
    }
}

fn compact_nodes(nodes: &[&NodeAddr]) -> Vec<u8> {
    let mut list = Vec::with_capacity(nodes.len() * (20 + 18));
    for node in nodes {
        list.extend_from_slice(&node.id.0);
        compact::push(node.addr, &mut list);
    }
    list
}
