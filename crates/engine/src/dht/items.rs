//! The items that others stored at a node of ours (BEP 44).

use std::collections::BTreeMap;
use std::time::Duration;

use superseed_proto::krpc::{Item, MutableItem, NodeId, PutQuery, QueryFault};

use super::quota::Quota;
use crate::limits::{DHT_ITEMS_MAX, DHT_VERIFIED_PER_S_MAX};
use crate::time::Time;

/// How long an item is kept if nobody stores it again (BEP 44, "Expiration").
const EXPIRY: Duration = Duration::from_secs(2 * 60 * 60);

#[derive(Debug)]
struct Stored {
    item: Item,
    expires: Time,
}

/// All items that are stored.
#[derive(Debug)]
pub(super) struct Items {
    items: BTreeMap<NodeId, Stored>,
    verified: Quota,
}

impl Items {
    pub(super) fn new(now: Time) -> Self {
        Self {
            items: BTreeMap::new(),
            verified: Quota::new(DHT_VERIFIED_PER_S_MAX, 1, now),
        }
    }

    /// The item at a point.
    pub(super) fn get(&self, target: &NodeId, now: Time) -> Option<&Item> {
        let stored = self.items.get(target)?;
        (stored.expires > now).then_some(&stored.item)
    }

    /// Stores an item, if it may be and there is room: when there are too many,
    /// the one furthest from `home` goes, which may be this one.
    ///
    /// `None` if there was no time to verify its signature.
    pub(super) fn put(
        &mut self,
        put: PutQuery,
        home: &NodeId,
        now: Time,
    ) -> Option<Result<(), QueryFault>> {
        let target = put.item.target();
        if let Item::Mutable(item) = &put.item {
            let known = self.get(&target, now);
            if let Some(Item::Mutable(known)) = known
                && let Err(fault) = may_replace(known, item, put.cas)
            {
                return Some(Err(fault));
            }
            if !self.verified.take(1, now) {
                return None;
            }
            if let Err(fault) = item.check() {
                return Some(Err(QueryFault::Item(fault)));
            }
        }
        let stored = Stored {
            item: put.item,
            expires: now + EXPIRY,
        };
        self.items.insert(target, stored);
        if self.items.len() > DHT_ITEMS_MAX {
            self.items.retain(|_, stored| stored.expires > now);
        }
        if self.items.len() > DHT_ITEMS_MAX {
            let furthest = self.items.keys().max_by_key(|at| at.distance(home));
            if let Some(&furthest) = furthest {
                self.items.remove(&furthest);
            }
        }
        Some(Ok(()))
    }

    pub(super) fn len(&self) -> usize {
        self.items.len()
    }
}

/// Whether an item may be stored instead of another one (BEP 44).
fn may_replace(known: &MutableItem, new: &MutableItem, cas: Option<i64>) -> Result<(), QueryFault> {
    if cas.is_some_and(|cas| cas != known.seq) {
        return Err(QueryFault::CasMismatch);
    }
    if new.seq < known.seq || new.seq == known.seq && new.value != known.value {
        return Err(QueryFault::SeqTooLow);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use superseed_proto::krpc::ItemFault;

    const HOME: NodeId = NodeId([0; 20]);

    fn at(s: u64) -> Time {
        Time::START + Duration::from_secs(s)
    }

    fn put(seq: i64, value: &[u8], cas: Option<i64>) -> PutQuery {
        PutQuery {
            token: Vec::new(),
            item: Item::Mutable(MutableItem::sign(&[1; 32], b"", seq, value.to_vec()).unwrap()),
            cas,
        }
    }

    #[test]
    fn a_newer_item_replaces_an_older_one_and_no_other() {
        let mut items = Items::new(at(0));
        let mut store = |put| items.put(put, &HOME, at(0)).unwrap();
        assert_eq!(store(put(5, b"1:a", None)), Ok(()));
        assert_eq!(store(put(4, b"1:b", None)), Err(QueryFault::SeqTooLow));
        assert_eq!(store(put(5, b"1:b", None)), Err(QueryFault::SeqTooLow));
        assert_eq!(store(put(5, b"1:a", None)), Ok(()));
        assert_eq!(store(put(6, b"1:b", Some(4))), Err(QueryFault::CasMismatch));
        assert_eq!(store(put(6, b"1:b", Some(5))), Ok(()));
        let mut forged = put(7, b"1:c", None);
        if let Item::Mutable(item) = &mut forged.item {
            item.signature.0[0] ^= 1;
        }
        let fault = QueryFault::Item(ItemFault::SignatureWrong);
        assert_eq!(store(forged), Err(fault));
        let target = put(6, b"1:b", None).item.target();
        assert_eq!(items.get(&target, at(7_199)).unwrap().value(), b"1:b");
        assert!(items.get(&target, at(7_200)).is_none());
    }

    #[test]
    fn signatures_are_verified_at_a_bounded_rate() {
        let mut items = Items::new(at(0));
        let verified = (0..100)
            .filter(|&seq| items.put(put(seq, b"1:a", None), &HOME, at(0)).is_some())
            .count();
        assert_eq!(verified as u64, DHT_VERIFIED_PER_S_MAX);
    }

    #[test]
    fn the_furthest_item_goes_when_there_are_too_many() {
        let mut items = Items::new(at(0));
        let mut targets = Vec::new();
        for n in 0..1_000 {
            let value = format!("i{n}e").into_bytes();
            let item = Item::Immutable(value);
            targets.push(item.target());
            let put = PutQuery {
                token: Vec::new(),
                item,
                cas: None,
            };
            items.put(put, &HOME, at(0));
        }
        assert_eq!(items.len(), DHT_ITEMS_MAX);
        targets.sort();
        let kept = |target: &NodeId| items.get(target, at(1)).is_some();
        assert!(targets[..DHT_ITEMS_MAX].iter().all(kept));
    }
}
