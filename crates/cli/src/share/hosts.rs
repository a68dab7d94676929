//! Under which addresses other machines find this one.
//!
//! Asks the system for its interfaces and routes; sends nothing. Connecting a
//! UDP socket only makes the kernel choose the address it would send from.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use if_addrs::Interface;

/// Most addresses that are told of; a machine full of containers has hundreds.
pub(super) const HOSTS_MAX: usize = 8;

/// Addresses that no machine has (RFC 5737, RFC 3849), so that the way to them
/// is the default route.
const ELSEWHERE: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
];

/// Beginnings of names of interfaces that lead to guests of this machine and
/// not to other machines.
const INNER: [&str; 7] = ["docker", "br-", "virbr", "veth", "vnet", "lxc", "cni"];

/// This machine's addresses that others can have a use for, the most useful
/// first; none if it has but loopback.
pub(super) fn of_this_machine() -> Vec<IpAddr> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    let defaults: Vec<IpAddr> = ELSEWHERE.into_iter().filter_map(source_to).collect();
    ranked(&interfaces, &defaults)
}

/// The families that this machine speaks at all, as "any address" of each.
pub(super) fn wildcards() -> Vec<IpAddr> {
    let any = [
        (
            IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        ),
        (
            IpAddr::V6(Ipv6Addr::LOCALHOST),
            IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        ),
    ];
    let spoken = any
        .into_iter()
        .filter(|(loopback, _)| UdpSocket::bind((*loopback, 0)).is_ok());
    spoken.map(|(_, any)| any).collect()
}

fn source_to(there: IpAddr) -> Option<IpAddr> {
    let any: IpAddr = match there {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect(SocketAddr::new(there, 9)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

/// Usable addresses in the order of their use. `defaults` are those that the
/// default routes send from.
fn ranked(interfaces: &[Interface], defaults: &[IpAddr]) -> Vec<IpAddr> {
    let usable = interfaces
        .iter()
        .filter(|interface| !interface.is_loopback() && !interface.is_link_local());
    let mut hosts: Vec<_> = usable
        .map(|interface| {
            let ip = interface.ip();
            let inner = INNER
                .iter()
                .any(|prefix| interface.name.starts_with(prefix));
            // IPv4 first: it is what most networks carry, and what people can type.
            ((inner, !defaults.contains(&ip), ip.is_ipv6()), ip)
        })
        .collect();
    hosts.sort();
    hosts.dedup();
    hosts.truncate(HOSTS_MAX);
    hosts.into_iter().map(|(_, ip)| ip).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use if_addrs::{IfAddr, IfOperStatus, Ifv4Addr, Ifv6Addr};

    fn interface(name: &str, ip: &str) -> Interface {
        let addr = match ip.parse().unwrap() {
            IpAddr::V4(ip) => IfAddr::V4(Ifv4Addr {
                ip,
                netmask: Ipv4Addr::UNSPECIFIED,
                prefixlen: 0,
                broadcast: None,
            }),
            IpAddr::V6(ip) => IfAddr::V6(Ifv6Addr {
                ip,
                netmask: Ipv6Addr::UNSPECIFIED,
                prefixlen: 0,
                broadcast: None,
            }),
        };
        Interface {
            name: name.to_owned(),
            addr,
            index: None,
            oper_status: IfOperStatus::Up,
            is_p2p: false,
        }
    }

    #[test]
    fn the_default_routes_address_comes_first_and_containers_last() {
        let interfaces = [
            interface("lo", "127.0.0.1"),
            interface("lo", "::1"),
            interface("docker0", "172.17.0.1"),
            interface("eth0", "fe80::1"),
            interface("eth0", "2001:db8::7"),
            interface("tun0", "10.8.0.2"),
            interface("eth0", "192.168.1.5"),
        ];
        let defaults = [
            "192.168.1.5".parse().unwrap(),
            "2001:db8::7".parse().unwrap(),
        ];
        let hosts = ranked(&interfaces, &defaults);
        let hosts: Vec<String> = hosts.iter().map(ToString::to_string).collect();
        assert_eq!(
            hosts,
            ["192.168.1.5", "2001:db8::7", "10.8.0.2", "172.17.0.1"]
        );
    }

    #[test]
    fn without_a_default_route_any_other_address_serves() {
        let interfaces = [interface("lo", "127.0.0.1"), interface("v1", "10.77.0.1")];
        assert_eq!(
            ranked(&interfaces, &[]),
            [IpAddr::V4(Ipv4Addr::new(10, 77, 0, 1))]
        );
        assert!(ranked(&interfaces[..1], &[]).is_empty());
    }
}
