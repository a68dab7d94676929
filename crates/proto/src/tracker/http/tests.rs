use core::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::*;
use crate::tracker::Event;

fn request() -> AnnounceRequest {
    AnnounceRequest {
        swarm: SwarmKey(
            *b"\x12\x34\x56\x78\x9a\xbc\xde\xf1\x23\x45\x67\x89\xab\xcd\xef\x12\x34\x56\x78\x9a",
        ),
        peer_id: PeerId(*b"-SS0100-abcdefghijkl"),
        port: 6881,
        uploaded: 1,
        downloaded: 2,
        left: 3,
        event: None,
        numwant: None,
        key: 0x0bad_f00d,
        tracker_id: None,
        ip: None,
        ipv4: None,
        ipv6: None,
        no_peer_id: false,
    }
}

#[test]
fn an_announce_url_escapes_every_byte_of_hash_and_peer_id() {
    assert_eq!(
        announce_url("http://t.example/announce", &request()),
        "http://t.example/announce?info_hash=\
         %12%34%56%78%9A%BC%DE%F1%23%45%67%89%AB%CD%EF%12%34%56%78%9A\
         &peer_id=%2D%53%53%30%31%30%30%2D%61%62%63%64%65%66%67%68%69%6A%6B%6C\
         &port=6881&uploaded=1&downloaded=2&left=3&compact=1&key=0BADF00D"
    );
}

#[test]
fn the_optional_parts_of_an_announce_follow() {
    let full = AnnounceRequest {
        event: Some(Event::Completed),
        numwant: Some(80),
        tracker_id: Some(b"a&b=\xff".to_vec()),
        ip: Some(Ipv4Addr::new(10, 0, 0, 1).into()),
        ipv4: Some(Ipv4Addr::new(10, 0, 0, 2)),
        ipv6: Some(Ipv6Addr::LOCALHOST),
        no_peer_id: true,
        ..request()
    };
    let url = announce_url("http://t.example/announce", &full);
    let (_, rest) = url.split_once("&compact=1").unwrap();
    assert_eq!(
        rest,
        "&no_peer_id=1&key=0BADF00D&event=completed&numwant=80&ip=10.0.0.1&ipv4=10.0.0.2\
         &ipv6=::1&trackerid=a%26b%3D%FF"
    );
}

#[test]
fn the_query_joins_what_the_url_has_already() {
    let table = [
        ("http://t/announce", "http://t/announce?info_hash="),
        ("http://t/a?passkey=1", "http://t/a?passkey=1&info_hash="),
        ("http://t/a?passkey=1&", "http://t/a?passkey=1&info_hash="),
        ("http://t/a?", "http://t/a?info_hash="),
        ("http://t/a#top", "http://t/a?info_hash="),
        ("http://t/a?b=c#top?", "http://t/a?b=c&info_hash="),
    ];
    for (base, begin) in table {
        let url = announce_url(base, &request());
        assert!(url.starts_with(begin), "{base} gave {url}");
    }
}

#[test]
fn only_a_last_segment_that_begins_with_announce_can_be_scraped() {
    let table = [
        ("http://t/announce", Some("http://t/scrape?")),
        ("http://t/x/announce", Some("http://t/x/scrape?")),
        ("http://t/announce.php", Some("http://t/scrape.php?")),
        (
            "http://t/announce?x=2%0644",
            Some("http://t/scrape?x=2%0644&"),
        ),
        ("http://t/announce?x=2/4", Some("http://t/scrape?x=2/4&")),
        ("http://t/announce#x", Some("http://t/scrape?")),
        ("http://t/a", None),
        ("http://t/x%064announce", None),
        ("http://t/announce/x", None),
        ("http://announce", None),
        ("http://t", None),
        ("announce", None),
    ];
    let swarm = SwarmKey([b'x'; 20]);
    let name = "info_hash=%78%78%78%78%78%78%78%78%78%78%78%78%78%78%78%78%78%78%78%78";
    for (base, begin) in table {
        let expected = begin.map(|begin| format!("{begin}{name}&{name}"));
        assert_eq!(scrape_url(base, &[swarm, swarm]), expected, "{base}");
    }
}

fn peer(addr: &str) -> TrackerPeer {
    TrackerPeer {
        addr: addr.parse().unwrap(),
        peer_id: None,
    }
}

#[test]
fn the_example_of_bep_7_has_a_peer_of_each_family() {
    let body = b"d8:intervali1800e5:peers6:iiiipp6:peers618:iiiiiiiiiiiiiiiippe";
    let response = parse_announce(body).unwrap();
    assert_eq!(response.interval_s, Some(1800));
    let v6 = "[6969:6969:6969:6969:6969:6969:6969:6969]:28784";
    assert_eq!(response.peers, [peer("105.105.105.105:28784"), peer(v6)]);
    assert_eq!(response.peers_refused, 0);
}

#[test]
fn everything_that_a_tracker_may_say_is_read() {
    let body = b"d8:completei5e10:downloadedi7e11:external ip4:\x01\x02\x03\x04\
        10:incompletei6e8:intervali1800e12:min intervali900e5:peers0:\
        10:tracker id3:abc15:warning message5:tiredee";
    assert_eq!(
        parse_announce(body),
        Ok(AnnounceResponse {
            interval_s: Some(1800),
            min_interval_s: Some(900),
            tracker_id: Some(b"abc".to_vec()),
            warning: Some("tired".into()),
            complete: Some(5),
            incomplete: Some(6),
            downloaded: Some(7),
            external_ip: Some(Ipv4Addr::new(1, 2, 3, 4).into()),
            peers: Vec::new(),
            peers_refused: 0,
        })
    );
}

