//! From how far an address can be reached.

use core::net::{IpAddr, Ipv4Addr};

/// From where an address can be reached, the nearest first.
///
/// An address of a nearer kind means another machine, or none, to those who are
/// farther away: it is neither told to them nor believed when they tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reach {
    /// From the machine itself: loopback.
    Machine,
    /// From its network: private, link-local, unique local, and shared by a
    /// provider's customers (RFC 6598).
    Network,
    /// From everywhere.
    World,
}

impl Reach {
    /// From where an address can be reached.
    pub(crate) fn of(ip: IpAddr) -> Self {
        let (loopback, local) = match ip.to_canonical() {
            IpAddr::V4(ip) => {
                let local = ip.is_private() || ip.is_link_local() || is_carriers(ip);
                (ip.is_loopback(), local)
            }
            IpAddr::V6(ip) => {
                let local = ip.is_unique_local() || ip.is_unicast_link_local();
                (ip.is_loopback(), local)
            }
        };
        match (loopback, local) {
            (true, _) => Self::Machine,
            (false, true) => Self::Network,
            (false, false) => Self::World,
        }
    }
}

/// Whether an address is of those that are nobody's (240.0.0.0/4, RFC 1112), with
/// which a host may stand for names. Only where it does so itself are they asked:
/// they are not believed of anybody else, nor told to anybody.
pub(crate) fn is_reserved(ip: IpAddr) -> bool {
    matches!(ip.to_canonical(), IpAddr::V4(ip) if ip.octets()[0] >= 240)
}

/// Whether the address is of 100.64.0.0/10.
fn is_carriers(ip: Ipv4Addr) -> bool {
    let [first, second, ..] = ip.octets();
    first == 100 && second & 0xc0 == 0x40
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_reach_the_machine_the_network_or_the_world() {
        let reach = |text: &str| Reach::of(text.parse().unwrap());
        for machine in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(reach(machine), Reach::Machine, "{machine}");
        }
        for network in [
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "fd00::1",
            "fe80::1",
            "::ffff:10.0.0.1",
        ] {
            assert_eq!(reach(network), Reach::Network, "{network}");
        }
        for world in ["100.63.0.1", "100.128.0.1", "93.184.216.34", "2001:db8::1"] {
            assert_eq!(reach(world), Reach::World, "{world}");
        }
        assert!(Reach::Machine < Reach::Network && Reach::Network < Reach::World);
    }

    #[test]
    fn the_last_sixteenth_of_all_addresses_is_nobodys() {
        let reserved = |text: &str| is_reserved(text.parse().unwrap());
        for nobodys in ["240.0.0.0", "255.255.255.255", "::ffff:250.1.2.3"] {
            assert!(reserved(nobodys), "{nobodys}");
        }
        for other in ["239.255.255.255", "1.2.3.4", "f000::1"] {
            assert!(!reserved(other), "{other}");
        }
    }
}
