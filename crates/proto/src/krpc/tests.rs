//! Packets: their bytes, what is tolerated, what is cut.

use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use super::*;
use crate::SwarmKey;
use crate::bencode::Encoder;

mod properties;

const AA: &[u8] = b"aa";

fn message(kind: Kind) -> Message {
    Message {
        transaction: Transaction::new(AA).unwrap(),
        version: None,
        read_only: false,
        ip: None,
        kind,
    }
}

fn query(query: Query) -> Message {
    let id = NodeId(*b"abcdefghij0123456789");
    message(Kind::Query { id, query })
}

fn response(id: &[u8; 20], fill: impl FnOnce(&mut Response)) -> Message {
    let mut response = Response::new(NodeId(*id));
    fill(&mut response);
    message(Kind::Response(Box::new(response)))
}

fn as_response(message: &Message) -> &Response {
    match &message.kind {
        Kind::Response(response) => response,
        other => panic!("{other:?}"),
    }
}

fn v4(text: &[u8; 6]) -> SocketAddr {
    crate::compact::addr(text).unwrap()
}

fn nodes(count: u8, is_v6: bool) -> Vec<NodeAddr> {
    (1..=count)
        .map(|at| NodeAddr {
            id: NodeId([at; 20]),
            addr: match is_v6 {
                true => (Ipv6Addr::from([at; 16]), 6881).into(),
                false => (Ipv4Addr::from([at; 4]), 6881).into(),
            },
        })
        .collect()
}

#[track_caller]
fn assert_bytes(message: &Message, expected: &[u8]) {
    let packet = message.encode().unwrap();
    assert_eq!(
        packet.escape_ascii().to_string(),
        expected.escape_ascii().to_string()
    );
    assert_eq!(Message::decode(expected).as_ref(), Ok(message));
}

#[test]
fn packets_have_the_bytes_of_bep_5() {
    let (id, swarm) = (b"mnopqrstuvwxyz123456", SwarmKey(*b"mnopqrstuvwxyz123456"));
    let want = Want::default();
    assert_bytes(
        &query(Query::Ping),
        b"d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe",
    );
    assert_bytes(
        &response(id, |_| {}),
        b"d1:rd2:id20:mnopqrstuvwxyz123456e1:t2:aa1:y1:re",
    );
    assert_bytes(
        &query(Query::FindNode {
            target: NodeId(*id),
            want,
        }),
        b"d1:ad2:id20:abcdefghij01234567896:target20:mnopqrstuvwxyz123456e1:q9:find_node1:t2:aa1:y1:qe",
    );
    assert_bytes(
        &query(Query::GetPeers {
            swarm,
            want,
            no_seed: false,
            scrape: false,
        }),
        b"d1:ad2:id20:abcdefghij01234567899:info_hash20:mnopqrstuvwxyz123456e1:q9:get_peers1:t2:aa1:y1:qe",
    );
    assert_bytes(
        &response(b"abcdefghij0123456789", |r| {
            r.token = Some(b"aoeusnth".to_vec());
            r.values = vec![v4(b"axje.u"), v4(b"idhtnm")];
        }),
        b"d1:rd2:id20:abcdefghij01234567895:token8:aoeusnth6:valuesl6:axje.u6:idhtnmee1:t2:aa1:y1:re",
    );
    assert_bytes(
        &query(Query::AnnouncePeer {
            swarm,
            port: 6881,
            implied_port: true,
            token: b"aoeusnth".to_vec(),
            seed: false,
        }),
        b"d1:ad2:id20:abcdefghij012345678912:implied_porti1e9:info_hash20:mnopqrstuvwxyz1234564:porti6881e5:token8:aoeusnthe1:q13:announce_peer1:t2:aa1:y1:qe",
    );
    // The text prints it without the first digit of the length.
    assert_bytes(
        &message(Kind::Error {
            code: ErrorCode::GENERIC,
            text: "A Generic Error Ocurred".into(),
        }),
        b"d1:eli201e23:A Generic Error Ocurrede1:t2:aa1:y1:ee",
    );
}

