//! Which hosts had what a newcomer gets once: an allowed-fast set (BEP 6), or a
//! first turn while the first copy is sent.
//!
//! Both come before what the choker decides by. A host that came back for them
//! again and again would never need to wait as others do.

use core::net::IpAddr;
use std::collections::{BTreeSet, VecDeque};

use crate::limits::NEWCOMERS_PER_TORRENT_MAX;

/// A bounded set of hosts; the one that came first is forgotten first.
#[derive(Debug, Default)]
pub(super) struct Newcomers {
    hosts: BTreeSet<IpAddr>,
    order: VecDeque<IpAddr>,
}

impl Newcomers {
    /// Whether a host is new here. From now on it is not.
    pub(super) fn admit(&mut self, host: IpAddr) -> bool {
        let is_new = self.hosts.insert(host);
        if is_new {
            self.order.push_back(host);
        }
        if self.order.len() > NEWCOMERS_PER_TORRENT_MAX
            && let Some(first) = self.order.pop_front()
        {
            self.hosts.remove(&first);
        }
        is_new
    }

    /// Whether a host is remembered.
    pub(super) fn knows(&self, host: IpAddr) -> bool {
        self.hosts.contains(&host)
    }

    /// How many are remembered.
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(number: usize) -> IpAddr {
        IpAddr::from((number as u32).to_be_bytes())
    }

    #[test]
    fn a_host_is_new_once_and_again_when_it_was_forgotten() {
        let mut newcomers = Newcomers::default();
        assert!(newcomers.admit(host(0)));
        assert!(!newcomers.admit(host(0)));
        for number in 1..=NEWCOMERS_PER_TORRENT_MAX {
            assert!(newcomers.admit(host(number)));
            assert!(newcomers.len() <= NEWCOMERS_PER_TORRENT_MAX);
        }
        assert!(newcomers.admit(host(0)));
        assert!(!newcomers.admit(host(NEWCOMERS_PER_TORRENT_MAX)));
    }
}
