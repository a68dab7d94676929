//! The file in which the nodes of the DHT that a session knew are kept for the
//! next one: bencode of a form of its own. It is a hint: one that is missing,
//! old or broken costs a question to a router.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use superseed_engine::dht::{DhtSnapshot, NodeSnapshot};
use superseed_proto::bencode::{self, Dict, Encoder, Limits, Mode};
use superseed_proto::krpc::{NodeAddr, NodeId};

use crate::storage::fs::{Taken, replace, try_lock};

/// The form that is written, and the only one that is read.
const VERSION: i64 = 1;

/// Far more than a session writes.
const LIMITS: Limits = Limits {
    bytes: 256 << 10,
    depth: 6,
    tokens: 20_000,
};

/// The file as one session has it. Several may be given the same at once, in one
/// process or in many: one of them has it, and its id, until it ends; the others
/// begin with the nodes in it and are nodes of their own.
#[derive(Debug)]
pub(crate) struct NodesFile {
    path: PathBuf,
    /// The lock on it, if it is ours. Locked while it is written, so that one
    /// thread does.
    lock: Mutex<Option<File>>,
}

impl NodesFile {
    /// Takes the file, if nobody has it.
    pub(crate) fn new(path: PathBuf) -> Self {
        let lock = Mutex::new(take(&path));
        Self { path, lock }
    }

    /// What it says; nothing if it cannot be read, and no id that another session
    /// has.
    pub(crate) fn read(&self) -> DhtSnapshot {
        let is_ours = self.lock().is_some();
        let mut snapshot = read(&self.path);
        for node in &mut snapshot.nodes {
            node.id = node.id.filter(|_| is_ours);
        }
        snapshot
    }

    /// Replaces it, if nobody else has it, unless nothing is known: what an
    /// earlier run knew is better than that. May block.
    pub(crate) fn write(&self, snapshot: &DhtSnapshot) {
        if snapshot.nodes.iter().all(|node| node.known.is_empty()) {
            return;
        }
        let mut lock = self.lock();
        if lock.is_none() {
            // Who had it may have ended.
            *lock = take(&self.path);
        }
        if lock.is_some()
            && let Err(error) = replace(&self.path, &encode(snapshot))
        {
            tracing::debug!(path = %self.path.display(), %error, "cannot keep the nodes of the DHT");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<File>> {
        self.lock.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes the lock of a file, which is on another one beside it, since the file is
/// replaced by each that is written. That one stays: it is empty and harmless.
fn take(path: &Path) -> Option<File> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".lock");
    let take = || -> io::Result<Option<File>> {
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&beside)?;
        Ok(match try_lock(&file)? {
            Taken::Now => Some(file),
            // Where there are no locks nobody knows of another one.
            Taken::Unsupported => Some(file),
            Taken::ByAnother => None,
        })
    };
    take().unwrap_or_else(|error| {
        tracing::debug!(path = %path.display(), %error, "cannot lock the nodes of the DHT");
        None
    })
}

fn read(path: &Path) -> DhtSnapshot {
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

fn encode(snapshot: &DhtSnapshot) -> Vec<u8> {
    Encoder::dict(|dict| {
        dict.int("version", VERSION);
        dict.list("nodes", |list| {
            for node in &snapshot.nodes {
                list.dict(|dict| {
                    if let Some(id) = node.id {
                        dict.bytes("id", id.0);
                    }
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
        id: read_id(dict),
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
                    id: Some(NodeId([1; 20])),
                    known: vec![node(2, "93.1.1.1:6881"), node(3, "93.2.1.1:1")],
                },
                NodeSnapshot {
                    is_ipv6: true,
                    id: Some(NodeId([4; 20])),
                    known: vec![node(5, "[2a02::1]:6881")],
                },
            ],
        }
    }

    #[test]
    fn what_was_kept_is_read_again_and_nothing_does_not_replace_it() {
        let dir = tempfile::tempdir().unwrap();
        let file = NodesFile::new(dir.path().join("below/dht"));
        assert_eq!(file.read(), DhtSnapshot::default());
        file.write(&snapshot());
        assert_eq!(file.read(), snapshot());
        file.write(&DhtSnapshot::default());
        assert_eq!(file.read(), snapshot());
    }

    #[test]
    fn of_two_sessions_with_one_file_one_has_its_id_and_writes_it() {
        let dir = tempfile::tempdir().unwrap();
        let open = || NodesFile::new(dir.path().join("dht"));
        let first = open();
        first.write(&snapshot());
        let second = open();
        let seen = second.read();
        assert!(seen.nodes.iter().all(|node| node.id.is_none()));
        assert_eq!(seen.nodes[0].known, snapshot().nodes[0].known);
        let mut other = snapshot();
        other.nodes.truncate(1);
        other.nodes[0].id = Some(NodeId([9; 20]));
        second.write(&other);
        assert_eq!(first.read(), snapshot());
        // The first ends, and what the second knows is newer.
        drop(first);
        second.write(&other);
        assert!(open().read().nodes[0].id.is_none());
        drop(second);
        assert_eq!(open().read(), other);
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
