//! What a tracker tells its operator.

/// What a tracker has and has done since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Torrents that are known, some perhaps without peers for the moment.
    pub torrents: usize,
    /// Peers of all torrents. A client counts once for each torrent and for
    /// each address family that it announces over.
    pub peers: usize,
    /// Those of `peers` that have everything.
    pub seeds: usize,
    /// Announces that were answered with peers or would have been, had there
    /// been any.
    pub announces: u64,
    /// Scrapes that were answered.
    pub scrapes: u64,
    /// Torrent files that were asked for and are served here.
    pub fetches: u64,
    /// What was not answered as it was meant.
    pub refusals: Refusals,
}

/// What a tracker refused, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refusals {
    /// Requests that could not be read or make no sense, such as an announce
    /// of port 0.
    pub invalid: u64,
    /// UDP requests with a connection id that is not ours or is too old.
    pub connection_ids: u64,
    /// Connections over [`HTTP_CONNECTIONS_MAX`](super::HTTP_CONNECTIONS_MAX).
    pub connections: u64,
    /// Exchanges that took longer than
    /// [`HTTP_EXCHANGE_TIMEOUT`](super::HTTP_EXCHANGE_TIMEOUT).
    pub timeouts: u64,
    /// Announces of a torrent that is not one of
    /// [`only`](super::TrackerConfig::only).
    pub foreign: u64,
    /// Announces of a torrent over
    /// [`swarms_max`](super::SwarmLimits::swarms_max).
    pub swarms: u64,
    /// Peers over [`peers_max`](super::SwarmLimits::peers_max) or
    /// [`peers_per_swarm_max`](super::SwarmLimits::peers_per_swarm_max),
    /// which were answered but not entered.
    pub peers: u64,
}

impl Refusals {
    /// All of them.
    pub fn total(&self) -> u64 {
        let Self {
            invalid,
            connection_ids,
            connections,
            timeouts,
            foreign,
            swarms,
            peers,
        } = *self;
        invalid + connection_ids + connections + timeouts + foreign + swarms + peers
    }
}
