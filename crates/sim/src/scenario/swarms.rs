//! Swarms of whole engines: everyone must finish, and not too late.

use std::sync::Arc;
use std::time::Duration;

use superseed_engine::{Settings, Time, TorrentOptions};

use super::{Outcome, Run, Scenario, super_seed};
use crate::content::{Content, ContentSpec};
use crate::disk::DiskSpec;
use crate::net::{DatagramFaults, LinkSpec};
use crate::tracker::TrackerSpec;
use crate::world::{HostId, HostSpec, Split, World};

/// Scenarios of this group.
pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "leechers-1",
        about: "a seed and one leecher, everything random, reads down to one byte",
        run: |run| random_swarm(run, 1, 1 << 20),
    },
    Scenario {
        name: "leechers-5",
        about: "a seed and five leechers, everything random, reads down to one byte",
        run: |run| random_swarm(run, 5, 2 << 20),
    },
    Scenario {
        name: "leechers-50",
        about: "a seed and fifty leechers, everything random, reads down to one byte",
        run: |run| random_swarm(run, 50, 1 << 20),
    },
    Scenario {
        name: "fluid",
        about: "64 MiB to fifty upload-limited leechers, against the fluid limit",
        run: fluid,
    },
    Scenario {
        name: "homogeneous-10",
        about: "256 MiB to ten equal leechers from a seed of twice their uplink",
        run: |run| super_seed::homogeneous(run, 10, false),
    },
    Scenario {
        name: "homogeneous-50",
        about: "the same to fifty",
        run: |run| super_seed::homogeneous(run, 50, false),
    },
    Scenario {
        name: "homogeneous-200",
        about: "the same to two hundred",
        run: |run| super_seed::homogeneous(run, 200, false),
    },
    Scenario {
        name: "share",
        about: "256 MiB to three machines of a network, all uplinks 100 Mbit/s",
        run: share,
    },
    Scenario {
        name: "one-line",
        about: "one seed feeds one leecher over a long fat line",
        run: one_line,
    },
];

/// A swarm that finds itself through a tracker.
pub struct Swarm {
    /// The torrent.
    pub content: Arc<Content>,
    /// Who has it from the start.
    pub seed: HostId,
    /// Who wants it.
    pub leechers: Vec<HostId>,
    /// When the leechers came.
    pub begun: Time,
}

impl Swarm {
    /// Adds a tracker, a seed and leechers to a world; all start at once.
    pub fn start(
        world: &mut World,
        spec: ContentSpec,
        seed: HostSpec,
        leechers: Vec<HostSpec>,
    ) -> Self {
        Self::start_as(world, spec, seed, TorrentOptions::default(), leechers)
    }

    /// The same with options for the seed.
    pub fn start_as(
        world: &mut World,
        spec: ContentSpec,
        seed: HostSpec,
        seed_options: TorrentOptions,
        leechers: Vec<HostSpec>,
    ) -> Self {
        let (_, url) = world.add_tracker(TrackerSpec::default());
        let number = world.rng().next_u64();
        let content = spec.tracker(url).make(number);
        let seed = world.add_host(seed);
        world.add_seed(seed, &content, seed_options);
        // The tracker knows the seed before anyone asks for it.
        world.run_for(Duration::from_secs(1));
        let add = |world: &mut World, spec| {
            let host = world.add_host(spec);
            world.add_torrent(host, &content, TorrentOptions::default());
            host
        };
        let begun = world.now();
        let leechers = leechers.into_iter().map(|spec| add(world, spec)).collect();
        Self {
            content,
            seed,
            leechers,
            begun,
        }
    }

