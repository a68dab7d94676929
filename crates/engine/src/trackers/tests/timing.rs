//! Intervals, back-off, want of peers, the impatient user.

use super::*;

#[test]
fn the_interval_is_obeyed_within_sane_bounds() {
    let cases = [
        (None, None, 1_800.0),
        (Some(900), None, 900.0),
        (Some(1), None, 60.0),
        (Some(10_000_000), None, 86_400.0),
        (Some(300), Some(1_200), 1_200.0),
    ];
    for (interval, min, expected) in cases {
        let mut stage = Stage::public(&[&["http://a/"]]);
        let order = stage.order();
        let duration = |s: Option<u64>| s.map(Duration::from_secs);
        let answer = AnnounceAnswer {
            interval: duration(interval),
            min_interval: duration(min),
            ..every(1)
        };
        stage.answer_with(&order, answer);
        assert_eq!(stage.sleep_to_order().0, expected, "{interval:?} {min:?}");
    }
}

#[test]
fn failures_are_answered_with_growing_delays_up_to_an_hour() {
    let mut stage = Stage::public(&[&["http://a/"]]);
    let mut order = stage.order();
    for failures in 1..=30 {
        stage.fail(&order);
        let (waited, next) = stage.sleep_to_order();
        let expected = (5.0 + 12.5 * f64::from(failures * failures)).min(3_600.0);
        assert!(
            (expected..=expected * 1.26).contains(&waited),
            "{waited} instead of {expected}"
        );
        order = next;
    }
    stage.answer(&order);
    let (_, order) = stage.sleep_to_order();
    stage.fail(&order);
    assert!(
        stage.sleep_to_order().0 < 22.0,
        "an answer makes a clean slate"
    );
}

#[test]
fn a_refusing_tracker_says_when_to_come_back() {
    let mut stage = Stage::public(&[&["http://a/"]]);
    let order = stage.order();
    assert!(stage.fail_with(
        &order,
        FailureKind::Refused {
            retry_in: Some(Duration::from_secs(600))
        }
    ));
    let (waited, order) = stage.sleep_to_order();
    assert_eq!(waited, 600.0);
    stage.fail_with(
        &order,
        FailureKind::Refused {
            retry_in: Some(Duration::MAX),
        },
    );
    assert!(stage.orders().is_empty());
    assert_eq!(stage.set.next_deadline(), Time::NEVER);
    assert_eq!(stage.set.stats(stage.now)[0].next_announce, None);
}

#[test]
fn too_few_peers_bring_early_announces_soon_and_then_ever_later() {
    let mut stage = Stage::public(&[&["http://a/"]]);
    stage.ctx.connected = 3;
    let mut order = stage.order();
    let mut waits = Vec::new();
    for _ in 0..6 {
        stage.answer(&order);
        let (waited, next) = stage.sleep_to_order();
        waits.push(waited);
        order = next;
    }
    assert_eq!(waits, [15.0, 60.0, 120.0, 240.0, 480.0, 960.0]);
}

#[test]
fn early_announces_that_name_new_peers_go_on() {
    let mut stage = Stage::public(&[&["http://a/"]]);
    stage.ctx.connected = 3;
    let mut order = stage.order();
    let mut waits = Vec::new();
    for _ in 0..12 {
        stage.answer(&order);
        stage.set.helped(order.slot);
        let (waited, next) = stage.sleep_to_order();
        waits.push(waited);
        order = next;
    }
    assert_eq!(waits[..10], [[15.0].as_slice(), &[30.0; 9]].concat());
    assert_eq!(waits[10..], [30.0, 37.5], "and become rarer");
}

#[test]
fn a_need_that_comes_and_goes_is_not_new_each_time() {
    let mut stage = Stage::public(&[&["http://a/"]]);
    let mut order = stage.order();
    let mut announces = 0;
    while stage.now < Time::START + Duration::from_secs(1_500) {
        stage.answer(&order);
        loop {
            stage.pass(1.0);
            stage.ctx.connected = if stage.ctx.connected == 2 { 30 } else { 2 };
            if let [next] = &stage.orders()[..] {
                order = next.clone();
                break;
            }
        }
        announces += 1;
    }
    assert!((5..=7).contains(&announces), "{announces}");
}

