//! The extension protocol with one peer (BEP 10): which messages either side
//! takes, and what the small ones mean (BEP 21, 54).

use core::net::{IpAddr, SocketAddr};

use superseed_proto::wire::extended::HANDSHAKE_ID;
use superseed_proto::wire::{DontHave, ExtendedHandshake, ExtensionIds, Message, UploadOnly};

use super::Torrent;
use crate::candidates::{Reach, Voter};
use crate::engine::shared::Cx;
use crate::fault::PeerFault;
use crate::ids::ConnKey;

/// The ids under which we take extension messages.
pub(super) mod ours {
    pub(in crate::torrent) const UT_METADATA: u8 = 1;
    pub(in crate::torrent) const UT_PEX: u8 = 2;
    pub(super) const UPLOAD_ONLY: u8 = 3;
    pub(super) const LT_DONTHAVE: u8 = 4;
}

/// What we take of the extension protocol, with or without peer exchange.
pub(crate) fn offered(pex: bool) -> ExtensionIds {
    ExtensionIds {
        ut_metadata: Some(ours::UT_METADATA),
        ut_pex: pex.then_some(ours::UT_PEX),
        upload_only: Some(ours::UPLOAD_ONLY),
        lt_donthave: Some(ours::LT_DONTHAVE),
        ..ExtensionIds::default()
    }
}

/// The address of the other family at which a peer says that it listens as well
/// (`ipv4`, `ipv6`), if the whole world can reach it. One of the family that we
/// know it by could be anybody's.
fn other_addr(known: IpAddr, handshake: &ExtendedHandshake, port: u16) -> Option<SocketAddr> {
    let other: IpAddr = match known.to_canonical() {
        IpAddr::V4(_) => handshake.ipv6?.into(),
        IpAddr::V6(_) => handshake.ipv4?.into(),
    };
    let is_mapped = other.to_canonical() != other;
    let fits = !is_mapped && Reach::of(other) == Reach::World;
    fits.then_some(SocketAddr::new(other, port))
}

impl Torrent {
    /// Takes an extended message. One under an id that we did not offer is
    /// passed over, so that the protocol can grow.
    pub(super) fn extended(
        &mut self,
        cx: &mut Cx<'_>,
        key: ConnKey,
        id: u8,
        payload: &[u8],
    ) -> Result<(), PeerFault> {
        match id {
            HANDSHAKE_ID => {
                self.extended_handshake(cx, key, payload);
                Ok(())
            }
            ours::UT_METADATA => self.metadata_message(cx, key, payload),
            ours::UT_PEX if self.exchanges(cx) => self.pex_message(cx, key, payload),
            ours::UPLOAD_ONLY => {
                let said = UploadOnly::decode(payload).ok_or(PeerFault::BadExtension)?;
                self.peer_upload_only(cx, key, said.is_on);
                Ok(())
            }
            ours::LT_DONTHAVE => {
                let lost = DontHave::decode(payload).ok_or(PeerFault::BadExtension)?;
                let piece = self.layout.piece(lost.piece);
                self.peer_lost(cx, key, piece.ok_or(PeerFault::BadPieceIndex)?);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn extended_handshake(&mut self, cx: &mut Cx<'_>, key: ConnKey, payload: &[u8]) {
        let Some(conn) = cx.conns.get_mut(key) else {
            return;
        };
        let (remote, incoming) = (conn.remote, conn.incoming);
        let Some(peer) = conn.peer_mut() else { return };
        let before = peer.about.upload_only;
        // A handshake that cannot be read tells nothing; it harms nobody either.
        let Some(handshake) = peer.about.take(payload) else {
            return;
        };
        let port = peer.about.listen_port;
        let port = port.or((!incoming).then_some(remote.port()));
        let other = port.and_then(|port| other_addr(remote.ip(), &handshake, port));
        peer.other_addr = other.or(peer.other_addr);
        let upload_only = std::mem::replace(&mut peer.about.upload_only, before);
        if let Some(ours) = handshake.yourip {
            cx.shared
                .external_vote(Voter::Peer(remote.ip()), ours, cx.now);
        }
        self.join_exchange(cx, key);
        self.peer_upload_only(cx, key, upload_only);
    }

    /// A peer wants nothing of us any more, or something again.
    fn peer_upload_only(&mut self, cx: &mut Cx<'_>, key: ConnKey, upload_only: bool) {
        let Some(peer) = cx.conns.get_mut(key).and_then(|conn| conn.peer_mut()) else {
            return;
        };
        if upload_only != peer.about.upload_only {
            peer.about.upload_only = upload_only;
            self.rechoke_due = true;
        }
        self.close_if_useless(cx, key);
    }

    /// Tells peers that we begin, or cease, to want nothing of them (BEP 21).
    /// Who has heard of all our pieces knows already that nothing is wanted.
    pub(super) fn tell_upload_only(&mut self, cx: &mut Cx<'_>) {
        let is_on = self.is_complete() && !self.have().is_full();
        if std::mem::replace(&mut self.told_upload_only, is_on) == is_on {
            return;
        }
        for &key in &self.peers {
            if self.super_seed.is_masked(key) {
                continue;
            }
            let Some(conn) = cx.conns.get_mut(key) else {
                continue;
            };
            let Some(peer) = conn.peer() else { continue };
            if let Some(id) = peer.about.extensions.upload_only {
                let payload = UploadOnly { is_on }.encode();
                conn.send(&Message::Extended {
                    id,
                    payload: &payload,
                });
            } else if peer.extended {
                let handshake = ExtendedHandshake {
                    upload_only: Some(is_on),
                    ..ExtendedHandshake::default()
                };
                conn.send(&Message::Extended {
                    id: HANDSHAKE_ID,
                    payload: &handshake.encode(),
                });
            }
            cx.want_write(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_public_address_of_the_other_family_is_a_peers_other_one() {
        let of = |known: &str, ipv4: &str, ipv6: &str| {
            let handshake = ExtendedHandshake {
                ipv4: ipv4.parse().ok(),
                ipv6: ipv6.parse().ok(),
                ..ExtendedHandshake::default()
            };
            other_addr(known.parse().unwrap(), &handshake, 7)
        };
        let (v4, v6) = ("93.1.1.1", "2001:db8::1");
        assert_eq!(
            of("94.1.1.1", v4, v6),
            Some("[2001:db8::1]:7".parse().unwrap())
        );
        assert_eq!(
            of("::ffff:94.1.1.1", v4, v6),
            Some("[2001:db8::1]:7".parse().unwrap())
        );
        assert_eq!(
            of("2001:db8::2", v4, v6),
            Some("93.1.1.1:7".parse().unwrap())
        );
        assert_eq!(of("94.1.1.1", v4, ""), None);
        for inner in ["fd00::1", "fe80::1", "::1", "::ffff:93.1.1.1"] {
            assert_eq!(of("94.1.1.1", v4, inner), None, "{inner}");
        }
        assert_eq!(of("2001:db8::2", "192.168.0.1", v6), None);
    }
}
