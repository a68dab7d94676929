//! Whom to talk to: making connections, losing them, refusing them.

use core::net::SocketAddr;

use superseed_proto::SwarmKey;
use superseed_proto::wire::{Capability, Handshake, Reserved};

use super::dial::Dial;
use super::greet::Greeting;
use super::twins::{self, Twin};
use super::{Life, Torrent, encryption};
use crate::action::Action;
use crate::candidates::CloseKind;
use crate::engine::shared::Cx;
use crate::engine::timers::Timer;
use crate::event::EventKind;
use crate::fault::PeerFault;
use crate::ids::ConnKey;
use crate::peer::{Peer, Phase};
use crate::stats::PeerSource;
use crate::time::Time;

impl Cx<'_> {
    /// Our handshake for a swarm, on a connection of its torrent.
    pub(crate) fn handshake(&self, key: ConnKey, swarm: SwarmKey) -> Handshake {
        let mut reserved = Reserved::default()
            .with(Capability::Fast)
            .with(Capability::ExtensionProtocol);
        let torrent = self.conns.get(key).and_then(|conn| conn.torrent);
        if torrent.is_some_and(|torrent| self.shared.dht.has_torrent(torrent)) {
            reserved = reserved.with(Capability::Dht);
        }
        Handshake {
            reserved,
            swarm,
            peer_id: self.shared.peer_id,
        }
    }

    /// Queues our handshake.
    pub(crate) fn send_handshake(&mut self, key: ConnKey, swarm: SwarmKey) {
        let handshake = self.handshake(key, swarm);
        let Some(conn) = self.conns.get_mut(key) else {
            return;
        };
        conn.swarm = Some(swarm);
        conn.outgoing
            .push_message(|buf| buf.extend_from_slice(&handshake.encode()));
        self.want_write(key);
    }
}

impl Torrent {
    /// Whether it wants more connections than it has.
    pub(crate) fn wants_connections(&self, cx: &Cx<'_>) -> bool {
        self.is_running()
            && self.peers.len() < cx.shared.settings.connections_per_torrent_max
            && cx.conns.len() < cx.shared.settings.connections_max
    }

    /// Notes an address. Says whether it is new.
    pub(crate) fn learn(&mut self, cx: &Cx<'_>, addr: SocketAddr, source: PeerSource) -> bool {
        self.lasting.learn(addr, source, cx.now)
    }

    /// Somebody named peers of its swarm.
    pub(crate) fn peers_named(
        &mut self,
        cx: &mut Cx<'_>,
        peers: &[SocketAddr],
        source: PeerSource,
    ) {
        if self.lasting.learn_all(cx, peers, source) {
            self.connect_more(cx);
        }
    }

    /// A neighbour is in its swarm. One that is new is to hear of us soon.
    pub(crate) fn meet(&mut self, cx: &mut Cx<'_>, addr: SocketAddr) {
        if self.learn(cx, addr, PeerSource::Lsd) {
            cx.shared.lsd.answer(self.key, cx.now);
            self.connect_more(cx);
        }
    }

    /// Tries candidates as far as limits allow.
    pub(crate) fn connect_more(&mut self, cx: &mut Cx<'_>) {
        self.lasting.candidates.set_ours(&cx.shared.ours);
        self.replace_useless(cx);
        if self.is_running() {
            self.dial(cx).more(cx);
        }
        self.plan_connects(cx);
    }

