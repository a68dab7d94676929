//! What is shown of our nodes, and what they hold.

use superseed_proto::krpc::NodeId;

use super::Dht;
use super::node::Node;
use crate::ids::ListenerId;
use crate::time::Time;

/// What one node of ours is and did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeStats {
    /// The listener that it belongs to.
    pub listener: ListenerId,
    /// Its id.
    pub id: NodeId,
    /// Nodes that it knows.
    pub contacts: usize,
    /// Those of them that answered, or asked, within a quarter of an hour.
    pub good: usize,
    /// Look-ups that run.
    pub searches: usize,
    /// Peers that others announced to it.
    pub peers: usize,
    /// Questions that it asked.
    pub asked: u64,
    /// Answers that it gave.
    pub answered: u64,
}

/// What remotes made our nodes hold: the most that one of them has of each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DhtHoldings {
    /// Contacts with a place.
    pub contacts: usize,
    /// Contacts that wait for one.
    pub waiting: usize,
    /// Addresses that wait to be asked.
    pub hints: usize,
    /// Questions that wait for their answers.
    pub queries_out: usize,
    /// Look-ups that were ordered by users and torrents and run.
    pub searches: usize,
    /// Nodes that one look-up knows.
    pub frontier: usize,
    /// Swarms of which peers are stored.
    pub swarms: usize,
    /// Peers that are stored.
    pub peers: usize,
    /// Items that are stored.
    pub items: usize,
    /// Hosts whose questions are counted.
    pub askers: usize,
}

impl DhtHoldings {
    fn of(node: &Node) -> Self {
        let (peers, swarms) = node.server.peers.len();
        let frontiers = node.searches.values().map(|search| search.frontier.len());
        Self {
            contacts: node.table.len(),
            waiting: node.table.waiting(),
            hints: node.hints.len(),
            queries_out: node.rpc.len(),
            searches: node.ordered(),
            frontier: frontiers.max().unwrap_or(0),
            swarms,
            peers,
            items: node.server.items.len(),
            askers: node.server.guard.len(),
        }
    }

    /// The greater of each kind.
    pub(crate) fn max(self, other: Self) -> Self {
        Self {
            contacts: self.contacts.max(other.contacts),
            waiting: self.waiting.max(other.waiting),
            hints: self.hints.max(other.hints),
            queries_out: self.queries_out.max(other.queries_out),
            searches: self.searches.max(other.searches),
            frontier: self.frontier.max(other.frontier),
            swarms: self.swarms.max(other.swarms),
            peers: self.peers.max(other.peers),
            items: self.items.max(other.items),
            askers: self.askers.max(other.askers),
        }
    }
}

impl Dht {
    /// What each of our nodes is and did.
    pub fn stats(&self, now: Time) -> Vec<NodeStats> {
        let nodes = self.nodes.values();
        let stats = nodes.map(|node| NodeStats {
            listener: node.listener,
            id: node.id,
            contacts: node.table.len(),
            good: node.table.good(now),
            searches: node.searches.len(),
            peers: node.server.peers.len().0,
            asked: node.asked,
            answered: node.answered,
        });
        stats.collect()
    }

    /// What remotes made our nodes hold.
    pub fn holdings(&self) -> DhtHoldings {
        let nodes = self.nodes.values().map(DhtHoldings::of);
        nodes.fold(DhtHoldings::default(), DhtHoldings::max)
    }
}
