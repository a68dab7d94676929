//! One run: a swarm of engines and free riders, and what is measured of it.
//!
//! Everything but the arm follows from the seed: addresses, delays, rates,
//! the dice of each engine and when each machine comes.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use superseed_engine::{Settings, TorrentOptions};

use super::grid::{Job, Policy, Who};
use crate::content::Content;
use crate::net::LinkSpec;
use crate::rng::Rng;
use crate::scenario::swarms::fluid_limit_s;
use crate::tracker::TrackerSpec;
use crate::wire::{Rider, RiderConn};
use crate::world::{HostId, HostSpec, Protocol, World};

/// The first tracker of a world; the torrent is the same in all worlds.
pub(super) const TRACKER_URL: &str = "http://tracker-0.sim/announce";

/// What the seed sends.
pub(super) const SEED_UP_BYTES_PER_S: u64 = 2_000_000;
/// What the tested client receives.
pub(super) const CLIENT_DOWN_BYTES_PER_S: u64 = 4_000_000;
/// What fast leechers send and receive, before the dice.
pub(super) const FAST_BYTES_PER_S: (u64, u64) = (250_000, 2_000_000);
/// What slow leechers send and receive, before the dice.
pub(super) const SLOW_BYTES_PER_S: (u64, u64) = (50_000, 500_000);
/// What free riders could send, and what they receive.
pub(super) const RIDER_BYTES_PER_S: (u64, u64) = (250_000, 1_000_000);
/// No swarm of the grid takes as long.
const PATIENCE: Duration = Duration::from_secs(7_200);

/// Who got payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Fast,
    Slow,
    Rider,
}

/// What one run came to. Times in seconds from the start of the machine, bytes
/// of the tested client unless they say otherwise, from its start to the
/// moment at which it had everything.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Measured {
    /// Half of the pieces were there.
    pub half_s: f64,
    /// 99 % of the pieces were there.
    pub most_s: f64,
    /// All pieces were there.
    pub all_s: f64,
    /// Mean of the times of all who give, the tested client included.
    pub swarm_mean_s: f64,
    /// The last of these times.
    pub swarm_last_s: f64,
    /// The least time in which all of them could have had everything.
    pub fluid_limit_s: f64,
    /// Jain's index of their share ratios, each at its own completion.
    pub jain: f64,
    /// Payload sent to fast leechers (of all who run the arm).
    pub up_fast_bytes: u64,
    /// Payload sent to slow leechers (of all who run the arm).
    pub up_slow_bytes: u64,
    /// Payload sent to free riders (of all who run the arm).
    pub up_riders_bytes: u64,
    /// Blocks that came twice (of all who run the arm).
    pub duplicate_bytes: u64,
    /// Blocks that came after their CANCEL (of all who run the arm).
    pub late_bytes: u64,
    /// Pieces that hashed wrong (of all who run the arm).
    pub bad_bytes: u64,
    /// Payload needed (of all who run the arm).
    pub needed_bytes: u64,
    /// All payload received (of all who run the arm).
    pub down_bytes: u64,
    /// CHOKE and UNCHOKE messages sent (of all who run the arm).
    pub flips: u64,
    /// All bytes on connections, both ways (of all who run the arm).
    pub wire_bytes: u64,
    /// Of these, those of messages and not of payload, by message.
    pub protocol: Protocol,
    /// Blocks that were delivered, to anyone.
    pub blocks: u64,
    /// Stands for every action of every engine of the run.
    pub digest: u64,
}

impl Measured {
    /// All payload sent.
    pub fn up_bytes(&self) -> f64 {
        (self.up_fast_bytes + self.up_slow_bytes + self.up_riders_bytes) as f64
    }

    /// The part of it that went to free riders.
    pub fn riders_share(&self) -> f64 {
        self.up_riders_bytes as f64 / self.up_bytes().max(1.0)
    }

    /// What came in vain, to what came.
    pub fn waste_share(&self) -> f64 {
        let wasted = self.duplicate_bytes + self.late_bytes + self.bad_bytes;
        wasted as f64 / self.down_bytes.max(1) as f64
    }
}

/// A machine of the swarm that gives.
struct Giver {
    host: HostId,
    up_bytes_per_s: Option<u64>,
    down_bytes_per_s: u64,
    begins: Duration,
}

struct Crowd<'a> {
    world: World,
    content: &'a Arc<Content>,
    rng: Rng,
    classes: BTreeMap<IpAddr, Class>,
}