    /// Runs until every leecher has everything and returns how long each took.
    pub fn finish(&self, world: &mut World, limit: Duration) -> Vec<Duration> {
        let everyone = |world: &World| {
            self.leechers
                .iter()
                .all(|host| world.finished(*host, &self.content))
        };
        if !world.run_until(limit, everyone) {
            let left = self
                .leechers
                .iter()
                .filter(|host| !world.finished(**host, &self.content));
            let slow: Vec<_> = left
                .map(|host| {
                    let stats = world.stats(*host, &self.content);
                    let peers = world.peers(*host, &self.content);
                    let unchoked = peers.iter().filter(|peer| !peer.peer_choking).count();
                    let asked: usize = peers.iter().map(|peer| peer.requests_out).sum();
                    format!(
                        "{host:?}: {} of {} pieces, {} peers, {unchoked} unchoke it, {asked} requests",
                        stats.pieces_have, stats.pieces, stats.peers
                    )
                })
                .collect();
            world.fail(&format!("not everyone finished in {limit:?}: {slow:#?}"));
        }
        let time = |host: &HostId| {
            let finished = world.progress(*host, &self.content).finished;
            finished.map_or(limit, |at| at.since(self.begun))
        };
        self.leechers.iter().map(time).collect()
    }
}

/// A host about which the dice decide everything.
pub fn random_host(world: &mut World) -> HostSpec {
    let rng = world.rng();
    let rate = |low: u64, high: u64, rng: &mut crate::rng::Rng| {
        rng.chance(0.8).then(|| rng.between(low, high))
    };
    HostSpec {
        settings: Settings {
            upload_slots: rng.chance(0.5).then(|| rng.between(2, 10) as usize),
            ..Settings::default()
        },
        link: LinkSpec {
            up_bytes_per_s: rate(30_000, 3_000_000, rng),
            down_bytes_per_s: rate(100_000, 10_000_000, rng),
            latency: Duration::from_micros(rng.between(100, 150_000)),
            jitter: Duration::from_micros(rng.between(0, 20_000)),
            send_buffer_bytes: rng.between(2_000, 200_000) as usize,
            window_bytes: rng.between(20_000, 1_000_000) as usize,
            datagrams: random_datagram_faults(rng),
        },
        disk: DiskSpec {
            latency: rng.up_to(Duration::from_millis(15)),
            jitter: rng.up_to(Duration::from_millis(15)),
            bytes_per_s: rate(1_000_000, 100_000_000, rng),
            capacity_bytes: None,
        },
        split: match rng.below(3) {
            0 => Split::Whole,
            1 => Split::UpTo(rng.between(2, 20_000) as usize),
            _ => Split::UpTo(rng.between(1, 64) as usize),
        },
        ..HostSpec::default()
    }
}

fn random_datagram_faults(rng: &mut crate::rng::Rng) -> DatagramFaults {
    if rng.chance(0.7) {
        return DatagramFaults::default();
    }
    DatagramFaults {
        loss: 0.2,
        duplication: 0.1,
        reordering: rng.up_to(Duration::from_millis(300)),
    }
}

fn random_swarm(run: &Run, leechers: usize, len_max: u64) -> Outcome {
    let mut world = run.world();
    let piece_len = 16_384 << world.rng().below(4);
    let len = world.rng().between(1, len_max) as usize;
    let seed = random_host(&mut world);
    let specs = (0..leechers).map(|_| random_host(&mut world)).collect();
    let swarm = Swarm::start(&mut world, ContentSpec::new(len, piece_len), seed, specs);
    let times = swarm.finish(&mut world, Duration::from_secs(3_600));
    for host in &swarm.leechers {
        let all = swarm.content.layout().piece_count();
        if world.pieces_on_disk(*host, &swarm.content) != all {
            world.fail(&format!("{host:?} finished, but its disk is not right"));
        }
    }
    let last = times.iter().max().copied().unwrap_or_default();
    Outcome::of(&world, vec![("last_s", last.as_secs_f64())])
}

/// The least time in which `n` leechers can all have `len` bytes: the seed
/// must send everything once, the slowest must receive everything, and all
/// uplinks together must carry `n` copies.
pub fn fluid_limit_s(len: f64, seed_up: f64, down_min: f64, ups: &[f64]) -> f64 {
    let copies = ups.len() as f64 * len;
    (len / seed_up)
        .max(len / down_min)
        .max(copies / (seed_up + ups.iter().sum::<f64>()))
}

pub(super) fn line(up: u64, down: u64, latency: Duration) -> HostSpec {
    HostSpec {
        link: LinkSpec {
            up_bytes_per_s: Some(up),
            down_bytes_per_s: Some(down),
            latency,
            send_buffer_bytes: 32 << 10,
            window_bytes: 64 << 10,
            ..LinkSpec::default()
        },
        ..HostSpec::default()
    }
}

