//! Reading along with a download.

use superseed_sim::scenario::{named, run_seeds};

#[test]
fn with_deadlines_a_reader_waits_less_than_in_order_alone() {
    let scenario = named("stream").expect("there is a scenario of this name");
    let (mut in_order, mut with_deadlines) = (0.0, 0.0);
    for outcome in run_seeds(scenario, 0..10, 5) {
        in_order += outcome.figure("stalled_s_in_order");
        with_deadlines += outcome.figure("stalled_s_with_deadlines");
        let wasted = outcome.figure("wasted_share_with_deadlines");
        assert!(wasted <= 0.05, "{outcome:?}");
    }
    assert!(
        with_deadlines <= in_order / 2.0,
        "{with_deadlines} s with deadlines, {in_order} s without"
    );
}
