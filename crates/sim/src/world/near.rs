//! Multicast: what machines of one site say to each other.

use std::net::SocketAddr;
use std::time::Duration;

use superseed_engine::Time;

use super::services::Errand;
use super::{HostId, World};

/// The longest that a datagram takes within a site.
const SITE_TIME_MAX: Duration = Duration::from_millis(1);

impl World {
    /// Everybody at a machine's site hears a datagram, itself included.
    pub(super) fn say_near(&mut self, id: HostId, bytes: Vec<u8>) {
        let host = &mut self.hosts[id.0];
        let site = host.spec.site;
        host.multicasts.push((self.now, bytes.clone()));
        let from = self.addr(id);
        if let Some(site) = site {
            self.multicast(site, from, true, &bytes);
        }
    }

    /// A datagram comes to the group of a site; `near` if its source is in the
    /// network of those who hear it.
    pub fn multicast(&mut self, site: u32, from: SocketAddr, near: bool, bytes: &[u8]) {
        let hosts = (0..self.hosts.len()).map(HostId);
        let there = hosts.filter(|id| self.hosts[id.0].spec.site == Some(site));
        for id in there.collect::<Vec<_>>() {
            let path = self.rng.up_to(SITE_TIME_MAX);
            for after in self.net.datagram(self.hosts[id.0].node, path) {
                let bytes = bytes.to_vec();
                self.send_errand(id, after, Errand::Multicast { near, from, bytes });
            }
        }
    }

    /// What a host said to its site so far, and when.
    pub fn multicasts(&self, id: HostId) -> &[(Time, Vec<u8>)] {
        &self.hosts[id.0].multicasts
    }
}
