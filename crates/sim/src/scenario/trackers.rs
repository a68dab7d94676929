//! Finding the one live peer among the dead, at once.

use std::sync::Arc;
use std::time::Duration;

use superseed_engine::{Time, TorrentOptions};

use super::{Outcome, Run, Scenario};
use crate::content::{Content, ContentSpec};
use crate::disk::CrashLoss;
use crate::net::{DatagramFaults, Inbound, LinkSpec};
use crate::tracker::{TrackerMood, TrackerSpec};
use crate::wire::Frame;
use crate::world::{HostId, HostSpec, ScriptId, World};

/// Scenarios of this group.
pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "hanging-trackers",
        about: "one live tracker among nine that hang, a tier each",
        run: |run| hanging(run, false),
    },
    Scenario {
        name: "hanging-tier",
        about: "one live tracker among nine that hang, all in one tier",
        run: |run| hanging(run, true),
    },
    Scenario {
        name: "udp-tracker",
        about: "a UDP tracker on a line that loses, doubles and reorders datagrams",
        run: udp,
    },
    Scenario {
        name: "dead-peers",
        about: "one live peer among 49 that do not answer",
        run: dead_peers,
    },
    Scenario {
        name: "all-peers-gone",
        about: "all peers of a leecher that nobody can call leave, and one comes",
        run: all_peers_gone,
    },
    Scenario {
        name: "life-cycle",
        about: "started, completed once and stopped, and the interval is kept",
        run: life_cycle,
    },
];

/// Waits for the first REQUEST at a scripted peer that offers everything.
fn first_request(
    world: &mut World,
    live: ScriptId,
    content: &Arc<Content>,
    patience: Duration,
) -> Duration {
    let begun = world.now();
    if !world.run_until(patience, |world| world.script_conns(live) > 0) {
        world.fail("the engine did not connect to the live peer");
    }
    let mut bits = Vec::new();
    let count = content.layout().piece_count();
    superseed_proto::Bitfield::full(count).write_wire(&mut bits);
    let mut wire = world.wire(live, 0);
    wire.shake_hands(content, [0; 8]);
    wire.send(Frame::Bitfield(bits.into())).send(Frame::Unchoke);
    let is_request = |frame: &Frame| matches!(frame, Frame::Request(..));
    let (at, _) = wire.expect_within(patience, "a request", is_request);
    at.since(begun)
}

fn must_be_fast(world: &World, time: Duration) -> Outcome {
    if time >= Duration::from_secs(1) {
        world.fail(&format!("the first request took {time:?}"));
    }
    Outcome::of(world, vec![("first_request_s", time.as_secs_f64())])
}

fn hanging(run: &Run, one_tier: bool) -> Outcome {
    let mut world = run.world();
    let live = world.add_script(LinkSpec::default());
    let mut urls = Vec::new();
    for _ in 0..9 {
        let mood = TrackerMood::Hangs;
        urls.push(
            world
                .add_tracker(TrackerSpec {
                    mood,
                    ..TrackerSpec::default()
                })
                .1,
        );
    }
    let extra_peers = vec![world.script_addr(live)];
    let works = TrackerSpec {
        extra_peers,
        ..TrackerSpec::default()
    };
    urls.push(world.add_tracker(works).1);
    let mut spec = ContentSpec::new(1 << 20, 64 << 10);
    spec.tiers = if one_tier {
        vec![urls]
    } else {
        urls.into_iter().map(|url| vec![url]).collect()
    };
    let content = spec.make(run.seed);
    let host = world.add_host(HostSpec::default());
    world.add_torrent(host, &content, TorrentOptions::default());
    if one_tier {
        // In one tier each hanging tracker costs its short silence.
        let time = first_request(&mut world, live, &content, Duration::from_secs(60));
        return Outcome::of(&world, vec![("first_request_s", time.as_secs_f64())]);
    }
    let time = first_request(&mut world, live, &content, Duration::from_secs(20));
    must_be_fast(&world, time)
}

fn udp(run: &Run) -> Outcome {
    let mut world = run.world();
    let live = world.add_script(LinkSpec::default());
    let extra_peers = vec![world.script_addr(live)];
    let spec = TrackerSpec {
        extra_peers,
        ..TrackerSpec::default()
    };
    let (tracker, _) = world.add_tracker(spec);
    let url = world.udp_url(tracker);
    let content = ContentSpec::new(1 << 20, 64 << 10)
        .tracker(url)
        .make(run.seed);
    let link = LinkSpec {
        datagrams: DatagramFaults {
            loss: 0.33,
            duplication: 0.2,
            reordering: Duration::from_millis(300),
        },
        ..LinkSpec::default()
    };
    let host = world.add_host(HostSpec {
        link,
        ..HostSpec::default()
    });
    world.add_torrent(host, &content, TorrentOptions::default());
    // BEP 15 waits 15, 30, 60 seconds and so on between its attempts.
    let time = first_request(&mut world, live, &content, Duration::from_secs(3_600));
    Outcome::of(&world, vec![("first_request_s", time.as_secs_f64())])
}

