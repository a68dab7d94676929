//! Five hundred worlds in which everything goes wrong.

use superseed_sim::scenario::{named, run_seeds};

#[test]
fn after_a_storm_of_faults_among_hostile_peers_every_honest_leecher_finishes() {
    let mixed = named("mixed").expect("the scenario exists");
    let outcomes = run_seeds(mixed, 0..500, 10);
    let finished: f64 = outcomes.iter().map(|one| one.figure("finished")).sum();
    let hostile: f64 = outcomes.iter().map(|one| one.figure("hostile")).sum();
    assert!(finished > 500.0 && hostile > 500.0, "{finished} {hostile}");
}

/// Its blocks did not fit into their memory, and then those who had brought
/// them left: the look at memory took that for a fault.
#[test]
fn blocks_of_peers_that_left_meanwhile_may_be_beyond_the_budget() {
    let mixed = named("mixed").expect("the scenario exists");
    mixed.run(11_972, false);
}
