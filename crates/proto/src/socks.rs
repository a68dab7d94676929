//! SOCKS version 5: the client's side of a proxy's handshake (RFC 1928, 1929),
//! and the datagrams that go by way of it.
//!
//! Turns bytes into steps and back. Whose bytes they are, how long to wait and
//! what goes through the stream once it is open is the caller's.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use thiserror::Error;

const VERSION: u8 = 5;
/// The version of the negotiation by name and password (RFC 1929).
const PASSWORD_VERSION: u8 = 1;
const NO_AUTHENTICATION: u8 = 0;
const PASSWORD: u8 = 2;
const NO_METHOD: u8 = 0xff;
const ADDR_V4: u8 = 1;
const ADDR_NAME: u8 = 3;
const ADDR_V6: u8 = 4;
/// The longest name, user or password: their length is one byte.
pub const TEXT_LEN_MAX: usize = 255;

/// The most bytes that precede the payload of a datagram: with an IPv6 address,
/// which proxies answer with even to a name.
pub const DATAGRAM_HEADER_LEN_MAX: usize = 3 + 1 + TEXT_LEN_MAX + 1 + 2;

/// Where a proxy is to connect to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// An address.
    Addr(SocketAddr),
    /// A name that the proxy looks up, and a port.
    Name(Name, u16),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Addr(addr) => addr.fmt(f),
            Self::Name(name, port) => write!(f, "{}:{port}", name.as_str()),
        }
    }
}

/// A text of 1 to 255 bytes, as SOCKS has names, users and passwords.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Name(String);

impl Name {
    /// `None` if it is empty or too long.
    pub fn new(text: impl Into<String>) -> Option<Self> {
        let text = text.into();
        (1..=TEXT_LEN_MAX)
            .contains(&text.len())
            .then_some(Self(text))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn write(&self, out: &mut Vec<u8>) {
        // Not more than a byte holds, as checked when it was made.
        out.push(self.0.len() as u8);
        out.extend_from_slice(self.0.as_bytes());
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// By what a proxy knows us.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user.
    pub user: Name,
    /// The password.
    pub password: Name,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({:?}, ...)", self.user)
    }
}

/// What a proxy is asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Connect to the target.
    Connect(Target),
    /// Pass datagrams on for as long as the stream is open.
    UdpAssociate,
}

/// Why a proxy does not do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SocksFault {
    /// Something else answers.
    #[error("the proxy does not speak SOCKS 5")]
    NotSocks,
    /// It wants to know us and cannot, or in a way that nobody here knows.
    #[error("the proxy accepts none of our ways to authenticate")]
    NoMethod,
    /// It does not know this user, or not with this password.
    #[error("the proxy refuses our name and password")]
    Password,
    /// It cannot, or may not.
    #[error("{0}")]
    Refused(Refusal),
    /// Its answer has a kind of address that there is not.
    #[error("the proxy answers with an address of unknown kind {0}")]
    AddressKind(u8),
}

/// What a proxy answers instead of success (RFC 1928, section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// 1.
    #[error("the proxy failed")]
    Failure,
    /// 2.
    #[error("the proxy's rules forbid it")]
    Forbidden,
    /// 3.
    #[error("the network is unreachable from the proxy")]
    NetworkUnreachable,
    /// 4.
    #[error("the host is unreachable from the proxy")]
    HostUnreachable,
    /// 5.
    #[error("the connection by the proxy was refused")]
    ConnectionRefused,
    /// 6.
    #[error("the connection by the proxy timed out")]
    TimedOut,
    /// 7.
    #[error("the proxy does not support this")]
    Command,
    /// 8.
    #[error("the proxy does not support this kind of address")]
    Address,
    /// Any other.
    #[error("the proxy refuses with code {0}")]
    Other(u8),
}

impl Refusal {
    fn of(code: u8) -> Self {
        match code {
            1 => Self::Failure,
            2 => Self::Forbidden,
            3 => Self::NetworkUnreachable,
            4 => Self::HostUnreachable,
            5 => Self::ConnectionRefused,
            6 => Self::TimedOut,
            7 => Self::Command,
            8 => Self::Address,
            code => Self::Other(code),
        }
    }
}

/// What follows from the bytes of a proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// More must be read.
    NeedInput,
    /// These are to be written.
    Send(Vec<u8>),
    /// The proxy does what it was asked. The target is the address that it
    /// connected from, or that takes our datagrams; what follows in the stream
    /// is of the other end.
    Done(Target),
}

#[derive(Debug)]
enum State {
    Method,
    Password,
    Reply,
    Over,
}