    fn dial(&mut self, cx: &Cx<'_>) -> Dial<'_> {
        Dial {
            lasting: &mut self.lasting,
            peers: &mut self.peers,
            slow_start: &mut self.slow_start,
            places: cx.shared.settings.connections_per_torrent_max,
        }
    }

    /// Sets the timer for the next attempt.
    fn plan_connects(&mut self, cx: &mut Cx<'_>) {
        let at = if !self.is_running() {
            Time::NEVER
        } else if self.has_better(cx) {
            self.turnover.next_look(cx.now)
        } else {
            self.dial(cx).next(cx)
        };
        cx.timer(Timer::Connect(self.key), at);
    }

    /// An outgoing stream is up.
    pub(crate) fn connected(&mut self, cx: &mut Cx<'_>, key: ConnKey) {
        cx.begin_handshake(key, &self.lasting);
    }

    /// The remote's handshake is whole: messages flow from now on.
    pub(crate) fn handshaken(
        &mut self,
        cx: &mut Cx<'_>,
        key: ConnKey,
        handshake: &Handshake,
    ) -> Result<(), PeerFault> {
        let now = cx.now;
        let Some(conn) = cx.conns.get_mut(key) else {
            return Ok(());
        };
        // Since the stream is up, or encrypted: who connects speaks first.
        let took = (!conn.incoming).then(|| now.since(encryption::asked_at(conn)));
        self.lasting.way_worked(conn);
        let (remote, incoming) = (conn.remote, conn.incoming);
        match twins::find(cx, &mut self.lasting, &self.peers, key, handshake)? {
            Twin::None => {}
            Twin::Goes(twin) => self.disconnect(cx, twin, CloseKind::Duplicate, None),
            Twin::Stays(twin) => {
                if !incoming && cx.conns[twin].remote.is_ipv4() != remote.is_ipv4() {
                    self.pass_by(cx, remote);
                }
                return Err(PeerFault::Duplicate);
            }
        }
        if self.life == Life::Opening {
            // Which pieces are there is not known yet.
            cx.greet_early(key, handshake, &mut self.lasting);
            return Ok(());
        }
        let peer = Peer::new(handshake, &self.layout, took, now);
        self.enter(cx, key, peer);
        self.greet(cx, key, Greeting::First);
        if handshake.reserved.has(Capability::Dht) {
            cx.tell_node(key);
        }
        self.join_exchange(cx, key);
        self.rearm(cx, key);
        Ok(())
    }

    /// Messages about pieces flow on a connection from now on.
    pub(super) fn enter(&mut self, cx: &mut Cx<'_>, key: ConnKey, mut peer: Peer) {
        peer.on_parole = self.is_suspect(cx, key);
        let Some(conn) = cx.conns.get_mut(key) else {
            return;
        };
        conn.phase = Phase::Traffic(Box::new(peer));
        conn.since = cx.now;
        if conn.incoming {
            self.lasting.incoming_seen = true;
            self.connect_due |= self.peers.len() > cx.shared.settings.connections_per_torrent_max;
        }
        self.lasting.candidates.connected(conn.remote, cx.now);
        cx.shared.timers.set_no_later(
            Timer::Choke(self.key),
            cx.now + std::time::Duration::from_secs(1),
        );
    }

    /// Forgets a connection that the host has closed, or was told to close.
    pub(crate) fn forget(&mut self, cx: &mut Cx<'_>, key: ConnKey, why: CloseKind) {
        self.drop_receiving(cx, key);
        self.take_back_all(cx, key);
        let Some(conn) = cx.conns.remove(key) else {
            return;
        };
        cx.shared.timers.clear(Timer::Conn(key));
        self.peers.retain(|other| *other != key);
        self.super_seed.leave(key);
        self.show_due = true;
        if conn.is_half_open() {
            cx.shared.connect.ended();
            self.lasting.candidates.abandoned(conn.remote, cx.now);
        } else if self.lasting.tries_other_way(cx, &conn, why) {
            // It may be tried at once.
        } else if !conn.incoming || conn.peer_id().is_some() {
            self.lasting.candidates.closed(conn.remote, cx.now, why);
        }
        if let Some(peer) = conn.peer() {
            self.leave_exchange(cx, &conn, why);
            if let Some(other) = peer.other_addr {
                self.lasting.learn_told(other, conn.remote.ip(), cx.now);
            }
            self.picker.peer_left(&peer.have, peer.joined_full);
            if !peer.am_choking {
                self.rechoke_due = true;
            }
        }
        if self.peers.is_empty() {
            self.pieces_seen = 0;
        }
        self.connect_due = true;
    }

    /// Ends a connection on our side.
    pub(crate) fn disconnect(
        &mut self,
        cx: &mut Cx<'_>,
        key: ConnKey,
        why: CloseKind,
        fault: Option<PeerFault>,
    ) {
        let Some(conn) = cx.conns.get(key) else {
            return;
        };
        let remote = conn.remote;
        cx.out.push(Action::Close { conn: key });
        self.forget(cx, key, why);
        if let Some(fault) = fault {
            cx.event(
                self.key,
                EventKind::PeerFault {
                    addr: remote,
                    fault,
                },
            );
        }
    }

    pub(crate) fn disconnect_all(&mut self, cx: &mut Cx<'_>) {
        for key in self.peers.clone() {
            self.disconnect(cx, key, CloseKind::Ours, None);
        }
        self.close_lanes(cx);
    }

    /// Never again: every connection of the host ends.
    pub(crate) fn ban(&mut self, cx: &mut Cx<'_>, ip: core::net::IpAddr) {
        self.lasting.candidates.ban(ip);
        let is_banned = |key: &ConnKey| {
            cx.conns
                .get(*key)
                .is_some_and(|conn| self.lasting.candidates.is_banned(conn.remote.ip()))
        };
        let banned: Vec<ConnKey> = self.peers.iter().copied().filter(is_banned).collect();
        for key in banned {
            let addr = cx.conns[key].remote;
            self.disconnect(cx, key, CloseKind::Fault, Some(PeerFault::WrongData));
            cx.event(self.key, EventKind::PeerBanned { addr });
        }
        self.drop_distrusted(cx);
    }

    /// Closes a connection between two that want nothing of each other for good.
    pub(crate) fn close_if_useless(&mut self, cx: &mut Cx<'_>, key: ConnKey) {
        if !self.is_complete() {
            return;
        }
        let Some(peer) = cx.conns.get(key).and_then(|conn| conn.peer()) else {
            return;
        };
        if peer.is_seed() || peer.about.upload_only {
            self.disconnect(cx, key, CloseKind::Useless, None);
        }
    }

    /// We are complete: other seeds are of no use, nor we to them.
    pub(crate) fn close_useless(&mut self, cx: &mut Cx<'_>) {
        for key in self.peers.clone() {
            self.update_interest(cx, key);
            self.close_if_useless(cx, key);
        }
    }
}
