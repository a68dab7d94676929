//! Peer exchange (BEP 11) of one torrent: who is told of whom and when, and
//! what follows from what a peer tells.

use core::net::SocketAddr;
use std::time::Duration;

use superseed_proto::wire::{Message, Pex, PexFlag, PexFlags};

use super::Torrent;
use super::lasting::Lasting;
use crate::candidates::CloseKind;
use crate::engine::shared::{Cx, Shared};
use crate::engine::timers::Timer;
use crate::fault::PeerFault;
use crate::ids::ConnKey;
use crate::peer::{Conn, Peer};
use crate::pex::{Heard, PEX_EVERY, PEX_FIRST_AFTER, Receiver, Told};
use crate::time::Time;

/// News wait so long for others, so that a crowd that comes or goes does not
/// wake the torrent with each of its peers.
const BATCH: Duration = Duration::from_secs(1);

impl Lasting {
    /// Whether peers tell us of each other.
    pub(crate) fn exchanges(&self, shared: &Shared) -> bool {
        shared.settings.pex && self.may_share()
    }

    /// Takes a message of peer exchange of the peer at `from`. Says whether
    /// somebody is new. A torrent that is complete does not turn to those who
    /// want nothing.
    ///
    /// # Errors
    /// If the message cannot be read, or messages come too fast.
    pub(crate) fn hear(
        &mut self,
        heard: &mut Heard,
        from: SocketAddr,
        payload: &[u8],
        is_complete: bool,
        now: Time,
    ) -> Result<bool, PeerFault> {
        let pex = Pex::decode(payload).map_err(|_| PeerFault::BadExtension)?;
        let room = self.candidates.room();
        let mut any = false;
        for (addr, flags) in heard.take(&pex, from, room, now)? {
            if !(is_complete && flags.has(PexFlag::UploadOnly)) {
                any |= self.learn_told(addr, from.ip(), now);
            }
        }
        Ok(any)
    }
}

impl Torrent {
    /// Whether its peers are told of each other.
    pub(super) fn exchanges(&self, cx: &Cx<'_>) -> bool {
        self.lasting.exchanges(cx.shared)
    }

    /// A peer tells us of others.
    pub(super) fn pex_message(
        &mut self,
        cx: &mut Cx<'_>,
        key: ConnKey,
        payload: &[u8],
    ) -> Result<(), PeerFault> {
        let is_complete = self.is_complete();
        let Some(conn) = cx.conns.get_mut(key) else {
            return Ok(());
        };
        let from = conn.remote;
        let Some(peer) = conn.peer_mut() else {
            return Ok(());
        };
        let heard = &mut peer.exchange.get_or_insert_default().heard;
        self.connect_due |= self
            .lasting
            .hear(heard, from, payload, is_complete, cx.now)?;
        Ok(())
    }

    /// A peer's address, or what it takes, may have become known: others are
    /// told of it, and it of others.
    pub(super) fn join_exchange(&mut self, cx: &mut Cx<'_>, key: ConnKey) {
        if !self.exchanges(cx) {
            return;
        }
        let Some(conn) = cx.conns.get_mut(key) else {
            return;
        };
        let mut addr = conn.remote;
        let incoming = conn.incoming;
        let Some(peer) = conn.peer_mut() else { return };
        let told = &mut peer.exchange.get_or_insert_default().told;
        if peer.about.extensions.ut_pex.is_some() {
            told.due = told.due.or(Some(cx.now + PEX_FIRST_AFTER));
        }
        // The port from which it called us is nobody's to call.
        addr.set_port(match incoming {
            false => addr.port(),
            true => peer.about.listen_port.unwrap_or_default(),
        });
        self.roster.join(told, addr);
        plan(cx, self.key);
    }

    /// A peer is connected in the other address family already: of this one it is
    /// told as of somebody who left, since few may have met it there (BEP 11).
    pub(super) fn pass_by(&mut self, cx: &mut Cx<'_>, addr: SocketAddr) {
        if self.exchanges(cx) {
            let mut passing = Told::default();
            self.roster.join(&mut passing, addr);
            self.roster.leave(&passing, true);
            plan(cx, self.key);
        }
    }

    /// A peer is connected no longer. Whom we gave up because neither side
    /// wanted anything, or because it was connected in the other address
    /// family too, others may want (BEP 11).
    pub(super) fn leave_exchange(&mut self, cx: &mut Cx<'_>, conn: &Conn, why: CloseKind) {
        let exchange = conn.peer().and_then(|peer| peer.exchange.as_ref());
        let Some(exchange) = exchange else {
            return;
        };
        self.roster.set_flags(&exchange.told, flags(conn));
        let worth = matches!(why, CloseKind::Useless | CloseKind::Duplicate);
        self.roster.leave(&exchange.told, worth);
        plan(cx, self.key);
    }

    /// Tells everyone who may have a message now what is new to it.
    pub(crate) fn send_exchange(&mut self, cx: &mut Cx<'_>) {
        if !self.exchanges(cx) {
            return;
        }
        for key in &self.peers {
            let conn = cx.conns.get(*key);
            let known = conn.and_then(|conn| Some((conn, conn.peer()?.exchange.as_ref()?)));
            if let Some((conn, exchange)) = known {
                self.roster.set_flags(&exchange.told, flags(conn));
            }
        }
        let mut next = Time::NEVER;
        for &key in &self.peers {
            let Some(conn) = cx.conns.get_mut(key) else {
                continue;
            };
            let ip = conn.remote.ip();
            let Some(peer) = conn.peer_mut() else {
                continue;
            };
            let to = Receiver {
                ip,
                is_seed: wants_nothing(peer),
            };
            let (Some(id), Some(exchange)) = (peer.about.extensions.ut_pex, &mut peer.exchange)
            else {
                continue;
            };
            let told = &mut exchange.told;
            let Some(due) = told.due else { continue };
            if due > cx.now {
                if self.roster.has_news(told, &to) {
                    next = next.min(due);
                }
                continue;
            }
            let Some(pex) = self.roster.tell(told, &to) else {
                continue;
            };
            told.due = Some(cx.now + PEX_EVERY);
            if self.roster.has_news(told, &to) {
                next = next.min(cx.now + PEX_EVERY);
            }
            let payload = pex.encode();
            conn.send(&Message::Extended {
                id,
                payload: &payload,
            });
            cx.want_write(key);
        }
        if next != Time::NEVER {
            cx.timer(Timer::Pex(self.key), next.max(cx.now + BATCH));
        }
    }
}

/// Something changed that peers may be told.
fn plan(cx: &mut Cx<'_>, torrent: crate::ids::TorrentKey) {
    let at = cx.now + BATCH;
    cx.shared.timers.set_no_later(Timer::Pex(torrent), at);
}

fn wants_nothing(peer: &Peer) -> bool {
    peer.is_seed() || peer.about.upload_only
}

/// What we know of a peer that others are told.
fn flags(conn: &Conn) -> PexFlags {
    let Some(peer) = conn.peer() else {
        return PexFlags::default();
    };
    let known = [
        (PexFlag::PrefersEncryption, peer.about.prefers_encryption),
        (PexFlag::UploadOnly, wants_nothing(peer)),
        (
            PexFlag::Holepunch,
            peer.about.extensions.ut_holepunch.is_some(),
        ),
        (PexFlag::Reachable, !conn.incoming),
    ];
    let known = known.into_iter().filter(|(_, is_known)| *is_known);
    known.fold(PexFlags::default(), |flags, (flag, _)| flags.with(flag))
}
