//! Look-ups that users order: each of our nodes looks, and the answer is what
//! all of them found.

use std::time::Duration;

use super::node::Node;
use super::search::{Found, Goal, Owner};
use super::{Dht, DhtAction};
use crate::ids::{ListenerId, Ticket};
use crate::limits::{DHT_ORDERS_MAX, DHT_SEARCHES_MAX};
use crate::time::Time;

/// How long a look-up waits for a node of ours that has nobody to ask.
const PATIENCE: Duration = Duration::from_secs(15);

/// A look-up that a user ordered.
#[derive(Debug)]
pub(super) struct Order {
    goal: Goal,
    /// Nodes of ours that are yet to begin.
    waiting: Vec<ListenerId>,
    give_up: Time,
    found: Found,
}

impl Dht {
    /// A user wants to know something; answered by [`DhtAction::Found`], in any
    /// case.
    pub fn look_up(&mut self, ticket: Ticket, goal: Goal, now: Time) {
        self.wake = now;
        if self.orders.len() >= DHT_ORDERS_MAX || !self.is_on() {
            let found = Found::default();
            return self.due.push(DhtAction::Found { ticket, found });
        }
        let order = Order {
            goal,
            waiting: self.nodes.keys().copied().collect(),
            give_up: now + PATIENCE,
            found: Found::default(),
        };
        self.orders.insert(ticket, order);
    }

    /// Lets nodes that have somebody to ask begin.
    pub(super) fn begin_orders(&mut self, now: Time) {
        for (ticket, order) in &mut self.orders {
            order.waiting.retain(|listener| {
                let Some(node) = self.nodes.get_mut(listener) else {
                    return false;
                };
                if !can_begin(node) {
                    if now >= order.give_up && node.has_somebody() {
                        // Others have their turn before it.
                        order.give_up = now + PATIENCE;
                    }
                    return now < order.give_up;
                }
                let item = node.own_item(&order.goal, now);
                let search = node.begin(order.goal.clone(), Owner::User(*ticket), now);
                search.item = item;
                false
            });
        }
    }

    /// Tells what came of those that are over.
    pub(super) fn end_orders(&mut self) {
        for node in self.nodes.values_mut() {
            for (ticket, found) in node.found.drain(..) {
                if let Some(order) = self.orders.get_mut(&ticket) {
                    order.found.unite(found);
                }
            }
        }
        let nodes = &self.nodes;
        let looks = |ticket: Ticket| {
            let mut searches = nodes.values().flat_map(|node| node.searches.values());
            searches.any(|search| search.owner == Owner::User(ticket))
        };
        let over = self.orders.extract_if(.., |ticket, order| {
            order.waiting.is_empty() && !looks(*ticket)
        });
        for (ticket, Order { found, .. }) in over {
            self.due.push(DhtAction::Found { ticket, found });
        }
    }

    /// When it is looked whether an order is to be given up. What lets one go on,
    /// an answer or the end of another look-up, is followed by a poll in any case.
    pub(super) fn orders_due(&self) -> Time {
        let waiting = self
            .orders
            .values()
            .filter(|order| !order.waiting.is_empty());
        let give_up = waiting.map(|order| order.give_up);
        give_up.min().unwrap_or(Time::NEVER)
    }
}

fn can_begin(node: &Node) -> bool {
    node.has_somebody() && node.ordered() < DHT_SEARCHES_MAX
}
