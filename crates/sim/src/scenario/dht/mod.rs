//! Networks of nodes of the DHT (BEP 5): honest ones that come and go, liars,
//! floods, and how soon a newcomer finds its first peer.

mod attack;
mod churn;
mod start;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use superseed_engine::config::DhtSettings;
use superseed_engine::dht::Goal;
use superseed_engine::{Settings, Ticket, Time, TorrentOptions};

use super::{Outcome, Run, Scenario};
use crate::content::{Content, ContentSpec};
use crate::net::{DatagramFaults, LinkSpec};
use crate::world::{HostId, HostSpec, World};

/// Scenarios of this group.
pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "dht-100",
        about: "a hundred nodes find what any of them announced, with losses",
        run: churn::hundred,
    },
    Scenario {
        name: "dht-1000",
        about: "a thousand nodes that stay",
        run: churn::thousand,
    },
    Scenario {
        name: "dht-churn",
        about: "a thousand nodes of which a fifth is replaced in an hour, with losses",
        run: churn::churning,
    },
    Scenario {
        name: "dht-eclipse",
        about: "a hundred liars of one network beside the swarm that everybody looks for",
        run: attack::eclipse,
    },
    Scenario {
        name: "dht-flood",
        about: "one node is asked without end, by one network and by ten thousand addresses",
        run: attack::flood,
    },
    Scenario {
        name: "dht-cold",
        about: "a newcomer that knows four routers, three of which are gone",
        run: start::cold,
    },
    Scenario {
        name: "dht-warm",
        about: "a newcomer that was there before",
        run: start::warm,
    },
];

/// The part of datagrams that gets lost on the way from one host to another:
/// half of it at each end.
const LOSS: f64 = 0.05;

/// A network whose first hosts are everybody's routers.
struct Network {
    world: World,
    hosts: Vec<HostId>,
    routers: Vec<SocketAddr>,
    loss: f64,
    /// One-way delays between a host and the core of the network.
    latency: (Duration, Duration),
}

/// What one host announces.
struct Shared {
    host: HostId,
    content: Arc<Content>,
}

/// A look-up that was begun.
struct Asked {
    host: HostId,
    ticket: Ticket,
    began: Time,
    /// Who is to be found.
    seed: SocketAddr,
}

/// What look-ups came to.
struct Answers {
    asked: usize,
    found: usize,
    /// Seconds that they took, in order.
    took_s: Vec<f64>,
    /// Seconds to the first peer, in order.
    first_s: Vec<f64>,
    /// Questions, in order.
    queries: Vec<f64>,
}

fn settings(routers: &[(String, u16)]) -> Settings {
    Settings {
        dht: DhtSettings {
            enabled: true,
            routers: Some(routers.into()),
            ..DhtSettings::default()
        },
        ..Settings::default()
    }
}

impl Network {
    fn new(run: &Run) -> Self {
        let mut world = run.world();
        world.use_public_ips();
        Self {
            world,
            hosts: Vec::new(),
            routers: Vec::new(),
            loss: LOSS,
            latency: (Duration::from_millis(5), Duration::from_millis(60)),
        }
    }

    fn spec(&mut self) -> HostSpec {
        let (least, most) = self.latency;
        let latency = least + self.world.rng().up_to(most - least);
        let routers = self.routers.iter();
        let routers: Vec<_> = routers
            .map(|addr| (addr.ip().to_string(), addr.port()))
            .collect();
        HostSpec {
            settings: settings(&routers),
            link: LinkSpec {
                latency,
                datagrams: DatagramFaults {
                    loss: 1.0 - (1.0 - self.loss).sqrt(),
                    ..DatagramFaults::default()
                },
                ..LinkSpec::default()
            },
            ..HostSpec::default()
        }
    }

    fn add(&mut self) -> HostId {
        let spec = self.spec();
        let host = self.world.add_host(spec);
        self.hosts.push(host);
        if self.routers.len() < 3 {
            self.routers.push(self.world.addr(host));
        }
        host
    }

