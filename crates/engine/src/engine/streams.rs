//! Streams: made, handshaken, read, written, lost.

use core::net::SocketAddr;

use bytes::Bytes;
use superseed_proto::wire::{Handshake, HandshakeEvent, HandshakeReader};

use super::Engine;
use super::shared::Cx;
use super::timers::Timer;
use crate::action::{Action, Outbox};
use crate::candidates::host;
use crate::fault::PeerFault;
use crate::ids::{ConnKey, ListenerId, Ticket, TorrentKey};
use crate::input::{ConnectError, StreamEnd};
use crate::limits::{HANDSHAKE_TIMEOUT, INCOMING_SLACK, STRANGERS_PER_HOST_MAX};
use crate::peer::{Conn, Phase};
use crate::stats::PeerSource;
use crate::time::Time;
use crate::torrent::Torrent;

/// How far a handshake is.
enum Shaken {
    /// It needs more bytes, or the connection is closed.
    NotYet,
    /// It is whole, and messages may follow.
    Whole,
    /// It is none, and may be an encrypted one.
    Otherwise,
}

impl Engine {
    pub(super) fn listening(
        &mut self,
        listener: ListenerId,
        addr: SocketAddr,
        now: Time,
        out: &mut Outbox,
    ) {
        self.shared.listeners.retain(|(id, _)| *id != listener);
        self.shared.listeners.push((listener, addr));
        self.shared.find_ours();
        let listeners = &self.shared.listeners;
        self.shared.dht.listening(listeners, now);
        for key in self.torrents.keys() {
            self.with_any(key, now, out, |form, cx| form.listeners_changed(cx));
        }
        self.listen_near(now, out);
        self.drive_dht(now, out);
    }

    /// The gateway lets others call a listener, or does so no more.
    pub(super) fn mapped(
        &mut self,
        listener: ListenerId,
        external: Option<SocketAddr>,
        now: Time,
        out: &mut Outbox,
    ) {
        if self.shared.mapped(listener, external) {
            let port = external.map(|external| external.port());
            self.shared.dht.mapped(listener, port);
            for key in self.torrents.keys() {
                self.with_any(key, now, out, |form, cx| form.listeners_changed(cx));
            }
            self.drive_dht(now, out);
        }
    }

    /// A stranger at the door. A few more than the limit are let in, so that a
    /// full client can still be found by peers of torrents that have room.
    pub(super) fn incoming(
        &mut self,
        ticket: Ticket,
        remote: SocketAddr,
        listener: ListenerId,
        now: Time,
        out: &mut Outbox,
    ) {
        if self.shared.filter.blocks(remote.ip()) {
            return out.push(Action::Refuse { ticket });
        }
        if self.is_full() {
            self.make_room(now, out);
        }
        let stranger = |conn: &&Conn| {
            conn.incoming
                && matches!(conn.phase, Phase::Handshaking(_) | Phase::Securing(_))
                && host(conn.remote.ip()) == host(remote.ip())
        };
        let crowd = self.conns.values().filter(stranger).count() >= STRANGERS_PER_HOST_MAX;
        if self.is_full() || crowd || self.shared.stopping || self.torrents.is_empty() {
            return out.push(Action::Refuse { ticket });
        }
        let mut conn = Conn::new(remote, Phase::Handshaking(Box::default()), now);
        conn.incoming = true;
        conn.listener = Some(listener);
        conn.source = PeerSource::Incoming;
        let key = self.conns.insert(conn);
        self.shared
            .timers
            .set(Timer::Conn(key), now + HANDSHAKE_TIMEOUT);
        out.push(Action::Accept { ticket, conn: key });
    }

    /// Whether not even a stranger is let in.
    fn is_full(&self) -> bool {
        self.conns.len() >= self.shared.settings.connections_max + INCOMING_SLACK
    }

    /// Somebody knocks: the last places of the session shall not be useless
    /// ones' for good, whatever torrent they are of. Nobody is looked for more
    /// often than somebody may be given up.
    fn make_room(&mut self, now: Time, out: &mut Outbox) {
        if !self.shared.turnover.allows(now) {
            return;
        }
        self.shared.turnover.replaced(now);
        let useless = self.conns.iter().filter_map(|(key, conn)| {
            let torrent = self.torrents.get(conn.torrent?)?;
            Some((torrent.uselessness(conn, now)?, key, torrent.key))
        });
        if let Some((_, key, torrent)) = useless.max() {
            self.with_torrent(torrent, now, out, |torrent, cx| torrent.give_up(cx, key));
        }
    }

    pub(super) fn connected(&mut self, key: ConnKey, now: Time, out: &mut Outbox) {
        let Some(torrent) = self.torrent_of(key) else {
            return;
        };
        self.with_any(torrent, now, out, |form, cx| form.connected(cx, key));
    }

    pub(super) fn connect_failed(
        &mut self,
        key: ConnKey,
        error: ConnectError,
        now: Time,
        out: &mut Outbox,
    ) {
        let Some(torrent) = self.torrent_of(key) else {
            return;
        };
        self.with_any(torrent, now, out, |form, cx| {
            form.connect_failed(cx, key, error);
        });
    }

    pub(super) fn stream_closed(
        &mut self,
        key: ConnKey,
        _end: StreamEnd,
        now: Time,
        out: &mut Outbox,
    ) {
        match self.torrent_of(key) {
            Some(torrent) => {
                self.with_any(torrent, now, out, |form, cx| form.lost(cx, key));
            }
            None => self.drop_stranger(key),
        }
    }

    fn torrent_of(&self, key: ConnKey) -> Option<TorrentKey> {
        self.conns.get(key)?.torrent
    }

    fn drop_stranger(&mut self, key: ConnKey) {
        self.conns.remove(key);
        self.shared.timers.clear(Timer::Conn(key));
    }

