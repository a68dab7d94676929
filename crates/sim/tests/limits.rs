//! Rate limits of whole engines, measured on the wire.

use superseed_sim::scenario::{Outcome, limits, named, run_seeds};

/// Each limit, number of peers and place once, but the largest limit in one
/// place only: its minute is a gigabyte.
fn all(name: &str) -> Vec<Outcome> {
    let scenario = named(name).unwrap_or_else(|| panic!("there is no scenario {name}"));
    let seeds = (0..limits::COMBINATIONS).filter(|seed| seed % 5 != 4 || *seed < 15);
    seeds
        .flat_map(|seed| run_seeds(scenario, seed..seed + 1, 2))
        .collect()
}

/// What must hold at any limit from 1 KiB/s to 10 MiB/s with 1, 5 and 50 peers.
fn holds(outcome: &Outcome) {
    let error = outcome.figure("error").abs();
    assert!(error <= 0.03, "{outcome:?}");
    assert!(outcome.figure("jain") >= 0.995, "{outcome:?}");
    assert!(outcome.figure("least_share") >= 0.5, "{outcome:?}");
    // Nobody is taken for dead and connected again.
    assert_eq!(outcome.figure("connections_per_peer"), 1.0, "{outcome:?}");
    assert!(outcome.figure("wasted_share") <= 0.005, "{outcome:?}");
}

#[test]
fn an_upload_limit_holds_within_three_percent_of_a_minute_and_is_shared_alike() {
    all("limit-upload").iter().for_each(holds);
}

#[test]
fn a_download_limit_holds_within_three_percent_of_a_minute_and_is_shared_alike() {
    all("limit-download").iter().for_each(holds);
}

#[test]
fn a_limit_that_changes_holds_from_that_moment_on() {
    let scenario = named("limit-changed").unwrap();
    for outcome in run_seeds(scenario, 0..limits::CHANGES_COMBINED, 4) {
        let error = outcome.figure("error").abs();
        assert!(error <= 0.03, "{outcome:?}");
    }
}

#[test]
fn a_torrents_own_limit_holds_and_another_torrent_gets_what_it_leaves() {
    let scenario = named("limit-of-one").unwrap();
    for outcome in run_seeds(scenario, 0..limits::PAIRS_COMBINED, 8) {
        for figure in ["error_of_one", "error_of_both"] {
            assert!(outcome.figure(figure).abs() <= 0.03, "{outcome:?}");
        }
    }
}
