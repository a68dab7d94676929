//! Transcripts of the UDP client and a tracker (BEP 15).

use superseed_proto::tracker::Event;
use superseed_proto::tracker::udp::{Request, Response};
use superseed_proto::{PeerId, SwarmKey};

use super::line::{Line, TRACKER, peers};
use super::*;
use crate::trackers::udp::UdpAnswer;

#[test]
fn a_client_that_may_not_ask_says_so_at_once() {
    let mut line = Line::new();
    let key = line.keys.insert(());
    line.client.refuse(key);
    assert_eq!(line.client.next_deadline(), Time::START);
    line.poll();
    let (done, result) = line.done.remove(0);
    let message = result.unwrap_err().message;
    assert_eq!(
        (done, message.as_str()),
        (key, "trackers are not asked over UDP")
    );
    assert!(line.sent.is_empty() && line.lookups.is_empty());
}

#[test]
fn an_announce_connects_first_and_tells_what_the_tracker_said() {
    let mut line = Line::new();
    let key = line.start("udp://10.9.9.9:6969/announce?a=b", V4);
    let (to, request) = line.request();
    let Request::Connect { transaction_id } = request else {
        panic!("{request:?}")
    };
    assert_eq!(to.to_string(), TRACKER);
    line.reply(&Response::Connect {
        transaction_id,
        connection_id: 77,
    });
    let (to, request) = line.request();
    let Request::Announce {
        connection_id,
        transaction_id,
        announce,
        url_data,
    } = request
    else {
        panic!("{request:?}")
    };
    assert_eq!((to.to_string().as_str(), connection_id), (TRACKER, 77));
    assert_eq!(
        (announce.swarm, announce.peer_id),
        (SwarmKey([3; 20]), PeerId([4; 20]))
    );
    assert_eq!(
        (announce.downloaded, announce.uploaded, announce.left),
        (1, 2, 3)
    );
    assert_eq!(
        (announce.event, announce.key, announce.numwant),
        (Some(Event::Started), 0xfeed, Some(200))
    );
    assert_eq!(
        (announce.port, url_data.as_slice()),
        (7000, b"/announce?a=b".as_slice())
    );
    assert!(line.reply(&peers(transaction_id, &["10.0.0.1:1", "10.0.0.2:2"])));
    let (done, result) = line.done.remove(0);
    let UdpAnswer { answer, peers } = result.unwrap();
    assert_eq!(done, key);
    assert_eq!(answer.interval, Some(Duration::from_secs(900)));
    assert_eq!(
        (answer.seeders, answer.leechers, answer.peers),
        (Some(1), Some(2), 2)
    );
    assert_eq!(
        peers,
        ["10.0.0.1:1".parse().unwrap(), "10.0.0.2:2".parse().unwrap()]
    );
}

#[test]
fn a_connect_that_is_lost_is_sent_again_after_15_and_45_seconds_and_given_up_after_60() {
    let mut line = Line::new();
    line.start("udp://10.9.9.9:6969", V4);
    let first = line.connect_id();
    assert_eq!(line.sleep(), 15.0);
    assert_eq!(line.connect_id(), first, "the same transaction");
    assert_eq!(line.sleep(), 45.0);
    line.connect_id();
    assert_eq!(line.sleep(), 60.0);
    let failure = line.failure();
    assert_eq!(
        (failure.kind, failure.message.as_str()),
        (FailureKind::Unanswered, "no answer in time")
    );
    assert_eq!(line.client.next_deadline(), Time::NEVER);
}

#[test]
fn an_announce_that_is_lost_is_sent_again() {
    let mut line = Line::new();
    line.start("udp://10.9.9.9:6969", V4);
    line.pass(1);
    let transaction_id = line.connect();
    assert_eq!(line.sleep(), 16.0);
    assert_eq!(line.announce_ids(), (77, transaction_id));
    line.reply(&peers(transaction_id, &[]));
    assert!(line.done[0].1.is_ok());
}

#[test]
fn a_connection_id_is_shared_for_a_minute_and_then_asked_for_again() {
    let mut line = Line::new();
    line.start("udp://10.9.9.9:6969", V4);
    let transaction_id = line.connect();
    line.reply(&peers(transaction_id, &[]));
    line.pass(59);
    line.start("udp://10.9.9.9:6969/other", V4);
    let (connection_id, transaction_id) = line.announce_ids();
    assert_eq!(connection_id, 77);
    line.reply(&peers(transaction_id, &[]));
    line.pass(2);
    assert_eq!(
        line.client.next_deadline(),
        Time::NEVER,
        "the expired id is forgotten"
    );
    line.start("udp://10.9.9.9:6969", V4);
    line.connect();
}

