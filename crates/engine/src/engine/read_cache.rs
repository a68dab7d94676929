//! Runs of verified pieces kept in memory for uploads.
//!
//! One read of a run serves every peer that asks for a block of it; the blocks
//! are slices of the one buffer. Its size is a setting, its eviction is least
//! recently used.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use foldhash::fast::FixedState;
use smallvec::SmallVec;
use superseed_proto::layout::{Layout, PieceIndex};

use crate::ids::{ConnKey, TorrentKey};
use crate::limits::RUN_LEN;

/// Names a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct RunKey {
    pub(crate) torrent: TorrentKey,
    pub(crate) piece: PieceIndex,
    /// The run in its piece, 0-based.
    pub(crate) run: u32,
}

impl RunKey {
    /// The run that holds the byte at `begin` of a piece.
    pub(crate) fn of(torrent: TorrentKey, piece: PieceIndex, begin: u32) -> Self {
        Self {
            torrent,
            piece,
            run: begin / RUN_LEN,
        }
    }

    /// Where the run begins in its piece, in bytes.
    pub(crate) fn begin(&self) -> u32 {
        self.run * RUN_LEN
    }

    /// How long the run is; the last of a piece may be shorter.
    pub(crate) fn len(&self, layout: &Layout) -> u32 {
        (layout.piece_len(self.piece) - self.begin()).min(RUN_LEN)
    }
}

/// Peers that wait for a run.
pub(crate) type Waiters = SmallVec<[ConnKey; 4]>;

enum Run {
    Loading(Waiters),
    Ready { data: Bytes, used: u64 },
}

/// What the cache knows of a run.
pub(crate) enum Lookup {
    /// It is here.
    Hit(Bytes),
    /// A read is on its way; the peer was added to those that wait.
    Loading,
    /// A read must be started; the peer was added to those that wait.
    Miss,
}

/// The cache of all torrents.
pub(crate) struct ReadCache {
    runs: HashMap<RunKey, Run, FixedState>,
    by_use: BTreeMap<u64, RunKey>,
    clock: u64,
    bytes: u64,
    /// Reads that are out.
    loading: u64,
}

impl ReadCache {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            runs: HashMap::with_hasher(FixedState::with_seed(seed)),
            by_use: BTreeMap::new(),
            clock: 0,
            bytes: 0,
            loading: 0,
        }
    }

    /// Looks a run up for a peer; on a miss the caller starts the read.
    pub(crate) fn lookup(&mut self, key: RunKey, conn: ConnKey) -> Lookup {
        self.clock += 1;
        match self.runs.get_mut(&key) {
            Some(Run::Ready { data, used }) => {
                self.by_use.remove(used);
                *used = self.clock;
                self.by_use.insert(self.clock, key);
                Lookup::Hit(data.clone())
            }
            Some(Run::Loading(waiters)) => {
                if !waiters.contains(&conn) {
                    waiters.push(conn);
                }
                Lookup::Loading
            }
            None => {
                self.loading += 1;
                self.runs
                    .insert(key, Run::Loading(SmallVec::from_slice(&[conn])));
                Lookup::Miss
            }
        }
    }

    /// Whether a run is here, or being read.
    pub(crate) fn has(&self, key: RunKey) -> bool {
        self.runs.contains_key(&key)
    }

    /// Bytes of runs that are here.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Reads that are out.
    pub(crate) fn loading(&self) -> usize {
        self.loading as usize
    }

    /// A read ended well. Evicts what no longer fits and returns who waited, who
    /// started it first.
    pub(crate) fn loaded(&mut self, key: RunKey, data: Bytes, budget_bytes: u64) -> Waiters {
        let waiters = self.failed(key);
        self.clock += 1;
        self.bytes += data.len() as u64;
        self.by_use.insert(self.clock, key);
        self.runs.insert(
            key,
            Run::Ready {
                data,
                used: self.clock,
            },
        );
        // The newest run stays even when it alone is over the budget: its
        // waiters have not taken their blocks yet.
        while self.bytes > budget_bytes && self.by_use.len() > 1 {
            let Some((_, oldest)) = self.by_use.pop_first() else {
                break;
            };
            self.remove(oldest);
        }
        waiters
    }

    /// A read failed: forgets the run and returns who waited.
    pub(crate) fn failed(&mut self, key: RunKey) -> Waiters {
        match self.runs.remove(&key) {
            Some(Run::Loading(waiters)) => {
                self.loading -= 1;
                waiters
            }
            Some(Run::Ready { data, used }) => {
                self.bytes -= data.len() as u64;
                self.by_use.remove(&used);
                Waiters::new()
            }
            None => Waiters::new(),
        }
    }

    fn remove(&mut self, key: RunKey) {
        if let Some(Run::Ready { data, .. }) = self.runs.remove(&key) {
            self.bytes -= data.len() as u64;
        }
    }

    /// Forgets what belongs to a torrent.
    pub(crate) fn forget_torrent(&mut self, torrent: TorrentKey) {
        let gone: Vec<(u64, RunKey)> = self
            .by_use
            .iter()
            .filter(|(_, key)| key.torrent == torrent)
            .map(|(&used, &key)| (used, key))
            .collect();
        for (used, key) in gone {
            self.by_use.remove(&used);
            self.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use slotmap::SlotMap;

    #[test]
    fn one_read_serves_all_who_wait_and_the_oldest_goes_first() {
        let mut torrents: SlotMap<TorrentKey, ()> = SlotMap::with_key();
        let mut conns: SlotMap<ConnKey, ()> = SlotMap::with_key();
        let (torrent, a, b) = (torrents.insert(()), conns.insert(()), conns.insert(()));
        let key = |piece| RunKey::of(torrent, PieceIndex(piece), 0);
        let mut cache = ReadCache::new(0);
        assert!(matches!(cache.lookup(key(0), a), Lookup::Miss));
        assert!(matches!(cache.lookup(key(0), b), Lookup::Loading));
        assert_eq!(
            cache
                .loaded(key(0), Bytes::from_static(&[0; 60]), 100)
                .as_slice(),
            [a, b]
        );
        assert!(matches!(cache.lookup(key(0), a), Lookup::Hit(_)));
        assert!(matches!(cache.lookup(key(1), a), Lookup::Miss));
        cache.loaded(key(1), Bytes::from_static(&[0; 60]), 100);
        assert!(matches!(cache.lookup(key(1), a), Lookup::Hit(_)));
        assert!(matches!(cache.lookup(key(0), a), Lookup::Miss), "evicted");
        assert_eq!(cache.failed(key(0)).as_slice(), [a]);
    }
}
