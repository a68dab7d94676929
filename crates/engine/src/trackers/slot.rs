//! One (tracker, listener) pair: what it was told, how it stands, and when it
//! may be asked again. All intervals and delays are decided here.

use std::time::Duration;

use super::{AnnounceAnswer, AnnounceEvent, FailureKind};
use crate::time::Time;

/// The regular interval where a tracker names none.
const INTERVAL_DEFAULT: Duration = Duration::from_secs(1_800);
/// Intervals outside these bounds are taken for mistakes.
const INTERVAL_MIN: Duration = Duration::from_secs(60);
const INTERVAL_MAX: Duration = Duration::from_secs(86_400);
/// Whoever comes first to a swarm that begins is named few others, and if
/// nobody can call it only the tracker can name those who came after it. Where
/// the tracker asks for no minimum interval, one question for want of peers
/// comes so soon after the answer to `started` (decision 034) …
const EARLY_FIRST: Duration = Duration::from_secs(15);
/// … and the next so long after that. Each one that named nobody new doubles
/// the wait. After so many each one makes it longer by a quarter though it
/// helped: no swarm and no liar among trackers makes anybody ask every half
/// minute for good.
const EARLY: Duration = Duration::from_secs(30);
const EARLY_GROWS: f64 = 2.0;
const EARLY_MANY: u32 = 10;
const EARLY_GROWS_AFTER: f64 = 1.25;
/// The first and the quadratic part of the delay after failures, and its end
/// (libtorrent: 5 s + 12.5 s · n², at most an hour).
const BACKOFF_BASE: Duration = Duration::from_secs(5);
const BACKOFF_STEP: Duration = Duration::from_millis(12_500);
const BACKOFF_MAX: Duration = Duration::from_secs(3_600);
/// How long a pair waits whose tracker has no address of the family.
const PARKED: Duration = Duration::from_secs(3_600);
/// The least time between two attempts when the user is impatient with a
/// tracker that fails.
const RETRY_MIN: Duration = Duration::from_secs(5);

/// How the last announce of a pair ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// There was none, since the torrent was started.
    Untried,
    /// With an answer.
    Good,
    /// With one sentence.
    Failed(String),
    /// The tracker has no address of this family.
    Parked(String),
}

/// An announce on its way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flight {
    pub(super) since: Time,
    pub(super) event: AnnounceEvent,
    /// Made before the regular time, for want of peers.
    early: bool,
}

/// The state of one pair.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    pub(super) standing: Standing,
    pub(super) flight: Option<Flight>,
    /// The number of the present or last attempt.
    pub(super) attempt: u32,
    /// When the next announce is due.
    pub(super) due: Time,
    /// When it may leave, once it is due: the tracker's host is not flooded.
    pub(super) reserved: Option<Time>,
    /// Whether that announce will be made, or the slot only stands by.
    pub(super) planned: bool,
    /// The tracker knows us since the torrent was started.
    pub(super) started: bool,
    /// The tracker is to be told that we leave.
    pub(super) owes_stop: bool,
    /// What the tracker said last.
    pub(super) answer: AnnounceAnswer,
    failures: u32,
    last_attempt: Option<Time>,
    last_answer: Time,
    /// How much longer than at first the next early announce waits.
    early_factor: f64,
    /// Early announces since the last regular one.
    early_count: u32,
    /// The last answer was that to `started`.
    met_just_now: bool,
}

impl Slot {
    /// A pair that was never asked.
    pub(super) fn new() -> Self {
        Self {
            standing: Standing::Untried,
            flight: None,
            attempt: 0,
            due: Time::START,
            reserved: None,
            planned: false,
            started: false,
            owes_stop: false,
            answer: AnnounceAnswer::default(),
            failures: 0,
            last_attempt: None,
            last_answer: Time::START,
            early_factor: 1.0,
            early_count: 0,
            met_just_now: false,
        }
    }

    /// The torrent begins (again): the tracker has to hear `started`.
    pub(super) fn restart(&mut self, now: Time) {
        self.cancel();
        self.standing = Standing::Untried;
        self.failures = 0;
        (self.early_factor, self.early_count) = (1.0, 0);
        self.started = false;
        self.owes_stop = false;
        self.due = self
            .last_attempt
            .map_or(now, |last| now.max(last + RETRY_MIN));
    }

    /// Gives the announce on its way up: its answer is no longer wanted.
    pub(super) fn cancel(&mut self) {
        self.flight = None;
        self.attempt = self.attempt.wrapping_add(1);
    }

    /// An announce is made now.
    pub(super) fn depart(&mut self, now: Time, event: AnnounceEvent) {
        self.attempt = self.attempt.wrapping_add(1);
        let early = event == AnnounceEvent::Regular && now < self.due;
        self.flight = Some(Flight {
            since: now,
            event,
            early,
        });
        self.last_attempt = Some(now);
        self.reserved = None;
    }

