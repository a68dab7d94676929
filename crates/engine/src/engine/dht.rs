//! The glue between the DHT and the rest.

use core::net::SocketAddr;

use super::Engine;
use super::lookups::Lookup;
use super::shared::{Conns, Cx};
use super::timers::Timer;
use super::torrents::{Slot, Torrents};
use crate::action::{Action, Outbox};
use crate::candidates::Voter;
use crate::dht::{DhtAction, DhtSnapshot, NodeStats, Wish};
use crate::ids::{ListenerId, TorrentKey};
use crate::stats::PeerSource;
use crate::time::Time;

/// Lets the DHT work when its time has come; nothing is done from inside an
/// event.
pub(crate) fn plan(cx: &mut Cx<'_>) {
    cx.timer(Timer::Dht, cx.shared.dht.next_deadline());
}

impl Engine {
    /// Somebody of the DHT sent something.
    pub(super) fn dht_datagram(
        &mut self,
        listener: ListenerId,
        from: SocketAddr,
        bytes: &[u8],
        now: Time,
        out: &mut Outbox,
    ) {
        if self.shared.dht.on_datagram(listener, from, bytes, now) {
            self.drive_dht(now, out);
        }
    }

    /// Does what is due, and hands what was found to the torrents.
    pub(super) fn drive_dht(&mut self, now: Time, out: &mut Outbox) {
        let mut actions = Vec::new();
        let (torrents, conns) = (&self.torrents, &self.conns);
        let wish = &mut |key| wish_of(torrents, conns, key);
        self.shared.dht.poll(now, wish, &mut actions);
        for action in actions {
            match action {
                // It is as if it did not answer.
                DhtAction::Send { to, .. } if self.shared.filter.blocks(to.ip()) => {}
                DhtAction::Send {
                    listener,
                    to,
                    bytes,
                } => out.push(Action::SendDatagram {
                    listener,
                    to,
                    bytes,
                }),
                DhtAction::Resolve { host, port } => {
                    let name = host.clone();
                    self.shared
                        .look_up(name, Lookup::Router { host, port }, out);
                }
                DhtAction::Peers { torrent, peers } => {
                    self.peers_named(torrent, &peers, PeerSource::Dht, now, out);
                }
                DhtAction::Ours { voter, ours, .. } => {
                    self.shared.external_vote(Voter::Node(voter), ours, now);
                }
                DhtAction::Found { ticket, found } => {
                    let found = Box::new(found);
                    out.push(Action::Found { ticket, found });
                }
            }
        }
        let next = self.shared.dht.next_deadline();
        self.shared.timers.set(Timer::Dht, next);
    }

    /// Whom our nodes of the DHT know, for the next time.
    pub fn dht_snapshot(&self, now: Time) -> DhtSnapshot {
        self.shared.dht.snapshot(now)
    }

    /// What each of our nodes of the DHT is and did.
    pub fn dht_stats(&self, now: Time) -> Vec<NodeStats> {
        self.shared.dht.stats(now)
    }
}

/// What a torrent wants when it has its turn; nothing if it takes no part.
fn wish_of(torrents: &Torrents, conns: &Conns, key: TorrentKey) -> Option<Wish> {
    let (lasting, is_lonely, is_seed) = match torrents.slot(key)? {
        Slot::Active(torrent) if torrent.is_running() => {
            let talks = |key| conns.get(key).is_some_and(|conn| conn.peer().is_some());
            let is_alone = !torrent.peers.iter().any(|key| talks(*key));
            let is_complete = torrent.is_complete();
            (&torrent.lasting, is_alone && !is_complete, is_complete)
        }
        Slot::Dormant(dormant) if dormant.runs() => (&dormant.lasting, false, true),
        Slot::AwaitingMetadata(awaiting) if awaiting.runs() => {
            (&awaiting.lasting, awaiting.is_lonely(conns), false)
        }
        // It is stopped.
        Slot::AwaitingMetadata(_) | Slot::Active(_) | Slot::Dormant(_) => return None,
    };
    lasting.may_share().then(|| Wish {
        swarms: lasting.info_hashes.swarm_keys().collect(),
        is_lonely,
        is_seed,
    })
}
