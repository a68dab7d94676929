//! All torrents: those that await their metadata, those that are awake, and
//! those that are dormant.
//!
//! A torrent has its key and its swarms from the start. Its metadata may come
//! later (BEP 9, or from the user); until then it has no pieces and no storage,
//! and everything that needs those finds it absent.

use slotmap::SlotMap;
use superseed_proto::hash::InfoHashes;

use crate::ids::TorrentKey;
use crate::torrent::Torrent;
use crate::torrent::awaiting::Awaiting;
use crate::torrent::dormant::Dormant;

/// A torrent in one of its three forms.
pub(crate) enum Slot {
    AwaitingMetadata(Box<Awaiting>),
    Active(Box<Torrent>),
    Dormant(Box<Dormant>),
}

/// The torrents of an engine.
#[derive(Default)]
pub(crate) struct Torrents {
    /// A place is empty only while its torrent goes over into another form.
    slots: SlotMap<TorrentKey, Option<Slot>>,
}

impl Torrents {
    /// A key for a torrent whose form comes next.
    pub(crate) fn reserve(&mut self) -> TorrentKey {
        self.slots.insert(None)
    }

    /// The torrent behind a key that was reserved.
    pub(crate) fn fill(&mut self, key: TorrentKey, slot: Slot) {
        if let Some(place) = self.slots.get_mut(key) {
            *place = Some(slot);
        }
    }

    /// The torrent, in whatever form.
    pub(crate) fn slot(&self, key: TorrentKey) -> Option<&Slot> {
        self.slots.get(key)?.as_ref()
    }

    /// The torrent, if its metadata is known and it is awake.
    pub(crate) fn get(&self, key: TorrentKey) -> Option<&Torrent> {
        match self.slots.get(key)?.as_ref()? {
            Slot::Active(torrent) => Some(torrent),
            Slot::AwaitingMetadata(_) | Slot::Dormant(_) => None,
        }
    }

    /// The torrent, if its metadata is known and it is awake.
    pub(crate) fn get_mut(&mut self, key: TorrentKey) -> Option<&mut Torrent> {
        match self.slots.get_mut(key)?.as_mut()? {
            Slot::Active(torrent) => Some(torrent),
            Slot::AwaitingMetadata(_) | Slot::Dormant(_) => None,
        }
    }

    /// The torrent, if it is dormant.
    pub(crate) fn dormant(&self, key: TorrentKey) -> Option<&Dormant> {
        match self.slots.get(key)?.as_ref()? {
            Slot::Dormant(dormant) => Some(dormant),
            Slot::AwaitingMetadata(_) | Slot::Active(_) => None,
        }
    }

    /// The torrent, if it is dormant.
    pub(crate) fn dormant_mut(&mut self, key: TorrentKey) -> Option<&mut Dormant> {
        match self.slots.get_mut(key)?.as_mut()? {
            Slot::Dormant(dormant) => Some(dormant),
            Slot::AwaitingMetadata(_) | Slot::Active(_) => None,
        }
    }

    /// The torrent, if it awaits its metadata.
    pub(crate) fn awaiting(&self, key: TorrentKey) -> Option<&Awaiting> {
        match self.slots.get(key)?.as_ref()? {
            Slot::AwaitingMetadata(awaiting) => Some(awaiting),
            Slot::Active(_) | Slot::Dormant(_) => None,
        }
    }

    /// The torrent, if it awaits its metadata.
    pub(crate) fn awaiting_mut(&mut self, key: TorrentKey) -> Option<&mut Awaiting> {
        match self.slots.get_mut(key)?.as_mut()? {
            Slot::AwaitingMetadata(awaiting) => Some(awaiting),
            Slot::Active(_) | Slot::Dormant(_) => None,
        }
    }

    pub(crate) fn is_awaiting(&self, key: TorrentKey) -> bool {
        self.awaiting(key).is_some()
    }

    /// A torrent goes over into another form.
    pub(crate) fn change(&mut self, key: TorrentKey, change: impl FnOnce(Slot) -> Slot) {
        if let Some(place) = self.slots.get_mut(key) {
            *place = place.take().map(change);
        }
    }

    /// Forgets a torrent and returns what named it.
    pub(crate) fn remove(&mut self, key: TorrentKey) -> Option<InfoHashes> {
        Some(match self.slots.remove(key)?? {
            Slot::Active(torrent) => torrent.info_hashes(),
            Slot::Dormant(dormant) => dormant.lasting.info_hashes,
            Slot::AwaitingMetadata(awaiting) => awaiting.lasting.info_hashes,
        })
    }

    /// All torrents, in any form.
    pub(crate) fn keys(&self) -> Vec<TorrentKey> {
        self.slots.keys().collect()
    }

    /// All torrents that are awake.
    pub(crate) fn awake(&self) -> impl Iterator<Item = TorrentKey> + '_ {
        let awake = |(key, slot): (TorrentKey, &Option<Slot>)| {
            matches!(slot, Some(Slot::Active(_))).then_some(key)
        };
        self.slots.iter().filter_map(awake)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }
}
