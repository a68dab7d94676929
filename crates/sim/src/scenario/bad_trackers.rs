//! Trackers that lie, go away and come back, or send their clients elsewhere:
//! the swarm must come together all the same.

use std::time::Duration;

use superseed_engine::TorrentOptions;

use super::{Outcome, Run, Scenario, slow_host};
use crate::content::ContentSpec;
use crate::tracker::{TrackerMood, TrackerSpec};

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
    let ours = world.addr(leecher);
    let seen = world.announces(tracker).iter();
    let announces = seen.filter(|seen| seen.from == ours).count();
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
