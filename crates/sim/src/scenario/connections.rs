//! Full torrents, strangers in crowds, and how gently a torrent begins.

use std::sync::Arc;
use std::time::Duration;

use superseed_engine::limits::{INCOMING_SLACK, STRANGERS_PER_HOST_MAX};
use superseed_engine::{Settings, TorrentOptions};

use super::swarms::{Swarm, fluid_limit_s};
use super::{Outcome, Run, Scenario};
use crate::content::{Content, ContentSpec};
use crate::net::LinkSpec;
use crate::tracker::TrackerSpec;
use crate::wire::{Actor, ActorIo, FakeSeed, Frame};
use crate::world::{HostId, HostSpec, ScriptId, World};

/// Scenarios of this group.
pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "idlers-hold-a-leecher",
        about: "idlers hold every place of a leecher, and the one seed is among those it knows",
        run: leecher_full_of_idlers,
    },
    Scenario {
        name: "idlers-hold-a-seed",
        about: "idlers hold every place of a seed and those beyond, and a leecher knocks",
        run: seed_full_of_idlers,
    },
    Scenario {
        name: "tight-places",
        about: "thirty leechers with six places each, all of them useful",
        run: tight_places,
    },
    Scenario {
        name: "many-live",
        about: "a leecher that learns of fifty live seeds begins gently",
        run: many_live,
    },
    Scenario {
        name: "strangers",
        about: "one host opens connections and says nothing, and another knocks",
        run: strangers,
    },
];

const PLACES: usize = 4;
const LEN: usize = 1 << 20;

/// A peer that has nothing and wants nothing, and is never silent for long.
struct Idler {
    content: Arc<Content>,
    number: u8,
}

impl Actor for Idler {
    fn connected(&mut self, io: &mut ActorIo) {
        let mut peer_id = *b"-ID0001-000000000000";
        peer_id[19] = self.number;
        io.send(&Frame::Handshake([0; 8], self.content.swarm().0, peer_id));
        io.wake_after(Duration::from_secs(60));
    }

    fn frame(&mut self, _: &Frame, _: &mut ActorIo) {}

    fn woken(&mut self, io: &mut ActorIo) {
        io.send(&Frame::KeepAlive);
        io.wake_after(Duration::from_secs(60));
    }
}

fn idler(world: &mut World, content: &Arc<Content>, number: u8) -> ScriptId {
    let content = Arc::clone(content);
    let make = move || -> Box<dyn Actor> {
        let content = Arc::clone(&content);
        Box::new(Idler { content, number })
    };
    world.add_actor(LinkSpec::default(), make)
}

fn host_with_places(world: &mut World, places: usize) -> HostId {
    let settings = Settings {
        connections_per_torrent_max: places,
        ..Settings::default()
    };
    world.add_host(HostSpec {
        settings,
        ..HostSpec::default()
    })
}

fn leecher_full_of_idlers(run: &Run) -> Outcome {
    let mut world = run.world();
    let (tracker, url) = world.add_tracker(TrackerSpec {
        interval_s: 60,
        ..TrackerSpec::default()
    });
    let content = ContentSpec::new(LEN, 64 << 10).tracker(url).make(run.seed);
    let mut peers: Vec<_> = (0..8)
        .map(|number| {
            let idler = idler(&mut world, &content, number);
            world.script_addr(idler)
        })
        .collect();
    world.name_peers(tracker, peers.clone());
    let host = host_with_places(&mut world, PLACES);
    world.add_torrent(host, &content, TorrentOptions::default());
    world.run_for(Duration::from_secs(30));
    let held = world.peers(host, &content).len();
    if held != PLACES {
        world.fail(&format!("{held} idlers hold places"));
    }
    // The next answer of the tracker names a seed beside them.
    let seed = world.add_fake_seed(LinkSpec::default(), FakeSeed::new(&content, 99));
    peers.push(world.script_addr(seed));
    world.name_peers(tracker, peers);
    world.complete(host, &content, Duration::from_secs(270));
    let time = world.elapsed().as_secs_f64();
    Outcome::of(&world, vec![("time_s", time)])
}

