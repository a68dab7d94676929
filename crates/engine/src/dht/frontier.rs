//! The nodes that one look-up knows, by their distance from what is looked for.

use core::net::IpAddr;
use std::collections::BTreeSet;

use superseed_proto::krpc::{Distance, NodeAddr, NodeId};

use super::contact::Place;
use super::table::K;
use crate::candidates::network;
use crate::limits::DHT_FRONTIER_MAX;

/// What came of a node so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It was not asked.
    Known,
    /// It was asked, not long ago.
    Asked,
    /// It takes longer than it should; it may still answer.
    Slow,
    /// It answered, and maybe gave a token.
    Answered(Option<Vec<u8>>),
    /// It did not answer.
    Failed,
}

/// A node and what came of it.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) node: NodeAddr,
    pub(super) state: State,
    distance: Distance,
    /// Its id may be that of its address (BEP 42).
    fits: bool,
}

/// The nodes of one look-up, closest first.
#[derive(Clone, Debug)]
pub(super) struct Frontier {
    target: NodeId,
    entries: Vec<Entry>,
    places: BTreeSet<Place>,
    networks: BTreeSet<IpAddr>,
}

impl Frontier {
    pub(super) fn new(target: NodeId) -> Self {
        Self {
            target,
            entries: Vec::new(),
            places: BTreeSet::new(),
            networks: BTreeSet::new(),
        }
    }

    /// Notes a node. Of one network only one has a place, unless it is of our
    /// own table: whoever has a network could else surround any target. When
    /// there are too many the furthest that was not asked goes.
    pub(super) fn add(&mut self, node: NodeAddr, is_of_table: bool) {
        let distance = node.id.distance(&self.target);
        let place = Place::of(node.addr);
        let Err(at) = self
            .entries
            .binary_search_by_key(&distance, |entry| entry.distance)
        else {
            return;
        };
        let network = network(node.addr.ip());
        let is_network_here = network.is_some_and(|network| self.networks.contains(&network));
        if self.places.contains(&place) || is_network_here && !is_of_table {
            return;
        }
        if self.entries.len() >= DHT_FRONTIER_MAX {
            let last = self.entries.iter().rposition(|e| e.state == State::Known);
            match last {
                Some(last) if last >= at => {
                    let gone = self.entries.remove(last);
                    self.places.remove(&Place::of(gone.node.addr));
                    if let Some(network) = self::network(gone.node.addr.ip()) {
                        self.networks.remove(&network);
                    }
                }
                _ => return,
            }
        }
        self.places.insert(place);
        self.networks.extend(network);
        let entry = Entry {
            node,
            state: State::Known,
            distance,
            fits: node.id.fits(node.addr.ip()),
        };
        self.entries.insert(at, entry);
    }

    /// At the address of a node another one answered, or the same by another
    /// name: it stands where that belongs.
    pub(super) fn rename(&mut self, old: &NodeId, node: NodeAddr, token: Option<Vec<u8>>) {
        let distance = old.distance(&self.target);
        let at = self
            .entries
            .binary_search_by_key(&distance, |entry| entry.distance);
        if let Ok(at) = at {
            let gone = self.entries.remove(at);
            self.places.remove(&Place::of(gone.node.addr));
        }
        self.add(node, true);
        if let Some(entry) = self.get_mut(&node.id)
            && entry.node == node
        {
            entry.state = State::Answered(token);
        }
    }

    /// The next to ask: the closest that was not asked, if it is closer than
    /// the eighth of those that count.
    pub(super) fn next(&self) -> Option<NodeAddr> {
        let end = self.counting().nth(K - 1).map(|entry| entry.distance);
        self.entries
            .iter()
            .take_while(|entry| end.is_none_or(|end| entry.distance <= end))
            .find(|entry| entry.state == State::Known)
            .map(|entry| entry.node)
    }

    /// Whether the eight closest of those that count have answered, or there is
    /// nobody left who could.
    pub(super) fn is_done(&self) -> bool {
        let mut answered = 0;
        for entry in self.counting().take(K) {
            match entry.state {
                State::Answered(_) => answered += 1,
                _ => return false,
            }
        }
        let waits = |entry: &Entry| matches!(entry.state, State::Asked | State::Slow);
        answered == K || !self.entries.iter().any(waits)
    }

    /// The eight closest of those that answered.
    pub(super) fn closest(&self) -> impl Iterator<Item = &Entry> {
        let answered = |entry: &&Entry| matches!(entry.state, State::Answered(_));
        self.counting().filter(answered).take(K)
    }

    /// The nodes closest to another point, for a look-up that has nobody else
    /// to begin with.
    pub(super) fn closest_to(&self, to: &NodeId, count: usize) -> Vec<NodeAddr> {
        let alive = |entry: &&Entry| entry.state != State::Failed;
        let mut nodes: Vec<_> = self.entries.iter().filter(alive).map(|e| e.node).collect();
        nodes.sort_by_key(|node| node.id.distance(to));
        nodes.truncate(count);
        nodes
    }

