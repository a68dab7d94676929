use proptest::prelude::*;

use super::*;
use crate::wire::message::{KEEP_ALIVE, encode_piece_header};

/// An event that owns its bytes; block data of one block in one run.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Seen {
    KeepAlive,
    Bitfield(Vec<u8>),
    Extended(u8, Vec<u8>),
    Plain(Message<'static>),
    Block {
        piece: u32,
        begin: u32,
        data: Vec<u8>,
    },
}

impl Seen {
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::KeepAlive => out.extend_from_slice(&KEEP_ALIVE),
            Self::Bitfield(bits) => Message::Bitfield(bits).encode(out),
            Self::Extended(id, payload) => Message::Extended { id: *id, payload }.encode(out),
            Self::Plain(message) => {
                message.encode(out);
                if let Message::Unknown { len, .. } = message {
                    out.resize(out.len() + *len as usize, 0xee);
                }
            }
            Self::Block { piece, begin, data } => {
                encode_piece_header(*piece, *begin, data.len() as u32, out);
                out.extend_from_slice(data);
            }
        }
    }

    fn own(message: Message<'_>) -> Self {
        match message {
            Message::Bitfield(bits) => Self::Bitfield(bits.to_vec()),
            Message::Extended { id, payload } => Self::Extended(id, payload.to_vec()),
            Message::Choke => Self::Plain(Message::Choke),
            Message::Unchoke => Self::Plain(Message::Unchoke),
            Message::Interested => Self::Plain(Message::Interested),
            Message::NotInterested => Self::Plain(Message::NotInterested),
            Message::Have(piece) => Self::Plain(Message::Have(piece)),
            Message::Request { piece, begin, len } => {
                Self::Plain(Message::Request { piece, begin, len })
            }
            Message::Cancel { piece, begin, len } => {
                Self::Plain(Message::Cancel { piece, begin, len })
            }
            Message::Port(port) => Self::Plain(Message::Port(port)),
            Message::Suggest(piece) => Self::Plain(Message::Suggest(piece)),
            Message::HaveAll => Self::Plain(Message::HaveAll),
            Message::HaveNone => Self::Plain(Message::HaveNone),
            Message::Reject { piece, begin, len } => {
                Self::Plain(Message::Reject { piece, begin, len })
            }
            Message::AllowedFast(piece) => Self::Plain(Message::AllowedFast(piece)),
            Message::Unknown { id, len } => Self::Plain(Message::Unknown { id, len }),
        }
    }
}

/// Feeds the parts one after another and collects what is seen.
fn decode<'p>(
    decoder: &mut Decoder,
    parts: impl IntoIterator<Item = &'p [u8]>,
) -> Result<Vec<Seen>, WireFault> {
    let mut seen = Vec::new();
    let mut block: Option<(u32, Seen)> = None;
    for mut input in parts {
        while let Some(event) = decoder.next(&mut input)? {
            match event {
                Event::KeepAlive => seen.push(Seen::KeepAlive),
                Event::Message(message) => seen.push(Seen::own(message)),
                Event::BlockStart { piece, begin, len } => {
                    assert!(block.is_none(), "a block begins within a block");
                    let data = Vec::new();
                    block = Some((len, Seen::Block { piece, begin, data }));
                }
                Event::BlockData(bytes) => {
                    assert!(!bytes.is_empty());
                    let Some((_, Seen::Block { data, .. })) = &mut block else {
                        panic!("data outside a block");
                    };
                    data.extend_from_slice(bytes);
                }
                Event::BlockEnd => {
                    let (len, whole) = block.take().expect("only a block ends");
                    let Seen::Block { data, .. } = &whole else {
                        unreachable!()
                    };
                    assert_eq!(data.len(), len as usize);
                    seen.push(whole);
                }
            }
        }
        assert!(input.is_empty(), "None means that the input is used up");
    }
    Ok(seen)
}

fn whole(bytes: &[u8]) -> Result<Vec<Seen>, WireFault> {
    decode(&mut Decoder::default(), [bytes])
}

#[test]
fn a_block_in_one_read_is_given_in_place() {
    let mut bytes = Vec::new();
    encode_piece_header(1, 0x4000, 4, &mut bytes);
    bytes.extend(b"data");
    let mut decoder = Decoder::default();
    let mut input = bytes.as_slice();
    let start = Event::BlockStart {
        piece: 1,
        begin: 0x4000,
        len: 4,
    };
    assert_eq!(decoder.next(&mut input), Ok(Some(start)));
    let Ok(Some(Event::BlockData(data))) = decoder.next(&mut input) else {
        panic!("data follows");
    };
    assert_eq!(data.as_ptr(), bytes[PIECE_HEADER_LEN..].as_ptr());
    assert_eq!(decoder.next(&mut input), Ok(Some(Event::BlockEnd)));
    assert_eq!(decoder.next(&mut input), Ok(None));
}

