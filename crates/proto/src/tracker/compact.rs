//! Compact peer lists (BEP 7, BEP 23): address and port, nothing between.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::announce::AddressFamily;

/// The peers of a compact list, in order; bytes of an incomplete last entry
/// are left out. A port may be 0 here.
pub(super) fn peers(list: &[u8], family: AddressFamily) -> impl Iterator<Item = SocketAddr> {
    list.chunks_exact(family.stride()).map(|entry| {
        let (ip, port) = entry.split_at(entry.len() - 2);
        let ip = match <[u8; 4]>::try_from(ip) {
            Ok(octets) => IpAddr::from(octets),
            Err(_) => IpAddr::from(<[u8; 16]>::try_from(ip).unwrap_or_default()),
        };
        SocketAddr::new(ip, u16::from_be_bytes([port[0], port[1]]))
    })
}

/// Appends one entry of a list of six-byte entries.
pub(super) fn push_v4(ip: Ipv4Addr, port: u16, out: &mut Vec<u8>) {
    out.extend_from_slice(&ip.octets());
    out.extend_from_slice(&port.to_be_bytes());
}

/// Appends one entry of a list of eighteen-byte entries.
pub(super) fn push_v6(ip: Ipv6Addr, port: u16, out: &mut Vec<u8>) {
    out.extend_from_slice(&ip.octets());
    out.extend_from_slice(&port.to_be_bytes());
}
