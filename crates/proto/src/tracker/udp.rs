//! Packets of UDP trackers (BEP 15), both ways, and the options of BEP 41.
//!
//! A client encodes [`Request`]s and decodes [`Response`]s, a tracker the
//! other way round. Choosing transaction ids, matching them, retransmitting
//! and guarding connection ids is the caller's; the figures are here.
//! "Do not expect packets to be exactly of a certain size" (BEP 15): what
//! follows a packet's known part is ignored.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::time::Duration;

use thiserror::Error;

use super::announce::{
    AddressFamily, AnnounceRequest, Event, PEERS_MAX, ScrapeStats, TEXT_CHARS_MAX,
};

use crate::{PeerId, SwarmKey, compact, text};

mod options;

pub use options::{URL_DATA_LEN_MAX, url_data};

/// What a connect request begins with, in the place of a connection id.
pub const PROTOCOL_ID: u64 = 0x0417_2710_1980;

/// How long a client may use a connection id after it received it.
pub const CONNECTION_ID_LIFETIME: Duration = Duration::from_secs(60);

/// How long a tracker accepts a connection id after it sent it.
pub const CONNECTION_ID_ACCEPTED: Duration = Duration::from_secs(120);

/// After so many retransmissions the wait no longer doubles.
pub const RETRANSMISSIONS_MAX: u32 = 8;

/// How many swarms one scrape may name.
pub const SCRAPE_SWARMS_MAX: usize = 74;

const CONNECT: u32 = 0;
const ANNOUNCE: u32 = 1;
const SCRAPE: u32 = 2;
const ERROR: u32 = 3;

/// Where the options of BEP 41 begin in an announce request.
const ANNOUNCE_LEN: usize = 98;

/// How long to wait for the answer to a request that was retransmitted
/// `retransmissions` times: 15 s, doubled each time, at most 3840 s.
pub fn retransmit_after(retransmissions: u32) -> Duration {
    Duration::from_secs(15 << retransmissions.min(RETRANSMISSIONS_MAX))
}

/// Whether a datagram that came to a shared port may be a tracker's response.
///
/// Those begin with a small number in four bytes; a DHT message begins with
/// `d`, and a uTP packet has its version, which is not 0, in its first byte.
pub fn is_response(datagram: &[u8]) -> bool {
    datagram.len() >= 8 && matches!(datagram[..4], [0, 0, 0, 0..=3])
}

/// Why a datagram is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum UdpFault {
    /// Fewer bytes than the packet's fixed part has.
    #[error("a datagram of {len} bytes is too short: {needed} are needed")]
    TooShort {
        /// Its length in bytes.
        len: usize,
        /// The least length of such a packet.
        needed: usize,
    },
    /// An action that this side does not take.
    #[error("action {0} is unknown")]
    UnknownAction(u32),
    /// A connect request without [`PROTOCOL_ID`].
    #[error("a connect request has a wrong protocol id")]
    WrongProtocolId,
}

/// What a client sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Asks for a connection id.
    Connect {
        /// Chosen by the client, comes back in the response.
        transaction_id: u32,
    },
    /// Announces.
    Announce {
        /// From a connect response.
        connection_id: u64,
        /// Chosen by the client, comes back in the response.
        transaction_id: u32,
        /// What is announced. Fields for HTTP only are neither sent nor read.
        announce: AnnounceRequest,
        /// Path and query of the tracker's URL (BEP 41), at most
        /// [`URL_DATA_LEN_MAX`] bytes; if empty, no option is sent.
        url_data: Vec<u8>,
    },
    /// Scrapes.
    Scrape {
        /// From a connect response.
        connection_id: u64,
        /// Chosen by the client, comes back in the response.
        transaction_id: u32,
        /// The swarms, at most [`SCRAPE_SWARMS_MAX`].
        swarms: Vec<SwarmKey>,
    },
}

