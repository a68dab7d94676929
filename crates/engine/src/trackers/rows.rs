//! What the user sees of the trackers: one row each, its listeners merged.

use super::set::{Tracker, TrackerSet};
use super::slot::{Slot, Standing};
use crate::stats::{TrackerStats, TrackerStatus};
use crate::time::Time;

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
        url: tracker.url.clone(),
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
    if tracker.transport.is_none() {
        return TrackerStatus::Failed("the scheme of this tracker is not supported".to_owned());
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
