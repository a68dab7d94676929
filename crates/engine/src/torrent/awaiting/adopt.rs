//! Peers that a torrent met before its pieces were known become its peers.

use superseed_proto::wire::MetadataMessage;

use crate::candidates::Voter;
use crate::engine::shared::Cx;
use crate::fault::PeerFault;
use crate::ids::ConnKey;
use crate::peer::{Heard, Peer, Phase};
use crate::torrent::Torrent;
use crate::torrent::extended::ours;
use crate::torrent::greet::Greeting;

impl Torrent {
    /// Takes what a peer says before the storage is open.
    pub(crate) fn hear_early(&mut self, cx: &mut Cx<'_>, key: ConnKey, input: &[u8]) {
        let result = cx.hear(key, input, |cx, heard| {
            match heard {
                Heard::About(handshake) => {
                    let remote = cx.conns.get(key).map(|conn| conn.remote);
                    if let (Some(ours), Some(remote)) = (handshake.yourip, remote) {
                        cx.shared
                            .external_vote(Voter::Peer(remote.ip()), ours, cx.now);
                    }
                }
                Heard::Extension {
                    id: ours::UT_METADATA,
                    payload,
                } => {
                    let message = MetadataMessage::decode(payload);
                    let message = message.map_err(|_| PeerFault::BadExtension)?;
                    if let MetadataMessage::Request { piece } = message {
                        cx.refuse_metadata(key, piece);
                    }
                }
                Heard::Node(port) => cx.hear_of_node(key, port),
                Heard::Extension { .. } | Heard::Nothing | Heard::Refused { .. } => {}
            }
            Ok(())
        });
        if let Err(fault) = result {
            self.disconnect_for(cx, key, fault);
        }
    }

    /// The pieces are known: whoever was met is a peer now.
    pub(crate) fn adopt_all(&mut self, cx: &mut Cx<'_>) {
        for key in self.peers.clone() {
            if let Err(fault) = self.adopt(cx, key) {
                self.disconnect_for(cx, key, fault);
            }
        }
    }

    fn adopt(&mut self, cx: &mut Cx<'_>, key: ConnKey) -> Result<(), PeerFault> {
        let Some(conn) = cx.conns.get_mut(key) else {
            return Ok(());
        };
        if conn.meeting().is_none() {
            return Ok(());
        }
        let Phase::Meeting(mut meeting) = std::mem::replace(&mut conn.phase, Phase::Connecting)
        else {
            return Ok(());
        };
        let mut peer = Peer::new(&meeting.handshake, &self.layout, None, cx.now);
        peer.about = std::mem::take(&mut meeting.about);
        peer.exchange = meeting.exchange.take();
        if let Some(mut decoder) = meeting.decoder.take() {
            decoder.set_piece_count(Some(self.layout.piece_count()));
            peer.decoder = Some(decoder);
        }
        self.enter(cx, key, peer);
        self.greet(cx, key, Greeting::Again);
        self.join_exchange(cx, key);
        meeting.replay(|message| self.message(cx, key, &message))?;
        self.rearm(cx, key);
        Ok(())
    }
}