impl Request {
    /// The datagram.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(ANNOUNCE_LEN);
        match self {
            Self::Connect { transaction_id } => {
                request_head(PROTOCOL_ID, CONNECT, *transaction_id, &mut out);
            }
            Self::Announce {
                connection_id,
                transaction_id,
                announce,
                url_data,
            } => {
                request_head(*connection_id, ANNOUNCE, *transaction_id, &mut out);
                write_announce(announce, &mut out);
                options::write_url_data(url_data, &mut out);
            }
            Self::Scrape {
                connection_id,
                transaction_id,
                swarms,
            } => {
                request_head(*connection_id, SCRAPE, *transaction_id, &mut out);
                for swarm in swarms.iter().take(SCRAPE_SWARMS_MAX) {
                    out.extend_from_slice(&swarm.0);
                }
            }
        }
        out
    }

    /// Reads a datagram that came to a tracker. Whether the connection id is
    /// one of its own is for the tracker to check.
    ///
    /// # Errors
    /// If the datagram is too short or no request.
    pub fn decode(datagram: &[u8]) -> Result<Self, UdpFault> {
        need(datagram, 16)?;
        let connection_id = u64_at(datagram, 0);
        let transaction_id = u32_at(datagram, 12);
        match u32_at(datagram, 8) {
            CONNECT if connection_id == PROTOCOL_ID => Ok(Self::Connect { transaction_id }),
            CONNECT => Err(UdpFault::WrongProtocolId),
            ANNOUNCE => {
                need(datagram, ANNOUNCE_LEN)?;
                Ok(Self::Announce {
                    connection_id,
                    transaction_id,
                    announce: read_announce(datagram),
                    url_data: options::read_url_data(&datagram[ANNOUNCE_LEN..]),
                })
            }
            SCRAPE => {
                need(datagram, 16 + 20)?;
                let (swarms, _) = datagram[16..].as_chunks::<20>();
                Ok(Self::Scrape {
                    connection_id,
                    transaction_id,
                    swarms: swarms
                        .iter()
                        .take(SCRAPE_SWARMS_MAX)
                        .map(|key| SwarmKey(*key))
                        .collect(),
                })
            }
            action => Err(UdpFault::UnknownAction(action)),
        }
    }
}

/// What a tracker answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Response {
    /// To a connect request.
    Connect {
        /// Of the request.
        transaction_id: u32,
        /// To be sent with requests for [`CONNECTION_ID_LIFETIME`].
        connection_id: u64,
    },
    /// To an announce request.
    Announce {
        /// Of the request.
        transaction_id: u32,
        /// Seconds until the next regular announce.
        interval_s: u32,
        /// Leechers in the swarm.
        incomplete: u32,
        /// Seeds in the swarm.
        complete: u32,
        /// The peers, at most [`PEERS_MAX`], none with port 0.
        peers: Vec<SocketAddr>,
    },
    /// To a scrape request.
    Scrape {
        /// Of the request.
        transaction_id: u32,
        /// In the order of the request's swarms.
        stats: Vec<ScrapeStats>,
    },
    /// To any request.
    Error {
        /// Of the request.
        transaction_id: u32,
        /// For a person.
        message: String,
    },
}

impl Response {
    /// The transaction id of the request that is answered.
    pub fn transaction_id(&self) -> u32 {
        match self {
            Self::Connect { transaction_id, .. }
            | Self::Announce { transaction_id, .. }
            | Self::Scrape { transaction_id, .. }
            | Self::Error { transaction_id, .. } => *transaction_id,
        }
    }

    /// The datagram for a client of `family`. Peers of the other family are
    /// left out: the packet has no place for them.
    pub fn encode(&self, family: AddressFamily) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Self::Connect {
                transaction_id,
                connection_id,
            } => {
                put_words(&[CONNECT, *transaction_id], &mut out);
                out.extend_from_slice(&connection_id.to_be_bytes());
            }
            Self::Announce {
                transaction_id,
                interval_s,
                incomplete,
                complete,
                peers,
            } => {
                let head = [
                    ANNOUNCE,
                    *transaction_id,
                    *interval_s,
                    *incomplete,
                    *complete,
                ];
                put_words(&head, &mut out);
                let is_v4 = family == AddressFamily::V4;
                for peer in peers.iter().filter(|peer| peer.is_ipv4() == is_v4) {
                    compact::push(*peer, &mut out);
                }
            }
            Self::Scrape {
                transaction_id,
                stats,
            } => {
                put_words(&[SCRAPE, *transaction_id], &mut out);
                for one in stats {
                    put_words(&[one.complete, one.downloaded, one.incomplete], &mut out);
                }
            }
            Self::Error {
                transaction_id,
                message,
            } => {
                put_words(&[ERROR, *transaction_id], &mut out);
                out.extend_from_slice(message.as_bytes());
            }
        }
        out
    }

    /// Reads a datagram that came from a tracker of `family`, which is the
    /// family of its peers too.
    ///
    /// # Errors
    /// If the datagram is too short or no response.
    pub fn decode(datagram: &[u8], family: AddressFamily) -> Result<Self, UdpFault> {
        need(datagram, 8)?;
        let transaction_id = u32_at(datagram, 4);
        match u32_at(datagram, 0) {
            CONNECT => {
                need(datagram, 16)?;
                Ok(Self::Connect {
                    transaction_id,
                    connection_id: u64_at(datagram, 8),
                })
            }
            ANNOUNCE => {
                need(datagram, 20)?;
                Ok(Self::Announce {
                    transaction_id,
                    interval_s: u32_at(datagram, 8),
                    incomplete: u32_at(datagram, 12),
                    complete: u32_at(datagram, 16),
                    peers: compact::peers(&datagram[20..], family)
                        .filter(|peer| peer.port() != 0)
                        .take(PEERS_MAX)
                        .collect(),
                })
            }
            SCRAPE => {
                let (entries, _) = datagram[8..].as_chunks::<12>();
                Ok(Self::Scrape {
                    transaction_id,
                    stats: entries
                        .iter()
                        .take(SCRAPE_SWARMS_MAX)
                        .map(|entry| ScrapeStats {
                            complete: u32_at(entry, 0),
                            downloaded: u32_at(entry, 4),
                            incomplete: u32_at(entry, 8),
                        })
                        .collect(),
                })
            }
            ERROR => Ok(Self::Error {
                transaction_id,
                message: text::printable(&datagram[8..], TEXT_CHARS_MAX),
            }),
            action => Err(UdpFault::UnknownAction(action)),
        }
    }
}