fn dead_peers(run: &Run) -> Outcome {
    let mut world = run.world();
    let live = world.add_script(LinkSpec::default());
    let mut peers = vec![world.script_addr(live)];
    peers.extend((0..49).map(|_| world.nowhere()));
    world.rng().shuffle(&mut peers);
    let spec = TrackerSpec {
        extra_peers: peers,
        ..TrackerSpec::default()
    };
    let (_, url) = world.add_tracker(spec);
    let content = ContentSpec::new(1 << 20, 64 << 10)
        .tracker(url)
        .make(run.seed);
    let host = world.add_host(HostSpec::default());
    world.add_torrent(host, &content, TorrentOptions::default());
    let time = first_request(&mut world, live, &content, Duration::from_secs(60));
    must_be_fast(&world, time)
}

/// Two dozen seeds are more than enough, until they are gone. The one that
/// comes then cannot call, so the leecher has to ask for it.
fn all_peers_gone(run: &Run) -> Outcome {
    const SEEDS: usize = 24;
    let mut world = run.world();
    let (_, url) = world.add_tracker(TrackerSpec::default());
    let content = ContentSpec::new(16 << 20, 64 << 10)
        .tracker(url)
        .make(run.seed);
    let link = LinkSpec {
        up_bytes_per_s: Some(1 << 10),
        ..LinkSpec::default()
    };
    let slow = HostSpec {
        link,
        ..HostSpec::default()
    };
    let seeds: Vec<HostId> = (0..SEEDS).map(|_| world.add_host(slow.clone())).collect();
    for seed in &seeds {
        world.add_seed(*seed, &content, TorrentOptions::default());
    }
    world.run_for(Duration::from_secs(1));
    let leecher = world.add_host(HostSpec::default());
    world.set_inbound(leecher, Inbound::Silent);
    world.add_torrent(leecher, &content, TorrentOptions::default());
    world.run_for(Duration::from_secs(90));
    let peers = world.stats(leecher, &content).peers;
    if peers != SEEDS {
        world.fail(&format!("{peers} of {SEEDS} seeds are connected"));
    }
    let late = world.add_host(HostSpec::default());
    world.add_seed(late, &content, TorrentOptions::default());
    world.run_for(Duration::from_secs(1));
    for seed in seeds {
        world.crash(seed, CrashLoss::Nothing);
    }
    let gone = world.now();
    if !world.run_until(Duration::from_secs(1_800), |world| {
        world.finished(leecher, &content)
    }) {
        world.fail("the leecher did not find the seed that is left");
    }
    let time = world.now().since(gone);
    if time > Duration::from_secs(30) {
        world.fail(&format!("the seed that is left was found after {time:?}"));
    }
    Outcome::of(&world, vec![("alone_s", time.as_secs_f64())])
}

fn life_cycle(run: &Run) -> Outcome {
    let mut world = run.world();
    let spec = TrackerSpec {
        interval_s: 600,
        min_interval_s: Some(300),
        ..TrackerSpec::default()
    };
    let (tracker, url) = world.add_tracker(spec);
    let content = ContentSpec::new(1 << 20, 64 << 10)
        .tracker(url)
        .make(run.seed);
    let seed = world.add_host(HostSpec::default());
    world.add_seed(seed, &content, TorrentOptions::default());
    world.run_for(Duration::from_secs(5));
    let host = world.add_host(HostSpec::default());
    world.add_torrent(host, &content, TorrentOptions::default());
    world.run_for(Duration::from_secs(3_600));
    if !world.shut_down(host, Duration::from_secs(5)) {
        world.fail("the engine did not shut down");
    }
    world.run_for(Duration::from_secs(5));
    let ours = world.addr(host);
    let seen: Vec<(Time, String)> = (world.announces(tracker).iter())
        .filter(|announce| announce.from == ours)
        .map(|announce| (announce.at, announce.event.clone()))
        .collect();
    let events: Vec<&str> = seen
        .iter()
        .map(|(_, event)| event.as_str())
        .filter(|event| !event.is_empty())
        .collect();
    if events != ["started", "completed", "stopped"] {
        world.fail(&format!("the tracker was told {events:?}"));
    }
    if world
        .announces(tracker)
        .iter()
        .any(|seen| seen.from != ours && seen.event == "completed")
    {
        world.fail("a seed from the start announced `completed`");
    }
    let regular: Vec<Time> = seen
        .iter()
        .filter(|(_, event)| event.is_empty())
        .map(|(at, _)| *at)
        .collect();
    let too_soon = |pair: &[Time]| pair[1].since(pair[0]) < Duration::from_secs(300);
    if regular.windows(2).any(too_soon) {
        world.fail(&format!("`min interval` was not kept: {seen:?}"));
    }
    if !(4..=8).contains(&regular.len()) {
        world.fail(&format!(
            "{} regular announces in an hour at 600 s",
            regular.len()
        ));
    }
    Outcome::of(&world, vec![("announces", seen.len() as f64)])
}
