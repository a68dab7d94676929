//! Trackers that lie, go away and come back, or send their clients elsewhere:
//! the swarm must come together all the same.

use std::time::Duration;

use superseed_engine::{EventKind, TorrentOptions};

use super::{Outcome, Run, Scenario, slow_host};
use crate::content::ContentSpec;
use crate::net::Inbound;
use crate::tracker::{TrackerMood, TrackerSpec};
use crate::world::{HostId, TrackerId, World};

/// Scenarios of this group.
pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "lying-tracker",
        about: "a tracker with wrong counts, bad addresses and an interval of nothing or for ever",
        run: lying,
    },
    Scenario {
        name: "tracker-returns",
        about: "the only tracker is dead when a leecher comes, and returns after ten minutes",
        run: returns,
    },
    Scenario {
        name: "slow-tracker",
        about: "an HTTP tracker answers later than it is waited for, and in time after ten minutes",
        run: slow_http,
    },
    Scenario {
        name: "slow-udp-tracker",
        about: "a UDP tracker answers after it was asked a second time",
        run: slow_udp,
    },
    Scenario {
        name: "redirects",
        about: "one tracker redirects to another, a second one to itself",
        run: redirects,
    },
];

const LEN: usize = 1 << 20;
const PIECE_LEN: u32 = 64 << 10;

fn lying(run: &Run) -> Outcome {
    let mut world = run.world();
    let interval_s = if world.rng().chance(0.5) { 0 } else { u32::MAX };
    let nowhere = (0..30).map(|_| world.nowhere()).collect();
    let (tracker, url) = world.add_tracker(TrackerSpec {
        interval_s,
        extra_peers: nowhere,
        counts: Some((u32::MAX, 0)),
        names_nonsense: true,
        ..TrackerSpec::default()
    });
    let content = ContentSpec::new(LEN, PIECE_LEN).tracker(url).make(run.seed);
    let (seed, leecher) = (slow_host(&mut world), slow_host(&mut world));
    world.add_seed(seed, &content, TorrentOptions::default());
    world.run_for(Duration::from_secs(1));
    world.add_torrent(leecher, &content, TorrentOptions::default());
    world.complete(leecher, &content, Duration::from_secs(120));
    world.run_for(Duration::from_secs(3_600));
    // Whatever it says, nobody asks more than once a minute, beside what
    // `started` and `completed` announce.
    let announces = told(&world, tracker, leecher).len();
    if announces > 63 {
        world.fail(&format!("{announces} announces in an hour"));
    }
    Outcome::of(&world, vec![("announces", announces as f64)])
}

fn returns(run: &Run) -> Outcome {
    let mut world = run.world();
    let (tracker, url) = world.add_tracker(TrackerSpec::default());
    let content = ContentSpec::new(LEN, PIECE_LEN).tracker(url).make(run.seed);
    let (seed, leecher) = (slow_host(&mut world), slow_host(&mut world));
    world.add_seed(seed, &content, TorrentOptions::default());
    world.run_for(Duration::from_secs(5));
    world.set_mood(tracker, TrackerMood::Dead);
    world.add_torrent(leecher, &content, TorrentOptions::default());
    world.run_for(Duration::from_secs(600));
    world.set_mood(tracker, TrackerMood::Works);
    let back = world.now();
    world.complete(leecher, &content, Duration::from_secs(3_600));
    let after = world.now().since(back).as_secs_f64();
    Outcome::of(&world, vec![("after_s", after)])
}

