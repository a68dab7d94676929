//! What the tracker answers, whatever the transport: the table of swarms with
//! a clock, the rules that need neither socket nor packet, and the counters.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use superseed_proto::SwarmKey;
use superseed_proto::tracker::{AddressFamily, AnnounceRequest, AnnounceResponse, ScrapeStats};

use super::TrackerConfig;
use super::address;
use super::files::Files;
use super::limits::{NUMWANT_DEFAULT, NUMWANT_MAX};
use super::stats::{Refusals, Stats};
use super::swarms::{Announce, Swarms, SwarmsFull};

/// How many intervals a peer may be silent: one announce may get lost.
const SILENT_INTERVALS_MAX: u32 = 2;
/// How often in an interval the silent are looked for, within the bounds below.
const SWEEPS_PER_INTERVAL: u32 = 8;
const SWEEP_PAUSE_MIN: Duration = Duration::from_secs(1);
const SWEEP_PAUSE_MAX: Duration = Duration::from_secs(60);

/// What a transport can carry in an answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Carriage {
    /// The families of peers, the asker's own first.
    pub(super) families: &'static [AddressFamily],
    /// How many peers.
    pub(super) peers_max: u32,
}

/// Why an announce fails; the text is for the client's user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// Nobody can connect to it.
    #[error("the port is 0, where no peer can be reached")]
    PortZero,
    /// It is not one of the torrents that the tracker is for.
    #[error("this tracker does not serve this torrent")]
    Foreign,
    /// There are [`swarms_max`](super::SwarmLimits::swarms_max) torrents.
    #[error("this tracker has no room for another torrent")]
    SwarmsFull,
}

/// What a transport could not hand on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Bytes that are no request.
    Invalid,
    /// A connection id of BEP 15 that is not ours.
    ConnectionId,
    /// A connection too many.
    Connection,
    /// An exchange that took too long.
    Timeout,
}

/// The tracker behind its sockets.
pub(super) struct Service {
    started: Instant,
    interval: Duration,
    interval_s: u32,
    min_interval_s: u32,
    only: Option<BTreeSet<SwarmKey>>,
    files: Files,
    state: Mutex<State>,
}

struct State {
    swarms: Swarms,
    announces: u64,
    scrapes: u64,
    refusals: Refusals,
}

impl Service {
    /// A tracker that knows nobody yet; `seed` decides who is drawn.
    pub(super) fn new(config: &TrackerConfig, seed: u64) -> Self {
        let seconds = |span: Duration| u32::try_from(span.as_secs()).unwrap_or(u32::MAX).max(1);
        let lifetime = config.interval.saturating_mul(SILENT_INTERVALS_MAX);
        Self {
            started: Instant::now(),
            interval: config.interval,
            interval_s: seconds(config.interval),
            min_interval_s: seconds(config.min_interval.min(config.interval)),
            only: config.only.clone(),
            files: Files::default(),
            state: Mutex::new(State {
                swarms: Swarms::new(config.limits, lifetime, seed),
                announces: 0,
                scrapes: 0,
                refusals: Refusals::default(),
            }),
        }
    }

    /// The time since the tracker started.
    pub(super) fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// Takes an announce that came from `source`.
    pub(super) fn announce(
        &self,
        request: &AnnounceRequest,
        source: IpAddr,
        carriage: Carriage,
    ) -> Result<AnnounceResponse, Refusal> {
        let now = self.now();
        let mut state = self.state();
        if request.port == 0 {
            state.refusals.invalid += 1;
            return Err(Refusal::PortZero);
        }
        if self
            .only
            .as_ref()
            .is_some_and(|only| !only.contains(&request.swarm))
        {
            state.refusals.foreign += 1;
            return Err(Refusal::Foreign);
        }
        let numwant = request.numwant.unwrap_or(NUMWANT_DEFAULT);
        let announce = Announce {
            swarm: request.swarm,
            addr: address::entered(source, request.ip, request.port),
            peer_id: request.peer_id,
            complete: request.left == 0,
            event: request.event,
            numwant: numwant.min(NUMWANT_MAX).min(carriage.peers_max) as usize,
            families: carriage.families,
        };
        let answer = state
            .swarms
            .announce(&announce, now)
            .map_err(|SwarmsFull| {
                state.refusals.swarms += 1;
                Refusal::SwarmsFull
            })?;
        state.announces += 1;
        state.refusals.peers += u64::from(answer.unlisted);
        let warning = "this tracker has no room for another peer, and others are not told of you";
        Ok(AnnounceResponse {
            interval_s: Some(self.interval_s),
            min_interval_s: Some(self.min_interval_s),
            warning: answer.unlisted.then(|| warning.to_owned()),
            complete: Some(answer.stats.complete),
            incomplete: Some(answer.stats.incomplete),
            downloaded: Some(answer.stats.downloaded),
            external_ip: Some(source.to_canonical()),
            peers: answer.peers,
            ..AnnounceResponse::default()
        })
    }

    /// Takes a scrape; the answer has the order of the swarms.
    pub(super) fn scrape(&self, swarms: &[SwarmKey]) -> Vec<ScrapeStats> {
        let mut state = self.state();
        state.scrapes += 1;
        swarms
            .iter()
            .map(|&swarm| state.swarms.scrape(swarm))
            .collect()
    }

    /// What is known of one swarm, for the tracker's own operator.
    pub(super) fn swarm(&self, swarm: SwarmKey) -> ScrapeStats {
        self.state().swarms.scrape(swarm)
    }

    /// The torrent files that are handed out.
    pub(super) fn files(&self) -> &Files {
        &self.files
    }

    /// Counts what a transport did not hand on.
    pub(super) fn count(&self, fault: Fault) {
        let refusals = &mut self.state().refusals;
        *match fault {
            Fault::Invalid => &mut refusals.invalid,
            Fault::ConnectionId => &mut refusals.connection_ids,
            Fault::Connection => &mut refusals.connections,
            Fault::Timeout => &mut refusals.timeouts,
        } += 1;
    }

    /// Forgets peers as they expire, for ever.
    pub(super) async fn forget_the_silent(&self) {
        let pause = self.interval / SWEEPS_PER_INTERVAL;
        let pause = pause.clamp(SWEEP_PAUSE_MIN, SWEEP_PAUSE_MAX);
        loop {
            tokio::time::sleep(pause).await;
            let now = self.now();
            self.state().swarms.forget_the_silent(now);
        }
    }

    /// The figures of this moment.
    pub(super) fn stats(&self) -> Stats {
        let state = self.state();
        Stats {
            torrents: state.swarms.len(),
            peers: state.swarms.peers(),
            seeds: state.swarms.seeds(),
            announces: state.announces,
            scrapes: state.scrapes,
            fetches: self.files.fetches(),
            refusals: state.refusals,
        }
    }

    /// The lock is held for one request; it is there for [`Service::stats`],
    /// which comes from other threads.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
