//! Datagrams between machines, and those of scripted parties that are no
//! machines.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use superseed_engine::dht::{DhtSnapshot, Found, Goal, NodeStats};
use superseed_engine::{Command, Input, ListenerId, Ticket, Time};

use super::{Happening, HostId, Place, World};
use crate::net::Inbound;

/// How long a NAT lets answers in after a question went out.
const NAT_REMEMBERS: Duration = Duration::from_secs(60);
/// How far a scripted party is from the core of the network.
const PARTY_LATENCY: Duration = Duration::from_millis(10);

/// What a scripted party sends: from one of its addresses to somebody.
pub type Sent = (SocketAddr, SocketAddr, Vec<u8>);

/// Somebody with addresses who speaks in datagrams only.
pub trait DatagramParty {
    /// A datagram came to one of its addresses.
    fn datagram(&mut self, at: SocketAddr, from: SocketAddr, bytes: &[u8], out: &mut Vec<Sent>);
}

/// Datagrams under way, and what machines behind a NAT are let hear.
#[derive(Default)]
pub(super) struct Datagrams {
    parties: Vec<Box<dyn DatagramParty>>,
    party_at: HashMap<IpAddr, usize>,
    /// When each machine behind a NAT last sent to whom.
    asked: HashMap<(HostId, SocketAddr), Time>,
    /// How many were sent by machines, and how many bytes.
    pub(super) sent: (u64, u64),
}

impl World {
    /// Adds a party at these addresses, none of which a machine has.
    pub fn add_party(&mut self, at: &[IpAddr], party: Box<dyn DatagramParty>) {
        let number = self.datagrams.parties.len();
        self.datagrams.parties.push(party);
        for ip in at {
            self.datagrams.party_at.insert(*ip, number);
        }
    }

    /// A machine sends a datagram to a machine or to a party.
    pub(super) fn send_between(&mut self, id: HostId, to: SocketAddr, bytes: Vec<u8>) {
        let node = self.hosts[id.0].node;
        let from = self.addr(id);
        self.datagrams.sent.0 += 1;
        self.datagrams.sent.1 += bytes.len() as u64;
        if self.net.inbound(node) == Inbound::Silent {
            self.datagrams.asked.insert((id, to), self.now);
        }
        let path = self.net.latency(node);
        for so_far in self.net.datagram(node, path) {
            self.send_on(so_far, from, to, &bytes);
        }
    }

    /// Somebody who is no machine sends a datagram, by a forged address maybe.
    pub fn send_from(&mut self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        self.send_on(PARTY_LATENCY, from, to, bytes);
    }

    fn send_on(&mut self, so_far: Duration, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        let arrivals = match self.net.node_at(to.ip()) {
            Some(node) => {
                let path = so_far + self.net.latency(node);
                self.net.datagram(node, path)
            }
            None if self.datagrams.party_at.contains_key(&to.ip()) => {
                vec![so_far + PARTY_LATENCY]
            }
            None => Vec::new(),
        };
        for after in arrivals {
            let happening = Happening::Datagram(Box::new((from, to, bytes.to_vec())));
            self.queue.push(self.now + after, happening);
        }
    }

    /// A datagram arrives.
    pub(super) fn datagram_arrives(&mut self, (from, to, bytes): Sent) {
        if let Some(&party) = self.datagrams.party_at.get(&to.ip()) {
            let mut out = Vec::new();
            self.datagrams.parties[party].datagram(to, from, &bytes, &mut out);
            for (from, to, bytes) in out {
                self.send_from(from, to, &bytes);
            }
            return;
        }
        let Some(node) = self.net.node_at(to.ip()) else {
            return;
        };
        let Place::Host(id) = self.places[node.0 as usize] else {
            return;
        };
        let is_shut = self.net.inbound(node) == Inbound::Silent;
        let asked = self.datagrams.asked.get(&(id, from));
        let is_answer = asked.is_some_and(|at| self.now.since(*at) <= NAT_REMEMBERS);
        let is_ours = self.addr(id).port() == to.port();
        if self.hosts[id.0].engine.is_some() && is_ours && (!is_shut || is_answer) {
            let input = Input::Datagram {
                listener: ListenerId(0),
                from,
                bytes: &bytes,
            };
            self.feed(id, input);
        }
    }

    /// Has a host look something up in the DHT; the ticket names the answer.
    pub fn look_up(&mut self, id: HostId, goal: Goal) -> Ticket {
        let ticket = self.hosts[id.0].next_ticket();
        self.command(id, Command::LookUp(ticket, Box::new(goal)));
        ticket
    }

    /// What a look-up came to, and when, once it has ended.
    pub fn found(&self, id: HostId, ticket: Ticket) -> Option<(Time, &Found)> {
        let mut found = self.hosts[id.0].found.iter();
        let (_, at, found) = found.find(|(of, ..)| *of == ticket)?;
        Some((*at, found))
    }

    /// A host's node of the DHT; none if it is off or takes no part.
    pub fn node(&self, id: HostId) -> Option<NodeStats> {
        let engine = self.hosts[id.0].engine.as_ref()?;
        engine.dht_stats(self.now).first().copied()
    }

    /// Whom a host's node of the DHT knows.
    pub fn snapshot(&self, id: HostId) -> DhtSnapshot {
        let engine = self.hosts[id.0].engine.as_ref();
        engine.map_or_else(DhtSnapshot::default, |engine| engine.dht_snapshot(self.now))
    }

    /// How many datagrams machines sent to each other and to parties, and how
    /// many bytes.
    pub fn datagrams_sent(&self) -> (u64, u64) {
        self.datagrams.sent
    }
}