impl Crowd<'_> {
    fn link(&mut self, up: Option<u64>, down: u64) -> LinkSpec {
        LinkSpec {
            up_bytes_per_s: up,
            down_bytes_per_s: Some(down),
            latency: Duration::from_micros(self.rng.between(5_000, 20_000)),
            send_buffer_bytes: 32 << 10,
            window_bytes: 128 << 10,
            ..LinkSpec::default()
        }
    }

    fn host(&mut self, policy: Policy, link: LinkSpec) -> HostId {
        let settings = Settings {
            choker: policy.choker,
            picker: policy.picker,
            requests: policy.requests,
            ..Settings::default()
        };
        let host = self.world.add_host(HostSpec {
            settings,
            link,
            ..HostSpec::default()
        });
        self.world.count_wire(host);
        host
    }

    /// A leecher of a class, its rates a fifth higher or lower.
    fn leecher(&mut self, class: Class, (up, down): (u64, u64), policy: Policy) -> Giver {
        let up = self.rng.between(up * 4 / 5, up * 6 / 5);
        let link = self.link(Some(up), down);
        let host = self.host(policy, link);
        self.classes.insert(self.world.addr(host).ip(), class);
        Giver {
            host,
            up_bytes_per_s: Some(up),
            down_bytes_per_s: down,
            begins: self.rng.up_to(Duration::from_secs(2)),
        }
    }

    fn rider(&mut self, number: usize) -> std::net::SocketAddr {
        let (up, down) = RIDER_BYTES_PER_S;
        let link = self.link(Some(up), down);
        let rider = Rider::choosy(self.content, number as u8);
        let script = self.world.add_actor(link, move || {
            let rider = Rc::clone(&rider);
            Box::new(RiderConn::new(&rider))
        });
        let addr = self.world.script_addr(script);
        self.classes.insert(addr.ip(), Class::Rider);
        addr
    }
}

/// Makes a run in a world that is empty.
pub(super) fn measure(job: &Job, content: &Arc<Content>, mut world: World) -> Measured {
    let swarm = &job.swarm;
    let (_, url) = world.add_tracker(TrackerSpec::default());
    assert_eq!(url, TRACKER_URL, "the torrent names the tracker");
    let mut crowd = Crowd {
        world,
        content,
        rng: Rng::new(job.seed).fork(),
        classes: BTreeMap::new(),
    };
    let own = job.arm.policy;
    let others = match swarm.who {
        Who::Client(remotes) => Policy::of(remotes),
        Who::Everyone => own,
    };
    let seed_link = crowd.link(Some(SEED_UP_BYTES_PER_S), SEED_UP_BYTES_PER_S);
    let seed = crowd.host(others, seed_link);
    let link = crowd.link(swarm.uplink_bytes_per_s, CLIENT_DOWN_BYTES_PER_S);
    let client = Giver {
        host: crowd.host(own, link),
        up_bytes_per_s: swarm.uplink_bytes_per_s,
        down_bytes_per_s: CLIENT_DOWN_BYTES_PER_S,
        begins: crowd.rng.up_to(Duration::from_secs(2)),
    };
    let ip = crowd.world.addr(client.host).ip();
    // Where everyone runs the arm, the client is one of the fast.
    crowd.classes.insert(ip, Class::Fast);
    let mut givers = vec![client];
    givers.extend((0..swarm.fast()).map(|_| crowd.leecher(Class::Fast, FAST_BYTES_PER_S, others)));
    givers.extend((0..swarm.slow()).map(|_| crowd.leecher(Class::Slow, SLOW_BYTES_PER_S, others)));
    let riders: Vec<_> = (0..swarm.riders()).map(|at| crowd.rider(at)).collect();

    let Crowd {
        mut world, classes, ..
    } = crowd;
    let options = TorrentOptions {
        peers: riders,
        ..TorrentOptions::default()
    };
    world.add_seed(seed, content, options.clone());
    world.run_for(Duration::from_secs(1));
    let begun = world.elapsed();
    for giver in &givers {
        let (host, content, options) = (giver.host, Arc::clone(content), options.clone());
        world.plan(giver.begins, move |world| {
            world.add_torrent(host, &content, options);
        });
    }
    world.run_for(Duration::from_secs(2));
    let marks = run_to_the_end(&mut world, content, &givers);
    let starts: Vec<Duration> = givers.iter().map(|giver| begun + giver.begins).collect();
    let mut measured = times(&world, content, &givers, &starts);
    let since = |at: Duration| at.saturating_sub(starts[0]).as_secs_f64();
    (measured.half_s, measured.most_s) = (since(marks.0), since(marks.1));
    let tested = match swarm.who {
        Who::Client(_) => &givers[..1],
        Who::Everyone => &givers[..],
    };
    for giver in tested {
        add_bytes(&mut measured, &world, content, giver.host, &classes);
    }
    measured.blocks = world.block_count();
    measured.digest = world.digest();
    world.ledger();
    measured
}

