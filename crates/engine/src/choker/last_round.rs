//! Rates as of the last round alone: the choker without its average.

use std::collections::BTreeMap;

use super::ChokePeer;
use crate::ids::ConnKey;
use crate::time::Time;

/// What each peer had given in all at the last round, and at which rate since
/// the round before.
#[derive(Debug, Default)]
pub(super) struct LastRound {
    at: Time,
    peers: BTreeMap<ConnKey, (u64, u64)>,
}

impl LastRound {
    /// Puts the rates of the last round in the place of the averages.
    pub(super) fn judge(&mut self, peers: &mut [ChokePeer], is_round: bool, now: Time) {
        if is_round {
            let lasted_ms = now.since(self.at).as_millis().max(1) as u64;
            let known = std::mem::take(&mut self.peers);
            let learnt = peers.iter().map(|peer| {
                let before = known.get(&peer.conn).map_or(0, |(total, _)| *total);
                let rate = peer.downloaded.saturating_sub(before) * 1_000 / lasted_ms;
                (peer.conn, (peer.downloaded, rate))
            });
            self.peers = learnt.collect();
            self.at = now;
        }
        for peer in peers {
            let known = self.peers.get(&peer.conn);
            peer.download_bytes_per_s = known.map_or(0, |(_, rate)| *rate);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choker::tests::peer;
    use std::time::Duration;

    #[test]
    fn a_rate_is_what_came_between_two_rounds_until_the_next() {
        let mut last = LastRound::default();
        let mut now = Time::START;
        let mut rates = Vec::new();
        for (downloaded, is_round) in [(0, true), (50_000, false), (80_000, true), (80_000, true)] {
            let mut peers = [peer(0), peer(1)];
            peers[0].downloaded = downloaded;
            peers[0].download_bytes_per_s = 7;
            last.judge(&mut peers, is_round, now);
            assert_eq!(peers[1].download_bytes_per_s, 0);
            rates.push(peers[0].download_bytes_per_s);
            now += Duration::from_secs(10);
        }
        // The second of the intervals has two tens of seconds.
        assert_eq!(rates, [0, 0, 4_000, 0]);
    }
}
