//! The first words to a peer: our pieces, what we offer of the extension
//! protocol (BEP 10), and what it may fetch while it is choked (BEP 6).

use core::net::{IpAddr, SocketAddr};

use superseed_proto::bitfield::Bitfield;
use superseed_proto::wire::extended::HANDSHAKE_ID;
use superseed_proto::wire::{ExtendedHandshake, Message};

use super::lasting::Lasting;
use super::{Torrent, extended};
use crate::candidates::{Reach, host, is_reserved};
use crate::engine::shared::{Cx, Shared};
use crate::ids::{ConnKey, ListenerId};
use crate::limits::REQUESTS_IN_QUEUE_MAX;
use crate::peer::Conn;

/// How many pieces a newcomer may fetch while choked (BEP 6, "allowed fast set").
const ALLOWED_FAST_PIECES: usize = 5;
/// How often a newcomer may fetch all of them while choked: a block may be lost
/// on its way, or taken back and asked for again. Without a bound, who never
/// wants a slot takes upload from those who have one: in `hostile-allowed-fast-flood`
/// four such peers made the last leecher 2.2 times as late.
const ALLOWED_FAST_TIMES: u64 = 2;
/// So many newcomers fetch theirs at a time, as far as we know: no choker
/// bounds them, and a crowd that comes at once would share the line so that
/// nobody has a whole piece for long (decision 035).
const ALLOWED_FAST_PEERS: usize = 4;
/// For so long a newcomer may be at it: some clients never ask for theirs.
const ALLOWED_FAST_TIME: std::time::Duration = std::time::Duration::from_secs(60);

/// The port that a peer may call us at: our own, or the gateway's if the peer is
/// outside.
fn port_for(shared: &Shared, peer: SocketAddr) -> Option<u16> {
    if Reach::of(peer.ip()) == Reach::World {
        let announced: Vec<_> = shared.announced().collect();
        listen_port(&announced, peer)
    } else {
        listen_port(&shared.listeners, peer)
    }
}

/// The port of those who listen: that of the peer's address family if they do so
/// in several.
fn listen_port(listeners: &[(ListenerId, SocketAddr)], peer: SocketAddr) -> Option<u16> {
    let open = listeners.iter().map(|(_, addr)| addr);
    let open = open.filter(|addr| addr.port() != 0);
    let of_family = open.clone().find(|addr| addr.is_ipv4() == peer.is_ipv4());
    of_family.or(open.clone().next()).map(SocketAddr::port)
}

/// Our address in the family that a peer does not know us by, where all the world
/// can reach it at the same port (`ipv4`, `ipv6`).
fn other_ip(ours: &[SocketAddr], peer: SocketAddr, port: Option<u16>) -> Option<IpAddr> {
    let is_ipv4 = peer.ip().to_canonical().is_ipv4();
    let mut others = ours.iter().filter(|addr| {
        addr.is_ipv4() != is_ipv4
            && Some(addr.port()) == port
            && Reach::of(addr.ip()) == Reach::World
    });
    others.next().map(SocketAddr::ip)
}

/// What a peer was told before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Greeting {
    /// Nothing.
    First,
    /// That we have nothing, when nobody could know better.
    Again,
}

impl Cx<'_> {
    /// Tells a peer where our node of the DHT is, in the family of the connection
    /// (BEP 5, BEP 32).
    pub(super) fn tell_node(&mut self, key: ConnKey) {
        let Some(conn) = self.conns.get_mut(key) else {
            return;
        };
        let torrent = conn.torrent.unwrap_or_default();
        if let Some(port) = self.shared.dht.port(torrent, conn.remote) {
            conn.send(&Message::Port(port));
            self.want_write(key);
        }
    }

    /// A peer says where its node is. It has one, and could name any number.
    pub(super) fn hear_of_node(&mut self, key: ConnKey, port: u16) {
        let Some(conn) = self.conns.get_mut(key) else {
            return;
        };
        let node = SocketAddr::new(conn.remote.ip(), port);
        let torrent = conn.torrent.unwrap_or_default();
        let about = conn.about_mut();
        let is_new = about.is_some_and(|about| !std::mem::replace(&mut about.told_node, true));
        if is_new && self.shared.dht.has_torrent(torrent) {
            self.shared.dht.hint(node, self.now);
            crate::engine::dht::plan(self);
        }
    }
}

impl Torrent {
    /// Whether one more newcomer may be given an allowed-fast set.
    fn may_allow(&self, cx: &Cx<'_>) -> bool {
        let fetches = |key: &&ConnKey| {
            let peer = cx.conns.get(**key).and_then(|conn| conn.peer());
            peer.is_some_and(|peer| {
                let young = cx.now.since(peer.since) < ALLOWED_FAST_TIME;
                let takes = peer.am_choking && !peer.about.upload_only && !peer.is_seed();
                let once =
                    u64::from(self.layout.piece_len_nominal()) * peer.allowed_to_it.len() as u64;
                young && takes && peer.uploaded < once
            })
        };
        self.peers.iter().filter(fetches).count() < ALLOWED_FAST_PEERS
    }

