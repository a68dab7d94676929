//! Whom a torrent talks to, and whom no more.

use superseed_sim::scenario::{Outcome, named, run_seeds};

fn runs(name: &str, seeds: u64) -> Vec<Outcome> {
    let scenario = named(name).unwrap_or_else(|| panic!("there is no scenario {name}"));
    run_seeds(scenario, 0..seeds, 2)
}

#[test]
fn idlers_that_hold_every_place_of_a_leecher_give_way_to_the_one_seed_it_knows() {
    runs("idlers-hold-a-leecher", 10);
}

#[test]
fn a_seed_full_of_idlers_still_takes_a_leecher() {
    runs("idlers-hold-a-seed", 10);
}

#[test]
fn where_everybody_is_useful_nobody_is_replaced_again_and_again() {
    for outcome in runs("tight-places", 2) {
        assert!(
            outcome.figure("new_connections_per_minute") <= 30.0,
            "{outcome:?}"
        );
        assert!(outcome.figure("last_to_limit") <= 1.5, "{outcome:?}");
    }
}

#[test]
fn a_torrent_that_gets_peers_quickly_does_not_call_all_it_knows_at_once() {
    for outcome in runs("many-live", 6) {
        // Of fifty that answer within 80 ms; without the slow start it is fifty.
        assert!(outcome.figure("half_open_max") <= 40.0, "{outcome:?}");
    }
}

#[test]
fn one_host_cannot_hold_every_place_with_connections_that_say_nothing() {
    for outcome in runs("strangers", 6) {
        assert!(outcome.figure("time_s") < 5.0, "{outcome:?}");
    }
}
