//! The UDP client on one end of a line, a scripted tracker on the other.

use core::net::IpAddr;

use rand_chacha::ChaCha12Rng;
use slotmap::SlotMap;
use superseed_proto::tracker::AddressFamily;
use superseed_proto::tracker::udp::{Request, Response};
use superseed_proto::{PeerId, SwarmKey};

use crate::ids::AnnounceKey;
use crate::trackers::udp::{UdpAction, UdpAnnounce, UdpAnswer, UdpFailure, UdpTrackers};

use super::*;

pub(super) const TRACKER: &str = "10.9.9.9:6969";

/// The client, its clock, and what it sent and reported.
pub(super) struct Line {
    pub(super) client: UdpTrackers,
    pub(super) secret: ChaCha12Rng,
    pub(super) now: Time,
    pub(super) keys: SlotMap<AnnounceKey, ()>,
    pub(super) sent: Vec<(ListenerId, SocketAddr, Request)>,
    pub(super) lookups: Vec<String>,
    pub(super) done: Vec<(AnnounceKey, Result<UdpAnswer, UdpFailure>)>,
}

impl Line {
    pub(super) fn new() -> Self {
        Self {
            client: UdpTrackers::new(),
            secret: ChaCha12Rng::seed_from_u64(1),
            now: Time::START,
            keys: SlotMap::with_key(),
            sent: Vec::new(),
            lookups: Vec::new(),
            done: Vec::new(),
        }
    }

    pub(super) fn start(&mut self, url: &str, listener: ListenerId) -> AnnounceKey {
        let key = self.keys.insert(());
        let any: IpAddr = if listener == V6 {
            [0u16; 8].into()
        } else {
            [0u8; 4].into()
        };
        let announce = UdpAnnounce {
            url: url.to_owned(),
            listener,
            local: SocketAddr::new(any, 7000),
            swarm: SwarmKey([3; 20]),
            peer_id: PeerId([4; 20]),
            downloaded: 1,
            uploaded: 2,
            left: 3,
            event: AnnounceEvent::Started,
            ip: None,
            key: 0xfeed,
            numwant: 200,
            timeout: Duration::from_secs(60),
        };
        self.client.start(key, announce, self.now);
        self.poll();
        key
    }

    pub(super) fn poll(&mut self) {
        let mut actions = Vec::new();
        self.client.poll(self.now, &mut self.secret, &mut actions);
        for action in actions {
            match action {
                UdpAction::Send {
                    listener,
                    to,
                    bytes,
                } => {
                    self.sent
                        .push((listener, to, Request::decode(&bytes).unwrap()));
                }
                UdpAction::Resolve { host } => self.lookups.push(host),
                UdpAction::Done { announce, result } => self.done.push((announce, result)),
            }
        }
    }

    /// Sleeps to the deadline; seconds since the start.
    pub(super) fn sleep(&mut self) -> f64 {
        let next = self.client.next_deadline();
        assert!(next > self.now && next != Time::NEVER, "{next:?}");
        self.now = next;
        self.poll();
        self.now.since(Time::START).as_secs_f64()
    }

    pub(super) fn pass(&mut self, s: u64) {
        self.now += Duration::from_secs(s);
        self.poll();
    }

    /// The only request since the last look.
    pub(super) fn request(&mut self) -> (SocketAddr, Request) {
        assert_eq!(self.sent.len(), 1, "{:?}", self.sent);
        let (_, to, request) = self.sent.remove(0);
        (to, request)
    }

    pub(super) fn connect_id(&mut self) -> u32 {
        match self.request().1 {
            Request::Connect { transaction_id } => transaction_id,
            other => panic!("{other:?}"),
        }
    }

    /// Connection and transaction id of the announce that was sent.
    pub(super) fn announce_ids(&mut self) -> (u64, u32) {
        match self.request().1 {
            Request::Announce {
                connection_id,
                transaction_id,
                ..
            } => (connection_id, transaction_id),
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn reply_from(&mut self, from: &str, response: &Response) -> bool {
        let from: SocketAddr = from.parse().unwrap();
        let listener = if from.is_ipv4() { V4 } else { V6 };
        let bytes = response.encode(AddressFamily::of(from.ip()));
        let ours = self.client.on_datagram(listener, from, &bytes, self.now);
        self.poll();
        ours
    }

    pub(super) fn reply(&mut self, response: &Response) -> bool {
        self.reply_from(TRACKER, response)
    }

    /// Opens a connection and returns the transaction id of the announce.
    pub(super) fn connect(&mut self) -> u32 {
        let transaction_id = self.connect_id();
        assert!(self.reply(&Response::Connect {
            transaction_id,
            connection_id: 77
        }));
        let (connection_id, transaction_id) = self.announce_ids();
        assert_eq!(connection_id, 77);
        transaction_id
    }

    pub(super) fn failure(&mut self) -> UdpFailure {
        assert_eq!(self.done.len(), 1, "{:?}", self.done);
        self.done.remove(0).1.unwrap_err()
    }
}

pub(super) fn peers(transaction_id: u32, addrs: &[&str]) -> Response {
    let peers = addrs.iter().map(|addr| addr.parse().unwrap()).collect();
    Response::Announce {
        transaction_id,
        interval_s: 900,
        incomplete: 2,
        complete: 1,
        peers,
    }
}
