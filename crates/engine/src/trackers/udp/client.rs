//! The UDP tracker client.

use std::collections::BTreeMap;
use core::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rand_core::Rng;
use superseed_proto::tracker::AddressFamily;
use superseed_proto::tracker::udp::{Response, is_response, retransmit_after};

use super::agenda::Agenda;
use super::connection::Connection;
use super::exchange::{Exchange, Step};
use super::hosts::Hosts;
use super::{UdpAction, UdpAnnounce, UdpAnswer, UdpFailure};
use crate::ids::{AnnounceKey, ListenerId};
use crate::time::Time;
use crate::trackers::{AnnounceAnswer, FailureKind};

/// A socket of ours and a tracker.
type Path = (ListenerId, SocketAddr);

/// The UDP tracker client: connection ids, retransmission, matching.
#[derive(Debug, Default)]
pub struct UdpTrackers {
    exchanges: BTreeMap<AnnounceKey, Exchange>,
    connections: BTreeMap<Path, Connection>,
    hosts: Hosts,
    /// Announces by their transaction ids.
    transactions: BTreeMap<u32, AnnounceKey>,
    agenda: Agenda<Sleeper>,
    /// Announces that ended since the last poll.
    ended: Vec<(AnnounceKey, Result<UdpAnswer, UdpFailure>)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Sleeper {
    Exchange(AnnounceKey),
    Connection(Path),
}

impl UdpTrackers {
    /// A client that knows no tracker.
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins an announce; everything that follows comes from
    /// [`poll`](Self::poll), which must be called next.
    pub fn start(&mut self, announce: AnnounceKey, request: UdpAnnounce, now: Time) {
        let url = request.url.clone();
        match Exchange::new(request, now) {
            Some(exchange) => {
                self.exchanges.insert(announce, exchange);
                self.agenda.set(Sleeper::Exchange(announce), now);
            }
            None => {
                let message = format!("the tracker URL `{url}` has no usable host and port");
                let failure = UdpFailure { kind: FailureKind::Unanswered, message };
                self.ended.push((announce, Err(failure)));
            }
        }
    }

    /// A name was looked up; `addrs` is empty if that failed.
    pub fn resolved(&mut self, host: &str, addrs: &[IpAddr], now: Time) {
        for announce in self.hosts.answered(host, addrs, now) {
            self.connect(announce, addrs, now);
        }
    }

    /// A datagram arrived. False means that it is not for this client.
    /// [`poll`](Self::poll) must be called after true.
    pub fn on_datagram(&mut self, listener: ListenerId, from: SocketAddr, bytes: &[u8], now: Time) -> bool {
        let from = SocketAddr::new(from.ip().to_canonical(), from.port());
        if !is_response(bytes) {
            return false;
        }
        let Ok(response) = Response::decode(bytes, AddressFamily::of(from.ip())) else {
            return false;
        };
        let path = (listener, from);
        match response {
            Response::Connect { transaction_id, connection_id } => self.opened(path, transaction_id, connection_id, now),
            Response::Announce { transaction_id, interval_s, incomplete, complete, peers } => {
                let Some(announce) = self.announcing(path, transaction_id) else {
                    return false;
                };
                let answer = AnnounceAnswer {
                    interval: Some(Duration::from_secs(interval_s.into())),
                    seeders: Some(complete.into()),
                    leechers: Some(incomplete.into()),
                    peers: peers.len(),
                    ..AnnounceAnswer::default()
                };
                self.end(announce, Ok(UdpAnswer { answer, peers }));
                true
            }
            Response::Error { transaction_id, message } => self.refused(path, transaction_id, &message, now),
            Response::Scrape { .. } => false,
        }
    }

    /// Forgets an announce; nothing more is heard of it.
    pub fn cancel(&mut self, announce: AnnounceKey) {
        self.ended.retain(|(ended, _)| *ended != announce);
        self.forget(announce);
    }

    /// Pushes what is to be done now. `secret` makes the transaction ids,
    /// which must not be guessed (they keep forged answers out).
    pub fn poll(&mut self, now: Time, secret: &mut impl Rng, out: &mut Vec<UdpAction>) {
        while let Some(sleeper) = self.agenda.pop_due(now) {
            match sleeper {
                Sleeper::Exchange(announce) => self.advance(announce, now, secret, out),
                Sleeper::Connection(path) => self.reach_out(path, now, out),
            }
        }
        let ended = self.ended.drain(..);
        out.extend(ended.map(|(announce, result)| UdpAction::Done { announce, result }));
    }

    /// When [`poll`](Self::poll) has something to do.
    pub fn next_deadline(&self) -> Time {
        if self.ended.is_empty() { self.agenda.next() } else { Time::START }
    }

