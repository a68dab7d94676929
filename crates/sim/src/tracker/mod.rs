//! Trackers: they keep swarms and answer announces, or fail in the ways that
//! trackers fail.
//!
//! The query is taken apart and the answer written by a few lines of their
//! own, so that the engine's codec is not tested against itself.

mod http;
mod udp;

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use superseed_engine::Time;

use crate::rng::Rng;
use crate::world::TrackerId;

/// How a tracker behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrackerMood {
    /// Answers.
    Works,
    /// Takes the request and never answers.
    Hangs,
    /// Nobody listens there.
    Dead,
    /// Answers with a failure reason.
    Refuses(String),
    /// Answers with something that is no bencode.
    Babbles,
    /// Sends whoever asks by HTTP to another tracker. To follow is the host's
    /// business: the engine sees a late answer, or none if there is no end.
    Redirects(TrackerId),
}

/// A tracker.
#[derive(Clone, Debug)]
pub struct TrackerSpec {
    /// What it does.
    pub mood: TrackerMood,
    /// Its delay, beside that of the client's link, one way.
    pub latency: Duration,
    /// Seconds between announces that it asks for.
    pub interval_s: u32,
    /// Seconds between announces that it insists on, if it says so.
    pub min_interval_s: Option<u32>,
    /// Addresses that it names in every answer, whether they announced or not.
    pub extra_peers: Vec<SocketAddr>,
    /// Leechers and seeds that it counts, if it lies about that.
    pub counts: Option<(u32, u32)>,
    /// It names whoever asks among the peers, and addresses that are none.
    pub names_nonsense: bool,
}

impl Default for TrackerSpec {
    fn default() -> Self {
        Self {
            mood: TrackerMood::Works,
            latency: Duration::from_millis(20),
            interval_s: 1_800,
            min_interval_s: None,
            extra_peers: Vec::new(),
            counts: None,
            names_nonsense: false,
        }
    }
}

/// An announce as a tracker saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenAnnounce {
    /// When.
    pub at: Time,
    /// From where, with the port that it announced.
    pub from: SocketAddr,
    /// The swarm.
    pub swarm: [u8; 20],
    /// The client.
    pub peer_id: [u8; 20],
    /// `started`, `completed`, `stopped`, or nothing.
    pub event: String,
    /// Payload it received so far.
    pub downloaded: u64,
    /// Payload it sent so far.
    pub uploaded: u64,
    /// What it misses.
    pub left: u64,
    /// How many peers it wants.
    pub numwant: Option<u32>,
}

/// A running tracker.
pub(crate) struct Tracker {
    pub(crate) spec: TrackerSpec,
    swarms: HashMap<[u8; 20], BTreeMap<SocketAddr, u64>>,
    pub(crate) seen: Vec<SeenAnnounce>,
    connection_ids: Vec<u64>,
    rng: Rng,
}

struct Answer {
    peers: Vec<SocketAddr>,
    complete: u32,
    incomplete: u32,
}

impl Tracker {
    pub(crate) fn new(spec: TrackerSpec, rng: Rng) -> Self {
        Self {
            spec,
            swarms: HashMap::new(),
            seen: Vec::new(),
            connection_ids: Vec::new(),
            rng,
        }
    }

    fn announce(&mut self, announce: SeenAnnounce) -> Answer {
        let swarm = self.swarms.entry(announce.swarm).or_default();
        if announce.event == "stopped" {
            swarm.remove(&announce.from);
        } else {
            swarm.insert(announce.from, announce.left);
        }
        let same_family = |addr: &SocketAddr| addr.is_ipv4() == announce.from.is_ipv4();
        let others = swarm
            .keys()
            .filter(|addr| **addr != announce.from && same_family(addr));
        let mut peers: Vec<_> = others.copied().collect();
        self.rng.shuffle(&mut peers);
        peers.truncate(announce.numwant.unwrap_or(50).min(200) as usize);
        peers.extend(&self.spec.extra_peers);
        if self.spec.names_nonsense {
            let nonsense = [([0, 0, 0, 0], 6881), ([10, 0, 0, 1], 0), ([255; 4], 6881)];
            peers.extend(nonsense.map(SocketAddr::from));
            peers.push(announce.from);
        }
        if announce.event == "stopped" {
            peers.clear();
        }
        let complete = swarm.values().filter(|left| **left == 0).count() as u32;
        let truth = (swarm.len() as u32 - complete, complete);
        let (incomplete, complete) = self.spec.counts.unwrap_or(truth);
        self.seen.push(announce);
        Answer {
            peers,
            complete,
            incomplete,
        }
    }
}

fn compact(peers: &[SocketAddr], ipv4: bool) -> Vec<u8> {
    let mut out = Vec::new();
    for peer in peers.iter().filter(|peer| peer.is_ipv4() == ipv4) {
        match peer.ip() {
            IpAddr::V4(ip) => out.extend_from_slice(&ip.octets()),
            IpAddr::V6(ip) => out.extend_from_slice(&ip.octets()),
        }
        out.extend_from_slice(&peer.port().to_be_bytes());
    }
    out
}
