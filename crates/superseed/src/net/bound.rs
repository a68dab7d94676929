//! A session that is bound to an interface: what happens when the interface
//! goes, and when it is back.
//!
//! Sockets that are bound to an interface that is gone send nothing. What is
//! done here is for those who wait at them: streams end at once, so that peers
//! are not waited for in vain, and listeners are made anew, at the addresses that
//! the interface has then.
//!
//! What arrives for a stream whose socket is closed is refused by the kernel, and
//! that refusal knows of no interface. So sockets are kept for a while after their
//! end, until the other side has heard of it.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, Shutdown, SocketAddr};
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use superseed_engine::{ConnKey, ConnectError, Input, ListenerId, StreamEnd};

use super::host::Host;
use super::listen::Listener;
use super::relay::Association;
use crate::route::Interface;

/// How often the interface is looked at. Nothing leaves meanwhile.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long a socket is kept after its end, or after the interface is back.
const LINGER: Duration = Duration::from_secs(5);
/// Sockets that are kept so; the oldest makes room.
const LINGERING_MAX: usize = 512;

/// What is known of the interface.
#[derive(Default)]
pub(super) struct Watch {
    /// Sockets of streams that have ended, and when each goes.
    lingering: VecDeque<(Instant, TcpStream)>,
    look_at: Option<Instant>,
    /// Where there were listeners whose addresses went.
    missing: Vec<(ListenerId, SocketAddr)>,
}

impl Watch {
    /// When to look again.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.look_at
    }

    /// Keeps the socket of a stream that has ended.
    fn linger(&mut self, stream: TcpStream) {
        // The peer may have been faster.
        let _ = stream.shutdown(Shutdown::Write);
        if self.lingering.len() >= LINGERING_MAX {
            self.lingering.pop_front();
        }
        self.lingering.push_back((Instant::now() + LINGER, stream));
    }

    /// Gives sockets up that were kept long enough.
    fn expire(&mut self, now: Instant) {
        while self.lingering.front().is_some_and(|(at, _)| *at <= now) {
            self.lingering.pop_front();
        }
    }
}

impl Host {
    /// Ends a stream whose bytes nobody wants any more.
    pub(super) fn hang_up(&mut self, stream: TcpStream) {
        if self.route.interface().is_some() {
            return self.watch.linger(stream);
        }
        // The peer may have been faster.
        let _ = stream.shutdown(Shutdown::Both);
    }

    /// Looks whether the interface is there, if there is one that matters.
    pub(super) fn tend_interface(&mut self) {
        // Most sessions have none, and this is asked in every turn.
        let Some(interface) = self.route.interface() else {
            return;
        };
        let now = Instant::now();
        if self.watch.look_at.is_some_and(|at| now < at) {
            return;
        }
        let interface = interface.clone();
        self.watch.look_at = Some(now + LOOK_EVERY);
        let ours = interface.addrs();
        if !self.is_gone() {
            self.watch.expire(now);
            let is_there = |listener: &Listener| match listener.tcp {
                Some(_) => ours.contains(&listener.addr.ip()),
                None => !ours.is_empty(),
            };
            if !self.listeners.iter().all(is_there) {
                tracing::warn!("{interface} has lost an address, and with it all connections");
                self.cut_off();
            }
        }
        // A listener that cannot be must not cost those that are there theirs.
        let may_listen = |(id, addr): &(ListenerId, SocketAddr)| {
            let ip = address_for(addr, &ours);
            let place = ip.map(|ip| SocketAddr::new(ip, addr.port()));
            place.is_some_and(|place| Listener::again(&self.route, *id, place).is_ok())
        };
        if self.watch.missing.iter().any(may_listen) {
            self.come_back(&interface, &ours);
        }
    }

    /// Whether no address is left on which there was a listener.
    pub(super) fn is_gone(&self) -> bool {
        self.listeners.is_empty() && !self.watch.missing.is_empty()
    }

