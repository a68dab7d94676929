//! Swarms in which leechers come and go, and many cannot be reached.
//!
//! [`Crowd`] keeps a number of leechers present: whoever leaves is followed at
//! once by someone who has nothing. A part of those present is behind a NAT:
//! they connect, but nobody connects to them. They can give to those in reach
//! alone, and nothing once those have everything; with half of them behind NAT
//! the limit stands all the same, if those in reach give to them what they get.
//!
//! **The limit.** With the number and the uplinks of those present constant,
//! everyone present gets an equal part of all uplinks together, and leechers
//! that stay have everything after the fluid limit of a swarm that never
//! changes. What those who leave got, and take with them, is no loss beyond
//! that: it is their equal part.

use std::sync::Arc;
use std::time::Duration;

use superseed_engine::TorrentOptions;

use super::swarms::fluid_limit_s;
use super::{Outcome, Run, Scenario};
use crate::content::{Content, ContentSpec};
use crate::disk::CrashLoss;
use crate::net::{Inbound, LinkSpec};
use crate::tracker::TrackerSpec;
use crate::world::{HostId, HostSpec, World};

/// Scenarios of this group.
pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "nat-churn",
        about: "half of forty leechers behind NAT, and a fifth of them replaced each minute",
        run: |run| crowd(run, 0.5, 0.2, false),
    },
    Scenario {
        name: "nat-churn-pex",
        about: "the same, and they tell each other of peers",
        run: |run| crowd(run, 0.5, 0.2, true),
    },
    Scenario {
        name: "nat",
        about: "half of forty leechers behind NAT, and nobody leaves",
        run: |run| crowd(run, 0.5, 0.0, false),
    },
    Scenario {
        name: "churn",
        about: "forty leechers in reach, and a fifth of them replaced each minute",
        run: |run| crowd(run, 0.0, 0.2, false),
    },
    Scenario {
        name: "no-churn",
        about: "forty leechers in reach, and nobody leaves",
        run: |run| crowd(run, 0.0, 0.0, false),
    },
];

const LEN: usize = 64 << 20;
const PIECE_LEN: u32 = 256 << 10;
const LEECHERS: usize = 40;
/// Leechers that never leave.
const STAY: usize = 20;
const SEED_UP_BYTES_PER_S: u64 = 2 << 20;
const UP_BYTES_PER_S: u64 = 512 << 10;
const DOWN_BYTES_PER_S: u64 = 4 << 20;

/// A number of leechers that are present.
pub struct Crowd {
    content: Arc<Content>,
    /// The part that nobody can connect to.
    nat_share: f64,
    /// They exchange peers.
    pex: bool,
    present: Vec<Member>,
}

#[derive(Clone, Copy)]
struct Member {
    host: HostId,
    behind_nat: bool,
}

impl Crowd {
    /// Nobody yet.
    pub fn new(content: &Arc<Content>, nat_share: f64, pex: bool) -> Self {
        Self {
            content: Arc::clone(content),
            nat_share,
            pex,
            present: Vec::new(),
        }
    }

    /// So many leechers come at once: a flash crowd.
    pub fn come(&mut self, world: &mut World, count: usize) {
        for _ in 0..count {
            let mut spec = machine(world, UP_BYTES_PER_S);
            spec.settings.pex = self.pex;
            let host = world.add_host(spec);
            let behind = self.present.iter().filter(|member| member.behind_nat);
            let wanted = self.nat_share * (self.present.len() + 1) as f64;
            let behind_nat = behind.count() < wanted as usize;
            if behind_nat {
                world.set_inbound(host, Inbound::Silent);
            }
            world.add_torrent(host, &self.content, TorrentOptions::default());
            self.present.push(Member { host, behind_nat });
        }
    }

    /// Those who are here, who came first first.
    pub fn present(&self) -> Vec<HostId> {
        self.present.iter().map(|member| member.host).collect()
    }

    /// One of those from `first` on leaves without a word, another one comes.
    pub fn replace_one(&mut self, world: &mut World, first: usize) {
        let leavers = (self.present.len() - first) as u64;
        let at = first + world.rng().below(leavers) as usize;
        let host = self.present.remove(at).host;
        world.crash(host, CrashLoss::Nothing);
        world.set_inbound(host, Inbound::Silent);
        self.come(world, 1);
    }
}

fn machine(world: &mut World, up_bytes_per_s: u64) -> HostSpec {
    HostSpec {
        link: LinkSpec {
            up_bytes_per_s: Some(up_bytes_per_s),
            down_bytes_per_s: Some(DOWN_BYTES_PER_S),
            latency: Duration::from_micros(world.rng().between(5_000, 20_000)),
            send_buffer_bytes: 32 << 10,
            window_bytes: 64 << 10,
            ..LinkSpec::default()
        },
        ..HostSpec::default()
    }
}

/// Runs it; `churn` is the part of the leechers that is replaced each minute.
fn crowd(run: &Run, nat_share: f64, churn: f64, pex: bool) -> Outcome {
    let mut world = run.world();
    let (_, url) = world.add_tracker(TrackerSpec::default());
    let content = ContentSpec::new(LEN, PIECE_LEN).tracker(url).make(run.seed);
    let mut seed = machine(&mut world, SEED_UP_BYTES_PER_S);
    seed.settings.pex = pex;
    let seed = world.add_host(seed);
    world.add_seed(seed, &content, TorrentOptions::default());
    world.run_for(Duration::from_secs(1));
    let mut crowd = Crowd::new(&content, nat_share, pex);
    crowd.come(&mut world, LEECHERS);
    let begun = world.now();
    let all =
        |world: &World, hosts: &[HostId]| hosts.iter().all(|host| world.finished(*host, &content));
    let patience = Duration::from_secs(3_600);
    let pause = match churn {
        0.0 => patience,
        churn => Duration::from_secs_f64(60.0 / (LEECHERS as f64 * churn)),
    };
    let stay = crowd.present()[..STAY].to_vec();
    while !world.run_until(pause, |world| all(world, &stay)) {
        if world.now().since(begun) >= patience {
            world.fail("not everyone who stays finished within an hour");
        }
        crowd.replace_one(&mut world, STAY);
    }
    let times = stay.iter().filter_map(|host| {
        let finished = world.progress(*host, &content).finished?;
        Some(finished.since(begun).as_secs_f64())
    });
    let last = times.fold(0.0, f64::max);
    // Nobody leaves any more: everyone must finish.
    let present = crowd.present();
    if !world.run_until(patience, |world| all(world, &present)) {
        world.fail("not everyone finished when nobody left any more");
    }
    let ups = [UP_BYTES_PER_S as f64; LEECHERS];
    let seed_up = SEED_UP_BYTES_PER_S as f64;
    let limit = fluid_limit_s(LEN as f64, seed_up, DOWN_BYTES_PER_S as f64, &ups);
    Outcome::of(&world, vec![("last_to_limit", last / limit)])
}
