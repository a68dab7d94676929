//! Local service discovery (BEP 14): what our neighbours are told, when, and
//! which of them are believed.
//!
//! Owns the agenda of announces and the limits on what is heard. Datagrams and
//! sockets are the host's; whose swarm is heard, the engine's. A private torrent
//! is never on the agenda: whoever puts one there asks first (BEP 27).

mod agenda;
mod ear;
#[cfg(test)]
mod tests;

use core::net::SocketAddr;

use superseed_proto::SwarmKey;
use superseed_proto::lsd::{LsdAnnounce, encode};
use superseed_proto::tracker::AddressFamily;

use self::agenda::Agenda;
pub(crate) use self::agenda::Turn;
use self::ear::Ear;
use crate::candidates::Reach;
use crate::ids::{ListenerId, TorrentKey};
use crate::time::Time;

/// Local discovery of one session.
#[derive(Debug)]
pub(crate) struct Lsd {
    /// What our own announces are known by when they come back.
    cookie: u32,
    listeners: Vec<(ListenerId, SocketAddr)>,
    agenda: Agenda,
    ear: Ear,
}

/// Somebody near who is in some swarms.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Neighbour {
    /// Where it takes connections.
    pub(crate) addr: SocketAddr,
    /// What it is in.
    pub(crate) swarms: Vec<SwarmKey>,
}

impl Lsd {
    /// Nothing to say, and nowhere to say it.
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        let [a, b, c, d, ..] = seed;
        Self {
            cookie: u32::from_be_bytes([a, b, c, d]),
            listeners: Vec::new(),
            agenda: Agenda::default(),
            ear: Ear::default(),
        }
    }

    /// Where we listen: what is said is said from each of these. On loopback
    /// there are no neighbours.
    pub(crate) fn listening(&mut self, listeners: &[(ListenerId, SocketAddr)]) {
        let near = listeners
            .iter()
            .filter(|(_, addr)| !addr.ip().is_loopback());
        self.listeners = near.copied().collect();
    }

    /// A torrent is to be announced from now on, or, without a turn, no more.
    pub(crate) fn set(
        &mut self,
        torrent: TorrentKey,
        swarm: SwarmKey,
        turn: Option<Turn>,
        now: Time,
    ) {
        match turn {
            Some(turn) => self.agenda.set(torrent, swarm, turn, now),
            None => self.agenda.remove(torrent),
        }
    }

    /// A torrent is gone.
    pub(crate) fn forget(&mut self, torrent: TorrentKey) {
        self.agenda.remove(torrent);
    }

    /// A datagram came to the group, from `from`; `near` if that is in a network
    /// of ours. `None` if it is no announce, our own, or not believed.
    pub(crate) fn heard(
        &mut self,
        from: SocketAddr,
        near: bool,
        bytes: &[u8],
        now: Time,
    ) -> Option<Neighbour> {
        let near = near || Reach::of(from.ip()) == Reach::Network;
        if !near || !self.ear.admits(from.ip(), now) {
            return None;
        }
        let announce = LsdAnnounce::decode(bytes)?;
        if announce.is_of(self.cookie) {
            return None;
        }
        let mut addr = from;
        addr.set_port(announce.port);
        Some(Neighbour {
            addr,
            swarms: announce.swarms,
        })
    }

    /// Whether neighbours are told of a torrent, and may so be in its swarm.
    pub(crate) fn announces(&self, torrent: TorrentKey) -> bool {
        self.agenda.has(torrent)
    }

    /// A neighbour that is new is in the swarm of this torrent, and is to hear of
    /// us soon. Those that are known are not answered: neighbours would beget
    /// each other's announces, three times as many in the scenario `lsd`.
    pub(crate) fn answer(&mut self, torrent: TorrentKey, now: Time) {
        // Neighbours that heard the same do not answer at the same moment.
        let delay = agenda::ANSWER_WITHIN * (self.cookie % 1_000) / 1_000;
        self.agenda.bring_forward(torrent, delay, now);
    }

    /// What is to be said now, and from where.
    pub(crate) fn poll(&mut self, now: Time, out: &mut Vec<(ListenerId, Vec<u8>)>) {
        if self.listeners.is_empty() {
            return;
        }
        while let Some(swarms) = self.agenda.take(now) {
            out.extend(self.listeners.iter().map(|(listener, addr)| {
                let family = AddressFamily::of(addr.ip());
                (*listener, encode(family, addr.port(), &swarms, self.cookie))
            }));
        }
    }

    /// When [`Lsd::poll`] has something to say next.
    pub(crate) fn next_deadline(&self) -> Time {
        if self.listeners.is_empty() {
            return Time::NEVER;
        }
        self.agenda.next()
    }

    /// Hosts that were heard within the last second and are remembered for it.
    pub(crate) fn hosts_heard(&self) -> usize {
        self.ear.hosts()
    }
}
