//! The networks that this machine is in, as its interfaces tell.

use std::net::IpAddr;

/// An address of an interface, and the network that it is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Network {
    /// The system's number for the interface.
    pub(crate) interface: u32,
    /// Our address.
    pub(crate) ip: IpAddr,
    /// How many bits of it the network's other addresses have too.
    pub(crate) prefix_len: u8,
}

impl Network {
    /// Whether an address is in the network.
    pub(crate) fn contains(&self, ip: IpAddr) -> bool {
        let (ours, theirs) = match (self.ip, ip) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => (
                u128::from(ours.to_bits()) << 96,
                u128::from(theirs.to_bits()) << 96,
            ),
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => (ours.to_bits(), theirs.to_bits()),
            _ => return false,
        };
        (ours ^ theirs).leading_zeros() >= u32::from(self.prefix_len)
    }
}

/// The networks with neighbours: of interfaces that are up, and neither loopback
/// nor a tunnel to one other machine.
pub(crate) fn networks() -> Vec<Network> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_else(|error| {
        tracing::debug!(%error, "the interfaces of this machine are not known");
        Vec::new()
    });
    let near = interfaces.into_iter().filter(|interface| {
        interface.is_oper_up() && !interface.is_loopback() && !interface.is_p2p()
    });
    let networks = near.filter_map(|interface| {
        Some(Network {
            interface: interface.index?,
            ip: interface.ip(),
            prefix_len: match interface.addr {
                if_addrs::IfAddr::V4(addr) => addr.prefixlen,
                if_addrs::IfAddr::V6(addr) => addr.prefixlen,
            },
        })
    });
    networks.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_in_a_network_by_its_prefix() {
        let network = |ip: &str, prefix_len| Network {
            interface: 1,
            ip: ip.parse().unwrap(),
            prefix_len,
        };
        let cases = [
            ("192.0.2.9", 24, "192.0.2.200", true),
            ("192.0.2.9", 24, "192.0.3.1", false),
            ("192.0.2.9", 32, "192.0.2.9", true),
            ("192.0.2.9", 32, "192.0.2.8", false),
            ("192.0.2.9", 0, "93.184.216.34", true),
            ("192.0.2.9", 0, "2001:db8::1", false),
            ("2001:db8::1", 64, "2001:db8::abcd", true),
            ("2001:db8::1", 64, "2001:db8:0:1::1", false),
            ("2001:db8::1", 128, "2001:db8::2", false),
        ];
        for (ours, prefix_len, theirs, expected) in cases {
            let found = network(ours, prefix_len).contains(theirs.parse().unwrap());
            assert_eq!(found, expected, "{theirs} in {ours}/{prefix_len}");
        }
    }

    #[test]
    fn loopback_is_no_network() {
        assert!(networks().iter().all(|network| !network.ip.is_loopback()));
    }
}
