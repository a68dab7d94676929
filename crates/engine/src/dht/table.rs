//! The routing table: whom a node knows, more of those close to itself
//! (BEP 5, "Routing Table").
//!
//! A bucket holds those whose ids share as many first bits with ours. Only who
//! has answered has a place, so that a forged sender has none; one address has
//! one, whatever ids it claims.

use std::collections::BTreeMap;
use std::time::Duration;

use superseed_proto::krpc::{NodeAddr, NodeId};

use super::bucket::{Admitted, Bucket};
use super::contact::{Contact, FAILURES_BAD, FAILURES_MAX, Place};
use crate::limits::DHT_CONTACTS_MAX;
use crate::time::Time;

/// Nodes in a bucket, and in an answer; where an announce is stored (BEP 5).
pub(super) const K: usize = 8;

/// Places in the bucket of those that share so many bits: the first ones are
/// wide, since they are whom most look-ups begin at.
fn width(shared_bits: u32) -> usize {
    match shared_bits {
        0 => 16 * K,
        1 => 8 * K,
        2 => 4 * K,
        3 => 2 * K,
        _ => K,
    }
}

/// The nodes that one of our nodes knows.
#[derive(Debug)]
pub(super) struct Table {
    id: NodeId,
    buckets: BTreeMap<u32, Bucket>,
    /// Who has a place, by address.
    places: BTreeMap<Place, NodeId>,
}

impl Table {
    pub(super) fn new(id: NodeId) -> Self {
        Self {
            id,
            buckets: BTreeMap::new(),
            places: BTreeMap::new(),
        }
    }

    /// A node answered after so long: it has a place if there is one.
    pub(super) fn answered(&mut self, node: NodeAddr, took: Duration, now: Time) {
        if node.id == self.id {
            return;
        }
        if let Some(contact) = self.get_mut(&node.id) {
            if contact.addr == node.addr {
                return contact.note_answer(took, now);
            }
            if contact.is_good(now) {
                // Somebody else claims its name.
                return;
            }
            self.remove(&node.id);
        }
        if let Some(&other) = self.places.get(&Place::of(node.addr)) {
            // It took another id, or another one of its address answered.
            let known = self.get_mut(&other).map(|known| known.addr);
            if known != Some(node.addr) && self.get_mut(&other).is_some_and(|c| c.is_good(now)) {
                return;
            }
            self.remove(&other);
        }
        let mut contact = self.take_waiting(&node).unwrap_or(Contact::new(node));
        contact.note_answer(took, now);
        self.admit(contact);
    }

    /// A node of an earlier run: it has a place until it fails.
    pub(super) fn restore(&mut self, node: NodeAddr) {
        let is_known = self.places.contains_key(&Place::of(node.addr));
        if node.id != self.id && !is_known && self.get_mut(&node.id).is_none() {
            self.admit(Contact::new(node));
        }
    }

    /// A node asked us something. Says whether to ask it in turn, since it
    /// would have a place if it answers.
    pub(super) fn asked_us(&mut self, node: NodeAddr, now: Time) -> bool {
        if let Some(contact) = self.get_mut(&node.id) {
            if contact.addr == node.addr {
                contact.note_question(now);
            }
            return false;
        }
        if node.id == self.id || self.places.contains_key(&Place::of(node.addr)) {
            return false;
        }
        let is_full = self.places.len() >= DHT_CONTACTS_MAX;
        let shared_bits = self.id.shared_bits(&node.id);
        let bucket = self.buckets.entry(shared_bits).or_default();
        let is_bad = |contact: &Contact| contact.failures >= FAILURES_BAD;
        let has_room = !is_full && bucket.live.len() < width(shared_bits);
        if bucket.is_taken(node.addr.ip()) {
            return false;
        }
        if bucket.waiting.iter().any(|known| known.id == node.id) {
            return false;
        }
        let mut contact = Contact::new(node);
        contact.note_question(now);
        bucket.wait(contact);
        has_room || bucket.live.iter().any(is_bad)
    }

    /// A node did not answer. Names one that waits for its place and is to be
    /// asked whether it is there.
    pub(super) fn failed(&mut self, node: &NodeAddr) -> Option<NodeAddr> {
        let contact = self.get_mut(&node.id)?;
        if contact.addr != node.addr {
            return None;
        }
        contact.failures = contact.failures.saturating_add(1);
        let failures = contact.failures;
        let is_gone = failures >= FAILURES_MAX || !contact.is_confirmed();
        if is_gone {
            self.remove(&node.id);
        }
        if !is_gone && failures < FAILURES_BAD {
            return None;
        }
        let bucket = self.buckets.get_mut(&self.id.shared_bits(&node.id))?;
        if let Some(next) = bucket.promote() {
            self.admit(next);
            return None;
        }
        bucket.waiting.last().map(Contact::node)
    }

    /// Forgets a node: its address is not its own.
    pub(super) fn remove(&mut self, id: &NodeId) {
        let shared_bits = self.id.shared_bits(id);
        let Some(bucket) = self.buckets.get_mut(&shared_bits) else {
            return;
        };
        if let Some(at) = bucket.position(id) {
            let contact = bucket.live.remove(at);
            self.places.remove(&Place::of(contact.addr));
        }
        if bucket.is_empty() {
            self.buckets.remove(&shared_bits);
        }
    }

    /// Notes that a node is being asked.
    pub(super) fn asking(&mut self, id: &NodeId, now: Time) {
        if let Some(contact) = self.get_mut(id) {
            contact.asked = Some(now);
        }
    }

