//! One announce on its way through name, connection and answer.

use core::net::{IpAddr, SocketAddr};

use superseed_proto::tracker::udp::{Request, url_data};
use superseed_proto::tracker::{AnnounceRequest, Event};

use super::{UdpAnnounce, target};
use crate::time::Time;
use crate::trackers::AnnounceEvent;

/// An announce that is not answered yet.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) request: UdpAnnounce,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) give_up: Time,
    /// Addresses of the tracker in the listener's family that are still to be
    /// tried, the present one last.
    pub(super) remotes: Vec<SocketAddr>,
    pub(super) step: Step,
    /// A connection id of an earlier announce was refused: once is enough.
    pub(super) renewed: bool,
}

/// What the exchange waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// To be begun.
    Begin,
    /// An answer of the resolver.
    Resolving,
    /// A connection id of the present remote, until the next is tried.
    Connecting { move_on: Time },
    /// The answer.
    Announcing {
        transaction_id: u32,
        /// How often it was sent over the present connection.
        sent: u32,
        /// When it is sent again.
        again: Time,
        /// The connection id was there before.
        reused: bool,
    },
}

impl Exchange {
    /// `None` if the URL has no host.
    pub(super) fn new(request: UdpAnnounce, now: Time) -> Option<Self> {
        let (host, port) = target::parse(&request.url)?;
        let give_up = now + request.timeout;
        Some(Self {
            request,
            host,
            port,
            give_up,
            remotes: Vec::new(),
            step: Step::Begin,
            renewed: false,
        })
    }

    /// The address in the URL, if it has one instead of a name.
    pub(super) fn literal(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    /// Takes the addresses of the listener's family; false if there are none.
    pub(super) fn take_addrs(&mut self, addrs: &[IpAddr]) -> bool {
        let family = addrs.iter().filter(|ip| self.is_of_family(ip));
        let remotes = family.rev().map(|ip| SocketAddr::new(*ip, self.port));
        self.remotes = remotes.collect();
        !self.remotes.is_empty()
    }

    /// Whether an address is of the listener's family.
    pub(super) fn is_of_family(&self, ip: &IpAddr) -> bool {
        ip.is_ipv4() == self.request.local.is_ipv4()
    }

    /// The address that is being asked.
    pub(super) fn remote(&self) -> Option<SocketAddr> {
        self.remotes.last().copied()
    }

    /// The datagram.
    pub(super) fn packet(&self, connection_id: u64, transaction_id: u32) -> Vec<u8> {
        let request = &self.request;
        let announce = AnnounceRequest {
            swarm: request.swarm,
            peer_id: request.peer_id,
            port: request.local.port(),
            uploaded: request.uploaded,
            downloaded: request.downloaded,
            left: request.left,
            event: match request.event {
                AnnounceEvent::Regular => None,
                AnnounceEvent::Started => Some(Event::Started),
                AnnounceEvent::Completed => Some(Event::Completed),
                AnnounceEvent::Stopped => Some(Event::Stopped),
            },
            numwant: Some(request.numwant),
            key: request.key,
            tracker_id: None,
            ip: request.ip,
            ipv4: None,
            ipv6: None,
            no_peer_id: false,
        };
        let url_data = url_data(&request.url).as_bytes().to_vec();
        Request::Announce {
            connection_id,
            transaction_id,
            announce,
            url_data,
        }
        .encode()
    }
}