#[test]
fn the_nodes_that_bep_5_abbreviates_are_none() {
    for (packet, token) in [
        (
            &b"d1:rd2:id20:0123456789abcdefghij5:nodes9:def456...e1:t2:aa1:y1:re"[..],
            None,
        ),
        (
            b"d1:rd2:id20:abcdefghij01234567895:nodes9:def456...5:token8:aoeusnthe1:t2:aa1:y1:re",
            Some(b"aoeusnth".to_vec()),
        ),
    ] {
        let message = Message::decode(packet).unwrap();
        assert_eq!(as_response(&message).nodes, Some(Vec::new()));
        assert_eq!(as_response(&message).token, token);
    }
}

#[test]
fn packets_of_later_beps_have_their_bytes() {
    let target = NodeId([b't'; 20]);
    let both = Want { v4: true, v6: true };
    let mut find = query(Query::FindNode { target, want: both });
    find.read_only = true;
    find.version = Some(Version(*b"SS01"));
    assert_bytes(
        &find,
        b"d1:ad2:id20:abcdefghij01234567896:target20:tttttttttttttttttttt4:wantl2:n42:n6ee\
          1:q9:find_node2:roi1e1:t2:aa1:v4:SS011:y1:qe",
    );
    assert_bytes(
        &query(Query::GetPeers {
            swarm: SwarmKey([b's'; 20]),
            want: Want {
                v4: false,
                v6: true,
            },
            no_seed: true,
            scrape: true,
        }),
        b"d1:ad2:id20:abcdefghij01234567899:info_hash20:ssssssssssssssssssss6:noseedi1e6:scrapei1e\
          4:wantl2:n6ee1:q9:get_peers1:t2:aa1:y1:qe",
    );
    assert_bytes(
        &query(Query::Get {
            target,
            seq: Some(4),
            want: Want::default(),
        }),
        b"d1:ad2:id20:abcdefghij01234567893:seqi4e6:target20:tttttttttttttttttttte1:q3:get\
          1:t2:aa1:y1:qe",
    );
    let put = |item, cas| {
        let token = b"tok".to_vec();
        query(Query::Put(Box::new(PutQuery { token, item, cas })))
    };
    assert_bytes(
        &put(Item::Immutable(b"12:Hello World!".to_vec()), None),
        b"d1:ad2:id20:abcdefghij01234567895:token3:tok1:v12:Hello World!e1:q3:put1:t2:aa1:y1:qe",
    );
    let item = MutableItem {
        key: MutableKey([b'k'; 32]),
        salt: b"foobar".to_vec(),
        seq: 2,
        value: b"i7e".to_vec(),
        signature: Signature([b's'; 64]),
    };
    assert_bytes(
        &put(Item::Mutable(item), Some(1)),
        b"d1:ad3:casi1e2:id20:abcdefghij01234567891:k32:kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk\
          4:salt6:foobar3:seqi2e3:sig64:ssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssss\
          5:token3:tok1:vi7ee1:q3:put1:t2:aa1:y1:qe",
    );
    assert_bytes(
        &response(&[b'i'; 20], |r| {
            r.samples = Some(Samples {
                swarms: vec![SwarmKey([b's'; 20])],
                total: 9,
                interval_s: 60,
            });
            r.nodes6 = Some(nodes(1, true));
        }),
        b"d1:rd2:id20:iiiiiiiiiiiiiiiiiiii8:intervali60e6:nodes638:\
          \x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\
          \x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x1a\xe1\
          3:numi9e7:samples20:sssssssssssssssssssse1:t2:aa1:y1:re",
    );
}

#[test]
fn errors_and_answers_say_which_address_they_saw() {
    let to: SocketAddr = "1.2.3.4:6881".parse().unwrap();
    let transaction = Transaction::from(0x6161_6161);
    let refusal = Message::refusal(transaction, None, to, &QueryFault::MethodUnknown);
    assert_bytes(
        &refusal,
        b"d1:eli204e14:method unknowne2:ip6:\x01\x02\x03\x04\x1a\xe11:t4:aaaa1:y1:ee",
    );
    let without_port = b"d1:eli201e0:e2:ip4:\x01\x02\x03\x041:t0:1:y1:ee";
    let message = Message::decode(without_port).unwrap();
    assert_eq!(message.ip, Some("1.2.3.4:0".parse().unwrap()));
}

