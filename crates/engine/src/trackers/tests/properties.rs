//! Whatever trackers and users do, no tracker is flooded.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Answer { interval_s: u64, min_s: Option<u64> },
    Fail(FailureKind),
    Pass(u64),
    Reannounce,
    Complete,
    Connected(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let kind = prop_oneof![
        Just(FailureKind::Unanswered),
        Just(FailureKind::NoAddress),
        Just(FailureKind::Refused { retry_in: None })
    ];
    prop_oneof![
        6 => (0..4_000u64, proptest::option::of(0..2_000u64)).prop_map(|(interval_s, min_s)| Step::Answer { interval_s, min_s }),
        4 => kind.prop_map(Step::Fail),
        6 => (0..2_000u64).prop_map(Step::Pass),
        1 => Just(Step::Reannounce),
        1 => Just(Step::Complete),
        2 => (0..40usize).prop_map(Step::Connected),
    ]
}

proptest! {
    #[test]
    fn intervals_are_kept_whatever_the_trackers_do(
        steps in proptest::collection::vec(step(), 1..200),
        private in any::<bool>(),
        dual in any::<bool>(),
    ) {
        let mut stage = Stage::new(&[&["http://a/", "http://b/"], &["udp://c:1/"]], private);
        if dual {
            stage = stage.dual_stack();
        }
        let mut flying: Vec<AnnounceOrder> = Vec::new();
        // Per pair: no regular announce before this time.
        let mut quiet: BTreeMap<(String, ListenerId), Time> = BTreeMap::new();
        let mut completed: BTreeMap<String, usize> = BTreeMap::new();
        for step in steps {
            match step {
                Step::Answer { interval_s, min_s } => {
                    let Some(order) = (!flying.is_empty()).then(|| flying.remove(0)) else { continue };
                    let min_interval = min_s.map(Duration::from_secs);
                    let answer = AnnounceAnswer { min_interval, ..every(interval_s) };
                    prop_assert!(stage.answer_with(&order, answer).is_some());
                    let least = Duration::from_secs(match (min_s, order.event) {
                        (Some(min_s), _) => min_s.max(60),
                        (None, AnnounceEvent::Started) => 15,
                        (None, _) => 30,
                    });
                    if order.event == AnnounceEvent::Completed {
                        *completed.entry(order.url.clone()).or_default() += 1;
                    }
                    quiet.insert((order.url, order.listener), stage.now + least);
                }
                Step::Fail(kind) => {
                    let Some(order) = (!flying.is_empty()).then(|| flying.remove(0)) else { continue };
                    stage.fail_with(&order, kind);
                    quiet.insert((order.url, order.listener), stage.now);
                }
                Step::Pass(seconds) => stage.pass(seconds as f64),
                Step::Reannounce => stage.set.reannounce(stage.now),
                Step::Complete => stage.set.complete(stage.now),
                Step::Connected(connected) => stage.ctx.connected = connected,
            }
            let orders = stage.orders();
            for order in &orders {
                let pair = (order.url.clone(), order.listener);
                let same = |other: &AnnounceOrder| other.url == order.url && other.listener == order.listener;
                prop_assert!(!flying.iter().any(same), "two announces of one pair at a time");
                if order.event == AnnounceEvent::Regular && let Some(until) = quiet.get(&pair) {
                    prop_assert!(stage.now >= *until, "{order:?} at {:?} before {until:?}", stage.now);
                }
            }
            flying.extend(orders);
            if private {
                let mut urls: Vec<_> = flying.iter().map(|order| &order.url).collect();
                urls.dedup();
                prop_assert!(urls.len() <= 1, "a private torrent asks one tracker at a time");
            }
            prop_assert!(stage.set.next_deadline() > stage.now, "a deadline in the past would spin");
            prop_assert!(completed.values().all(|times| *times <= 1));
        }
        stage.set.stop(stage.now);
        for _ in 0..4 {
            for order in stage.orders() {
                stage.fail(&order);
            }
            for order in std::mem::take(&mut flying) {
                stage.fail(&order);
            }
        }
        prop_assert!(stage.set.all_stopped());
    }
}
