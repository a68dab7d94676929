//! The client's side of `CONNECT` (RFC 9110, section 9.3.6), as bytes.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use superseed_proto::socks::{Credentials, Target};

/// The longest head of an answer that is read, in bytes.
const HEAD_LEN_MAX: usize = 8_192;
/// What an answer begins with, before its minor version and status.
const VERSION: &[u8] = b"HTTP/1.";
const STATUS_AT: usize = VERSION.len() + 2;

/// Why a proxy does not connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ConnectFault {
    /// Something else answers.
    #[error("the proxy does not speak HTTP")]
    NotHttp,
    /// The head of its answer has no end.
    #[error("the proxy's answer is too long")]
    TooLong,
    /// It cannot, or may not.
    #[error("the proxy answers with HTTP status {0}")]
    Status(u16),
}

/// The handshake of one stream.
#[derive(Debug, Default)]
pub(super) struct Handshake {
    /// The head of the answer, as far as it has come.
    head: Vec<u8>,
}

impl Handshake {
    /// Asks for a target. The bytes are to be written first.
    pub(super) fn new(target: &Target, credentials: Option<&Credentials>) -> (Self, Vec<u8>) {
        let mut request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n");
        if let Some(Credentials { user, password }) = credentials {
            let both = format!("{}:{}", user.as_str(), password.as_str());
            let both = BASE64_STANDARD.encode(both);
            request += &format!("Proxy-Authorization: Basic {both}\r\n");
        }
        request += "\r\n";
        (Self::default(), request.into_bytes())
    }

    /// Reads on, and takes no byte that is behind the head. Whether the stream
    /// is up.
    pub(super) fn read(&mut self, input: &mut &[u8]) -> Result<bool, ConnectFault> {
        while let Some((byte, rest)) = input.split_first() {
            *input = rest;
            self.head.push(*byte);
            let seen = self.head.len().min(VERSION.len());
            if self.head[..seen] != VERSION[..seen] {
                return Err(ConnectFault::NotHttp);
            }
            if self.head.ends_with(b"\r\n\r\n") || self.head.ends_with(b"\n\n") {
                return self.judge().map(|()| true);
            }
            if self.head.len() >= HEAD_LEN_MAX {
                return Err(ConnectFault::TooLong);
            }
        }
        Ok(false)
    }

    fn judge(&self) -> Result<(), ConnectFault> {
        let status = self.head.get(STATUS_AT..STATUS_AT + 3);
        let status = status.and_then(|digits| std::str::from_utf8(digits).ok());
        match status.and_then(|digits| digits.parse().ok()) {
            Some(200..=299) => Ok(()),
            Some(status) => Err(ConnectFault::Status(status)),
            None => Err(ConnectFault::NotHttp),
        }
    }
}

#[cfg(test)]
mod tests {
    use superseed_proto::socks::Name;

    use super::*;

    fn addr(text: &str) -> Target {
        Target::Addr(text.parse().unwrap())
    }

    fn answered(answer: &[u8]) -> (Result<bool, ConnectFault>, Vec<u8>) {
        let (mut handshake, _) = Handshake::new(&addr("192.0.2.1:7"), None);
        let mut rest = answer;
        (handshake.read(&mut rest), rest.to_vec())
    }

    #[test]
    fn a_connection_is_asked_for_by_address_or_name() {
        let (_, request) = Handshake::new(&addr("[2001:db8::1]:7"), None);
        let expected = "CONNECT [2001:db8::1]:7 HTTP/1.1\r\nHost: [2001:db8::1]:7\r\n\r\n";
        assert_eq!(request, expected.as_bytes());
        let text = |text| Name::new(text).unwrap();
        let known = Credentials {
            user: text("Aladdin"),
            password: text("open sesame"),
        };
        let (_, request) = Handshake::new(&Target::Name(text("a.example"), 443), Some(&known));
        let expected = "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\
                        Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n";
        assert_eq!(request, expected.as_bytes());
    }

    #[test]
    fn what_follows_the_head_is_of_the_other_end() {
        let answer = b"HTTP/1.0 200 Connection established\r\nX: y\r\n\r\nrest";
        assert_eq!(answered(answer), (Ok(true), b"rest".to_vec()));
        assert_eq!(
            answered(b"HTTP/1.1 204 \n\nrest"),
            (Ok(true), b"rest".to_vec())
        );
        assert_eq!(answered(b"HTTP/1.1 200 OK\r\n").0, Ok(false));
    }

    #[test]
    fn whatever_is_no_success_is_a_fault() {
        let fault = |answer: &[u8]| answered(answer).0.unwrap_err();
        let status = ConnectFault::Status;
        assert_eq!(fault(b"HTTP/1.1 407 Who?\r\n\r\n"), status(407));
        assert_eq!(fault(b"HTTP/1.1 100 Go on\r\n\r\n"), status(100));
        assert_eq!(fault(b"HTTP/1.1 OK\r\n\r\n"), ConnectFault::NotHttp);
        assert_eq!(fault(b"HTTP/1.\n\n"), ConnectFault::NotHttp);
        assert_eq!(fault(b"\x05"), ConnectFault::NotHttp);
        let endless = [&b"HTTP/1.1 200 OK\r\n"[..], &[b'x'; HEAD_LEN_MAX]].concat();
        assert_eq!(fault(&endless), ConnectFault::TooLong);
    }

    #[test]
    fn an_answer_in_single_bytes_is_understood() {
        let (mut handshake, _) = Handshake::new(&addr("192.0.2.1:7"), None);
        let answer = b"HTTP/1.1 200 OK\r\n\r\n";
        let (last, before) = answer.split_last().unwrap();
        for byte in before {
            assert_eq!(handshake.read(&mut &[*byte][..]), Ok(false));
        }
        assert_eq!(handshake.read(&mut &[*last][..]), Ok(true));
    }
}