    /// Closes a connection that belongs to no torrent yet.
    pub(super) fn refuse_stranger(&mut self, key: ConnKey, out: &mut Outbox) {
        self.drop_stranger(key);
        out.push(Action::Close { conn: key });
    }

    /// Bytes came, which may be a part of `shared`.
    pub(super) fn received(
        &mut self,
        key: ConnKey,
        bytes: &[u8],
        shared: Option<&Bytes>,
        now: Time,
        out: &mut Outbox,
    ) {
        self.spend_download(key, bytes.len(), now);
        let Some(conn) = self.conns.get_mut(key) else {
            return;
        };
        conn.last_received = now;
        if conn.is_veiled() {
            self.unveil(key, bytes, now, out);
        } else {
            self.read(key, bytes, shared, now, out);
        }
    }

    /// Reads bytes as they were before they were encrypted, if they were.
    pub(super) fn read(
        &mut self,
        key: ConnKey,
        bytes: &[u8],
        shared: Option<&Bytes>,
        now: Time,
        out: &mut Outbox,
    ) {
        let Some(conn) = self.conns.get_mut(key) else {
            return;
        };
        let mut input = bytes;
        if let Phase::Handshaking(reader) = &mut conn.phase {
            let mut reader = std::mem::take(reader);
            let read = self.handshaking(key, &mut reader, &mut input, now, out);
            if matches!(read, Shaken::Otherwise) {
                return self.accept_encrypted(key, reader.received(), input, now, out);
            }
            if let Some(Conn {
                phase: Phase::Handshaking(place),
                ..
            }) = self.conns.get_mut(key)
            {
                *place = reader;
            }
            if !matches!(read, Shaken::Whole) {
                return;
            }
        }
        let Some(torrent) = self.torrent_of(key) else {
            return;
        };
        self.with_any(torrent, now, out, |form, cx| {
            form.read(cx, key, input, shared);
        });
    }

    /// Reads on in a handshake.
    fn handshaking(
        &mut self,
        key: ConnKey,
        reader: &mut HandshakeReader,
        input: &mut &[u8],
        now: Time,
        out: &mut Outbox,
    ) -> Shaken {
        loop {
            match reader.next(input) {
                Ok(None) => return Shaken::NotYet,
                Ok(Some(HandshakeEvent::Head { swarm, .. })) => {
                    let Some(conn) = self.conns.get(key) else {
                        return Shaken::NotYet;
                    };
                    if !conn.incoming {
                        continue;
                    }
                    let torrent = self.swarms.get(&swarm);
                    let Some(torrent) = torrent.filter(|_| self.may_be_plain(conn)) else {
                        self.refuse_stranger(key, out);
                        return Shaken::NotYet;
                    };
                    let takes = self.with_any(torrent, now, out, |form, cx| form.welcome(cx, key));
                    if takes != Some(true) {
                        self.refuse_stranger(key, out);
                        return Shaken::NotYet;
                    }
                    self.with_any(torrent, now, out, |_, cx| cx.send_handshake(key, swarm));
                }
                Ok(Some(HandshakeEvent::Complete(handshake))) => {
                    return match self.handshaken(key, &handshake, now, out) {
                        true => Shaken::Whole,
                        false => Shaken::NotYet,
                    };
                }
                Err(fault) if self.may_be_encrypted(key, fault) => return Shaken::Otherwise,
                Err(fault) => {
                    self.fault(key, PeerFault::Wire(fault), now, out);
                    return Shaken::NotYet;
                }
            }
        }
    }

    fn handshaken(
        &mut self,
        key: ConnKey,
        handshake: &Handshake,
        now: Time,
        out: &mut Outbox,
    ) -> bool {
        let Some(torrent) = self.torrent_of(key) else {
            return false;
        };
        let whole = self.with_any(torrent, now, out, |form, cx| {
            form.handshaken(cx, key, handshake)
        });
        whole.unwrap_or(false)
    }

    pub(super) fn fault(&mut self, key: ConnKey, fault: PeerFault, now: Time, out: &mut Outbox) {
        match self.torrent_of(key) {
            Some(torrent) => {
                self.with_any(torrent, now, out, |form, cx| {
                    form.disconnect_for(cx, key, fault);
                });
            }
            None => self.refuse_stranger(key, out),
        }
    }
}

impl Torrent {
    /// Reads messages of a peer, which may lie in `shared`.
    pub(crate) fn read(
        &mut self,
        cx: &mut Cx<'_>,
        key: ConnKey,
        mut input: &[u8],
        shared: Option<&Bytes>,
    ) {
        let Some(conn) = cx.conns.get_mut(key) else {
            return;
        };
        if conn.meeting().is_some() {
            return self.hear_early(cx, key, input);
        }
        let Some(peer) = conn.peer_mut() else {
            return;
        };
        let Some(mut decoder) = peer.decoder.take() else {
            return;
        };
        loop {
            let result = match decoder.next(&mut input) {
                Ok(Some(event)) => self.peer_event(cx, key, event, shared),
                Ok(None) => break,
                Err(fault) => Err(PeerFault::Wire(fault)),
            };
            if let Err(fault) = result {
                return self.disconnect_for(cx, key, fault);
            }
            if !cx.conns.contains_key(key) {
                return;
            }
        }
        if let Some(peer) = cx.conns.get_mut(key).and_then(|conn| conn.peer_mut()) {
            peer.decoder = Some(decoder);
        }
        self.fill(cx, key);
    }

    /// Ends a connection because of what its peer did.
    pub(crate) fn disconnect_for(&mut self, cx: &mut Cx<'_>, key: ConnKey, fault: PeerFault) {
        self.disconnect(cx, key, fault.close_kind(), Some(fault));
    }
}