    /// Those to begin a look-up with: the closest that did not fail, then
    /// others.
    pub(super) fn closest(&self, to: &NodeId, count: usize) -> Vec<&Contact> {
        let failed = |contact: &Contact| contact.failures >= FAILURES_BAD;
        closest_of(self.contacts(), count, |contact| {
            (failed(contact), contact.id.distance(to))
        })
    }

    /// Those to tell others of, closest first.
    pub(super) fn told(&self, to: &NodeId, count: usize) -> Vec<NodeAddr> {
        let told = self.contacts().filter(|contact| contact.is_told());
        let closest = closest_of(told, count, |contact| contact.id.distance(to));
        closest.into_iter().map(Contact::node).collect()
    }

    /// Those that were good of late, those that answered fastest first.
    pub(super) fn best(&self, count: usize, now: Time) -> Vec<NodeAddr> {
        let good = self.contacts().filter(|contact| contact.is_good(now));
        let best = closest_of(good, count, |contact| {
            (contact.round_trip.map(|known| known.mean), contact.id)
        });
        best.into_iter().map(Contact::node).collect()
    }

    /// The node that is to be asked next whether it is still there, and when.
    pub(super) fn next_check(&self) -> Option<(Time, NodeAddr)> {
        let next = self
            .contacts()
            .min_by_key(|contact| (contact.check_at(), contact.id))?;
        Some((next.check_at(), next.node()))
    }

    /// Our id is another one: everybody has another bucket.
    pub(super) fn rehome(&mut self, id: NodeId) {
        let old = std::mem::replace(self, Self::new(id));
        let (mut live, mut waiting) = (Vec::new(), Vec::new());
        for bucket in old.buckets.into_values() {
            live.extend(bucket.live);
            waiting.extend(bucket.waiting);
        }
        for contact in live.into_iter().filter(|contact| contact.id != id) {
            self.admit(contact);
        }
        for contact in waiting.into_iter().filter(|contact| contact.id != id) {
            let bucket = self.buckets.entry(id.shared_bits(&contact.id));
            bucket.or_default().wait(contact);
        }
    }

    /// How many have a place in the bucket of those that share so many bits.
    pub(super) fn in_bucket(&self, shared_bits: u32) -> usize {
        let bucket = self.buckets.get(&shared_bits);
        bucket.map_or(0, |bucket| bucket.live.len())
    }

    /// Whether there is a place among those that share so many bits.
    pub(super) fn has_room_at(&self, shared_bits: u32) -> bool {
        self.places.len() < DHT_CONTACTS_MAX && self.in_bucket(shared_bits) < width(shared_bits)
    }

    /// Whether there is a place for a node that is not known.
    pub(super) fn has_room(&self, node: &NodeAddr) -> bool {
        node.id != self.id
            && self.has_room_at(self.id.shared_bits(&node.id))
            && !self.places.contains_key(&Place::of(node.addr))
    }

    /// How a contact answers, if it has a place.
    pub(super) fn get(&self, id: &NodeId) -> Option<&Contact> {
        let bucket = self.buckets.get(&self.id.shared_bits(id))?;
        bucket.position(id).map(|at| &bucket.live[at])
    }

    /// Everybody who has a place.
    pub(super) fn contacts(&self) -> impl Iterator<Item = &Contact> {
        self.buckets.values().flat_map(|bucket| &bucket.live)
    }

    /// How many have a place.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// How many wait for one.
    pub(super) fn waiting(&self) -> usize {
        self.buckets
            .values()
            .map(|bucket| bucket.waiting.len())
            .sum()
    }

    /// How many of them are good.
    pub(super) fn good(&self, now: Time) -> usize {
        self.contacts()
            .filter(|contact| contact.is_good(now))
            .count()
    }

    fn get_mut(&mut self, id: &NodeId) -> Option<&mut Contact> {
        let bucket = self.buckets.get_mut(&self.id.shared_bits(id))?;
        let at = bucket.position(id)?;
        Some(&mut bucket.live[at])
    }

    fn take_waiting(&mut self, node: &NodeAddr) -> Option<Contact> {
        let bucket = self.buckets.get_mut(&self.id.shared_bits(&node.id))?;
        let same = |known: &Contact| known.node() == *node;
        let at = bucket.waiting.iter().position(same)?;
        Some(bucket.waiting.remove(at))
    }

    /// Gives a node that has no place one, if there is one.
    fn admit(&mut self, contact: Contact) {
        let (place, id) = (Place::of(contact.addr), contact.id);
        let shared_bits = self.id.shared_bits(&id);
        let is_full = self.places.len() >= DHT_CONTACTS_MAX;
        let bucket = self.buckets.entry(shared_bits).or_default();
        let width = match is_full {
            true => bucket.live.len(),
            false => width(shared_bits),
        };
        match bucket.admit(contact, width) {
            Admitted::In => {}
            Admitted::Instead(left) => {
                self.places.remove(&left);
            }
            Admitted::Waits | Admitted::Refused => return,
        }
        self.places.insert(place, id);
    }
}

/// The `count` that come first, in order.
fn closest_of<'a, O: Ord>(
    contacts: impl Iterator<Item = &'a Contact>,
    count: usize,
    order: impl Fn(&Contact) -> O,
) -> Vec<&'a Contact> {
    let mut all: Vec<_> = contacts.map(|contact| (order(contact), contact)).collect();
    if count == 0 {
        return Vec::new();
    }
    if all.len() > count {
        all.select_nth_unstable_by(count - 1, |a, b| a.0.cmp(&b.0));
        all.truncate(count);
    }
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all.into_iter().map(|(_, contact)| contact).collect()
}