#[test]
fn order_strange_keys_and_senseless_parts_do_not_matter() {
    let packet = b"d1:y1:r1:x1:x1:t2:aa2:ip3:abc1:v2:LT1:rd6:valuesl3:abci7e6:axje.u6:abcd\0\0le18:\
        aaaaaaaaaaaaaaaa\x1a\xe1e2:id20:mnopqrstuvwxyz1234565:nodes28:aaaaaaaaaaaaaaaaaaaaabcd\0\0xx\
        5:tokeni5e4:BFsd3:abc1:k3:abc3:seqi-1e7:samples21:sssssssssssssssssssss8:intervali99999eeetrailing";
    let message = Message::decode(packet).unwrap();
    assert_eq!((message.version, message.ip), (None, None));
    let v6 = SocketAddr::new(Ipv6Addr::from([b'a'; 16]).into(), 6881);
    let expected = response(b"mnopqrstuvwxyz123456", |r| {
        r.values = vec![v4(b"axje.u"), v6];
        r.nodes = Some(Vec::new());
        r.samples = Some(Samples {
            swarms: vec![SwarmKey([b's'; 20])],
            total: 1,
            interval_s: SAMPLE_INTERVAL_S_MAX,
        });
    });
    assert_eq!(message, expected);
    // An error is an error, whatever it says.
    let Ok(message) = Message::decode(b"d1:e5:wrong1:t2:aa1:y1:ee") else {
        panic!("it is an error");
    };
    let code = ErrorCode::GENERIC;
    let text = String::new();
    assert_eq!(message.kind, Kind::Error { code, text });
}

#[test]
fn what_is_no_packet_is_not_answered() {
    let long = format!(
        "d1:rd2:id20:mnopqrstuvwxyz123456e1:t17:{}1:y1:re",
        "t".repeat(17)
    );
    for packet in [
        &b""[..],
        b"\0\0\0\0",
        b"le",
        b"de",
        b"d1:t2:aae",
        b"d1:t2:aa1:y1:xe",
        b"d1:t2:aa1:y1:re",
        b"d1:rde1:t2:aa1:y1:re",
        b"d1:rd2:id19:mnopqrstuvwxyz12345e1:t2:aa1:y1:re",
        b"d1:rd2:id20:mnopqrstuvwxyz123456e1:y1:re",
        b"d1:rd2:id20:mnopqrstuvwxyz123456e1:ti7e1:y1:re",
        long.as_bytes(),
        &[b'l'; 2000],
    ] {
        assert_eq!(
            Message::decode(packet),
            Err(Unreadable::NotKrpc),
            "{}",
            packet.escape_ascii()
        );
    }
}