fn fluid(run: &Run) -> Outcome {
    const LEN: usize = 64 << 20;
    let mut world = run.world();
    let seed_up = 4 << 20;
    let down = 8 << 20;
    let ups: Vec<u64> = (0..50)
        .map(|_| world.rng().between(500_000, 1_500_000))
        .collect();
    let latency = |world: &mut World| Duration::from_micros(world.rng().between(5_000, 20_000));
    let seed = line(seed_up, down, latency(&mut world));
    let specs = ups
        .iter()
        .map(|up| line(*up, down, latency(&mut world)))
        .collect();
    let swarm = Swarm::start(&mut world, ContentSpec::new(LEN, 256 << 10), seed, specs);
    let times = swarm.finish(&mut world, Duration::from_secs(1_200));
    let ups: Vec<f64> = ups.iter().map(|up| *up as f64).collect();
    let limit = fluid_limit_s(LEN as f64, seed_up as f64, down as f64, &ups);
    let last = times
        .iter()
        .max()
        .copied()
        .unwrap_or_default()
        .as_secs_f64();
    if last > 1.5 * limit {
        world.fail(&format!(
            "the last took {last:.1} s, the fluid limit is {limit:.1} s"
        ));
    }
    let mean = times.iter().map(Duration::as_secs_f64).sum::<f64>() / times.len() as f64;
    let wasted: u64 = (swarm.leechers.iter())
        .map(|host| world.stats(*host, &swarm.content).wasted_bytes)
        .sum();
    let figures = vec![
        ("last_to_limit", last / limit),
        ("mean_to_limit", mean / limit),
        ("wasted_share", wasted as f64 / (50.0 * LEN as f64)),
    ];
    Outcome::of(&world, figures)
}

/// What `superseed share` meets: a seed no faster than those who fetch, so that
/// every piece it sends twice is time lost to all. (`cargo xtask interop
/// bar-share` does the same with real sockets.)
fn share(run: &Run) -> Outcome {
    const LEN: usize = 256 << 20;
    const LEECHERS: usize = 3;
    /// 100 Mbit/s without headers.
    const UP: u64 = 11_625_000;
    const DOWN: u64 = 10 * UP;
    let mut world = run.world();
    let machine = || {
        let mut machine = line(UP, DOWN, Duration::from_micros(100));
        machine.link.send_buffer_bytes = 256 << 10;
        machine.link.window_bytes = 1 << 20;
        machine
    };
    let specs = (0..LEECHERS).map(|_| machine()).collect();
    let swarm = Swarm::start(
        &mut world,
        ContentSpec::new(LEN, 256 << 10),
        machine(),
        specs,
    );
    let times = swarm.finish(&mut world, Duration::from_secs(300));
    let last = times.iter().max().copied().unwrap_or_default();
    let limit = fluid_limit_s(LEN as f64, UP as f64, DOWN as f64, &[UP as f64; LEECHERS]);
    let sent = world
        .stats(swarm.seed, &swarm.content)
        .session_uploaded_bytes;
    let figures = vec![
        ("last_to_limit", last.as_secs_f64() / limit),
        ("copies_sent_by_seed", sent as f64 / LEN as f64),
    ];
    Outcome::of(&world, figures)
}

fn one_line(run: &Run) -> Outcome {
    const LEN: usize = 64 << 20;
    const RATE: u64 = 10 << 20;
    let mut world = run.world();
    let mut seed = line(RATE, RATE, Duration::from_millis(25));
    seed.link.window_bytes = 4 << 20;
    let leecher = line(RATE, RATE, Duration::from_millis(25));
    let swarm = Swarm::start(
        &mut world,
        ContentSpec::new(LEN, 256 << 10),
        seed,
        vec![leecher],
    );
    let times = swarm.finish(&mut world, Duration::from_secs(600));
    let ideal = LEN as f64 / RATE as f64;
    Outcome::of(&world, vec![("line_share", ideal / times[0].as_secs_f64())])
}