#[test]
fn announces_that_wait_for_one_connection_share_its_request() {
    let mut line = Line::new();
    line.start("udp://10.9.9.9:6969", V4);
    line.start("udp://10.9.9.9:6969", V4);
    let transaction_id = line.connect_id();
    line.reply(&Response::Connect {
        transaction_id,
        connection_id: 5,
    });
    assert_eq!(line.sent.len(), 2);
}

#[test]
fn answers_from_elsewhere_or_with_another_transaction_are_ignored() {
    let mut line = Line::new();
    line.start("udp://10.9.9.9:6969", V4);
    let transaction_id = line.connect_id();
    let open = |transaction_id| Response::Connect {
        transaction_id,
        connection_id: 5,
    };
    assert!(!line.reply_from("10.9.9.8:6969", &open(transaction_id)));
    assert!(!line.reply_from("10.9.9.9:6968", &open(transaction_id)));
    assert!(!line.reply(&open(transaction_id ^ 1)));
    assert!(line.sent.is_empty());
    assert!(line.reply(&open(transaction_id)));
    let (_, transaction_id) = line.announce_ids();
    assert!(!line.reply_from("10.9.9.8:6969", &peers(transaction_id, &["10.0.0.1:1"])));
    assert!(!line.reply(&peers(transaction_id ^ 1, &["10.0.0.1:1"])));
    assert!(!line.reply(&Response::Error {
        transaction_id: transaction_id ^ 1,
        message: String::new()
    }));
    assert!(line.done.is_empty());
    assert!(line.reply(&peers(transaction_id, &[])));
    assert!(
        !line.reply(&peers(transaction_id, &[])),
        "an answer counts once"
    );
}

#[test]
fn bytes_that_are_no_answer_are_not_ours() {
    let mut line = Line::new();
    line.start("udp://10.9.9.9:6969", V4);
    let from = TRACKER.parse().unwrap();
    for bytes in [
        &b""[..],
        b"d1:ad2:id20:",
        &[0; 8],
        &[0, 0, 0, 1, 0, 0, 0, 0, 0],
        &[0xff; 100],
    ] {
        assert!(!line.client.on_datagram(V4, from, bytes, line.now));
    }
}

#[test]
fn an_error_ends_the_announce_with_the_trackers_words() {
    let mut line = Line::new();
    line.start("udp://10.9.9.9:6969", V4);
    let transaction_id = line.connect();
    line.reply(&Response::Error {
        transaction_id,
        message: "go away".to_owned(),
    });
    let failure = line.failure();
    assert_eq!(failure.kind, FailureKind::Refused { retry_in: None });
    assert_eq!(failure.message, "the tracker refuses: go away");
}

#[test]
fn an_error_instead_of_a_connection_ends_all_who_wait_for_it() {
    let mut line = Line::new();
    line.start("udp://10.9.9.9:6969", V4);
    line.start("udp://10.9.9.9:6969", V4);
    let transaction_id = line.connect_id();
    assert!(line.reply(&Response::Error {
        transaction_id,
        message: "full".to_owned()
    }));
    assert_eq!(line.done.len(), 2);
    assert_eq!(line.client.next_deadline(), Time::NEVER);
}

#[test]
fn a_tracker_that_forgot_our_connection_id_is_asked_for_another_once() {
    let mut line = Line::new();
    line.start("udp://10.9.9.9:6969", V4);
    let transaction_id = line.connect();
    line.reply(&peers(transaction_id, &[]));
    line.done.clear();
    line.start("udp://10.9.9.9:6969", V4);
    let (_, transaction_id) = line.announce_ids();
    line.reply(&Response::Error {
        transaction_id,
        message: "bad connection id".to_owned(),
    });
    let transaction_id = line.connect();
    line.reply(&Response::Error {
        transaction_id,
        message: "bad connection id".to_owned(),
    });
    assert_eq!(
        line.failure().message,
        "the tracker refuses: bad connection id"
    );
}