#[test]
fn a_query_without_what_it_needs_is_answered_by_an_error() {
    let long = Encoder::bytes(vec![b'x'; VALUE_LEN_MAX]);
    let put = |rest: &[u8]| {
        [
            b"1:q3:put1:ad2:id20:abcdefghij01234567895:token1:t",
            rest,
            b"e",
        ]
        .concat()
    };
    let announce = |port: &str| {
        format!("1:q13:announce_peer1:ad2:id20:abcdefghij01234567899:info_hash20:mnopqrstuvwxyz1234565:token1:t{port}e")
            .into_bytes()
    };
    let signed = [
        &b"1:k32:"[..],
        &[b'k'; 32],
        b"3:sig64:",
        &[b's'; 64],
        b"1:v0:",
    ]
    .concat();
    let cases: [(Vec<u8>, QueryFault, i64); 18] = [
        (b"".into(), QueryFault::NoMethod, 203),
        (b"1:qi1e".into(), QueryFault::NoMethod, 203),
        (
            Encoder::dict(|d| d.bytes("q", [b'q'; 33]))[1..]
                .strip_suffix(b"e")
                .unwrap()
                .into(),
            QueryFault::NoMethod,
            203,
        ),
        (b"1:q4:ping".into(), QueryFault::NoId, 203),
        (b"1:q4:ping1:ad2:id3:abce".into(), QueryFault::NoId, 203),
        (
            b"1:q9:find_node1:ad2:id20:abcdefghij0123456789e".into(),
            QueryFault::NoTarget,
            203,
        ),
        (
            b"1:q9:get_peers1:ad2:id20:abcdefghij01234567896:target20:abcdefghij0123456789e".into(),
            QueryFault::NoTarget,
            203,
        ),
        (
            b"1:q3:get1:ad2:id20:abcdefghij0123456789e".into(),
            QueryFault::NoTarget,
            203,
        ),
        (announce(""), QueryFault::NoPort, 203),
        (announce("4:porti0e"), QueryFault::NoPort, 203),
        (announce("4:porti65536e"), QueryFault::NoPort, 203),
        (
            b"1:q3:put1:ad2:id20:abcdefghij01234567891:v0:e".into(),
            QueryFault::NoToken,
            203,
        ),
        (put(b""), QueryFault::NoItem, 203),
        (
            put(b"1:vi01e"),
            QueryFault::Item(ItemFault::ValueMalformed),
            203,
        ),
        (
            put(&[b"1:v", &long[..]].concat()),
            QueryFault::Item(ItemFault::ValueTooLong),
            205,
        ),
        (put(b"1:v0:1:k3:abc"), QueryFault::NoItem, 203),
        (
            put(&signed),
            QueryFault::Item(ItemFault::SeqOutOfRange),
            203,
        ),
        (
            put(&[&b"3:seqi1e4:salt65:"[..], &[b'x'; 65], &signed].concat()),
            QueryFault::Item(ItemFault::SaltTooLong),
            207,
        ),
    ];
    for (rest, fault, code) in cases {
        let packet = [b"d1:t2:aa1:y1:q", &rest[..], b"e"].concat();
        let transaction = Transaction::new(AA).unwrap();
        assert_eq!(
            Message::decode(&packet),
            Err(Unreadable::Query { transaction, fault }),
            "{}",
            packet.escape_ascii()
        );
        assert_eq!(fault.code(), ErrorCode(code));
    }
}

#[test]
fn an_implied_port_needs_no_other() {
    let packet = b"d1:ad2:id20:abcdefghij012345678912:implied_porti1e9:info_hash20:mnopqrstuvwxyz1234565:token1:te1:q13:announce_peer1:t2:aa1:y1:qe";
    let message = Message::decode(packet).unwrap();
    let Kind::Query {
        query: Query::AnnouncePeer {
            port, implied_port, ..
        },
        ..
    } = message.kind
    else {
        panic!("it is an announce");
    };
    assert_eq!((port, implied_port), (0, true));
}

#[test]
fn methods_of_the_future_have_a_target_by_either_name() {
    for key in ["6:target", "9:info_hash"] {
        let packet = format!(
            "d1:ad2:id20:abcdefghij0123456789{key}20:mnopqrstuvwxyz123456e1:q4:take1:t2:aa1:y1:qe"
        );
        let expected = query(Query::Other {
            method: b"take".to_vec(),
            target: Some(NodeId(*b"mnopqrstuvwxyz123456")),
            want: Want::default(),
        });
        assert_eq!(Message::decode(packet.as_bytes()), Ok(expected));
    }
}

