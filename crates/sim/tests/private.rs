//! Private torrents: nothing but their trackers and peers hears of them.

use superseed_sim::scenario::{named, run_seeds};

#[test]
fn a_link_that_turns_out_private_is_named_to_nobody_from_then_on() {
    let scenario = named("private-magnet").expect("the scenario has this name");
    for outcome in run_seeds(scenario, 0..4, 2) {
        // It says something only where those who came to know had met others.
        assert!(outcome.figure("strangers_before") > 0.0, "{outcome:?}");
    }
}
