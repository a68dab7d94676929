//! Lenient bencode, written again as BEP 3 asks for it.

use std::borrow::Cow;

use crate::bencode::{Encoder, Kind, Value};

/// A value with sorted keys, each once, and numbers without needless zeroes.
/// What is canonical already is not copied.
///
/// Recurses as deep as the decoder let the value be, which is a hundred.
pub(super) fn encoded(value: Value<'_>) -> Cow<'_, [u8]> {
    if !value.has_soft_error() {
        return Cow::Borrowed(value.raw());
    }
    Cow::Owned(match value.kind() {
        Kind::Int => Encoder::int(value.as_int().unwrap_or_default()),
        Kind::Bytes => Encoder::bytes(value.as_bytes().unwrap_or_default()),
        Kind::List => Encoder::list(|out| {
            for element in value.as_list().into_iter().flatten() {
                out.raw(&encoded(element));
            }
        }),
        Kind::Dict => Encoder::dict(|out| {
            for (key, element) in value.as_dict().into_iter().flatten() {
                out.raw(key, &encoded(element));
            }
        }),
    })
}
