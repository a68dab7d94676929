//! Which tracker is asked now.
//!
//! Public torrents: every tier from every listener by itself, one tracker at a
//! time, and the next one after a short silence, so that one that hangs delays
//! nobody. Private torrents: one tracker at a time for all listeners, the next
//! only on failure (BEP 27).

use std::time::Duration;

use super::set::{Group, Phase, Tracker, TrackerSet};
use super::slot::{Slot, Standing};
use super::{AnnounceContext, AnnounceEvent, AnnounceOrder, Lane, Pace, SlotId, Transport};
use crate::time::Time;

/// How long a tracker of a public tier may be silent before the next is asked.
pub(super) const SILENCE: Duration = Duration::from_secs(3);
/// The same while no tracker has answered since the start: a tier of ten of
/// which nine hang has to bring the first peer within a second.
const SILENCE_AT_START: Duration = Duration::from_millis(80);
/// How long an HTTP exchange may take.
const HTTP_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a UDP exchange may take: connect and announce, each repeated after
/// 15 s and 45 s (BEP 15).
const UDP_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a farewell may take.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);
/// A reserved moment that passed so long ago was passed over, not met late.
const LATENESS_MAX: Duration = Duration::from_secs(1);
/// Peers asked for at a time.
const NUMWANT: u32 = 200;
/// Connected peers below which more are looked for early, if nobody ever
/// connected to us; and if somebody did, since then others find us
/// (mainline: `min_peers` 20, and a third of it).
const NEEDY_BELOW: usize = 20;
const NEEDY_BELOW_IF_REACHABLE: usize = 7;

impl TrackerSet {
    /// Pushes the announces that are due. To be called when
    /// [`next_deadline`](Self::next_deadline) has come and whenever the
    /// context changed, such as after the loss of a peer.
    ///
    /// An announce that is due leaves when `pace` lets it.
    pub fn poll(
        &mut self,
        now: Time,
        ctx: &AnnounceContext,
        pace: &mut Pace,
        out: &mut Vec<AnnounceOrder>,
    ) {
        let needy = is_needy(ctx);
        if now < self.deadline && needy == self.needy {
            return;
        }
        self.needy = needy;
        let mut walk = Walk {
            now,
            needy,
            silence: SILENCE,
            lane: if ctx.complete && self.phase == Phase::Running {
                Lane::Patient
            } else {
                Lane::Urgent
            },
            pace,
            deadline: Time::NEVER,
            due: Vec::new(),
        };
        match self.phase {
            Phase::Idle => {}
            Phase::Running => {
                if self.private {
                    // However long it takes: the next only on failure.
                    walk.silence = Duration::MAX;
                } else if !self.answered {
                    walk.silence = SILENCE_AT_START;
                }
                self.settle();
                for group in &mut self.groups {
                    match group.listener {
                        Some(listener) => walk.tier(&mut self.trackers, group, listener),
                        None => walk.private(&mut self.trackers, group),
                    }
                }
            }
            Phase::Stopping => walk.farewell(&mut self.trackers),
        }
        let Walk { deadline, due, .. } = walk;
        self.deadline = deadline;
        for (tracker, listener, event) in due {
            out.push(self.depart(tracker, listener, event, now, ctx));
        }
    }

    /// Forgets the plans of the last walk.
    fn settle(&mut self) {
        for slot in self
            .trackers
            .iter_mut()
            .flat_map(|tracker| &mut tracker.slots)
        {
            slot.planned = false;
        }
    }

    fn depart(
        &mut self,
        index: u32,
        position: usize,
        event: AnnounceEvent,
        now: Time,
        ctx: &AnnounceContext,
    ) -> AnnounceOrder {
        let listener = self.listeners[position].0;
        let tracker = &mut self.trackers[index as usize];
        let transport = tracker.transport.unwrap_or(Transport::Http);
        let slot = &mut tracker.slots[position];
        slot.depart(now, event);
        let timeout = match self.phase {
            Phase::Stopping => STOP_TIMEOUT,
            Phase::Idle | Phase::Running => patience(transport),
        };
        let wanting = ctx.wants_peers && self.phase == Phase::Running;
        AnnounceOrder {
            slot: SlotId {
                tracker: index,
                listener,
                attempt: slot.attempt,
            },
            url: tracker.url.to_string(),
            transport,
            listener,
            event,
            numwant: if wanting { NUMWANT } else { 0 },
            key: self.key,
            tracker_id: slot.answer.tracker_id.clone(),
            timeout,
        }
    }
}

/// How long an announce over this transport may take.
pub(super) fn patience(transport: Transport) -> Duration {
    match transport {
        Transport::Http => HTTP_TIMEOUT,
        Transport::Udp => UDP_TIMEOUT,
    }
}

/// Whether peers are wanted before the regular time.
fn is_needy(ctx: &AnnounceContext) -> bool {
    let enough = if ctx.incoming_seen {
        NEEDY_BELOW_IF_REACHABLE
    } else {
        NEEDY_BELOW
    };
    ctx.wants_peers && !ctx.complete && ctx.connected < enough
}