    /// Adds so many hosts, one after the other.
    fn grow(&mut self, count: usize, within: Duration) {
        for _ in 0..count {
            self.add();
            self.world.run_for(within / count as u32);
        }
    }

    /// Lets the first hosts share a torrent each.
    fn share(&mut self, count: usize, seed: u64) -> Vec<Shared> {
        let hosts = self.hosts[..count].to_vec();
        let share = |(at, host): (usize, HostId)| {
            let content = ContentSpec::new(32 << 10, 16 << 10).make(seed << 16 | at as u64);
            let world = &mut self.world;
            world.add_seed(host, &content, TorrentOptions::default());
            Shared { host, content }
        };
        hosts.into_iter().enumerate().map(share).collect()
    }

    /// Lets a random host look for one of the swarms.
    fn ask(&mut self, shared: &[Shared]) -> Asked {
        let of = &shared[self.world.rng().below(shared.len() as u64) as usize];
        let host = loop {
            let at = self.world.rng().below(self.hosts.len() as u64) as usize;
            if self.hosts[at] != of.host {
                break self.hosts[at];
            }
        };
        let began = self.world.now();
        let goal = Goal::Peers(of.content.swarm());
        Asked {
            host,
            ticket: self.world.look_up(host, goal),
            began,
            seed: self.world.addr(of.host),
        }
    }

    /// Good contacts of a host, on average, and the fewest.
    fn contacts(&self) -> (f64, f64) {
        let good = self.hosts.iter().filter_map(|host| self.world.node(*host));
        let good: Vec<_> = good.map(|node| node.good as f64).collect();
        let mean = good.iter().sum::<f64>() / good.len() as f64;
        (mean, good.into_iter().fold(f64::MAX, f64::min))
    }

    /// What became of look-ups. One whose host left does not count.
    fn answers(&self, asked: &[Asked]) -> Answers {
        let mut answers = Answers {
            asked: 0,
            found: 0,
            took_s: Vec::new(),
            first_s: Vec::new(),
            queries: Vec::new(),
        };
        for asked in asked {
            let Some((at, found)) = self.world.found(asked.host, asked.ticket) else {
                if self.world.node(asked.host).is_some() {
                    self.world.fail("a look-up did not end");
                }
                continue;
            };
            answers.asked += 1;
            answers.found += usize::from(found.peers.contains(&asked.seed));
            answers.took_s.push(at.since(asked.began).as_secs_f64());
            let first = found.first_peer_after.map(|after| after.as_secs_f64());
            answers.first_s.extend(first);
            answers.queries.push(f64::from(found.queries));
        }
        for list in [
            &mut answers.took_s,
            &mut answers.first_s,
            &mut answers.queries,
        ] {
            list.sort_unstable_by(f64::total_cmp);
        }
        answers
    }
}

impl Answers {
    fn figures(&self) -> Vec<(&'static str, f64)> {
        let mean = self.queries.iter().sum::<f64>() / self.queries.len().max(1) as f64;
        vec![
            ("look_ups", self.asked as f64),
            ("found_share", self.found as f64 / self.asked.max(1) as f64),
            ("median_s", part(&self.took_s, 0.5)),
            ("p99_s", part(&self.took_s, 0.99)),
            ("first_median_s", part(&self.first_s, 0.5)),
            ("first_p99_s", part(&self.first_s, 0.99)),
            ("queries_mean", mean),
            ("queries_p99", part(&self.queries, 0.99)),
            ("queries_max", part(&self.queries, 1.0)),
        ]
    }
}

/// The value below which this part of an ordered list lies.
fn part(ordered: &[f64], part: f64) -> f64 {
    let last = ordered.len().saturating_sub(1);
    let at = (last as f64 * part).round() as usize;
    ordered.get(at).copied().unwrap_or(f64::NAN)
}

fn outcome(world: &World, figures: Vec<(&'static str, f64)>) -> Outcome {
    Outcome::of(world, figures)
}
