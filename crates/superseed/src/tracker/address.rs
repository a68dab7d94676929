//! Under which address a client is entered: a rule, no state.
//!
//! The source of an exchange is proven (by TCP's handshake, by the connection
//! id over UDP), what stands in `ip=` is not: whoever could name any address
//! would point a whole swarm at a victim. It is therefore heeded only from
//! the tracker's own machine or private network, whose sources say nothing to
//! peers outside and whose users are the operator's. A tracker behind a proxy
//! on the same machine sees every client come from there, and wants `ip=` and
//! its siblings removed by the proxy.

use std::net::{IpAddr, SocketAddr};

/// Where other peers find the client that announced from `source`.
///
/// `ipv4=` and `ipv6=` are not heeded from anywhere: a client with two
/// families announces over both (BEP 7 prefers that too).
pub(super) fn entered(source: IpAddr, claimed: Option<IpAddr>, port: u16) -> SocketAddr {
    let source = source.to_canonical();
    let claimed = claimed
        .map(|ip| ip.to_canonical())
        .filter(|&ip| is_private(source) && is_plausible(ip, source));
    SocketAddr::new(claimed.unwrap_or(source), port)
}

fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

/// Whether a peer can be there at all. Loopback is a place only for those who
/// are there themselves.
fn is_plausible(ip: IpAddr, source: IpAddr) -> bool {
    let broadcast = matches!(ip, IpAddr::V4(ip) if ip.is_broadcast());
    !(ip.is_unspecified() || ip.is_multicast() || broadcast)
        && (!ip.is_loopback() || source.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entered_as(source: &str, claimed: &str) -> String {
        entered(source.parse().unwrap(), claimed.parse().ok(), 7000)
            .ip()
            .to_string()
    }

    #[test]
    fn a_claimed_address_counts_from_private_networks_only() {
        for source in [
            "127.0.0.1",
            "192.168.1.2",
            "10.1.1.1",
            "169.254.0.9",
            "::1",
            "fd00::1",
        ] {
            assert_eq!(
                entered_as(source, "198.51.100.7"),
                "198.51.100.7",
                "{source}"
            );
            assert_eq!(entered_as(source, "2001:db8::7"), "2001:db8::7", "{source}");
        }
        for source in [
            "198.51.100.1",
            "2001:db8::1",
            "100.64.0.1",
            "::ffff:198.51.100.1",
        ] {
            let canonical = source.trim_start_matches("::ffff:");
            assert_eq!(entered_as(source, "198.51.100.7"), canonical);
        }
    }

    #[test]
    fn a_claimed_address_where_no_peer_can_be_is_not_heeded() {
        for claimed in [
            "0.0.0.0",
            "::",
            "224.0.0.1",
            "ff02::1",
            "255.255.255.255",
            "127.0.0.1",
        ] {
            assert_eq!(
                entered_as("192.168.1.2", claimed),
                "192.168.1.2",
                "{claimed}"
            );
        }
        assert_eq!(entered_as("127.0.0.1", "127.0.0.2"), "127.0.0.2");
    }

    #[test]
    fn an_ipv4_address_in_ipv6_clothes_is_an_ipv4_address() {
        assert_eq!(entered_as("::ffff:192.168.1.2", ""), "192.168.1.2");
        assert_eq!(entered_as("::1", "::ffff:198.51.100.7"), "198.51.100.7");
    }
}
