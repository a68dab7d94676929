//! Names of nodes to begin with: where they are, and which of them are only
//! asked and never kept.

use core::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::limits::DHT_ROUTERS_MAX;
use crate::time::Time;

/// Whom to ask first where nobody else is named, by name and port.
pub const ROUTERS: &[(&str, u16)] = &[
    ("dht.libtorrent.org", 25401),
    ("router.bittorrent.com", 6881),
    ("dht.transmissionbt.com", 6881),
    ("router.utorrent.com", 6881),
];

/// How long the addresses of a name are believed.
const KNOWN_FOR: Duration = Duration::from_secs(30 * 60);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Looked {
    /// Nobody asked.
    Never,
    /// The answer is awaited.
    Asked,
    /// It came.
    At(Time),
}

/// A name that is known.
#[derive(Debug)]
struct Named {
    host: String,
    port: u16,
    /// It is a router, and not a node that a torrent names.
    is_router: bool,
    looked: Looked,
    addrs: Vec<SocketAddr>,
}

/// All names.
#[derive(Debug, Default)]
pub(super) struct Routers {
    names: Vec<Named>,
}

impl Routers {
    /// These are the routers from now on.
    pub(super) fn set<'a>(&mut self, routers: impl Iterator<Item = (&'a str, u16)>) {
        self.names.retain(|named| !named.is_router);
        for (host, port) in routers {
            self.add(host, port, true);
        }
    }

    /// Notes a node that a torrent names, by a name that is to be looked up.
    pub(super) fn add_node(&mut self, host: &str, port: u16) {
        self.add(host, port, false);
    }

    fn add(&mut self, host: &str, port: u16, is_router: bool) {
        let known = |named: &Named| named.host == host && named.port == port;
        if self.names.len() >= DHT_ROUTERS_MAX || self.names.iter().any(known) {
            return;
        }
        let bare = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        let literal: Option<IpAddr> = bare.unwrap_or(host).parse().ok();
        let addr = literal.map(|ip| SocketAddr::new(ip.to_canonical(), port));
        self.names.push(Named {
            host: host.to_owned(),
            port,
            is_router,
            looked: match addr {
                Some(_) => Looked::At(Time::NEVER),
                None => Looked::Never,
            },
            addrs: addr.into_iter().collect(),
        });
    }

    /// Where routers are, as far as it is known.
    pub(super) fn addrs(&self) -> impl Iterator<Item = SocketAddr> {
        let routers = self.names.iter().filter(|named| named.is_router);
        routers.flat_map(|named| named.addrs.iter().copied())
    }

    /// Whether an address is a router's.
    pub(super) fn is_router(&self, addr: SocketAddr) -> bool {
        self.addrs().any(|router| router == addr)
    }

    /// Names that are to be looked up: of routers if we need some, of nodes once.
    pub(super) fn take_due(&mut self, needs_routers: bool, now: Time) -> Vec<(String, u16)> {
        let mut wanted = Vec::new();
        for named in &mut self.names {
            let is_due = match named.looked {
                Looked::Never => !named.is_router || needs_routers,
                Looked::Asked => false,
                Looked::At(at) => {
                    let is_old = named.addrs.is_empty() || now.since(at) > KNOWN_FOR;
                    named.is_router && needs_routers && at <= now && is_old
                }
            };
            if is_due {
                named.looked = Looked::Asked;
                wanted.push((named.host.clone(), named.port));
            }
        }
        wanted
    }

    /// A name was looked up. Says whether it is a router's, if anybody asked.
    pub(super) fn resolved(
        &mut self,
        host: &str,
        port: u16,
        addrs: &[IpAddr],
        now: Time,
    ) -> Option<bool> {
        let asked = |named: &Named| named.host == host && named.port == port;
        let at = self.names.iter().position(asked)?;
        let named = &mut self.names[at];
        named.looked = Looked::At(now);
        if !addrs.is_empty() || !named.is_router {
            let addrs = addrs.iter().take(DHT_ROUTERS_MAX);
            named.addrs = addrs
                .map(|ip| SocketAddr::new(ip.to_canonical(), port))
                .collect();
        }
        let is_router = named.is_router;
        if !is_router {
            self.names.remove(at);
        }
        Some(is_router)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_looked_up_when_they_are_needed_and_literals_never() {
        let at = |s| Time::START + Duration::from_secs(s);
        let mut routers = Routers::default();
        routers.set([("a.example", 1), ("10.0.0.1", 2), ("[2a02::1]", 3)].into_iter());
        assert_eq!(routers.addrs().count(), 2);
        assert!(routers.is_router("[2a02::1]:3".parse().unwrap()));
        assert!(routers.take_due(false, at(0)).is_empty());
        assert_eq!(routers.take_due(true, at(0)), [("a.example".to_owned(), 1)]);
        assert!(routers.take_due(true, at(1)).is_empty());
        let ip = "93.1.1.1".parse().unwrap();
        assert_eq!(routers.resolved("a.example", 1, &[ip], at(2)), Some(true));
        assert_eq!(routers.addrs().count(), 3);
        assert!(routers.take_due(true, at(60)).is_empty());
        assert_eq!(routers.take_due(true, at(3_600)).len(), 1);
        // It is gone for the moment; where it was will do.
        assert_eq!(routers.resolved("a.example", 1, &[], at(3_601)), Some(true));
        assert_eq!(routers.addrs().count(), 3);
    }

    #[test]
    fn the_nodes_of_a_torrent_are_looked_up_once_and_forgotten() {
        let mut routers = Routers::default();
        for at in 0..100 {
            routers.add_node(&format!("{at}.example"), 1);
        }
        let names = routers.take_due(false, Time::START);
        assert_eq!(names.len(), DHT_ROUTERS_MAX);
        assert_eq!(
            routers.resolved("0.example", 1, &[], Time::START),
            Some(false)
        );
        assert_eq!(routers.resolved("0.example", 1, &[], Time::START), None);
    }
}
