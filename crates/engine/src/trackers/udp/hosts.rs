//! Addresses of tracker names: asked for once, remembered for a while.

use core::net::IpAddr;
use std::collections::BTreeMap;
use std::time::Duration;

use crate::ids::AnnounceKey;
use crate::limits::UDP_TRACKERS_MAX;
use crate::time::Time;

/// How long an answer is used (libtorrent: 1200 s).
const LIFETIME: Duration = Duration::from_secs(1_200);

/// Names that are being looked up, or were.
#[derive(Debug, Default)]
pub(super) struct Hosts {
    asked: BTreeMap<String, Vec<AnnounceKey>>,
    known: BTreeMap<String, (Vec<IpAddr>, Time)>,
}

impl Hosts {
    /// The addresses of a name, if it was looked up lately.
    pub(super) fn known(&self, host: &str, now: Time) -> Option<&[IpAddr]> {
        let (addrs, expires) = self.known.get(host)?;
        (now < *expires).then_some(addrs)
    }

    /// `announce` waits for a name; true if the question must be asked.
    pub(super) fn wait(&mut self, host: &str, announce: AnnounceKey) -> bool {
        let waiting = self.asked.entry(host.to_owned()).or_default();
        waiting.push(announce);
        waiting.len() == 1
    }

    /// `announce` waits no longer.
    pub(super) fn leave(&mut self, host: &str, announce: AnnounceKey) {
        if let Some(waiting) = self.asked.get_mut(host) {
            waiting.retain(|other| *other != announce);
            if waiting.is_empty() {
                self.asked.remove(host);
            }
        }
    }

    /// The answer came: returns those who waited. A failure is not remembered.
    pub(super) fn answered(&mut self, host: &str, addrs: &[IpAddr], now: Time) -> Vec<AnnounceKey> {
        if !addrs.is_empty() {
            if self.known.len() >= UDP_TRACKERS_MAX {
                self.known.clear();
            }
            self.known
                .insert(host.to_owned(), (addrs.to_vec(), now + LIFETIME));
        }
        self.asked.remove(host).unwrap_or_default()
    }

    /// Names that are being looked up, or were.
    pub(super) fn len(&self) -> usize {
        self.asked.len() + self.known.len()
    }

    /// The addresses did not answer: they may have changed.
    pub(super) fn distrust(&mut self, host: &str) {
        self.known.remove(host);
    }
}
