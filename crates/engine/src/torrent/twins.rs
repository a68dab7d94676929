//! Two connections to one peer, of which one stays.

use superseed_proto::wire::Handshake;

use super::lasting::Lasting;
use crate::engine::shared::Cx;
use crate::fault::PeerFault;
use crate::ids::ConnKey;
use crate::peer::Conn;

/// What a whole handshake says of other connections.
pub(super) enum Twin {
    /// There is none to this peer.
    None,
    /// There is one, which goes for the new one.
    Goes(ConnKey),
    /// There is one, which stays.
    Stays(ConnKey),
}

/// Whether a connection whose handshake is whole is to the right peer, and to
/// one that is connected already.
///
/// When both sides connect at once, each must keep the same of the two: the one
/// that the greater peer id made.
pub(super) fn find(
    cx: &Cx<'_>,
    lasting: &mut Lasting,
    peers: &[ConnKey],
    key: ConnKey,
    handshake: &Handshake,
) -> Result<Twin, PeerFault> {
    let Some(conn) = cx.conns.get(key) else {
        return Ok(Twin::None);
    };
    if conn.swarm != Some(handshake.swarm) {
        return Err(PeerFault::WrongTorrent);
    }
    if handshake.peer_id == cx.shared.peer_id {
        lasting.candidates.mark_self(conn.remote);
        return Err(PeerFault::Ourselves);
    }
    let is_twin = |other: &ConnKey| {
        let other = cx.conns.get(*other).and_then(Conn::peer_id);
        other == Some(handshake.peer_id)
    };
    let mut others = peers.iter().copied().filter(|other| *other != key);
    let Some(twin) = others.find(is_twin) else {
        return Ok(Twin::None);
    };
    let twin_is_incoming = cx.conns[twin].incoming;
    let incoming_is_kept = handshake.peer_id.0 > cx.shared.peer_id.0;
    let stays = conn.incoming == twin_is_incoming || conn.incoming != incoming_is_kept;
    Ok(if stays {
        Twin::Stays(twin)
    } else {
        Twin::Goes(twin)
    })
}
