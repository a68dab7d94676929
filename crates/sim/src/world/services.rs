//! What a host does for its engine beside streams: disk jobs, tracker
//! requests, names and datagrams.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use superseed_engine::{
    AnnounceKey, DiskJob, DiskOp, HttpAnnounce, Input, ListenerId, ResolveKey, TransferError,
};

use super::{Happening, HostId, World};
use crate::tracker::{SeenAnnounce, Tracker, TrackerMood, TrackerSpec};

/// A tracker of the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TrackerId(usize);

/// The longest time a name takes.
const NAME_TIME_MAX: Duration = Duration::from_millis(30);

/// Something that is on its way to a service or back, for a run of a host.
pub(super) struct ServiceEvent {
    host: HostId,
    run: u32,
    what: Errand,
}

pub(super) enum Errand {
    /// A request reaches its tracker.
    Asked(AnnounceKey, TrackerId, String),
    Answered(AnnounceKey, Result<Vec<u8>, TransferError>),
    Resolved(ResolveKey, Vec<IpAddr>),
    DatagramToTracker(TrackerId, SocketAddr, Vec<u8>),
    DatagramToHost(SocketAddr, Vec<u8>),
    Multicast {
        near: bool,
        from: SocketAddr,
        bytes: Vec<u8>,
    },
}

impl World {
    /// Adds a tracker and returns its number and its HTTP announce URL.
    pub fn add_tracker(&mut self, spec: TrackerSpec) -> (TrackerId, String) {
        let id = TrackerId(self.trackers.len());
        let name = format!("tracker-{}.sim", id.0);
        let url = format!("http://{name}/announce");
        let rng = self.rng.fork();
        self.trackers.push(Tracker::new(spec, rng));
        self.tracker_names.insert(name, id);
        (id, url)
    }

    /// The UDP announce URL of a tracker.
    pub fn udp_url(&self, tracker: TrackerId) -> String {
        format!("udp://tracker-{}.sim:6969/announce", tracker.0)
    }

    /// What a tracker was told so far.
    pub fn announces(&self, tracker: TrackerId) -> &[SeenAnnounce] {
        &self.trackers[tracker.0].seen
    }

    /// Changes whom a tracker names, whether they announced or not.
    pub fn name_peers(&mut self, tracker: TrackerId, peers: Vec<SocketAddr>) {
        self.trackers[tracker.0].spec.extra_peers = peers;
    }

    /// Changes what a tracker does.
    pub fn set_mood(&mut self, tracker: TrackerId, mood: TrackerMood) {
        self.trackers[tracker.0].spec.mood = mood;
    }

    /// Changes how long a tracker takes, one way.
    pub fn set_tracker_latency(&mut self, tracker: TrackerId, latency: Duration) {
        self.trackers[tracker.0].spec.latency = latency;
    }

    /// Changes which addresses a tracker names in every answer.
    pub fn set_named_peers(&mut self, tracker: TrackerId, peers: Vec<SocketAddr>) {
        self.trackers[tracker.0].spec.extra_peers = peers;
    }

    pub(super) fn send_errand(&mut self, host: HostId, after: Duration, what: Errand) {
        let run = self.hosts[host.0].run;
        let event = ServiceEvent { host, run, what };
        self.queue
            .push(self.now + after, Happening::Service(Box::new(event)));
    }

    fn tracker_delay(&self, host: HostId, tracker: TrackerId) -> Duration {
        self.net.latency(self.hosts[host.0].node) + self.trackers[tracker.0].spec.latency
    }

    fn datagram_delays(&mut self, host: HostId, tracker: TrackerId) -> Vec<Duration> {
        let path = self.tracker_delay(host, tracker);
        self.net.datagram(self.hosts[host.0].node, path)
    }

    fn tracker_by_name(&self, name: &str) -> Option<TrackerId> {
        let name = name.split(':').next().unwrap_or(name);
        self.tracker_names.get(name).copied()
    }

    pub(super) fn begin_disk_job(&mut self, id: HostId, job: DiskJob) {
        if let DiskOp::Write { blocks, .. } = &job.op {
            self.blocks += blocks.len() as u64;
        }
        let host = &mut self.hosts[id.0];
        match host.disk.begin(&job, self.now) {
            Ok(at) => {
                let done = Happening::DiskDone(id, host.run, Box::new(job));
                self.queue.push(at, done);
            }
            Err(why) => self.fail(&why),
        }
    }

    pub(super) fn disk_done(&mut self, id: HostId, run: u32, job: DiskJob) {
        let host = &mut self.hosts[id.0];
        if host.run == run && host.engine.is_some() {
            let key = job.job;
            let result = host.disk.finish(job);
            self.feed(id, Input::DiskDone { job: key, result });
        }
    }

