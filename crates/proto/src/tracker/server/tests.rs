use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use proptest::prelude::*;

use super::*;
use crate::tracker::{announce_url, parse_announce, parse_scrape, scrape_url};

#[test]
fn the_example_of_bep_23_is_read() {
    let query = b"peer_id=aaaaaaaaaaaaaaaaaaaa&info_hash=aaaaaaaaaaaaaaaaaaaa\
        &port=6881&left=0&downloaded=100&uploaded=0&compact=1";
    let read = parse_announce_query(query).unwrap();
    assert_eq!(read.announce.swarm, SwarmKey([b'a'; 20]));
    assert_eq!(read.announce.peer_id, PeerId([b'a'; 20]));
    assert_eq!((read.announce.port, read.announce.left), (6881, 0));
    assert_eq!(read.form, PeerForm::Compact);
}

#[test]
fn the_form_is_what_the_client_asks_for() {
    let table = [
        ("", PeerForm::Compact),
        ("&compact=1", PeerForm::Compact),
        (
            "&compact=0",
            PeerForm::Dictionaries {
                with_peer_ids: true,
            },
        ),
        (
            "&compact=0&no_peer_id=1",
            PeerForm::Dictionaries {
                with_peer_ids: false,
            },
        ),
    ];
    for (asked, form) in table {
        let query = format!(
            "info_hash={0}&peer_id={0}&port=1{asked}",
            "aaaaaaaaaaaaaaaaaaaa"
        );
        assert_eq!(parse_announce_query(query.as_bytes()).unwrap().form, form);
    }
}

#[test]
fn what_is_wrong_with_a_query_has_a_name() {
    let long = vec![b'a'; QUERY_LEN_MAX + 1];
    let table: &[(&[u8], QueryError)] = &[
        (b"", QueryError::Missing("info_hash")),
        (b"info_hash=abc", QueryError::Invalid("info_hash")),
        (
            b"info_hash=aaaaaaaaaaaaaaaaaaaa",
            QueryError::Missing("peer_id"),
        ),
        (
            b"info_hash=aaaaaaaaaaaaaaaaaaaa&peer_id=aaaaaaaaaaaaaaaaaaaa",
            QueryError::Missing("port"),
        ),
        (b"port=65536", QueryError::Invalid("port")),
        (b"left=-1", QueryError::Invalid("left")),
        (b"info_hash=%4", QueryError::BrokenEscape),
        (&long, QueryError::TooLong),
    ];
    for (query, error) in table {
        assert_eq!(parse_announce_query(query), Err(*error));
    }
}

#[test]
fn keys_of_any_kind_are_numbers_that_tell_clients_apart() {
    assert_eq!(key_number(b"0BADF00D"), 0x0bad_f00d);
    assert_eq!(key_number(b"badf00d"), 0x0bad_f00d);
    assert_ne!(key_number(b"zzzz"), key_number(b"zzzy"));
}

fn peer(addr: &str, id: Option<u8>) -> TrackerPeer {
    TrackerPeer {
        addr: addr.parse().unwrap(),
        peer_id: id.map(|byte| PeerId([byte; 20])),
    }
}

#[test]
fn answers_have_the_bytes_of_their_beps() {
    let response = AnnounceResponse {
        interval_s: Some(1800),
        complete: Some(1),
        peers: vec![peer("10.0.0.1:6881", Some(b'a')), peer("[::1]:1", None)],
        ..AnnounceResponse::default()
    };
    let compact = b"d8:completei1e8:intervali1800e5:peers6:\x0a\0\0\x01\x1a\xe1\
        6:peers618:\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\x01e";
    assert_eq!(encode_announce(&response, PeerForm::Compact), compact);
    let with_peer_ids = true;
    let dictionaries = b"d8:completei1e8:intervali1800e5:peersl\
        d2:ip8:10.0.0.17:peer id20:aaaaaaaaaaaaaaaaaaaa4:porti6881ee\
        d2:ip3:::14:porti1eeee";
    assert_eq!(
        encode_announce(&response, PeerForm::Dictionaries { with_peer_ids }),
        dictionaries
    );
    assert_eq!(encode_failure("no"), b"d14:failure reason2:noe");
}

