//! HTTP: the forms of an answer, and what is no request.

use std::net::{Ipv4Addr, Ipv6Addr};

use superseed_proto::tracker::{AnnounceRequest, announce_url, parse_announce};

use crate::client::{announce, exchange, get, leecher, ports, seed, tracker, v4_of, v6_of};

#[test]
fn an_http_announce_tells_of_others_and_of_the_intervals() {
    let tracker = tracker();
    let to = v4_of(&tracker);
    assert_eq!(announce(to, &seed(1)).peers, []);
    let answer = announce(to, &leecher(2));
    assert_eq!(ports(answer.peers.iter().map(|peer| peer.addr)), [1]);
    assert_eq!(answer.peers[0].addr.ip(), Ipv4Addr::LOCALHOST);
    assert_eq!(
        (answer.interval_s, answer.min_interval_s),
        (Some(900), Some(60))
    );
    assert_eq!((answer.complete, answer.incomplete), (Some(1), Some(1)));
    assert_eq!(answer.external_ip, Some(Ipv4Addr::LOCALHOST.into()));
    let stats = tracker.stats();
    assert_eq!((stats.torrents, stats.peers, stats.seeds), (1, 2, 1));
    assert_eq!((stats.announces, stats.refusals.total()), (2, 0));
}

#[test]
fn dictionary_answers_name_peer_ids_unless_asked_not_to() {
    let tracker = tracker();
    let to = v6_of(&tracker);
    announce(to, &leecher(1));
    let url = announce_url(&format!("http://{to}/announce"), &leecher(2));
    let url = url.replace("compact=1", "compact=0");
    assert!(url.contains("compact=0"));
    let (_, body) = get(to, &url);
    let peers = parse_announce(&body).unwrap().peers;
    assert_eq!(peers[0].addr, (Ipv6Addr::LOCALHOST, 1).into());
    assert_eq!(peers[0].peer_id, Some(leecher(1).peer_id));
    let (_, body) = get(to, &format!("{url}&no_peer_id=1"));
    assert_eq!(parse_announce(&body).unwrap().peers[0].peer_id, None);
}

#[test]
fn what_is_wrong_with_a_query_is_told_in_bencode() {
    let tracker = tracker();
    let to = v4_of(&tracker);
    for (target, reason) in [
        ("/announce".to_owned(), "the query has no info_hash"),
        (
            "/announce?info_hash=short".to_owned(),
            "the query has an invalid info_hash",
        ),
        (
            "/announce?info_hash=%zz".to_owned(),
            "the query has a broken percent escape",
        ),
        ("/scrape".to_owned(), "the query has no info_hash"),
        (
            format!("/announce?x={}", "y".repeat(9_000)),
            "the query is too long",
        ),
    ] {
        let (status, body) = get(to, &target);
        let expected = format!("d14:failure reason{}:{reason}e", reason.len());
        assert_eq!((status, String::from_utf8(body).unwrap()), (200, expected));
    }
    assert_eq!(tracker.stats().refusals.invalid, 5);
}

#[test]
fn other_paths_and_methods_have_a_status_of_their_own() {
    let tracker = tracker();
    let to = v4_of(&tracker);
    assert_eq!(get(to, "/").0, 404);
    assert_eq!(get(to, "/announce/../etc/passwd").0, 404);
    let post = b"POST /announce HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody";
    assert!(exchange(to, post).starts_with("HTTP/1.1 405 "));
}

#[test]
fn what_is_no_http_is_turned_away_and_the_next_client_is_served() {
    let tracker = tracker();
    let to = v4_of(&tracker);
    let long_line = format!("GET /announce?{} HTTP/1.1\r\n\r\n", "a".repeat(100_000));
    let many_headers = format!("GET /announce HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(200));
    let garbage = [
        &b"\x13BitTorrent protocol\0\0\0\0\0\0\0\0\r\n\r\n"[..],
        b"GET\r\n\r\n",
        b"\0\0\x04\x17\x27\x10\x19\x80\r\n\r\n",
        long_line.as_bytes(),
        many_headers.as_bytes(),
    ];
    for bytes in garbage {
        let answer = exchange(to, bytes);
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 4"),
            "{answer:?}"
        );
    }
    announce(to, &leecher(1));
    assert_eq!(tracker.stats().peers, 1);
}

#[test]
fn a_connection_serves_one_request_and_is_closed() {
    let tracker = tracker();
    let to = v4_of(&tracker);
    let twice = b"GET /scrape HTTP/1.1\r\nHost: x\r\n\r\n".repeat(2);
    let answer = exchange(to, &twice);
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer:?}");
}

#[test]
fn a_client_on_loopback_may_name_its_outer_address() {
    let tracker = tracker();
    let to = v4_of(&tracker);
    let outer = Ipv4Addr::new(198, 51, 100, 7);
    announce(
        to,
        &AnnounceRequest {
            ip: Some(outer.into()),
            ..leecher(1)
        },
    );
    let answer = announce(to, &leecher(2));
    assert_eq!(answer.peers[0].addr, (outer, 1).into());
}

#[test]
fn a_torrent_file_is_handed_out_at_its_path_only() {
    let tracker = tracker();
    let to = v4_of(&tracker);
    let bytes: Vec<u8> = (0..200_000_u32).map(|at| (at % 251) as u8).collect();
    assert_eq!(get(to, "/a.torrent").0, 404);
    tracker.serve_torrent("/a.torrent", bytes.clone()).unwrap();
    assert_eq!(get(to, "/a.torrent"), (200, bytes.clone()));
    assert_eq!(get(v6_of(&tracker), "/a.torrent?x=1"), (200, bytes));
    for path in ["/a.torrent/", "/A.torrent", "/%61.torrent"] {
        assert_eq!(get(to, path).0, 404, "{path}");
    }
    let post = b"POST /a.torrent HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n";
    assert!(exchange(to, post).starts_with("HTTP/1.1 404 "));
    assert_eq!(tracker.stats().fetches, 2);
    announce(to, &leecher(1));
}