fn request_head(connection_id: u64, action: u32, transaction_id: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(&connection_id.to_be_bytes());
    put_words(&[action, transaction_id], out);
}

/// Bytes 16 to 98 of an announce request.
fn write_announce(announce: &AnnounceRequest, out: &mut Vec<u8>) {
    out.extend_from_slice(&announce.swarm.0);
    out.extend_from_slice(&announce.peer_id.0);
    for amount in [announce.downloaded, announce.left, announce.uploaded] {
        out.extend_from_slice(&amount.to_be_bytes());
    }
    let event = match announce.event {
        None => 0,
        Some(Event::Completed) => 1,
        Some(Event::Started) => 2,
        Some(Event::Stopped) => 3,
    };
    let ip = match announce.ip {
        Some(IpAddr::V4(ip)) => ip.to_bits(),
        // "Should always be set to 0" for IPv6, for want of space (BEP 15).
        Some(IpAddr::V6(_)) | None => 0,
    };
    // A signed field, in which -1 leaves the number to the tracker.
    let numwant = match announce.numwant {
        Some(count) => count.min(i32::MAX.unsigned_abs()),
        None => u32::MAX,
    };
    put_words(&[event, ip, announce.key, numwant], out);
    out.extend_from_slice(&announce.port.to_be_bytes());
}

fn read_announce(datagram: &[u8]) -> AnnounceRequest {
    let twenty = |at: usize| {
        let mut bytes = [0; 20];
        bytes.copy_from_slice(&datagram[at..at + 20]);
        bytes
    };
    AnnounceRequest {
        swarm: SwarmKey(twenty(16)),
        peer_id: PeerId(twenty(36)),
        downloaded: u64_at(datagram, 56),
        left: u64_at(datagram, 64),
        uploaded: u64_at(datagram, 72),
        event: match u32_at(datagram, 80) {
            1 => Some(Event::Completed),
            2 => Some(Event::Started),
            3 => Some(Event::Stopped),
            _ => None,
        },
        ip: match u32_at(datagram, 84) {
            0 => None,
            bits => Some(IpAddr::V4(Ipv4Addr::from_bits(bits))),
        },
        key: u32_at(datagram, 88),
        numwant: Some(u32_at(datagram, 92)).filter(|&count| count <= i32::MAX.unsigned_abs()),
        port: u16::from_be_bytes([datagram[96], datagram[97]]),
        tracker_id: None,
        ipv4: None,
        ipv6: None,
        no_peer_id: false,
    }
}

fn need(datagram: &[u8], needed: usize) -> Result<(), UdpFault> {
    let len = datagram.len();
    if len < needed {
        return Err(UdpFault::TooShort { len, needed });
    }
    Ok(())
}

fn put_words(words: &[u32], out: &mut Vec<u8>) {
    for word in words {
        out.extend_from_slice(&word.to_be_bytes());
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) << 32 | u64::from(u32_at(bytes, at + 4))
}

#[cfg(test)]
mod tests;
