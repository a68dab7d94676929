//! Connection ids of BEP 15 without a table: an id is a keyed hash of the
//! client's address and a slot of time, so that it proves that its bearer
//! receives what is sent to that address, and costs no memory.

use std::net::IpAddr;
use std::time::Duration;

use sha1::{Digest, Sha1};
use superseed_proto::tracker::udp::CONNECTION_ID_ACCEPTED;

/// An id is good in its own slot and in this many after it.
const SLOTS_AFTER: u64 = 2;
/// The length of a slot. An id that was made at the end of its slot is
/// accepted for the two minutes that BEP 15 asks for, another for longer.
const SLOT: Duration = CONNECTION_ID_ACCEPTED
    .checked_div(SLOTS_AFTER as u32)
    .expect("two slots");

/// Makes connection ids and knows them again.
pub(super) struct ConnectionIds {
    secret: [u8; 32],
}

impl ConnectionIds {
    /// Ids under a secret that nobody else knows.
    pub(super) fn new(secret: [u8; 32]) -> Self {
        Self { secret }
    }

    /// The id for a client; `now` is the time since the tracker began. The
    /// port is left out, since some NATs change it between two datagrams.
    pub(super) fn issue(&self, ip: IpAddr, now: Duration) -> u64 {
        self.of_slot(ip, slot(now))
    }

    /// Whether the client had this id from [`ConnectionIds::issue`] lately.
    pub(super) fn accepts(&self, id: u64, ip: IpAddr, now: Duration) -> bool {
        let newest = slot(now);
        (newest.saturating_sub(SLOTS_AFTER)..=newest).any(|slot| self.of_slot(ip, slot) == id)
    }

    /// The secret comes first and all that follows has a fixed length; with
    /// 12 of the 20 bytes kept back, nobody can extend the hash.
    fn of_slot(&self, ip: IpAddr, slot: u64) -> u64 {
        let ip = match ip {
            IpAddr::V4(ip) => ip.to_ipv6_mapped(),
            IpAddr::V6(ip) => ip,
        };
        let digest = Sha1::new()
            .chain_update(self.secret)
            .chain_update(ip.octets())
            .chain_update(slot.to_be_bytes())
            .finalize();
        let (head, _) = digest
            .split_first_chunk()
            .expect("a SHA-1 hash has 20 bytes");
        u64::from_be_bytes(*head)
    }
}

fn slot(now: Duration) -> u64 {
    now.as_secs() / SLOT.as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
    const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));

    #[test]
    fn an_id_is_accepted_for_two_minutes_and_not_for_four() {
        let ids = ConnectionIds::new([7; 32]);
        for issued in [0, 1, 59, 60, 61, 1_000_003].map(Duration::from_secs) {
            let id = ids.issue(HERE, issued);
            for age in [0, 60, 119, 120].map(Duration::from_secs) {
                assert!(ids.accepts(id, HERE, issued + age), "{issued:?} {age:?}");
            }
            assert!(!ids.accepts(id, HERE, issued + Duration::from_secs(240)));
        }
    }

    #[test]
    fn an_id_is_good_for_one_address_and_one_secret() {
        let (ids, others) = (ConnectionIds::new([7; 32]), ConnectionIds::new([8; 32]));
        let now = Duration::from_secs(100);
        let id = ids.issue(HERE, now);
        assert!(!ids.accepts(id, THERE, now));
        assert!(!others.accepts(id, HERE, now));
        assert!(!ids.accepts(id ^ 1, HERE, now));
        assert!(!ids.accepts(0, HERE, now));
    }
}
