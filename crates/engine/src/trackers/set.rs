//! The trackers of one torrent: what the user and the world tell of them.
//!
//! Which of them is asked is decided in `walk`, when in `slot`.

use core::net::SocketAddr;
use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::FixedState;
use rand_core::Rng;
use superseed_proto::url_rules::{self, UrlFault};

use super::slot::{Slot, Standing};
use super::{Accepted, AnnounceAnswer, AnnounceEvent, FailureKind, SlotId, Transport, Urls};
use crate::ids::ListenerId;
use crate::limits::TRACKERS_PER_TORRENT_MAX;
use crate::time::Time;

/// The trackers of one torrent and what each was told.
///
/// Every listening address announces for itself, so state is kept per pair of
/// tracker and listener.
#[derive(Debug)]
pub struct TrackerSet {
    pub(super) private: bool,
    pub(super) key: u32,
    /// In the order of the tiers.
    pub(super) trackers: Vec<Tracker>,
    pub(super) listeners: Vec<(ListenerId, SocketAddr)>,
    /// Each announces to one tracker at a time.
    pub(super) groups: Vec<Group>,
    /// The shuffled tiers, from which groups are made.
    tiers: Vec<Vec<u32>>,
    pub(super) phase: Phase,
    /// Whether any tracker answered since the start.
    pub(super) answered: bool,
    /// The tracker that answered last.
    answered_by: Option<u32>,
    completed_at: Option<Time>,
    pub(super) deadline: Time,
    /// Whether the last poll found too few peers.
    pub(super) needy: bool,
    refused: Vec<(String, UrlFault)>,
}

/// One tracker.
#[derive(Debug)]
pub(super) struct Tracker {
    pub(super) url: Arc<str>,
    pub(super) tier: usize,
    /// Or why it is never asked.
    pub(super) transport: Result<Transport, UrlFault>,
    /// One per listener, in their order.
    pub(super) slots: Vec<Slot>,
    /// It saw us as a downloader and was not told of the end.
    pub(super) owes_completed: bool,
}

/// Trackers of which one at a time is asked, best first: a tier seen from one
/// listener, or all trackers of a private torrent.
#[derive(Debug)]
pub(super) struct Group {
    /// The listener's position; `None` for all.
    pub(super) listener: Option<usize>,
    pub(super) order: Vec<u32>,
    /// The one that is asked, in a private torrent.
    pub(super) current: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Idle,
    Running,
    Stopping,
}

impl TrackerSet {
    /// The trackers of a torrent that has not begun: nothing is announced
    /// before [`start`](Self::start) and [`set_listeners`](Self::set_listeners).
    ///
    /// Each tier is shuffled (BEP 12); a URL that came before is dropped.
    pub fn new(tiers: &[Vec<String>], private: bool, key: u32, rng: &mut impl Rng) -> Self {
        let mut set = Self {
            private,
            key,
            trackers: Vec::new(),
            listeners: Vec::new(),
            groups: Vec::new(),
            tiers: Vec::new(),
            phase: Phase::Idle,
            answered: false,
            answered_by: None,
            completed_at: None,
            deadline: Time::START,
            needy: false,
            refused: Vec::new(),
        };
        for tier in tiers {
            set.add_tier(tier);
        }
        for tier in &mut set.tiers {
            shuffle(tier, rng);
        }
        set
    }

    /// Holds each URL where all other torrents do that name it.
    pub fn share_urls(&mut self, urls: &mut Urls) {
        for tracker in &mut self.trackers {
            tracker.url = urls.shared(&tracker.url);
        }
    }

    /// The URLs by tier, those of no use included.
    pub fn tiers(&self) -> Vec<Vec<String>> {
        let mut tiers: Vec<Vec<String>> = Vec::new();
        for tracker in &self.trackers {
            tiers.resize(tiers.len().max(tracker.tier + 1), Vec::new());
            tiers[tracker.tier].push(tracker.url.to_string());
        }
        tiers
    }

    /// The torrent begins, or goes on after [`stop`](Self::stop).
    pub fn start(&mut self, now: Time) {
        self.phase = Phase::Running;
        self.answered = false;
        for tracker in &mut self.trackers {
            tracker.owes_completed = false;
            tracker.slots.iter_mut().for_each(|slot| slot.restart(now));
        }
        self.wake();
    }

    /// Whether it announces as a matter of course.
    pub fn is_running(&self) -> bool {
        self.phase == Phase::Running
    }

    /// The torrent turned out to be private: one tracker at a time is asked
    /// (BEP 27).
    pub fn set_private(&mut self) {
        self.private = true;
        self.regroup();
    }