fn seed_full_of_idlers(run: &Run) -> Outcome {
    let mut world = run.world();
    let content = ContentSpec::new(LEN, 64 << 10).make(run.seed);
    let seed = host_with_places(&mut world, PLACES);
    world.add_seed(seed, &content, TorrentOptions::default());
    world.run_for(Duration::from_secs(1));
    for number in 0..(PLACES + INCOMING_SLACK) as u8 {
        let idler = idler(&mut world, &content, number);
        world.script_connect(idler, seed);
    }
    world.run_for(Duration::from_secs(30));
    let held = world.peers(seed, &content).len();
    if held != PLACES + INCOMING_SLACK {
        world.fail(&format!("{held} idlers hold places"));
    }
    let leecher = world.add_host(HostSpec::default());
    let begun = world.now();
    let addr = world.addr(seed);
    world.add_leech(leecher, &content, vec![addr]);
    world.complete(leecher, &content, Duration::from_secs(300));
    let time = world.now().since(begun).as_secs_f64();
    Outcome::of(&world, vec![("time_s", time)])
}

/// Everybody is of use to everybody: to replace anyone would be a loss.
fn tight_places(run: &Run) -> Outcome {
    const LEECHERS: usize = 30;
    const LEN: usize = 64 << 20;
    const UP: u64 = 1 << 20;
    let mut world = run.world();
    let machine = |places| HostSpec {
        settings: Settings {
            connections_per_torrent_max: places,
            ..Settings::default()
        },
        link: LinkSpec {
            up_bytes_per_s: Some(UP),
            down_bytes_per_s: Some(8 * UP),
            ..LinkSpec::default()
        },
        ..HostSpec::default()
    };
    let specs = (0..LEECHERS).map(|_| machine(6)).collect();
    let content = ContentSpec::new(LEN, 256 << 10);
    let swarm = Swarm::start(&mut world, content, machine(6), specs);
    for leecher in &swarm.leechers {
        world.count_wire(*leecher);
    }
    let times = swarm.finish(&mut world, Duration::from_secs(1_200));
    let last = times.iter().max().copied().unwrap_or_default();
    let limit = fluid_limit_s(
        LEN as f64,
        UP as f64,
        8.0 * UP as f64,
        &[UP as f64; LEECHERS],
    );
    let attempts: u64 = (swarm.leechers.iter())
        .map(|leecher| world.tally(*leecher).connections)
        .sum();
    let per_minute = attempts as f64 / LEECHERS as f64 / (last.as_secs_f64() / 60.0);
    let figures = vec![
        ("last_to_limit", last.as_secs_f64() / limit),
        ("new_connections_per_minute", per_minute),
    ];
    Outcome::of(&world, figures)
}

fn many_live(run: &Run) -> Outcome {
    let mut world = run.world();
    let (tracker, url) = world.add_tracker(TrackerSpec::default());
    let content = ContentSpec::new(8 << 20, 64 << 10)
        .tracker(url)
        .make(run.seed);
    let seeds = (0..50).map(|number| {
        let link = LinkSpec {
            up_bytes_per_s: Some(1 << 20),
            ..LinkSpec::default()
        };
        let seed = world.add_fake_seed(link, FakeSeed::new(&content, number));
        world.script_addr(seed)
    });
    let seeds = seeds.collect();
    world.name_peers(tracker, seeds);
    let host = world.add_host(HostSpec::default());
    world.count_wire(host);
    world.add_torrent(host, &content, TorrentOptions::default());
    let attempts = |world: &World| world.tally(host).connections;
    world.run_until(Duration::from_secs(5), |world| attempts(world) > 0);
    let mut half_open_max = 0;
    for _ in 0..100 {
        world.run_for(Duration::from_millis(10));
        let up = world.peers(host, &content).len() as u64;
        half_open_max = half_open_max.max(attempts(&world).saturating_sub(up));
    }
    world.complete(host, &content, Duration::from_secs(60));
    let figures = vec![("half_open_max", half_open_max as f64)];
    Outcome::of(&world, figures)
}

fn strangers(run: &Run) -> Outcome {
    let mut world = run.world();
    let content = ContentSpec::new(LEN, 64 << 10).make(run.seed);
    let settings = Settings {
        connections_max: 2 * STRANGERS_PER_HOST_MAX,
        ..Settings::default()
    };
    let seed = world.add_host(HostSpec {
        settings,
        ..HostSpec::default()
    });
    world.add_seed(seed, &content, TorrentOptions::default());
    world.run_for(Duration::from_secs(1));
    let crowd = world.add_script(LinkSpec::default());
    for _ in 0..4 * STRANGERS_PER_HOST_MAX {
        world.script_connect(crowd, seed);
    }
    world.run_for(Duration::from_secs(1));
    let leecher = world.add_host(HostSpec::default());
    let begun = world.now();
    let addr = world.addr(seed);
    world.add_leech(leecher, &content, vec![addr]);
    world.complete(leecher, &content, Duration::from_secs(60));
    let time = world.now().since(begun).as_secs_f64();
    Outcome::of(&world, vec![("time_s", time)])
}
