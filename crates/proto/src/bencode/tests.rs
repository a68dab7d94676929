//! Tables and properties of bencode. The vectors of the error table are facts
//! about libtorrent 2.1's decoder (its `test_bdecode`), with our names.

use proptest::prelude::*;

use super::DecodeErrorKind as E;
use super::*;

const LIMITS: Limits = Limits::TORRENT_FILE;

fn error(bytes: &[u8], mode: Mode) -> Option<E> {
    decode(bytes, &LIMITS, mode).err().map(|error| error.kind)
}

#[test]
fn every_value_keeps_its_raw_span() {
    let bytes = b"d4:infod1:ai-7e1:bl0:3:xyzee4:zeroi0ee";
    let document = decode(bytes, &LIMITS, Mode::Strict).unwrap();
    let root = document.root().as_dict().unwrap();
    let info = root.get("info").unwrap();
    assert_eq!(info.raw(), b"d1:ai-7e1:bl0:3:xyzee");
    assert_eq!(info.get("a").unwrap().as_int(), Some(-7));
    let list = info.get("b").unwrap();
    assert_eq!(list.raw(), b"l0:3:xyze");
    let items: Vec<_> = list
        .as_list()
        .unwrap()
        .iter()
        .map(|item| item.as_str())
        .collect();
    assert_eq!(items, [Some(""), Some("xyz")]);
    assert_eq!(root.int("zero"), Some(0));
    assert_eq!(root.get("none").map(|value| value.kind()), None);
    let keys: Vec<_> = root
        .iter()
        .map(|(key, value)| (key, value.kind()))
        .collect();
    assert_eq!(keys, [(&b"info"[..], Kind::Dict), (b"zero", Kind::Int)]);
    assert_eq!(document.root().raw(), bytes);
}

#[test]
fn errors_that_no_mode_survives() {
    let table: &[(&[u8], E)] = &[
        (b"", E::UnexpectedEnd),
        (b"e", E::ExpectedValue),
        (b"x", E::ExpectedValue),
        (b"d1:ai1e1:be", E::ExpectedValue),
        (b"di5e1:ae", E::ExpectedDigit),
        (b"d1:a", E::UnexpectedEnd),
        (b"-10:foobar", E::ExpectedValue),
        (b"18446744073709551615:foobar", E::Overflow),
        (b"99999999:foobar", E::UnexpectedEnd),
        (b"ie", E::ExpectedDigit),
        (b"i-e", E::ExpectedDigit),
        (b"i35412-5633e", E::ExpectedDigit),
        (b"i92337203t854775807e", E::ExpectedDigit),
        (b"i184467440737095516154e", E::Overflow),
        (b"i9223372036854775808e", E::Overflow),
        (b"i-9223372036854775809e", E::Overflow),
        (b"i-", E::UnexpectedEnd),
        (b"i", E::UnexpectedEnd),
        (b"i1", E::UnexpectedEnd),
        (b"l2:..", E::UnexpectedEnd),
        (b"l", E::UnexpectedEnd),
        (b"d1000:", E::UnexpectedEnd),
        (b"100:..", E::UnexpectedEnd),
        (b"df00:", E::ExpectedDigit),
        (b"d1000", E::ExpectedColon),
        (b"4foo", E::ExpectedColon),
        (b"i 3e", E::ExpectedDigit),
        (b"i+3e", E::ExpectedDigit),
        (b"i3 e", E::ExpectedDigit),
        (b"i--3e", E::ExpectedDigit),
        (b"+1:a", E::ExpectedValue),
    ];
    for (bytes, expected) in table {
        for mode in [Mode::Strict, Mode::Lenient] {
            let shown = bytes.escape_ascii();
            assert_eq!(error(bytes, mode), Some(*expected), "{shown} in {mode:?}");
        }
    }
}

