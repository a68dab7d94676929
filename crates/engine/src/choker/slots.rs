//! How many peers to serve at a time.

use super::{ChokeContext, ChokePeer};

/// Fewer would make reciprocation a matter of luck (BEP 3 has four).
const SLOTS_MIN: usize = 4;
/// The k-th slot is worth opening if it still gets 1024 + 16384·k bytes per
/// second: the form of libtorrent's rate-based choker, whose 2048 serves nearly
/// everybody on the lines of today, and so chooses nobody (decision 030).
const SHARE_FIRST_BYTES_PER_S: f64 = 1_024.0;
/// See [`SHARE_FIRST_BYTES_PER_S`].
const SHARE_STEP_BYTES_PER_S: f64 = 16_384.0;
/// The line is taken for as fast as its best rate, which fades by this part
/// per round so that a lasting change is believed within minutes.
const PEAK_FADES: f64 = 0.95;
/// A further slot must bring this part of what a slot brings on average.
const GAIN_MIN: f64 = 0.3;
/// Rounds of rest after a further slot that brought nothing.
const REST_ROUNDS: u32 = 6;
/// Above this part of the limit more slots can bring nothing.
const LIMIT_REACHED: f64 = 0.9;

/// The number of regular slots, from the uplink as measured.
///
/// The base is the number of equal shares that the uplink feeds. When peers are
/// slower than their shares that is too few, and nothing but trying can tell
/// slow peers from a slow line: while everyone served has a slot and others
/// wait, one slot is added per round as long as each brings more bytes.
#[derive(Debug, Default)]
pub(super) struct Slots {
    peak_bytes_per_s: f64,
    extra: usize,
    /// The rate before the last slot was added.
    trying: Option<f64>,
    rest: u32,
}

impl Slots {
    /// How many regular slots there are now.
    pub(super) fn count(&self, cx: &ChokeContext) -> usize {
        if let Some(slots) = cx.slots {
            return slots;
        }
        let uplink = cx
            .upload_limit_bytes_per_s
            .map_or(self.peak_bytes_per_s, |limit| limit as f64);
        shares(uplink).max(SLOTS_MIN) + self.extra
    }

    /// Takes in the present rate.
    pub(super) fn see(&mut self, cx: &ChokeContext) {
        self.peak_bytes_per_s = self.peak_bytes_per_s.max(cx.upload_bytes_per_s as f64);
    }

    /// Learns from the round that ended.
    pub(super) fn round(&mut self, peers: &[ChokePeer], cx: &ChokeContext) {
        let rate = cx.upload_bytes_per_s as f64;
        self.peak_bytes_per_s *= PEAK_FADES;
        self.see(cx);
        let count = self.count(cx);
        let served = peers
            .iter()
            .filter(|peer| peer.unchoked && peer.interested)
            .count();
        if let Some(before) = self.trying.take()
            && rate - before < GAIN_MIN * before / served.max(1) as f64
        {
            self.extra = self.extra.saturating_sub(1);
            self.rest = REST_ROUNDS;
        }
        if self.rest > 0 {
            self.rest -= 1;
            return;
        }
        let full = cx
            .upload_limit_bytes_per_s
            .is_some_and(|limit| rate >= LIMIT_REACHED * limit as f64);
        let waits = |peer: &ChokePeer| {
            let wants = peer.interested && !peer.upload_only && !peer.unchoked;
            wants && (cx.seeding || !peer.owes(cx))
        };
        let waiting = peers.iter().any(waits);
        if waiting && served >= count && !full {
            self.trying = Some(rate);
            self.extra += 1;
        } else if !waiting {
            self.extra = self.extra.saturating_sub(1);
        }
    }
}

/// The largest n for which n equal shares of the uplink are each worth the
/// n-th slot: n · (1024 + 16384 n) ≤ uplink.
fn shares(uplink_bytes_per_s: f64) -> usize {
    let (first, step) = (SHARE_FIRST_BYTES_PER_S, SHARE_STEP_BYTES_PER_S);
    (((first * first + 4.0 * step * uplink_bytes_per_s).sqrt() - first) / (2.0 * step)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choker::tests::{context, peer};

    #[test]
    fn shares_follow_the_uplink() {
        for (uplink, slots) in [
            (0.0, 0),
            (20e3, 1),
            (100e3, 2),
            (1e6, 7),
            (10e6, 24),
            (125e6, 87),
        ] {
            assert_eq!(shares(uplink), slots, "{uplink}");
        }
    }

    #[test]
    fn a_setting_a_limit_or_the_measured_rate_give_the_number_in_this_order() {
        let mut slots = Slots::default();
        let mut cx = context();
        assert_eq!(slots.count(&cx), SLOTS_MIN);
        cx.upload_bytes_per_s = 1_000_000;
        slots.round(&[], &cx);
        assert_eq!(slots.count(&cx), 7);
        cx.upload_limit_bytes_per_s = Some(600_000);
        assert_eq!(slots.count(&cx), 6);
        cx.slots = Some(2);
        assert_eq!(slots.count(&cx), 2);
    }

    #[test]
    fn a_short_dip_of_the_rate_closes_few_slots() {
        let mut slots = Slots::default();
        let mut cx = context();
        cx.upload_bytes_per_s = 10_000_000;
        slots.round(&[], &cx);
        cx.upload_bytes_per_s = 100_000;
        for _ in 0..3 {
            slots.round(&[], &cx);
        }
        assert_eq!(slots.count(&cx), 22);
    }

    /// Rounds with 60 interested peers of which each takes `peer_rate` at most
    /// of an uplink; the number of slots at the end.
    fn settled(peer_rate: u64, uplink: u64) -> usize {
        let mut slots = Slots::default();
        let mut cx = context();
        for _ in 0..80 {
            let count = slots.count(&cx);
            let served = |at: u64| (at as usize) < count;
            let mut peers: Vec<_> = (0..60).map(peer).collect();
            for (at, peer) in (0..).zip(&mut peers) {
                peer.unchoked = served(at);
            }
            cx.upload_bytes_per_s = (peer_rate * count.min(60) as u64).min(uplink);
            slots.round(&peers, &cx);
        }
        slots.count(&cx)
    }

    #[test]
    fn slow_peers_on_a_fast_line_get_more_slots_until_the_line_is_full() {
        assert!(settled(5_000, 1 << 30) >= 59);
        let full = settled(5_000, 150_000);
        assert!((28..=33).contains(&full), "{full}");
    }

    #[test]
    fn a_line_that_is_full_gets_no_further_slots() {
        let slots = settled(1 << 30, 1_000_000);
        assert!((7..=9).contains(&slots), "{slots}");
    }
}