/// Runs until all who give have everything; returns when the tested client had
/// half of the pieces, and 99 % of them.
fn run_to_the_end(
    world: &mut World,
    content: &Arc<Content>,
    givers: &[Giver],
) -> (Duration, Duration) {
    let pieces = content.layout().piece_count();
    let wanted = [pieces.div_ceil(2), (pieces * 99).div_ceil(100)];
    let mut marks = [None; 2];
    let mut finished = 0;
    let all = |world: &World| {
        let have = world.progress(givers[0].host, content).pieces;
        for (mark, wanted) in marks.iter_mut().zip(wanted) {
            if have >= wanted {
                mark.get_or_insert(world.elapsed());
            }
        }
        while finished < givers.len() && world.finished(givers[finished].host, content) {
            finished += 1;
        }
        finished == givers.len()
    };
    if !world.run_until(PATIENCE, all) {
        world.fail("not everyone who gives finished");
    }
    let [half, most] = marks.map(|mark| mark.expect("who finished had every part before"));
    (half, most)
}

fn times(world: &World, content: &Arc<Content>, givers: &[Giver], starts: &[Duration]) -> Measured {
    let mut seconds = Vec::new();
    let mut ratios = Vec::new();
    let len = content.layout().total_len() as f64;
    for (giver, start) in givers.iter().zip(starts) {
        let finished = world.progress(giver.host, content).finished;
        let finished = finished.expect("everyone finished").as_micros();
        seconds.push(finished as f64 / 1e6 - start.as_secs_f64());
        ratios.push(world.tally(giver.host).sent_bytes() as f64 / len);
    }
    let up = |giver: &Giver| giver.up_bytes_per_s.map_or(f64::INFINITY, |up| up as f64);
    let ups: Vec<f64> = givers.iter().map(up).collect();
    let slowest = givers.iter().map(|giver| giver.down_bytes_per_s).min();
    let down_min = slowest.unwrap_or(CLIENT_DOWN_BYTES_PER_S) as f64;
    Measured {
        all_s: seconds[0],
        swarm_mean_s: seconds.iter().sum::<f64>() / seconds.len() as f64,
        swarm_last_s: seconds.iter().copied().fold(0.0, f64::max),
        fluid_limit_s: fluid_limit_s(len, SEED_UP_BYTES_PER_S as f64, down_min, &ups),
        jain: jain(&ratios),
        ..Measured::default()
    }
}

/// Jain's index: one if all are alike, 1/n if one has everything.
fn jain(values: &[f64]) -> f64 {
    let sum: f64 = values.iter().sum();
    let squares: f64 = values.iter().map(|value| value * value).sum();
    if squares == 0.0 {
        return 1.0;
    }
    sum * sum / (values.len() as f64 * squares)
}

fn add_bytes(
    measured: &mut Measured,
    world: &World,
    content: &Arc<Content>,
    host: HostId,
    classes: &BTreeMap<IpAddr, Class>,
) {
    let tally = world.tally(host);
    for (ip, bytes) in &tally.sent {
        let class = classes.get(ip).copied();
        match class.unwrap_or_else(|| world.fail("payload went to a stranger")) {
            Class::Fast => measured.up_fast_bytes += bytes,
            Class::Slow => measured.up_slow_bytes += bytes,
            Class::Rider => measured.up_riders_bytes += bytes,
        }
    }
    let failed = &world.progress(host, content).failed_pieces;
    let lens = failed
        .iter()
        .map(|piece| content.layout().piece_len(*piece));
    measured.bad_bytes += lens.map(u64::from).sum::<u64>();
    measured.needed_bytes += content.layout().total_len();
    measured.duplicate_bytes += tally.duplicate_bytes;
    measured.late_bytes += tally.late_bytes;
    measured.down_bytes += tally.received_bytes;
    measured.flips += tally.choke_flips;
    measured.wire_bytes += tally.wire_in_bytes() + tally.wire_out_bytes();
    measured.protocol += tally.protocol;
}