    pub(super) fn get_mut(&mut self, id: &NodeId) -> Option<&mut Entry> {
        let distance = id.distance(&self.target);
        let at = self
            .entries
            .binary_search_by_key(&distance, |entry| entry.distance);
        at.ok().map(|at| &mut self.entries[at])
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Those that count towards the end: neither failed nor slow; and if eight
    /// of them have an id that is of their address, they alone (BEP 42,
    /// "Enforcement").
    fn counting(&self) -> impl Iterator<Item = &Entry> {
        let counts = |entry: &Entry| !matches!(entry.state, State::Failed | State::Slow);
        let fits = |entry: &&Entry| counts(entry) && entry.fits;
        let enough = self.entries.iter().filter(fits).take(K).count() == K;
        let entries = self.entries.iter();
        entries.filter(move |entry| counts(entry) && (entry.fits || !enough))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: NodeId = NodeId([0; 20]);

    /// A node at `ip` whose id begins with `first`, made for its address or not.
    fn node(first: u8, ip: [u8; 4], fits: bool) -> NodeAddr {
        let mut id = NodeId([first; 20]);
        if fits {
            // A private address may have any.
            return NodeAddr {
                id,
                addr: ([10, ip[1], ip[2], ip[3]], 1).into(),
            };
        }
        id.0[19] = 0xff;
        let addr = (ip, 1).into();
        assert!(!id.fits(core::net::SocketAddr::ip(&addr)));
        NodeAddr { id, addr }
    }

    fn answer(frontier: &mut Frontier, id: NodeId) {
        frontier.get_mut(&id).unwrap().state = State::Answered(None);
    }

    #[test]
    fn a_look_up_ends_when_the_eight_closest_have_answered() {
        let mut frontier = Frontier::new(TARGET);
        for first in 1..=20 {
            frontier.add(node(first, [10, 0, 0, first], true), true);
        }
        for first in 1..=8 {
            assert!(!frontier.is_done());
            let next = frontier.next().unwrap();
            assert_eq!(next.id, NodeId([first; 20]));
            answer(&mut frontier, next.id);
        }
        assert!(frontier.is_done());
        assert_eq!(frontier.next(), None);
        // A closer one turns up, and fails.
        frontier.add(node(0, [10, 0, 0, 99], true), false);
        let next = frontier.next().unwrap();
        frontier.get_mut(&next.id).unwrap().state = State::Asked;
        assert!(!frontier.is_done());
        frontier.get_mut(&next.id).unwrap().state = State::Failed;
        assert!(frontier.is_done());
        assert_eq!(frontier.closest().count(), 8);
    }

    #[test]
    fn nobody_waits_for_the_slow_if_eight_others_answered() {
        let mut frontier = Frontier::new(TARGET);
        for first in 1..=9 {
            let node = node(first, [10, 0, 0, first], true);
            frontier.add(node, true);
            frontier.get_mut(&node.id).unwrap().state = match first {
                1 => State::Slow,
                _ => State::Answered(None),
            };
        }
        assert!(frontier.is_done());
        let mut few = Frontier::new(TARGET);
        let slow = node(1, [10, 0, 0, 1], true);
        few.add(slow, true);
        few.get_mut(&slow.id).unwrap().state = State::Slow;
        assert!(!few.is_done());
    }

    #[test]
    fn ids_made_up_beside_the_target_do_not_count_where_eight_fit() {
        let mut frontier = Frontier::new(TARGET);
        for at in 1..=20 {
            frontier.add(node(1, [93, at, 1, 1], false), false);
            frontier.add(node(100 + at, [10, 0, 0, at], true), false);
        }
        for at in 1..=8 {
            answer(&mut frontier, NodeId([100 + at; 20]));
        }
        assert!(frontier.is_done());
        assert!(frontier.closest().all(|entry| entry.fits));
    }

    #[test]
    fn one_network_has_one_place_and_one_address_too() {
        let mut frontier = Frontier::new(TARGET);
        for at in 0..100 {
            frontier.add(node(1, [93, 1, 1, at], false), false);
            let mut named = node(2, [93, 1, 2, 7], false);
            named.id.0[1] = at;
            frontier.add(named, true);
        }
        assert_eq!(frontier.len(), 2);
    }

    #[test]
    fn the_furthest_unasked_goes_when_there_are_too_many() {
        let mut frontier = Frontier::new(TARGET);
        for at in 0..200_u8 {
            frontier.add(node(255 - at, [10, 0, 0, at], true), false);
        }
        assert_eq!(frontier.len(), DHT_FRONTIER_MAX);
        assert_eq!(frontier.next().unwrap().id, NodeId([56; 20]));
    }
}
