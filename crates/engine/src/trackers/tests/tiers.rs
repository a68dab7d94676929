//! Whom a public torrent asks, from which address.

use std::collections::BTreeSet;

use super::*;

#[test]
fn all_tiers_are_asked_side_by_side_and_one_tracker_of_each() {
    let mut stage = Stage::public(&[
        &["http://a1/", "http://a2/"],
        &["http://b/"],
        &["http://c/"],
    ]);
    let orders = stage.orders();
    assert_eq!(orders.len(), 3);
    let tiers: BTreeSet<_> = orders.iter().map(|order| order.url.as_bytes()[7]).collect();
    assert_eq!(tiers, BTreeSet::from([b'a', b'b', b'c']));
}

#[test]
fn one_live_tracker_of_ten_in_a_tier_is_asked_within_a_second() {
    let urls: Vec<String> = (0..10).map(|n| format!("http://{n}/")).collect();
    let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
    let mut stage = Stage::public(&[&urls]);
    let mut asked = Vec::new();
    while asked.len() < 10 {
        asked.extend(stage.sleep_to_orders());
    }
    assert!(stage.now < seconds(0.9), "{:?}", stage.now);
    stage.pass(0.1);
    assert!(stage.orders().is_empty());
    assert_eq!(stage.set.next_deadline(), Time::NEVER);
    stage.answer(&asked[9]);
    assert!(stage.orders().is_empty());
}

#[test]
fn the_next_of_a_tier_is_asked_after_three_seconds_of_silence() {
    let mut stage = Stage::public(&[&["http://a1/", "http://a2/"], &["http://b/"]]);
    let orders = stage.orders();
    stage.answer(&orders[1]);
    let (waited, second) = stage.sleep_to_order();
    assert!((2.9..3.1).contains(&waited), "{waited}");
    assert_ne!(second.url, orders[0].url);
    stage.answer(&second);
    // It went to the front: the next regular announce is its own.
    stage.fail(&orders[0]);
    let again: Vec<_> = stage
        .sleep_to_orders()
        .into_iter()
        .map(|order| order.url)
        .collect();
    assert!(!again.contains(&orders[0].url), "{again:?}");
}

#[test]
fn the_next_of_a_tier_is_asked_at_once_when_one_fails() {
    let mut stage = Stage::public(&[&["http://a1/", "http://a2/"]]);
    let first = stage.order();
    stage.fail(&first);
    let second = stage.order();
    assert_ne!(second.url, first.url);
    stage.fail(&second);
    assert!(stage.orders().is_empty(), "both back off");
}

#[test]
fn a_tracker_in_good_standing_that_hangs_later_is_passed_over_and_taken_back() {
    let mut stage = Stage::public(&[&["http://a1/", "http://a2/"]]);
    let first = stage.order();
    stage.answer(&first);
    let (_, hanging) = stage.sleep_to_order();
    assert_eq!(hanging.url, first.url);
    let (waited, other) = stage.sleep_to_order();
    assert!((2.9..3.1).contains(&waited), "{waited}");
    assert_ne!(other.url, first.url);
    assert_eq!(other.event, AnnounceEvent::Started);
    stage.answer(&other);
    assert!(stage.answer(&hanging).is_some());
    let next = stage.sleep_to_orders();
    assert_eq!(next.len(), 1, "one tracker of a tier at a time");
}

#[test]
fn every_listener_announces_for_itself() {
    let mut stage = Stage::public(&[&["http://a/"]]).dual_stack();
    let orders = stage.orders();
    let listeners: Vec<_> = orders.iter().map(|order| order.listener).collect();
    assert_eq!(listeners, [V4, V6]);
    stage.answer(&orders[0]);
    stage.fail(&orders[1]);
    let (_, retry) = stage.sleep_to_order();
    assert_eq!((retry.listener, retry.event), (V6, AnnounceEvent::Started));
    assert_eq!(stage.statuses(), [TrackerStatus::Ok { warning: None }]);
}

#[test]
fn two_listeners_of_one_family_both_announce() {
    let mut stage = Stage::public(&[&["http://a/"]]);
    let on = |id, port| (ListenerId(id), SocketAddr::from(([10, 0, 0, 1], port)));
    stage.set.set_listeners(&[on(1, 7001), on(2, 7002)]);
    let listeners: Vec<_> = stage
        .orders()
        .iter()
        .map(|order| order.listener.0)
        .collect();
    assert_eq!(listeners, [1, 2]);
}

