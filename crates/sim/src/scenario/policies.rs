//! Each policy against its absence: what a swarm gains by it.
//!
//! A scenario measures one figure; its twin measures the same with the
//! module replaced by a no-op. The tests ask that the policy reaches the bar
//! and the no-op does not, so a policy that stops working is noticed.

use std::rc::Rc;
use std::time::Duration;

use superseed_engine::config::{ChokerKind, PickerKind};
use superseed_engine::{Settings, Time, TorrentOptions};

use super::swarms::{Swarm, fluid_limit_s};
use super::{Outcome, Run, Scenario};
use crate::content::ContentSpec;
use crate::net::LinkSpec;
use crate::tracker::TrackerSpec;
use crate::wire::{FakeSeed, Rider, RiderConn};
use crate::world::{HostSpec, World};

/// Scenarios of this group.
pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "free-riders",
        about: "ten leechers give, ten do not: how much later are those that do not?",
        run: |run| free_riders(run, ChokerKind::Default),
    },
    Scenario {
        name: "free-riders-unchoke-all",
        about: "the same without a choker",
        run: |run| free_riders(run, ChokerKind::UnchokeAll),
    },
    Scenario {
        name: "flash-crowd",
        about: "twenty leechers begin together at a slow seed: last against the fluid limit",
        run: |run| flash_crowd(run, PickerKind::RarestFirst),
    },
    Scenario {
        name: "flash-crowd-in-order",
        about: "the same with pieces picked in order",
        run: |run| flash_crowd(run, PickerKind::InOrder),
    },
    Scenario {
        name: "slow-last-block",
        about: "a fast seed and a very slow one: how long does the end take?",
        run: |run| slow_last_block(run, true),
    },
    Scenario {
        name: "slow-last-block-no-endgame",
        about: "the same without endgame",
        run: |run| slow_last_block(run, false),
    },
];

fn link(up: u64, down: u64) -> LinkSpec {
    LinkSpec {
        up_bytes_per_s: Some(up),
        down_bytes_per_s: Some(down),
        ..LinkSpec::default()
    }
}

/// A slow seed, ten engines that give 400 KB/s, and ten that give nothing and
/// that the seed does not know: who gives decides who gets.
fn free_riders(run: &Run, choker: ChokerKind) -> Outcome {
    let mut world = run.world();
    let (_, url) = world.add_tracker(TrackerSpec::default());
    let content = ContentSpec::new(24 << 20, 256 << 10)
        .tracker(url)
        .make(run.seed);
    // Fewer slots than givers: who is served is a choice.
    let settings = Settings {
        choker,
        upload_slots: Some(4),
        ..Settings::default()
    };
    let host = || HostSpec {
        settings: settings.clone(),
        link: link(400_000, 2_000_000),
        ..HostSpec::default()
    };
    let seed = world.add_host(host());
    let givers: Vec<_> = (0..10).map(|_| world.add_host(host())).collect();
    let riders: Vec<_> = (0..10).map(|number| Rider::new(&content, number)).collect();
    let peers = riders.iter().map(|rider| {
        let rider = Rc::clone(rider);
        let script = world.add_actor(link(400_000, 2_000_000), move || {
            Box::new(RiderConn::new(&rider))
        });
        world.script_addr(script)
    });
    let peers: Vec<_> = peers.collect();
    let options = TorrentOptions {
        peers,
        ..TorrentOptions::default()
    };
    world.add_seed(seed, &content, TorrentOptions::default());
    world.run_for(Duration::from_secs(1));
    for giver in &givers {
        world.add_torrent(*giver, &content, options.clone());
    }
    let all = |world: &World| {
        givers.iter().all(|host| world.finished(*host, &content))
            && riders
                .iter()
                .all(|rider| rider.borrow().finished().is_some())
    };
    if !world.run_until(Duration::from_secs(7_200), all) {
        world.fail("not everyone finished");
    }
    let mean = |times: Vec<Option<Time>>| {
        let seconds = times.iter().flatten().map(|at| at.as_micros() as f64 / 1e6);
        seconds.sum::<f64>() / times.len() as f64
    };
    let given = (givers.iter()).map(|host| world.progress(*host, &content).finished);
    let (givers, riders) = (
        mean(given.collect()),
        mean(
            riders
                .iter()
                .map(|rider| rider.borrow().finished())
                .collect(),
        ),
    );
    let figures = vec![
        ("riders_to_givers", riders / givers),
        ("givers_s", givers),
        ("riders_s", riders),
    ];
    Outcome::of(&world, figures)
}

/// All begin at once, so that only different pieces can be traded.
fn flash_crowd(run: &Run, picker: PickerKind) -> Outcome {
    const LEN: usize = 16 << 20;
    let (seed_up, up, down) = (500_000, 500_000, 4_000_000);
    let mut world = run.world();
    let host = |up: u64| HostSpec {
        settings: Settings {
            picker,
            ..Settings::default()
        },
        link: link(up, down),
        ..HostSpec::default()
    };
    let specs = (0..20).map(|_| host(up)).collect();
    let spec = ContentSpec::new(LEN, 128 << 10);
    let swarm = Swarm::start(&mut world, spec, host(seed_up), specs);
    let times = swarm.finish(&mut world, Duration::from_secs(7_200));
    let last = times
        .iter()
        .max()
        .copied()
        .unwrap_or_default()
        .as_secs_f64();
    let limit = fluid_limit_s(LEN as f64, seed_up as f64, down as f64, &[up as f64; 20]);
    Outcome::of(&world, vec![("last_to_limit", last / limit)])
}

/// The slow seed sends a block in twenty seconds and keeps what it was asked.
fn slow_last_block(run: &Run, endgame: bool) -> Outcome {
    const LEN: usize = 2 << 20;
    let mut world = run.world();
    let content = ContentSpec::new(LEN, 128 << 10).make(run.seed);
    let fast = world.add_fake_seed(link(1 << 20, 1 << 20), FakeSeed::new(&content, 0));
    let mut slow = FakeSeed::new(&content, 1);
    slow.block_every = Duration::from_secs(20);
    let slow = world.add_fake_seed(link(1 << 20, 1 << 20), slow);
    let peers = vec![world.script_addr(slow), world.script_addr(fast)];
    let settings = Settings {
        endgame,
        ..Settings::default()
    };
    let host = world.add_host(HostSpec {
        settings,
        ..HostSpec::default()
    });
    world.add_leech(host, &content, peers);
    world.complete(host, &content, Duration::from_secs(7_200));
    let wasted = world.stats(host, &content).wasted_bytes;
    let time = world.elapsed().as_secs_f64();
    Outcome::of(
        &world,
        vec![("time_s", time), ("wasted_bytes", wasted as f64)],
    )
}
