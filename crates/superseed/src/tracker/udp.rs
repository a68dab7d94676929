//! UDP announce and scrape (BEP 15), each datagram for itself.
//!
//! No answer but a connect's goes to an address that has not proven itself by
//! a connection id, and that one is as long as its question: the tracker is
//! of no use to somebody who forges a source. The options of BEP 41 are
//! ignored, since every torrent is announced at the same place.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use superseed_proto::tracker::AddressFamily::{self, V4, V6};
use superseed_proto::tracker::udp::{Request, Response};
use tokio::net::UdpSocket;
use tokio::time::sleep;

use super::connection_id::ConnectionIds;
use super::limits::{ACCEPT_REST, NUMWANT_MAX};
use super::service::{Carriage, Fault, Service};

/// The longest datagram that is read: a scrape of 74 swarms has 1,496 bytes,
/// an announce with the options of BEP 41 about 1,100. What is longer is cut.
const DATAGRAM_LEN_MAX: usize = 2_048;

/// How many IPv6 peers fit into the 1,232 bytes that the smallest IPv6 packet
/// leaves, after 20 bytes of head: a longer answer might come in fragments,
/// which firewalls like to drop. 200 IPv4 peers are short of Ethernet's 1,472.
const PEERS_V6_MAX: u32 = (1_232 - 20) / 18;

/// Answers datagrams for ever.
pub(super) async fn serve(socket: UdpSocket, service: Arc<Service>, ids: Arc<ConnectionIds>) {
    let mut buf = vec![0; DATAGRAM_LEN_MAX];
    loop {
        match socket.recv_from(&mut buf).await {
            Ok((len, from)) => {
                let Some(answer) = answer(&buf[..len], from.ip(), &service, &ids) else {
                    continue;
                };
                reply(&socket, &answer, from).await;
            }
            // Some systems report here that an earlier answer met a closed port.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
            Err(error) => {
                tracing::warn!(%error, "the tracker cannot receive for a moment");
                sleep(ACCEPT_REST).await;
            }
        }
    }
}

/// An answer that cannot be sent is lost like one on the way: the client asks
/// again.
async fn reply(socket: &UdpSocket, answer: &[u8], to: SocketAddr) {
    if let Err(error) = socket.send_to(answer, to).await {
        tracing::debug!(%to, %error, "an answer was not sent");
    }
}

/// The answer to a datagram, if it deserves one.
fn answer(
    datagram: &[u8],
    from: IpAddr,
    service: &Service,
    ids: &ConnectionIds,
) -> Option<Vec<u8>> {
    let now = service.now();
    let family = AddressFamily::of(from);
    let Ok(request) = Request::decode(datagram) else {
        service.count(Fault::Invalid);
        return None;
    };
    let response = match request {
        Request::Connect { transaction_id } => Response::Connect {
            transaction_id,
            connection_id: ids.issue(from, now),
        },
        Request::Announce {
            connection_id,
            transaction_id,
            announce,
            ..
        } => {
            if !knows(ids, connection_id, from, now, service) {
                return None;
            }
            match service.announce(&announce, from, carriage(family)) {
                Ok(response) => Response::Announce {
                    transaction_id,
                    interval_s: response.interval_s.unwrap_or_default(),
                    incomplete: response.incomplete.unwrap_or_default(),
                    complete: response.complete.unwrap_or_default(),
                    peers: response.peers.into_iter().map(|peer| peer.addr).collect(),
                },
                Err(refusal) => Response::Error {
                    transaction_id,
                    message: refusal.to_string(),
                },
            }
        }
        Request::Scrape {
            connection_id,
            transaction_id,
            swarms,
        } => {
            if !knows(ids, connection_id, from, now, service) {
                return None;
            }
            Response::Scrape {
                transaction_id,
                stats: service.scrape(&swarms),
            }
        }
    };
    Some(response.encode(family))
}

/// A request under a wrong id gets no answer: its source may be forged, and a
/// client whose id has merely expired connects anew when it retransmits.
fn knows(ids: &ConnectionIds, id: u64, from: IpAddr, now: Duration, service: &Service) -> bool {
    let known = ids.accepts(id, from, now);
    if !known {
        service.count(Fault::ConnectionId);
    }
    known
}

/// An answer has room for the asker's own family only.
fn carriage(family: AddressFamily) -> Carriage {
    match family {
        V4 => Carriage {
            families: &[V4],
            peers_max: NUMWANT_MAX,
        },
        V6 => Carriage {
            families: &[V6],
            peers_max: PEERS_V6_MAX,
        },
    }
}
