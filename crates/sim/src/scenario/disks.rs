//! Disks that fill up and fail.

use std::time::Duration;

use superseed_engine::event::TorrentState;
use superseed_engine::{DiskErrorKind, EventKind, TorrentOptions};

use super::{Outcome, Run, Scenario, slow_host};
use crate::content::ContentSpec;
use crate::world::World;

/// Scenarios of this group.
pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "disk-full",
        about: "the disk fills up in mid-download and is given room later",
        run: disk_full,
    },
    Scenario {
        name: "disk-broken",
        about: "one torrent's files fail to be written, another's are fine",
        run: disk_broken,
    },
    Scenario {
        name: "spoilt-data",
        about: "data without a record is checked, and only what is wrong is fetched",
        run: spoilt_data,
    },
];

const LEN: usize = 4 << 20;
const PIECE_LEN: u32 = 128 << 10;

fn disk_full(run: &Run) -> Outcome {
    let mut world = run.world();
    let content = ContentSpec::new(LEN, PIECE_LEN).make(run.seed);
    let (seed, full, late) = (
        slow_host(&mut world),
        slow_host(&mut world),
        slow_host(&mut world),
    );
    world.add_seed(seed, &content, TorrentOptions::default());
    world.set_disk_capacity(full, Some(LEN as u64 / 2));
    let peers = vec![world.addr(seed)];
    world.add_leech(full, &content, peers);
    let waits = |world: &World| world.saw(full, |kind| matches!(kind, EventKind::DiskWaits(_)));
    if !world.run_until(Duration::from_secs(120), waits) {
        world.fail("the engine did not say that the disk is full");
    }
    world.run_for(Duration::from_secs(10));
    let had = world.stats(full, &content).pieces_have;
    // It still serves what it has.
    let peers = vec![world.addr(full)];
    world.add_leech(late, &content, peers);
    let served = |world: &World| world.stats(late, &content).pieces_have >= had;
    if had == 0 || !world.run_until(Duration::from_secs(300), served) {
        world.fail(&format!(
            "with a full disk and {had} pieces it does not seed"
        ));
    }
    if world.stats(full, &content).state != TorrentState::DiskWaits {
        world.fail("the torrent does not say that it waits for its disk");
    }
    world.set_disk_capacity(full, None);
    let all = |world: &World| world.finished(full, &content) && world.finished(late, &content);
    if !world.run_until(Duration::from_secs(600), all) {
        world.fail("with room again the download did not complete");
    }
    let stats = world.stats(full, &content);
    // What was under way when the disk filled up may be lost, no more.
    let extra = stats.session_downloaded_bytes - LEN as u64;
    if extra > 2 << 20 {
        world.fail(&format!("{extra} bytes were fetched twice"));
    }
    Outcome::of(&world, vec![("extra_bytes", extra as f64)])
}

fn disk_broken(run: &Run) -> Outcome {
    let mut world = run.world();
    let bad = ContentSpec::new(LEN, PIECE_LEN).make(run.seed);
    let good = ContentSpec::new(LEN, PIECE_LEN).make(run.seed + 1_000_000);
    let (seed, leecher) = (slow_host(&mut world), slow_host(&mut world));
    for content in [&bad, &good] {
        world.add_seed(seed, content, TorrentOptions::default());
        let peers = vec![world.addr(seed)];
        world.add_leech(leecher, content, peers);
    }
    world.run_for(Duration::from_secs(2));
    world.set_disk_fault(leecher, &bad, Some(DiskErrorKind::Io));
    let ended = |world: &World| world.finished(leecher, &good);
    if !world.run_until(Duration::from_secs(120), ended) {
        world.fail("the other torrent did not complete");
    }
    if world.stats(leecher, &bad).state != TorrentState::Failed {
        world.fail("the torrent with the broken disk did not stop");
    }
    if !world.saw(leecher, |kind| matches!(kind, EventKind::Failed(_))) {
        world.fail("the user was not told");
    }
    Outcome::of(&world, Vec::new())
}

fn spoilt_data(run: &Run) -> Outcome {
    let mut world = run.world();
    let content = ContentSpec::new(LEN, PIECE_LEN).make(run.seed);
    let (seed, other) = (slow_host(&mut world), slow_host(&mut world));
    world.add_seed(seed, &content, TorrentOptions::default());
    let first = world.rng().below(16) as u32;
    world.lay_data(other, &content, &[first, first + 16]);
    let peers = vec![world.addr(seed)];
    world.add_leech(other, &content, peers);
    if !world.run_until(Duration::from_secs(60), |world| {
        world.finished(other, &content)
    }) {
        world.fail("the spoilt pieces were not mended");
    }
    let fetched = world.stats(other, &content).session_downloaded_bytes;
    if fetched != 2 * u64::from(PIECE_LEN) {
        world.fail(&format!("{fetched} bytes were fetched for two pieces"));
    }
    Outcome::of(&world, Vec::new())
}
