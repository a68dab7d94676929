//! Percent-encoding of bytes in a URL's query (RFC 3986, section 2.1): what
//! tracker requests and magnet links have in common.

use std::fmt::Write as _;

/// Appends every byte as `%XX`: the form of binary values that the strictest
/// tracker reads.
pub(crate) fn encode_all(bytes: &[u8], out: &mut String) {
    for byte in bytes {
        write!(out, "%{byte:02X}").expect("writing to a string cannot fail");
    }
}

/// Appends `bytes` with all but unreserved characters as `%XX`.
pub(crate) fn encode(bytes: &[u8], out: &mut String) {
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            encode_all(&[byte], out);
        }
    }
}

/// All but unreserved characters of `bytes` as `%XX`.
pub fn encoded(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    encode(bytes, &mut out);
    out
}

/// A URL with what no URL can hold as `%XX`: white space, control and non-ASCII
/// bytes. What is encoded already stays as it is.
pub(crate) fn encode_unprintable(url: &str) -> String {
    let mut out = String::with_capacity(url.len());
    for byte in url.bytes() {
        if byte.is_ascii_graphic() {
            out.push(char::from(byte));
        } else {
            encode_all(&[byte], &mut out);
        }
    }
    out
}

/// The bytes that `text` stands for. `None` if a `%` is not followed by two
/// hexadecimal digits.
pub fn decode(text: &[u8]) -> Option<Vec<u8>> {
    units(text).map(Unit::byte).collect()
}

/// As [`decode`], but a `+` is a space, as in HTML forms.
pub(crate) fn decode_form(text: &[u8]) -> Option<Vec<u8>> {
    units(text)
        .map(|unit| unit.plus_is_space().byte())
        .collect()
}

/// As [`decode_form`], but a `%` that escapes nothing stands for itself.
pub(crate) fn decode_form_lossy(text: &[u8]) -> Vec<u8> {
    let units = units(text).map(Unit::plus_is_space);
    units.map(|unit| unit.byte().unwrap_or(b'%')).collect()
}

/// What one byte of the decoded text comes from.
#[derive(Clone, Copy)]
enum Unit {
    Plain(u8),
    Escaped(u8),
    /// A `%` without two hexadecimal digits after it.
    Broken,
}

impl Unit {
    fn byte(self) -> Option<u8> {
        match self {
            Self::Plain(byte) | Self::Escaped(byte) => Some(byte),
            Self::Broken => None,
        }
    }

    fn plus_is_space(self) -> Self {
        match self {
            Self::Plain(b'+') => Self::Plain(b' '),
            unit => unit,
        }
    }
}

fn units(mut rest: &[u8]) -> impl Iterator<Item = Unit> {
    std::iter::from_fn(move || {
        let (&byte, after) = rest.split_first()?;
        rest = after;
        if byte != b'%' {
            return Some(Unit::Plain(byte));
        }
        Some(match *after {
            [high, low, ref after @ ..] => match (hex_digit(high), hex_digit(low)) {
                (Some(high), Some(low)) => {
                    rest = after;
                    Unit::Escaped(high << 4 | low)
                }
                _ => Unit::Broken,
            },
            _ => Unit::Broken,
        })
    })
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|digit| digit as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn broken_escapes_are_refused_or_stand_for_themselves() {
        for text in [&b"%"[..], b"%1", b"%g1", b"a%1g", b"%+1"] {
            assert_eq!(decode(text), None);
            assert_eq!(decode_form(text), None);
        }
        assert_eq!(decode_form_lossy(b"100%+%41%"), b"100% A%");
    }

    #[test]
    fn a_plus_is_a_space_in_forms_only() {
        assert_eq!(decode(b"a%20b+c%fF"), Some(b"a b+c\xff".to_vec()));
        assert_eq!(decode_form(b"a%20b+c%2b"), Some(b"a b c+".to_vec()));
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded_alike(bytes: Vec<u8>) {
            let (mut all, mut some) = (String::new(), String::new());
            encode_all(&bytes, &mut all);
            encode(&bytes, &mut some);
            prop_assert_eq!(decode(all.as_bytes()), Some(bytes.clone()));
            prop_assert_eq!(decode(some.as_bytes()), Some(bytes));
        }
    }
}
