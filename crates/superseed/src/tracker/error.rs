//! Why a tracker does not start, or does not serve a file.

use std::io;
use std::net::SocketAddr;

/// Why a [`Tracker`](super::Tracker) could not start.
#[derive(Debug, thiserror::Error)]
pub enum TrackerError {
    /// No address was named, and the machine has neither IPv4 nor IPv6.
    #[error("the tracker has no address to listen on: this machine has neither IPv4 nor IPv6")]
    NoAddress,
    /// Announces would never pause.
    #[error("the tracker's announce interval is under one second")]
    IntervalTooShort,
    /// An address is in use by another program, for TCP or for UDP.
    #[error("the tracker cannot listen on {addr}: the port is in use")]
    PortBusy {
        /// The address as it was asked for.
        addr: SocketAddr,
    },
    /// An address cannot be listened on for another reason.
    #[error("the tracker cannot listen on {addr}: {error}")]
    Listen {
        /// The address as it was asked for.
        addr: SocketAddr,
        /// What the system said.
        error: io::Error,
    },
    /// The system refused something a tracker cannot do without.
    #[error("cannot start the tracker: {what}: {error}")]
    System {
        /// What was asked of the system.
        what: &'static str,
        /// What the system said.
        error: io::Error,
    },
}

/// Why a [`Tracker`](super::Tracker) does not serve a torrent file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServeFileError {
    /// The path is one of the tracker's own, or not plain.
    #[error("the tracker cannot serve a file at {path:?}")]
    BadPath {
        /// The path as it was asked for.
        path: String,
    },
    /// The file has more than [`FILE_LEN_MAX`](super::FILE_LEN_MAX) bytes.
    #[error("the torrent file has {len} bytes, more than a tracker serves")]
    TooLarge {
        /// How many it has.
        len: usize,
    },
    /// There are [`FILES_MAX`](super::FILES_MAX) already.
    #[error("the tracker serves as many torrent files as it can already")]
    TooMany,
}
