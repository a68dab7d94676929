//! The embedded tracker over real loopback sockets, asked in plain bytes over
//! HTTP and in packets over UDP. Here is what concerns both.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod client;
mod http;
mod udp;

use std::time::Duration;

use superseed::tracker::{SwarmLimits, Tracker, TrackerConfig, TrackerError};
use superseed_proto::SwarmKey;
use superseed_proto::tracker::udp::{Request, Response};
use superseed_proto::tracker::{
    AnnounceRequest, Event, ScrapeStats, announce_url, parse_scrape, scrape_url,
};

use client::{
    SWARM, UdpClient, announce, get, leecher, loopback_config, seed, tracker, v4_of, v6_of,
};

#[test]
fn both_transports_of_an_address_share_a_port_which_the_urls_name() {
    let tracker = tracker();
    let (v4, v6) = (v4_of(&tracker).port(), v6_of(&tracker).port());
    assert!(v4 != 0 && v6 != 0);
    assert_eq!(
        tracker.announce_urls(),
        [
            format!("http://127.0.0.1:{v4}/announce"),
            format!("udp://127.0.0.1:{v4}/announce"),
            format!("http://[::1]:{v6}/announce"),
            format!("udp://[::1]:{v6}/announce"),
        ]
    );
}

#[test]
fn scrapes_count_seeds_leechers_and_completions_over_both_transports() {
    let tracker = tracker();
    let to = v4_of(&tracker);
    announce(to, &leecher(1));
    announce(to, &leecher(2));
    announce(
        to,
        &AnnounceRequest {
            event: Some(Event::Completed),
            ..seed(2)
        },
    );
    let unknown = SwarmKey([0; 20]);
    let expected = ScrapeStats {
        complete: 1,
        downloaded: 1,
        incomplete: 1,
    };

    let url = scrape_url(&format!("http://{to}/announce"), &[SWARM, unknown, SWARM]).unwrap();
    let (status, body) = get(to, &url);
    assert_eq!(status, 200);
    let scraped = parse_scrape(&body, 3).unwrap();
    assert!(scraped.contains(&(SWARM, expected)));
    assert!(scraped.contains(&(unknown, ScrapeStats::default())));
    assert_eq!(scraped.len(), 2);

    let client = UdpClient::new(to);
    let connection_id = client.connect();
    let swarms = vec![unknown, SWARM];
    let answer = client.ask(&Request::Scrape {
        connection_id,
        transaction_id: 3,
        swarms,
    });
    let stats = vec![ScrapeStats::default(), expected];
    assert_eq!(
        answer,
        Response::Scrape {
            transaction_id: 3,
            stats
        }
    );
    assert_eq!(tracker.stats().scrapes, 2);
}

#[test]
fn port_0_is_refused_with_a_reason_over_both_transports() {
    let tracker = tracker();
    let to = v4_of(&tracker);
    let (status, body) = get(
        to,
        &announce_url(&format!("http://{to}/announce"), &leecher(0)),
    );
    let reason = "the port is 0, where no peer can be reached";
    assert_eq!(status, 200);
    assert_eq!(
        body,
        format!("d14:failure reason{}:{reason}e", reason.len()).as_bytes()
    );
    let answer = UdpClient::new(to).announce(leecher(0));
    assert_eq!(
        answer,
        Response::Error {
            transaction_id: 2,
            message: reason.to_owned()
        }
    );
    assert_eq!(
        (tracker.stats().peers, tracker.stats().refusals.invalid),
        (0, 2)
    );
}

#[test]
fn a_full_tracker_says_so_and_counts_it() {
    let limits = SwarmLimits {
        swarms_max: 1,
        peers_per_swarm_max: 1,
        peers_max: 1,
    };
    let tracker = Tracker::start(TrackerConfig {
        limits,
        ..loopback_config()
    })
    .unwrap();
    let to = v4_of(&tracker);
    announce(to, &leecher(1));
    let unlisted = announce(to, &leecher(2));
    assert!(unlisted.warning.is_some());
    assert_eq!(unlisted.peers.len(), 1);
    let elsewhere = AnnounceRequest {
        swarm: SwarmKey([9; 20]),
        ..leecher(3)
    };
    let (_, body) = get(
        to,
        &announce_url(&format!("http://{to}/announce"), &elsewhere),
    );
    assert!(
        String::from_utf8(body)
            .unwrap()
            .contains("no room for another torrent")
    );
    let stats = tracker.stats();
    assert_eq!((stats.torrents, stats.peers), (1, 1));
    assert_eq!((stats.refusals.swarms, stats.refusals.peers), (1, 1));
}

#[test]
fn a_tracker_for_one_torrent_refuses_others_over_both_transports() {
    let tracker = Tracker::start(TrackerConfig {
        only: Some([SWARM].into()),
        ..loopback_config()
    })
    .unwrap();
    let to = v4_of(&tracker);
    announce(to, &leecher(1));
    let foreign = AnnounceRequest {
        swarm: SwarmKey([9; 20]),
        ..leecher(2)
    };
    let (_, body) = get(
        to,
        &announce_url(&format!("http://{to}/announce"), &foreign),
    );
    let reason = "this tracker does not serve this torrent";
    assert!(String::from_utf8(body).unwrap().contains(reason));
    let Response::Error { message, .. } = UdpClient::new(to).announce(foreign) else {
        panic!("the torrent is foreign");
    };
    assert_eq!(message, reason);
    let stats = tracker.stats();
    assert_eq!((stats.torrents, stats.refusals.foreign), (1, 2));
    assert_eq!(tracker.swarm(SWARM).incomplete, 1);
}

#[test]
fn a_busy_port_is_named_and_free_again_after_a_stop() {
    let first = tracker();
    let addr = v4_of(&first);
    let config = TrackerConfig {
        listen: vec![addr],
        ..loopback_config()
    };
    let error = Tracker::start(config.clone()).unwrap_err();
    assert!(matches!(error, TrackerError::PortBusy { addr: busy } if busy == addr));
    assert_eq!(
        error.to_string(),
        format!("the tracker cannot listen on {addr}: the port is in use")
    );
    first.stop();
    let second = Tracker::start(config).unwrap();
    announce(v4_of(&second), &leecher(1));
}

#[test]
fn an_interval_without_pause_is_refused() {
    let config = TrackerConfig {
        interval: Duration::from_millis(999),
        ..loopback_config()
    };
    assert!(matches!(
        Tracker::start(config),
        Err(TrackerError::IntervalTooShort)
    ));
}