    pub(super) fn http_announce(&mut self, id: HostId, announce: &HttpAnnounce) {
        let key = announce.announce;
        self.hosts[id.0].announcing.insert(key);
        let authority = announce
            .url
            .strip_prefix("http://")
            .unwrap_or(&announce.url);
        let name = authority.split(['/', '?']).next().unwrap_or(authority);
        let Some(tracker) = self.tracker_by_name(name) else {
            let unknown = Errand::Answered(key, Err(TransferError::NoAddress));
            return self.send_errand(id, NAME_TIME_MAX, unknown);
        };
        let there = self.tracker_delay(id, tracker);
        self.send_errand(id, there, Errand::Asked(key, tracker, announce.url.clone()));
        let gives_up = Errand::Answered(key, Err(TransferError::TimedOut));
        self.send_errand(id, announce.timeout, gives_up);
    }

    pub(super) fn resolve(&mut self, id: HostId, resolve: ResolveKey, name: &str) {
        let tracker = self.tracker_by_name(name);
        let addrs = tracker
            .map(|tracker| vec![tracker_ip(tracker)])
            .unwrap_or_default();
        let time = self.rng.up_to(NAME_TIME_MAX);
        self.send_errand(id, time, Errand::Resolved(resolve, addrs));
    }

    pub(super) fn send_datagram(&mut self, id: HostId, to: SocketAddr, bytes: Vec<u8>) {
        let trackers = (0..self.trackers.len()).map(TrackerId);
        if let Some(tracker) = trackers.into_iter().find(|id| tracker_ip(*id) == to.ip()) {
            for there in self.datagram_delays(id, tracker) {
                let errand = Errand::DatagramToTracker(tracker, to, bytes.clone());
                self.send_errand(id, there, errand);
            }
        } else {
            self.send_between(id, to, bytes);
        }
    }

    pub(super) fn serve(&mut self, event: ServiceEvent) {
        let ServiceEvent {
            host: id,
            run,
            what,
        } = event;
        if self.hosts[id.0].run != run || self.hosts[id.0].engine.is_none() {
            return;
        }
        match what {
            // Nobody follows for an announce that was given up.
            Errand::Asked(key, ..) if !self.hosts[id.0].announcing.contains(&key) => {}
            Errand::Asked(key, tracker, url) => {
                let ip = self.addr(id).ip();
                let back = self.tracker_delay(id, tracker);
                let service = &mut self.trackers[tracker.0];
                let answer = match service.spec.mood {
                    TrackerMood::Dead => {
                        Some(Err(TransferError::Other("connection refused".to_owned())))
                    }
                    TrackerMood::Redirects(to) => {
                        let there = back + self.tracker_delay(id, to);
                        return self.send_errand(id, there, Errand::Asked(key, to, url));
                    }
                    _ => service.get(&url, ip, self.now).map(Ok),
                };
                if let Some(answer) = answer {
                    self.send_errand(id, back, Errand::Answered(key, answer));
                }
            }
            Errand::Answered(announce, result) => {
                if self.hosts[id.0].announcing.remove(&announce) {
                    let result = match &result {
                        Ok(body) => Ok(body.as_slice()),
                        Err(error) => Err(error.clone()),
                    };
                    self.feed(id, Input::AnnounceDone { announce, result });
                }
            }
            Errand::Resolved(resolve, addrs) => self.feed(id, Input::Resolved { resolve, addrs }),
            Errand::DatagramToTracker(tracker, tracker_addr, bytes) => {
                let from = self.addr(id);
                let answer = self.trackers[tracker.0].datagram(from, &bytes, self.now);
                let Some(answer) = answer else { return };
                for back in self.datagram_delays(id, tracker) {
                    let errand = Errand::DatagramToHost(tracker_addr, answer.clone());
                    self.send_errand(id, back, errand);
                }
            }
            Errand::Multicast { near, from, bytes } => {
                let bytes = &bytes;
                self.feed(id, Input::Multicast { near, from, bytes });
            }
            Errand::DatagramToHost(from, bytes) => {
                let listener = ListenerId(0);
                self.feed(
                    id,
                    Input::Datagram {
                        listener,
                        from,
                        bytes: &bytes,
                    },
                );
            }
        }
    }
}

/// Trackers live in a network of their own.
fn tracker_ip(tracker: TrackerId) -> IpAddr {
    IpAddr::V4(std::net::Ipv4Addr::from(
        0xac10_0001 + ((tracker.0 as u32) << 8),
    ))
}