/// Engines give an HTTP exchange up after thirty seconds and then ask again,
/// ever more rarely; what comes after that is heard by nobody.
fn slow_http(run: &Run) -> Outcome {
    let mut world = run.world();
    let (tracker, url) = world.add_tracker(TrackerSpec {
        latency: Duration::from_secs(20),
        ..TrackerSpec::default()
    });
    let content = ContentSpec::new(LEN, PIECE_LEN).tracker(url).make(run.seed);
    let (seed, leecher) = (slow_host(&mut world), slow_host(&mut world));
    // Nobody but the tracker leads it to the seed.
    world.set_inbound(leecher, Inbound::Silent);
    world.add_seed(seed, &content, TorrentOptions::default());
    world.add_torrent(leecher, &content, TorrentOptions::default());
    world.run_for(Duration::from_secs(600));
    let answered = world.saw(leecher, |kind| matches!(kind, EventKind::TrackerOk { .. }));
    if answered || world.stats(leecher, &content).pieces_have > 0 {
        world.fail("an answer was heard that came after the end of patience");
    }
    let events = told(&world, tracker, leecher);
    if !(3..=8).contains(&events.len()) || events.iter().any(|event| event != "started") {
        world.fail(&format!(
            "within ten minutes the tracker was told {events:?}"
        ));
    }
    world.set_tracker_latency(tracker, Duration::from_millis(20));
    let fast = world.now();
    world.complete(leecher, &content, Duration::from_secs(600));
    let after = world.now().since(fast).as_secs_f64();
    world.run_for(Duration::from_secs(60));
    let events = told(&world, tracker, leecher);
    let completed = events.iter().filter(|event| *event == "completed").count();
    if completed != 1 {
        world.fail(&format!(
            "`completed` was told {completed} times: {events:?}"
        ));
    }
    Outcome::of(&world, vec![("after_s", after)])
}

/// BEP 15 asks again after fifteen seconds; each question is answered after
/// twenty. The first answer is taken, and the second changes nothing.
fn slow_udp(run: &Run) -> Outcome {
    let mut world = run.world();
    let (tracker, _) = world.add_tracker(TrackerSpec {
        latency: Duration::from_secs(10),
        ..TrackerSpec::default()
    });
    let url = world.udp_url(tracker);
    let content = ContentSpec::new(LEN, PIECE_LEN).tracker(url).make(run.seed);
    let (seed, leecher) = (slow_host(&mut world), slow_host(&mut world));
    world.add_seed(seed, &content, TorrentOptions::default());
    world.run_for(Duration::from_secs(60));
    world.add_torrent(leecher, &content, TorrentOptions::default());
    let begun = world.now();
    world.complete(leecher, &content, Duration::from_secs(300));
    let time = world.now().since(begun).as_secs_f64();
    world.run_for(Duration::from_secs(120));
    // Two questions for each answer that is taken: `started` and `completed`.
    let events = told(&world, tracker, leecher);
    if events != ["started", "started", "completed", "completed"] {
        world.fail(&format!("the tracker was told {events:?}"));
    }
    let taken = world.events(leecher).iter();
    let taken = taken.filter(|(_, event)| matches!(event.kind, EventKind::TrackerOk { .. }));
    let taken = taken.count();
    if taken != 2 {
        world.fail(&format!("{taken} answers were taken to two announces"));
    }
    Outcome::of(&world, vec![("time_s", time)])
}

/// The events that a tracker heard of a host.
fn told(world: &World, tracker: TrackerId, host: HostId) -> Vec<String> {
    let ours = world.addr(host);
    let seen = world.announces(tracker).iter();
    let seen = seen.filter(|seen| seen.from == ours);
    seen.map(|seen| seen.event.clone()).collect()
}

fn redirects(run: &Run) -> Outcome {
    let mut world = run.world();
    let (goal, _) = world.add_tracker(TrackerSpec::default());
    let (_, first) = world.add_tracker(TrackerSpec {
        mood: TrackerMood::Redirects(goal),
        ..TrackerSpec::default()
    });
    let (ring, second) = world.add_tracker(TrackerSpec::default());
    world.set_mood(ring, TrackerMood::Redirects(ring));
    let content = ContentSpec::new(LEN, PIECE_LEN)
        .tracker(first)
        .tracker(second)
        .make(run.seed);
    let (seed, leecher) = (slow_host(&mut world), slow_host(&mut world));
    world.add_seed(seed, &content, TorrentOptions::default());
    world.run_for(Duration::from_secs(1));
    world.add_torrent(leecher, &content, TorrentOptions::default());
    world.complete(leecher, &content, Duration::from_secs(120));
    Outcome::of(&world, Vec::new())
}
