//! Datagrams by way of a proxy: an association with it for each listener
//! (RFC 1928, UDP ASSOCIATE), which lasts as long as the stream that made it.
//!
//! Where it has ended, no datagram goes by it until another is made, with pauses
//! that grow; whether any goes around it is the route's to say.

use std::io::{self, Read};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use superseed_proto::socks::{self, Target};

use super::connect;
use super::host::Host;
use super::streams::FIRST_TOKEN;
use crate::route::{Asked, Dial, Proxy, Route, What, relay};

/// How long a proxy may take to make one.
const PATIENCE: Duration = Duration::from_secs(10);
/// The pause after one has ended, twice as long each time.
const REST_FIRST: Duration = Duration::from_secs(1);
const REST_MAX: Duration = Duration::from_secs(60);
/// An association that lasted so long counts as none that failed.
const PROVEN_AFTER: Duration = Duration::from_secs(60);
/// Datagrams that wait for it to be made; more are lost.
const WAITING_MAX: usize = 64;
/// Bytes that are taken of its stream at once, and forgotten.
const DRAIN_LEN: usize = 512;

/// The token of a listener's association, below those of streams.
fn token(at: usize) -> Token {
    Token(FIRST_TOKEN - 1 - at)
}

/// Whose association a token means.
pub(super) fn of_token(token: Token, listeners: usize) -> Option<usize> {
    let at = (FIRST_TOKEN - 1).checked_sub(token.0)?;
    (at < listeners).then_some(at)
}

/// An association, or the wish for one.
#[derive(Default)]
pub(super) struct Association {
    state: State,
    asked: Asked,
    /// How many failed in a row.
    failures: u32,
}

enum State {
    /// Not before this moment.
    Resting(Option<Instant>),
    Shaking {
        stream: TcpStream,
        dial: Box<Dial>,
        by: Instant,
        waiting: Vec<(SocketAddr, Vec<u8>)>,
    },
    Up {
        stream: TcpStream,
        relay: SocketAddr,
        since: Instant,
    },
}

impl Default for State {
    fn default() -> Self {
        Self::Resting(None)
    }
}

/// What becomes of a datagram that is to be sent.
enum Way {
    /// To this relay, with this in front.
    ByProxy(SocketAddr, Vec<u8>),
    /// It waits, or is lost.
    Kept,
    /// There is no association.
    Around,
}

