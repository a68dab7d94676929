//! An exchange moves on: name, connection, announce, and each of them again.

use core::net::IpAddr;
use std::collections::BTreeMap;

use rand_core::Rng;
use superseed_proto::tracker::udp::retransmit_after;

use super::UdpAction;
use super::client::{Path, Sleeper, UdpTrackers};
use super::connection::Connection;
use super::exchange::Step;
use crate::ids::AnnounceKey;
use crate::time::Time;
use crate::trackers::FailureKind;

impl UdpTrackers {
    /// An exchange's moment has come: it begins, moves on, repeats or ends.
    pub(super) fn advance(
        &mut self,
        announce: AnnounceKey,
        now: Time,
        secret: &mut impl Rng,
        out: &mut Vec<UdpAction>,
    ) {
        let Some(exchange) = self.exchanges.get_mut(&announce) else {
            return;
        };
        if exchange.give_up <= now {
            self.hosts.distrust(&exchange.host);
            return self.fail(
                announce,
                FailureKind::Unanswered,
                "no answer in time".to_owned(),
            );
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
            out.push(UdpAction::Resolve {
                host: exchange.host.clone(),
            });
        }
        self.sleep(announce);
    }

    /// The addresses are known: the exchange goes on at the next poll.
    pub(super) fn connect(&mut self, announce: AnnounceKey, addrs: &[IpAddr], now: Time) {
        let Some(exchange) = self.exchanges.get_mut(&announce) else {
            return;
        };
        let free = |ip: &&IpAddr| !self.filter.blocks(**ip);
        let allowed: Vec<IpAddr> = addrs.iter().filter(free).copied().collect();
        let has_free = exchange.take_addrs(&allowed);
        if !has_free && addrs.iter().any(|ip| exchange.is_of_family(ip)) {
            return self.forbid(announce);
        }
        if !has_free {
            let family = if exchange.request.local.is_ipv4() {
                "IPv4"
            } else {
                "IPv6"
            };
            let message = format!("{} has no {family} address", exchange.host);
            return self.fail(announce, FailureKind::NoAddress, message);
        }
        exchange.step = Step::Begin;
        self.agenda.set(Sleeper::Exchange(announce), now);
    }

    /// Sends the announce if there is a connection, or waits for one.
    fn announce(
        &mut self,
        announce: AnnounceKey,
        now: Time,
        secret: &mut impl Rng,
        out: &mut Vec<UdpAction>,
    ) {
        let Some(exchange) = self.exchanges.get_mut(&announce) else {
            return;
        };
        let Some(remote) = exchange.remote() else {
            return;
        };
        let path = (exchange.request.listener, remote);
        let Some(id) = self
            .connections
            .get(&path)
            .and_then(|connection| connection.id(now))
        else {
            return self.await_connection(announce, path, now, secret);
        };
        let (transaction_id, sent, reused) = match exchange.step {
            Step::Announcing {
                transaction_id,
                sent,
                reused,
                ..
            } => (transaction_id, sent, reused),
            Step::Begin => (fresh_transaction(&self.transactions, secret), 0, true),
            Step::Resolving | Step::Connecting { .. } => {
                (fresh_transaction(&self.transactions, secret), 0, false)
            }
        };
        self.transactions.insert(transaction_id, announce);
        let again = now + retransmit_after(sent);
        exchange.step = Step::Announcing {
            transaction_id,
            sent: sent + 1,
            again,
            reused,
        };
        out.push(UdpAction::Send {
            listener: path.0,
            to: path.1,
            bytes: exchange.packet(id, transaction_id),
        });
        self.sleep(announce);
    }

    fn await_connection(
        &mut self,
        announce: AnnounceKey,
        path: Path,
        now: Time,
        secret: &mut impl Rng,
    ) {
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
            exchange.step = Step::Connecting {
                move_on: now + retransmit_after(0),
            };
        }
        match self.connections.get_mut(&path) {
            Some(connection @ Connection::Connecting { .. }) => connection.join(announce),
            _ => {
                self.connections
                    .insert(path, Connection::new(secret.next_u32(), announce));
                self.agenda.set(Sleeper::Connection(path), now);
            }
        }
        self.sleep(announce);
    }

    fn is_waiting(&self, announce: AnnounceKey, path: Path) -> bool {
        self.connections
            .get(&path)
            .is_some_and(|connection| connection.waiting().contains(&announce))
    }

    /// Sends a connect request (again), or forgets an id that expired.
    pub(super) fn reach_out(&mut self, path: Path, now: Time, out: &mut Vec<UdpAction>) {
        let Some(connection) = self.connections.get_mut(&path) else {
            return;
        };
        match connection.send(now) {
            Some((bytes, again)) => {
                out.push(UdpAction::Send {
                    listener: path.0,
                    to: path.1,
                    bytes,
                });
                self.agenda.set(Sleeper::Connection(path), again);
            }
            None => {
                self.connections.remove(&path);
            }
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
