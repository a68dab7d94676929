//! Which tracker is waited for while none answers.

use super::*;

#[test]
fn a_silent_tracker_is_waited_for_until_it_is_given_up_and_then_until_it_is_asked_again() {
    let mut stage = Stage::public(&[&["http://a/"]]);
    let order = stage.order();
    stage.pass(10.0);
    let wait = stage.set.waits_for(stage.now).unwrap();
    assert_eq!((wait.url.as_str(), wait.announcing), ("http://a/", true));
    assert_eq!((wait.until, wait.error), (seconds(30.0), None));
    stage.pass(20.0);
    stage.fail(&order);
    let wait = stage.set.waits_for(stage.now).unwrap();
    assert!(!wait.announcing);
    assert_eq!(wait.error.as_deref(), Some("http://a/ is down"));
    let (_, order) = stage.sleep_to_order();
    assert_eq!(stage.now, wait.until);
    stage.answer(&order);
    assert_eq!(stage.set.waits_for(stage.now), None);
}

#[test]
fn no_tracker_is_waited_for_where_one_of_several_answers_or_none_is_asked() {
    let mut stage = Stage::public(&[&["http://a/"], &["http://b/"]]);
    let orders = stage.orders();
    assert!(stage.set.waits_for(stage.now).is_some());
    stage.answer(&orders[0]);
    assert_eq!(stage.set.waits_for(stage.now), None);
    assert_eq!(Stage::public(&[]).set.waits_for(Time::START), None);
    let mut stopped = Stage::public(&[&["http://a/"]]);
    stopped.set.stop(Time::START);
    assert_eq!(stopped.set.waits_for(Time::START), None);
}

#[test]
fn a_tracker_that_answered_is_waited_for_again_when_it_falls_silent() {
    let mut stage = Stage::public(&[&["http://a/"]]);
    let order = stage.order();
    stage.answer(&order);
    stage.sleep_to_order();
    assert_eq!(stage.set.waits_for(stage.now), None);
    stage.pass(4.0);
    assert!(stage.set.waits_for(stage.now).is_some());
}