/// The handshake of one stream with a proxy.
///
/// ```text
/// new ──▶ Method ──▶ Reply ──▶ Done
///            └──▶ Password ──┘
/// ```
#[derive(Debug)]
pub struct Handshake {
    state: State,
    request: Request,
    credentials: Option<Credentials>,
    /// The part of an answer that has come.
    input: Vec<u8>,
}

impl Handshake {
    /// Asks for `request`. The bytes are to be written first.
    pub fn new(request: Request, credentials: Option<Credentials>) -> (Self, Vec<u8>) {
        let first = match credentials {
            None => vec![VERSION, 1, NO_AUTHENTICATION],
            Some(_) => vec![VERSION, 2, NO_AUTHENTICATION, PASSWORD],
        };
        let handshake = Self {
            state: State::Method,
            request,
            credentials,
            input: Vec::new(),
        };
        (handshake, first)
    }

    /// Whether the proxy knows us as well as it wants to, so that it was asked for
    /// what we want.
    pub fn is_asked(&self) -> bool {
        matches!(self.state, State::Reply | State::Over)
    }

    /// Whether the proxy has said anything.
    pub fn is_answered(&self) -> bool {
        !self.input.is_empty() || !matches!(self.state, State::Method)
    }

    /// Reads on, and takes no byte that is behind the handshake.
    ///
    /// # Errors
    /// If the proxy does not do what it was asked; the stream is of no use then.
    pub fn read(&mut self, input: &mut &[u8]) -> Result<Step, SocksFault> {
        loop {
            if self.input.len() < self.wanted() {
                let Some((byte, rest)) = input.split_first() else {
                    return Ok(Step::NeedInput);
                };
                *input = rest;
                self.input.push(*byte);
                // What is no SOCKS is told at its first byte: it may be silent
                // after it.
                self.check_version()?;
                continue;
            }
            let answer = std::mem::take(&mut self.input);
            return match self.state {
                State::Method => self.chosen(answer[1]),
                State::Password if answer[1] == 0 => Ok(self.ask()),
                State::Password => Err(SocksFault::Password),
                State::Reply => {
                    self.state = State::Over;
                    let (bound, _) = read_target(&answer[3..])?.ok_or(SocksFault::NotSocks)?;
                    Ok(Step::Done(bound))
                }
                State::Over => Ok(Step::NeedInput),
            };
        }
    }

    /// How long the present answer is, as far as what has come of it tells.
    fn wanted(&self) -> usize {
        match self.state {
            State::Method | State::Password => 2,
            State::Reply => match self.input.get(3..) {
                None => 4,
                Some(target) => 3 + target_len(target),
            },
            // Nothing is taken any more.
            State::Over => 0,
        }
    }

    fn check_version(&self) -> Result<(), SocksFault> {
        let expected = match self.state {
            State::Password => PASSWORD_VERSION,
            _ => VERSION,
        };
        match self.input[..] {
            [version, ..] if version != expected => Err(SocksFault::NotSocks),
            [_, code] if matches!(self.state, State::Reply) && code != 0 => {
                Err(SocksFault::Refused(Refusal::of(code)))
            }
            [_, _, _, kind] if !matches!(kind, ADDR_V4 | ADDR_NAME | ADDR_V6) => {
                Err(SocksFault::AddressKind(kind))
            }
            _ => Ok(()),
        }
    }

    fn chosen(&mut self, method: u8) -> Result<Step, SocksFault> {
        match (method, &self.credentials) {
            (NO_AUTHENTICATION, _) => Ok(self.ask()),
            (PASSWORD, Some(credentials)) => {
                let mut bytes = vec![PASSWORD_VERSION];
                credentials.user.write(&mut bytes);
                credentials.password.write(&mut bytes);
                self.state = State::Password;
                Ok(Step::Send(bytes))
            }
            (NO_METHOD | PASSWORD, _) => Err(SocksFault::NoMethod),
            _ => Err(SocksFault::NoMethod),
        }
    }

    fn ask(&mut self) -> Step {
        self.state = State::Reply;
        let mut bytes = vec![VERSION];
        match &self.request {
            Request::Connect(target) => {
                bytes.extend_from_slice(&[1, 0]);
                write_target(target, &mut bytes);
            }
            // From where our datagrams come is not known yet (RFC 1928, 4).
            Request::UdpAssociate => {
                bytes.extend_from_slice(&[3, 0]);
                let unknown = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
                write_target(&Target::Addr(unknown), &mut bytes);
            }
        }
        Step::Send(bytes)
    }
}

/// A datagram as the proxy takes it.
pub fn wrap(to: &Target, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(DATAGRAM_HEADER_LEN_MAX + payload.len());
    bytes.extend_from_slice(&[0, 0, 0]);
    write_target(to, &mut bytes);
    bytes.extend_from_slice(payload);
    bytes
}

