//! The groups of local discovery (BEP 14): joined on every network that a
//! listener is in, and joined again, since interfaces come and go.
//!
//! What is said leaves from the listener's own UDP socket, so that its source is
//! where we can be called. Others may listen to the groups on this machine too.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use mio::net::UdpSocket;
use mio::{Interest, Registry, Token};
use socket2::SockRef;
use superseed_proto::lsd::group;
use superseed_proto::tracker::AddressFamily;

use super::interfaces::{Network, networks};
use super::listen::Listener;
use crate::route::Route;

/// How often the interfaces are looked at again.
const REJOIN_EVERY: Duration = Duration::from_secs(300);
/// How many routers what we say passes at most: those of one site, as libtorrent
/// has it (lsd.cpp). Few sites route multicast at all.
const HOPS: u32 = 32;
/// Networks that are joined; Linux has no more memberships for a socket
/// (`igmp_max_memberships`). A machine full of containers has hundreds.
const NETWORKS_MAX: usize = 20;

const FAMILIES: [AddressFamily; 2] = [AddressFamily::V4, AddressFamily::V6];

/// The groups of both families, as far as they are joined.
#[derive(Default)]
pub(super) struct Multicast {
    groups: [Option<Group>; 2],
    networks: Vec<Network>,
    rejoin_at: Option<Instant>,
}

/// One group.
struct Group {
    socket: UdpSocket,
    ready: bool,
}

impl Multicast {
    /// Joins where that is due, or, if nothing is to be heard, leaves.
    pub(super) fn tend(
        &mut self,
        wanted: bool,
        route: &Route,
        listeners: &[Listener],
        registry: &Registry,
        tokens: [Token; 2],
    ) {
        if !wanted {
            // A closed socket is watched no more, and a member of no group.
            *self = Self::default();
            return;
        }
        let now = Instant::now();
        if self.rejoin_at.is_some_and(|at| now < at) {
            return;
        }
        self.rejoin_at = Some(now + REJOIN_EVERY);
        self.networks = networks();
        let is_listener_there = |network: &Network| {
            let mut addrs = listeners.iter().map(|listener| listener.addr);
            addrs.any(|addr| is_of(addr, network))
        };
        self.networks.retain(is_listener_there);
        one_of_each_interface(&mut self.networks);
        self.networks.truncate(NETWORKS_MAX);
        for (at, family) in FAMILIES.into_iter().enumerate() {
            if let Err(error) = self.join(at, family, route, registry, tokens[at]) {
                tracing::debug!(%error, "neighbours are not heard over {family:?}");
            }
        }
    }

    fn join(
        &mut self,
        at: usize,
        family: AddressFamily,
        route: &Route,
        registry: &Registry,
        token: Token,
    ) -> io::Result<()> {
        let of_family = |network: &&Network| AddressFamily::of(network.ip) == family;
        let networks = self.networks.iter().filter(of_family);
        let mut networks = networks.peekable();
        if networks.peek().is_none() {
            return Ok(());
        }
        let group = match &mut self.groups[at] {
            Some(group) => group,
            empty => {
                let socket = route.group(self::group(family))?;
                let mut socket = UdpSocket::from_std(socket.into());
                registry.register(&mut socket, token, Interest::READABLE)?;
                empty.insert(Group {
                    socket,
                    ready: false,
                })
            }
        };
        let socket = SockRef::from(&group.socket);
        for network in networks {
            let joined = match (self::group(family).ip(), network.ip) {
                (IpAddr::V4(group), IpAddr::V4(ours)) => socket.join_multicast_v4(&group, &ours),
                (IpAddr::V6(group), _) => socket.join_multicast_v6(&group, network.interface),
                _ => Ok(()),
            };
            match joined {
                Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
                    tracing::debug!(%error, "neighbours of {} are not heard", network.ip);
                }
                // Joined, now or before.
                _ => {}
            }
        }
        Ok(())
    }

    /// Says something to the neighbours of a listener.
    pub(super) fn send(&self, listener: &Listener, bytes: &[u8]) {
        let networks = self.networks.iter();
        for network in networks.filter(|network| is_of(listener.addr, network)) {
            let Some(udp) = &listener.udp else {
                continue;
            };
            if let Err(error) = send(udp, network, bytes) {
                tracing::debug!(%error, "neighbours of {} are not told", network.ip);
            }
        }
    }

    /// A group may have a datagram.
    pub(super) fn became_ready(&mut self, at: usize) {
        if let Some(Some(group)) = self.groups.get_mut(at) {
            group.ready = true;
        }
    }

    /// Whether a group may have a datagram.
    pub(super) fn is_ready(&self) -> bool {
        self.groups.iter().flatten().any(|group| group.ready)
    }

    /// The next datagram, if there is one: its length, who sent it, and whether
    /// that is in a network of ours.
    pub(super) fn receive(&mut self, into: &mut [u8]) -> Option<(usize, SocketAddr, bool)> {
        for group in self.groups.iter_mut().flatten().filter(|group| group.ready) {
            match group.socket.recv_from(into) {
                Ok((len, from)) => {
                    let mut networks = self.networks.iter();
                    let near = networks.any(|network| network.contains(from.ip()));
                    return Some((len, from, near));
                }
                Err(error) => {
                    group.ready = false;
                    if error.kind() != io::ErrorKind::WouldBlock {
                        tracing::debug!(%error, "a neighbour could not be heard");
                    }
                }
            }
        }
        None
    }

    /// When the interfaces are to be looked at again.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.rejoin_at
    }
}

