//! The sins of peers, one variant each.

use superseed_proto::mse::MseFault;
use superseed_proto::wire::WireFault;

use crate::candidates::CloseKind;

/// Why a peer was disconnected: something it did that no correct peer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeerFault {
    /// Bytes that are no BitTorrent.
    #[error("{0}")]
    Wire(WireFault),
    /// An encrypted handshake that cannot go on.
    #[error("{0}")]
    Encryption(MseFault),
    /// Its handshake names a torrent that we do not have.
    #[error("unknown info-hash")]
    UnknownTorrent,
    /// It answered for another torrent than the one asked for.
    #[error("wrong info-hash")]
    WrongTorrent,
    /// It is ourselves.
    #[error("connected to ourselves")]
    Ourselves,
    /// It is connected already.
    #[error("already connected")]
    Duplicate,
    /// The handshake took too long.
    #[error("no handshake in time")]
    HandshakeTimeout,
    /// Nothing arrived for too long.
    #[error("silent for too long")]
    Idle,
    /// A HAVE ALL or HAVE NONE that was not the first message (BEP 6).
    #[error("bitfield after other messages")]
    LateBitfield,
    /// A bitfield with spare bits set, or of the wrong length.
    #[error("malformed bitfield")]
    BadBitfield,
    /// A piece number that the torrent does not have.
    #[error("piece number out of range")]
    BadPieceIndex,
    /// A REQUEST that reaches beyond its piece, or is empty or too long.
    #[error("request out of range")]
    BadRequest,
    /// More requests than we advertised to take.
    #[error("too many requests")]
    RequestFlood,
    /// Requests again and again while choked.
    #[error("requests while choked")]
    ChokedRequests,
    /// Fast extension messages without the Fast extension (BEP 6).
    #[error("Fast message without the Fast extension")]
    FastNotNegotiated,
    /// A REJECT of something that was not asked (BEP 6).
    #[error("reject of nothing that was asked")]
    BadReject,
    /// Blocks that nobody asked for, again and again.
    #[error("blocks that were not asked for")]
    UnwantedBlocks,
    /// A message of an extension that we offered, and that cannot be read (BEP 10).
    #[error("malformed extension message")]
    BadExtension,
    /// Messages of peer exchange, one after the other (BEP 11 has one a minute).
    #[error("too many messages of peer exchange")]
    PexFlood,
    /// Metadata that nobody asked for (BEP 9).
    #[error("metadata that was not asked for")]
    UnaskedMetadata,
    /// It states that the metadata has a length that it cannot have (BEP 9).
    #[error("metadata of an impossible length")]
    BadMetadataLen,
    /// Metadata that it sent was wrong (BEP 9).
    #[error("sent wrong metadata")]
    WrongMetadata,
    /// A block of metadata that the torrent's cannot have (BEP 9).
    #[error("metadata block out of range")]
    BadMetadataPiece,
    /// A block it sent was wrong.
    #[error("sent wrong data")]
    WrongData,
}

impl PeerFault {
    /// What it means for the next attempt to connect.
    pub(crate) fn close_kind(self) -> CloseKind {
        match self {
            Self::Duplicate => CloseKind::Duplicate,
            Self::Ourselves | Self::Idle | Self::HandshakeTimeout => CloseKind::Idle,
            _ => CloseKind::Fault,
        }
    }
}
