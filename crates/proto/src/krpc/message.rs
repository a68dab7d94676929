//! What a packet says.

use core::net::SocketAddr;
use std::fmt;

use super::TRANSACTION_LEN_MAX;
use super::bloom::Bloom;
use super::fault::{ErrorCode, QueryFault};
use super::item::{Item, MutableItem, MutableKey, Signature};
use super::node_id::NodeId;
use crate::SwarmKey;

/// One packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// By which a response finds its query (`t`).
    pub transaction: Transaction,
    /// The sender's client (`v`).
    pub version: Option<Version>,
    /// Whether the sender of a query answers none itself, so that nobody is to
    /// keep it (`ro`, BEP 43).
    pub read_only: bool,
    /// The receiver's address as the sender sees it (`ip`, BEP 42); the port is
    /// 0 where only an IP was told. Every response and error should have it.
    pub ip: Option<SocketAddr>,
    /// The rest.
    pub kind: Kind,
}

/// The three kinds of packets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A question (`q`).
    Query {
        /// The sender.
        id: NodeId,
        /// What it asks.
        query: Query,
    },
    /// An answer (`r`).
    Response(Box<Response>),
    /// A refusal (`e`).
    Error {
        /// Why, in a number.
        code: ErrorCode,
        /// Why, in words fit to show; it may be empty.
        text: String,
    },
}

/// By which a response finds its query: bytes that only their sender
/// understands, at most [`TRANSACTION_LEN_MAX`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Transaction {
    len: u8,
    /// Zeroes from `len` on.
    bytes: [u8; TRANSACTION_LEN_MAX],
}

impl Transaction {
    /// `None` if there are more than [`TRANSACTION_LEN_MAX`] bytes.
    pub fn new(id: &[u8]) -> Option<Self> {
        let mut bytes = [0; TRANSACTION_LEN_MAX];
        bytes.get_mut(..id.len())?.copy_from_slice(id);
        Some(Self {
            len: id.len() as u8,
            bytes,
        })
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

impl From<u32> for Transaction {
    /// Four bytes, big-endian.
    fn from(number: u32) -> Self {
        let mut bytes = [0; TRANSACTION_LEN_MAX];
        bytes[..4].copy_from_slice(&number.to_be_bytes());
        Self { len: 4, bytes }
    }
}

impl fmt::Debug for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Transaction({})", self.as_bytes().escape_ascii())
    }
}

/// A client in four bytes: two letters as in BEP 20, and two for its version.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Version(pub [u8; 4]);

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Version({})", self.0.escape_ascii())
    }
}

/// Which nodes an answer should name (BEP 32). Neither means those of the family
/// over which the query came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Want {
    /// Those with IPv4 addresses (`n4`).
    pub v4: bool,
    /// Those with IPv6 addresses (`n6`).
    pub v6: bool,
}

/// A question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    /// Whether the node is there.
    Ping,
    /// Which nodes are closest to a point.
    FindNode {
        /// The point.
        target: NodeId,
        /// Nodes of which family.
        want: Want,
    },
    /// Who is in a swarm.
    GetPeers {
        /// The swarm.
        swarm: SwarmKey,
        /// Nodes of which family.
        want: Want,
        /// Rather peers that are no seeds (BEP 33).
        no_seed: bool,
        /// How many there are (BEP 33).
        scrape: bool,
    },
    /// That the sender is in a swarm.
    AnnouncePeer {
        /// The swarm.
        swarm: SwarmKey,
        /// The TCP port it listens on, not 0 unless `implied_port`.
        port: u16,
        /// Whether its port is that which the packet came from, and not `port`.
        implied_port: bool,
        /// What the receiver gave it in answer to `get_peers`.
        token: Vec<u8>,
        /// Whether it has everything (BEP 33).
        seed: bool,
    },
    /// What item is stored (BEP 44).
    Get {
        /// Where it is.
        target: NodeId,
        /// The value is wanted only if its sequence number is greater; never
        /// negative.
        seq: Option<i64>,
        /// Nodes of which family.
        want: Want,
    },
    /// To store an item (BEP 44).
    Put(Box<PutQuery>),
    /// Which swarms it has peers of (BEP 51).
    SampleInfohashes {
        /// Nodes close to this point are named, too.
        target: NodeId,
        /// Nodes of which family.
        want: Want,
    },
    /// A method that is not known here. One with a target may be answered as
    /// [`Query::FindNode`], so that look-ups of newer nodes do not end at older
    /// ones.
    Other {
        /// Its name, at most [`METHOD_LEN_MAX`](super::METHOD_LEN_MAX) bytes.
        method: Vec<u8>,
        /// `target` or `info_hash`.
        target: Option<NodeId>,
        /// Nodes of which family.
        want: Want,
    },
}

