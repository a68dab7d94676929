//! A network of nodes in memory: datagrams take their time and get lost, all
//! by one seed.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;
use std::time::Duration;

use rand_core::Rng;
use slotmap::SlotMap;
use smallvec::SmallVec;
use superseed_proto::SwarmKey;
use superseed_proto::krpc::{Kind, Message};

use super::super::*;
use crate::config::DhtSettings;

pub(super) const LISTENER: ListenerId = ListenerId(0);

/// Somebody with an address.
pub(super) struct Host {
    pub(super) dht: Dht,
    pub(super) addr: SocketAddr,
    pub(super) up: bool,
    torrents: BTreeMap<TorrentKey, Wish>,
    keys: SlotMap<TorrentKey, ()>,
    pub(super) peers: Vec<(TorrentKey, SocketAddr)>,
    pub(super) found: Vec<(Ticket, Found)>,
    pub(super) resolves: Vec<(String, u16)>,
    pub(super) votes: Vec<IpAddr>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Flight(Time, u64, SocketAddr, SocketAddr, Vec<u8>);

/// All of them.
pub(super) struct Net {
    pub(super) now: Time,
    pub(super) hosts: Vec<Host>,
    by_addr: BTreeMap<SocketAddr, usize>,
    flights: BinaryHeap<Reverse<Flight>>,
    sent: u64,
    /// Steps since time last moved.
    steps: u32,
    pub(super) random: ChaCha12Rng,
    /// Datagrams of a thousand that are lost.
    pub(super) loss_permille: u32,
    /// What each of them takes, and how much more some take.
    pub(super) delay: (Duration, Duration),
    /// What was sent to an address where no host of ours is.
    pub(super) elsewhere: Vec<(SocketAddr, SocketAddr, Vec<u8>)>,
}

impl Net {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            now: Time::START,
            hosts: Vec::new(),
            by_addr: BTreeMap::new(),
            flights: BinaryHeap::new(),
            sent: 0,
            steps: 0,
            random: ChaCha12Rng::seed_from_u64(seed),
            loss_permille: 0,
            delay: (Duration::from_millis(20), Duration::from_millis(10)),
            elsewhere: Vec::new(),
        }
    }

    /// The address that the `at`th host has: public, each in a /24 of its own.
    pub(super) fn addr(at: usize) -> SocketAddr {
        let ip = Ipv4Addr::from(0x5d00_0001 + ((at as u32) << 8));
        (ip, 6881).into()
    }

    /// Adds a host, whose router is the first one.
    pub(super) fn add(&mut self) -> usize {
        let router = Self::addr(0);
        self.add_at(Self::addr(self.hosts.len()), &[router])
    }

    pub(super) fn add_at(&mut self, addr: SocketAddr, routers: &[SocketAddr]) -> usize {
        let mut seed = [0; 32];
        self.random.fill_bytes(&mut seed);
        let mut dht = Dht::new(seed);
        let routers: Arc<[_]> = routers
            .iter()
            .filter(|router| **router != addr)
            .map(|router| (router.ip().to_string(), router.port()))
            .collect();
        let settings = DhtSettings {
            enabled: true,
            routers: Some(routers),
            ..DhtSettings::default()
        };
        dht.configure(&settings, self.now);
        dht.listening(&[(LISTENER, addr)], self.now);
        self.hosts.push(Host {
            dht,
            addr,
            up: true,
            torrents: BTreeMap::new(),
            keys: SlotMap::with_key(),
            peers: Vec::new(),
            found: Vec::new(),
            resolves: Vec::new(),
            votes: Vec::new(),
        });
        let at = self.hosts.len() - 1;
        self.by_addr.insert(addr, at);
        self.poll(at);
        at
    }

    /// Lets a host share a torrent.
    pub(super) fn share(&mut self, at: usize, swarm: SwarmKey, is_seed: bool) -> TorrentKey {
        let host = &mut self.hosts[at];
        let key = host.keys.insert(());
        let swarms: SmallVec<[_; 2]> = [swarm].into_iter().collect();
        let wish = Wish {
            swarms,
            is_lonely: true,
            is_seed,
        };
        host.torrents.insert(key, wish);
        host.dht.add_torrent(key, false, self.now);
        self.poll(at);
        key
    }

    /// Orders a look-up and returns what came of it, and how long it took.
    pub(super) fn look_up(&mut self, at: usize, goal: Goal) -> (Found, Duration) {
        let began = self.now;
        let host = &mut self.hosts[at];
        host.found.clear();
        host.dht.look_up(Ticket(1), goal, began);
        self.poll(at);
        while self.hosts[at].found.is_empty() {
            assert!(self.step(), "nothing happens any more");
        }
        let (_, found) = self.hosts[at].found.remove(0);
        (found, self.now.since(began))
    }

    /// Lets time pass.
    pub(super) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.next() <= end && self.step() {}
        self.now = end;
    }

    fn next(&self) -> Time {
        let flight = self.flights.peek().map_or(Time::NEVER, |flight| flight.0.0);
        let up = self.hosts.iter().filter(|host| host.up);
        let hosts = up.map(|host| host.dht.next_deadline()).min();
        flight.min(hosts.unwrap_or(Time::NEVER))
    }

    /// Does what comes next.
    fn step(&mut self) -> bool {
        let next = self.next();
        if next == Time::NEVER {
            return false;
        }
        self.steps = if next > self.now { 0 } else { self.steps + 1 };
        assert!(self.steps < 10_000, "time stands still");
        self.now = self.now.max(next);
        while let Some(flight) = self.flights.peek()
            && flight.0.0 <= self.now
        {
            let Some(Reverse(Flight(_, _, from, to, bytes))) = self.flights.pop() else {
                break;
            };
            self.deliver(from, to, &bytes);
        }
        for at in 0..self.hosts.len() {
            if self.hosts[at].up && self.hosts[at].dht.next_deadline() <= self.now {
                self.poll(at);
            }
        }
        true
    }

    /// A datagram arrives at once.
    pub(super) fn deliver(&mut self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) -> bool {
        let Some(&at) = self.by_addr.get(&to) else {
            self.elsewhere.push((from, to, bytes.to_vec()));
            return false;
        };
        let host = &mut self.hosts[at];
        let is_taken = host.up && host.dht.on_datagram(LISTENER, from, bytes, self.now);
        if is_taken {
            self.poll(at);
        }
        is_taken
    }

    /// A packet of somebody who is not of ours arrives at once.
    pub(super) fn say(&mut self, from: SocketAddr, to: usize, kind: Kind) -> bool {
        let message = Message {
            transaction: 7.into(),
            version: None,
            read_only: false,
            ip: None,
            kind,
        };
        self.deliver(from, self.hosts[to].addr, &message.encode().unwrap())
    }

    /// What was sent elsewhere, read.
    pub(super) fn heard(&mut self) -> Vec<(SocketAddr, Message)> {
        self.run(Duration::from_millis(100));
        let heard = self.elsewhere.drain(..);
        heard
            .map(|(_, to, bytes)| (to, Message::decode(&bytes).unwrap()))
            .collect()
    }

    pub(super) fn poll(&mut self, at: usize) {
        let mut actions = Vec::new();
        let host = &mut self.hosts[at];
        let torrents = &host.torrents;
        let wish = &mut |key| torrents.get(&key).cloned();
        host.dht.poll(self.now, wish, &mut actions);
        let from = host.addr;
        for action in actions {
            let host = &mut self.hosts[at];
            match action {
                DhtAction::Send { to, bytes, .. } => self.send(from, to, bytes),
                DhtAction::Resolve { host: name, port } => host.resolves.push((name, port)),
                DhtAction::Peers { torrent, peers } => {
                    host.peers
                        .extend(peers.into_iter().map(|peer| (torrent, peer)));
                }
                DhtAction::Ours { ours, .. } => {
                    host.votes.push(ours);
                    // As three voters would have it.
                    if host.votes.len() >= 3 {
                        host.dht.ours(LISTENER, ours, self.now);
                    }
                }
                DhtAction::Found { ticket, found } => host.found.push((ticket, found)),
            }
        }
    }

    fn send(&mut self, from: SocketAddr, to: SocketAddr, bytes: Vec<u8>) {
        self.sent += 1;
        if self.random.next_u32() % 1_000 < self.loss_permille {
            return;
        }
        let (least, more) = self.delay;
        let more = more.mul_f64(f64::from(self.random.next_u32() % 1_000) / 1_000.0);
        let at = self.now + least + more;
        self.flights
            .push(Reverse(Flight(at, self.sent, from, to, bytes)));
    }
}