/// Whether a listener takes connections at an address of ours.
fn is_of(listener: SocketAddr, network: &Network) -> bool {
    let same_family = listener.is_ipv4() == network.ip.is_ipv4();
    same_family && (listener.ip().is_unspecified() || listener.ip() == network.ip)
}

/// Leaves one address of each interface and family: neighbours that hear one
/// announce need not hear another.
fn one_of_each_interface(networks: &mut Vec<Network>) {
    let mut seen = Vec::new();
    networks.retain(|network| {
        let this = (network.interface, network.ip.is_ipv4());
        let is_new = !seen.contains(&this);
        seen.push(this);
        is_new
    });
}

fn send(socket: &UdpSocket, network: &Network, bytes: &[u8]) -> io::Result<()> {
    let options = SockRef::from(socket);
    match network.ip {
        IpAddr::V4(ours) => {
            options.set_multicast_if_v4(&ours)?;
            options.set_multicast_ttl_v4(HOPS)?;
        }
        IpAddr::V6(_) => {
            options.set_multicast_if_v6(network.interface)?;
            options.set_multicast_hops_v6(HOPS)?;
        }
    }
    let to = group(AddressFamily::of(network.ip));
    socket.send_to(bytes, to).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(interface: u32, ip: &str) -> Network {
        Network {
            interface,
            ip: ip.parse().unwrap(),
            prefix_len: 24,
        }
    }

    #[test]
    fn a_listener_has_the_neighbours_of_its_address_or_of_all() {
        let addr = |text: &str| text.parse::<SocketAddr>().unwrap();
        let network = network(1, "192.0.2.1");
        assert!(is_of(addr("0.0.0.0:1"), &network));
        assert!(is_of(addr("192.0.2.1:1"), &network));
        assert!(!is_of(addr("192.0.2.2:1"), &network));
        assert!(!is_of(addr("[::]:1"), &network));
    }

    #[test]
    fn each_interface_is_told_once_in_each_family() {
        let mut networks = vec![
            network(1, "192.0.2.1"),
            network(1, "192.0.2.2"),
            network(1, "2001:db8::1"),
            network(1, "fe80::1"),
            network(2, "198.51.100.1"),
        ];
        one_of_each_interface(&mut networks);
        let left: Vec<_> = networks.iter().map(|one| one.ip.to_string()).collect();
        assert_eq!(left, ["192.0.2.1", "2001:db8::1", "198.51.100.1"]);
    }

    #[test]
    fn two_programs_of_a_machine_may_hear_a_group() {
        let open = || Route::Direct.group(group(AddressFamily::V4)).unwrap();
        let (first, second) = (open(), open());
        let local = |socket: &socket2::Socket| socket.local_addr().unwrap();
        assert_eq!(local(&first), local(&second));
    }
}
