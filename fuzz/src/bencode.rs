//! Bencode: both modes agree, and what is decoded can be encoded again.

use superseed_proto::bencode::{
    self, Dict, DictEncoder, Encoder, Kind, Limits, List, ListEncoder, Mode, Value,
};

/// Small enough for a short input to reach each of them.
const LIMITS: Limits = Limits {
    bytes: 1 << 16,
    depth: 12,
    tokens: 600,
};

/// Checks one input.
pub fn check(bytes: &[u8]) {
    let lenient = bencode::decode_prefix(bytes, &LIMITS, Mode::Lenient);
    let strict = bencode::decode(bytes, &LIMITS, Mode::Strict);
    let Ok((document, consumed)) = lenient else {
        assert!(strict.is_err(), "strict took what lenient did not");
        return;
    };
    let root = document.root();
    assert_eq!(consumed, document.consumed());
    assert_eq!(root.raw(), &bytes[..consumed]);
    let is_canonical = !root.has_soft_error();
    assert_eq!(strict.is_ok(), is_canonical && consumed == bytes.len());
    visit(root);

    let again = canonical(root);
    assert_eq!(
        again == root.raw(),
        is_canonical,
        "a soft error is what encoding mends"
    );
    let second = bencode::decode(&again, &LIMITS, Mode::Strict).expect("the encoder is canonical");
    assert_eq!(canonical(second.root()), again);
}

/// Looks at a value in every way that there is.
fn visit(value: Value<'_>) {
    assert_eq!(value.as_int().is_some(), value.kind() == Kind::Int);
    assert_eq!(value.as_bytes().is_some(), value.kind() == Kind::Bytes);
    let mut inner_len = 0;
    let mut is_soft_within = false;
    for inner in value.as_list().into_iter().flatten() {
        inner_len += inner.raw().len();
        is_soft_within |= inner.has_soft_error();
        visit(inner);
    }
    if let Some(dict) = value.as_dict() {
        for (key, inner) in dict {
            let first = dict.get(key).expect("the key is there");
            assert!(first.raw().as_ptr() <= inner.raw().as_ptr());
            inner_len += key.len() + inner.raw().len();
            is_soft_within |= inner.has_soft_error();
            visit(inner);
        }
    }
    assert!(value.raw().len() >= inner_len + 2);
    assert!(!is_soft_within || value.has_soft_error());
}

fn canonical(value: Value<'_>) -> Vec<u8> {
    match value.kind() {
        Kind::Int => Encoder::int(value.as_int().expect("it is an integer")),
        Kind::Bytes => Encoder::bytes(value.as_bytes().expect("it is a string")),
        Kind::List => Encoder::list(|out| list(value.as_list().expect("it is a list"), out)),
        Kind::Dict => Encoder::dict(|out| dict(value.as_dict().expect("it is one"), out)),
    }
}

fn list(values: List<'_>, out: &mut ListEncoder<'_>) {
    for value in values {
        match (value.as_list(), value.as_dict()) {
            (Some(inner), _) => out.list(|out| list(inner, out)),
            (_, Some(inner)) => out.dict(|out| dict(inner, out)),
            _ => out.raw(&canonical(value)),
        }
    }
}

fn dict(entries: Dict<'_>, out: &mut DictEncoder<'_>) {
    for (key, value) in entries {
        match (value.as_list(), value.as_dict()) {
            (Some(inner), _) => out.list(key, |out| list(inner, out)),
            (_, Some(inner)) => out.dict(key, |out| dict(inner, out)),
            _ => out.raw(key, &canonical(value)),
        }
    }
}
