//! From a link to a [`Magnet`].

use std::borrow::Cow;

use data_encoding::{BASE32_NOPAD, HEXLOWER_PERMISSIVE};

use super::error::excerpt;
use super::{LINK_LEN_MAX, Magnet, MagnetError, MagnetPeer, SelectOnly};
use crate::hash::{InfoHashV1, InfoHashV2, InfoHashes};
use crate::percent;

/// The multihash prefix of a SHA-256: its code and its length.
const SHA256_MULTIHASH: &str = "1220";

/// The hashes that a link may name.
#[derive(Default)]
struct Hashes {
    v1: Option<InfoHashV1>,
    v2: Option<InfoHashV2>,
}

pub(super) fn link(link: &str) -> Result<Magnet, MagnetError> {
    if link.len() > LINK_LEN_MAX {
        return Err(MagnetError::TooLong(link.len()));
    }
    let query = query(link.trim()).ok_or_else(|| MagnetError::Scheme(excerpt(link)))?;
    let mut magnet = Magnet::new(info_hashes(query)?);
    // Of several selections all count.
    magnet.select_only = SelectOnly::parse_all(values(query, "so").map(|value| {
        // What cannot be decoded is no number either, and is told as it is.
        text(value).map_or(Cow::Borrowed(value), Cow::Owned)
    }))?;
    for (key, value) in parameters(query) {
        match key.to_ascii_lowercase().as_str() {
            "dn" => {
                let name = percent::decode_form_lossy(value.as_bytes());
                magnet.set_name(&String::from_utf8_lossy(&name));
            }
            "xl" => magnet.exact_len = number(value).or(magnet.exact_len),
            "tr" => {
                if let Some(url) = text(value) {
                    magnet.add_tracker(&url);
                }
            }
            "ws" | "as" => {
                if let Some(url) = text(value) {
                    magnet.add_web_seed(&url);
                }
            }
            "x.pe" => {
                if let Some(peer) = text(value).and_then(|text| MagnetPeer::parse(&text)) {
                    magnet.add_peer(peer);
                }
            }
            _ => {}
        }
    }
    Ok(magnet)
}

/// What follows `magnet:?`. Some libraries put an empty authority before the
/// question mark.
fn query(link: &str) -> Option<&str> {
    const SCHEME: &str = "magnet:";
    let scheme = link.get(..SCHEME.len())?;
    if !scheme.eq_ignore_ascii_case(SCHEME) {
        return None;
    }
    let rest = &link[SCHEME.len()..];
    let rest = rest.strip_prefix("//").unwrap_or(rest);
    rest.strip_prefix('/').unwrap_or(rest).strip_prefix('?')
}

/// The keys and values of a query, the number of a numbered key taken off. The
/// numbers tell repeated keys apart and have no other meaning.
fn parameters(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query.split('&').filter_map(|parameter| {
        // "&amp;" in HTML.
        let parameter = parameter.strip_prefix("amp;").unwrap_or(parameter);
        let (key, value) = parameter.split_once('=')?;
        let key = match key.rsplit_once('.') {
            Some((name, number)) if number.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => key,
        };
        Some((key, value))
    })
}

/// The values of one key, as they stand.
fn values<'a>(query: &'a str, wanted: &str) -> impl Iterator<Item = &'a str> {
    parameters(query)
        .filter_map(move |(key, value)| key.eq_ignore_ascii_case(wanted).then_some(value))
}

/// A value that is text, decoded.
fn text(value: &str) -> Option<String> {
    String::from_utf8(percent::decode(value.as_bytes())?).ok()
}

fn number(value: &str) -> Option<u64> {
    let is_number = value.bytes().all(|byte| byte.is_ascii_digit());
    value.parse().ok().filter(|_| is_number)
}

fn info_hashes(query: &str) -> Result<InfoHashes, MagnetError> {
    let mut hashes = Hashes::default();
    for value in values(query, "xt") {
        let topic = percent::decode(value.as_bytes())
            .ok_or_else(|| MagnetError::BrokenEscape(excerpt(value)))?;
        let topic = String::from_utf8_lossy(&topic);
        if let Some(text) = strip_prefix(&topic, "urn:btih:") {
            let hash = v1(text).ok_or_else(|| MagnetError::InfoHashV1(excerpt(text)))?;
            same(hashes.v1.replace(hash), hash)?;
        } else if let Some(text) = strip_prefix(&topic, "urn:btmh:") {
            let hash = text.strip_prefix(SHA256_MULTIHASH).and_then(v2);
            let hash = hash.ok_or_else(|| MagnetError::InfoHashV2(excerpt(text)))?;
            same(hashes.v2.replace(hash), hash)?;
        }
    }
    match (hashes.v1, hashes.v2) {
        (Some(v1), Some(v2)) => Ok(InfoHashes::Hybrid(v1, v2)),
        (Some(v1), None) => Ok(InfoHashes::V1(v1)),
        (None, Some(v2)) => Ok(InfoHashes::V2(v2)),
        (None, None) => Err(MagnetError::MissingInfoHash),
    }
}

/// Refuses a second hash unless it says what the first said.
fn same<H: PartialEq + ToString>(earlier: Option<H>, hash: H) -> Result<(), MagnetError> {
    match earlier {
        Some(earlier) if earlier != hash => Err(MagnetError::TwoTorrents(
            earlier.to_string(),
            hash.to_string(),
        )),
        _ => Ok(()),
    }
}

/// What follows a prefix in any case.
fn strip_prefix<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let head = text.get(..prefix.len())?;
    head.eq_ignore_ascii_case(prefix)
        .then(|| &text[prefix.len()..])
}

/// An info-hash without anything around it.
pub(super) fn bare_info_hash(text: &str) -> Option<InfoHashes> {
    if let Some(hash) = v1(text) {
        return Some(InfoHashes::V1(hash));
    }
    let multihash = text.strip_prefix(SHA256_MULTIHASH).and_then(v2);
    multihash.or_else(|| v2(text)).map(InfoHashes::V2)
}

fn v1(text: &str) -> Option<InfoHashV1> {
    let bytes = match text.len() {
        40 => HEXLOWER_PERMISSIVE.decode(text.as_bytes()),
        32 => BASE32_NOPAD.decode(text.to_ascii_uppercase().as_bytes()),
        _ => return None,
    };
    Some(InfoHashV1(bytes.ok()?.try_into().ok()?))
}

fn v2(text: &str) -> Option<InfoHashV2> {
    let bytes = HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok()?;
    Some(InfoHashV2(bytes.try_into().ok()?))
}
