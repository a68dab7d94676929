//! Names that are being looked up: for whom.

use core::net::{IpAddr, SocketAddr};

use super::Engine;
use super::shared::Shared;
use crate::action::{Action, Outbox};
use crate::candidates::is_reserved;
use crate::ids::{ResolveKey, TorrentKey};
use crate::stats::PeerSource;
use crate::time::Time;

/// Whose name it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Lookup {
    /// A UDP tracker's.
    Tracker(String),
    /// A node's of the DHT, to begin with.
    Router { host: String, port: u16 },
    /// A peer's that the user names.
    Peer { torrent: TorrentKey, port: u16 },
}

impl Shared {
    /// Has a name looked up.
    pub(crate) fn look_up(&mut self, host: String, lookup: Lookup, out: &mut Outbox) {
        let resolve = self.resolves.insert(lookup);
        out.push(Action::Resolve { resolve, host });
    }
}

impl Engine {
    /// A peer is known by its name; by an address in words at once.
    pub(super) fn add_peer_name(
        &mut self,
        torrent: TorrentKey,
        host: String,
        port: u16,
        now: Time,
        out: &mut Outbox,
    ) {
        let bare = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        match bare.unwrap_or(&host).parse::<IpAddr>() {
            // Which name it stood for is not for those to choose who name peers.
            Ok(ip) if is_reserved(ip) => {}
            Ok(ip) => self.peers_named(
                torrent,
                &[SocketAddr::new(ip, port)],
                PeerSource::User,
                now,
                out,
            ),
            Err(_) => self
                .shared
                .look_up(host, Lookup::Peer { torrent, port }, out),
        }
    }

    /// A name was looked up; `addrs` is empty if that failed.
    pub(super) fn resolved(
        &mut self,
        resolve: ResolveKey,
        addrs: &[IpAddr],
        now: Time,
        out: &mut Outbox,
    ) {
        match self.shared.resolves.remove(resolve) {
            Some(Lookup::Tracker(host)) => {
                self.shared.udp.resolved(&host, addrs, now);
                self.drive_udp(now, out);
            }
            Some(Lookup::Router { host, port }) => {
                self.shared.dht.resolved(&host, port, addrs, now);
                self.drive_dht(now, out);
            }
            Some(Lookup::Peer { torrent, port }) => {
                let peers: Vec<_> = addrs.iter().map(|ip| SocketAddr::new(*ip, port)).collect();
                self.peers_named(torrent, &peers, PeerSource::User, now, out);
            }
            None => {}
        }
    }

    /// Somebody named peers of a torrent, whatever its form.
    pub(super) fn peers_named(
        &mut self,
        torrent: TorrentKey,
        peers: &[SocketAddr],
        source: PeerSource,
        now: Time,
        out: &mut Outbox,
    ) {
        self.with_any(torrent, now, out, |form, cx| {
            form.peers_named(cx, peers, source);
        });
    }
}
