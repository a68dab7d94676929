//! What holds for every packet.

use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use proptest::prelude::*;

use crate::SwarmKey;
use crate::bencode::{self, Encoder, Limits, Mode};
use crate::krpc::*;

fn any_id() -> impl Strategy<Value = NodeId> {
    any::<[u8; 20]>().prop_map(NodeId)
}

fn any_swarm() -> impl Strategy<Value = SwarmKey> {
    any::<[u8; 20]>().prop_map(SwarmKey)
}

fn any_want() -> impl Strategy<Value = Want> {
    any::<(bool, bool)>().prop_map(|(v4, v6)| Want { v4, v6 })
}

fn any_v4() -> impl Strategy<Value = SocketAddr> {
    (any::<Ipv4Addr>(), 1_u16..).prop_map(SocketAddr::from)
}

fn any_v6() -> impl Strategy<Value = SocketAddr> {
    (any::<Ipv6Addr>(), 1_u16..).prop_map(SocketAddr::from)
}

fn any_bytes(len_max: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..=len_max)
}

fn any_value() -> impl Strategy<Value = Vec<u8>> {
    any_bytes(600).prop_map(Encoder::bytes)
}

fn any_signature() -> impl Strategy<Value = Signature> {
    any_bytes(32).prop_map(|bytes| {
        let mut signature = [0; 64];
        signature[..bytes.len()].copy_from_slice(&bytes);
        Signature(signature)
    })
}

fn any_bloom() -> impl Strategy<Value = Option<Box<Bloom>>> {
    prop::option::of(any::<Vec<Ipv4Addr>>().prop_map(|ips| {
        let mut bloom = Box::<Bloom>::default();
        ips.into_iter().for_each(|ip| bloom.insert(ip.into()));
        bloom
    }))
}

fn any_item() -> impl Strategy<Value = Item> {
    let mutable = (
        any::<[u8; 32]>(),
        any_bytes(SALT_LEN_MAX),
        0_i64..,
        any_value(),
        any_signature(),
    );
    prop_oneof![
        any_value().prop_map(Item::Immutable),
        mutable.prop_map(|(key, salt, seq, value, signature)| {
            let key = MutableKey(key);
            Item::Mutable(MutableItem {
                key,
                salt,
                seq,
                value,
                signature,
            })
        }),
    ]
}

fn any_query() -> impl Strategy<Value = Query> {
    let token = || any_bytes(TOKEN_LEN_MAX);
    prop_oneof![
        Just(Query::Ping),
        (any_id(), any_want()).prop_map(|(target, want)| Query::FindNode { target, want }),
        (any_id(), any_want()).prop_map(|(target, want)| Query::SampleInfohashes { target, want }),
        (any_swarm(), any_want(), any::<(bool, bool)>()).prop_map(
            |(swarm, want, (no_seed, scrape))| Query::GetPeers {
                swarm,
                want,
                no_seed,
                scrape
            }
        ),
        (any_swarm(), 1_u16.., token(), any::<(bool, bool)>()).prop_map(
            |(swarm, port, token, (implied_port, seed))| Query::AnnouncePeer {
                swarm,
                port,
                implied_port,
                token,
                seed,
            }
        ),
        (any_id(), prop::option::of(0_i64..), any_want())
            .prop_map(|(target, seq, want)| Query::Get { target, seq, want }),
        (token(), any_item(), prop::option::of(0_i64..)).prop_map(|(token, item, cas)| {
            let cas = cas.filter(|_| matches!(item, Item::Mutable(_)));
            Query::Put(Box::new(PutQuery { token, item, cas }))
        }),
        ("[a-z]{1,28}_new", prop::option::of(any_id()), any_want()).prop_map(
            |(method, target, want)| Query::Other {
                method: method.into(),
                target,
                want
            }
        ),
    ]
}

