//! Each policy reaches a bar that its absence does not.

use superseed_sim::scenario::{named, run_seeds};

/// The median of a figure over seeds.
fn median(name: &str, figure: &str, seeds: u64) -> f64 {
    let scenario = named(name).unwrap_or_else(|| panic!("there is no scenario {name}"));
    let outcomes = run_seeds(scenario, 0..seeds, seeds);
    let figures = outcomes.iter().map(|outcome| outcome.figure(figure));
    superseed_sim::policies::median(&figures.collect::<Vec<_>>())
}

#[test]
fn the_choker_serves_those_who_give_before_those_who_do_not() {
    let bar = 1.12;
    let with = median("free-riders", "riders_to_givers", 5);
    let without = median("free-riders-unchoke-all", "riders_to_givers", 5);
    assert!(
        with >= bar && without < bar,
        "{with:.3} with the choker, {without:.3} without"
    );
}

#[test]
fn rarest_first_keeps_a_flash_crowd_trading() {
    let bar = 2.0;
    let with = median("flash-crowd", "last_to_limit", 5);
    let without = median("flash-crowd-in-order", "last_to_limit", 5);
    assert!(
        with <= bar && without > bar,
        "{with:.3} rarest first, {without:.3} in order"
    );
}

#[test]
fn endgame_does_not_wait_for_the_slowest_peer() {
    let bar = 5.0;
    let with = median("slow-last-block", "time_s", 5);
    let without = median("slow-last-block-no-endgame", "time_s", 5);
    assert!(
        with <= bar && without > bar,
        "{with:.1} s with endgame, {without:.1} s without"
    );
}