/// One look at all groups.
struct Walk<'a> {
    now: Time,
    needy: bool,
    silence: Duration,
    lane: Lane,
    pace: &'a mut Pace,
    deadline: Time,
    /// Tracker, listener's position, and what to tell.
    due: Vec<(u32, usize, AnnounceEvent)>,
}

impl Walk<'_> {
    /// A tier of a public torrent, seen from one listener.
    fn tier(&mut self, trackers: &mut [Tracker], group: &Group, listener: usize) {
        let (now, silence) = (self.now, self.silence);
        let is_good = |index: &&u32| {
            let slot = &trackers[**index as usize].slots[listener];
            slot.standing == Standing::Good && !slot.is_silent(now, silence)
        };
        if let Some(&good) = group.order.iter().find(is_good) {
            self.consider(trackers, good, listener);
            return;
        }
        for &index in &group.order {
            let slot = &trackers[index as usize].slots[listener];
            if slot.is_silent(now, silence) {
                continue;
            }
            if self.consider(trackers, index, listener) {
                return;
            }
        }
    }

    /// All trackers of a private torrent.
    fn private(&mut self, trackers: &mut [Tracker], group: &mut Group) {
        let is_down = |index: u32| trackers[index as usize].slots.iter().all(Slot::is_down);
        let is_due = |index: u32| {
            let mut slots = trackers[index as usize].slots.iter();
            slots.any(|slot| slot.due <= self.now)
        };
        if group.current.is_none_or(is_down) {
            group.current = group.order.iter().copied().find(|index| is_due(*index));
        }
        let listeners = trackers.first().map_or(0, |tracker| tracker.slots.len());
        if let Some(current) = group.current {
            for listener in 0..listeners {
                self.consider(trackers, current, listener);
            }
            return;
        }
        for &index in &group.order {
            for slot in &mut trackers[index as usize].slots {
                slot.planned = true;
                self.deadline = self.deadline.min(slot.due);
            }
        }
    }

    /// Announces if it is time, or plans it. True if an announce is now on its
    /// way, so that nobody else need be asked for the moment.
    fn consider(&mut self, trackers: &mut [Tracker], index: u32, listener: usize) -> bool {
        let tracker = &mut trackers[index as usize];
        let telling = |slot: &Slot| {
            slot.flight
                .is_some_and(|flight| flight.event == AnnounceEvent::Completed)
        };
        let tell_completed = tracker.owes_completed && !tracker.slots.iter().any(telling);
        let due_here = self
            .due
            .iter()
            .any(|due| due.0 == index && due.2 == AnnounceEvent::Completed);
        let slot = &mut tracker.slots[listener];
        if let Some(flight) = slot.flight {
            self.deadline = self.deadline.min(flight.since + self.silence);
            return true;
        }
        slot.planned = true;
        let completed = tell_completed && !due_here && slot.started;
        let at = match slot.standing {
            Standing::Good if completed => self.now,
            Standing::Good if self.needy => slot.early_due(),
            _ => slot.due,
        };
        if at > self.now {
            self.deadline = self.deadline.min(at);
            return false;
        }
        // It counts as on its way: the next tracker is not asked instead.
        let started = slot.started;
        if !self.may_leave(tracker, listener) {
            return true;
        }
        let event = match (started, completed) {
            (false, _) => AnnounceEvent::Started,
            (true, true) => AnnounceEvent::Completed,
            (true, false) => AnnounceEvent::Regular,
        };
        self.deadline = self.deadline.min(self.now + self.silence);
        self.due.push((index, listener, event));
        true
    }

    /// Whether an announce that is due may leave now; if not, plans when.
    fn may_leave(&mut self, tracker: &mut Tracker, listener: usize) -> bool {
        let slot = &mut tracker.slots[listener];
        let kept = slot.reserved.filter(|at| *at + LATENESS_MAX >= self.now);
        let at = kept.unwrap_or_else(|| self.pace.reserve(&tracker.url, self.lane, self.now));
        slot.reserved = Some(at);
        if at > self.now {
            self.deadline = self.deadline.min(at);
        }
        at <= self.now
    }

    /// The farewells of all trackers, side by side.
    fn farewell(&mut self, trackers: &mut [Tracker]) {
        for (index, tracker) in trackers.iter_mut().enumerate() {
            let mut telling = tracker.slots.iter().any(|slot| slot.flight.is_some());
            for listener in 0..tracker.slots.len() {
                let slot = &tracker.slots[listener];
                if slot.flight.is_some() || !slot.owes_stop {
                    continue;
                }
                if !self.may_leave(tracker, listener) {
                    continue;
                }
                let slot = &tracker.slots[listener];
                let complete = tracker.owes_completed && slot.started && !telling;
                let event = if complete {
                    AnnounceEvent::Completed
                } else {
                    AnnounceEvent::Stopped
                };
                telling |= complete;
                self.due.push((index as u32, listener, event));
            }
        }
    }
}
