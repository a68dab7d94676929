//! How many requests a peer should have of ours, and how long it may take.
//!
//! Owns the depth of the request pipeline of one peer and its time-outs. It
//! does not know which blocks were asked for: the caller keeps the list.

mod patience;

use std::time::Duration;

use superseed_proto::layout::BLOCK_LEN;

use self::patience::Patience;
use crate::limits::REQUESTS_OUTSTANDING_MAX;
use crate::rate::Ewma;
use crate::time::Time;

/// Requests at a peer of which nothing is known yet, at least …
const DEPTH_INITIAL: usize = 8;
/// … and at most.
const DEPTH_INITIAL_MAX: usize = 64;
/// Until its rate is known, a peer is taken for this fast over the round trip
/// that its handshake took.
const RATE_INITIAL_BYTES_PER_S: f64 = 10.0 * 1_048_576.0;
/// Fewer would leave the peer idle for a round trip after each block.
const DEPTH_MIN: usize = 2;
/// The queue at a peer beyond bandwidth × delay, as long as there is memory for
/// it. It hides stalls of ours and of the peer's disk.
///
/// libtorrent's `request_queue_time` is 3 s. But what is asked for and not yet
/// here is what other leechers ask the same seed for again, since they know of
/// no HAVE: in the simulated scenario `share` (one seed, three leechers, equal
/// uplinks) the seed sends 1.26 copies with 3 s and 1.14 with 1 s, and the last
/// leecher needs 1.26 and 1.14 fluid limits. No other scenario gets worse.
pub(crate) const QUEUE_MAX: Duration = Duration::from_secs(1);
/// What is left of it when memory is short: one turn of a busy host.
const QUEUE_MIN: Duration = Duration::from_millis(50);
/// A first block that came this late tells of a queue, not of a distance.
const DELAY_MAX: Duration = Duration::from_secs(2);
/// Requests beyond what rate and delay ask for, fewer at the slowest. A window
/// that is a multiple of its own rate keeps whatever share of a busy seed it
/// began with; the same few for everyone let small shares grow at the cost of
/// large ones, as TCP Vegas does it. In the simulated scenario `homogeneous-10`
/// the first leecher then ends at 1.00 fluid limits and not at 0.91: where who
/// is complete leaves, the others do not lose its uplink. Ten real processes
/// (`cargo xtask swarm`, two runs each) end at 1.18 to 1.19 fluid limits with
/// two, 1.14 to 1.15 with four and 1.11 to 1.12 with eight (decision 033).
const EXTRA_MAX: usize = 8;
/// The memory of the rate that the depth follows.
const RATE_TAU: Duration = Duration::from_secs(4);

/// The queue at each peer for which the memory lasts: what all peers together
/// send in this time fills half of `budget_bytes`; the other half is for blocks
/// that wait for their pieces. Without this, whoever is asked first has all the
/// memory, and ten peers of 10 MiB/s are not faster together than three.
pub(crate) fn queue_time(budget_bytes: u64, rate_bytes_per_s: u64) -> Duration {
    let seconds = budget_bytes as f64 / 2.0 / rate_bytes_per_s.max(1) as f64;
    Duration::from_secs_f64(seconds.min(QUEUE_MAX.as_secs_f64())).max(QUEUE_MIN)
}

/// The adaptive request window of one peer.
///
/// ```text
///            block took ≥ delay + queue
///  slow start ───────────────────────▶ steady: rate × (delay + queue) + 8
///  +1 per block ◀──────────────────────
///            block took < half of that
/// ```
///
/// In slow start every block that comes makes room for two, so the window
/// doubles per round trip. By Little's law a block that took `delay + queue`
/// says that the window holds bandwidth × delay and the queue: enough. The rate
/// then sets the depth, and a rate that outgrows it (blocks come back early)
/// starts the doubling again.
#[derive(Clone, Debug)]
pub struct RequestWindow {
    /// The depth that it begins with.
    initial: usize,
    depth: usize,
    slow_start: bool,
    /// The shortest time from request to block.
    delay: Option<Duration>,
    rate: Ewma,
    /// Nothing was asked since the peer last choked us.
    resting: bool,
    patience: Patience,
}