    /// Gives a newcomer its allowed-fast set, which BEP 6 defines for IPv4.
    fn allow_fast(&mut self, cx: &mut Cx<'_>, key: ConnKey) {
        let remote = cx.conns.get(key).map(|conn| conn.remote.ip());
        let Some(core::net::IpAddr::V4(ip)) = remote else {
            return;
        };
        if !self.may_allow(cx) || !self.newcomers.admit(host(ip.into())) {
            return;
        }
        let swarm = self.lasting.info_hashes.primary_swarm_key();
        let pieces = superseed_proto::wire::allowed_fast_set(
            ip,
            &swarm,
            self.layout.piece_count(),
            ALLOWED_FAST_PIECES,
        );
        let Some(conn) = cx.conns.get_mut(key) else {
            return;
        };
        for &piece in &pieces {
            conn.send(&Message::AllowedFast(piece.0));
        }
        let layout = &self.layout;
        let bytes = pieces
            .iter()
            .map(|piece| u64::from(layout.piece_len(*piece)));
        if let Some(peer) = conn.peer_mut() {
            peer.allowed_bytes = ALLOWED_FAST_TIMES * bytes.sum::<u64>();
            peer.allowed_to_it = pieces.iter().map(|piece| piece.0).collect();
        }
    }

    /// What we say first: our pieces, then the extension handshake.
    pub(super) fn greet(&mut self, cx: &mut Cx<'_>, key: ConnKey, greeting: Greeting) {
        let masked = self.mask(key);
        self.told_upload_only |= self.is_complete() && !self.have().is_full();
        let none = Bitfield::new(self.layout.piece_count());
        let have = if masked { &none } else { self.picker.have() };
        let Some(conn) = cx.conns.get_mut(key) else {
            return;
        };
        let Some(peer) = conn.peer() else { return };
        let (fast, extended) = (peer.fast, peer.extended);
        if let Some(peer) = conn.peer_mut() {
            peer.haves_told = self.haves.end();
        }
        if greeting == Greeting::First {
            show(conn, have, fast);
        } else {
            // What we have was told before, and was nothing (BEP 3, 6).
            for piece in have.iter() {
                conn.send(&Message::Have(piece.0));
            }
        }
        if extended {
            let handshake = ExtendedHandshake {
                upload_only: (self.is_complete() && !masked).then_some(true),
                metadata_size: self.metadata_len(),
                ..about_us(cx.shared, conn, &self.lasting)
            };
            let payload = handshake.encode();
            conn.send(&Message::Extended {
                id: HANDSHAKE_ID,
                payload: &payload,
            });
        }
        // Who may ask for nothing that it was not shown has no fast set either.
        if fast && !masked {
            self.allow_fast(cx, key);
        }
        cx.want_write(key);
    }
}

/// Tells what we have, in the shortest message.
fn show(conn: &mut Conn, have: &Bitfield, fast: bool) {
    if fast && have.is_full() {
        conn.send(&Message::HaveAll);
    } else if fast && have.count() == 0 {
        conn.send(&Message::HaveNone);
    } else if have.count() > 0 {
        let mut bits = Vec::new();
        have.write_wire(&mut bits);
        conn.send(&Message::Bitfield(&bits));
    }
}

/// What we say of ourselves whatever we have.
pub(super) fn about_us(shared: &Shared, conn: &Conn, lasting: &Lasting) -> ExtendedHandshake {
    let listen_port = port_for(shared, conn.remote);
    let (ipv4, ipv6) = match other_ip(&shared.ours, conn.remote, listen_port) {
        Some(IpAddr::V4(ip)) => (Some(ip), None),
        Some(IpAddr::V6(ip)) => (None, Some(ip)),
        None => (None, None),
    };
    let prefers = shared.settings.encryption.is_preferred();
    ExtendedHandshake {
        m: extended::offered(lasting.exchanges(shared)),
        ipv4,
        ipv6,
        client: Some(shared.settings.client_name.clone()),
        listen_port: if conn.incoming { None } else { listen_port },
        reqq: Some(REQUESTS_IN_QUEUE_MAX as u32),
        // What stands for a name is not what the peer is seen at.
        yourip: Some(conn.remote.ip()).filter(|ip| !is_reserved(*ip)),
        prefers_encryption: prefers.then_some(true),
        ..ExtendedHandshake::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_peer_hears_the_port_of_its_family_and_of_our_address_in_the_other() {
        let listeners = [
            (ListenerId(0), addr("0.0.0.0:0")),
            (ListenerId(1), addr("[::]:6881")),
            (ListenerId(2), addr("0.0.0.0:6882")),
        ];
        let [v4, v6] = [addr("93.1.1.1:1"), addr("[2001:db8::1]:1")];
        assert_eq!(listen_port(&listeners, v4), Some(6882));
        assert_eq!(listen_port(&listeners, v6), Some(6881));
        assert_eq!(listen_port(&listeners[..2], v4), Some(6881));
        assert_eq!(listen_port(&listeners[..1], v4), None);
        let ours = [addr("94.1.1.1:6881"), addr("[2001:db8::2]:6881")];
        assert_eq!(other_ip(&ours, v4, Some(6881)), Some(ours[1].ip()));
        assert_eq!(other_ip(&ours, v6, Some(6881)), Some(ours[0].ip()));
        assert_eq!(other_ip(&ours, v4, Some(6882)), None);
        let inner = [addr("10.0.0.1:6881"), addr("[fd00::1]:6881")];
        assert_eq!(other_ip(&inner, v4, Some(6881)), None);
        assert_eq!(other_ip(&inner, v6, Some(6881)), None);
    }
}
