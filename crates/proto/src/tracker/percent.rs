//! Percent-encoding of bytes in a URL's query (RFC 3986, section 2.1).

use std::fmt::Write as _;

/// Appends every byte as `%XX`: the form of binary values that the strictest
/// tracker reads.
pub(super) fn encode_all(bytes: &[u8], out: &mut String) {
    for byte in bytes {
        write!(out, "%{byte:02X}").expect("writing to a string cannot fail");
    }
}

/// Appends `bytes` with all but unreserved characters as `%XX`.
pub(super) fn encode(bytes: &[u8], out: &mut String) {
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            encode_all(&[byte], out);
        }
    }
}

/// The bytes that `text` stands for; a `+` is a space, as in HTML forms.
/// `None` if a `%` is not followed by two hexadecimal digits.
pub(super) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    while let Some(&byte) = rest.next() {
        out.push(match byte {
            b'%' => hex_digit(rest.next()?)? << 4 | hex_digit(rest.next()?)?,
            b'+' => b' ',
            _ => byte,
        });
    }
    Some(out)
}

fn hex_digit(byte: &u8) -> Option<u8> {
    char::from(*byte).to_digit(16).map(|digit| digit as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn broken_escapes_are_refused() {
        for text in [&b"%"[..], b"%1", b"%g1", b"a%1g", b"%+1"] {
            assert_eq!(decode(text), None);
        }
        assert_eq!(decode(b"a%20b+c%fF"), Some(b"a b c\xff".to_vec()));
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