#[test]
fn early_announces_keep_the_minimum_interval_that_the_tracker_names() {
    let mut stage = Stage::public(&[&["http://a/"]]);
    stage.ctx.connected = 0;
    let order = stage.order();
    let min_interval = Some(Duration::from_secs(300));
    stage.answer_with(
        &order,
        AnnounceAnswer {
            min_interval,
            ..every(1_800)
        },
    );
    assert_eq!(stage.sleep_to_order().0, 300.0);
}

#[test]
fn who_can_be_reached_needs_fewer_peers() {
    let cases = [
        (19, false, true),
        (20, false, false),
        (6, true, true),
        (7, true, false),
    ];
    for (connected, incoming_seen, needy) in cases {
        let mut stage = Stage::public(&[&["http://a/"]]);
        stage.ctx = AnnounceContext {
            connected,
            incoming_seen,
            ..stage.ctx
        };
        let order = stage.order();
        stage.answer(&order);
        let expected = if needy { 15.0 } else { 1_800.0 };
        assert_eq!(
            stage.sleep_to_order().0,
            expected,
            "{connected} {incoming_seen}"
        );
    }
}

#[test]
fn a_seed_or_a_full_torrent_never_announces_early() {
    for (complete, wants_peers) in [(true, true), (false, false)] {
        let mut stage = Stage::public(&[&["http://a/"]]);
        stage.ctx = AnnounceContext {
            connected: 0,
            complete,
            wants_peers,
            ..stage.ctx
        };
        let order = stage.order();
        stage.answer(&order);
        assert_eq!(stage.sleep_to_order().0, 1_800.0);
    }
}

#[test]
fn losing_peers_makes_the_next_poll_announce() {
    let mut stage = Stage::public(&[&["http://a/"]]);
    let order = stage.order();
    stage.answer(&order);
    assert!(stage.orders().is_empty());
    stage.pass(200.0);
    assert!(stage.orders().is_empty());
    stage.ctx.connected = 2;
    assert_eq!(stage.order().event, AnnounceEvent::Regular);
}

#[test]
fn the_users_wish_is_granted_at_the_minimum_interval() {
    let mut stage = Stage::public(&[&["http://a/"]]);
    let order = stage.order();
    stage.answer(&order);
    stage.pass(10.0);
    stage.set.reannounce(stage.now);
    assert_eq!(stage.sleep_to_order().0, 50.0);
}

#[test]
fn the_users_wish_ends_a_back_off_but_is_no_flood() {
    let mut stage = Stage::public(&[&["http://a/"]]);
    for _ in 0..5 {
        let (_, order) = stage.sleep_to_order();
        stage.fail(&order);
    }
    stage.pass(1.0);
    stage.set.reannounce(stage.now);
    let (waited, order) = stage.sleep_to_order();
    assert_eq!(waited, 4.0);
    stage.pass(30.0);
    stage.fail(&order);
    stage.set.reannounce(stage.now);
    stage.order();
}

#[test]
fn an_answer_that_comes_twice_or_to_nobody_changes_nothing() {
    let mut stage = Stage::public(&[&["http://a/"]]);
    let order = stage.order();
    assert!(stage.answer(&order).is_some());
    assert_eq!(stage.answer(&order), None);
    assert!(!stage.fail(&order));
    let strange = SlotId {
        tracker: 99,
        ..order.slot
    };
    assert_eq!(stage.set.on_success(strange, stage.now, every(1)), None);
    let strange = SlotId {
        listener: ListenerId(99),
        ..order.slot
    };
    assert!(
        !stage
            .set
            .on_failure(strange, stage.now, FailureKind::Unanswered, String::new())
    );
}