impl Association {
    /// When there is something to do.
    fn next_deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Resting(until) => *until,
            State::Shaking { by, .. } => Some(*by),
            State::Up { .. } => None,
        }
    }

    /// Begins one, or gives one up, if it is time.
    fn tend(&mut self, at: usize, route: &Route, proxy: &Proxy, registry: &Registry, now: Instant) {
        if self.next_deadline().is_some_and(|deadline| now < deadline) {
            return;
        }
        match self.state {
            State::Resting(_) => match begin(at, route, proxy, registry) {
                Ok(stream) => {
                    self.state = State::Shaking {
                        stream,
                        dial: Box::new(Dial::association(proxy)),
                        by: now + PATIENCE,
                        waiting: Vec::new(),
                    };
                }
                Err(error) => self.end(registry, &error, now),
            },
            State::Shaking { .. } => self.end(registry, &io::ErrorKind::TimedOut.into(), now),
            State::Up { .. } => {}
        }
    }

    /// Something happened to its stream. Gives what waited, if it is up now.
    fn stirred(
        &mut self,
        proxy: &Proxy,
        registry: &Registry,
        now: Instant,
    ) -> Vec<(SocketAddr, Vec<u8>)> {
        match self.go_on(proxy, now) {
            Ok(waited) => waited,
            Err(error) => {
                self.end(registry, &error, now);
                Vec::new()
            }
        }
    }

    fn go_on(&mut self, proxy: &Proxy, now: Instant) -> io::Result<Vec<(SocketAddr, Vec<u8>)>> {
        match &mut self.state {
            State::Resting(_) => Ok(Vec::new()),
            State::Shaking { stream, dial, .. } => {
                match connect::outcome(stream) {
                    None => return Ok(Vec::new()),
                    Some(Ok(())) => {}
                    Some(Err(error)) => return Err(io::Error::other(format!("{error:?}"))),
                }
                let Some(bound) = dial.go(stream).map_err(io::Error::other)? else {
                    return Ok(Vec::new());
                };
                let relay = relay(bound, proxy.addr()).ok_or(io::ErrorKind::InvalidData)?;
                let State::Shaking {
                    stream, waiting, ..
                } = std::mem::take(&mut self.state)
                else {
                    return Ok(Vec::new());
                };
                tracing::debug!(%relay, "datagrams go by the proxy");
                self.state = State::Up {
                    stream,
                    relay,
                    since: now,
                };
                // Its end may have come with the answer, and is told once.
                self.drain()?;
                Ok(waiting)
            }
            State::Up { .. } => self.drain().map(|()| Vec::new()),
        }
    }

    /// Forgets what the proxy says behind its answer; an error if the stream has
    /// ended.
    fn drain(&self) -> io::Result<()> {
        let State::Up { stream, .. } = &self.state else {
            return Ok(());
        };
        let mut stream = stream;
        loop {
            match stream.read(&mut [0; DRAIN_LEN]) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    /// Gives it up for a while.
    fn end(&mut self, registry: &Registry, error: &io::Error, now: Instant) {
        tracing::debug!(%error, "no datagrams go by the proxy");
        let (stream, proven) = match std::mem::take(&mut self.state) {
            State::Resting(_) => (None, false),
            State::Shaking { stream, .. } => (Some(stream), false),
            State::Up { stream, since, .. } => (Some(stream), since + PROVEN_AFTER <= now),
        };
        if let Some(mut stream) = stream
            && let Err(error) = registry.deregister(&mut stream)
        {
            tracing::debug!(%error, "cannot stop watching a socket");
        }
        if proven {
            self.failures = 0;
        }
        let rest = REST_FIRST.saturating_mul(1 << self.failures.min(16));
        self.failures = self.failures.saturating_add(1);
        self.state = State::Resting(Some(now + rest.min(REST_MAX)));
    }

    /// Its stream, when it ends for ever.
    pub(super) fn into_stream(self) -> Option<TcpStream> {
        match self.state {
            State::Resting(_) => None,
            State::Shaking { stream, .. } | State::Up { stream, .. } => Some(stream),
        }
    }

    /// By what way a datagram goes.
    fn way(&mut self, proxy: &Proxy, to: SocketAddr, bytes: &[u8], now: Instant) -> Way {
        match &mut self.state {
            State::Resting(_) => Way::Around,
            State::Shaking { waiting, .. } => {
                if waiting.len() < WAITING_MAX {
                    waiting.push((to, bytes.to_vec()));
                }
                Way::Kept
            }
            State::Up { relay, .. } => {
                let Some(target) = proxy.target(to) else {
                    return Way::Kept;
                };
                if matches!(target, Target::Name(..)) {
                    self.asked.note(bytes, to, now);
                }
                Way::ByProxy(*relay, socks::wrap(&target, bytes))
            }
        }
    }

    /// Who sent a datagram that came from the relay, and where in it the payload
    /// begins. `None` if it is not the relay's, or none of those.
    fn unwrap(
        &mut self,
        proxy: &Proxy,
        from: SocketAddr,
        datagram: &[u8],
        now: Instant,
    ) -> Option<(SocketAddr, usize)> {
        let State::Up { relay, .. } = &self.state else {
            return None;
        };
        if from != *relay {
            return None;
        }
        let (sender, payload) = socks::unwrap(datagram)?;
        let sender = match self.asked.whose(payload, now) {
            Some(stand_in) => stand_in,
            None => match sender {
                Target::Addr(addr) => addr,
                Target::Name(name, port) => SocketAddr::new(proxy.stand_in(name.as_str())?, port),
            },
        };
        Some((sender, datagram.len() - payload.len()))
    }
}

fn begin(at: usize, route: &Route, proxy: &Proxy, registry: &Registry) -> io::Result<TcpStream> {
    let socket = route.connect_lasting(proxy.addr())?;
    let mut stream = TcpStream::from_std(socket.into());
    let interests = Interest::READABLE | Interest::WRITABLE;
    registry.register(&mut stream, token(at), interests)?;
    Ok(stream)
}

impl Host {
    /// Makes associations where datagrams may go by the proxy.
    pub(super) fn tend_relays(&mut self) {
        let Some(proxy) = self.route.proxy().filter(|proxy| proxy.passes_datagrams()) else {
            return;
        };
        let now = Instant::now();
        self.relays
            .resize_with(self.listeners.len(), Association::default);
        for (at, listener) in self.listeners.iter().enumerate() {
            // Where nobody listens there is a socket for datagrams to the proxy only.
            let fits = listener.tcp.is_none() || listener.addr.is_ipv4() == proxy.addr().is_ipv4();
            if listener.udp.is_some() && fits {
                self.relays[at].tend(at, &self.route, proxy, self.poll.registry(), now);
            }
        }
    }

    /// When there is something to do about them.
    pub(super) fn relays_deadline(&self) -> Option<Instant> {
        let relays = self.relays.iter();
        relays.filter_map(Association::next_deadline).min()
    }

    /// Something happened to the stream of one.
    pub(super) fn relay_stirred(&mut self, at: usize) {
        let Some(proxy) = self.route.proxy().cloned() else {
            return;
        };
        let waited = self.relays[at].stirred(&proxy, self.poll.registry(), Instant::now());
        for (to, bytes) in waited {
            self.send_from(at, to, &bytes);
        }
    }

    /// Sends a datagram from a listener, by the proxy if that may be.
    pub(super) fn send_from(&mut self, at: usize, to: SocketAddr, bytes: &[u8]) {
        let proxy = self.route.proxy();
        let way = match (proxy, self.relays.get_mut(at)) {
            (Some(proxy), Some(relay)) => relay.way(proxy, to, bytes, Instant::now()),
            _ => Way::Around,
        };
        let Some(udp) = &self.listeners[at].udp else {
            return;
        };
        let sent = match way {
            Way::ByProxy(relay, bytes) => udp.send_to(&bytes, relay),
            Way::Around if self.route.allows(What::DirectDatagrams) => udp.send_to(bytes, to),
            Way::Around | Way::Kept => return,
        };
        // A datagram may be lost anywhere; whoever sends it asks again.
        if let Err(error) = sent {
            tracing::debug!(%to, %error, "a datagram was not sent");
        }
    }

    /// Who sent a datagram that a listener's socket took, and where in it the
    /// payload begins. `None` if nobody may have: it is not by the proxy.
    pub(super) fn sender(
        &mut self,
        at: usize,
        from: SocketAddr,
        len: usize,
    ) -> Option<(SocketAddr, usize)> {
        let datagram = &self.scratch[..len];
        if let (Some(proxy), Some(relay)) = (self.route.proxy(), self.relays.get_mut(at))
            && let Some(unwrapped) = relay.unwrap(proxy, from, datagram, Instant::now())
        {
            return Some(unwrapped);
        }
        let direct = self.route.allows(What::DirectDatagrams);
        direct.then_some((from, 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_of_associations_are_those_of_nobody_else() {
        assert_eq!(of_token(token(0), 2), Some(0));
        assert_eq!(of_token(token(1), 2), Some(1));
        assert_eq!(of_token(token(2), 2), None);
        assert_eq!(of_token(Token(FIRST_TOKEN), 2), None);
        assert_eq!(of_token(super::super::tcp_token(1), 2), None);
    }
}
