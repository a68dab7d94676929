//! The engine names the cause of a trouble that was staged for it.

use superseed_sim::scenario::{named, run_seeds};

const SEEDS: u64 = 100;
/// Of a hundred seeds.
const NAMED_MIN: usize = 99;

/// Counts the seeds in which the staged cause was named first at every look.
fn is_named(name: &str) {
    let scenario = named(name).unwrap_or_else(|| panic!("there is no scenario {name}"));
    let outcomes = run_seeds(scenario, 0..SEEDS, SEEDS);
    let wrong: Vec<usize> = (0..outcomes.len())
        .filter(|seed| outcomes[*seed].figure("named") < 1.0)
        .collect();
    let right = outcomes.len() - wrong.len();
    println!("{name}: {right} of {SEEDS}");
    assert!(
        right >= NAMED_MIN,
        "{name}: {right} of {SEEDS} named rightly; not with the seeds {wrong:?}"
    );
}

#[test]
fn a_choke_by_all_who_have_something_is_named() {
    is_named("why-choked");
}

#[test]
fn the_lack_of_anybody_to_talk_to_is_named() {
    is_named("why-nobody");
}

#[test]
fn peers_that_have_nothing_we_lack_are_named() {
    is_named("why-nothing");
}

#[test]
fn a_disk_that_does_not_keep_up_is_named() {
    is_named("why-disk");
}

#[test]
fn a_limit_that_binds_is_named() {
    is_named("why-limit");
}

#[test]
fn a_tracker_that_does_not_answer_is_named() {
    is_named("why-tracker");
}

#[test]
fn no_trouble_is_named_where_the_peers_are_slow() {
    is_named("why-slow");
}
