//! The contacts at one distance from us: who has a place, who waits for one.

use core::net::IpAddr;

use superseed_proto::krpc::NodeId;

use super::contact::{Contact, FAILURES_BAD, Place};
use crate::candidates::network;
use crate::limits::DHT_REPLACEMENTS_MAX;

/// What came of a node that answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Admitted {
    /// It has a place.
    In,
    /// It has the place of this one, which waits, or is gone if it failed.
    Instead(Place),
    /// Others are as good: it waits.
    Waits,
    /// Its network has a place already.
    Refused,
}

/// The contacts whose ids share as many first bits with ours.
#[derive(Clone, Debug, Default)]
pub(super) struct Bucket {
    /// Who has a place.
    pub(super) live: Vec<Contact>,
    /// Who waits for one, the latest last.
    pub(super) waiting: Vec<Contact>,
}

impl Bucket {
    /// Finds a place for a node that has none, and that has answered or is of
    /// an earlier run. With no place more than there are nodes in it, `width`
    /// is how many may be.
    pub(super) fn admit(&mut self, contact: Contact, width: usize) -> Admitted {
        self.drop_waiting(Place::of(contact.addr));
        let network = network(contact.addr.ip());
        let same = |other: &Contact| network.is_some() && self::network(other.addr.ip()) == network;
        if let Some(at) = self.live.iter().position(same) {
            if self.live[at].failures < FAILURES_BAD {
                return Admitted::Refused;
            }
            return self.replace(at, contact);
        }
        if self.live.len() < width {
            self.live.push(contact);
            return Admitted::In;
        }
        let Some(worst) = (0..self.live.len()).max_by_key(|&at| badness(&self.live[at])) else {
            return Admitted::Refused;
        };
        if is_better(&contact, &self.live[worst]) {
            return self.replace(worst, contact);
        }
        self.wait(contact);
        Admitted::Waits
    }

    fn replace(&mut self, at: usize, contact: Contact) -> Admitted {
        let old = std::mem::replace(&mut self.live[at], contact);
        let place = Place::of(old.addr);
        if old.failures < FAILURES_BAD {
            self.wait(old);
        }
        Admitted::Instead(place)
    }

    /// Lets a node wait for a place, instead of another one of its network or
    /// of who waited longest. Who has answered is not sent away by who has not.
    pub(super) fn wait(&mut self, contact: Contact) {
        let network = network(contact.addr.ip());
        let place = Place::of(contact.addr);
        let same = |other: &Contact| {
            Place::of(other.addr) == place
                || network.is_some() && self::network(other.addr.ip()) == network
        };
        if let Some(at) = self.waiting.iter().position(same) {
            if self.waiting[at].is_confirmed() && !contact.is_confirmed() {
                return;
            }
            self.waiting.remove(at);
        }
        if self.waiting.len() >= DHT_REPLACEMENTS_MAX {
            let unconfirmed = self.waiting.iter().position(|known| !known.is_confirmed());
            match unconfirmed {
                Some(at) => drop(self.waiting.remove(at)),
                None if contact.is_confirmed() => drop(self.waiting.remove(0)),
                None => return,
            }
        }
        self.waiting.push(contact);
    }

    /// Whether somebody of a network has a place, and answers.
    pub(super) fn is_taken(&self, ip: IpAddr) -> bool {
        let network = network(ip);
        let same = |other: &Contact| self::network(other.addr.ip()) == network;
        let mut live = self.live.iter();
        network.is_some() && live.any(|other| same(other) && other.failures < FAILURES_BAD)
    }

    /// Forgets who waits at an address.
    pub(super) fn drop_waiting(&mut self, place: Place) {
        self.waiting.retain(|known| Place::of(known.addr) != place);
    }

    /// Takes out who may have the place of a node that failed: one that has
    /// answered, the latest.
    pub(super) fn promote(&mut self) -> Option<Contact> {
        let at = self.waiting.iter().rposition(Contact::is_confirmed)?;
        Some(self.waiting.remove(at))
    }

    pub(super) fn position(&self, id: &NodeId) -> Option<usize> {
        self.live.iter().position(|contact| contact.id == *id)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.live.is_empty() && self.waiting.is_empty()
    }
}

/// The more, the sooner another one has its place: it does not answer, its id
/// is not of its address, it is slow.
fn badness(contact: &Contact) -> (u8, bool, std::time::Duration) {
    let failures = match contact.failures {
        few if few < FAILURES_BAD => 0,
        many => many,
    };
    let took = contact.round_trip.map(|round_trip| round_trip.mean);
    (failures, !contact.fits(), took.unwrap_or_default())
}

/// Whether a newcomer goes before one that has a place. It must be a great deal
/// faster: who was there for long will be there for longer (BEP 5).
fn is_better(new: &Contact, old: &Contact) -> bool {
    if old.failures >= FAILURES_BAD || new.fits() != old.fits() {
        return old.failures >= FAILURES_BAD || new.fits();
    }
    match (new.round_trip, old.round_trip) {
        (Some(new), Some(old)) => new.mean * 2 < old.mean,
        _ => false,
    }
}