    /// An exchange's moment has come: it begins, moves on, repeats or ends.
    fn advance(&mut self, announce: AnnounceKey, now: Time, secret: &mut impl Rng, out: &mut Vec<UdpAction>) {
        let Some(exchange) = self.exchanges.get_mut(&announce) else {
            return;
        };
        if exchange.give_up <= now {
            self.hosts.distrust(&exchange.host);
            return self.fail(announce, FailureKind::Unanswered, "no answer in time".to_owned());
        }
        match exchange.step {
            Step::Begin if exchange.remotes.is_empty() => self.resolve(announce, now, out),
            Step::Begin => self.announce(announce, now, secret, out),
            Step::Resolving => self.sleep(announce),
            Step::Connecting { move_on } => {
                if move_on <= now && exchange.remotes.len() > 1 {
                    self.detach(announce);
                    if let Some(exchange) = self.exchanges.get_mut(&announce) {
                        exchange.remotes.pop();
                    }
                }
                self.announce(announce, now, secret, out);
            }
            Step::Announcing { .. } => self.announce(announce, now, secret, out),
        }
    }

    fn resolve(&mut self, announce: AnnounceKey, now: Time, out: &mut Vec<UdpAction>) {
        let Some(exchange) = self.exchanges.get_mut(&announce) else {
            return;
        };
        if let Some(literal) = exchange.literal() {
            return self.connect(announce, &[literal], now);
        }
        if let Some(addrs) = self.hosts.known(&exchange.host, now) {
            let addrs = addrs.to_vec();
            return self.connect(announce, &addrs, now);
        }
        exchange.step = Step::Resolving;
        if self.hosts.wait(&exchange.host, announce) {
            out.push(UdpAction::Resolve { host: exchange.host.clone() });
        }
        self.sleep(announce);
    }

    /// The addresses are known: the exchange goes on at the next poll.
    fn connect(&mut self, announce: AnnounceKey, addrs: &[IpAddr], now: Time) {
        let Some(exchange) = self.exchanges.get_mut(&announce) else {
            return;
        };
        if !exchange.take_addrs(addrs) {
            let family = if exchange.request.local.is_ipv4() { "IPv4" } else { "IPv6" };
            let message = format!("{} has no {family} address", exchange.host);
            return self.fail(announce, FailureKind::NoAddress, message);
        }
        exchange.step = Step::Begin;
        self.agenda.set(Sleeper::Exchange(announce), now);
    }

    /// Sends the announce if there is a connection, or waits for one.
    fn announce(&mut self, announce: AnnounceKey, now: Time, secret: &mut impl Rng, out: &mut Vec<UdpAction>) {
        let Some(exchange) = self.exchanges.get_mut(&announce) else {
            return;
        };
        let Some(remote) = exchange.remote() else {
            return;
        };
        let path = (exchange.request.listener, remote);
        let Some(id) = self.connections.get(&path).and_then(|connection| connection.id(now)) else {
            return self.await_connection(announce, path, now, secret);
        };
        let (transaction_id, sent, reused) = match exchange.step {
            Step::Announcing { transaction_id, sent, reused, .. } => (transaction_id, sent, reused),
            Step::Begin => (fresh_transaction(&self.transactions, secret), 0, true),
            Step::Resolving | Step::Connecting { .. } => (fresh_transaction(&self.transactions, secret), 0, false),
        };
        self.transactions.insert(transaction_id, announce);
        let again = now + retransmit_after(sent);
        exchange.step = Step::Announcing { transaction_id, sent: sent + 1, again, reused };
        out.push(UdpAction::Send { listener: path.0, to: path.1, bytes: exchange.packet(id, transaction_id) });
        self.sleep(announce);
    }

    fn await_connection(&mut self, announce: AnnounceKey, path: Path, now: Time, secret: &mut impl Rng) {
        let Some(exchange) = self.exchanges.get_mut(&announce) else {
            return;
        };
        if let Step::Announcing { transaction_id, .. } = exchange.step {
            self.transactions.remove(&transaction_id);
        }
        if matches!(exchange.step, Step::Connecting { .. }) && self.is_waiting(announce, path) {
            return self.sleep(announce);
        }
        if let Some(exchange) = self.exchanges.get_mut(&announce) {
            exchange.step = Step::Connecting { move_on: now + retransmit_after(0) };
        }
        match self.connections.get_mut(&path) {
            Some(connection @ Connection::Connecting { .. }) => connection.join(announce),
            _ => {
                self.connections.insert(path, Connection::new(secret.next_u32(), announce));
                self.agenda.set(Sleeper::Connection(path), now);
            }
        }
        self.sleep(announce);
    }

    fn is_waiting(&self, announce: AnnounceKey, path: Path) -> bool {
        self.connections.get(&path).is_some_and(|connection| connection.waiting().contains(&announce))
    }