fn any_response() -> impl Strategy<Value = Box<Response>> {
    let nodes = |addrs: BoxedStrategy<SocketAddr>| {
        let node = (any_id(), addrs).prop_map(|(id, addr)| NodeAddr { id, addr });
        prop::option::of(prop::collection::vec(node, 0..20))
    };
    let samples = (
        prop::collection::vec(any_swarm(), 0..30),
        any::<u32>(),
        0..=SAMPLE_INTERVAL_S_MAX,
    )
        .prop_map(|(swarms, more, interval_s)| Samples {
            total: u64::from(more) + swarms.len() as u64,
            swarms,
            interval_s,
        });
    let lists = (
        nodes(any_v4().boxed()),
        nodes(any_v6().boxed()),
        prop::collection::vec(prop_oneof![any_v4(), any_v6()], 0..150),
        prop::option::of(samples),
        any_bloom(),
        any_bloom(),
    );
    let item = (
        prop::option::of(any_bytes(TOKEN_LEN_MAX)),
        prop::option::of(any_value()),
        prop::option::of(any::<[u8; 32]>().prop_map(MutableKey)),
        prop::option::of(any_signature()),
        prop::option::of(0_i64..),
    );
    (any_id(), lists, item).prop_map(|(id, lists, item)| {
        let (nodes, nodes6, values, samples, seeds, peers) = lists;
        let (token, value, key, signature, seq) = item;
        Box::new(Response {
            id,
            nodes,
            nodes6,
            values,
            token,
            seeds,
            peers,
            samples,
            value,
            key,
            signature,
            seq,
        })
    })
}

fn any_message() -> impl Strategy<Value = Message> {
    let kind = prop_oneof![
        (any_id(), any_query()).prop_map(|(id, query)| Kind::Query { id, query }),
        any_response().prop_map(Kind::Response),
        (any::<i64>(), "[a-zA-Z0-9]{0,100}").prop_map(|(code, text)| {
            let code = ErrorCode(code);
            Kind::Error { code, text }
        }),
    ];
    (
        any_bytes(TRANSACTION_LEN_MAX),
        prop::option::of(any::<[u8; 4]>().prop_map(Version)),
        any::<bool>(),
        prop::option::of(prop_oneof![any_v4(), any_v6()]),
        kind,
    )
        .prop_map(|(transaction, version, read_only, ip, kind)| Message {
            transaction: Transaction::new(&transaction).unwrap(),
            version,
            read_only,
            ip,
            kind,
        })
}

/// Cuts the lists of `whole` to the lengths of those that were read.
fn cut_as(whole: &mut Message, read: &Message) {
    let (Kind::Response(whole), Kind::Response(read)) = (&mut whole.kind, &read.kind) else {
        return;
    };
    whole.values.truncate(read.values.len());
    for (whole, read) in [
        (&mut whole.nodes, &read.nodes),
        (&mut whole.nodes6, &read.nodes6),
    ] {
        if let (Some(whole), Some(read)) = (whole, read) {
            whole.truncate(read.len());
        }
    }
    if let (Some(whole), Some(read)) = (&mut whole.samples, &read.samples) {
        whole.swarms.truncate(read.swarms.len());
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_alike_but_for_what_was_cut(mut message in any_message()) {
        let packet = match message.encode() {
            Ok(packet) => packet,
            Err(TooLong { len }) => {
                prop_assert!(len > PACKET_LEN_MAX);
                return Ok(());
            }
        };
        prop_assert!(packet.len() <= PACKET_LEN_MAX);
        prop_assert!(bencode::decode(&packet, &Limits::KRPC, Mode::Strict).is_ok());
        let read = Message::decode(&packet).unwrap();
        // Nothing is cut of what fits, and not much more than must be.
        let whole = message.encode_within(usize::MAX).unwrap();
        if whole.len() <= PACKET_LEN_MAX {
            prop_assert_eq!(&whole, &packet);
        } else {
            prop_assert!(packet.len() + 64 > PACKET_LEN_MAX, "{}", packet.len());
        }
        cut_as(&mut message, &read);
        prop_assert_eq!(read, message);
    }

    #[test]
    fn any_bytes_are_read_or_refused(packet in any_bytes(PACKET_READ_MAX + 10)) {
        let _ = Message::decode(&packet);
    }

    #[test]
    fn a_packet_that_was_spoilt_is_read_or_refused(
        message in any_message(), at in any::<prop::sample::Index>(), byte: u8,
    ) {
        if let Ok(mut packet) = message.encode() {
            let at = at.index(packet.len());
            packet[at] = byte;
            let _ = Message::decode(&packet);
            let _ = Message::decode(&packet[..at]);
        }
    }
}
