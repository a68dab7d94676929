//! The client's side of HTTP trackers (BEP 3, 7, 23, 24, 31, 48).
//!
//! Makes the URLs to fetch and reads the bodies that come back. Fetching,
//! redirects, gzip and time are not known here. Reading is lenient in the
//! order of keys and strict in what a value means.

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use std::fmt::Write as _;

use thiserror::Error;

use super::announce::{
    AddressFamily, AnnounceRequest, AnnounceResponse, PEERS_MAX, ScrapeStats, TEXT_CHARS_MAX,
    TRACKER_ID_LEN_MAX, TrackerPeer,
};

use crate::bencode::{self, Dict, Document, Kind, Limits, Mode, Value};
use crate::{PeerId, SwarmKey, compact, percent, text};

/// Why the answer of a tracker is of no use.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TrackerError {
    /// The tracker refuses (`failure reason`).
    #[error("the tracker refuses: {reason}")]
    Failure {
        /// In its own words, fit to show.
        reason: String,
        /// When it says that another try makes sense (`retry in`, BEP 31);
        /// [`Duration::MAX`] for never.
        retry_in: Option<Duration>,
    },
    /// A web page, of the tracker's operator or of someone in between.
    #[error("the tracker answers with a web page instead of an announce response")]
    WebPage,
    /// No body at all.
    #[error("the tracker's answer is empty")]
    Empty,
    /// Not a bencoded dictionary.
    #[error("the tracker's answer is not a bencoded dictionary")]
    NotADictionary,
    /// A value of the wrong type, or a compact list of a broken length.
    #[error("the tracker's answer has a malformed `{0}`")]
    Malformed(&'static str),
}

/// The URL of an announce at the tracker `base`, as BEP 3 and BEP 23 say.
///
/// A query that `base` has already (a passkey) is kept, a fragment is dropped.
pub fn announce_url(base: &str, request: &AnnounceRequest) -> String {
    let mut url = begin_query(base);
    url.push_str("info_hash=");
    percent::encode_all(&request.swarm.0, &mut url);
    url.push_str("&peer_id=");
    percent::encode_all(&request.peer_id.0, &mut url);
    let mut field = |name: &str, value: &dyn std::fmt::Display| {
        write!(url, "&{name}={value}").expect("writing to a string cannot fail");
    };
    field("port", &request.port);
    field("uploaded", &request.uploaded);
    field("downloaded", &request.downloaded);
    field("left", &request.left);
    field("compact", &1);
    if request.no_peer_id {
        field("no_peer_id", &1);
    }
    field("key", &format_args!("{:08X}", request.key));
    if let Some(event) = request.event {
        field("event", &event.as_str());
    }
    if let Some(numwant) = request.numwant {
        field("numwant", &numwant);
    }
    // The colons of IPv6 are legal in a query (RFC 3986, section 3.4).
    if let Some(ip) = request.ip {
        field("ip", &ip);
    }
    if let Some(ip) = request.ipv4 {
        field("ipv4", &ip);
    }
    if let Some(ip) = request.ipv6 {
        field("ipv6", &ip);
    }
    if let Some(id) = &request.tracker_id {
        url.push_str("&trackerid=");
        percent::encode(id, &mut url);
    }
    url
}

/// The URL of a scrape of `swarms` at the tracker that announces at `base`.
///
/// `None` if the tracker has no scrape: the last segment of the path does not
/// begin with `announce` (BEP 48 and the convention before it).
pub fn scrape_url(base: &str, swarms: &[SwarmKey]) -> Option<String> {
    let base = without_fragment(base);
    let path_end = base.find('?').unwrap_or(base.len());
    let authority = base[..path_end].find("://")? + 3;
    let segment = authority + base[authority..path_end].rfind('/')? + 1;
    let rest = base[segment..].strip_prefix("announce")?;
    let mut url = begin_query(&format!("{}scrape{rest}", &base[..segment]));
    for (position, swarm) in swarms.iter().enumerate() {
        if position > 0 {
            url.push('&');
        }
        url.push_str("info_hash=");
        percent::encode_all(&swarm.0, &mut url);
    }
    Some(url)
}

fn without_fragment(url: &str) -> &str {
    url.split_once('#').map_or(url, |(before, _)| before)
}

/// `base` up to where the next `name=value` of its query goes.
fn begin_query(base: &str) -> String {
    let mut url = without_fragment(base).to_owned();
    if !url.contains('?') {
        url.push('?');
    } else if !url.ends_with(['?', '&']) {
        url.push('&');
    }
    url
}

/// Reads the body of an announce response.
///
/// Peers with a port outside 1–65535 or with a name instead of an address are
/// left out and counted. BEP 3 allows names, but a tracker could make a client
/// look up, and connect to, whatever it likes; no tracker in use sends them.
///
/// # Errors
/// If the tracker refuses, or answers something else than BEP 3 says.
pub fn parse_announce(body: &[u8]) -> Result<AnnounceResponse, TrackerError> {
    let document = decode(body)?;
    let dict = dictionary(&document)?;
    let mut response = AnnounceResponse {
        interval_s: seconds(&dict, "interval")?,
        min_interval_s: seconds(&dict, "min interval")?,
        tracker_id: dict
            .bytes("tracker id")
            .filter(|id| id.len() <= TRACKER_ID_LEN_MAX)
            .map(<[u8]>::to_vec),
        warning: dict.bytes("warning message").map(shown),
        complete: count(&dict, "complete"),
        incomplete: count(&dict, "incomplete"),
        downloaded: count(&dict, "downloaded"),
        external_ip: dict.bytes("external ip").and_then(external_ip),
        ..AnnounceResponse::default()
    };
    match dict.get("peers") {
        Some(peers) if peers.kind() == Kind::List => read_dictionaries(&peers, &mut response),
        Some(peers) => read_compact(&peers, AddressFamily::V4, "peers", &mut response)?,
        None => {}
    }
    if let Some(peers) = dict.get("peers6") {
        read_compact(&peers, AddressFamily::V6, "peers6", &mut response)?;
    }
    Ok(response)
}

