//! Networks of nodes of the DHT.

use superseed_sim::scenario::{Outcome, named, run_seeds};

fn runs(name: &str, seeds: u64) -> Vec<Outcome> {
    let scenario = named(name).unwrap_or_else(|| panic!("there is no scenario {name}"));
    run_seeds(scenario, 0..seeds, 2)
}

#[test]
fn a_hundred_nodes_find_what_any_of_them_announced() {
    for outcome in runs("dht-100", 3) {
        assert!(outcome.figure("found_share") >= 0.99, "{outcome:?}");
    }
}

#[test]
fn a_thousand_nodes_find_it_though_a_fifth_is_replaced_in_an_hour() {
    // An hour of a thousand engines: once is enough.
    let scenario = named("dht-churn").expect("there is such a scenario");
    let outcome = scenario.run(0, false);
    assert!(outcome.figure("found_share") >= 0.99, "{outcome:?}");
    assert!(outcome.figure("median_s") <= 2.0, "{outcome:?}");
    assert!(outcome.figure("queries_max") <= 40.0, "{outcome:?}");
}

#[test]
fn a_hundred_liars_of_one_network_push_nobody_out_and_hide_nothing() {
    let scenario = named("dht-eclipse").expect("there is such a scenario");
    let outcome = scenario.run(0, false);
    // Of a quarter of a million contacts a few fail twice in a row by losses
    // alone, and a liar that waits may have such a place; nobody else's.
    assert!(outcome.figure("displaced") <= 3.0, "{outcome:?}");
    assert_eq!(outcome.figure("found_share"), 1.0, "{outcome:?}");
}

#[test]
fn a_node_that_is_asked_without_end_goes_on() {
    for outcome in runs("dht-flood", 2) {
        assert!(outcome.figure("found_share") >= 0.99, "{outcome:?}");
    }
}

#[test]
fn a_newcomer_finds_its_first_peer_soon() {
    for outcome in runs("dht-cold", 5) {
        assert!(outcome.figure("first_peer_s") <= 5.0, "{outcome:?}");
    }
    for outcome in runs("dht-warm", 5) {
        assert!(outcome.figure("first_peer_s") <= 1.5, "{outcome:?}");
    }
}