/// To store an item (BEP 44). Its signature has not been verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutQuery {
    /// What the receiver gave the sender in answer to `get`.
    pub token: Vec<u8>,
    /// The item.
    pub item: Item,
    /// Of a mutable item: only if the one that is stored has this sequence
    /// number; never negative.
    pub cas: Option<i64>,
}

/// A node and where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NodeAddr {
    /// Its name.
    pub id: NodeId,
    /// Its address; of one that was read, the port is never 0.
    pub addr: SocketAddr,
}

/// An answer. Only the id is always there; which of the rest there is depends
/// on the question, and on who answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The sender (`id`).
    pub id: NodeId,
    /// Nodes with IPv4 addresses (`nodes`). Others are not written.
    pub nodes: Option<Vec<NodeAddr>>,
    /// Nodes with IPv6 addresses (`nodes6`, BEP 32). Others are not written.
    pub nodes6: Option<Vec<NodeAddr>>,
    /// Peers of a swarm (`values`), of either family; an empty list is not
    /// written. Of those that were read, no port is 0.
    pub values: Vec<SocketAddr>,
    /// To be shown with an announce or a put (`token`).
    pub token: Option<Vec<u8>>,
    /// All seeds of a swarm (`BFsd`, BEP 33).
    pub seeds: Option<Box<Bloom>>,
    /// All other peers of a swarm (`BFpe`, BEP 33).
    pub peers: Option<Box<Bloom>>,
    /// Swarms that the sender has peers of (BEP 51).
    pub samples: Option<Samples>,
    /// The value of an item (`v`, BEP 44), as canonical bencode of at most
    /// [`VALUE_LEN_MAX`](super::VALUE_LEN_MAX) bytes. Whether it is the one that
    /// was asked for is for the asker to see: [`Response::item`].
    pub value: Option<Vec<u8>>,
    /// The key of a mutable item (`k`, BEP 44).
    pub key: Option<MutableKey>,
    /// The signature of a mutable item (`sig`, BEP 44).
    pub signature: Option<Signature>,
    /// The sequence number of a mutable item (`seq`, BEP 44), also where the
    /// value is not sent because the asker has it; never negative.
    pub seq: Option<i64>,
}

/// Swarms that a node has peers of (BEP 51).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Samples {
    /// Some of them, chosen by chance (`samples`).
    pub swarms: Vec<SwarmKey>,
    /// How many there are in all (`num`).
    pub total: u64,
    /// Seconds before others are chosen (`interval`), at most
    /// [`SAMPLE_INTERVAL_S_MAX`](super::SAMPLE_INTERVAL_S_MAX).
    pub interval_s: u32,
}

impl Message {
    /// The answer to a query that is refused.
    pub fn refusal(
        transaction: Transaction,
        version: Option<Version>,
        to: SocketAddr,
        fault: &QueryFault,
    ) -> Self {
        Self {
            transaction,
            version,
            read_only: false,
            ip: Some(to),
            kind: Kind::Error {
                code: fault.code(),
                text: fault.to_string(),
            },
        }
    }
}

impl Response {
    /// An answer that says nothing but who answers.
    pub fn new(id: NodeId) -> Self {
        Self {
            id,
            nodes: None,
            nodes6: None,
            values: Vec::new(),
            token: None,
            seeds: None,
            peers: None,
            samples: None,
            value: None,
            key: None,
            signature: None,
            seq: None,
        }
    }

    /// The nodes of both families.
    pub fn all_nodes(&self) -> impl Iterator<Item = &NodeAddr> {
        self.nodes.iter().chain(&self.nodes6).flatten()
    }

    /// The item in an answer to [`Query::Get`], if it is the one at `target`: an
    /// immutable one by its hash, or a mutable one by its key, `salt` and
    /// signature. Anything else is not what was asked for, whoever made it so.
    pub fn item(&self, target: &NodeId, salt: &[u8]) -> Option<Item> {
        let value = self.value.clone()?;
        let item = match (self.key, self.signature, self.seq) {
            (Some(key), Some(signature), Some(seq)) => Item::Mutable(MutableItem {
                key,
                salt: salt.to_vec(),
                seq,
                value,
                signature,
            }),
            _ => Item::Immutable(value),
        };
        (item.target() == *target && item.check().is_ok()).then_some(item)
    }

    /// Adds an item to the answer.
    pub fn set_item(&mut self, item: &Item) {
        self.value = Some(item.value().to_vec());
        if let Item::Mutable(item) = item {
            self.key = Some(item.key);
            self.signature = Some(item.signature);
            self.seq = Some(item.seq);
        }
    }
}

const _: () = assert!(TRANSACTION_LEN_MAX <= u8::MAX as usize);
