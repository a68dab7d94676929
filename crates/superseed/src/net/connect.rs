//! Outgoing connections: made without waiting, from the right address, and
//! their failures in the engine's words.

use std::io;
use std::net::SocketAddr;

use mio::net::TcpStream;
use rustix::io::Errno;
use superseed_engine::ConnectError;

use super::streams::Stream;
use crate::route::{Dial, Proxy, Route};

/// Begins to connect. `from` is a specific address to leave from.
///
/// Whether it worked is known when the stream becomes writable: [`outcome`].
pub(super) fn begin(
    route: &Route,
    remote: SocketAddr,
    from: Option<SocketAddr>,
) -> Result<TcpStream, ConnectError> {
    route
        .connect(remote, from)
        .map(|socket| TcpStream::from_std(socket.into()))
        .map_err(|error| classify(&error))
}

/// The address to bind to before connecting to `remote`: the listener's, if it
/// is a specific one of the same family.
pub(super) fn source(listener: SocketAddr, remote: SocketAddr) -> Option<SocketAddr> {
    let fits = listener.is_ipv4() == remote.is_ipv4() && !listener.ip().is_unspecified();
    fits.then_some(listener)
}

/// Begins to connect to a proxy that is to connect to `remote`.
///
/// A proxy that is gone is not the peer's fault.
pub(super) fn begin_by_proxy(
    route: &Route,
    proxy: &Proxy,
    remote: SocketAddr,
) -> Result<(TcpStream, Option<Box<Dial>>), ConnectError> {
    let target = proxy.target(remote).ok_or(ConnectError::Unreachable)?;
    let socket = route
        .connect(proxy.addr(), None)
        .map_err(|_| ConnectError::LocalLimit)?;
    let dial = Dial::stream(proxy, target);
    Ok((TcpStream::from_std(socket.into()), Some(Box::new(dial))))
}

/// How a stream that was begun gets on, be it with the proxy that is to make it;
/// `None` while its outcome is unknown.
pub(super) fn progress(stream: &mut Stream) -> Option<Result<(), ConnectError>> {
    let reached = outcome(&stream.tcp)?;
    let Some(dial) = &mut stream.dial else {
        return Some(reached);
    };
    if reached.is_err() {
        return Some(Err(ConnectError::LocalLimit));
    }
    match dial.go(&stream.tcp) {
        Ok(None) => None,
        Ok(Some(_)) => Some(Ok(())),
        Err(error) => {
            tracing::debug!(%error, "a stream by the proxy failed");
            Some(Err(error.for_engine()))
        }
    }
}

/// What came of a connection that was begun; `None` while that is unknown.
pub(super) fn outcome(stream: &TcpStream) -> Option<Result<(), ConnectError>> {
    if let Ok(Some(error)) | Err(error) = stream.take_error() {
        return Some(Err(classify(&error)));
    }
    match stream.peer_addr() {
        Ok(_) => Some(Ok(())),
        Err(error) if error.kind() == io::ErrorKind::NotConnected || is_in_progress(&error) => None,
        Err(error) => Some(Err(classify(&error))),
    }
}

/// Whether the process or the machine has no descriptor or memory left.
pub(super) fn is_local_limit(error: &io::Error) -> bool {
    matches!(
        errno(error),
        Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM)
    )
}

fn errno(error: &io::Error) -> Option<Errno> {
    error.raw_os_error().map(Errno::from_raw_os_error)
}

fn is_in_progress(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock || errno(error) == Some(Errno::INPROGRESS)
}

fn classify(error: &io::Error) -> ConnectError {
    if is_local_limit(error) {
        return ConnectError::LocalLimit;
    }
    match errno(error) {
        // The interface that the session is bound to is gone.
        Some(Errno::NODEV) => ConnectError::Unreachable,
        // EADDRNOTAVAIL of a connect: no local port is left.
        Some(Errno::ADDRNOTAVAIL | Errno::ADDRINUSE | Errno::AGAIN) => ConnectError::LocalLimit,
        Some(Errno::CONNREFUSED | Errno::CONNRESET) => ConnectError::Refused,
        Some(Errno::TIMEDOUT) => ConnectError::TimedOut,
        Some(Errno::NETUNREACH | Errno::HOSTUNREACH | Errno::NETDOWN | Errno::HOSTDOWN) => {
            ConnectError::Unreachable
        }
        Some(Errno::AFNOSUPPORT) => ConnectError::Unreachable,
        _ => ConnectError::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_is_told_why_a_connection_failed() {
        let of = |errno: Errno| classify(&io::Error::from_raw_os_error(errno.raw_os_error()));
        assert_eq!(of(Errno::CONNREFUSED), ConnectError::Refused);
        assert_eq!(of(Errno::HOSTUNREACH), ConnectError::Unreachable);
        assert_eq!(of(Errno::MFILE), ConnectError::LocalLimit);
        assert_eq!(of(Errno::TIMEDOUT), ConnectError::TimedOut);
        assert_eq!(of(Errno::PERM), ConnectError::Other);
    }

    #[test]
    fn only_a_specific_listener_of_the_family_is_left_from() {
        let addr = |text: &str| text.parse::<SocketAddr>().unwrap();
        let remote = addr("192.0.2.1:6881");
        assert_eq!(source(addr("10.0.0.2:7"), remote), Some(addr("10.0.0.2:7")));
        assert_eq!(source(addr("0.0.0.0:7"), remote), None);
        assert_eq!(source(addr("[::1]:7"), remote), None);
    }
}
