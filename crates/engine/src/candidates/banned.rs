//! Banned hosts, bounded: the oldest ban is forgotten first.

use core::net::IpAddr;
use std::collections::{BTreeSet, VecDeque};

use crate::limits::BANNED_PER_TORRENT_MAX;

/// A bounded set of hosts ([`super::host`]) in the order of their bans.
#[derive(Debug, Default)]
pub(super) struct Banned {
    hosts: BTreeSet<IpAddr>,
    order: VecDeque<IpAddr>,
}

impl Banned {
    /// Adds a host; at the limit, the oldest makes room.
    pub(super) fn insert(&mut self, ip: IpAddr) {
        if !self.hosts.insert(ip) {
            return;
        }
        self.order.push_back(ip);
        if self.order.len() > BANNED_PER_TORRENT_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.hosts.remove(&oldest);
        }
    }

    /// How many are banned.
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether a host is banned.
    pub(super) fn contains(&self, ip: IpAddr) -> bool {
        self.hosts.contains(&ip)
    }
}
