//! The UDP tracker client: questions in, datagrams in, and who ended how.

use core::net::{IpAddr, SocketAddr};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rand_core::Rng;
use superseed_proto::tracker::AddressFamily;
use superseed_proto::tracker::udp::{Response, is_response};

use super::connection::Connection;
use super::exchange::{Exchange, Step};
use super::hosts::Hosts;
use super::{UdpAction, UdpAnnounce, UdpAnswer, UdpFailure};
use crate::agenda::Agenda;
use crate::filter::Filter;
use crate::ids::{AnnounceKey, ListenerId};
use crate::time::Time;
use crate::trackers::{AnnounceAnswer, FailureKind};

/// A socket of ours and a tracker.
pub(super) type Path = (ListenerId, SocketAddr);

/// The UDP tracker client: connection ids, retransmission, matching.
#[derive(Debug, Default)]
pub struct UdpTrackers {
    pub(super) exchanges: BTreeMap<AnnounceKey, Exchange>,
    pub(super) connections: BTreeMap<Path, Connection>,
    pub(super) hosts: Hosts,
    /// Announces by their transaction ids.
    pub(super) transactions: BTreeMap<u32, AnnounceKey>,
    pub(super) agenda: Agenda<Sleeper>,
    /// Which addresses are not asked.
    pub(super) filter: Arc<Filter>,
    /// Announces that ended since the last poll.
    ended: Vec<(AnnounceKey, Result<UdpAnswer, UdpFailure>)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sleeper {
    Exchange(AnnounceKey),
    Connection(Path),
}

impl UdpTrackers {
    /// A client that knows no tracker.
    pub fn new() -> Self {
        Self::default()
    }

    /// Names of trackers that are being looked up, or were.
    pub fn known_hosts(&self) -> usize {
        self.hosts.len()
    }

    /// Asks nobody whom the user's blocklists name. [`poll`](Self::poll) must be
    /// called next.
    pub fn set_filter(&mut self, filter: &Arc<Filter>) {
        self.filter = Arc::clone(filter);
        let blocks = |addr: &SocketAddr| filter.blocks(addr.ip());
        let asked = self.exchanges.iter();
        let blocked = asked.filter(|(_, exchange)| exchange.remotes.iter().any(blocks));
        for announce in blocked.map(|(key, _)| *key).collect::<Vec<_>>() {
            self.forbid(announce);
        }
    }

    /// Gives an announce up whose tracker is blocked.
    pub(super) fn forbid(&mut self, announce: AnnounceKey) {
        let Some(exchange) = self.exchanges.get(&announce) else {
            return;
        };
        let message = format!("the blocklist forbids the address of {}", exchange.host);
        self.fail(announce, FailureKind::Unanswered, message);
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
                let failure = UdpFailure {
                    kind: FailureKind::Unanswered,
                    message,
                };
                self.ended.push((announce, Err(failure)));
            }
        }
    }

    /// Ends an announce without asking anybody, at the next [`poll`](Self::poll).
    pub fn refuse(&mut self, announce: AnnounceKey) {
        let failure = UdpFailure {
            kind: FailureKind::Unanswered,
            message: "trackers are not asked over UDP".to_owned(),
        };
        self.ended.push((announce, Err(failure)));
    }

    /// A name was looked up; `addrs` is empty if that failed.
    pub fn resolved(&mut self, host: &str, addrs: &[IpAddr], now: Time) {
        for announce in self.hosts.answered(host, addrs, now) {
            self.connect(announce, addrs, now);
        }
    }

    /// A datagram arrived. False means that it is not for this client.
    /// [`poll`](Self::poll) must be called after true.
    pub fn on_datagram(
        &mut self,
        listener: ListenerId,
        from: SocketAddr,
        bytes: &[u8],
        now: Time,
    ) -> bool {
        let from = SocketAddr::new(from.ip().to_canonical(), from.port());
        if !is_response(bytes) {
            return false;
        }
        let Ok(response) = Response::decode(bytes, AddressFamily::of(from.ip())) else {
            return false;
        };
        let path = (listener, from);
        match response {
            Response::Connect {
                transaction_id,
                connection_id,
            } => self.opened(path, transaction_id, connection_id, now),
            Response::Announce {
                transaction_id,
                interval_s,
                incomplete,
                complete,
                peers,
            } => {
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
            Response::Error {
                transaction_id,
                message,
            } => self.refused(path, transaction_id, &message, now),
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
        if self.ended.is_empty() {
            self.agenda.next()
        } else {
            Time::START
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
                self.fail(
                    announce,
                    FailureKind::Refused { retry_in: None },
                    message.clone(),
                );
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
    pub(super) fn sleep(&mut self, announce: AnnounceKey) {
        let Some(exchange) = self.exchanges.get(&announce) else {
            return;
        };
        let next = match exchange.step {
            Step::Announcing { again, .. } => again,
            Step::Connecting { move_on } if exchange.remotes.len() > 1 => move_on,
            Step::Begin | Step::Resolving | Step::Connecting { .. } => Time::NEVER,
        };
        self.agenda
            .set(Sleeper::Exchange(announce), next.min(exchange.give_up));
    }

    pub(super) fn fail(&mut self, announce: AnnounceKey, kind: FailureKind, message: String) {
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
    pub(super) fn detach(&mut self, announce: AnnounceKey) {
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
