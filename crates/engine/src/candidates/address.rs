//! Which socket addresses can be a peer's, and which are the same.

use core::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::ops::RangeInclusive;

/// One spelling per address: IPv4-mapped IPv6 becomes IPv4, and the flow
/// label, which is not part of an address, is cleared.
pub(super) fn canonical(addr: SocketAddr) -> SocketAddr {
    match (addr, addr.ip().to_canonical()) {
        (_, IpAddr::V4(ip)) => SocketAddrV4::new(ip, addr.port()).into(),
        (SocketAddr::V6(v6), IpAddr::V6(ip)) => {
            SocketAddrV6::new(ip, v6.port(), 0, v6.scope_id()).into()
        }
        (SocketAddr::V4(_), IpAddr::V6(_)) => addr,
    }
}

/// Whether a peer can be at a (canonical) address.
pub(super) fn is_peer(addr: SocketAddr) -> bool {
    let ip = addr.ip();
    let broadcast = matches!(ip, IpAddr::V4(ip) if ip.is_broadcast());
    addr.port() != 0 && !ip.is_unspecified() && !ip.is_multicast() && !broadcast
}

/// Whether a connection to `addr` certainly ends at our own socket `own`.
pub(super) fn reaches(own: SocketAddr, addr: SocketAddr) -> bool {
    let same_host = own.ip() == addr.ip();
    let loopback =
        own.ip().is_unspecified() && own.is_ipv4() == addr.is_ipv4() && addr.ip().is_loopback();
    own.port() == addr.port() && (same_host || loopback)
}

/// Every canonical address of a host.
pub(super) fn all_ports(ip: IpAddr) -> RangeInclusive<SocketAddr> {
    match ip {
        IpAddr::V4(_) => SocketAddr::new(ip, 0)..=SocketAddr::new(ip, u16::MAX),
        IpAddr::V6(ip) => v6(ip, 0, 0)..=v6(ip, u16::MAX, u32::MAX),
    }
}

fn v6(ip: Ipv6Addr, port: u16, scope_id: u32) -> SocketAddr {
    SocketAddrV6::new(ip, port, 0, scope_id).into()
}