/// Who sent a datagram that the proxy passes on, and what. `None` if it is
/// none, or a fragment: nobody sends those.
pub fn unwrap(datagram: &[u8]) -> Option<(Target, &[u8])> {
    let rest = datagram.strip_prefix(&[0, 0, 0])?;
    let (from, len) = read_target(rest).ok()??;
    Some((from, &rest[len..]))
}

fn write_target(target: &Target, out: &mut Vec<u8>) {
    let port = match target {
        Target::Addr(addr) => {
            match addr.ip() {
                IpAddr::V4(ip) => {
                    out.push(ADDR_V4);
                    out.extend_from_slice(&ip.octets());
                }
                IpAddr::V6(ip) => {
                    out.push(ADDR_V6);
                    out.extend_from_slice(&ip.octets());
                }
            }
            addr.port()
        }
        Target::Name(name, port) => {
            out.push(ADDR_NAME);
            name.write(out);
            *port
        }
    };
    out.extend_from_slice(&port.to_be_bytes());
}

/// The length of a target, as far as its first two bytes tell.
fn target_len(bytes: &[u8]) -> usize {
    match *bytes {
        [ADDR_V4, ..] => 1 + 4 + 2,
        [ADDR_V6, ..] => 1 + 16 + 2,
        [ADDR_NAME, len, ..] => 2 + usize::from(len) + 2,
        [ADDR_NAME] => 2,
        _ => 1,
    }
}