impl RequestWindow {
    /// The window of a new connection whose handshake took this long, if that
    /// is known: bandwidth × delay of a middling peer, so that a long line need
    /// not wait for its window to double from nothing.
    pub fn new(handshake_took: Option<Duration>, now: Time) -> Self {
        let bytes =
            handshake_took.map_or(0.0, |took| took.as_secs_f64() * RATE_INITIAL_BYTES_PER_S);
        let initial = (bytes / f64::from(BLOCK_LEN)) as usize;
        let initial = initial.clamp(DEPTH_INITIAL, DEPTH_INITIAL_MAX);
        Self {
            initial,
            depth: initial,
            slow_start: true,
            delay: None,
            rate: Ewma::new(RATE_TAU, now),
            resting: true,
            patience: Patience::default(),
        }
    }

    /// Some requests are sent now.
    pub fn on_requests(&mut self, now: Time) {
        if self.resting {
            self.resting = false;
            // The time we were choked is no part of the peer's rate.
            self.rate = Ewma::new(RATE_TAU, now);
        }
    }

    /// A block that was asked for at `asked_at` has begun to come, or came.
    /// `queue` is how long requests may wait at the peer.
    pub fn on_block(&mut self, len: u32, asked_at: Time, queue: Duration, now: Time) {
        self.rate.add(u64::from(len), now);
        if self.patience.on_block(asked_at, now) {
            self.depth = self.initial;
            self.slow_start = true;
        }
        let took = now.since(asked_at);
        let delay = self
            .delay
            .map_or(took, |delay| delay.min(took))
            .min(DELAY_MAX);
        self.delay = Some(delay);
        let enough = delay + queue;
        if took >= enough {
            self.slow_start = false;
        } else if took < enough / 2 {
            self.slow_start = true;
        }
        self.depth = if self.slow_start {
            self.depth + 1
        } else {
            let bytes = self.rate.rate(now) as f64 * enough.as_secs_f64();
            let blocks = (bytes / f64::from(BLOCK_LEN)).ceil() as usize;
            blocks + blocks.saturating_sub(DEPTH_MIN).min(EXTRA_MAX)
        };
        self.depth = self.depth.clamp(DEPTH_MIN, REQUESTS_OUTSTANDING_MAX);
    }

    /// The peer chokes us: what it owed is gone, and its rate will be another.
    pub fn on_choked(&mut self, now: Time) {
        self.depth = self.initial;
        self.slow_start = true;
        self.resting = true;
        self.patience.on_choked(now);
    }

    /// How many requests the peer should have. `reqq` is what it takes at a
    /// time (BEP 10). One while it is overdue: that one proves it is back.
    pub fn depth(&self, _now: Time, reqq: usize) -> usize {
        if self.patience.is_overdue() {
            return 1;
        }
        self.depth.min(reqq).max(1)
    }

    /// The shortest time from a request to its block, once there was one.
    pub fn delay(&self) -> Option<Duration> {
        self.delay
    }

    /// When to call [`Self::on_timeout`] if no block comes until then;
    /// `oldest` is when the oldest request that is still owed was sent.
    pub fn timeout_at(&self, oldest: Time) -> Time {
        self.patience.timeout_at(oldest)
    }

    /// The peer let [`Self::timeout_at`] pass. Its requests but one should be
    /// given to others; the second time in a silence it is snubbed.
    pub fn on_timeout(&mut self, now: Time) {
        self.patience.on_timeout(now);
    }

    /// Whether the peer let a time-out pass and sent no block since.
    pub fn is_overdue(&self) -> bool {
        self.patience.is_overdue()
    }

    /// Whether the peer owed a block for 20 s or more and sent none since.
    pub fn is_snubbed(&self) -> bool {
        self.patience.is_snubbed()
    }
}

#[cfg(test)]
mod tests;