#[test]
fn a_packet_is_never_longer_than_1024_bytes() {
    let full = |ip: &str| {
        let mut message = response(&[0xff; 20], |r| {
            r.nodes = Some(nodes(8, false));
            r.nodes6 = Some(nodes(8, true));
            r.values = vec!["1.2.3.4:5".parse().unwrap(); 100];
            r.token = Some(vec![0; 4]);
            r.samples = Some(Samples {
                swarms: vec![SwarmKey([1; 20]); 20],
                total: 20,
                interval_s: 9,
            });
        });
        message.ip = Some(ip.parse().unwrap());
        message
    };
    let cut = |message: &Message| {
        let packet = message.encode().unwrap();
        assert!(packet.len() <= PACKET_LEN_MAX, "{}", packet.len());
        let read = Message::decode(&packet).unwrap();
        let read = as_response(&read).clone();
        let len = |list: &Option<Vec<NodeAddr>>| list.as_ref().map_or(0, Vec::len);
        (
            read.values.len(),
            read.samples.map_or(0, |samples| samples.swarms.len()),
            len(&read.nodes),
            len(&read.nodes6),
            packet.len(),
        )
    };
    // Peers go first, and no more of them than must.
    let mut message = full("1.2.3.4:5");
    let Kind::Response(r) = &mut message.kind else {
        panic!("it is a response");
    };
    r.samples = None;
    let (values, _, v4, v6, len) = cut(&message);
    assert_eq!((v4, v6), (8, 8));
    assert!(
        values > 40 && len > PACKET_LEN_MAX - 8,
        "{values} peers, {len} bytes"
    );
    // With filters, nodes that the receiver can do without go, too.
    let scrape = |ip: &str| {
        let mut message = full(ip);
        let Kind::Response(r) = &mut message.kind else {
            panic!("it is a response");
        };
        r.seeds = Some(Box::default());
        r.peers = Some(Box::default());
        cut(&message)
    };
    let (values, samples, v4, v6, _) = scrape("1.2.3.4:5");
    assert_eq!((values, samples, v4), (0, 0, 8));
    assert!((1..8).contains(&v6), "{v6}");
    let (values, samples, v4, v6, _) = scrape("[2a00::1]:5");
    assert_eq!((values, samples, v6), (0, 0, 8));
    assert!(v4 < 8, "{v4}");
}

#[test]
fn an_item_that_does_not_fit_is_told_and_fits_into_a_longer_packet() {
    let value = Encoder::bytes(vec![b'x'; VALUE_LEN_MAX - 4]);
    let item = MutableItem::sign(&[3; 32], &[7; SALT_LEN_MAX], i64::MAX, value).unwrap();
    let item = Item::Mutable(item);
    let mut answer = response(&[1; 20], |r| {
        r.set_item(&item);
        r.nodes = Some(nodes(8, false));
        r.nodes6 = Some(nodes(8, true));
        r.token = Some(vec![0; 20]);
    });
    answer.ip = Some("[2a00::1]:5".parse().unwrap());
    let token = vec![0; 20];
    let cas = Some(i64::MAX);
    let put = query(Query::Put(Box::new(PutQuery {
        token,
        item: item.clone(),
        cas,
    })));
    for message in [&answer, &put] {
        let TooLong { len } = message.encode().unwrap_err();
        assert!(len > PACKET_LEN_MAX);
        let packet = message.encode_within(PACKET_READ_MAX).unwrap();
        assert!(packet.len() <= PACKET_READ_MAX);
        assert!(Message::decode(&packet).is_ok());
    }
    let packet = answer.encode_within(PACKET_READ_MAX).unwrap();
    let read = Message::decode(&packet).unwrap();
    let target = item.target();
    assert_eq!(
        as_response(&read).item(&target, &[7; SALT_LEN_MAX]),
        Some(item)
    );
}

#[test]
fn an_answer_has_the_item_that_was_asked_for_or_none() {
    let item = |r: &mut Response| {
        let item = MutableItem::sign(&[1; 32], b"a", 1, b"i1e".to_vec()).unwrap();
        r.set_item(&Item::Mutable(item));
    };
    let message = response(&[1; 20], item);
    let r = as_response(&message);
    let key = r.key.unwrap();
    let target = target_of(&key, b"a");
    assert!(r.item(&target, b"a").is_some());
    assert_eq!(r.item(&target, b"b"), None);
    assert_eq!(r.item(&target_of(&key, b"b"), b"b"), None);
    assert_eq!(r.item(&target_of_value(b"i1e"), b"a"), None);
    let mut newer = r.clone();
    newer.seq = Some(2);
    assert_eq!(newer.item(&target, b"a"), None);
    let mut plain = Response::new(NodeId([1; 20]));
    assert_eq!(plain.item(&target, b""), None);
    plain.set_item(&Item::Immutable(b"i1e".to_vec()));
    assert!(plain.item(&target_of_value(b"i1e"), b"").is_some());
    assert_eq!(plain.item(&target, b""), None);
}
