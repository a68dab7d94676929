//! Neighbours that find each other, and lies among them.

use superseed_sim::scenario::{Outcome, named, run_seeds};

fn runs(name: &str, seeds: u64) -> Vec<Outcome> {
    let scenario = named(name).unwrap_or_else(|| panic!("there is no scenario {name}"));
    run_seeds(scenario, 0..seeds, 2)
}

#[test]
fn a_site_without_a_tracker_shares_and_nobody_else_hears_of_it_nor_of_what_is_private() {
    runs("lsd", 6);
}

#[test]
fn a_torrent_that_sleeps_among_a_hundred_wakes_for_a_neighbour_at_once() {
    runs("lsd-dormant", 4);
}

#[test]
fn neighbours_that_shout_lies_keep_nobody_from_the_truth() {
    for outcome in runs("hostile-neighbours", 4) {
        assert!(outcome.figure("time_s") < 30.0, "{outcome:?}");
    }
}