/// A target and its length; `None` if it is not whole.
fn read_target(bytes: &[u8]) -> Result<Option<(Target, usize)>, SocksFault> {
    let len = target_len(bytes);
    let Some(whole) = bytes.get(..len) else {
        return Ok(None);
    };
    let Some((rest, port)) = whole.split_last_chunk() else {
        return Ok(None);
    };
    let port = u16::from_be_bytes(*port);
    let target = match *rest {
        [ADDR_V4, a, b, c, d] => Target::Addr((Ipv4Addr::new(a, b, c, d), port).into()),
        [ADDR_V6, ref ip @ ..] => {
            let Ok(octets) = <[u8; 16]>::try_from(ip) else {
                return Ok(None);
            };
            Target::Addr((Ipv6Addr::from(octets), port).into())
        }
        // The address that the proxy has here is told to nobody: an empty name,
        // or one in another encoding, does no harm.
        [ADDR_NAME, _, ref name @ ..] => {
            let name = String::from_utf8_lossy(name);
            match Name::new(name) {
                Some(name) => Target::Name(name, port),
                None => Target::Addr((Ipv4Addr::UNSPECIFIED, port).into()),
            }
        }
        [kind, ..] => return Err(SocksFault::AddressKind(kind)),
        [] => return Ok(None),
    };
    Ok(Some((target, len)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn addr(text: &str) -> Target {
        Target::Addr(text.parse().unwrap())
    }

    fn name(text: &str, port: u16) -> Target {
        Target::Name(Name::new(text).unwrap(), port)
    }

    fn credentials() -> Credentials {
        Credentials {
            user: Name::new("me").unwrap(),
            password: Name::new("secret").unwrap(),
        }
    }

    fn connect(target: Target) -> Handshake {
        Handshake::new(Request::Connect(target), None).0
    }

    #[test]
    fn a_connection_is_asked_for_with_the_bytes_of_rfc_1928() {
        for (target, expected) in [
            (
                addr("1.2.3.4:80"),
                &b"\x05\x01\x00\x01\x01\x02\x03\x04\x00\x50"[..],
            ),
            (
                addr("[2001:db8::1]:258"),
                b"\x05\x01\x00\x04\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x01\x02",
            ),
            (
                name("a.example", 443),
                b"\x05\x01\x00\x03\x09a.example\x01\xbb",
            ),
        ] {
            let (mut handshake, first) = Handshake::new(Request::Connect(target), None);
            assert_eq!(first, [5, 1, 0]);
            let sent = handshake.read(&mut &[5, 0][..]);
            assert_eq!(sent, Ok(Step::Send(expected.to_vec())));
            let mut reply = &b"\x05\x00\x00\x01\x09\x08\x07\x06\x12\x34rest"[..];
            let done = handshake.read(&mut reply);
            assert_eq!(done, Ok(Step::Done(addr("9.8.7.6:4660"))));
            assert_eq!(reply, b"rest");
            assert_eq!(handshake.read(&mut reply), Ok(Step::NeedInput));
            assert_eq!(reply, b"rest");
        }
    }

    #[test]
    fn name_and_password_have_the_bytes_of_rfc_1929() {
        let request = Request::UdpAssociate;
        let (mut handshake, first) = Handshake::new(request, Some(credentials()));
        assert_eq!(first, [5, 2, 0, 2]);
        let sent = handshake.read(&mut &[5, 2][..]);
        assert_eq!(sent, Ok(Step::Send(b"\x01\x02me\x06secret".to_vec())));
        let sent = handshake.read(&mut &[1, 0][..]);
        assert_eq!(
            sent,
            Ok(Step::Send(b"\x05\x03\x00\x01\0\0\0\0\0\0".to_vec()))
        );
        let mut reply = &b"\x05\x00\x00\x03\x05p.xyz\x00\x07"[..];
        assert_eq!(handshake.read(&mut reply), Ok(Step::Done(name("p.xyz", 7))));
    }

    #[test]
    fn whatever_goes_wrong_has_a_name_of_its_own() {
        let target = || addr("1.2.3.4:80");
        let fault = |answers: &[u8], credentials: Option<Credentials>| {
            let (mut handshake, _) = Handshake::new(Request::Connect(target()), credentials);
            let mut answers = answers;
            loop {
                match handshake.read(&mut answers) {
                    Ok(Step::Send(_)) => {}
                    Ok(other) => panic!("{other:?}"),
                    Err(fault) => return fault,
                }
            }
        };
        assert_eq!(fault(b"H", None), SocksFault::NotSocks);
        assert_eq!(fault(&[4, 0], None), SocksFault::NotSocks);
        assert_eq!(fault(&[5, 0xff], None), SocksFault::NoMethod);
        assert_eq!(fault(&[5, 2], None), SocksFault::NoMethod);
        assert_eq!(fault(&[5, 1], Some(credentials())), SocksFault::NoMethod);
        assert_eq!(
            fault(&[5, 2, 1, 1], Some(credentials())),
            SocksFault::Password
        );
        assert_eq!(
            fault(&[5, 2, 5, 0], Some(credentials())),
            SocksFault::NotSocks
        );
        for (code, refusal) in [
            (1, Refusal::Failure),
            (2, Refusal::Forbidden),
            (3, Refusal::NetworkUnreachable),
            (4, Refusal::HostUnreachable),
            (5, Refusal::ConnectionRefused),
            (6, Refusal::TimedOut),
            (7, Refusal::Command),
            (8, Refusal::Address),
            (9, Refusal::Other(9)),
        ] {
            // Some proxies send nothing behind the code.
            let expected = SocksFault::Refused(refusal);
            assert_eq!(fault(&[5, 0, 5, code], None), expected);
        }
        assert_eq!(fault(&[5, 0, 5, 0, 0, 2], None), SocksFault::AddressKind(2));
    }

    #[test]
    fn a_handshake_in_single_bytes_is_understood() {
        let mut handshake = connect(name("a.example", 443));
        let answers = b"\x05\x00\x05\x00\x00\x04\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x01\x02";
        let mut steps = Vec::new();
        for byte in answers {
            match handshake.read(&mut &[*byte][..]).unwrap() {
                Step::NeedInput => {}
                step => steps.push(step),
            }
        }
        assert!(matches!(steps[0], Step::Send(_)));
        assert_eq!(steps[1], Step::Done(addr("[2001:db8::1]:258")));
    }

    #[test]
    fn texts_have_1_to_255_bytes() {
        assert!(Name::new("").is_none());
        assert!(Name::new("x".repeat(255)).is_some());
        assert!(Name::new("x".repeat(256)).is_none());
    }

    #[test]
    fn fragments_and_torn_datagrams_are_none() {
        for bytes in [
            &b""[..],
            b"\0\0",
            b"\0\0\x01\x01\x01\x02\x03\x04\0\x50x",
            b"\0\0\0",
            b"\0\0\0\x01\x01\x02\x03\x04\0",
            b"\0\0\0\x03",
            b"\0\0\0\x03\x09a.ex",
            b"\0\0\0\x07\x01\x02\x03\x04\0\x50",
        ] {
            assert_eq!(unwrap(bytes), None, "{bytes:?}");
        }
    }

    fn any_target() -> impl Strategy<Value = Target> {
        let ip = prop_oneof![
            any::<u32>().prop_map(|bits| IpAddr::V4(bits.into())),
            any::<u128>().prop_map(|bits| IpAddr::V6(bits.into())),
        ];
        prop_oneof![
            (ip, any::<u16>()).prop_map(|(ip, port)| Target::Addr((ip, port).into())),
            ("[a-z.]{1,255}", any::<u16>()).prop_map(|(text, port)| name(&text, port)),
        ]
    }

    proptest! {
        #[test]
        fn what_is_wrapped_is_unwrapped(to in any_target(), payload: Vec<u8>) {
            let bytes = wrap(&to, &payload);
            prop_assert!(bytes.len() <= DATAGRAM_HEADER_LEN_MAX + payload.len());
            prop_assert_eq!(unwrap(&bytes), Some((to, &payload[..])));
        }
    }
}
