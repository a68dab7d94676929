//! What the user sees of the trackers: one row each, its listeners merged.

use super::set::{Phase, Tracker, TrackerSet};
use super::slot::{Slot, Standing};
use super::walk;
use crate::stats::{TrackerStats, TrackerStatus};
use crate::time::Time;

/// A tracker whose first good answer is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackerWait {
    /// Its URL.
    pub url: String,
    /// An announce is on its way; if not, the next one is waited for.
    pub announcing: bool,
    /// When the announce is given up, or the next one is made.
    pub until: Time,
    /// What came of the last announce, in one sentence, if it failed.
    pub error: Option<String>,
}

impl TrackerSet {
    /// One row per tracker, in the order of the tiers.
    ///
    /// Of several listeners the best result is shown: a tracker that answers
    /// over one family is fine.
    pub fn stats(&self, now: Time) -> Vec<TrackerStats> {
        self.trackers
            .iter()
            .map(|tracker| row(tracker, now))
            .collect()
    }

    /// The tracker that is waited for while none has an answer for us: of
    /// those with an announce on its way the one that is given up first, else
    /// the one that is asked next.
    pub fn waits_for(&self, now: Time) -> Option<TrackerWait> {
        if self.phase != Phase::Running {
            return None;
        }
        let pairs = || {
            let spoken = self.trackers.iter().filter_map(|tracker| {
                let transport = tracker.transport.ok()?;
                Some((tracker, walk::patience(transport)))
            });
            spoken.flat_map(|(tracker, patience)| {
                let slots = tracker.slots.iter();
                slots.map(move |slot| (tracker, patience, slot))
            })
        };
        let answers =
            |slot: &Slot| slot.standing == Standing::Good && !slot.is_silent(now, walk::SILENCE);
        if pairs().any(|(_, _, slot)| answers(slot)) {
            return None;
        }
        let waits = pairs().map(|(tracker, patience, slot)| {
            let given_up = slot.flight.map(|flight| flight.since + patience);
            (
                given_up.is_none(),
                given_up.unwrap_or(slot.due),
                tracker,
                slot,
            )
        });
        let (idle, until, tracker, slot) = waits
            .filter(|(_, until, ..)| *until != Time::NEVER)
            .min_by_key(|(idle, until, ..)| (*idle, *until))?;
        let error = match &slot.standing {
            Standing::Failed(message) | Standing::Parked(message) => Some(message.clone()),
            Standing::Untried | Standing::Good => None,
        };
        Some(TrackerWait {
            url: tracker.url.to_string(),
            announcing: !idle,
            until,
            error,
        })
    }
}

fn row(tracker: &Tracker, now: Time) -> TrackerStats {
    let slots = &tracker.slots;
    let planned = slots
        .iter()
        .filter(|slot| slot.planned && slot.flight.is_none());
    let next = planned
        .map(|slot| slot.due)
        .filter(|due| *due != Time::NEVER)
        .min();
    let largest = |count: fn(&Slot) -> Option<u64>| slots.iter().filter_map(count).max();
    TrackerStats {
        url: tracker.url.to_string(),
        tier: tracker.tier,
        status: status(tracker),
        next_announce: next.map(|due| due.since(now)),
        seeders: largest(|slot| slot.answer.seeders),
        leechers: largest(|slot| slot.answer.leechers),
        downloads: largest(|slot| slot.answer.downloads),
        peers: slots.iter().map(|slot| slot.answer.peers).sum(),
    }
}

fn status(tracker: &Tracker) -> TrackerStatus {
    if let Err(fault) = tracker.transport {
        return TrackerStatus::Failed(fault.to_string());
    }
    let slots = &tracker.slots;
    let good = slots.iter().filter(|slot| slot.standing == Standing::Good);
    let mut warnings = good
        .map(|slot| slot.answer.warning.clone())
        .collect::<Vec<_>>()
        .into_iter();
    if let Some(first) = warnings.next() {
        return TrackerStatus::Ok {
            warning: first.or_else(|| warnings.flatten().next()),
        };
    }
    if slots.iter().any(|slot| slot.flight.is_some()) {
        return TrackerStatus::Announcing;
    }
    let failed = slots.iter().find_map(|slot| match &slot.standing {
        Standing::Failed(message) => Some(message),
        _ => None,
    });
    let parked = || {
        slots.iter().find_map(|slot| match &slot.standing {
            Standing::Parked(message) => Some(message),
            _ => None,
        })
    };
    failed
        .or_else(parked)
        .map_or(TrackerStatus::Idle, |message| {
            TrackerStatus::Failed(message.clone())
        })
}
