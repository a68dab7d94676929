//! Which torrent a swarm is: the names by which peers ask for torrents.
//!
//! A hybrid has two. What a name leads to is found by one look, whatever the
//! number of torrents, and whether they are awake, dormant or without metadata.
//! Encrypted handshakes name a swarm by a hash of its key.

use std::collections::HashMap;

use foldhash::fast::FixedState;
use superseed_proto::hash::{InfoHashes, SwarmKey};
use superseed_proto::mse::obfuscated;

use crate::ids::TorrentKey;

/// The torrents of an engine by the keys of their swarms.
pub(crate) struct Swarms {
    by_key: HashMap<SwarmKey, TorrentKey, FixedState>,
    by_obfuscated: HashMap<[u8; 20], SwarmKey, FixedState>,
}

impl Swarms {
    /// No torrent. `seed` is secret: whoever knew it could choose names that
    /// take long to find.
    pub(crate) fn new(seed: u64) -> Self {
        let state = FixedState::with_seed(seed);
        Self {
            by_key: HashMap::with_hasher(state.clone()),
            by_obfuscated: HashMap::with_hasher(state),
        }
    }

    /// Enters a torrent under its names; those that it has already stay.
    pub(crate) fn insert(&mut self, names: InfoHashes, torrent: TorrentKey) {
        for swarm in names.swarm_keys() {
            self.by_key.insert(swarm, torrent);
            self.by_obfuscated.insert(obfuscated(swarm), swarm);
        }
    }

    /// Forgets the names of a torrent.
    pub(crate) fn remove(&mut self, names: InfoHashes) {
        for swarm in names.swarm_keys() {
            self.by_key.remove(&swarm);
            self.by_obfuscated.remove(&obfuscated(swarm));
        }
    }

    /// The torrent of a swarm.
    pub(crate) fn get(&self, swarm: &SwarmKey) -> Option<TorrentKey> {
        self.by_key.get(swarm).copied()
    }

    /// The swarm whose key has this [`obfuscated`] form.
    pub(crate) fn by_obfuscated(&self, name: &[u8; 20]) -> Option<SwarmKey> {
        self.by_obfuscated.get(name).copied()
    }
}

#[cfg(test)]
mod tests {
    use slotmap::SlotMap;
    use superseed_proto::hash::{InfoHashV1, InfoHashV2};

    use super::*;

    #[test]
    fn ten_thousand_torrents_are_found_by_each_of_their_names() {
        let mut swarms = Swarms::new(7);
        let mut keys = SlotMap::<TorrentKey, InfoHashes>::with_key();
        for number in 0..10_000_u32 {
            let mut v1 = [0x11; 20];
            v1[..4].copy_from_slice(&number.to_be_bytes());
            let mut v2 = [0x22; 32];
            v2[..4].copy_from_slice(&number.to_be_bytes());
            let names = match number % 3 {
                0 => InfoHashes::V1(InfoHashV1(v1)),
                1 => InfoHashes::V2(InfoHashV2(v2)),
                _ => InfoHashes::Hybrid(InfoHashV1(v1), InfoHashV2(v2)),
            };
            swarms.insert(names, keys.insert(names));
        }
        for (key, names) in &keys {
            for swarm in names.swarm_keys() {
                assert_eq!(swarms.get(&swarm), Some(key));
                let obfuscated = obfuscated(swarm);
                assert_eq!(swarms.by_obfuscated(&obfuscated), Some(swarm));
            }
        }
        for names in keys.values() {
            swarms.remove(*names);
        }
        assert!(swarms.by_key.is_empty() && swarms.by_obfuscated.is_empty());
    }
}
