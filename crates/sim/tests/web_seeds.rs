//! Web seeds (BEP 19): alone, beside peers, and what goes wrong with them.

use superseed_sim::scenario::{Outcome, named, run_seeds};

fn runs(name: &str, seeds: u64) -> Vec<Outcome> {
    let scenario = named(name).unwrap_or_else(|| panic!("there is no scenario {name}"));
    run_seeds(scenario, 0..seeds, seeds)
}

#[test]
fn a_web_seed_alone_brings_everything_as_fast_as_its_line() {
    for outcome in runs("web-seed", 6) {
        assert!(outcome.figure("limits") < 1.1, "{outcome:?}");
        assert_eq!(outcome.figure("extra_blocks"), 0.0, "{outcome:?}");
    }
}

#[test]
fn a_web_seed_and_a_peer_each_bring_a_good_part() {
    for outcome in runs("web-seed-beside", 6) {
        assert!(outcome.figure("web_part") >= 0.2, "{outcome:?}");
        assert!(outcome.figure("peer_part") >= 0.2, "{outcome:?}");
        assert!(outcome.figure("limits") < 1.2, "{outcome:?}");
    }
}

#[test]
fn a_download_limit_holds_for_a_web_seed_too() {
    for outcome in runs("web-seed-limited", 6) {
        let of_limit = outcome.figure("of_limit");
        assert!((0.9..1.1).contains(&of_limit), "{outcome:?}");
        let web = outcome.figure("web_part");
        assert!((0.2..0.8).contains(&web), "{outcome:?}");
    }
}

#[test]
fn a_lying_web_seed_is_banned_and_no_peer() {
    let outcomes = runs("web-seed-lies", 12);
    for outcome in &outcomes {
        assert_eq!(outcome.figure("banned"), 1.0, "{outcome:?}");
        assert!(outcome.figure("wrong_pieces") <= 6.0, "{outcome:?}");
    }
}

#[test]
fn a_short_answer_goes_on_where_it_broke_and_its_server_rests_after_three() {
    for outcome in runs("web-seed-truncates", 6) {
        assert!(outcome.figure("answers") < 60.0, "{outcome:?}");
        // What had come of a block when the server was left alone.
        assert!(outcome.figure("extra_blocks") < 9.0, "{outcome:?}");
    }
}

#[test]
fn web_seeds_that_fail_delay_nothing_and_those_that_lack_a_file_bring_the_others() {
    for outcome in runs("web-seed-fails", 6) {
        assert!(outcome.figure("time_s") < 40.0, "{outcome:?}");
        assert!(outcome.figure("silent_asked") <= 3.0, "{outcome:?}");
        assert!(outcome.figure("busy_asked") <= 1.0, "{outcome:?}");
    }
}
