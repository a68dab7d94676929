//! Names that only the proxy looks up, and the addresses that stand for them.
//!
//! The engine speaks of addresses. Where no name may be looked up here, it is
//! given one that nobody has (240.0.0.0/4, RFC 1112), and what it sends there goes
//! to the proxy with the name.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr};

use superseed_proto::blocklist::AddrRange;
use superseed_proto::socks::Name;

/// Names that are remembered; the oldest make room. A name is asked for again
/// before its address is used again, after minutes.
const NAMES_MAX: usize = 4_096;
const FIRST: u32 = 0xf000_0000;
/// The last one is broadcast.
const LAST: u32 = 0xffff_fffe;

/// The addresses that stand for names.
pub(crate) const STAND_INS: AddrRange = AddrRange::V4(FIRST, LAST);

/// Whether an address is of those that stand for names.
pub(super) fn is_stand_in(ip: IpAddr) -> bool {
    matches!(ip.to_canonical(), IpAddr::V4(ip) if (FIRST..=LAST).contains(&ip.to_bits()))
}

#[derive(Debug)]
pub(super) struct Names {
    by_number: BTreeMap<u32, Name>,
    by_name: HashMap<Name, u32>,
    next: u32,
}

impl Default for Names {
    fn default() -> Self {
        Self {
            by_number: BTreeMap::new(),
            by_name: HashMap::new(),
            next: FIRST,
        }
    }
}

impl Names {
    /// The address that stands for a name, always the same while it is known.
    pub(super) fn stand_in(&mut self, name: Name) -> IpAddr {
        let ip = |number| IpAddr::V4(Ipv4Addr::from_bits(number));
        if let Some(number) = self.by_name.get(&name) {
            return ip(*number);
        }
        if self.by_number.len() >= NAMES_MAX
            && let Some((_, oldest)) = self.by_number.pop_first()
        {
            self.by_name.remove(&oldest);
        }
        let number = self.next;
        self.next = if number == LAST { FIRST } else { number + 1 };
        if let Some(before) = self.by_number.insert(number, name.clone()) {
            self.by_name.remove(&before);
        }
        self.by_name.insert(name, number);
        ip(number)
    }

    /// The name that an address stands for.
    pub(super) fn name_of(&self, ip: IpAddr) -> Option<Name> {
        match ip.to_canonical() {
            IpAddr::V4(ip) => self.by_number.get(&ip.to_bits()).cloned(),
            IpAddr::V6(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(number: usize) -> Name {
        Name::new(format!("n{number}.example")).unwrap()
    }

    #[test]
    fn a_name_has_one_address_and_an_address_one_name() {
        let mut names = Names::default();
        let (first, second) = (names.stand_in(name(1)), names.stand_in(name(2)));
        assert_ne!(first, second);
        assert_eq!(names.stand_in(name(1)), first);
        assert_eq!(names.name_of(second), Some(name(2)));
        assert!(is_stand_in(first) && is_stand_in(second));
        for other in ["192.0.2.1", "239.255.255.255", "255.255.255.255", "::1"] {
            assert!(!is_stand_in(other.parse().unwrap()), "{other}");
        }
    }

    #[test]
    fn names_without_end_are_forgotten_from_the_oldest_on() {
        let mut names = Names::default();
        let first = names.stand_in(name(0));
        for number in 1..=NAMES_MAX {
            names.stand_in(name(number));
        }
        assert_eq!(names.name_of(first), None);
        assert_eq!(names.by_name.len(), NAMES_MAX);
        assert_eq!(names.by_number.len(), NAMES_MAX);
        assert_ne!(names.stand_in(name(0)), first, "it may be another's later");
    }
}
