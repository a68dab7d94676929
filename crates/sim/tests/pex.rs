//! Peers that are known by peer exchange alone, and lies among what is told.

use superseed_sim::scenario::{Outcome, named, run_seeds};

fn runs(name: &str, seeds: u64) -> Vec<Outcome> {
    let scenario = named(name).unwrap_or_else(|| panic!("there is no scenario {name}"));
    run_seeds(scenario, 0..seeds, 2)
}

#[test]
fn a_leecher_finds_the_seed_through_a_peer_that_has_nothing() {
    for outcome in runs("pex-only", 8) {
        assert!(outcome.figure("time_s") < 30.0, "{outcome:?}");
    }
}

#[test]
fn what_four_tell_of_hundreds_who_are_not_there_costs_little_and_spares_the_victim() {
    for outcome in runs("pex-flood", 4) {
        assert!(outcome.figure("slower") < 1.15, "{outcome:?}");
        assert!(
            outcome.figure("victim_calls_a_minute") < 20.0,
            "{outcome:?}"
        );
    }
}

#[test]
fn private_addresses_stay_among_private_ones() {
    runs("pex-leak", 4);
}
