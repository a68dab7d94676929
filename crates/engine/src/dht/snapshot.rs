//! What a node leaves for the next time, so that it need not ask a router.

use superseed_proto::krpc::{NodeAddr, NodeId};

use super::node::Node;
use crate::time::Time;

/// Good nodes of one family that are saved.
const SAVED: usize = 200;

/// What all nodes of ours know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DhtSnapshot {
    /// One for each of our nodes.
    pub nodes: Vec<NodeSnapshot>,
}

/// What one node of ours knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeSnapshot {
    /// Whether it is of IPv6.
    pub is_ipv6: bool,
    /// Its id; `None` where another node of ours has it, at the same time.
    pub id: Option<NodeId>,
    /// Nodes that were good, those that answer fastest first.
    pub known: Vec<NodeAddr>,
}

impl NodeSnapshot {
    pub(super) fn of(node: &Node, now: Time) -> Self {
        Self {
            is_ipv6: node.local.is_ipv6(),
            id: Some(node.id),
            known: node.table.best(SAVED, now),
        }
    }
}
