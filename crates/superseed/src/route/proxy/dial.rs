//! The handshake of a stream with a proxy, before anybody else has the stream.
//!
//! Takes no byte that is of the other end. How long it may take is the business
//! of who waits for it.

use std::io::{self, Read, Write};
use std::net::Ipv4Addr;

use mio::net::TcpStream;
use superseed_engine::ConnectError;
use superseed_proto::socks::{self, Refusal, Request, SocksFault, Step, Target};

use super::connect::{self, ConnectFault};
use super::{Proxy, Scheme};

/// Bytes that are looked at once. Answers of SOCKS are shorter.
const LOOK_LEN: usize = 512;

/// Why a stream is not what it was to be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DialError {
    /// The proxy ends the stream without an answer.
    #[error("the proxy closes the connection")]
    Closed,
    /// The stream broke.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// What a SOCKS proxy answers.
    #[error("{0}")]
    Socks(#[from] SocksFault),
    /// What an HTTP proxy answers.
    #[error("{0}")]
    Http(#[from] ConnectFault),
}

impl DialError {
    /// As the engine knows it, whose peer may have no fault.
    pub(crate) fn for_engine(&self) -> ConnectError {
        match self {
            Self::Socks(SocksFault::Refused(refusal)) => match refusal {
                Refusal::ConnectionRefused => ConnectError::Refused,
                Refusal::TimedOut => ConnectError::TimedOut,
                Refusal::NetworkUnreachable | Refusal::HostUnreachable => ConnectError::Unreachable,
                _ => ConnectError::Other,
            },
            Self::Http(ConnectFault::Status(504)) => ConnectError::TimedOut,
            Self::Http(ConnectFault::Status(407))
            | Self::Socks(SocksFault::NoMethod | SocksFault::Password) => ConnectError::LocalLimit,
            Self::Closed | Self::Io(_) | Self::Socks(_) | Self::Http(_) => ConnectError::Other,
        }
    }
}

#[derive(Debug)]
enum Talk {
    Socks(socks::Handshake),
    Http(connect::Handshake),
}

impl Talk {
    fn read(&mut self, input: &mut &[u8]) -> Result<Step, DialError> {
        match self {
            Self::Socks(talk) => Ok(talk.read(input)?),
            Self::Http(talk) => Ok(match talk.read(input)? {
                true => Step::Done(Target::Addr((Ipv4Addr::UNSPECIFIED, 0).into())),
                false => Step::NeedInput,
            }),
        }
    }
}

/// A handshake that is not over.
#[derive(Debug)]
pub(crate) struct Dial {
    talk: Talk,
    /// To be written before anything else happens.
    unsent: Vec<u8>,
}

impl Dial {
    /// Asks for a stream to a target.
    pub(crate) fn stream(proxy: &Proxy, target: Target) -> Self {
        let (talk, unsent) = match proxy.scheme() {
            Scheme::Socks5 => {
                let credentials = proxy.credentials().cloned();
                let (talk, first) = socks::Handshake::new(Request::Connect(target), credentials);
                (Talk::Socks(talk), first)
            }
            Scheme::Http => {
                let (talk, first) = connect::Handshake::new(&target, proxy.credentials());
                (Talk::Http(talk), first)
            }
        };
        Self { talk, unsent }
    }

    /// Asks for datagrams to be passed on, of a proxy of the kind that may do so.
    pub(crate) fn association(proxy: &Proxy) -> Self {
        let credentials = proxy.credentials().cloned();
        let (talk, unsent) = socks::Handshake::new(Request::UdpAssociate, credentials);
        Self {
            talk: Talk::Socks(talk),
            unsent,
        }
    }

    /// Whether the proxy has been heard of. What one of HTTP answers depends on whom
    /// it connects to: that it takes the stream has to do.
    pub(crate) fn is_heard(&self, tcp: &TcpStream) -> bool {
        match &self.talk {
            Talk::Socks(talk) => talk.is_answered(),
            Talk::Http(_) => tcp.peer_addr().is_ok(),
        }
    }

    /// Goes on as far as the stream, which is connected and never waits, has
    /// bytes and takes some. Gives the proxy's end of the stream when it is over,
    /// or what stands for any if it does not tell.
    pub(crate) fn go(&mut self, tcp: &TcpStream) -> Result<Option<Target>, DialError> {
        loop {
            if !self.flush(tcp)? {
                return Ok(None);
            }
            let mut bytes = [0; LOOK_LEN];
            let len = match tcp.peek(&mut bytes) {
                Ok(0) => return Err(DialError::Closed),
                Ok(len) => len,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            let mut rest = &bytes[..len];
            let step = self.talk.read(&mut rest)?;
            let taken = len - rest.len();
            let mut stream = tcp;
            stream.read_exact(&mut bytes[..taken])?;
            match step {
                Step::NeedInput => {}
                Step::Send(bytes) => self.unsent = bytes,
                Step::Done(bound) => return Ok(Some(bound)),
            }
        }
    }

    /// Whether all is written.
    fn flush(&mut self, mut tcp: &TcpStream) -> io::Result<bool> {
        while !self.unsent.is_empty() {
            match tcp.write(&self.unsent) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(len) => drop(self.unsent.drain(..len)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use std::net::{SocketAddr, TcpListener};

    use super::*;

    #[test]
    fn a_proxy_is_heard_of_when_it_says_something_and_not_when_it_is_there() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut there, _) = listener.accept().unwrap();
        stream.set_nonblocking(true).unwrap();
        let stream = TcpStream::from_std(stream);
        let target = Target::Addr(SocketAddr::from(([192, 0, 2, 1], 1)));
        let mut dial = Dial::stream(&Proxy::reached(false, false, None), target);
        assert!(dial.go(&stream).unwrap().is_none());
        assert!(!dial.is_heard(&stream));
        there.write_all(&[5]).unwrap();
        while !dial.is_heard(&stream) {
            assert!(dial.go(&stream).unwrap().is_none());
        }
    }
}
