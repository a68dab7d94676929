//! Whom we listen to: who is near, and does not talk without end.

use core::net::IpAddr;
use std::collections::BTreeMap;
use std::time::Duration;

use crate::limits::{LSD_HEARD_PER_S_MAX, LSD_HOSTS_MAX};
use crate::time::Time;

/// Counts what hosts say.
#[derive(Debug, Default)]
pub(super) struct Ear {
    /// Until when the counts hold.
    until: Time,
    /// Datagrams of this second, by host. Others than elsewhere, each address is
    /// one: neighbours share their /64.
    counts: BTreeMap<IpAddr, u32>,
}

impl Ear {
    /// Whether to read a datagram of this host.
    pub(super) fn admits(&mut self, ip: IpAddr, now: Time) -> bool {
        if now >= self.until {
            self.counts.clear();
            self.until = now + Duration::from_secs(1);
        }
        if self.counts.len() >= LSD_HOSTS_MAX && !self.counts.contains_key(&ip) {
            return false;
        }
        let count = self.counts.entry(ip).or_default();
        *count += 1;
        *count <= LSD_HEARD_PER_S_MAX
    }

    pub(super) fn hosts(&self) -> usize {
        self.counts.len()
    }
}