    /// The addresses to announce from; each announces its own port.
    pub fn set_listeners(&mut self, listeners: &[(ListenerId, SocketAddr)]) {
        let before = std::mem::replace(&mut self.listeners, listeners.to_vec());
        for tracker in &mut self.trackers {
            let mut slots: Vec<_> = before.iter().zip(tracker.slots.drain(..)).collect();
            let kept = |listener| {
                let position = slots.iter().position(|(known, _)| *known == listener);
                position.map_or_else(Slot::new, |position| slots.swap_remove(position).1)
            };
            tracker.slots = listeners.iter().map(kept).collect();
        }
        self.regroup();
    }

    /// How many trackers there are.
    pub fn count(&self) -> usize {
        self.trackers.len()
    }

    /// The URL of a tracker of this set.
    pub fn url(&self, slot: SlotId) -> Option<&str> {
        self.trackers
            .get(slot.tracker as usize)
            .map(|tracker| &*tracker.url)
    }

    /// A tracker answered. `None` means that the answer is to an attempt that
    /// was given up.
    pub fn on_success(
        &mut self,
        slot: SlotId,
        now: Time,
        answer: AnnounceAnswer,
    ) -> Option<Accepted> {
        let (tracker, position) = self.in_flight(slot)?;
        let event = tracker.slots[position].flight?.event;
        if event == AnnounceEvent::Completed {
            tracker.owes_completed = false;
        }
        let slot_state = &mut tracker.slots[position];
        slot_state.succeed(now, answer);
        if event == AnnounceEvent::Stopped {
            slot_state.owes_stop = false;
            self.wake();
            return Some(Accepted { drop_peers: false });
        }
        self.answered = true;
        self.prefer(slot.tracker, position, now);
        let before = self.answered_by.replace(slot.tracker);
        self.wake();
        Some(Accepted {
            drop_peers: self.private && before.is_some_and(|before| before != slot.tracker),
        })
    }

    /// The answer named peers that were not known: to ask early was of use.
    pub fn helped(&mut self, slot: SlotId) {
        if let Some((tracker, position)) = self.find(slot) {
            tracker.slots[position].helped();
        }
    }

    /// An announce failed; `message` is one sentence. True means that it is
    /// worth telling the user.
    pub fn on_failure(
        &mut self,
        slot: SlotId,
        now: Time,
        kind: FailureKind,
        message: String,
    ) -> bool {
        let jitter = FixedState::with_seed(self.key.into()).hash_one((slot, now.as_micros()));
        let stopping = self.phase == Phase::Stopping;
        let Some((tracker, position)) = self.in_flight(slot) else {
            return false;
        };
        let event = tracker.slots[position].flight.map(|flight| flight.event);
        tracker.slots[position].fail(now, kind, message, jitter as u16);
        if event == Some(AnnounceEvent::Started) && !tracker.slots.iter().any(|slot| slot.started) {
            // It never saw us incomplete.
            tracker.owes_completed = false;
        }
        if stopping {
            // There is no time for a second attempt.
            tracker.owes_completed &= event != Some(AnnounceEvent::Completed);
            tracker.slots[position].owes_stop &= event != Some(AnnounceEvent::Stopped);
        }
        let nowhere = tracker
            .slots
            .iter()
            .all(|slot| matches!(slot.standing, Standing::Parked(_)));
        if nowhere {
            // The name has no address at all, perhaps for a moment only.
            tracker
                .slots
                .iter_mut()
                .for_each(|slot| slot.back_off(now, jitter as u16));
        }
        self.wake();
        !stopping && (nowhere || kind != FailureKind::NoAddress)
    }

    /// When [`poll`](Self::poll) has something to do; [`Time::NEVER`] if it
    /// only waits for answers.
    pub fn next_deadline(&self) -> Time {
        self.deadline
    }

    /// The torrent stops: the next polls order the `stopped` announces, for
    /// trackers that got `started`; a `completed` that is owed goes before.
    pub fn stop(&mut self, now: Time) {
        if self.phase != Phase::Running {
            return;
        }
        self.phase = Phase::Stopping;
        for tracker in &mut self.trackers {
            for slot in &mut tracker.slots {
                let heard = slot.flight.is_some() && !slot.is_silent(now, super::walk::SILENCE);
                slot.owes_stop = slot.started || heard;
                slot.reserved = None;
                if slot
                    .flight
                    .is_some_and(|flight| flight.event != AnnounceEvent::Completed)
                {
                    slot.cancel();
                }
            }
        }
        self.wake();
    }

    /// Whether every tracker that must know of the stop was told, or failed.
    pub fn all_stopped(&self) -> bool {
        let mut slots = self.trackers.iter().flat_map(|tracker| &tracker.slots);
        self.phase != Phase::Running && !slots.any(|slot| slot.owes_stop)
    }

    /// The last wanted piece was downloaded and verified just now (and not: a
    /// check found everything on disk). Told once, to trackers that saw the
    /// torrent incomplete.
    pub fn complete(&mut self, now: Time) {
        if self.completed_at.is_some() {
            return;
        }
        self.completed_at = Some(now);
        for tracker in &mut self.trackers {
            let mut slots = tracker.slots.iter();
            tracker.owes_completed = slots.any(|slot| slot.started || slot.flight.is_some());
        }
        self.wake();
    }

