//! The tracker's side of HTTP announce and scrape (BEP 3, 7, 23, 24, 48).
//!
//! Reads query strings and writes bodies. Which peers there are, and whether
//! to answer at all, is the tracker's own.

use core::net::IpAddr;

use thiserror::Error;

use super::announce::{
    AnnounceRequest, AnnounceResponse, Event, ScrapeStats, TRACKER_ID_LEN_MAX, TrackerPeer,
};

use crate::bencode::{DictEncoder, Encoder};
use crate::{PeerId, SwarmKey, compact, percent};

/// The longest query that is read, in bytes: a scrape of seventy swarms.
pub const QUERY_LEN_MAX: usize = 8192;

/// How many swarms one HTTP scrape may name.
pub const SCRAPE_SWARMS_MAX: usize = 74;

/// What is wrong with a query, for the `failure reason` of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum QueryError {
    /// Over [`QUERY_LEN_MAX`].
    #[error("the query is too long")]
    TooLong,
    /// A `%` without two hexadecimal digits after it.
    #[error("the query has a broken percent escape")]
    BrokenEscape,
    /// A key without which there is no answer.
    #[error("the query has no {0}")]
    Missing(&'static str),
    /// A value that its key cannot have.
    #[error("the query has an invalid {0}")]
    Invalid(&'static str),
}

/// The form of the peers in an answer (BEP 23).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerForm {
    /// One string for each address family: the default of today.
    Compact,
    /// A list of dictionaries (`compact=0`).
    Dictionaries {
        /// Whether each names its peer id (unless `no_peer_id=1`).
        with_peer_ids: bool,
    },
}

/// An announce as the tracker reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnnounceQuery {
    /// What the client says.
    pub announce: AnnounceRequest,
    /// How it would like to be answered.
    pub form: PeerForm,
}

/// Reads the query of an announce: what stands between `?` and the end.
///
/// Amounts that are missing count as 0, except `left`, which is then
/// unknown and counts as something left.
///
/// # Errors
/// If swarm, peer id or port are missing or wrong, or the query is broken.
pub fn parse_announce_query(query: &[u8]) -> Result<AnnounceQuery, QueryError> {
    let mut swarm = None;
    let mut peer_id = None;
    let mut port = None;
    let mut compact = true;
    let mut announce = AnnounceRequest {
        swarm: SwarmKey([0; 20]),
        peer_id: PeerId([0; 20]),
        port: 0,
        uploaded: 0,
        downloaded: 0,
        left: u64::MAX,
        event: None,
        numwant: None,
        key: 0,
        tracker_id: None,
        ip: None,
        ipv4: None,
        ipv6: None,
        no_peer_id: false,
    };
    for_each_pair(query, |key, value| {
        match key {
            b"info_hash" => swarm = Some(SwarmKey(twenty(&value, "info_hash")?)),
            b"peer_id" => peer_id = Some(PeerId(twenty(&value, "peer_id")?)),
            b"port" => port = Some(parse(&value, "port")?),
            b"uploaded" => announce.uploaded = parse(&value, "uploaded")?,
            b"downloaded" => announce.downloaded = parse(&value, "downloaded")?,
            b"left" => announce.left = parse(&value, "left")?,
            b"event" => announce.event = Event::from_word(&value),
            // Some clients send -1 for "as many as you like".
            b"numwant" => announce.numwant = parse(&value, "numwant").ok(),
            b"key" => announce.key = key_number(&value),
            b"trackerid" if value.len() <= TRACKER_ID_LEN_MAX => announce.tracker_id = Some(value),
            b"ip" => announce.ip = parse(&value, "ip").ok(),
            b"ipv4" => announce.ipv4 = parse(&value, "ipv4").ok(),
            b"ipv6" => announce.ipv6 = parse(&value, "ipv6").ok(),
            b"compact" => compact = value != b"0",
            b"no_peer_id" => announce.no_peer_id = value != b"0",
            _ => {}
        }
        Ok(())
    })?;
    announce.swarm = swarm.ok_or(QueryError::Missing("info_hash"))?;
    announce.peer_id = peer_id.ok_or(QueryError::Missing("peer_id"))?;
    announce.port = port.ok_or(QueryError::Missing("port"))?;
    let form = if compact {
        PeerForm::Compact
    } else {
        PeerForm::Dictionaries {
            with_peer_ids: !announce.no_peer_id,
        }
    };
    Ok(AnnounceQuery { announce, form })
}

/// Reads the query of a scrape: the swarms in order, at most
/// [`SCRAPE_SWARMS_MAX`] and at least one.
///
/// # Errors
/// If no swarm is named, one is not twenty bytes, or the query is broken.
pub fn parse_scrape_query(query: &[u8]) -> Result<Vec<SwarmKey>, QueryError> {
    let mut swarms = Vec::new();
    for_each_pair(query, |key, value| {
        if key == b"info_hash" && swarms.len() < SCRAPE_SWARMS_MAX {
            swarms.push(SwarmKey(twenty(&value, "info_hash")?));
        }
        Ok(())
    })?;
    if swarms.is_empty() {
        return Err(QueryError::Missing("info_hash"));
    }
    Ok(swarms)
}