    /// Ends all streams and closes all listeners.
    fn cut_off(&mut self) {
        self.close_listeners();
        for (_, stream) in std::mem::take(&mut self.waiting) {
            self.watch.linger(stream);
        }
        let streams: Vec<(ConnKey, bool)> = self.streams.all().collect();
        for (conn, connecting) in streams {
            if let Some(stream) = self.streams.remove(self.poll.registry(), conn) {
                self.watch.linger(stream);
            }
            self.handle(match connecting {
                true => Input::ConnectFailed {
                    conn,
                    error: ConnectError::Unreachable,
                },
                false => Input::Closed {
                    conn,
                    end: StreamEnd::Reset,
                },
            });
        }
    }

    /// Closes all listeners, which are missing then.
    fn close_listeners(&mut self) {
        let listeners = std::mem::take(&mut self.listeners);
        let places = listeners.iter().map(|one| (one.id, one.addr));
        self.watch.missing.extend(places);
        self.watch.missing.sort_unstable_by_key(|(id, _)| *id);
        let relays = std::mem::take(&mut self.relays).into_iter();
        for stream in relays.filter_map(Association::into_stream) {
            self.watch.linger(stream);
        }
    }

    /// Listens again, at the same ports, at the addresses that there are. Those
    /// that are listened on already are made anew, since tokens are places in the
    /// list.
    fn come_back(&mut self, interface: &Interface, ours: &[IpAddr]) {
        self.close_listeners();
        let mut missing = Vec::new();
        for (id, addr) in std::mem::take(&mut self.watch.missing) {
            match address_for(&addr, ours).map(|ip| self.listen_again(id, ip, addr.port())) {
                Some(Ok(listener)) => self.listeners.push(listener),
                Some(Err(error)) => {
                    tracing::debug!(%error, "cannot listen yet where {addr} was");
                    missing.push((id, addr));
                }
                None => missing.push((id, addr)),
            }
        }
        self.watch.missing = missing;
        if self.listeners.is_empty() {
            return;
        }
        tracing::info!("{interface} is back");
        let heard_by = Instant::now() + LINGER;
        for (at, _) in &mut self.watch.lingering {
            *at = heard_by;
        }
        self.control
            .set_listeners(self.listeners.iter().map(|l| (l.id, l.addr)).collect());
        for at in 0..self.listeners.len() {
            let (listener, addr) = (self.listeners[at].id, self.listeners[at].addr);
            self.handle(Input::Listening { listener, addr });
        }
    }

    /// A listener that is the next one in the list.
    fn listen_again(&self, id: ListenerId, ip: IpAddr, port: u16) -> io::Result<Listener> {
        let mut listener = Listener::again(&self.route, id, SocketAddr::new(ip, port))?;
        let tcp = super::tcp_token(self.listeners.len());
        let udp = mio::Token(tcp.0 + 1);
        listener.register(self.poll.registry(), tcp, udp)?;
        Ok(listener)
    }
}

/// The address of the interface for a listener that was at `addr`: that one if
/// it is there.
fn address_for(addr: &SocketAddr, ours: &[IpAddr]) -> Option<IpAddr> {
    let of_family = || ours.iter().filter(|ip| ip.is_ipv4() == addr.is_ipv4());
    let same = of_family().find(|ip| **ip == addr.ip());
    // Where nobody listens any address will do by which the proxy is reached.
    let any = ours.first().filter(|_| addr.ip().is_unspecified());
    same.or_else(|| of_family().next()).or(any).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_comes_back_at_its_own_address_or_at_another_of_its_family() {
        let ours = ["10.0.0.1", "10.0.0.2", "fd00::1"].map(|ip| ip.parse().unwrap());
        let at = |addr: &str| address_for(&addr.parse().unwrap(), &ours);
        assert_eq!(at("10.0.0.2:1"), Some(ours[1]));
        assert_eq!(at("10.0.0.9:1"), Some(ours[0]));
        assert_eq!(at("[fd00::9]:1"), Some(ours[2]));
        assert_eq!(
            address_for(&"0.0.0.0:1".parse().unwrap(), &ours[2..]),
            Some(ours[2])
        );
        assert_eq!(
            address_for(&"10.0.0.1:1".parse().unwrap(), &ours[2..]),
            None
        );
    }
}
