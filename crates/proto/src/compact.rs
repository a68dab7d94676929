//! Addresses in their compact form (BEP 5, BEP 7, BEP 23): IP and port,
//! nothing between. Trackers, the DHT and peers name each other's addresses so.

use core::net::{IpAddr, SocketAddr};

use crate::tracker::AddressFamily;

/// The addresses of a compact list, in order; bytes of an incomplete last entry
/// are left out. A port may be 0 here.
pub(crate) fn peers(list: &[u8], family: AddressFamily) -> impl Iterator<Item = SocketAddr> {
    list.chunks_exact(family.stride()).filter_map(addr)
}

/// One address: six bytes or eighteen, and nothing else. The port may be 0.
pub(crate) fn addr(entry: &[u8]) -> Option<SocketAddr> {
    let (ip, port) = entry.split_last_chunk()?;
    Some(SocketAddr::new(self::ip(ip)?, u16::from_be_bytes(*port)))
}

/// An IP without a port: four bytes or sixteen.
pub(crate) fn ip(octets: &[u8]) -> Option<IpAddr> {
    if let Ok(octets) = <[u8; 4]>::try_from(octets) {
        return Some(octets.into());
    }
    <[u8; 16]>::try_from(octets).ok().map(IpAddr::from)
}

/// Appends an address: six bytes or eighteen.
pub(crate) fn push(addr: SocketAddr, out: &mut Vec<u8>) {
    match addr.ip() {
        IpAddr::V4(ip) => out.extend(ip.octets()),
        IpAddr::V6(ip) => out.extend(ip.octets()),
    }
    out.extend(addr.port().to_be_bytes());
}

/// An address alone.
pub(crate) fn bytes(addr: SocketAddr) -> Vec<u8> {
    let mut out = Vec::with_capacity(18);
    push(addr, &mut out);
    out
}