    /// The user wants an announce now; each tracker's minimum interval is kept.
    pub fn reannounce(&mut self, now: Time) {
        for tracker in &mut self.trackers {
            tracker.slots.iter_mut().for_each(|slot| slot.hurry(now));
        }
        self.wake();
    }

    /// Adds a tracker as a tier of its own. False if it is known already or
    /// there are too many.
    pub fn add_tracker(&mut self, url: &str) -> bool {
        let added = self.add_tier(&[url.to_owned()]);
        self.regroup();
        added
    }

    /// URLs that are never asked, and why, each once.
    pub fn take_refused(&mut self) -> Vec<(String, UrlFault)> {
        std::mem::take(&mut self.refused)
    }

    fn add_tier(&mut self, urls: &[String]) -> bool {
        let mut tier = Vec::new();
        for url in urls {
            let known = self.trackers.iter().any(|tracker| *tracker.url == **url);
            if known || self.trackers.len() >= TRACKERS_PER_TORRENT_MAX {
                continue;
            }
            let transport = transport(url);
            match transport {
                Ok(_) => tier.push(self.trackers.len() as u32),
                Err(fault) => self.refused.push((url.clone(), fault)),
            }
            self.trackers.push(Tracker {
                url: url.as_str().into(),
                tier: self.tiers.len(),
                transport,
                slots: self.listeners.iter().map(|_| Slot::new()).collect(),
                owes_completed: false,
            });
        }
        let added = self
            .trackers
            .iter()
            .any(|tracker| tracker.tier == self.tiers.len());
        if added {
            self.tiers.push(tier);
        }
        added
    }

    /// Makes the groups anew; what was learned about order is learned again.
    fn regroup(&mut self) {
        let current = self.groups.iter().find_map(|group| group.current);
        self.groups.clear();
        if self.private {
            self.groups.push(Group {
                listener: None,
                order: self.tiers.concat(),
                current,
            });
        } else {
            for listener in 0..self.listeners.len() {
                let group = |tier: &Vec<u32>| Group {
                    listener: Some(listener),
                    order: tier.clone(),
                    current: None,
                };
                self.groups.extend(self.tiers.iter().map(group));
            }
        }
        self.wake();
    }

    /// The tracker and the listener's position of an announce on its way.
    fn in_flight(&mut self, slot: SlotId) -> Option<(&mut Tracker, usize)> {
        let (tracker, position) = self.find(slot)?;
        let state = &tracker.slots[position];
        let present = state.flight.is_some() && state.attempt == slot.attempt;
        present.then_some((tracker, position))
    }

    /// The tracker of a pair, and which of its slots the pair is.
    fn find(&mut self, slot: SlotId) -> Option<(&mut Tracker, usize)> {
        let mut listeners = self.listeners.iter();
        let position = listeners.position(|(id, _)| *id == slot.listener)?;
        Some((self.trackers.get_mut(slot.tracker as usize)?, position))
    }

    /// Moves a tracker that answered to the front of its tier (BEP 12), unless
    /// the one there is in good standing.
    fn prefer(&mut self, index: u32, position: usize, now: Time) {
        let trackers = &self.trackers;
        let tier_of = |index: u32| trackers[index as usize].tier;
        let is_good = |index: u32| {
            let slot = &trackers[index as usize].slots[position];
            slot.standing == Standing::Good && !slot.is_silent(now, super::walk::SILENCE)
        };
        for group in &mut self.groups {
            if group.listener.is_some_and(|listener| listener != position) {
                continue;
            }
            let Some(at) = group.order.iter().position(|other| *other == index) else {
                continue;
            };
            let front = group
                .order
                .iter()
                .position(|other| tier_of(*other) == tier_of(index))
                .unwrap_or(at);
            if !is_good(group.order[front]) {
                group.order[front..=at].rotate_right(1);
            }
        }
    }

    /// Makes the next poll look at everything.
    fn wake(&mut self) {
        self.deadline = Time::START;
    }
}

/// Who speaks the scheme of a tracker's URL, if the URL may be asked at all.
fn transport(url: &str) -> Result<Transport, UrlFault> {
    url_rules::check_tracker(url)?;
    let is_udp = url
        .split_once("://")
        .is_some_and(|(scheme, _)| scheme.eq_ignore_ascii_case("udp"));
    Ok(if is_udp {
        Transport::Udp
    } else {
        Transport::Http
    })
}

/// Fisher–Yates. The bias of the remainder is far below anything that counts
/// for a handful of trackers.
fn shuffle(tier: &mut [u32], rng: &mut impl Rng) {
    for last in (1..tier.len()).rev() {
        let other = rng.next_u64() % (last as u64 + 1);
        tier.swap(last, other as usize);
    }
}
