use core::net::Ipv6Addr;

use proptest::prelude::*;

use super::*;

fn announce() -> AnnounceRequest {
    AnnounceRequest {
        swarm: SwarmKey([0xaa; 20]),
        peer_id: PeerId([0xbb; 20]),
        port: 6881,
        uploaded: 3,
        downloaded: 1,
        left: 2,
        event: Some(Event::Started),
        numwant: None,
        key: 0x0102_0304,
        tracker_id: None,
        ip: None,
        ipv4: None,
        ipv6: None,
        no_peer_id: false,
    }
}

#[test]
fn requests_have_the_bytes_of_bep_15() {
    let connect = Request::Connect { transaction_id: 7 };
    let bytes = [
        0, 0, 4, 0x17, 0x27, 0x10, 0x19, 0x80, 0, 0, 0, 0, 0, 0, 0, 7,
    ];
    assert_eq!(connect.encode(), bytes);

    let request = Request::Announce {
        connection_id: 0x1122_3344_5566_7788,
        transaction_id: 7,
        announce: announce(),
        url_data: b"/a".to_vec(),
    };
    let mut bytes = vec![0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88];
    bytes.extend([0, 0, 0, 1, 0, 0, 0, 7]);
    bytes.extend([0xaa; 20]);
    bytes.extend([0xbb; 20]);
    bytes.extend([0, 0, 0, 0, 0, 0, 0, 1]);
    bytes.extend([0, 0, 0, 0, 0, 0, 0, 2]);
    bytes.extend([0, 0, 0, 0, 0, 0, 0, 3]);
    bytes.extend([0, 0, 0, 2, 0, 0, 0, 0, 1, 2, 3, 4, 0xff, 0xff, 0xff, 0xff]);
    bytes.extend([0x1a, 0xe1]);
    assert_eq!(bytes.len(), ANNOUNCE_LEN);
    bytes.extend(b"\x02\x02/a");
    assert_eq!(request.encode(), bytes);

    let scrape = Request::Scrape {
        connection_id: 1,
        transaction_id: 7,
        swarms: vec![SwarmKey([0xcc; 20])],
    };
    let mut bytes = vec![0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 7];
    bytes.extend([0xcc; 20]);
    assert_eq!(scrape.encode(), bytes);
}

#[test]
fn events_have_the_numbers_of_bep_15() {
    let table = [
        (None, 0),
        (Some(Event::Completed), 1),
        (Some(Event::Started), 2),
        (Some(Event::Stopped), 3),
    ];
    for (event, number) in table {
        let mut bytes = Vec::new();
        write_announce(
            &AnnounceRequest {
                event,
                ..announce()
            },
            &mut bytes,
        );
        assert_eq!(u32_at(&bytes, 80 - 16), number);
    }
}

#[test]
fn responses_have_the_bytes_of_bep_15() {
    let table: Vec<(Response, AddressFamily, Vec<u8>)> = vec![
        (
            Response::Connect {
                transaction_id: 7,
                connection_id: 0x1122_3344_5566_7788,
            },
            AddressFamily::V4,
            vec![
                0, 0, 0, 0, 0, 0, 0, 7, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88,
            ],
        ),
        (
            Response::Announce {
                transaction_id: 7,
                interval_s: 1800,
                incomplete: 1,
                complete: 2,
                peers: vec!["10.0.0.1:6881".parse().unwrap()],
            },
            AddressFamily::V4,
            vec![
                0, 0, 0, 1, 0, 0, 0, 7, 0, 0, 7, 8, 0, 0, 0, 1, 0, 0, 0, 2, 10, 0, 0, 1, 0x1a, 0xe1,
            ],
        ),
        (
            Response::Announce {
                transaction_id: 7,
                interval_s: 1800,
                incomplete: 1,
                complete: 2,
                peers: vec!["[::1]:6881".parse().unwrap()],
            },
            AddressFamily::V6,
            vec![
                0, 0, 0, 1, 0, 0, 0, 7, 0, 0, 7, 8, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0,
                0, 0, 0, 0, 0, 0, 0, 1, 0x1a, 0xe1,
            ],
        ),
        (
            Response::Scrape {
                transaction_id: 7,
                stats: vec![ScrapeStats {
                    complete: 1,
                    downloaded: 2,
                    incomplete: 3,
                }],
            },
            AddressFamily::V4,
            vec![0, 0, 0, 2, 0, 0, 0, 7, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3],
        ),
        (
            Response::Error {
                transaction_id: 7,
                message: "no".into(),
            },
            AddressFamily::V4,
            vec![0, 0, 0, 3, 0, 0, 0, 7, b'n', b'o'],
        ),
    ];
    for (response, family, bytes) in table {
        assert_eq!(response.encode(family), bytes);
        assert_eq!(Response::decode(&bytes, family), Ok(response.clone()));
        assert_eq!(response.transaction_id(), 7);
        assert!(is_response(&bytes));
    }
}

