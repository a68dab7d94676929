//! Packets of the DHT: what is read is bounded, and written again says the
//! same.

use superseed_proto::bencode::{self, Limits, Mode};
use superseed_proto::krpc::{
    ERROR_CHARS_MAX, Item, Kind, METHOD_LEN_MAX, Message, PACKET_LEN_MAX, PACKET_READ_MAX, Query,
    Response, SALT_LEN_MAX, SAMPLE_INTERVAL_S_MAX, TOKEN_LEN_MAX, TooLong, Unreadable,
    VALUE_LEN_MAX,
};

/// Checks one input.
pub fn check(bytes: &[u8]) {
    let message = match Message::decode(bytes) {
        Ok(message) => message,
        Err(Unreadable::NotKrpc) => return,
        Err(Unreadable::Query { transaction, fault }) => {
            let to = ([192, 0, 2, 1], 6881).into();
            let refusal = Message::refusal(transaction, None, to, &fault);
            check_written(&refusal);
            return;
        }
    };
    assert!(bytes.len() <= PACKET_READ_MAX);
    match &message.kind {
        Kind::Query { query, .. } => check_query(query),
        Kind::Response(response) => check_response(response),
        Kind::Error { text, .. } => {
            assert!(text.chars().count() <= ERROR_CHARS_MAX);
            assert!(!text.contains(char::is_control), "{text:?}");
        }
    }
    check_written(&message);
}

fn check_query(query: &Query) {
    match query {
        Query::AnnouncePeer {
            port,
            implied_port,
            token,
            ..
        } => {
            assert!(*port != 0 || *implied_port);
            assert!(token.len() <= TOKEN_LEN_MAX);
        }
        Query::Get { seq, .. } => assert!(seq.is_none_or(|seq| seq >= 0)),
        Query::Put(put) => {
            assert!(put.token.len() <= TOKEN_LEN_MAX);
            check_value(put.item.value());
            if let Item::Mutable(item) = &put.item {
                assert!(item.salt.len() <= SALT_LEN_MAX && item.seq >= 0);
                assert!(put.cas.is_none_or(|cas| cas >= 0));
            }
            let _ = put.item.check();
        }
        Query::Other { method, .. } => assert!(method.len() <= METHOD_LEN_MAX),
        Query::Ping
        | Query::FindNode { .. }
        | Query::GetPeers { .. }
        | Query::SampleInfohashes { .. } => {}
    }
}

fn check_response(response: &Response) {
    let nodes = |is_v6: bool| {
        let nodes = if is_v6 {
            &response.nodes6
        } else {
            &response.nodes
        };
        nodes.iter().flatten().map(move |node| {
            assert_eq!(node.addr.is_ipv6(), is_v6);
            node.addr
        })
    };
    let addrs = nodes(false).chain(nodes(true));
    for addr in addrs.chain(response.values.iter().copied()) {
        assert_ne!(addr.port(), 0);
    }
    assert!(
        response
            .token
            .as_ref()
            .is_none_or(|token| token.len() <= TOKEN_LEN_MAX)
    );
    if let Some(samples) = &response.samples {
        assert!(samples.total >= samples.swarms.len() as u64);
        assert!(samples.interval_s <= SAMPLE_INTERVAL_S_MAX);
    }
    for filter in [&response.seeds, &response.peers].into_iter().flatten() {
        assert!((0.0..8000.0).contains(&filter.estimate()));
    }
    if let Some(value) = &response.value {
        check_value(value);
        let item = Item::Immutable(value.clone());
        assert_eq!(item.check(), Ok(()));
        let found = response.item(&item.target(), b"");
        assert!(response.key.is_some() || found == Some(item));
    }
}

fn check_value(value: &[u8]) {
    assert!(value.len() <= VALUE_LEN_MAX);
    bencode::decode(value, &Limits::KRPC, Mode::Strict).expect("it is canonical");
}

fn check_written(message: &Message) {
    match message.encode() {
        Ok(packet) => {
            assert!(packet.len() <= PACKET_LEN_MAX);
            bencode::decode(&packet, &Limits::KRPC, Mode::Strict).expect("it is canonical");
        }
        Err(TooLong { len }) => assert!(len > PACKET_LEN_MAX),
    }
    let whole = message
        .encode_within(usize::MAX)
        .expect("nothing is too long");
    // What was left out may have been shorter than what stands for it.
    if whole.len() > PACKET_READ_MAX {
        return;
    }
    let again = Message::decode(&whole).expect("what was written can be read");
    match (&again.kind, &message.kind) {
        // To make a text fit to show may be worth a second time.
        (Kind::Error { code, .. }, Kind::Error { code: first, .. }) => assert_eq!(code, first),
        _ => assert_eq!(again, *message),
    }
}