    /// The announce was answered.
    pub(super) fn succeed(&mut self, now: Time, answer: AnnounceAnswer) {
        let Some(flight) = self.flight.take() else {
            return;
        };
        self.standing = Standing::Good;
        self.failures = 0;
        self.last_answer = now;
        (self.early_factor, self.early_count) = if flight.early {
            (self.early_factor * EARLY_GROWS, self.early_count + 1)
        } else {
            (1.0, 0)
        };
        self.met_just_now = flight.event == AnnounceEvent::Started;
        match flight.event {
            AnnounceEvent::Started => self.started = true,
            AnnounceEvent::Stopped => self.started = false,
            AnnounceEvent::Regular | AnnounceEvent::Completed => {}
        }
        // A tracker id holds until the tracker sends another (BEP 3).
        let tracker_id = answer
            .tracker_id
            .clone()
            .or_else(|| self.answer.tracker_id.take());
        self.answer = AnnounceAnswer {
            tracker_id,
            ..answer
        };
        self.due = now + self.interval();
    }

    /// The announce failed. `jitter` is uniform and keeps those who failed
    /// together from coming back together.
    pub(super) fn fail(&mut self, now: Time, kind: FailureKind, message: String, jitter: u16) {
        self.flight = None;
        if kind == FailureKind::NoAddress {
            self.standing = Standing::Parked(message);
            self.due = now + PARKED;
            return;
        }
        self.standing = Standing::Failed(message);
        let told = match kind {
            FailureKind::Refused { retry_in } => retry_in.unwrap_or(Duration::ZERO),
            FailureKind::NoAddress | FailureKind::Unanswered => Duration::ZERO,
        };
        self.back_off(now, jitter);
        self.due = self.due.max(now + told);
    }

    /// One more failure: the next attempt is later than the last time.
    pub(super) fn back_off(&mut self, now: Time, jitter: u16) {
        self.failures = self.failures.saturating_add(1);
        let square = self.failures.saturating_mul(self.failures);
        let delay = (BACKOFF_BASE + BACKOFF_STEP.saturating_mul(square)).min(BACKOFF_MAX);
        self.due = now + delay + delay * u32::from(jitter) / (4 * u32::from(u16::MAX));
    }

    /// The user wants an announce as soon as it is decent.
    pub(super) fn hurry(&mut self, now: Time) {
        let decent = match (&self.standing, self.last_attempt) {
            (Standing::Good, _) => self.last_answer + self.min_interval(),
            (_, Some(last)) => last + RETRY_MIN,
            (_, None) => now,
        };
        self.due = self.due.min(decent.max(now));
    }

    /// The last announce named peers that were not known: if it was early, that
    /// was of use.
    pub(super) fn helped(&mut self) {
        let grows = if self.early_count > EARLY_MANY {
            EARLY_GROWS_AFTER
        } else {
            1.0
        };
        self.early_factor = (self.early_factor / EARLY_GROWS * grows).max(1.0);
    }

    /// When an announce for want of peers may be made: after the least wait, and
    /// then after ever longer ones, until there is a regular announce.
    pub(super) fn early_due(&self) -> Time {
        if self.standing != Standing::Good {
            return self.due;
        }
        let (least, first) = match self.answer.min_interval {
            Some(_) => (self.min_interval(), self.min_interval()),
            None => (EARLY, EARLY_FIRST),
        };
        let patience = if self.met_just_now {
            first
        } else {
            let seconds = least.as_secs_f64() * self.early_factor;
            Duration::from_secs_f64(seconds.min(INTERVAL_MAX.as_secs_f64()))
        };
        self.due.min(self.last_answer + patience)
    }

    /// Whether the announce on its way has been silent for `silence`.
    pub(super) fn is_silent(&self, now: Time, silence: Duration) -> bool {
        self.flight
            .is_some_and(|flight| flight.since + silence <= now)
    }

    /// Whether the pair failed for good until its time comes.
    pub(super) fn is_down(&self) -> bool {
        self.flight.is_none() && matches!(self.standing, Standing::Failed(_) | Standing::Parked(_))
    }

    /// Time between regular announces.
    fn interval(&self) -> Duration {
        let interval = self.answer.interval.unwrap_or(INTERVAL_DEFAULT);
        interval
            .clamp(INTERVAL_MIN, INTERVAL_MAX)
            .max(self.min_interval())
    }

    /// Time before which the tracker hears nothing but events and want of peers.
    fn min_interval(&self) -> Duration {
        let min = self.answer.min_interval.unwrap_or(INTERVAL_MIN);
        min.clamp(INTERVAL_MIN, INTERVAL_MAX)
    }
}