#[test]
fn a_length_over_every_limit_is_refused_before_the_id_and_without_a_buffer() {
    let mut decoder = Decoder::default();
    let mut input: &[u8] = &[0xff, 0xff, 0xff, 0xff];
    assert_eq!(
        decoder.next(&mut input),
        Err(WireFault::MessageTooLong {
            len: u32::MAX,
            max: 1 + 1024 * 1024
        })
    );
    assert_eq!(decoder.buffered_len(), 0);
}

#[test]
fn each_wrong_length_is_a_fault_of_its_own_as_soon_as_the_id_is_known() {
    let fixed = [
        (0, 1),
        (1, 1),
        (2, 1),
        (3, 1),
        (4, 5),
        (6, 13),
        (8, 13),
        (9, 3),
        (0x0d, 5),
        (0x0e, 1),
        (0x0f, 1),
        (0x10, 13),
        (0x11, 5),
    ];
    for (id, expected) in fixed {
        for len in (1u32..20).filter(|&len| len != expected) {
            let head = [0, 0, 0, len as u8, id];
            assert_eq!(
                whole(&head),
                Err(WireFault::WrongLength { id, len, expected })
            );
        }
    }
    let head = |len: u32, id: u8| {
        let mut bytes = len.to_be_bytes().to_vec();
        bytes.push(id);
        bytes
    };
    let table = [
        (head(9, 7), WireFault::EmptyBlock { len: 9 }),
        (head(1, 7), WireFault::EmptyBlock { len: 1 }),
        (
            head(9 + 16385, 7),
            WireFault::BlockTooLong {
                len: 9 + 16385,
                max: 9 + 16384,
            },
        ),
        (head(1, 20), WireFault::EmptyExtended),
        (
            head(65538, 20),
            WireFault::ExtendedTooLong {
                len: 65538,
                max: 65537,
            },
        ),
        (
            head(262_146, 5),
            WireFault::BitfieldTooLong {
                len: 262_146,
                max: 262_145,
            },
        ),
    ];
    for (bytes, fault) in table {
        assert_eq!(whole(&bytes), Err(fault));
    }
}

#[test]
fn an_unknown_message_over_its_limit_is_a_fault_where_another_limit_is_higher() {
    let limits = DecoderLimits {
        unknown_len_max: 100,
        ..DecoderLimits::default()
    };
    let mut decoder = Decoder::new(limits);
    let fault = WireFault::UnknownTooLong {
        id: 77,
        len: 102,
        max: 101,
    };
    assert_eq!(decode(&mut decoder, [&[0, 0, 0, 102, 77][..]]), Err(fault));
}

#[test]
fn a_bitfield_must_fit_the_number_of_pieces_once_that_is_known() {
    for (piece_count, len, fits) in [(16, 3, true), (17, 3, false), (17, 4, true), (16, 4, false)] {
        let mut decoder = Decoder::default();
        decoder.set_piece_count(Some(piece_count));
        let mut bytes = vec![0, 0, 0, len, 5];
        bytes.resize(4 + usize::from(len), 0);
        let expected = 1 + piece_count.div_ceil(8);
        let len = u32::from(len);
        match decode(&mut decoder, [bytes.as_slice()]) {
            Ok(_) => assert!(fits),
            Err(fault) => {
                assert!(!fits);
                assert_eq!(fault, WireFault::WrongBitfieldLength { len, expected });
            }
        }
    }
}

#[test]
fn an_unknown_message_is_skipped_without_a_buffer() {
    let mut bytes = Vec::new();
    let unknown = Message::Unknown {
        id: 21,
        len: 500_000,
    };
    unknown.encode(&mut bytes);
    bytes.resize(bytes.len() + 500_000, 0);
    Message::Unchoke.encode(&mut bytes);
    let mut decoder = Decoder::default();
    let mut seen = Vec::new();
    for part in bytes.chunks(1000) {
        seen.extend(decode(&mut decoder, [part]).unwrap());
        assert!(decoder.buffered_len() <= 4);
    }
    assert_eq!(seen, [Seen::Plain(unknown), Seen::Plain(Message::Unchoke)]);
}

#[test]
fn a_large_message_leaves_no_large_buffer_behind() {
    let mut bytes = Vec::new();
    Message::Bitfield(&[0; 100_000]).encode(&mut bytes);
    Message::Choke.encode(&mut bytes);
    let mut decoder = Decoder::default();
    decode(&mut decoder, bytes.chunks(4096)).unwrap();
    assert!(decoder.straddle.capacity() <= STRADDLE_RETAINED_LEN);
}