#[test]
fn a_new_listener_announces_at_once_and_a_lost_one_is_forgotten() {
    let mut stage = Stage::public(&[&["http://a/"]]);
    let first = stage.order();
    let mut stage = stage.dual_stack();
    let second = stage.order();
    assert_eq!(second.listener, V6);
    assert!(
        stage.answer(&first).is_some(),
        "the old one's announce lives on"
    );
    stage
        .set
        .set_listeners(&[(V4, SocketAddr::from(([0, 0, 0, 0], 7000)))]);
    assert_eq!(stage.answer(&second), None);
}

#[test]
fn a_family_that_the_tracker_lacks_is_left_alone_for_long_and_is_no_failure() {
    let mut stage = Stage::public(&[&["http://a/"]]).dual_stack();
    let orders = stage.orders();
    assert!(
        !stage.fail_with(&orders[1], FailureKind::NoAddress),
        "nothing to tell the user"
    );
    stage.answer(&orders[0]);
    assert_eq!(stage.statuses(), [TrackerStatus::Ok { warning: None }]);
    let (waited, order) = stage.sleep_to_order();
    assert_eq!((waited, order.listener), (1_800.0, V4));
    stage.answer(&order);
    let orders = stage.sleep_to_orders();
    assert_eq!(stage.now, seconds(3_600.0));
    assert_eq!(orders.len(), 2);
}

#[test]
fn a_name_without_any_address_is_tried_again_soon_and_told() {
    let mut stage = Stage::public(&[&["http://a/"]]).dual_stack();
    let orders = stage.orders();
    stage.fail_with(&orders[0], FailureKind::NoAddress);
    assert!(stage.fail_with(&orders[1], FailureKind::NoAddress));
    assert_eq!(
        stage.statuses(),
        [TrackerStatus::Failed("http://a/ is down".to_owned())]
    );
    stage.sleep_to_orders();
    assert!(stage.now < seconds(30.0), "{:?}", stage.now);
}

#[test]
fn rows_merge_the_listeners_of_a_tracker() {
    let mut stage = Stage::public(&[&["http://a/"], &["http://b/"]]).dual_stack();
    assert_eq!(stage.statuses(), [TrackerStatus::Idle, TrackerStatus::Idle]);
    let orders = stage.orders();
    assert_eq!(
        stage.statuses(),
        [TrackerStatus::Announcing, TrackerStatus::Announcing]
    );
    for (order, seeders) in orders
        .iter()
        .filter(|order| order.url == "http://a/")
        .zip([3, 5])
    {
        let warning = (seeders == 5).then(|| "slow down".to_owned());
        let answer = AnnounceAnswer {
            seeders: Some(seeders),
            leechers: Some(1),
            warning,
            ..every(900)
        };
        stage.answer_with(order, answer);
    }
    stage.pass(100.0);
    let row = &stage.set.stats(stage.now)[0];
    assert_eq!(
        (row.seeders, row.leechers, row.downloads, row.peers),
        (Some(5), Some(1), None, 10)
    );
    assert_eq!(
        row.status,
        TrackerStatus::Ok {
            warning: Some("slow down".to_owned())
        }
    );
    stage.orders();
    let next = stage.set.stats(stage.now)[0].next_announce;
    assert_eq!(next, Some(Duration::from_secs(800)));
}

#[test]
fn tiers_are_shuffled_by_the_seed() {
    let urls: Vec<String> = (0..20).map(|n| format!("http://{n}/")).collect();
    let first_with = |seed| {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut set = TrackerSet::new(std::slice::from_ref(&urls), false, 1, &mut rng);
        set.set_listeners(&[(V4, SocketAddr::from(([0, 0, 0, 0], 7000)))]);
        set.start(Time::START);
        let mut stage = Stage {
            set,
            ..Stage::public(&[])
        };
        stage.order().url
    };
    let firsts: BTreeSet<_> = (0..200).map(first_with).collect();
    assert!(firsts.len() > 15, "{firsts:?}");
    assert_eq!(first_with(1), first_with(1));
}
