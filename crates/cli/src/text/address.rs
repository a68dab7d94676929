//! Addresses as the user writes them.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

/// Where to listen: an address with a port, or a port of every address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listen {
    /// One address.
    Addr(SocketAddr),
    /// This port on IPv4 and IPv6.
    Port(u16),
}

impl Listen {
    /// The addresses that are meant.
    pub(crate) fn addrs(self) -> Vec<SocketAddr> {
        match self {
            Self::Addr(addr) => vec![addr],
            Self::Port(port) => vec![
                (Ipv4Addr::UNSPECIFIED, port).into(),
                (Ipv6Addr::UNSPECIFIED, port).into(),
            ],
        }
    }
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(port) = text.strip_prefix(':').unwrap_or(text).parse() {
            return Ok(Self::Port(port));
        }
        text.parse().map(Self::Addr).map_err(|_| {
            format!("{text:?} is not an address and port such as 10.0.0.1:6881, [::1]:6881 or 6881")
        })
    }
}

/// A host and a port; the host is a name or an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HostPort {
    /// The name or address, without brackets.
    pub(crate) host: String,
    /// The port, never 0.
    pub(crate) port: u16,
}

impl FromStr for HostPort {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not a host and port such as host.example:6881");
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let bare = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        let host = match bare {
            Some(bare) if bare.parse::<Ipv6Addr>().is_ok() => bare,
            None if !host.contains([':', '[', ']', '/', ' ']) => host,
            _ => return Err(wrong()),
        };
        match port.parse() {
            Ok(port) if port > 0 && !host.is_empty() => Ok(Self {
                host: host.to_owned(),
                port,
            }),
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// Another path for a file of a torrent (`-O 3=films/third.mkv`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IndexPath {
    /// The file's number, counted from 1.
    pub(crate) number: u32,
    /// Where it goes, relative to the download directory.
    pub(crate) path: PathBuf,
}

impl FromStr for IndexPath {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((number, path)) if !path.is_empty() => match number.trim().parse() {
                Ok(number) if number > 0 => Ok(Self {
                    number,
                    path: PathBuf::from(path),
                }),
                _ => Err(format!(
                    "{text:?} does not begin with the number of a file, as 3=name does"
                )),
            },
            _ => Err(format!(
                "{text:?} is not a number and a path such as 3=name"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listen_address_may_be_a_port_alone() {
        assert_eq!("6881".parse(), Ok(Listen::Port(6881)));
        assert_eq!(":6881".parse(), Ok(Listen::Port(6881)));
        let addr = "[::1]:7002".parse().unwrap();
        assert_eq!("[::1]:7002".parse(), Ok(Listen::Addr(addr)));
        assert_eq!(Listen::Port(1).addrs().len(), 2);
        for text in ["", "10.0.0.1", "host:1", "70000", "::1:1x"] {
            assert!(text.parse::<Listen>().is_err(), "{text}");
        }
    }

    #[test]
    fn hosts_are_names_or_addresses() {
        for (text, host, port) in [
            ("a.example:1", "a.example", 1),
            ("10.0.0.1:6881", "10.0.0.1", 6881),
            ("[::1]:80", "::1", 80),
        ] {
            let parsed: HostPort = text.parse().unwrap();
            assert_eq!((parsed.host.as_str(), parsed.port), (host, port));
            assert_eq!(parsed.to_string(), text);
        }
        for text in [
            "",
            "host",
            "host:",
            ":1",
            "host:0",
            "::1:80",
            "[x]:1",
            "http://a:1",
        ] {
            assert!(text.parse::<HostPort>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_file_is_renamed_by_its_number() {
        let parsed: IndexPath = "3=a=b/c".parse().unwrap();
        assert_eq!((parsed.number, parsed.path), (3, PathBuf::from("a=b/c")));
        for text in ["", "3", "3=", "0=a", "x=a", "=a"] {
            assert!(text.parse::<IndexPath>().is_err(), "{text}");
        }
    }
}
