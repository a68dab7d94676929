//! Who wants to be woken when, soonest first.

use std::collections::{BTreeMap, BTreeSet};

use crate::time::Time;

/// At most one moment per sleeper.
#[derive(Debug)]
pub(crate) struct Agenda<K> {
    order: BTreeSet<(Time, K)>,
    moments: BTreeMap<K, Time>,
}

impl<K> Default for Agenda<K> {
    fn default() -> Self {
        Self {
            order: BTreeSet::new(),
            moments: BTreeMap::new(),
        }
    }
}

impl<K: Copy + Ord> Agenda<K> {
    /// Wakes `sleeper` at `at`, and no longer at the moment set before.
    pub(crate) fn set(&mut self, sleeper: K, at: Time) {
        self.remove(sleeper);
        self.order.insert((at, sleeper));
        self.moments.insert(sleeper, at);
    }

    /// Never wakes `sleeper`.
    pub(crate) fn remove(&mut self, sleeper: K) {
        if let Some(at) = self.moments.remove(&sleeper) {
            self.order.remove(&(at, sleeper));
        }
    }

    /// When `sleeper` is woken, if it is.
    pub(crate) fn at(&self, sleeper: K) -> Option<Time> {
        self.moments.get(&sleeper).copied()
    }

    /// Takes out the next sleeper whose moment has come.
    pub(crate) fn pop_due(&mut self, now: Time) -> Option<K> {
        let &(at, sleeper) = self.order.first()?;
        if at > now {
            return None;
        }
        self.remove(sleeper);
        Some(sleeper)
    }

    /// The next moment.
    pub(crate) fn next(&self) -> Time {
        self.order.first().map_or(Time::NEVER, |(at, _)| *at)
    }
}
