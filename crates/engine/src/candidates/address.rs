//! Which socket addresses can be a peer's, and which are the same.

use core::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::ops::RangeInclusive;

use superseed_proto::krpc::is_exempt;

use super::reach::is_reserved;

/// One spelling per address: IPv4-mapped IPv6 becomes IPv4, and the flow
/// label, which is not part of an address, is cleared.
pub(crate) fn canonical(addr: SocketAddr) -> SocketAddr {
    match (addr, addr.ip().to_canonical()) {
        (_, IpAddr::V4(ip)) => SocketAddrV4::new(ip, addr.port()).into(),
        (SocketAddr::V6(v6), IpAddr::V6(ip)) => {
            SocketAddrV6::new(ip, v6.port(), 0, v6.scope_id()).into()
        }
        (SocketAddr::V4(_), IpAddr::V6(_)) => addr,
    }
}

/// Whether a peer can be at a (canonical) address that somebody names.
pub(crate) fn is_peer(addr: SocketAddr) -> bool {
    is_peer_or_name(addr) && !is_reserved(addr.ip())
}

/// The same of an address that our own host or user gives, which may stand for a
/// name.
pub(crate) fn is_peer_or_name(addr: SocketAddr) -> bool {
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

/// The part of an IPv6 address that names a network: whoever has one of its
/// addresses has 2^64 of them.
const NETWORK: u128 = !0 << 64;

/// What stands for the host of an address: an IPv4 address itself, and of an
/// IPv6 address its /64. In a local network (link-local and unique local
/// addresses) a /64 is many hosts, each of which is its address.
pub(crate) fn host(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) if is_shared(ip) => Ipv6Addr::from_bits(ip.to_bits() & NETWORK).into(),
        ip => ip,
    }
}

/// The network of an address, whose hosts may all be of one party: a /24, of IPv6
/// a /64 (libtorrent, `dht_restrict_search_ips`). `None` in private networks.
pub(crate) fn network(ip: IpAddr) -> Option<IpAddr> {
    match ip.to_canonical() {
        ip if is_exempt(ip) => None,
        IpAddr::V4(ip) => {
            let [a, b, c, _] = ip.octets();
            Some(IpAddr::from([a, b, c, 0]))
        }
        ip @ IpAddr::V6(_) => Some(host(ip)),
    }
}

/// Whether one party has the whole /64 of an address.
fn is_shared(ip: Ipv6Addr) -> bool {
    !(ip.is_loopback() || ip.is_unicast_link_local() || ip.is_unique_local())
}

/// Every canonical address of a [`host`].
pub(super) fn all_addrs(host: IpAddr) -> RangeInclusive<SocketAddr> {
    match host {
        IpAddr::V4(_) => SocketAddr::new(host, 0)..=SocketAddr::new(host, u16::MAX),
        IpAddr::V6(first) => {
            let last = if is_shared(first) {
                Ipv6Addr::from_bits(first.to_bits() | !NETWORK)
            } else {
                first
            };
            v6(first, 0, 0)..=v6(last, u16::MAX, u32::MAX)
        }
    }
}

/// The (canonical) addresses that differ from `addr` in their port alone.
pub(super) fn all_ports(addr: SocketAddr) -> RangeInclusive<SocketAddr> {
    let (mut first, mut last) = (addr, addr);
    first.set_port(0);
    last.set_port(u16::MAX);
    first..=last
}

fn v6(ip: Ipv6Addr, port: u16, scope_id: u32) -> SocketAddr {
    SocketAddrV6::new(ip, port, 0, scope_id).into()
}
