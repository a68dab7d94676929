//! How long a peer may be silent while it owes us blocks.

use std::time::Duration;

use crate::time::Time;

/// The least that a silence may last. More than the second of queue and
/// two of delay that the window aims at: a peer that serves many sends in
/// bursts, and two seconds (libtorrent) took back a tenth of what was on its
/// way in a simulated swarm of fifty.
const TIMEOUT_MIN: Duration = Duration::from_secs(8);
/// The most that a silence may last (libtorrent: 60 s).
const TIMEOUT_MAX: Duration = Duration::from_secs(60);
/// Silence after which a peer is snubbed (libtorrent's `piece_timeout`; BEP 3
/// says a minute, which is too long for any line of today).
const SNUB_AFTER: Duration = Duration::from_secs(20);

/// ```text
///           time-out               20 s of silence
///  Delivers ────────▶ Overdue(since) ────────▶ Snubbed(at)
///     ▲                   │ block, choke          │ block
///     └───────────────────┴───────────────────────┘
/// ```
///
/// A silence begins with the last block or, if that is later, with the oldest
/// request: a peer that owes nothing is never silent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Delivers,
    /// Its usual time is over; the silence began at this moment.
    Overdue(Time),
    /// It was silent for [`SNUB_AFTER`]; this is when it was last looked at.
    Snubbed(Time),
}

/// The time-outs of one peer.
#[derive(Clone, Debug, Default)]
pub(super) struct Patience {
    state: State,
    heard_at: Time,
    /// Mean and mean deviation of the time between blocks, while owed.
    gap: Option<(Duration, Duration)>,
}

impl Patience {
    /// A block came; tells whether the peer had been overdue.
    pub(super) fn on_block(&mut self, asked_at: Time, now: Time) -> bool {
        let gap = now.since(asked_at.max(self.heard_at));
        self.gap = Some(match self.gap {
            None => (gap, gap / 2),
            Some((mean, deviation)) => {
                let error = mean.abs_diff(gap);
                ((mean * 7 + gap) / 8, (deviation * 3 + error) / 4)
            }
        });
        self.heard_at = now;
        std::mem::take(&mut self.state) != State::Delivers
    }

    pub(super) fn on_choked(&mut self, now: Time) {
        // What it owed is gone, so there is no silence; but who was snubbed
        // has still to prove itself. A Fast peer that soon unchokes us again
        // may keep an old request: its silence begins here.
        if let State::Overdue(_) = self.state {
            self.state = State::Delivers;
            self.heard_at = now;
        }
    }

    pub(super) fn on_timeout(&mut self, now: Time) {
        self.state = match self.state {
            State::Delivers if self.timeout() < SNUB_AFTER => State::Overdue(now - self.timeout()),
            _ => State::Snubbed(now),
        };
    }

    pub(super) fn timeout_at(&self, oldest: Time) -> Time {
        match self.state {
            State::Delivers => oldest.max(self.heard_at) + self.timeout(),
            State::Overdue(since) => oldest.max(since) + SNUB_AFTER,
            State::Snubbed(at) => oldest.max(at) + TIMEOUT_MAX,
        }
    }

    pub(super) fn is_overdue(&self) -> bool {
        self.state != State::Delivers
    }

    pub(super) fn is_snubbed(&self) -> bool {
        matches!(self.state, State::Snubbed(_))
    }

    /// Mean + 4 × deviation, as TCP does it (RFC 6298).
    fn timeout(&self) -> Duration {
        let Some((mean, deviation)) = self.gap else {
            return SNUB_AFTER;
        };
        (mean + deviation * 4).clamp(TIMEOUT_MIN, TIMEOUT_MAX)
    }
}
