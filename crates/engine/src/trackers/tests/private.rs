//! Private torrents: one tracker at a time (BEP 27).

use super::*;

fn stage() -> Stage {
    Stage::new(&[&["http://a/"], &["http://b/"], &["http://c/"]], true)
}

#[test]
fn one_tracker_is_asked_and_the_next_only_on_failure() {
    let mut stage = stage();
    let first = stage.order();
    assert_eq!(first.url, "http://a/");
    stage.pass(29.0);
    assert!(stage.orders().is_empty(), "silence is no failure");
    assert_eq!(stage.set.next_deadline(), Time::NEVER);
    stage.fail(&first);
    let second = stage.order();
    assert_eq!(
        (second.url.as_str(), second.event),
        ("http://b/", AnnounceEvent::Started)
    );
    assert_eq!(stage.answer(&second), Some(Accepted { drop_peers: false }));
    let (waited, third) = stage.sleep_to_order();
    assert_eq!(
        (waited, third.url.as_str()),
        (1_800.0, "http://b/"),
        "no return without need"
    );
}

#[test]
fn peers_of_the_old_tracker_are_dropped_when_the_new_one_answers() {
    let mut stage = stage();
    let first = stage.order();
    assert_eq!(stage.answer(&first), Some(Accepted { drop_peers: false }));
    let (_, again) = stage.sleep_to_order();
    stage.fail(&again);
    let other = stage.order();
    assert_eq!(other.url, "http://b/");
    assert_eq!(stage.answer(&other), Some(Accepted { drop_peers: true }));
    let (_, again) = stage.sleep_to_order();
    assert_eq!(stage.answer(&again), Some(Accepted { drop_peers: false }));
}

#[test]
fn a_tracker_that_comes_back_before_another_answered_keeps_its_peers() {
    let mut stage = stage();
    let order = stage.order();
    stage.answer(&order);
    let (_, order) = stage.sleep_to_order();
    stage.fail(&order);
    let again = loop {
        let (_, order) = stage.sleep_to_order();
        if order.url == "http://a/" {
            break order;
        }
        stage.fail(&order);
    };
    assert_eq!(stage.answer(&again), Some(Accepted { drop_peers: false }));
}

#[test]
fn one_family_that_fails_is_no_reason_to_switch() {
    let mut stage = stage().dual_stack();
    let orders = stage.orders();
    assert_eq!(orders.len(), 2);
    assert!(orders.iter().all(|order| order.url == "http://a/"));
    stage.fail(&orders[1]);
    stage.answer(&orders[0]);
    let (_, retry) = stage.sleep_to_order();
    assert_eq!((retry.url.as_str(), retry.listener), ("http://a/", V6));
}

#[test]
fn with_every_tracker_down_the_first_that_may_be_asked_again_is_asked() {
    let mut stage = stage();
    for url in ["http://a/", "http://b/", "http://c/"] {
        let order = stage.order();
        assert_eq!(order.url, url);
        stage.fail(&order);
    }
    assert!(stage.orders().is_empty());
    let (waited, _) = stage.sleep_to_order();
    assert!((17.5..22.0).contains(&waited), "{waited}");
}
