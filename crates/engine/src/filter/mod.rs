//! Whom we do not speak with: the addresses of the user's blocklists.
//!
//! A filter is made once of all rules and never changed; a new one takes its
//! place. Candidates, incoming streams, answers of look-ups and datagrams ask
//! it, and so does the host before it connects to a tracker.

mod ranges;

use core::fmt;
use core::net::IpAddr;

use superseed_proto::blocklist::AddrRange;

use crate::limits::FILTER_RULES_MAX;
use ranges::Ranges;

/// The addresses that are not spoken with. By default nobody's.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Filter {
    v4: Ranges<u32>,
    v6: Ranges<u128>,
}

impl Filter {
    /// Whether an address is in one of the rules. IPv4 that is written as IPv6
    /// is IPv4.
    pub fn blocks(&self, ip: IpAddr) -> bool {
        match ip {
            IpAddr::V4(ip) => self.v4.contains(ip.to_bits()),
            IpAddr::V6(v6) => match ip.to_canonical() {
                IpAddr::V4(ip) => self.v4.contains(ip.to_bits()) || self.v6.contains(v6.to_bits()),
                IpAddr::V6(ip) => self.v6.contains(ip.to_bits()),
            },
        }
    }

    /// The same, but for the addresses of a range, which it lets through.
    pub fn without(&self, range: AddrRange) -> Self {
        let mut filter = self.clone();
        match range {
            AddrRange::V4(first, last) => filter.v4 = filter.v4.without(first, last),
            AddrRange::V6(first, last) => filter.v6 = filter.v6.without(first, last),
        }
        filter
    }

    /// The number of ranges that the rules came to: what overlaps or touches is
    /// one.
    pub fn len(&self) -> usize {
        self.v4.len() + self.v6.len()
    }

    /// Whether nobody is blocked.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Filter({} ranges)", self.len())
    }
}

/// More rules than [`FILTER_RULES_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("more than {FILTER_RULES_MAX} rules")]
pub struct TooManyRules;

/// Collects the rules of a filter, in any order.
#[derive(Debug, Default)]
pub struct FilterBuilder {
    v4: Vec<(u32, u32)>,
    v6: Vec<(u128, u128)>,
}

impl FilterBuilder {
    /// Without rules.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a rule.
    ///
    /// # Errors
    /// If there are too many.
    pub fn block(&mut self, range: AddrRange) -> Result<(), TooManyRules> {
        if self.v4.len() + self.v6.len() >= FILTER_RULES_MAX {
            return Err(TooManyRules);
        }
        match range {
            AddrRange::V4(first, last) => self.v4.push((first, last)),
            AddrRange::V6(first, last) => self.v6.push((first, last)),
        }
        Ok(())
    }

    /// The filter of these rules.
    pub fn build(self) -> Filter {
        Filter {
            v4: Ranges::new(self.v4),
            v6: Ranges::new(self.v6),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(rules: &[(&str, &str)]) -> Filter {
        let mut builder = FilterBuilder::new();
        for (first, last) in rules {
            let range = AddrRange::new(first.parse().unwrap(), last.parse().unwrap());
            builder.block(range.unwrap()).unwrap();
        }
        builder.build()
    }

    #[test]
    fn both_families_are_blocked_at_both_ends_of_their_ranges() {
        let filter = filter(&[("1.2.3.4", "1.2.3.9"), ("2001:db8::1", "2001:db8::9")]);
        for blocked in [
            "1.2.3.4",
            "1.2.3.9",
            "2001:db8::1",
            "2001:db8::5",
            "2001:db8::9",
        ] {
            assert!(filter.blocks(blocked.parse().unwrap()), "{blocked}");
        }
        for free in ["1.2.3.3", "1.2.3.10", "2001:db8::", "2001:db8::a", "::"] {
            assert!(!filter.blocks(free.parse().unwrap()), "{free}");
        }
    }

    #[test]
    fn ipv4_that_is_written_as_ipv6_is_ipv4() {
        let v4 = filter(&[("1.2.3.4", "1.2.3.9")]);
        assert!(v4.blocks("::ffff:1.2.3.4".parse().unwrap()));
        let mapped = filter(&[("::ffff:1.2.3.4", "::ffff:1.2.3.9")]);
        assert_eq!(mapped, v4);
        let all = filter(&[("::", "ffff::")]);
        assert!(all.blocks("::ffff:1.2.3.4".parse().unwrap()));
        assert!(!all.blocks("1.2.3.4".parse().unwrap()));
    }

    #[test]
    fn what_is_cut_out_is_let_through_and_nothing_else() {
        let filter = filter(&[("9.0.0.0", "9.0.0.9"), ("239.0.0.9", "255.255.255.255")]);
        let range = AddrRange::new(
            "240.0.0.0".parse().unwrap(),
            "255.255.255.254".parse().unwrap(),
        );
        let cut = filter.without(range.unwrap());
        for blocked in ["9.0.0.0", "9.0.0.9", "239.255.255.255", "255.255.255.255"] {
            assert!(cut.blocks(blocked.parse().unwrap()), "{blocked}");
        }
        for free in ["240.0.0.0", "250.1.2.3", "255.255.255.254", "9.0.0.10"] {
            assert!(!cut.blocks(free.parse().unwrap()), "{free}");
        }
        assert_eq!(cut.len(), 3);
    }

    #[test]
    fn nobody_is_blocked_by_default() {
        assert!(Filter::default().is_empty());
        assert!(!Filter::default().blocks("0.0.0.0".parse().unwrap()));
    }
}
