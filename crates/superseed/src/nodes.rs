//! The file in which the nodes of the DHT that a session knew are kept for the
//! next one: bencode of a form of its own. It is a hint: one that is missing,
//! old or broken costs a question to a router.

use std::io;
use std::path::Path;

use superseed_engine::dht::{DhtSnapshot, NodeSnapshot};
use superseed_proto::bencode::{self, Dict, Encoder, Limits, Mode};
use superseed_proto::krpc::{NodeAddr, NodeId};

use crate::storage::fs::replace;

/// The form that is written, and the only one that is read.
const VERSION: i64 = 1;

/// Far more than a session writes.
const LIMITS: Limits = Limits {
    bytes: 256 << 10,
    depth: 6,
    tokens: 20_000,
};

/// What a file says; nothing if it cannot be read.
pub(crate) fn read(path: &Path) -> DhtSnapshot {
    let read = match std::fs::read(path) {
        Ok(bytes) => decode(&bytes).ok_or_else(|| "it is malformed".to_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(DhtSnapshot::default()),
        Err(error) => Err(error.to_string()),
    };
    read.unwrap_or_else(|why| {
        tracing::debug!(path = %path.display(), why, "cannot use the nodes of an earlier run");
        DhtSnapshot::default()
    })
}

/// Replaces the file, unless nothing is known: what an earlier run knew is
/// better than that. May block.
pub(crate) fn write(path: &Path, snapshot: &DhtSnapshot) {
    if snapshot.nodes.iter().all(|node| node.known.is_empty()) {
        return;
    }
    if let Err(error) = replace(path, &encode(snapshot)) {
        tracing::debug!(path = %path.display(), %error, "cannot keep the nodes of the DHT");
    }
}

fn encode(snapshot: &DhtSnapshot) -> Vec<u8> {
    Encoder::dict(|dict| {
        dict.int("version", VERSION);
        dict.list("nodes", |list| {
            for node in &snapshot.nodes {
                list.dict(|dict| {
                    dict.bytes("id", node.id.0);
                    dict.int("ipv6", i64::from(node.is_ipv6));
                    dict.list("known", |list| {
                        for known in &node.known {
                            list.dict(|dict| {
                                dict.bytes("id", known.id.0);
                                dict.bytes("addr", known.addr.to_string());
                            });
                        }
                    });
                });
            }
        });
    })
}

fn decode(bytes: &[u8]) -> Option<DhtSnapshot> {
    let document = bencode::decode(bytes, &LIMITS, Mode::Lenient).ok()?;
    let dict = document.root().as_dict()?;
    if dict.int("version") != Some(VERSION) {
        return None;
    }
    let nodes = dict.list("nodes")?;
    let nodes = nodes
        .into_iter()
        .filter_map(|node| read_node(&node.as_dict()?));
    Some(DhtSnapshot {
        nodes: nodes.collect(),
    })
}

fn read_node(dict: &Dict<'_>) -> Option<NodeSnapshot> {
    let is_ipv6 = dict.int("ipv6")? != 0;
    let known = dict.list("known")?.into_iter().filter_map(|known| {
        let dict = known.as_dict()?;
        let addr = std::str::from_utf8(dict.bytes("addr")?).ok()?;
        Some(NodeAddr {
            id: read_id(&dict)?,
            addr: addr.parse().ok()?,
        })
    });
    Some(NodeSnapshot {
        is_ipv6,
        id: read_id(dict)?,
        known: known
            .filter(|node| node.addr.is_ipv6() == is_ipv6)
            .collect(),
    })
}

fn read_id(dict: &Dict<'_>) -> Option<NodeId> {
    dict.bytes("id")?.try_into().ok().map(NodeId)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot() -> DhtSnapshot {
        let node = |at: u8, addr: &str| NodeAddr {
            id: NodeId([at; 20]),
            addr: addr.parse().unwrap(),
        };
        DhtSnapshot {
            nodes: vec![
                NodeSnapshot {
                    is_ipv6: false,
                    id: NodeId([1; 20]),
                    known: vec![node(2, "93.1.1.1:6881"), node(3, "93.2.1.1:1")],
                },
                NodeSnapshot {
                    is_ipv6: true,
                    id: NodeId([4; 20]),
                    known: vec![node(5, "[2a02::1]:6881")],
                },
            ],
        }
    }

    #[test]
    fn what_was_kept_is_read_again_and_nothing_does_not_replace_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("below/dht");
        assert_eq!(read(&path), DhtSnapshot::default());
        write(&path, &snapshot());
        assert_eq!(read(&path), snapshot());
        write(&path, &DhtSnapshot::default());
        assert_eq!(read(&path), snapshot());
    }

    #[test]
    fn a_broken_file_is_as_good_as_none() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("dht");
        let good = encode(&snapshot());
        for len in 0..good.len() {
            std::fs::write(&path, &good[..len]).unwrap();
            assert_eq!(read(&path), DhtSnapshot::default());
        }
        std::fs::write(&path, b"d5:nodesle7:versioni2ee").unwrap();
        assert_eq!(read(&path), DhtSnapshot::default());
        assert_eq!(read(dir.path()), DhtSnapshot::default());
    }
}
