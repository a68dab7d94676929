//! What scripted peers saw, and when.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// A block: its piece and where in the piece it begins.
pub(in crate::interop) type BlockAt = (u32, u32);

/// Something that a scripted peer saw or did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::interop) enum Seen {
    /// A handshake was exchanged.
    Connected,
    /// The other side asked for a block.
    Requested(BlockAt),
    /// A whole, true block was given to the socket.
    Delivered(BlockAt),
    /// A block with a wrong byte was given to the socket.
    Spoilt(BlockAt),
    /// The script's sin was committed.
    Sinned,
    /// The other side closed the connection.
    Closed,
}

/// A log that several peers share.
#[derive(Clone, Debug, Default)]
pub(in crate::interop) struct Log(Arc<Mutex<Vec<(Instant, Seen)>>>);

impl Log {
    /// Adds a line.
    pub(super) fn add(&self, seen: Seen) {
        self.lines().push((Instant::now(), seen));
    }

    /// When something of a kind was first seen.
    pub(in crate::interop) fn first(&self, is_it: impl Fn(Seen) -> bool) -> Option<Instant> {
        self.lines()
            .iter()
            .find(|(_, seen)| is_it(*seen))
            .map(|(at, _)| *at)
    }

    /// How often something of a kind was seen.
    pub(in crate::interop) fn count(&self, is_it: impl Fn(Seen) -> bool) -> usize {
        self.lines().iter().filter(|(_, seen)| is_it(*seen)).count()
    }

    /// How often each block was delivered, right or wrong.
    pub(in crate::interop) fn deliveries(&self) -> BTreeMap<BlockAt, usize> {
        let mut deliveries = BTreeMap::new();
        for (_, seen) in self.lines().iter() {
            if let Seen::Delivered(block) | Seen::Spoilt(block) = seen {
                *deliveries.entry(*block).or_default() += 1;
            }
        }
        deliveries
    }

    fn lines(&self) -> std::sync::MutexGuard<'_, Vec<(Instant, Seen)>> {
        // A line is added whole or not at all.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
