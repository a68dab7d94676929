//! Swarms of whole engines in virtual time.

use superseed_sim::scenario::{Outcome, Scenario, named, run_seeds};

fn scenario(name: &str) -> Scenario {
    named(name).unwrap_or_else(|| panic!("there is no scenario {name}"))
}

fn worst(outcomes: &[Outcome], figure: &str) -> f64 {
    outcomes
        .iter()
        .map(|outcome| outcome.figure(figure))
        .fold(f64::MIN, f64::max)
}

#[test]
fn one_leecher_finishes_whatever_the_line_and_every_run_is_repeatable() {
    run_seeds(scenario("leechers-1"), 0..30, 1);
}

#[test]
fn five_leechers_finish_whatever_their_lines_and_every_run_is_repeatable() {
    run_seeds(scenario("leechers-5"), 0..16, 1);
}

#[test]
fn fifty_leechers_finish_whatever_their_lines_and_every_run_is_repeatable() {
    run_seeds(scenario("leechers-50"), 0..4, 1);
}

#[test]
fn the_last_of_fifty_upload_limited_leechers_is_within_one_and_a_half_fluid_limits() {
    let outcomes = run_seeds(scenario("fluid"), 0..100, 50);
    let last = worst(&outcomes, "last_to_limit");
    assert!(
        last <= 1.5,
        "the last of 100 seeds took {last:.3} fluid limits"
    );
}

#[test]
fn three_who_are_as_fast_as_the_seed_all_have_it_within_one_and_a_fifth_fluid_limits() {
    let outcomes = run_seeds(scenario("share"), 0..3, 3);
    let last = worst(&outcomes, "last_to_limit");
    assert!(last <= 1.2, "the last took {last:.3} fluid limits");
}

#[test]
fn the_swarm_has_a_whole_copy_after_little_more_than_one_was_sent() {
    let outcomes = run_seeds(scenario("super-seed-small"), 0..4, 2);
    let copies = worst(&outcomes, "copies_sent_when_first_complete");
    assert!(copies <= 1.15, "{copies:.3} copies were sent");
}

#[test]
fn where_each_leaves_when_it_has_everything_the_last_is_done_within_nine_eighths_of_the_limit() {
    let outcomes = run_seeds(scenario("leave-when-done"), 0..20, 5);
    let last = worst(&outcomes, "last_to_limit");
    assert!(last <= 1.125, "the last took {last:.3} fluid limits");
}

#[test]
fn one_seed_fills_a_long_line() {
    let outcome = scenario("one-line").run_twice(1);
    let share = outcome.figure("line_share");
    assert!(share >= 0.85, "{share:.3} of the line");
}

#[test]
fn everyone_finishes_though_half_are_behind_nat_and_a_fifth_is_replaced_each_minute() {
    let outcomes = run_seeds(scenario("nat-churn"), 0..8, 4);
    let mut times: Vec<f64> = (outcomes.iter())
        .map(|outcome| outcome.figure("last_to_limit"))
        .collect();
    times.sort_by(f64::total_cmp);
    let (median, worst) = (times[4], times[7]);
    assert!(median <= 1.3, "half took {median:.3} fluid limits or more");
    // Some seeds take longer (docs/results/swarms.md).
    assert!(worst <= 1.35, "the last took {worst:.3} fluid limits");
}

#[test]
fn equal_leechers_are_done_near_the_fluid_limit() {
    for (name, seeds) in [("homogeneous-10", 6), ("homogeneous-50", 1)] {
        let outcomes = run_seeds(scenario(name), 0..seeds, seeds);
        let last = worst(&outcomes, "last_to_limit");
        assert!(last <= 1.1, "{name}: the last took {last:.3} fluid limits");
    }
}

#[test]
fn peer_exchange_mends_what_trackers_leave_of_nat_and_churn() {
    let outcomes = run_seeds(scenario("nat-churn-pex"), 0..8, 4);
    let mut times: Vec<f64> = (outcomes.iter())
        .map(|outcome| outcome.figure("last_to_limit"))
        .collect();
    times.sort_by(f64::total_cmp);
    let (median, worst) = (times[4], times[7]);
    assert!(median <= 1.25, "half took {median:.3} fluid limits or more");
    assert!(worst <= 1.3, "the last took {worst:.3} fluid limits");
}
