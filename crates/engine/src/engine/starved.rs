//! Peers that wait for memory.
//!
//! A peer that was asked for nothing because the memory for blocks was used up
//! would never be asked again: it owes nothing, so that nothing of it wakes
//! anybody. It waits here, and whoever waited longest goes first. One look for
//! each place that becomes free costs the same for ten peers and for a
//! thousand.

use std::collections::VecDeque;

use smallvec::SmallVec;

use crate::ids::{ConnKey, TorrentKey};

/// The peers that wait, each once.
#[derive(Debug, Default)]
pub(crate) struct Starved {
    queue: VecDeque<(TorrentKey, ConnKey)>,
    /// How many wait of each torrent that has any.
    counts: SmallVec<[(TorrentKey, usize); 2]>,
}

impl Starved {
    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }

    /// Whether peers of another torrent wait.
    pub(crate) fn has_others(&self, torrent: TorrentKey) -> bool {
        self.counts.iter().any(|(other, _)| *other != torrent)
    }

    /// A peer waits from now on. The caller knows that it did not.
    pub(crate) fn push(&mut self, torrent: TorrentKey, peer: ConnKey) {
        self.queue.push_back((torrent, peer));
        let known = self.counts.iter_mut().find(|(of, _)| *of == torrent);
        match known {
            Some((_, count)) => *count += 1,
            None => self.counts.push((torrent, 1)),
        }
    }

    /// The peer that waited longest waits no more. It may be gone.
    pub(crate) fn pop(&mut self) -> Option<(TorrentKey, ConnKey)> {
        let (torrent, peer) = self.queue.pop_front()?;
        let known = self.counts.iter().position(|(of, _)| *of == torrent);
        if let Some(at) = known {
            self.counts[at].1 -= 1;
            if self.counts[at].1 == 0 {
                self.counts.swap_remove(at);
            }
        }
        Some((torrent, peer))
    }
}

#[cfg(test)]
mod tests {
    use slotmap::KeyData;

    use super::*;

    fn keys(number: u64) -> (TorrentKey, ConnKey) {
        let torrent = KeyData::from_ffi(1 << 32 | (number % 2 + 1)).into();
        (torrent, KeyData::from_ffi(1 << 32 | (number + 1)).into())
    }

    #[test]
    fn who_waited_longest_goes_first_and_torrents_know_of_each_other() {
        let mut starved = Starved::default();
        let [(even, first), (odd, second), (_, third)] = [keys(0), keys(1), keys(2)];
        starved.push(even, first);
        assert!(!starved.has_others(even) && starved.has_others(odd));
        starved.push(odd, second);
        starved.push(even, third);
        assert_eq!(starved.len(), 3);
        assert!(starved.has_others(even) && starved.has_others(odd));
        assert_eq!(starved.pop(), Some((even, first)));
        assert_eq!(starved.pop(), Some((odd, second)));
        assert!(!starved.has_others(even) && starved.has_others(odd));
        assert_eq!(starved.pop(), Some((even, third)));
        assert!(starved.len() == 0 && !starved.has_others(odd));
        assert_eq!(starved.pop(), None);
    }
}
