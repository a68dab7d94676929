//! Sockets: made without waiting, and bound to the interface before they are
//! bound or connected to anything else.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};

use super::Route;
use crate::os;

/// Connections that the system holds until they are accepted: as many as Linux
/// grants. One that does not fit comes back after a second, when it is late.
const BACKLOG: i32 = 4_096;
/// After how long a silence the other end of a lasting stream is asked whether it
/// is there.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(30);
/// How often a port that the system chose for TCP may turn out to be taken for
/// UDP before that is an error.
const FREE_PORT_TRIES: usize = 16;

/// The sockets of one address.
pub(crate) struct Pair {
    /// The address with its actual port.
    pub(crate) addr: SocketAddr,
    /// Listens.
    pub(crate) tcp: Socket,
    /// Has the same port.
    pub(crate) udp: Socket,
}

impl Route {
    /// TCP and UDP on one address with the same port number.
    pub(crate) fn listen(&self, addr: SocketAddr) -> io::Result<Pair> {
        let mut tries = 0;
        loop {
            let tcp = self.bound(addr, Type::STREAM)?;
            tcp.listen(BACKLOG)?;
            let bound = local_addr(&tcp)?;
            match self.bound(bound, Type::DGRAM) {
                Ok(udp) => {
                    return Ok(Pair {
                        addr: bound,
                        tcp,
                        udp,
                    });
                }
                Err(error)
                    if addr.port() == 0
                        && error.kind() == io::ErrorKind::AddrInUse
                        && tries < FREE_PORT_TRIES =>
                {
                    tries += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn bound(&self, addr: SocketAddr, kind: Type) -> io::Result<Socket> {
        let socket = self.socket(addr, kind)?;
        if kind == Type::STREAM {
            // Connections of an earlier run in TIME_WAIT must not block the port.
            // For UDP the same option would let two programs share the port.
            socket.set_reuse_address(true)?;
        }
        if addr.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.bind(&addr.into())?;
        Ok(socket)
    }

    /// A stream whose connection is begun, from a certain address if one is
    /// given.
    pub(crate) fn connect(
        &self,
        remote: SocketAddr,
        from: Option<SocketAddr>,
    ) -> io::Result<Socket> {
        let from = match from {
            Some(from) => Some(from.ip()),
            None => self.source(remote.is_ipv4())?,
        };
        let socket = self.socket(remote, Type::STREAM)?;
        socket.set_tcp_nodelay(true)?;
        if let Some(ip) = from {
            socket.bind(&SocketAddr::new(ip, 0).into())?;
        }
        match socket.connect(&remote.into()) {
            Err(error) if !is_in_progress(&error) => Err(error),
            _ => Ok(socket),
        }
    }

    /// A stream that is up for long and mostly silent: its end is to be noticed.
    pub(crate) fn connect_lasting(&self, remote: SocketAddr) -> io::Result<Socket> {
        let socket = self.connect(remote, None)?;
        let probes = TcpKeepalive::new()
            .with_time(KEEPALIVE_AFTER)
            .with_interval(KEEPALIVE_AFTER);
        socket.set_tcp_keepalive(&probes)?;
        Ok(socket)
    }

    /// A socket that takes and sends datagrams of one remote only.
    pub(super) fn datagrams(&self, remote: SocketAddr) -> io::Result<Socket> {
        let socket = self.socket(remote, Type::DGRAM)?;
        if let Some(ip) = self.source(remote.is_ipv4())? {
            socket.bind(&SocketAddr::new(ip, 0).into())?;
        }
        socket.connect(&remote.into())?;
        Ok(socket)
    }

    /// A socket for datagrams to and from a proxy, at whatever port.
    pub(crate) fn towards_proxy(&self) -> io::Result<Socket> {
        let v4 = self.proxy().is_none_or(|proxy| proxy.addr().is_ipv4());
        let ip = self.source(v4)?.unwrap_or(unspecified(v4));
        self.bound(SocketAddr::new(ip, 0), Type::DGRAM)
    }

    /// A socket that hears a group's datagrams, beside others of this machine.
    pub(crate) fn group(&self, group: SocketAddr) -> io::Result<Socket> {
        let socket = self.socket(group, Type::DGRAM)?;
        // Every client of this machine is to hear every announce.
        socket.set_reuse_address(true)?;
        socket.set_reuse_port(true)?;
        if group.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.bind(&group.into())?;
        Ok(socket)
    }

    /// A socket of the family of `addr` that never waits, bound to the interface.
    fn socket(&self, addr: SocketAddr, kind: Type) -> io::Result<Socket> {
        let protocol = match kind == Type::STREAM {
            true => Protocol::TCP,
            false => Protocol::UDP,
        };
        let socket = Socket::new(Domain::for_address(addr), kind, Some(protocol))?;
        socket.set_nonblocking(true)?;
        if let Some(interface) = self.interface() {
            os::bind_to_interface(&socket, interface.name())?;
        }
        Ok(socket)
    }
}

/// Whether an error says that a connection is on its way.
pub(super) fn is_in_progress(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw_os_error);
    error.kind() == io::ErrorKind::WouldBlock || errno == Some(Errno::INPROGRESS)
}

/// Whether binding failed because the machine lacks IPv6 (or IPv4).
pub(crate) fn family_is_missing(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw_os_error);
    error.kind() == io::ErrorKind::AddrNotAvailable
        || matches!(errno, Some(Errno::AFNOSUPPORT | Errno::PROTONOSUPPORT))
}

/// The address that stands for all of a family.
pub(super) fn unspecified(v4: bool) -> IpAddr {
    match v4 {
        true => Ipv4Addr::UNSPECIFIED.into(),
        false => Ipv6Addr::UNSPECIFIED.into(),
    }
}

fn local_addr(socket: &Socket) -> io::Result<SocketAddr> {
    let addr = socket.local_addr()?;
    addr.as_socket()
        .ok_or_else(|| io::Error::other("the socket has no IP address"))
}
