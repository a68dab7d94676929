//! UDP: the same swarms in packets, connection ids, and what is no request.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use superseed::tracker::NUMWANT_MAX;
use superseed_proto::tracker::udp::{Request, Response};
use superseed_proto::tracker::{AnnounceRequest, Event};

use crate::client::{SWARM, UdpClient, announce, leecher, seed, tracker, v4_of, v6_of};

#[test]
fn families_meet_over_http_and_each_stays_alone_over_udp() {
    let tracker = tracker();
    announce(v4_of(&tracker), &leecher(1));
    let over_v6 = announce(v6_of(&tracker), &leecher(2));
    assert_eq!(over_v6.peers[0].addr, (Ipv4Addr::LOCALHOST, 1).into());
    let over_v4 = announce(v4_of(&tracker), &leecher(3));
    let expected: [SocketAddr; 2] = [
        (Ipv4Addr::LOCALHOST, 1).into(),
        (Ipv6Addr::LOCALHOST, 2).into(),
    ];
    assert_eq!(
        over_v4
            .peers
            .iter()
            .map(|peer| peer.addr)
            .collect::<Vec<_>>(),
        expected
    );
    let Response::Announce { peers, .. } = UdpClient::new(v6_of(&tracker)).announce(leecher(4))
    else {
        panic!("no peers")
    };
    assert_eq!(peers, [(Ipv6Addr::LOCALHOST, 2).into()]);
}

#[test]
fn a_udp_announce_does_what_an_http_announce_does() {
    let tracker = tracker();
    for to in [v4_of(&tracker), v6_of(&tracker)] {
        announce(to, &seed(1));
        let answer = UdpClient::new(to).announce(leecher(2));
        let Response::Announce {
            transaction_id: 2,
            interval_s: 900,
            peers,
            complete,
            ..
        } = answer
        else {
            panic!("no peers: {answer:?}")
        };
        assert_eq!(peers, [SocketAddr::new(to.ip(), 1)]);
        assert!(complete > 0);
    }
    assert_eq!(tracker.stats().peers, 4);
}

#[test]
fn who_stops_over_udp_is_not_told_of_over_http() {
    let tracker = tracker();
    let to = v4_of(&tracker);
    let client = UdpClient::new(to);
    client.announce(AnnounceRequest {
        event: Some(Event::Started),
        ..leecher(1)
    });
    assert_eq!(announce(to, &leecher(2)).peers.len(), 1);
    client.announce(AnnounceRequest {
        event: Some(Event::Stopped),
        ..leecher(1)
    });
    assert_eq!(announce(to, &leecher(2)).peers, []);
}

#[test]
fn no_answer_has_more_peers_than_the_limit_or_than_a_datagram_holds() {
    let tracker = tracker();
    let clients = [
        UdpClient::new(v4_of(&tracker)),
        UdpClient::new(v6_of(&tracker)),
    ];
    for client in &clients {
        let connection_id = client.connect();
        for port in 1..=250 {
            let announce = AnnounceRequest {
                numwant: Some(0),
                ..leecher(port)
            };
            let request = Request::Announce {
                connection_id,
                transaction_id: 4,
                announce,
                url_data: vec![],
            };
            let Response::Announce { peers, .. } = client.ask(&request) else {
                panic!("refused")
            };
            assert_eq!(peers, []);
        }
    }
    let greedy = AnnounceRequest {
        numwant: Some(u32::MAX),
        ..leecher(999)
    };
    assert_eq!(
        announce(v4_of(&tracker), &greedy).peers.len(),
        NUMWANT_MAX as usize
    );
    assert_eq!(announce(v4_of(&tracker), &leecher(999)).peers.len(), 50);
    let counts = clients.map(|client| match client.announce(greedy.clone()) {
        Response::Announce { peers, .. } => peers.len(),
        other => panic!("refused: {other:?}"),
    });
    assert_eq!(counts, [NUMWANT_MAX as usize, 67]);
}

#[test]
fn a_forged_connection_id_gets_no_answer_and_enters_nobody() {
    let tracker = tracker();
    let client = UdpClient::new(v4_of(&tracker));
    let connection_id = client.connect() ^ 1;
    let announce = leecher(1);
    client.send(
        &Request::Announce {
            connection_id,
            transaction_id: 5,
            announce,
            url_data: vec![],
        }
        .encode(),
    );
    client.send(
        &Request::Scrape {
            connection_id,
            transaction_id: 6,
            swarms: vec![SWARM],
        }
        .encode(),
    );
    // The next answer is that of the next good request.
    client.connect();
    let stats = tracker.stats();
    assert_eq!((stats.peers, stats.refusals.connection_ids), (0, 2));
}

#[test]
fn datagrams_that_are_no_request_get_no_answer() {
    let tracker = tracker();
    let client = UdpClient::new(v6_of(&tracker));
    for garbage in [
        &b""[..],
        b"x",
        b"GET / HTTP/1.1\r\n\r\n",
        &[0xff; 98],
        &[0; 1400],
    ] {
        client.send(garbage);
    }
    let connect = Request::Connect { transaction_id: 1 }.encode();
    client.send(&connect[..15]);
    client.connect();
    assert_eq!(tracker.stats().refusals.invalid, 6);
}