#[test]
fn soft_errors_are_errors_only_in_strict_mode() {
    let table: &[(&[u8], E)] = &[
        (b"i01e", E::LeadingZero),
        (b"i00e", E::LeadingZero),
        (b"i-01e", E::LeadingZero),
        (b"i-0e", E::MinusZero),
        (b"06:foobar", E::LeadingZero),
        (b"l06:foobare", E::LeadingZero),
        (b"d2:abi1e1:ai2ee", E::UnsortedKeys),
        (b"d1:bi1e1:ai2ee", E::UnsortedKeys),
        (b"d1:ai1e1:ai2ee", E::DuplicateKey),
        (b"ld1:bi1e1:ai2eee", E::UnsortedKeys),
    ];
    for (bytes, expected) in table {
        let shown = bytes.escape_ascii();
        assert_eq!(error(bytes, Mode::Strict), Some(*expected), "{shown}");
        let document = decode(bytes, &LIMITS, Mode::Lenient).unwrap();
        assert!(document.root().has_soft_error(), "{shown}");
    }
}

#[test]
fn a_soft_error_marks_only_what_is_around_it() {
    let bytes = b"d4:infod1:bi1e1:ai2ee5:otherl0:ee";
    let document = decode(bytes, &LIMITS, Mode::Lenient).unwrap();
    assert!(document.root().has_soft_error());
    assert!(document.root().get("info").unwrap().has_soft_error());
    assert!(!document.root().get("other").unwrap().has_soft_error());
}

#[test]
fn of_a_repeated_key_the_first_value_counts() {
    let document = decode(b"d1:ai1e1:ai2ee", &LIMITS, Mode::Lenient).unwrap();
    assert_eq!(document.root().get("a").unwrap().as_int(), Some(1));
}

#[test]
fn the_ends_of_the_range_are_integers() {
    for number in [i64::MIN, i64::MAX, 0, -1] {
        let bytes = Encoder::int(number);
        let document = decode(&bytes, &LIMITS, Mode::Strict).unwrap();
        assert_eq!(document.root().as_int(), Some(number));
    }
}

#[test]
fn bytes_after_the_value_are_the_callers() {
    let (document, consumed) = decode_prefix(b"d1:ai1eetail", &LIMITS, Mode::Strict).unwrap();
    assert_eq!((consumed, document.consumed()), (8, 8));
    assert_eq!(document.root().raw(), b"d1:ai1ee");
    assert_eq!(error(b"i1ex", Mode::Strict), Some(E::TrailingData));
    assert_eq!(error(b"i1e\n", Mode::Lenient), None);
}

#[test]
fn each_limit_holds_to_the_unit() {
    let limits = Limits {
        bytes: 8,
        depth: 2,
        tokens: 5,
    };
    let kind = |bytes: &[u8]| {
        decode(bytes, &limits, Mode::Strict)
            .err()
            .map(|e| (e.kind, e.offset))
    };
    assert_eq!(kind(b"llee"), None);
    assert_eq!(kind(b"llleee"), Some((E::TooDeep, 2)));
    assert_eq!(kind(b"l0:0:0:e"), None);
    assert_eq!(kind(b"l0:0:0:0:e"), Some((E::TooLong, 0)));
    let limits = Limits {
        bytes: 100,
        ..limits
    };
    let kind = |bytes: &[u8]| decode(bytes, &limits, Mode::Strict).err().map(|e| e.kind);
    assert_eq!(kind(b"l0:0:0:e"), None);
    assert_eq!(kind(b"l0:0:0:0:e"), Some(E::TooManyTokens));
}

#[test]
fn hostile_depth_is_an_error_and_not_a_crash() {
    let bytes = vec![b'l'; 5_000_000];
    assert_eq!(error(&bytes, Mode::Lenient), Some(E::TooDeep));
    let bytes = b"d1:a".repeat(1_000_000);
    assert_eq!(error(&bytes, Mode::Lenient), Some(E::TooDeep));
}

#[test]
fn an_error_is_one_sentence_with_its_place() {
    let error = decode(b"d3:fooi1x", &LIMITS, Mode::Strict).unwrap_err();
    assert_eq!(error.to_string(), "expected a digit at byte 8");
}

#[test]
fn entries_come_out_sorted_and_once() {
    let bytes = Encoder::dict(|dict| {
        dict.int("b", 2);
        dict.dict("a", |inner| {
            inner.bytes("z", "last");
            inner.bytes("y", "first");
        });
        dict.int("b", 3);
        dict.raw("aa", b"le");
    });
    assert_eq!(bytes, b"d1:ad1:y5:first1:z4:laste2:aale1:bi2ee");
}

