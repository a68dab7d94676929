//! From the bytes of a packet to what it says.

use core::net::SocketAddr;

use super::bloom::Bloom;
use super::fault::{ErrorCode, QueryFault, Unreadable};
use super::item::{Item, ItemFault, MutableItem, MutableKey, SALT_LEN_MAX, Signature, check_value};
use super::message::{
    Kind, Message, NodeAddr, PutQuery, Query, Response, Samples, Transaction, Version, Want,
};
use super::node_id::NodeId;
use super::{ERROR_CHARS_MAX, METHOD_LEN_MAX, SAMPLE_INTERVAL_S_MAX, TOKEN_LEN_MAX};
use crate::bencode::{self, Dict, Limits, Mode};
use crate::tracker::AddressFamily;
use crate::{SwarmKey, compact, text};

impl Message {
    /// Reads a packet of at most [`PACKET_READ_MAX`](super::PACKET_READ_MAX)
    /// bytes. A part of a response that has the wrong type or length counts as
    /// missing, and so does an entry of a list.
    ///
    /// # Errors
    /// If nothing can be made of it, or if it is a query that can only be
    /// answered by an error.
    pub fn decode(packet: &[u8]) -> Result<Self, Unreadable> {
        let document = bencode::decode(packet, &Limits::KRPC, Mode::Lenient)
            .map_err(|_| Unreadable::NotKrpc)?;
        let dict = document.root().as_dict().ok_or(Unreadable::NotKrpc)?;
        let transaction = dict
            .bytes("t")
            .and_then(Transaction::new)
            .ok_or(Unreadable::NotKrpc)?;
        let kind = match dict.bytes("y") {
            Some(b"q") => {
                read_query(&dict).map_err(|fault| Unreadable::Query { transaction, fault })?
            }
            Some(b"r") => Kind::Response(Box::new(
                dict.dict("r")
                    .and_then(|r| read_response(&r))
                    .ok_or(Unreadable::NotKrpc)?,
            )),
            Some(b"e") => read_error(&dict),
            _ => return Err(Unreadable::NotKrpc),
        };
        Ok(Self {
            transaction,
            version: array(&dict, "v").map(Version),
            read_only: flag(&dict, "ro"),
            ip: dict.bytes("ip").and_then(read_ip),
            kind,
        })
    }
}

fn array<const N: usize>(dict: &Dict<'_>, key: &str) -> Option<[u8; N]> {
    dict.bytes(key)?.try_into().ok()
}

fn flag(dict: &Dict<'_>, key: &str) -> bool {
    dict.int(key).is_some_and(|value| value != 0)
}

/// A number that only makes sense if it is not negative.
fn seq(dict: &Dict<'_>, key: &str) -> Option<i64> {
    dict.int(key).filter(|&seq| seq >= 0)
}

fn read_ip(bytes: &[u8]) -> Option<SocketAddr> {
    let without_port = || compact::ip(bytes).map(|ip| SocketAddr::new(ip, 0));
    compact::addr(bytes).or_else(without_port)
}

fn read_error(dict: &Dict<'_>) -> Kind {
    let list = dict.list("e");
    let mut parts = list.into_iter().flatten();
    let code = parts.next().and_then(|code| code.as_int());
    let text = parts.next().and_then(|text| text.as_bytes());
    Kind::Error {
        code: code.map_or(ErrorCode::GENERIC, ErrorCode),
        text: text.map_or_else(String::new, |text| text::printable(text, ERROR_CHARS_MAX)),
    }
}

fn read_query(dict: &Dict<'_>) -> Result<Kind, QueryFault> {
    let method = dict
        .bytes("q")
        .filter(|method| method.len() <= METHOD_LEN_MAX)
        .ok_or(QueryFault::NoMethod)?;
    let a = dict.dict("a").ok_or(QueryFault::NoId)?;
    let id = array(&a, "id").map(NodeId).ok_or(QueryFault::NoId)?;
    let want = read_want(&a);
    let target = || array(&a, "target").map(NodeId).ok_or(QueryFault::NoTarget);
    let swarm = || {
        array(&a, "info_hash")
            .map(SwarmKey)
            .ok_or(QueryFault::NoTarget)
    };
    let query = match method {
        b"ping" => Query::Ping,
        b"find_node" => Query::FindNode {
            target: target()?,
            want,
        },
        b"get_peers" => Query::GetPeers {
            swarm: swarm()?,
            want,
            no_seed: flag(&a, "noseed"),
            scrape: flag(&a, "scrape"),
        },
        b"announce_peer" => {
            let implied_port = flag(&a, "implied_port");
            let port = a.int("port").and_then(|port| u16::try_from(port).ok());
            Query::AnnouncePeer {
                swarm: swarm()?,
                port: port
                    .filter(|&port| port != 0 || implied_port)
                    .or(implied_port.then_some(0))
                    .ok_or(QueryFault::NoPort)?,
                implied_port,
                token: read_token(&a).ok_or(QueryFault::NoToken)?,
                seed: flag(&a, "seed"),
            }
        }
        b"get" => Query::Get {
            target: target()?,
            seq: seq(&a, "seq"),
            want,
        },
        b"put" => Query::Put(Box::new(read_put(&a)?)),
        b"sample_infohashes" => Query::SampleInfohashes {
            target: target()?,
            want,
        },
        _ => Query::Other {
            method: method.to_vec(),
            target: target().or_else(|_| swarm().map(NodeId::from)).ok(),
            want,
        },
    };
    Ok(Kind::Query { id, query })
}