/// Reads the body of a scrape response (BEP 48): each swarm it speaks of, at
/// most `swarms_max` of them.
///
/// # Errors
/// If the tracker refuses, or answers something else than BEP 48 says.
pub fn parse_scrape(
    body: &[u8],
    swarms_max: usize,
) -> Result<Vec<(SwarmKey, ScrapeStats)>, TrackerError> {
    let document = decode(body)?;
    let dict = dictionary(&document)?;
    let files = dict.dict("files").ok_or(TrackerError::Malformed("files"))?;
    Ok(files
        .iter()
        .filter_map(|(key, value)| {
            let swarm = SwarmKey(key.try_into().ok()?);
            let file = value.as_dict()?;
            let stats = ScrapeStats {
                complete: count(&file, "complete").unwrap_or(0),
                downloaded: count(&file, "downloaded").unwrap_or(0),
                incomplete: count(&file, "incomplete").unwrap_or(0),
            };
            Some((swarm, stats))
        })
        .take(swarms_max)
        .collect())
}

fn decode(body: &[u8]) -> Result<Document<'_>, TrackerError> {
    let body = body.trim_ascii_start();
    match body.first() {
        None => Err(TrackerError::Empty),
        Some(b'<') => Err(TrackerError::WebPage),
        Some(_) => bencode::decode(body, &Limits::TRACKER_REPLY, Mode::Lenient)
            .map_err(|_| TrackerError::NotADictionary),
    }
}

/// The dictionary of an answer, unless it is a refusal.
fn dictionary<'d>(document: &'d Document<'_>) -> Result<Dict<'d>, TrackerError> {
    let dict = document
        .root()
        .as_dict()
        .ok_or(TrackerError::NotADictionary)?;
    match dict.bytes("failure reason") {
        Some(reason) => Err(TrackerError::Failure {
            reason: shown(reason),
            retry_in: dict.get("retry in").and_then(|value| retry_in(&value)),
        }),
        None => Ok(dict),
    }
}

/// Minutes, or the word "never" (BEP 31). Its own example writes the number as
/// a string, so both forms are read.
fn retry_in(value: &Value<'_>) -> Option<Duration> {
    if value.as_str() == Some("never") {
        return Some(Duration::MAX);
    }
    let number = value.as_int().or_else(|| value.as_str()?.parse().ok())?;
    let minutes = u64::try_from(number).ok().filter(|&minutes| minutes > 0)?;
    Some(Duration::from_secs(minutes.saturating_mul(60)))
}

fn shown(bytes: &[u8]) -> String {
    text::printable(bytes, TEXT_CHARS_MAX)
}

/// A time in seconds. What is zero or negative says nothing; what is no
/// integer makes the answer malformed.
fn seconds(dict: &Dict<'_>, key: &'static str) -> Result<Option<u32>, TrackerError> {
    let Some(value) = dict.get(key) else {
        return Ok(None);
    };
    let seconds = value.as_int().ok_or(TrackerError::Malformed(key))?;
    let seconds = u32::try_from(seconds.clamp(0, i64::from(u32::MAX))).ok();
    Ok(seconds.filter(|&seconds| seconds > 0))
}

fn count(dict: &Dict<'_>, key: &str) -> Option<u32> {
    dict.int(key).and_then(|count| u32::try_from(count).ok())
}

/// Four or sixteen bytes (BEP 24).
fn external_ip(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(octets) = <[u8; 4]>::try_from(bytes) {
        return Some(octets.into());
    }
    <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from)
}

fn read_compact(
    value: &Value<'_>,
    family: AddressFamily,
    key: &'static str,
    response: &mut AnnounceResponse,
) -> Result<(), TrackerError> {
    let list = value
        .as_bytes()
        .filter(|list| list.len().is_multiple_of(family.stride()))
        .ok_or(TrackerError::Malformed(key))?;
    for addr in compact::peers(list, family) {
        let peer = TrackerPeer {
            addr,
            peer_id: None,
        };
        push_peer(Some(peer), response);
    }
    Ok(())
}

fn read_dictionaries(list: &Value<'_>, response: &mut AnnounceResponse) {
    for entry in list.as_list().into_iter().flatten() {
        push_peer(entry.as_dict().and_then(|entry| peer(&entry)), response);
    }
}

/// A peer in the form of BEP 3.
fn peer(entry: &Dict<'_>) -> Option<TrackerPeer> {
    let ip: IpAddr = entry.str("ip")?.parse().ok()?;
    let port = u16::try_from(entry.int("port")?).ok()?;
    let peer_id = entry
        .bytes("peer id")
        .and_then(|id| id.try_into().ok())
        .map(PeerId);
    Some(TrackerPeer {
        addr: SocketAddr::new(ip, port),
        peer_id,
    })
}

fn push_peer(peer: Option<TrackerPeer>, response: &mut AnnounceResponse) {
    match peer {
        Some(peer) if peer.addr.port() != 0 && response.peers.len() < PEERS_MAX => {
            response.peers.push(peer);
        }
        _ => response.peers_refused += 1,
    }
}

#[cfg(test)]
mod tests;
