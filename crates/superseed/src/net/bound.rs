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
    /// Where there were listeners when it went.
    gone: Option<Vec<(ListenerId, SocketAddr)>>,
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

    /// Whether the interface is gone.
    pub(super) fn is_gone(&self) -> bool {
        self.gone.is_some()
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
        let now = Instant::now();
        if self.watch.look_at.is_some_and(|at| now < at) {
            return;
        }
        let Some(interface) = self.route.interface().cloned() else {
            return;
        };
        self.watch.look_at = Some(now + LOOK_EVERY);
        let ours = interface.addrs();
        match self.watch.gone.take() {
            None => {
                self.watch.expire(now);
                let mut places = self.listeners.iter();
                if !places.all(|listener| ours.contains(&listener.addr.ip())) {
                    tracing::warn!("{interface} is gone, and with it all connections");
                    self.cut_off();
                }
            }
            Some(places) if ours.is_empty() => self.watch.gone = Some(places),
            Some(places) => self.come_back(&interface, places),
        }
    }

    /// Ends all streams and closes all listeners.
    fn cut_off(&mut self) {
        let listeners = std::mem::take(&mut self.listeners);
        let places = listeners
            .iter()
            .map(|listener| (listener.id, listener.addr));
        self.watch.gone = Some(places.collect());
        drop(listeners);
        let relays = std::mem::take(&mut self.relays).into_iter();
        for stream in relays.filter_map(Association::into_stream) {
            self.watch.linger(stream);
        }
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

    /// Listens again, at the same ports, or waits on if that cannot be yet.
    fn come_back(&mut self, interface: &Interface, places: Vec<(ListenerId, SocketAddr)>) {
        let ours = interface.addrs();
        let mut listeners = Vec::new();
        for (at, (id, addr)) in places.iter().enumerate() {
            let mut ips = ours.iter();
            let same_family = |ip: &&IpAddr| ip.is_ipv4() == addr.is_ipv4();
            let Some(ip) = ips.find(same_family) else {
                continue;
            };
            let place = SocketAddr::new(*ip, addr.port());
            let listener = Listener::again(&self.route, *id, place);
            let listener = listener.and_then(|mut listener| {
                let tcp = super::tcp_token(at);
                let udp = mio::Token(tcp.0 + 1);
                listener.register(self.poll.registry(), tcp, udp)?;
                Ok(listener)
            });
            match listener {
                Ok(listener) => listeners.push(listener),
                Err(error) => tracing::debug!(%error, "cannot listen on {ip} yet"),
            }
        }
        // Tokens are places in the list: all are back, or none.
        if listeners.len() < places.len() {
            self.watch.gone = Some(places);
            return;
        }
        tracing::info!("{interface} is back");
        self.listeners = listeners;
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
}
