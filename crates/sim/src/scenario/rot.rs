//! Disks on which bits turn after they were written.
//!
//! An engine does not hash what it uploads: a rotten block is found by the
//! peer that gets it, whose piece then hashes wrong, or by a check. It is never
//! taken for right by anyone who fetches it.

use std::time::Duration;

use superseed_engine::{Command, TorrentOptions};

use super::{Outcome, Run, Scenario, slow_host};
use crate::content::ContentSpec;

/// Scenarios of this group.
pub const SCENARIOS: &[Scenario] = &[Scenario {
    name: "bit-rot",
    about: "one of two seeds has four rotten pieces; a check finds and mends them",
    run: bit_rot,
}];

const LEN: usize = 4 << 20;
const PIECE_LEN: u32 = 128 << 10;
const ROTTEN: u32 = 4;

fn bit_rot(run: &Run) -> Outcome {
    let mut world = run.world();
    let content = ContentSpec::new(LEN, PIECE_LEN).make(run.seed);
    let pieces = content.layout().piece_count();
    let (rotten, good, leecher) = (
        slow_host(&mut world),
        slow_host(&mut world),
        slow_host(&mut world),
    );
    for seed in [rotten, good] {
        world.add_seed(seed, &content, TorrentOptions::default());
    }
    world.run_for(Duration::from_secs(1));
    let mut order: Vec<u32> = (0..pieces).collect();
    world.rng().shuffle(&mut order);
    for piece in &order[..ROTTEN as usize] {
        world.rot(rotten, &content, *piece);
    }
    let peers = vec![world.addr(rotten), world.addr(good)];
    world.add_leech(leecher, &content, peers);
    world.complete(leecher, &content, Duration::from_secs(300));
    if world.pieces_on_disk(leecher, &content) != pieces {
        world.fail("a rotten block was taken for right");
    }
    let failed = world.progress(leecher, &content).failed_pieces.len();
    // The owner of the rotten disk has it checked.
    let key = world.torrent_key(rotten, &content);
    world.command(rotten, Command::Recheck(key));
    world.run_for(Duration::from_secs(1));
    let good_addr = world.addr(good);
    world.introduce(rotten, &content, good_addr);
    let mended = |world: &crate::world::World| world.stats(rotten, &content).pieces_have == pieces;
    if !world.run_until(Duration::from_secs(300), mended) {
        world.fail("the rotten pieces were not fetched again");
    }
    if world.pieces_on_disk(rotten, &content) != pieces {
        world.fail("the check did not find all that was rotten");
    }
    let fetched = world.stats(rotten, &content).session_downloaded_bytes;
    // The last blocks may be asked of two.
    if fetched > u64::from(ROTTEN * PIECE_LEN) + (64 << 10) {
        world.fail(&format!("{fetched} bytes were fetched for {ROTTEN} pieces"));
    }
    Outcome::of(&world, vec![("failed_pieces", failed as f64)])
}
