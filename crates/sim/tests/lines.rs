//! How much of its line a download uses.

use superseed_sim::scenario::{named, run_seeds};

#[test]
fn one_peer_fills_a_gigabit_over_any_distance_with_pieces_of_any_length() {
    let line = named("line").expect("there is such a scenario");
    // The corners: 1 and 200 ms, 16 KiB and 16 MiB.
    for corner in [0, 5, 30, 35] {
        for outcome in run_seeds(line, corner..corner + 1, 2) {
            assert!(outcome.figure("line_share") >= 0.90, "{outcome:?}");
        }
    }
}

#[test]
fn one_peer_at_a_hundred_milliseconds_gets_nearly_all_of_a_gigabit() {
    let line = named("line-100ms").expect("there is such a scenario");
    for outcome in run_seeds(line, 0..1, 2) {
        assert!(outcome.figure("line_share") >= 0.95, "{outcome:?}");
    }
}

#[test]
fn a_peer_of_ten_kibibytes_among_ten_fast_ones_costs_two_round_trips_at_most() {
    let slow = named("slow-peer").expect("there is such a scenario");
    for outcome in run_seeds(slow, 0..2, 2) {
        assert!(outcome.figure("later_rtts") <= 2.0, "{outcome:?}");
        assert!(outcome.figure("duplicate_share") <= 0.005, "{outcome:?}");
    }
}

#[test]
fn a_thousand_peers_share_the_memory_and_none_waits_for_it() {
    let many = named("thousand-peers").expect("there is such a scenario");
    let outcome = many.run(0, false);
    assert!(outcome.figure("rate_share") >= 0.95, "{outcome:?}");
    assert!(outcome.figure("wasted_share") <= 0.02, "{outcome:?}");
}
