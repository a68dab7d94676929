//! Whom to talk to: making connections, losing them, refusing them.

use core::net::SocketAddr;

use superseed_proto::wire::{Capability, Handshake, Reserved};

use super::Torrent;
use crate::action::Action;
use crate::candidates::CloseKind;
use crate::engine::shared::Cx;
use crate::engine::timers::Timer;
use crate::event::EventKind;
use crate::fault::PeerFault;
use crate::ids::ConnKey;
use crate::peer::{Conn, Peer, Phase};
use crate::stats::PeerSource;
use crate::time::Time;

/// How soon a torrent looks again for a place when others hold them all.
pub(super) const PLACE_RETRY: std::time::Duration = std::time::Duration::from_secs(10);

impl Cx<'_> {
    /// Queues our handshake.
    pub(crate) fn send_handshake(&mut self, key: ConnKey, swarm: superseed_proto::SwarmKey) {
        let peer_id = self.shared.peer_id;
        let Some(conn) = self.conns.get_mut(key) else {
            return;
        };
        let reserved = Reserved::default()
            .with(Capability::Fast)
            .with(Capability::ExtensionProtocol);
        let handshake = Handshake {
            reserved,
            swarm,
            peer_id,
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
        let peers = self.peers_up(cx);
        while self.wants_connections(cx)
            && cx.shared.connect.allow(cx.now)
            && self.slow_start.allow(peers, cx.now)
        {
            let Some(remote) = self.lasting.candidates.next(cx.now) else {
                break;
            };
            let from = cx.shared.listener_for(remote);
            self.lasting.candidates.connecting(remote, cx.now);
            cx.shared.connect.started(cx.now);
            self.slow_start.started(peers, cx.now);
            let mut conn = Conn::new(remote, Phase::Connecting, cx.now);
            conn.torrent = Some(self.key);
            conn.listener = from;
            conn.source = self
                .lasting
                .candidates
                .source(remote)
                .unwrap_or(PeerSource::Tracker);
            let key = cx.conns.insert(conn);
            self.peers.push(key);
            self.rearm(cx, key);
            cx.out.push(Action::Connect {
                conn: key,
                remote,
                from,
            });
        }
        self.plan_connects(cx);
    }

    /// Sets the timer for the next attempt.
    fn plan_connects(&mut self, cx: &mut Cx<'_>) {
        let candidate = self.lasting.candidates.next_deadline(cx.now);
        let own_room = self.peers.len() < cx.shared.settings.connections_per_torrent_max;
        let at = if self.is_running() && self.has_better(cx) {
            self.turnover.next_look(cx.now)
        } else if !self.is_running() || !own_room || candidate == Time::NEVER {
            // What ends this brings us back here.
            Time::NEVER
        } else {
            // A place that others hold becomes free without our being told.
            let session_room = cx.conns.len() < cx.shared.settings.connections_max;
            match cx.shared.connect.next_deadline(cx.now) {
                at if session_room && at != Time::NEVER => {
                    let peers = self.peers_up(cx);
                    let slow = self.slow_start.next_deadline(peers, cx.now);
                    candidate.max(at).max(slow)
                }
                _ => candidate.max(cx.now + PLACE_RETRY),
            }
        };
        cx.timer(Timer::Connect(self.key), at);
    }

    /// An outgoing stream is up: our handshake goes first.
    pub(crate) fn connected(&mut self, cx: &mut Cx<'_>, key: ConnKey) {
        cx.shared.connect.ended();
        let swarm = self.info_hashes().primary_swarm_key();
        cx.send_handshake(key, swarm);
        let Some(conn) = cx.conns.get_mut(key) else {
            return;
        };
        conn.phase = Phase::Handshaking(Box::default());
        conn.since = cx.now;
        conn.last_received = cx.now;
        // Not `rearm`: the time-out of the attempt would cut the handshake short.
        let at = super::time_outs::next(conn);
        cx.timer(Timer::Conn(key), at);
    }

    /// The remote's handshake is whole: messages flow from now on.
    pub(crate) fn handshaken(
        &mut self,
        cx: &mut Cx<'_>,
        key: ConnKey,
        handshake: &Handshake,
    ) -> Result<(), PeerFault> {
        let now = cx.now;
        let Some(conn) = cx.conns.get(key) else {
            return Ok(());
        };
        let (remote, incoming) = (conn.remote, conn.incoming);
        // Since the stream is up: who connects speaks first.
        let took = (!incoming).then(|| now.since(conn.since));
        if conn.swarm != Some(handshake.swarm) {
            return Err(PeerFault::WrongTorrent);
        }
        if handshake.peer_id == cx.shared.peer_id {
            self.lasting.candidates.mark_self(remote);
            return Err(PeerFault::Ourselves);
        }
        if let Some(twin) = self.twin(cx, key, handshake) {
            let twin_is_incoming = cx.conns[twin].incoming;
            // When both sides connect at once, each must keep the same of the
            // two: the one that the greater peer id made.
            let incoming_is_kept = handshake.peer_id.0 > cx.shared.peer_id.0;
            if incoming == twin_is_incoming || incoming != incoming_is_kept {
                if !incoming && cx.conns[twin].remote.is_ipv4() != remote.is_ipv4() {
                    self.pass_by(cx, remote);
                }
                return Err(PeerFault::Duplicate);
            }
            self.disconnect(cx, twin, CloseKind::Duplicate, None);
        }
        let fast = handshake.reserved.has(Capability::Fast);
        let extended = handshake.reserved.has(Capability::ExtensionProtocol);
        let mut peer = Peer::new(handshake.peer_id, fast, extended, &self.layout, took, now);
        peer.on_parole = self.is_suspect(cx, key);
        let conn = cx
            .conns
            .get_mut(key)
            .expect("the connection was there a line ago");
        conn.phase = Phase::Traffic(Box::new(peer));
        conn.since = now;
        if incoming {
            self.lasting.incoming_seen = true;
            self.connect_due |= self.peers.len() > cx.shared.settings.connections_per_torrent_max;
        }
        self.lasting.candidates.connected(remote, now);
        self.greet(cx, key);
        self.join_exchange(cx, key);
        cx.shared.timers.set_no_later(
            Timer::Choke(self.key),
            now + std::time::Duration::from_secs(1),
        );
        self.rearm(cx, key);
        Ok(())
    }

    /// Another connection to the peer that a handshake names.
    fn twin(&self, cx: &Cx<'_>, key: ConnKey, handshake: &Handshake) -> Option<ConnKey> {
        let others = self.peers.iter().filter(|other| **other != key);
        others.copied().find(|other| {
            let peer = cx.conns.get(*other).and_then(|conn| conn.peer());
            peer.is_some_and(|peer| peer.id == handshake.peer_id)
        })
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
        } else if !conn.incoming || conn.peer().is_some() {
            self.lasting.candidates.closed(conn.remote, cx.now, why);
        }
        if let Some(peer) = conn.peer() {
            self.leave_exchange(cx, peer, why);
            if let Some(other) = peer.other_addr {
                self.learn(cx, other, PeerSource::Pex);
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
        if peer.is_seed() || peer.upload_only {
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