/// The body of an answer to an announce.
///
/// `peers` is always there, even if empty, since old clients insist on it; a
/// compact answer has `peers6` if there is an IPv6 peer.
pub fn encode_announce(response: &AnnounceResponse, form: PeerForm) -> Vec<u8> {
    Encoder::dict(|dict| {
        let numbers = [
            ("complete", response.complete),
            ("downloaded", response.downloaded),
            ("incomplete", response.incomplete),
            ("interval", response.interval_s),
            ("min interval", response.min_interval_s),
        ];
        for (key, number) in numbers {
            if let Some(number) = number {
                dict.int(key, i64::from(number));
            }
        }
        match response.external_ip {
            Some(IpAddr::V4(ip)) => dict.bytes("external ip", ip.octets()),
            Some(IpAddr::V6(ip)) => dict.bytes("external ip", ip.octets()),
            None => {}
        }
        if let Some(id) = &response.tracker_id {
            dict.bytes("tracker id", id);
        }
        if let Some(warning) = &response.warning {
            dict.bytes("warning message", warning);
        }
        match form {
            PeerForm::Compact => compact_peers(&response.peers, dict),
            PeerForm::Dictionaries { with_peer_ids } => {
                dictionary_peers(&response.peers, with_peer_ids, dict);
            }
        }
    })
}

/// The body of an answer to a scrape.
pub fn encode_scrape(swarms: &[(SwarmKey, ScrapeStats)]) -> Vec<u8> {
    Encoder::dict(|dict| {
        dict.dict("files", |files| {
            for (swarm, stats) in swarms {
                files.dict(swarm.0, |file| {
                    file.int("complete", i64::from(stats.complete));
                    file.int("downloaded", i64::from(stats.downloaded));
                    file.int("incomplete", i64::from(stats.incomplete));
                });
            }
        });
    })
}

/// The body of a refusal. BEP 3 sends it with the status 200.
pub fn encode_failure(reason: &str) -> Vec<u8> {
    Encoder::dict(|dict| dict.bytes("failure reason", reason))
}

fn compact_peers(peers: &[TrackerPeer], dict: &mut DictEncoder<'_>) {
    let (mut v4, mut v6) = (Vec::new(), Vec::new());
    for peer in peers {
        let list = if peer.addr.is_ipv4() {
            &mut v4
        } else {
            &mut v6
        };
        compact::push(peer.addr, list);
    }
    dict.bytes("peers", v4);
    if !v6.is_empty() {
        dict.bytes("peers6", v6);
    }
}

fn dictionary_peers(peers: &[TrackerPeer], with_peer_ids: bool, dict: &mut DictEncoder<'_>) {
    dict.list("peers", |list| {
        for peer in peers {
            list.dict(|entry| {
                entry.bytes("ip", peer.addr.ip().to_string());
                if let Some(id) = peer.peer_id.filter(|_| with_peer_ids) {
                    entry.bytes("peer id", id.0);
                }
                entry.int("port", i64::from(peer.addr.port()));
            });
        }
    });
}

/// Calls `take` with each key and its decoded value.
fn for_each_pair(
    query: &[u8],
    mut take: impl FnMut(&[u8], Vec<u8>) -> Result<(), QueryError>,
) -> Result<(), QueryError> {
    if query.len() > QUERY_LEN_MAX {
        return Err(QueryError::TooLong);
    }
    for pair in query.split(|&byte| byte == b'&') {
        let equals = pair.iter().position(|&byte| byte == b'=');
        let (key, value) = equals.map_or((pair, &[][..]), |at| (&pair[..at], &pair[at + 1..]));
        let value = percent::decode_form(value).ok_or(QueryError::BrokenEscape)?;
        take(key, value)?;
    }
    Ok(())
}

fn twenty(value: &[u8], key: &'static str) -> Result<[u8; 20], QueryError> {
    value.try_into().map_err(|_| QueryError::Invalid(key))
}

fn parse<T: core::str::FromStr>(value: &[u8], key: &'static str) -> Result<T, QueryError> {
    core::str::from_utf8(value)
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or(QueryError::Invalid(key))
}

/// A key is any text; most clients send up to eight hexadecimal digits, and of
/// others only sameness matters, for which a sum that mixes the bytes will do.
fn key_number(value: &[u8]) -> u32 {
    core::str::from_utf8(value)
        .ok()
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .and_then(|text| u32::from_str_radix(text, 16).ok())
        .unwrap_or_else(|| {
            value.iter().fold(0x811c_9dc5, |sum: u32, &byte| {
                (sum ^ u32::from(byte)).wrapping_mul(0x0100_0193)
            })
        })
}

#[cfg(test)]
mod tests;