#[test]
fn messages_that_straddle_reads_reuse_one_buffer() {
    let mut bytes = Vec::new();
    let (piece, begin, len) = (1, 2, 3);
    Message::Request { piece, begin, len }.encode(&mut bytes);
    encode_piece_header(1, 2, 3, &mut bytes);
    bytes.extend([1, 2, 3]);
    let mut decoder = Decoder::default();
    let mut read_byte_by_byte = || {
        decode(&mut decoder, bytes.chunks(1)).unwrap();
        (decoder.straddle.as_ptr(), decoder.straddle.capacity())
    };
    let first = read_byte_by_byte();
    for _ in 0..100 {
        assert_eq!(read_byte_by_byte(), first);
    }
}

fn seen() -> impl Strategy<Value = Seen> {
    let block = any::<(u32, u32, u32)>();
    let bytes = |max| prop::collection::vec(any::<u8>(), 0..max);
    prop_oneof![
        Just(Seen::KeepAlive),
        prop::sample::select(vec![
            Message::Choke,
            Message::Unchoke,
            Message::Interested,
            Message::NotInterested,
            Message::HaveAll,
            Message::HaveNone,
        ])
        .prop_map(Seen::Plain),
        any::<u32>().prop_map(|piece| Seen::Plain(Message::Have(piece))),
        any::<u32>().prop_map(|piece| Seen::Plain(Message::Suggest(piece))),
        any::<u32>().prop_map(|piece| Seen::Plain(Message::AllowedFast(piece))),
        any::<u16>().prop_map(|port| Seen::Plain(Message::Port(port))),
        block.prop_map(|(piece, begin, len)| Seen::Plain(Message::Request { piece, begin, len })),
        block.prop_map(|(piece, begin, len)| Seen::Plain(Message::Cancel { piece, begin, len })),
        block.prop_map(|(piece, begin, len)| Seen::Plain(Message::Reject { piece, begin, len })),
        (21u8.., 0u32..50).prop_map(|(id, len)| Seen::Plain(Message::Unknown { id, len })),
        bytes(40).prop_map(Seen::Bitfield),
        (any::<u8>(), bytes(40)).prop_map(|(id, payload)| Seen::Extended(id, payload)),
        (any::<u32>(), any::<u32>(), any::<u8>(), 1usize..300).prop_map(
            |(piece, begin, byte, len)| Seen::Block {
                piece,
                begin,
                data: vec![byte; len],
            }
        ),
    ]
}

/// Cuts `bytes` into parts of the given lengths, over and over.
fn cut<'b>(bytes: &'b [u8], lens: &[usize]) -> Vec<&'b [u8]> {
    let mut rest = bytes;
    let mut parts = Vec::new();
    for len in lens.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (part, after) = rest.split_at(rest.len().min(*len));
        parts.push(part);
        rest = after;
    }
    parts
}

proptest! {
    #[test]
    fn any_split_gives_the_same_messages(
        sent in prop::collection::vec(seen(), 0..30),
        lens in prop::collection::vec(1usize..100, 1..20),
    ) {
        let mut bytes = Vec::new();
        for one in &sent {
            one.encode(&mut bytes);
        }
        prop_assert_eq!(&whole(&bytes).unwrap(), &sent);
        prop_assert_eq!(&decode(&mut Decoder::default(), bytes.chunks(1)).unwrap(), &sent);
        prop_assert_eq!(&decode(&mut Decoder::default(), cut(&bytes, &lens)).unwrap(), &sent);
    }

    #[test]
    fn any_bytes_end_in_events_or_a_fault_and_never_in_a_large_buffer(
        bytes in prop::collection::vec(prop_oneof![4 => Just(0u8), 1 => any::<u8>()], 0..2000),
        lens in prop::collection::vec(1usize..100, 1..20),
        piece_count: Option<u16>,
    ) {
        let limits = DecoderLimits {
            block_len_max: 64,
            bitfield_len_max: 64,
            extended_len_max: 64,
            unknown_len_max: 1 << 20,
        };
        let mut decoder = Decoder::new(limits);
        let piece_count = piece_count.map(|count| u32::from(count) % 512);
        decoder.set_piece_count(piece_count);
        for part in cut(&bytes, &lens) {
            if decode_any(&mut decoder, part).is_err() {
                break;
            }
            prop_assert!(decoder.buffered_len() <= 5 + 65);
        }
    }

    #[test]
    fn a_fault_does_not_depend_on_the_split(
        bytes in prop::collection::vec(prop_oneof![4 => Just(0u8), 1 => any::<u8>()], 0..300),
    ) {
        let fault = |step: usize| {
            let mut decoder = Decoder::default();
            bytes.chunks(step).find_map(|part| decode_any(&mut decoder, part).err())
        };
        prop_assert_eq!(fault(1), fault(300));
    }
}

/// Feeds a part of a stream and forgets what it says.
fn decode_any(decoder: &mut Decoder, mut part: &[u8]) -> Result<(), WireFault> {
    while decoder.next(&mut part)?.is_some() {}
    Ok(())
}
