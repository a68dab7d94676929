//! The tracker's sockets: TCP and UDP on one port of each address.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};

use super::DEFAULT_PORT;
use super::error::TrackerError;
use crate::route::{Route, family_is_missing};

/// The sockets of one address; they do not block.
pub(super) struct Sockets {
    /// The address with its actual port.
    pub(super) addr: SocketAddr,
    /// For HTTP.
    pub(super) tcp: TcpListener,
    /// For BEP 15.
    pub(super) udp: UdpSocket,
}

impl Sockets {
    /// Binds all addresses or none; without any, the default ones.
    pub(super) fn bind(addrs: &[SocketAddr]) -> Result<Vec<Self>, TrackerError> {
        if addrs.is_empty() {
            return Self::bind_default();
        }
        let bound = addrs
            .iter()
            .map(|&addr| Self::bind_one(addr).map_err(|error| failure(addr, error)));
        bound.collect()
    }

    fn bind_default() -> Result<Vec<Self>, TrackerError> {
        let any: [IpAddr; 2] = [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()];
        let mut bound = Vec::new();
        for ip in any {
            let addr = SocketAddr::new(ip, DEFAULT_PORT);
            match Self::bind_one(addr) {
                Ok(sockets) => bound.push(sockets),
                // A machine without IPv6 (or IPv4) listens on what it has.
                Err(error) if family_is_missing(&error) => {}
                Err(error) => return Err(failure(addr, error)),
            }
        }
        if bound.is_empty() {
            Err(TrackerError::NoAddress)
        } else {
            Ok(bound)
        }
    }

    fn bind_one(addr: SocketAddr) -> io::Result<Self> {
        let pair = Route::Direct.listen(addr)?;
        Ok(Self {
            addr: pair.addr,
            tcp: pair.tcp.into(),
            udp: pair.udp.into(),
        })
    }
}

fn failure(addr: SocketAddr, error: io::Error) -> TrackerError {
    match error.kind() {
        io::ErrorKind::AddrInUse => TrackerError::PortBusy { addr },
        _ => TrackerError::Listen { addr, error },
    }
}
