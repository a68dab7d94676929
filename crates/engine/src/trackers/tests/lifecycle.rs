//! started, completed, stopped, and what is told with them.

use superseed_proto::url_rules::UrlFault;

use super::*;

#[test]
fn nothing_is_announced_before_the_start_and_without_a_listener() {
    let mut stage = Stage::public(&[&["http://a/"]]);
    stage.set.set_listeners(&[]);
    assert!(stage.orders().is_empty());
    assert_eq!(stage.set.next_deadline(), Time::NEVER);
    let mut stage = Stage::public(&[&["http://a/"]]);
    stage.set.stop(stage.now);
    assert!(stage.orders().is_empty());
    assert!(stage.set.all_stopped());
}

#[test]
fn the_first_announce_says_started_and_the_later_ones_nothing() {
    let mut stage = Stage::public(&[&["http://a/announce?passkey=1"]]);
    let order = stage.order();
    assert_eq!(order.event, AnnounceEvent::Started);
    assert_eq!(
        (order.numwant, order.key, order.listener),
        (200, 0xfeed, V4)
    );
    assert_eq!(
        (order.url.as_str(), order.transport),
        ("http://a/announce?passkey=1", Transport::Http)
    );
    assert_eq!(stage.answer(&order), Some(Accepted { drop_peers: false }));
    let (_, order) = stage.sleep_to_order();
    assert_eq!((order.event, order.key), (AnnounceEvent::Regular, 0xfeed));
}

#[test]
fn started_is_said_again_until_it_was_heard() {
    let mut stage = Stage::public(&[&["http://a/"]]);
    let first = stage.order();
    assert!(stage.fail(&first));
    let (_, second) = stage.sleep_to_order();
    assert_eq!(second.event, AnnounceEvent::Started);
}

#[test]
fn completed_is_said_at_once_and_only_once() {
    let mut stage = Stage::public(&[&["http://a/"]]);
    let order = stage.order();
    stage.answer(&order);
    stage.pass(5.0);
    stage.ctx.complete = true;
    stage.set.complete(stage.now);
    let order = stage.order();
    assert_eq!(order.event, AnnounceEvent::Completed);
    stage.answer(&order);
    stage.set.complete(stage.now);
    assert!(stage.orders().is_empty());
    assert_eq!(stage.sleep_to_order().1.event, AnnounceEvent::Regular);
}

#[test]
fn completed_is_said_again_if_it_was_not_heard() {
    let mut stage = Stage::public(&[&["http://a/"]]);
    let order = stage.order();
    stage.answer(&order);
    stage.set.complete(stage.now);
    let order = stage.order();
    stage.fail(&order);
    let (_, order) = stage.sleep_to_order();
    assert_eq!(order.event, AnnounceEvent::Completed);
}

#[test]
fn a_download_that_ends_before_the_first_answer_says_completed_after_it() {
    let mut stage = Stage::public(&[&["http://a/"]]);
    let order = stage.order();
    stage.set.complete(stage.now);
    assert!(stage.orders().is_empty());
    stage.answer(&order);
    assert_eq!(stage.order().event, AnnounceEvent::Completed);
}

#[test]
fn a_torrent_that_was_complete_from_the_start_never_says_completed() {
    let mut stage = Stage::public(&[&["http://a/"]]);
    stage.ctx.complete = true;
    for _ in 0..5 {
        let (_, order) = stage.sleep_to_order();
        assert_ne!(order.event, AnnounceEvent::Completed);
        stage.answer(&order);
    }
}

#[test]
fn a_tracker_that_never_saw_us_incomplete_does_not_hear_completed() {
    let mut stage = Stage::public(&[&["http://a/"]]);
    let order = stage.order();
    stage.set.complete(stage.now);
    stage.fail(&order);
    let (_, order) = stage.sleep_to_order();
    assert_eq!(order.event, AnnounceEvent::Started);
    stage.answer(&order);
    assert_eq!(stage.sleep_to_order().1.event, AnnounceEvent::Regular);
}

#[test]
fn with_two_listeners_one_of_them_says_completed() {
    let mut stage = Stage::public(&[&["http://a/"]]).dual_stack();
    for order in stage.orders() {
        assert_eq!(order.event, AnnounceEvent::Started);
        stage.answer(&order);
    }
    stage.set.complete(stage.now);
    let order = stage.order();
    assert_eq!(
        (order.event, order.listener),
        (AnnounceEvent::Completed, V4)
    );
    assert!(stage.orders().is_empty());
    stage.answer(&order);
    assert!(stage.orders().is_empty());
}

#[test]
fn stopped_goes_to_those_who_know_us_and_wants_no_peers() {
    let mut stage = Stage::public(&[&["http://a/"], &["http://b/"]]);
    let orders = stage.orders();
    assert_eq!(orders.len(), 2);
    stage.answer(&orders[0]);
    stage.fail(&orders[1]);
    stage.pass(10.0);
    stage.set.stop(stage.now);
    assert!(!stage.set.all_stopped());
    let order = stage.order();
    assert_eq!(
        (order.url.as_str(), order.event, order.numwant),
        ("http://a/", AnnounceEvent::Stopped, 0)
    );
    assert_eq!(order.timeout, Duration::from_secs(2));
    assert!(!stage.set.all_stopped());
    stage.answer(&order);
    assert!(stage.set.all_stopped());
    assert!(stage.orders().is_empty());
    assert_eq!(stage.set.next_deadline(), Time::NEVER);
}

