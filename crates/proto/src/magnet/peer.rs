//! Peers that a magnet link names (`x.pe`, BEP 9).

use core::net::{Ipv6Addr, SocketAddr};
use std::fmt;

/// The longest name of a host, in bytes (RFC 1035, section 2.3.4).
const HOST_LEN_MAX: usize = 253;

/// A peer: `127.0.0.1:6881`, `[::1]:6881` or `host.example:6881`. The port is
/// never 0.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MagnetPeer {
    /// An address, which has no scope.
    Ip(SocketAddr),
    /// A host that must be looked up first.
    Host {
        /// Its name: letters in lower case, digits, `-`, `_` and `.`.
        name: String,
        /// The port.
        port: u16,
    },
}

impl MagnetPeer {
    /// Reads a peer. `None` if it is none that could be connected to.
    pub fn parse(text: &str) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        // "+1" would be a number to the standard library.
        let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
        let port = port.parse().ok().filter(|port| is_number && *port != 0)?;
        if let Some(v6) = host.strip_prefix('[') {
            let ip: Ipv6Addr = v6.strip_suffix(']')?.parse().ok()?;
            return Some(Self::Ip(SocketAddr::from((ip, port))));
        }
        if let Ok(ip) = host.parse::<core::net::Ipv4Addr>() {
            return Some(Self::Ip(SocketAddr::from((ip, port))));
        }
        is_host(host).then(|| Self::Host {
            name: host.to_ascii_lowercase(),
            port,
        })
    }
}

/// Whether a name can be looked up. What ends in a number would be an address
/// in some old notation (`1.2`, `0x7f.1`) if anything.
fn is_host(name: &str) -> bool {
    let labels = name.strip_suffix('.').unwrap_or(name);
    let last = labels.rsplit('.').next().unwrap_or_default();
    name.len() <= HOST_LEN_MAX
        && !last.starts_with(|c: char| c.is_ascii_digit())
        && labels.split('.').all(|label| {
            !label.is_empty()
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        })
}

impl fmt::Display for MagnetPeer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(addr) => write!(f, "{addr}"),
            Self::Host { name, port } => write!(f, "{name}:{port}"),
        }
    }
}
