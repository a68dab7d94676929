//! Peers, trackers and disks that fail, and engines that are killed.

use superseed_sim::scenario::{Outcome, named, run_seeds};

fn runs(name: &str, seeds: u64) -> Vec<Outcome> {
    let scenario = named(name).unwrap_or_else(|| panic!("there is no scenario {name}"));
    run_seeds(scenario, 0..seeds, 1)
}

#[test]
fn a_choke_in_mid_piece_costs_nothing() {
    runs("choke-in-mid-piece", 10);
}

#[test]
fn a_close_in_mid_block_costs_at_most_that_block() {
    runs("close-in-mid-block", 10);
}

#[test]
fn a_silent_peer_delays_nothing_and_no_block_is_fetched_twice() {
    for outcome in runs("silence", 10) {
        assert!(outcome.figure("time_s") < 90.0, "{outcome:?}");
    }
}

#[test]
fn a_bad_block_costs_its_piece_and_bans_nobody_but_the_culprit() {
    let outcomes = runs("liar", 20);
    assert!(
        outcomes
            .iter()
            .any(|outcome| outcome.figure("failed_pieces") > 0.0)
    );
    for outcome in outcomes {
        assert!(outcome.figure("failed_pieces") <= 4.0, "{outcome:?}");
    }
}

#[test]
fn nine_hanging_trackers_do_not_delay_the_first_request() {
    runs("hanging-trackers", 10);
}

#[test]
fn a_tier_of_hanging_trackers_is_walked_in_short_silences() {
    for outcome in runs("hanging-tier", 10) {
        assert!(outcome.figure("first_request_s") < 60.0, "{outcome:?}");
    }
}

#[test]
fn a_udp_tracker_answers_over_a_line_that_loses_doubles_and_reorders_datagrams() {
    runs("udp-tracker", 10);
}

#[test]
fn forty_nine_dead_peers_do_not_delay_the_first_request() {
    runs("dead-peers", 10);
}

#[test]
fn who_loses_all_peers_and_cannot_be_called_asks_the_tracker_at_once() {
    runs("all-peers-gone", 3);
}

#[test]
fn a_tracker_hears_started_completed_and_stopped_once_and_no_sooner_than_it_asked() {
    runs("life-cycle", 4);
}

#[test]
fn a_full_disk_stops_the_download_but_not_the_upload_and_loses_nothing() {
    runs("disk-full", 6);
}

#[test]
fn a_broken_disk_stops_its_torrent_and_no_other() {
    runs("disk-broken", 6);
}

#[test]
fn data_without_a_record_is_checked_and_only_what_is_wrong_is_fetched() {
    runs("spoilt-data", 6);
}

#[test]
fn a_killed_engine_goes_on_with_everything_that_is_on_disk() {
    for outcome in runs("crash", 10) {
        let extra = outcome.figure("extra_bytes_per_crash");
        assert!(
            extra <= f64::from(16 << 20),
            "{extra} bytes were fetched again per crash"
        );
        assert_eq!(outcome.figure("blocks_lost"), 0.0, "{outcome:?}");
    }
}

#[test]
fn a_power_cut_never_leaves_a_recorded_piece_that_is_not_there() {
    for outcome in runs("power-cut", 10) {
        assert!(outcome.figure("blocks_lost") > 0.0, "{outcome:?}");
    }
}

#[test]
fn an_orderly_stop_loses_nothing() {
    runs("orderly-restart", 4);
}

#[test]
fn a_liar_among_ten_is_banned_before_it_spoils_a_fourth_piece_and_nobody_else_ever_is() {
    let mut spoilt = 0.0;
    for name in [
        "liar-among-ten",
        "liar-among-ten-large",
        "liar-among-ten-ipv6",
        "liar-among-ten-large-ipv6",
    ] {
        let scenario = named(name).unwrap_or_else(|| panic!("there is no scenario {name}"));
        for outcome in run_seeds(scenario, 0..12, 6) {
            spoilt += outcome.figure("wrong_pieces");
        }
    }
    assert!(spoilt > 0.0, "the liar spoilt nothing");
}

#[test]
fn rotten_blocks_are_taken_for_right_by_nobody_and_a_check_mends_them() {
    let failed: f64 = (runs("bit-rot", 6).iter())
        .map(|outcome| outcome.figure("failed_pieces"))
        .sum();
    assert!(failed > 0.0, "no rotten block was ever sent");
}

#[test]
fn a_tracker_that_lies_is_neither_believed_nor_flooded() {
    runs("lying-tracker", 6);
}

#[test]
fn a_tracker_that_comes_back_is_found_again() {
    runs("tracker-returns", 4);
}

#[test]
fn a_tracker_that_answers_too_late_is_asked_again_ever_more_rarely_and_told_all_once() {
    runs("slow-tracker", 4);
}

#[test]
fn a_udp_tracker_that_answers_after_the_second_question_is_heard_once() {
    runs("slow-udp-tracker", 4);
}

#[test]
fn a_tracker_may_send_its_clients_to_another_and_not_in_circles() {
    runs("redirects", 4);
}

#[test]
fn leechers_wait_for_a_seed_that_left_too_soon_and_finish_when_it_is_back() {
    runs("seedless-20", 1);
}
