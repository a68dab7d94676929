//! Listening: one TCP and one UDP socket on the same port of each address.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use mio::net::{TcpListener, UdpSocket};
use mio::{Interest, Registry, Token};
use superseed_engine::ListenerId;

use crate::route::{Pair, Route, What, family_is_missing};
use crate::session::config::{Config, DEFAULT_PORT, DEFAULT_PORTS_TRIED};
use crate::session::error::StartError;

/// The port that trackers are told where nobody is listened to: nobody is
/// there, and 0 is none that all of them take.
const NOWHERE: u16 = 1;
/// How long accepting rests when the process has no descriptor left.
const ACCEPT_REST: Duration = Duration::from_millis(500);

/// A bound address, or what stands for one where nobody is listened to.
pub(super) struct Listener {
    /// The engine's name for it.
    pub(super) id: ListenerId,
    /// What it is bound to, with the actual port.
    pub(super) addr: SocketAddr,
    /// Takes peers.
    pub(super) tcp: Option<TcpListener>,
    /// Talks to UDP trackers and nodes of the DHT.
    pub(super) udp: Option<UdpSocket>,
    /// A peer may be waiting.
    pub(super) tcp_ready: bool,
    /// A datagram may be waiting.
    pub(super) udp_ready: bool,
    /// Do not accept before this moment.
    pub(super) rest_until: Option<Instant>,
}

impl Listener {
    /// Binds all addresses of a configuration, in its order.
    pub(super) fn bind_all(config: &Config) -> Result<Vec<Self>, StartError> {
        if let Some(interface) = config.route.interface()
            && interface.addrs().is_empty()
        {
            return Err(StartError::InterfaceDown {
                interface: interface.to_string(),
            });
        }
        if !config.route.allows(What::Listening) {
            return Ok(vec![Self::nowhere(&config.route)?]);
        }
        let pairs = if config.listen.is_empty() {
            bind_default(&config.route)?
        } else {
            bind_named(&config.route, &config.listen)?
        };
        let numbered = pairs.into_iter().enumerate();
        Ok(numbered
            .map(|(at, pair)| Self::new(ListenerId(at as u16), pair))
            .collect())
    }

    pub(super) fn new(id: ListenerId, pair: Pair) -> Self {
        Self {
            id,
            addr: pair.addr,
            tcp: Some(TcpListener::from_std(pair.tcp.into())),
            udp: Some(UdpSocket::from_std(pair.udp.into())),
            tcp_ready: false,
            udp_ready: false,
            rest_until: None,
        }
    }

    /// Takes no peers, and no datagrams but those that a proxy passes on, if it
    /// does. Its address says nothing of this machine: peers hear of it.
    fn nowhere(route: &Route) -> Result<Self, StartError> {
        let addr = SocketAddr::from((Ipv4Addr::UNSPECIFIED, NOWHERE));
        let failed = |error| StartError::Listen { addr, error };
        let passes = route.allows(What::Datagrams);
        let udp = passes.then(|| route.towards_proxy()).transpose();
        let udp = udp.map_err(failed)?;
        Ok(Self {
            id: ListenerId(0),
            addr,
            tcp: None,
            udp: udp.map(|socket| UdpSocket::from_std(socket.into())),
            tcp_ready: false,
            udp_ready: false,
            rest_until: None,
        })
    }

    /// Makes the sockets of a listener anew, at another address of the interface.
    pub(super) fn again(route: &Route, id: ListenerId, addr: SocketAddr) -> io::Result<Self> {
        if !route.allows(What::Listening) {
            let failed = |error: StartError| io::Error::other(error.to_string());
            return Self::nowhere(route).map_err(failed);
        }
        route.listen(addr).map(|pair| Self::new(id, pair))
    }

    /// Begins to watch both sockets.
    pub(super) fn register(
        &mut self,
        registry: &Registry,
        tcp: Token,
        udp: Token,
    ) -> io::Result<()> {
        if let Some(socket) = &mut self.tcp {
            registry.register(socket, tcp, Interest::READABLE)?;
        }
        if let Some(socket) = &mut self.udp {
            registry.register(socket, udp, Interest::READABLE)?;
        }
        Ok(())
    }

    /// The process has no descriptor left: the peer waits in the backlog, and
    /// the loop must not spin on it.
    pub(super) fn rest(&mut self, now: Instant) {
        self.rest_until = Some(now + ACCEPT_REST);
    }