#[test]
fn a_name_is_looked_up_once_for_all_who_wait_and_remembered() {
    let mut line = Line::new();
    line.start("udp://Tracker.Example:6969", V4);
    line.start("udp://tracker.example:6969", V4);
    assert_eq!(line.lookups, ["tracker.example"]);
    assert!(line.sent.is_empty());
    line.client
        .resolved("tracker.example", &["10.9.9.9".parse().unwrap()], line.now);
    line.poll();
    assert_eq!(line.request().0.to_string(), TRACKER);
    line.start("udp://tracker.example:80", V4);
    assert_eq!(line.lookups.len(), 1);
    assert_eq!(line.request().0.to_string(), "10.9.9.9:80");
}

#[test]
fn a_name_without_an_address_of_the_family_is_no_answer_of_the_tracker() {
    for (addrs, listener) in [
        (vec![], V4),
        (vec!["::1".parse().unwrap()], V4),
        (vec!["10.0.0.1".parse().unwrap()], V6),
    ] {
        let mut line = Line::new();
        line.start("udp://tracker.example:1", listener);
        line.client.resolved("tracker.example", &addrs, line.now);
        line.poll();
        assert_eq!(line.failure().kind, FailureKind::NoAddress);
    }
    let mut line = Line::new();
    line.start("udp://[::1]:1", V4);
    assert_eq!(line.failure().kind, FailureKind::NoAddress);
}

#[test]
fn the_family_of_an_answer_is_that_of_the_socket() {
    let mut line = Line::new();
    line.start("udp://[fd00::9]:6969", V6);
    let transaction_id = line.connect_id();
    line.reply_from(
        "[fd00::9]:6969",
        &Response::Connect {
            transaction_id,
            connection_id: 1,
        },
    );
    let (_, transaction_id) = line.announce_ids();
    line.reply_from("[fd00::9]:6969", &peers(transaction_id, &["[fd00::1]:5"]));
    assert_eq!(
        line.done.remove(0).1.unwrap().peers,
        ["[fd00::1]:5".parse().unwrap()]
    );
}

#[test]
fn a_name_with_two_addresses_is_tried_at_the_second_when_the_first_is_silent() {
    let mut line = Line::new();
    line.start("udp://tracker.example:6969", V4);
    let addrs = ["10.0.0.1", "::1", "10.9.9.9"].map(|ip| ip.parse().unwrap());
    line.client.resolved("tracker.example", &addrs, line.now);
    line.poll();
    assert_eq!(line.request().0.to_string(), "10.0.0.1:6969");
    assert_eq!(line.sleep(), 15.0);
    let to: Vec<_> = line.sent.iter().map(|(_, to, _)| to.to_string()).collect();
    assert_eq!(to.last().map(String::as_str), Some(TRACKER));
    line.sent.drain(..line.sent.len() - 1);
    let transaction_id = line.connect();
    line.reply(&peers(transaction_id, &[]));
    assert!(line.done[0].1.is_ok());
}

#[test]
fn a_resolver_that_never_answers_is_given_up_and_asked_again_later() {
    let mut line = Line::new();
    line.start("udp://tracker.example:1", V4);
    assert_eq!(line.sleep(), 60.0);
    assert_eq!(line.failure().kind, FailureKind::Unanswered);
    line.start("udp://tracker.example:1", V4);
    assert_eq!(line.lookups.len(), 2);
}

#[test]
fn a_cancelled_announce_leaves_nothing_behind() {
    let mut line = Line::new();
    for resolved in [false, true] {
        let key = line.start("udp://tracker.example:1", V4);
        if resolved {
            line.client
                .resolved("tracker.example", &["10.0.0.1".parse().unwrap()], line.now);
            line.poll();
        }
        line.client.cancel(key);
        line.poll();
        assert_eq!(line.client.next_deadline(), Time::NEVER);
        assert!(line.done.is_empty());
    }
}

#[test]
fn a_url_without_a_host_fails_with_a_sentence() {
    let mut line = Line::new();
    line.start("udp://:0/", V4);
    assert_eq!(
        line.failure().message,
        "the tracker URL `udp://:0/` has no usable host and port"
    );
}

#[test]
fn the_same_seed_gives_the_same_datagrams() {
    let run = || {
        let mut line = Line::new();
        line.start("udp://10.9.9.9:6969", V4);
        line.connect()
    };
    assert_eq!(run(), run());
}