#[test]
fn a_farewell_that_fails_is_not_repeated() {
    let mut stage = Stage::public(&[&["http://a/"]]);
    let order = stage.order();
    stage.answer(&order);
    stage.set.stop(stage.now);
    let order = stage.order();
    assert!(!stage.fail(&order), "the user need not hear of it");
    assert!(stage.set.all_stopped());
    assert!(stage.orders().is_empty());
}

#[test]
fn a_tracker_that_hangs_since_the_start_does_not_delay_the_farewell() {
    let mut stage = Stage::public(&[&["http://a/"]]);
    stage.order();
    stage.pass(10.0);
    stage.set.stop(stage.now);
    assert!(stage.set.all_stopped());
    assert!(stage.orders().is_empty());
}

#[test]
fn an_announce_that_was_under_way_when_we_left_is_followed_by_stopped() {
    let mut stage = Stage::public(&[&["http://a/"]]);
    let started = stage.order();
    stage.pass(0.1);
    stage.set.stop(stage.now);
    let stopped = stage.order();
    assert_eq!(stopped.event, AnnounceEvent::Stopped);
    assert_eq!(
        stage.answer(&started),
        None,
        "the answer to what was given up"
    );
    assert!(!stage.set.all_stopped());
    stage.answer(&stopped);
    assert!(stage.set.all_stopped());
}

#[test]
fn a_download_that_ends_and_leaves_at_once_says_completed_and_then_stopped() {
    let mut stage = Stage::public(&[&["http://a/"]]);
    let order = stage.order();
    stage.answer(&order);
    stage.set.complete(stage.now);
    stage.set.stop(stage.now);
    let completed = stage.order();
    assert_eq!(completed.event, AnnounceEvent::Completed);
    assert!(!stage.set.all_stopped());
    stage.answer(&completed);
    let stopped = stage.order();
    assert_eq!(stopped.event, AnnounceEvent::Stopped);
    stage.answer(&stopped);
    assert!(stage.set.all_stopped());
}

#[test]
fn a_completed_under_way_is_waited_for_before_stopped() {
    let mut stage = Stage::public(&[&["http://a/"]]);
    let order = stage.order();
    stage.answer(&order);
    stage.set.complete(stage.now);
    let completed = stage.order();
    stage.set.stop(stage.now);
    assert!(stage.orders().is_empty());
    stage.fail(&completed);
    assert_eq!(stage.order().event, AnnounceEvent::Stopped);
}

#[test]
fn after_a_pause_the_tracker_hears_started_again() {
    let mut stage = Stage::public(&[&["http://a/"]]);
    let order = stage.order();
    stage.answer(&order);
    stage.set.stop(stage.now);
    let order = stage.order();
    stage.answer(&order);
    stage.pass(60.0);
    assert!(stage.orders().is_empty());
    stage.set.start(stage.now);
    assert_eq!(stage.order().event, AnnounceEvent::Started);
}

#[test]
fn the_tracker_id_is_echoed_until_another_comes() {
    let mut stage = Stage::public(&[&["http://a/"]]);
    let mut order = stage.order();
    for (told, echoed) in [
        (Some("x"), Some("x")),
        (None, Some("x")),
        (Some("y"), Some("y")),
    ] {
        let tracker_id = told.map(|id| id.as_bytes().to_vec());
        stage.answer_with(
            &order,
            AnnounceAnswer {
                tracker_id,
                ..every(100)
            },
        );
        order = stage.sleep_to_order().1;
        assert_eq!(order.tracker_id.as_deref(), echoed.map(str::as_bytes));
    }
}

#[test]
fn no_peers_are_asked_for_when_none_are_wanted() {
    let mut stage = Stage::public(&[&["http://a/"]]);
    stage.ctx.wants_peers = false;
    assert_eq!(stage.order().numwant, 0);
}

#[test]
fn a_url_that_breaks_a_rule_is_reported_once_and_never_asked() {
    let mut stage = Stage::public(&[&["wss://a/", "HTTP://b/"], &["http://a/?key=1"]]);
    let refused = [
        ("wss://a/".to_owned(), UrlFault::Scheme),
        ("http://a/?key=1".to_owned(), UrlFault::AnnounceArgument),
    ];
    assert_eq!(stage.set.take_refused(), refused);
    assert!(stage.set.take_refused().is_empty());
    let order = stage.order();
    assert_eq!(order.url, "HTTP://b/");
    stage.answer(&order);
    let statuses = stage.statuses();
    assert!(
        matches!(&statuses[0], TrackerStatus::Failed(message) if message.contains("scheme")),
        "{statuses:?}"
    );
    assert_eq!(statuses[1], TrackerStatus::Ok { warning: None });
}

#[test]
fn a_tracker_that_the_user_adds_is_asked_at_once() {
    let mut stage = Stage::public(&[&["http://a/"]]);
    let order = stage.order();
    stage.answer(&order);
    assert!(!stage.set.add_tracker("http://a/"));
    assert!(stage.set.add_tracker("udp://b:1/"));
    let order = stage.order();
    assert_eq!(
        (order.url.as_str(), order.transport),
        ("udp://b:1/", Transport::Udp)
    );
    assert_eq!(stage.set.url(order.slot), Some("udp://b:1/"));
    assert_eq!(stage.set.stats(stage.now)[1].tier, 1);
}

#[test]
fn trackers_beyond_the_limit_are_not_kept() {
    let urls: Vec<String> = (0..300).map(|n| format!("http://{n}/")).collect();
    let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
    let mut stage = Stage::public(&[&urls]);
    assert_eq!(
        stage.set.stats(stage.now).len(),
        crate::limits::TRACKERS_PER_TORRENT_MAX
    );
    assert!(!stage.set.add_tracker("http://more/"));
}
