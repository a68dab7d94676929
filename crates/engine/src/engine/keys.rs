//! Keys of encrypted handshakes that are being computed, and who may have some.
//!
//! A stranger of 96 bytes costs us two exponentiations: without bounds, who
//! opens streams as fast as the line carries them would have a core of ours.

use core::net::IpAddr;
use std::collections::{BTreeMap, VecDeque};

use super::shared::{Cx, WorkOf};
use crate::action::Action;
use crate::candidates::host;
use crate::ids::ConnKey;
use crate::limits::{KEY_HOSTS_MAX, KEY_JOBS_MAX, KEYS_PER_HOST_EVERY, KEYS_PER_HOST_MAX};
use crate::peer::Phase;
use crate::time::Time;
use crate::work::{Work, WorkJob};

/// Which keys are being computed, and which wait to be.
#[derive(Default)]
pub(crate) struct KeyJobs {
    out: usize,
    /// Of streams that we opened: those that knock are refused instead.
    waiting: VecDeque<(ConnKey, Work)>,
    /// When each host that had some of late may have as many as at first again.
    hosts: BTreeMap<IpAddr, Time>,
}

impl KeyJobs {
    /// Whether keys are computed for a stranger of this address; counts it then.
    pub(crate) fn admit(&mut self, remote: IpAddr, now: Time) -> bool {
        if self.out >= KEY_JOBS_MAX {
            return false;
        }
        let remote = host(remote);
        let rested = self.hosts.get(&remote).copied().unwrap_or(now).max(now);
        let most = KEYS_PER_HOST_EVERY * KEYS_PER_HOST_MAX;
        let rested = rested + KEYS_PER_HOST_EVERY;
        if rested > now + most {
            return false;
        }
        if self.hosts.len() >= KEY_HOSTS_MAX {
            self.hosts.retain(|_, rested| *rested > now);
        }
        if self.hosts.len() >= KEY_HOSTS_MAX && !self.hosts.contains_key(&remote) {
            return false;
        }
        self.hosts.insert(remote, rested);
        true
    }

    /// How many are being computed.
    pub(crate) fn out(&self) -> usize {
        self.out
    }

    /// How many wait.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// How many hosts are remembered.
    pub(crate) fn hosts(&self) -> usize {
        self.hosts.len()
    }
}

impl Cx<'_> {
    /// Has keys computed for a connection, of which nothing is read until then.
    pub(crate) fn compute_keys(&mut self, key: ConnKey, job: Work) {
        if let Some(conn) = self.conns.get_mut(key)
            && let Phase::Securing(securing) = &mut conn.phase
        {
            securing.waits = true;
        }
        let keys = &mut self.shared.keys;
        if keys.out >= KEY_JOBS_MAX {
            if keys.waiting.len() >= self.conns.len() {
                let conns = &self.conns;
                keys.waiting.retain(|(key, _)| conns.contains_key(*key));
            }
            keys.waiting.push_back((key, job));
            return;
        }
        keys.out += 1;
        let work = self.shared.work.insert(WorkOf::Keys(key));
        let job = WorkJob { work, job };
        self.out.push(Action::Work(Box::new(job)));
    }

    /// Keys were computed: the next that waits has the place.
    pub(crate) fn keys_ended(&mut self) {
        self.shared.keys.out -= 1;
        while let Some((key, job)) = self.shared.keys.waiting.pop_front() {
            if self.conns.contains_key(key) {
                return self.compute_keys(key, job);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn ip(number: u32) -> IpAddr {
        core::net::Ipv4Addr::from_bits(0x0a00_0000 + number).into()
    }

    #[test]
    fn a_host_has_some_at_once_and_then_others_in_its_time() {
        let mut keys = KeyJobs::default();
        let admitted =
            |keys: &mut KeyJobs, now| (0..100).filter(|_| keys.admit(ip(1), now)).count();
        assert_eq!(admitted(&mut keys, Time::START), 8);
        assert!(keys.admit(ip(2), Time::START), "another host has its own");
        let later = Time::START + 3 * KEYS_PER_HOST_EVERY;
        assert_eq!(admitted(&mut keys, later), 3);
        let rested = later + Duration::from_secs(60);
        assert_eq!(admitted(&mut keys, rested), 8);
    }

    #[test]
    fn hosts_are_forgotten_when_they_have_rested() {
        let mut keys = KeyJobs::default();
        let count = KEY_HOSTS_MAX as u32;
        let admitted = (0..2 * count).filter(|number| keys.admit(ip(*number), Time::START));
        assert_eq!(admitted.count(), KEY_HOSTS_MAX);
        let later = Time::START + KEYS_PER_HOST_EVERY;
        assert!(keys.admit(ip(3 * count), later));
        assert_eq!(keys.hosts(), 1);
    }
}