    /// Sends a connect request (again), or forgets an id that expired.
    fn reach_out(&mut self, path: Path, now: Time, out: &mut Vec<UdpAction>) {
        let Some(connection) = self.connections.get_mut(&path) else {
            return;
        };
        match connection.send(now) {
            Some((bytes, again)) => {
                out.push(UdpAction::Send { listener: path.0, to: path.1, bytes });
                self.agenda.set(Sleeper::Connection(path), again);
            }
            None => {
                self.connections.remove(&path);
            }
        }
    }

    /// A tracker gave a connection id: those who waited announce at the next
    /// poll.
    fn opened(&mut self, path: Path, transaction_id: u32, id: u64, now: Time) -> bool {
        let Some(connection) = self.connections.get_mut(&path) else {
            return false;
        };
        if !connection.asked_with(transaction_id) {
            return false;
        }
        for announce in connection.open(id, now) {
            self.agenda.set(Sleeper::Exchange(announce), now);
        }
        if let Connection::Open { expires, .. } = connection {
            self.agenda.set(Sleeper::Connection(path), *expires);
        }
        true
    }

    /// A tracker answered with an error.
    fn refused(&mut self, path: Path, transaction_id: u32, message: &str, now: Time) -> bool {
        let message = format!("the tracker refuses: {message}");
        if let Some(connection) = self.connections.get(&path)
            && connection.asked_with(transaction_id)
        {
            for announce in connection.waiting().to_vec() {
                self.fail(announce, FailureKind::Refused { retry_in: None }, message.clone());
            }
            return true;
        }
        let Some(announce) = self.announcing(path, transaction_id) else {
            return false;
        };
        let Some(exchange) = self.exchanges.get_mut(&announce) else {
            return false;
        };
        let reused = matches!(exchange.step, Step::Announcing { reused: true, .. });
        if reused && !exchange.renewed {
            // The tracker may have forgotten the id, after a restart say.
            exchange.renewed = true;
            exchange.step = Step::Begin;
            self.transactions.remove(&transaction_id);
            self.connections.remove(&path);
            self.agenda.remove(Sleeper::Connection(path));
            self.agenda.set(Sleeper::Exchange(announce), now);
        } else {
            self.fail(announce, FailureKind::Refused { retry_in: None }, message);
        }
        true
    }

    /// The announce that this transaction on this path belongs to. An answer
    /// from elsewhere is nobody's.
    fn announcing(&self, path: Path, transaction: u32) -> Option<AnnounceKey> {
        let announce = *self.transactions.get(&transaction)?;
        let exchange = self.exchanges.get(&announce)?;
        let asked = (exchange.request.listener, exchange.remote()?);
        let waits = matches!(exchange.step, Step::Announcing { transaction_id, .. } if transaction_id == transaction);
        (asked == path && waits).then_some(announce)
    }

    /// Wakes the exchange when it has to repeat, move on or give up.
    fn sleep(&mut self, announce: AnnounceKey) {
        let Some(exchange) = self.exchanges.get(&announce) else {
            return;
        };
        let next = match exchange.step {
            Step::Announcing { again, .. } => again,
            Step::Connecting { move_on } if exchange.remotes.len() > 1 => move_on,
            Step::Begin | Step::Resolving | Step::Connecting { .. } => Time::NEVER,
        };
        self.agenda.set(Sleeper::Exchange(announce), next.min(exchange.give_up));
    }

    fn fail(&mut self, announce: AnnounceKey, kind: FailureKind, message: String) {
        self.end(announce, Err(UdpFailure { kind, message }));
    }

    fn end(&mut self, announce: AnnounceKey, result: Result<UdpAnswer, UdpFailure>) {
        self.forget(announce);
        self.ended.push((announce, result));
    }

    fn forget(&mut self, announce: AnnounceKey) {
        self.detach(announce);
        if let Some(exchange) = self.exchanges.remove(&announce) {
            self.hosts.leave(&exchange.host, announce);
            self.agenda.remove(Sleeper::Exchange(announce));
        }
    }

    /// Takes the exchange out of the connection and the transaction it is in.
    fn detach(&mut self, announce: AnnounceKey) {
        let Some(exchange) = self.exchanges.get(&announce) else {
            return;
        };
        if let Step::Announcing { transaction_id, .. } = exchange.step {
            self.transactions.remove(&transaction_id);
        }
        let Some(remote) = exchange.remote() else {
            return;
        };
        let path = (exchange.request.listener, remote);
        if let Some(connection) = self.connections.get_mut(&path)
            && connection.leave(announce)
        {
            self.connections.remove(&path);
            self.agenda.remove(Sleeper::Connection(path));
        }
    }
}

/// A transaction id that no announce uses.
fn fresh_transaction(used: &BTreeMap<u32, AnnounceKey>, secret: &mut impl Rng) -> u32 {
    loop {
        let id = secret.next_u32();
        if !used.contains_key(&id) {
            return id;
        }
    }
}