fn read_want(a: &Dict<'_>) -> Want {
    let mut want = Want::default();
    for family in a.list("want").into_iter().flatten() {
        match family.as_bytes() {
            Some(b"n4") => want.v4 = true,
            Some(b"n6") => want.v6 = true,
            _ => {}
        }
    }
    want
}

fn read_token(dict: &Dict<'_>) -> Option<Vec<u8>> {
    let token = dict.bytes("token")?;
    (token.len() <= TOKEN_LEN_MAX).then(|| token.to_vec())
}

/// The item of a put, of which everything is checked but the signature: that is
/// costly, and for who sees first that the token is right.
fn read_put(a: &Dict<'_>) -> Result<PutQuery, QueryFault> {
    let token = read_token(a).ok_or(QueryFault::NoToken)?;
    let value = a.get("v").ok_or(QueryFault::NoItem)?.raw();
    check_value(value).map_err(QueryFault::Item)?;
    let value = value.to_vec();
    let key = array(a, "k").map(MutableKey);
    let signature = array(a, "sig").map(Signature);
    let item = match (key, signature) {
        (Some(key), Some(signature)) => {
            let salt = a.bytes("salt").unwrap_or_default();
            if salt.len() > SALT_LEN_MAX {
                return Err(QueryFault::Item(ItemFault::SaltTooLong));
            }
            Item::Mutable(MutableItem {
                key,
                salt: salt.to_vec(),
                seq: seq(a, "seq").ok_or(QueryFault::Item(ItemFault::SeqOutOfRange))?,
                value,
                signature,
            })
        }
        // Half a mutable item is not to be stored for ever.
        _ if a.get("k").is_some() || a.get("sig").is_some() => return Err(QueryFault::NoItem),
        _ => Item::Immutable(value),
    };
    let cas = match item {
        Item::Mutable(_) => seq(a, "cas"),
        Item::Immutable(_) => None,
    };
    Ok(PutQuery { token, item, cas })
}

/// `None` without the sender's id.
fn read_response(r: &Dict<'_>) -> Option<Response> {
    Some(Response {
        id: array(r, "id").map(NodeId)?,
        nodes: r
            .bytes("nodes")
            .map(|list| read_nodes(list, AddressFamily::V4)),
        nodes6: r
            .bytes("nodes6")
            .map(|list| read_nodes(list, AddressFamily::V6)),
        values: r
            .list("values")
            .into_iter()
            .flatten()
            .filter_map(|entry| compact::addr(entry.as_bytes()?))
            .filter(|addr| addr.port() != 0)
            .collect(),
        token: read_token(r),
        seeds: array(r, "BFsd").map(|bits| Box::new(Bloom(bits))),
        peers: array(r, "BFpe").map(|bits| Box::new(Bloom(bits))),
        samples: r.bytes("samples").map(|list| read_samples(list, r)),
        value: r
            .get("v")
            .map(|value| value.raw())
            .filter(|value| check_value(value).is_ok())
            .map(<[u8]>::to_vec),
        key: array(r, "k").map(MutableKey),
        signature: array(r, "sig").map(Signature),
        seq: seq(r, "seq"),
    })
}

/// The nodes of a compact list; bytes of an incomplete last one are left out.
fn read_nodes(list: &[u8], family: AddressFamily) -> Vec<NodeAddr> {
    list.chunks_exact(20 + family.stride())
        .filter_map(|entry| {
            let (id, addr) = entry.split_first_chunk()?;
            let addr = compact::addr(addr).filter(|addr| addr.port() != 0)?;
            Some(NodeAddr {
                id: NodeId(*id),
                addr,
            })
        })
        .collect()
}

fn read_samples(list: &[u8], r: &Dict<'_>) -> Samples {
    let swarms: Vec<_> = list
        .as_chunks()
        .0
        .iter()
        .map(|&key| SwarmKey(key))
        .collect();
    let total = r.int("num").and_then(|total| u64::try_from(total).ok());
    let interval_s = r.int("interval").unwrap_or_default();
    Samples {
        total: total.unwrap_or(0).max(swarms.len() as u64),
        swarms,
        interval_s: interval_s.clamp(0, i64::from(SAMPLE_INTERVAL_S_MAX)) as u32,
    }
}
