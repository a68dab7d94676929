//! What a peer can do wrong in the encrypted handshake.

use thiserror::Error;

use super::dh::DegenerateKey;

/// A sin of the remote that no later byte can mend: the connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum MseFault {
    /// The end of the first padding did not come where it must at the latest.
    #[error("the encrypted handshake goes nowhere")]
    NoSync,
    /// What must decrypt to zeroes does not: another torrent's key, or noise.
    #[error("the encrypted handshake does not decrypt")]
    BadVerification,
    /// More padding than [`PAD_LEN_MAX`](super::PAD_LEN_MAX).
    #[error("the encrypted handshake has too much padding")]
    PadTooLong,
    /// No method that both sides allow, or an answer that is not one of those
    /// that were offered.
    #[error("there is no encryption that both sides allow")]
    NoMethod,
    /// A public key that would make the shared secret known.
    #[error("the public key of the encrypted handshake is degenerate")]
    DegenerateKey,
    /// The peer wants a torrent that we do not have.
    #[error("the encrypted handshake is for another torrent")]
    UnknownTorrent,
}

impl From<DegenerateKey> for MseFault {
    fn from(DegenerateKey: DegenerateKey) -> Self {
        Self::DegenerateKey
    }
}