/// A value that owns itself, to compare with.
#[derive(Clone, Debug, PartialEq)]
enum Tree {
    Int(i64),
    Bytes(Vec<u8>),
    List(Vec<Tree>),
    Dict(std::collections::BTreeMap<Vec<u8>, Tree>),
}

impl Tree {
    fn any() -> impl Strategy<Value = Tree> {
        let bytes = || prop::collection::vec(any::<u8>(), 0..12);
        let leaf = prop_oneof![
            any::<i64>().prop_map(Tree::Int),
            bytes().prop_map(Tree::Bytes)
        ];
        leaf.prop_recursive(5, 60, 6, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Tree::List),
                prop::collection::btree_map(bytes(), inner, 0..6).prop_map(Tree::Dict),
            ]
        })
    }

    fn of(value: Value<'_>) -> Self {
        match value.kind() {
            Kind::Int => Tree::Int(value.as_int().unwrap()),
            Kind::Bytes => Tree::Bytes(value.as_bytes().unwrap().to_vec()),
            Kind::List => Tree::List(value.as_list().unwrap().iter().map(Tree::of).collect()),
            Kind::Dict => {
                let dict = value.as_dict().unwrap();
                Tree::Dict(
                    dict.iter()
                        .map(|(k, v)| (k.to_vec(), Tree::of(v)))
                        .collect(),
                )
            }
        }
    }

    fn encode(&self) -> Vec<u8> {
        match self {
            Tree::Int(number) => Encoder::int(*number),
            Tree::Bytes(bytes) => Encoder::bytes(bytes),
            Tree::List(items) => {
                Encoder::list(|list| items.iter().for_each(|item| list.raw(&item.encode())))
            }
            // Backwards, so that the encoder has to sort.
            Tree::Dict(entries) => Encoder::dict(|dict| {
                entries
                    .iter()
                    .rev()
                    .for_each(|(key, value)| dict.raw(key, &value.encode()));
            }),
        }
    }
}

/// Bytes that look enough like bencode to get past the first one.
fn almost_bencode() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop::sample::select(b"dlei0123:-a".to_vec()), 0..60)
}

proptest! {
    #[test]
    fn decoding_what_was_encoded_gives_it_back(tree in Tree::any()) {
        let bytes = tree.encode();
        let document = decode(&bytes, &LIMITS, Mode::Strict).unwrap();
        prop_assert!(!document.root().has_soft_error());
        prop_assert_eq!(&Tree::of(document.root()), &tree);
    }

    #[test]
    fn what_strict_mode_accepts_is_canonical(bytes in almost_bencode()) {
        if let Ok(document) = decode(&bytes, &LIMITS, Mode::Strict) {
            prop_assert_eq!(Tree::of(document.root()).encode(), bytes);
        }
    }

    #[test]
    fn lenient_mode_accepts_all_that_strict_mode_does(bytes in almost_bencode()) {
        let strict = decode_prefix(&bytes, &LIMITS, Mode::Strict);
        let lenient = decode_prefix(&bytes, &LIMITS, Mode::Lenient);
        match (strict, lenient) {
            (Ok((strict, _)), Ok((lenient, _))) => {
                prop_assert!(!lenient.root().has_soft_error());
                prop_assert_eq!(Tree::of(strict.root()), Tree::of(lenient.root()));
            }
            (Err(_), Ok((lenient, _))) => prop_assert!(lenient.root().has_soft_error()),
            (strict, lenient) => prop_assert!(strict.is_err() && lenient.is_err()),
        }
    }

    #[test]
    fn a_prefix_of_a_value_is_no_value(tree in Tree::any(), cut in any::<prop::sample::Index>()) {
        let bytes = tree.encode();
        let cut = &bytes[..cut.index(bytes.len())];
        prop_assert!(decode(cut, &LIMITS, Mode::Lenient).is_err());
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for mode in [Mode::Strict, Mode::Lenient] {
            if let Ok((document, _)) = decode_prefix(&bytes, &LIMITS, mode) {
                Tree::of(document.root());
            }
        }
    }
}