#[test]
fn dictionary_peers_with_a_wrong_port_or_address_are_left_out_and_counted() {
    let body = b"d8:intervali60e5:peersl\
        d2:ip8:10.0.0.17:peer id20:aaaaaaaaaaaaaaaaaaaa4:porti6881ee\
        d2:ip8:10.0.0.24:porti0ee\
        d2:ip8:10.0.0.34:porti-5ee\
        d2:ip8:10.0.0.44:porti70000ee\
        d2:ip9:localhost4:porti6881ee\
        d2:ip8:10.0.0.5e\
        d4:porti6881ee\
        i7e\
        d2:ip3:::17:peer id3:abc4:porti65535ee\
        ee";
    let response = parse_announce(body).unwrap();
    let named = TrackerPeer {
        peer_id: Some(PeerId([b'a'; 20])),
        ..peer("10.0.0.1:6881")
    };
    assert_eq!(response.peers, [named, peer("[::1]:65535")]);
    assert_eq!(response.peers_refused, 7);
}

#[test]
fn compact_peers_with_port_0_are_left_out() {
    let body = b"d8:intervali60e5:peers12:\x0a\0\0\x01\0\0\x0a\0\0\x02\0\x01e";
    let response = parse_announce(body).unwrap();
    assert_eq!(response.peers, [peer("10.0.0.2:1")]);
    assert_eq!(response.peers_refused, 1);
}

#[test]
fn a_long_list_is_cut() {
    let count = PEERS_MAX + 10;
    let mut body = format!("d5:peers{}:", count * 6).into_bytes();
    body.extend([1, 2, 3, 4, 5, 6].repeat(count));
    body.push(b'e');
    let response = parse_announce(&body).unwrap();
    assert_eq!(response.peers.len(), PEERS_MAX);
    assert_eq!(response.peers_refused, 10);
}

#[test]
fn what_is_wrong_with_an_answer_has_a_name() {
    use TrackerError::*;
    let table: &[(&[u8], TrackerError)] = &[
        (b"", Empty),
        (b"\r\n", Empty),
        (b"<!DOCTYPE html><html>", WebPage),
        (b"\n <html>404</html>", WebPage),
        (b"404 not found", NotADictionary),
        (b"le", NotADictionary),
        (b"d8:interval", NotADictionary),
        (
            b"d14:failure reason16:not\x1b registered!e",
            Failure {
                reason: "not registered!".into(),
                retry_in: None,
            },
        ),
        (b"d5:peers7:abcdefge", Malformed("peers")),
        (b"d5:peersi7ee", Malformed("peers")),
        (b"d5:peersdee", Malformed("peers")),
        (b"d6:peers617:abcdefghijklmnopqe", Malformed("peers6")),
        (b"d8:interval2:30e", Malformed("interval")),
        (b"d12:min intervallee", Malformed("min interval")),
    ];
    for (body, error) in table {
        assert_eq!(
            parse_announce(body).as_ref(),
            Err(error),
            "{}",
            body.escape_ascii()
        );
    }
}

#[test]
fn a_refusal_may_say_when_to_come_back() {
    let table: &[(&[u8], Option<Duration>)] = &[
        (b"5:never", Some(Duration::MAX)),
        (b"i5e", Some(Duration::from_secs(300))),
        (b"1:5", Some(Duration::from_secs(300))),
        (b"i0e", None),
        (b"i-1e", None),
        (b"4:soon", None),
        (b"le", None),
    ];
    for (value, expected) in table {
        let body = [b"d14:failure reason4:busy8:retry in", *value, b"e"].concat();
        let Err(TrackerError::Failure { retry_in, .. }) = parse_announce(&body) else {
            panic!("a failure reason is a refusal");
        };
        assert_eq!(retry_in, *expected);
    }
}

#[test]
fn an_interval_that_is_not_positive_says_nothing() {
    for body in [&b"d8:intervali0ee"[..], b"d8:intervali-9ee", b"de"] {
        assert_eq!(parse_announce(body).unwrap().interval_s, None);
    }
    let long = parse_announce(b"d8:intervali99999999999ee").unwrap();
    assert_eq!(long.interval_s, Some(u32::MAX));
}

#[test]
fn the_example_of_bep_48_is_read() {
    let body =
        b"d5:filesd20:xxxxxxxxxxxxxxxxxxxxd8:completei11e10:downloadedi13772e10:incompletei19ee\
        20:yyyyyyyyyyyyyyyyyyyyd8:completei21e10:downloadedi206e10:incompletei20eeee";
    let stats = |complete, downloaded, incomplete| ScrapeStats {
        complete,
        downloaded,
        incomplete,
    };
    let expected = [
        (SwarmKey([b'x'; 20]), stats(11, 13772, 19)),
        (SwarmKey([b'y'; 20]), stats(21, 206, 20)),
    ];
    assert_eq!(parse_scrape(body, 10).unwrap(), expected);
    assert_eq!(parse_scrape(body, 1).unwrap(), expected[..1]);
    assert_eq!(
        parse_scrape(b"de", 1),
        Err(TrackerError::Malformed("files"))
    );
}

proptest! {
    #[test]
    fn any_body_is_read_or_refused(body: Vec<u8>) {
        let _ = parse_announce(&body);
        let _ = parse_scrape(&body, 10);
    }

    #[test]
    fn any_base_gives_a_url(base in "\\PC*") {
        let _ = announce_url(&base, &request());
        let _ = scrape_url(&base, &[]);
    }
}
