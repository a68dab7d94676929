//! Engines that die and start again (invariant 10 of the design).

use std::time::Duration;

use superseed_engine::TorrentOptions;

use super::{Outcome, Run, Scenario, slow_host};
use crate::content::ContentSpec;
use crate::disk::CrashLoss;

/// Scenarios of this group.
pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "crash",
        about: "the leecher's engine is killed at random moments, ten times",
        run: |run| crashes(run, CrashLoss::Nothing),
    },
    Scenario {
        name: "power-cut",
        about: "the leecher loses power and what was not synced, ten times",
        run: |run| crashes(run, CrashLoss::Unsynced),
    },
    Scenario {
        name: "orderly-restart",
        about: "the leecher stops in order and goes on where it was",
        run: orderly_restart,
    },
];

const LEN: usize = 64 << 20;
const PIECE_LEN: u32 = 256 << 10;
const CRASHES: u32 = 10;

fn crashes(run: &Run, loss: CrashLoss) -> Outcome {
    let mut world = run.world();
    let content = ContentSpec::new(LEN, PIECE_LEN).make(run.seed);
    let (seed, leecher) = (slow_host(&mut world), slow_host(&mut world));
    world.add_seed(seed, &content, TorrentOptions::default());
    let options = TorrentOptions {
        peers: vec![world.addr(seed)],
        ..Default::default()
    };
    world.add_torrent(leecher, &content, options.clone());
    let mut lost = 0;
    for _ in 0..CRASHES {
        let pause = world.rng().up_to(Duration::from_secs(50));
        world.run_for(pause);
        lost += world.crash(leecher, loss);
        let (recorded, right) = (
            world.recorded_pieces(leecher, &content),
            world.pieces_on_disk(leecher, &content),
        );
        world.run_for(Duration::from_secs(1));
        world.restart(leecher);
        world.add_torrent(leecher, &content, options.clone());
        world.run_for(Duration::from_secs(5));
        let have = world.stats(leecher, &content).pieces_have;
        if have < recorded.max(right) {
            world.fail(&format!(
                "{right} pieces are on disk and {recorded} recorded, but it has {have}"
            ));
        }
    }
    world.complete(leecher, &content, Duration::from_secs(600));
    if world.pieces_on_disk(leecher, &content) != content.layout().piece_count() {
        world.fail("the download is complete, but its disk is not right");
    }
    let sent = world.stats(seed, &content).session_uploaded_bytes;
    let extra = sent.saturating_sub(LEN as u64);
    let figures = vec![
        ("extra_bytes_per_crash", extra as f64 / f64::from(CRASHES)),
        ("blocks_lost", f64::from(lost)),
    ];
    Outcome::of(&world, figures)
}

fn orderly_restart(run: &Run) -> Outcome {
    let mut world = run.world();
    let content = ContentSpec::new(LEN, PIECE_LEN).make(run.seed);
    let (seed, leecher) = (slow_host(&mut world), slow_host(&mut world));
    world.add_seed(seed, &content, TorrentOptions::default());
    let options = TorrentOptions {
        peers: vec![world.addr(seed)],
        ..Default::default()
    };
    world.add_torrent(leecher, &content, options.clone());
    world.run_for(Duration::from_secs(20));
    let had = world.stats(leecher, &content).pieces_have;
    if !world.shut_down(leecher, Duration::from_secs(3)) {
        world.fail("the engine did not shut down");
    }
    let recorded = world.recorded_pieces(leecher, &content);
    if recorded < had {
        world.fail(&format!("it had {had} pieces and recorded {recorded}"));
    }
    let lost = world.crash(leecher, CrashLoss::Unsynced);
    if lost > 0 {
        world.fail(&format!("{lost} blocks were not synced by an orderly stop"));
    }
    world.restart(leecher);
    world.add_torrent(leecher, &content, options);
    world.run_for(Duration::from_secs(1));
    let stats = world.stats(leecher, &content);
    if stats.pieces_have < recorded || stats.downloaded_bytes < u64::from(had * PIECE_LEN) {
        world.fail(&format!(
            "it recorded {recorded} pieces and came back with {stats:?}"
        ));
    }
    world.complete(leecher, &content, Duration::from_secs(600));
    Outcome::of(&world, vec![("pieces_before", f64::from(had))])
}
