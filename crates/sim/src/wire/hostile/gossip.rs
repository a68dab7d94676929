//! A peer that tells of others who are not there (BEP 11).

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use superseed_proto::wire::{ExtendedHandshake, ExtensionIds, Pex, PexFlags};

use super::Mask;
use crate::wire::{Actor, ActorIo, Frame};

/// Its own id for peer exchange.
const ID: u8 = 1;
/// How many it adds in a message, and drops again in the next.
const TOLD: u32 = 100;
/// The first of the addresses that it makes up: nobody is there.
const NOWHERE: u32 = 0x0aff_0000;

/// A gossip on one connection: it has everything, as it says, and never sends
/// any of it.
pub struct Gossip {
    mask: Mask,
    every: Duration,
    victim: SocketAddr,
    theirs: Option<u8>,
    next: u32,
    told: Vec<SocketAddr>,
}

impl Gossip {
    /// One that tells so often of a hundred that nobody has seen, and of one
    /// machine at another port each time.
    pub fn new(mask: Mask, every: Duration, victim: SocketAddr) -> Self {
        let first = NOWHERE + (u32::from(mask.number()) << 12);
        Self {
            mask,
            every,
            victim,
            theirs: None,
            next: first,
            told: Vec::new(),
        }
    }
}

impl Actor for Gossip {
    fn connected(&mut self, io: &mut ActorIo) {
        let Frame::Handshake(mut reserved, swarm, peer_id) = self.mask.hello() else {
            return;
        };
        reserved[5] |= 0x10;
        io.send(&Frame::Handshake(reserved, swarm, peer_id));
        io.send(&self.mask.claim_all());
        let handshake = ExtendedHandshake {
            m: ExtensionIds {
                ut_pex: Some(ID),
                ..ExtensionIds::default()
            },
            ..ExtendedHandshake::default()
        };
        io.send(&Frame::Extended(0, handshake.encode().into()));
    }

    fn frame(&mut self, frame: &Frame, io: &mut ActorIo) {
        if let Frame::Extended(0, payload) = frame
            && let Ok(handshake) = ExtendedHandshake::decode(payload)
        {
            self.theirs = handshake.m.ut_pex;
            self.woken(io);
        }
    }

    fn woken(&mut self, io: &mut ActorIo) {
        let Some(id) = self.theirs else { return };
        let nowhere =
            (self.next..self.next + TOLD).map(|ip| SocketAddr::from((Ipv4Addr::from(ip), 6881)));
        let added: Vec<SocketAddr> = [self.victim].into_iter().chain(nowhere).collect();
        self.next += TOLD;
        self.victim.set_port(self.victim.port() % 65_535 + 1);
        let dropped = std::mem::replace(&mut self.told, added.clone());
        let pex = Pex {
            added: added
                .into_iter()
                .map(|addr| (addr, PexFlags::default()))
                .collect(),
            dropped,
        };
        io.send(&Frame::Extended(id, pex.encode().into()));
        io.wake_after(self.every);
    }
}