#[test]
fn a_packet_may_be_longer_but_never_shorter_than_its_fixed_part() {
    let requests = [
        Request::Connect { transaction_id: 1 }.encode(),
        Request::Announce {
            connection_id: 1,
            transaction_id: 1,
            announce: announce(),
            url_data: Vec::new(),
        }
        .encode(),
        Request::Scrape {
            connection_id: 1,
            transaction_id: 1,
            swarms: vec![SwarmKey([1; 20])],
        }
        .encode(),
    ];
    for mut bytes in requests {
        let whole = Request::decode(&bytes).unwrap();
        for len in 0..bytes.len() {
            let fault = Request::decode(&bytes[..len]).unwrap_err();
            assert!(matches!(fault, UdpFault::TooShort { len: l, .. } if l == len));
        }
        bytes.extend([0, 0, 0]);
        assert_eq!(Request::decode(&bytes), Ok(whole));
    }
    let needed = [(CONNECT, 16), (ANNOUNCE, 20), (SCRAPE, 8), (ERROR, 8)];
    for (action, needed) in needed {
        let mut bytes = action.to_be_bytes().to_vec();
        bytes.resize(64, 0);
        for len in 0..64 {
            let read = Response::decode(&bytes[..len], AddressFamily::V4);
            assert_eq!(read.is_ok(), len >= needed, "{action} with {len} bytes");
        }
    }
}

#[test]
fn what_is_no_packet_of_this_side_is_refused() {
    let mut connect = Request::Connect { transaction_id: 1 }.encode();
    connect[7] ^= 1;
    assert_eq!(Request::decode(&connect), Err(UdpFault::WrongProtocolId));
    connect[11] = 9;
    assert_eq!(Request::decode(&connect), Err(UdpFault::UnknownAction(9)));
    assert_eq!(
        Response::decode(&[0, 0, 0, 4, 0, 0, 0, 0], AddressFamily::V4),
        Err(UdpFault::UnknownAction(4))
    );
}

#[test]
fn peers_with_port_0_are_left_out() {
    let response = Response::Announce {
        transaction_id: 1,
        interval_s: 60,
        incomplete: 0,
        complete: 2,
        peers: vec!["10.0.0.1:0".parse().unwrap(), "10.0.0.2:1".parse().unwrap()],
    };
    let bytes = response.encode(AddressFamily::V4);
    let Ok(Response::Announce { peers, .. }) = Response::decode(&bytes, AddressFamily::V4) else {
        panic!("an announce response is read");
    };
    assert_eq!(peers, ["10.0.0.2:1".parse().unwrap()]);
}

#[test]
fn an_address_of_the_wrong_family_is_not_sent() {
    let request = AnnounceRequest {
        ip: Some(IpAddr::V6(Ipv6Addr::LOCALHOST)),
        ..announce()
    };
    let mut bytes = Vec::new();
    write_announce(&request, &mut bytes);
    assert_eq!(bytes[84 - 16..88 - 16], [0; 4]);

    let response = Response::Announce {
        transaction_id: 1,
        interval_s: 60,
        incomplete: 0,
        complete: 1,
        peers: vec!["[::1]:1".parse().unwrap()],
    };
    assert_eq!(response.encode(AddressFamily::V4).len(), 20);
}

#[test]
fn the_wait_doubles_up_to_3840_seconds() {
    let waits: Vec<u64> = (0..11).map(|n| retransmit_after(n).as_secs()).collect();
    let expected = [15, 30, 60, 120, 240, 480, 960, 1920, 3840, 3840, 3840];
    assert_eq!(waits, expected);
}

#[test]
fn other_protocols_of_the_port_are_told_apart() {
    assert!(!is_response(b"d1:ad2:id20:"));
    assert!(!is_response(&[0x21, 0, 0, 1, 0, 0, 0, 0, 0]));
    assert!(!is_response(&[0, 0, 0, 1]));
}

proptest! {
    #[test]
    fn announces_are_decoded_as_they_were_encoded(
        ids: (u64, u32, u32),
        keys: ([u8; 20], [u8; 20]),
        amounts: (u64, u64, u64),
        event in prop::sample::select(vec![None, Some(Event::Started), Some(Event::Stopped), Some(Event::Completed)]),
        numwant in prop::option::of(0u32..=0x7fff_ffff),
        ip in prop::option::of(1u32..),
        port: u16,
        url_data in prop::collection::vec(any::<u8>(), 0..=URL_DATA_LEN_MAX),
    ) {
        let (connection_id, transaction_id, key) = ids;
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
            ip: ip.map(|bits| IpAddr::V4(Ipv4Addr::from_bits(bits))),
            ..announce()
        };
        let request = Request::Announce { connection_id, transaction_id, announce, url_data };
        prop_assert_eq!(Request::decode(&request.encode()), Ok(request));
    }

    #[test]
    fn any_datagram_is_read_or_refused(datagram: Vec<u8>, action in 0u8..5) {
        let _ = Request::decode(&datagram);
        let mut response = vec![0, 0, 0, action];
        response.extend(&datagram);
        let _ = Response::decode(&response, AddressFamily::V4);
        let _ = Response::decode(&response, AddressFamily::V6);
        let mut request = vec![0, 0, 4, 0x17, 0x27, 0x10, 0x19, 0x80, 0, 0, 0, action];
        request.extend(&datagram);
        let _ = Request::decode(&request);
    }
}