    /// Whether a peer may be accepted now.
    pub(super) fn may_accept(&mut self, now: Instant) -> bool {
        if self.rest_until.is_some_and(|until| until <= now) {
            self.rest_until = None;
        }
        self.tcp_ready && self.rest_until.is_none()
    }
}

/// The addresses that the user names, of both families or one that stand for
/// whichever the interface has.
fn bind_named(route: &Route, listen: &[SocketAddr]) -> Result<Vec<Pair>, StartError> {
    let mut pairs = Vec::new();
    let mut missing = None;
    for &addr in listen {
        match route.place(addr).and_then(|place| route.listen(place)) {
            Ok(pair) => pairs.push(pair),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                return Err(StartError::PortBusy { addr });
            }
            Err(error) => {
                let error = StartError::Listen { addr, error };
                let may_be_missing = route.interface().is_some() && addr.ip().is_unspecified();
                if !may_be_missing {
                    return Err(error);
                }
                missing.get_or_insert(error);
            }
        }
    }
    match missing {
        Some(error) if pairs.is_empty() => Err(error),
        _ => Ok(pairs),
    }
}

/// Both families on the first default port that is free for both.
fn bind_default(route: &Route) -> Result<Vec<Pair>, StartError> {
    let last = DEFAULT_PORT + DEFAULT_PORTS_TRIED - 1;
    'ports: for port in DEFAULT_PORT..=last {
        let mut pairs = Vec::new();
        for addr in Config::default_addrs(port) {
            match route.place(addr).and_then(|place| route.listen(place)) {
                Ok(pair) => pairs.push(pair),
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => continue 'ports,
                // A machine without IPv6 (or IPv4) listens on what it has.
                Err(error) if family_is_missing(&error) => {}
                Err(error) => return Err(StartError::Listen { addr, error }),
            }
        }
        if !pairs.is_empty() {
            return Ok(pairs);
        }
    }
    Err(StartError::NoFreePort {
        first: DEFAULT_PORT,
        last,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::{Interface, Proxy};

    fn config(listen: &[SocketAddr]) -> Config {
        Config {
            listen: listen.to_vec(),
            ..Config::default()
        }
    }

    #[test]
    fn both_sockets_have_the_same_port() {
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let listeners = Listener::bind_all(&config(&[any])).unwrap();
        let udp = listeners[0].udp.as_ref().unwrap().local_addr().unwrap();
        assert_eq!(listeners[0].addr, udp);
        assert_ne!(udp.port(), 0);
    }

    #[test]
    fn a_named_port_that_is_busy_is_an_error_with_its_address() {
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let taken = Listener::bind_all(&config(&[any])).unwrap();
        let error = Listener::bind_all(&config(&[taken[0].addr])).err().unwrap();
        assert!(matches!(error, StartError::PortBusy { addr } if addr == taken[0].addr));
        let port = taken[0].addr.port();
        assert_eq!(
            error.to_string(),
            format!("cannot listen on 127.0.0.1:{port}: the port is in use")
        );
    }

    #[test]
    fn default_listeners_evade_each_other() {
        let first = Listener::bind_all(&config(&[])).unwrap();
        let second = Listener::bind_all(&config(&[])).unwrap();
        assert_ne!(first[0].addr.port(), second[0].addr.port());
        assert!(
            first
                .iter()
                .all(|listener| listener.addr.port() == first[0].addr.port())
        );
    }

    #[test]
    fn what_stands_for_a_listener_says_nothing_of_the_interface() {
        let lo = Interface::find("lo").unwrap();
        let proxy = Proxy::reached(true, false, Some(lo));
        let config = Config {
            route: Route::Proxy(proxy),
            ..config(&[])
        };
        let listeners = Listener::bind_all(&config).unwrap();
        let addrs: Vec<_> = listeners.iter().map(|one| one.addr).collect();
        assert_eq!(addrs, ["0.0.0.0:1".parse().unwrap()]);
        let id = listeners[0].id;
        let again = Listener::again(&config.route, id, "127.0.0.1:1".parse().unwrap());
        assert_eq!(again.unwrap().addr, addrs[0]);
    }

    #[test]
    fn accepting_rests_when_no_descriptor_is_left() {
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let mut listener = Listener::bind_all(&config(&[any])).unwrap().remove(0);
        let now = Instant::now();
        assert!(!listener.may_accept(now), "nobody knocked");
        listener.tcp_ready = true;
        listener.rest(now);
        assert!(!listener.may_accept(now));
        assert!(
            listener.may_accept(now + ACCEPT_REST),
            "the peer that knocked is not forgotten"
        );
    }
}