proptest! {
    #[test]
    fn the_tracker_reads_what_the_client_announces(
        keys: ([u8; 20], [u8; 20]),
        amounts: (u64, u64, u64),
        port: u16,
        key: u32,
        event in prop::sample::select(vec![None, Some(Event::Started), Some(Event::Stopped), Some(Event::Completed)]),
        numwant: Option<u32>,
        tracker_id in prop::option::of(prop::collection::vec(any::<u8>(), 0..40)),
        ip: Option<IpAddr>,
        ipv4: Option<Ipv4Addr>,
        ipv6: Option<Ipv6Addr>,
        no_peer_id: bool,
    ) {
        let announce = AnnounceRequest {
            swarm: SwarmKey(keys.0),
            peer_id: PeerId(keys.1),
            port,
            uploaded: amounts.0,
            downloaded: amounts.1,
            left: amounts.2,
            event,
            numwant,
            key,
            tracker_id,
            ip,
            ipv4,
            ipv6,
            no_peer_id,
        };
        let url = announce_url("http://t/announce?passkey=x", &announce);
        let (_, query) = url.split_once('?').unwrap();
        prop_assert_eq!(parse_announce_query(query.as_bytes()).unwrap().announce, announce);
    }

    #[test]
    fn the_client_reads_what_the_tracker_answers(
        numbers: [Option<u32>; 3],
        interval_s in prop::option::of(1u32..),
        min_interval_s in prop::option::of(1u32..),
        tracker_id: Option<[u8; 8]>,
        warning in prop::option::of("[a-z]{0,20}"),
        external_ip: Option<IpAddr>,
        v4 in prop::collection::vec(any::<(Ipv4Addr, [u8; 20])>(), 0..20),
        v6 in prop::collection::vec(any::<(Ipv6Addr, [u8; 20])>(), 0..20),
        port in 1u16..,
        compact: bool,
    ) {
        let peer = |ip: IpAddr, id: [u8; 20]| TrackerPeer {
            addr: SocketAddr::new(ip, port),
            peer_id: (!compact).then_some(PeerId(id)),
        };
        let v4 = v4.into_iter().map(|(ip, id)| peer(ip.into(), id));
        let v6 = v6.into_iter().map(|(ip, id)| peer(ip.into(), id));
        let response = AnnounceResponse {
            interval_s,
            min_interval_s,
            tracker_id: tracker_id.map(Vec::from),
            warning,
            complete: numbers[0],
            incomplete: numbers[1],
            downloaded: numbers[2],
            external_ip,
            peers: v4.chain(v6).collect(),
            peers_refused: 0,
        };
        let form = if compact { PeerForm::Compact } else { PeerForm::Dictionaries { with_peer_ids: true } };
        prop_assert_eq!(parse_announce(&encode_announce(&response, form)), Ok(response));
    }

    #[test]
    fn scrapes_go_both_ways(swarms in prop::collection::btree_map(any::<[u8; 20]>(), any::<[u32; 3]>(), 1..20)) {
        let swarms: Vec<(SwarmKey, ScrapeStats)> = swarms
            .into_iter()
            .map(|(key, [complete, downloaded, incomplete])| {
                (SwarmKey(key), ScrapeStats { complete, downloaded, incomplete })
            })
            .collect();
        let keys: Vec<SwarmKey> = swarms.iter().map(|(key, _)| *key).collect();
        let url = scrape_url("http://t/announce", &keys).unwrap();
        let (_, query) = url.split_once('?').unwrap();
        prop_assert_eq!(parse_scrape_query(query.as_bytes()), Ok(keys));
        prop_assert_eq!(parse_scrape(&encode_scrape(&swarms), 100), Ok(swarms));
    }

    #[test]
    fn any_query_is_read_or_refused(query: Vec<u8>) {
        let _ = parse_announce_query(&query);
        let _ = parse_scrape_query(&query);
    }
}
