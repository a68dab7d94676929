//! What can go wrong for an embedding program: one enum per operation, each
//! message a sentence with the noun in it.

use std::io;
use std::net::SocketAddr;

use superseed_engine::{DiskError, DiskErrorKind};
use superseed_proto::InfoHashV2;
use superseed_proto::krpc::ItemFault;
use superseed_proto::metainfo::MetainfoError;

use crate::storage::InvalidPath;

/// Why a session could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A named address is in use by another program.
    #[error("cannot listen on {addr}: the port is in use")]
    PortBusy {
        /// The address as it was asked for.
        addr: SocketAddr,
    },
    /// An address cannot be listened on for another reason.
    #[error("cannot listen on {addr}: {error}")]
    Listen {
        /// The address as it was asked for.
        addr: SocketAddr,
        /// What the system said.
        error: io::Error,
    },
    /// The interface that the session is to be bound to has no address.
    #[error("cannot use the interface {interface}: it is gone or down, or has no address")]
    InterfaceDown {
        /// Its name.
        interface: String,
    },
    /// None of the default ports is free.
    #[error("cannot listen: all ports from {first} to {last} are in use")]
    NoFreePort {
        /// The first port tried.
        first: u16,
        /// The last port tried.
        last: u16,
    },
    /// The system refused something a session cannot do without.
    #[error("cannot start the session: {what}: {error}")]
    System {
        /// What was asked of the system.
        what: &'static str,
        /// What the system said.
        error: io::Error,
    },
}

/// Why a torrent could not be added. The session does not know it afterwards.
#[derive(Debug, thiserror::Error)]
pub enum AddError {
    /// The bytes are no usable torrent.
    #[error("{0}")]
    Metainfo(#[from] MetainfoError),
    /// The session has a torrent with the same info-hash already.
    #[error("the session already has this torrent")]
    Duplicate,
    /// The torrent has no v1 half (BEP 52), and v2 swarms are not served yet.
    #[error("the torrent {0} is version 2 only, which cannot be downloaded or seeded yet")]
    V2Only(InfoHashV2),
    /// The link's metadata is no torrent that can be downloaded.
    #[error("{0}")]
    Link(#[from] LinkError),
    /// The link selects a file that the torrent does not have (BEP 53).
    #[error("the link selects file {file}, and the torrent has {files}")]
    NoSuchFile {
        /// The file, 0-based.
        file: u32,
        /// How many there are.
        files: usize,
    },
    /// A name or path of [`crate::AddOptions`] would leave the directory.
    #[error("{0}")]
    InvalidPath(#[from] InvalidPath),
    /// A file in the way is not the torrent's ([`DiskErrorKind::Foreign`]).
    #[error("{0}")]
    Foreign(String),
    /// Another process works on the same files ([`DiskErrorKind::Locked`]).
    #[error("{0}")]
    Locked(String),
    /// The disk has too little space ([`DiskErrorKind::Full`]).
    #[error("{0}")]
    Full(String),
    /// The directory cannot be written to ([`DiskErrorKind::ReadOnly`]).
    #[error("{0}")]
    ReadOnly(String),
    /// The storage failed in another way ([`DiskErrorKind::Io`]).
    #[error("{0}")]
    Io(String),
    /// The session ends or has ended.
    #[error("the session has stopped")]
    Stopped,
}

impl From<DiskError> for AddError {
    fn from(error: DiskError) -> Self {
        let make = match error.kind {
            DiskErrorKind::Foreign => Self::Foreign,
            DiskErrorKind::Locked => Self::Locked,
            DiskErrorKind::Full => Self::Full,
            DiskErrorKind::ReadOnly => Self::ReadOnly,
            DiskErrorKind::Io => Self::Io,
        };
        make(error.message)
    }
}

/// Why an item was not stored in the DHT.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PutError {
    /// There can be no such item.
    #[error("{0}")]
    Item(#[from] ItemFault),
    /// Nobody stored it.
    #[error("no node of the DHT stored the item")]
    Nobody,
    /// The session is gone.
    #[error("{0}")]
    Gone(#[from] Gone),
}

/// Why the metadata of a link did not come.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// It came, and is no torrent that can be downloaded.
    #[error("{0}")]
    Refused(String),
    /// The torrent or the session is gone.
    #[error("{0}")]
    Gone(#[from] Gone),
}

/// Why a question or an order reached nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Gone {
    /// The session has stopped.
    #[error("the session has stopped")]
    Session,
    /// The torrent was removed from the session.
    #[error("the torrent was removed")]
    Torrent,
}

/// Why waiting for a torrent ended without success.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WaitError {
    /// The torrent stopped with an error of its storage.
    #[error("{0}")]
    Failed(DiskError),
    /// The torrent or the session is gone.
    #[error("{0}")]
    Gone(#[from] Gone),
}

impl From<WaitError> for ReadError {
    fn from(error: WaitError) -> Self {
        match error {
            WaitError::Failed(error) => Self::Disk(error),
            WaitError::Gone(gone) => Self::Gone(gone),
        }
    }
}

/// Why bytes could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The range ends beyond the torrent or file.
    #[error("bytes {start}..{end} reach beyond the end at {len}")]
    OutOfRange {
        /// Where the range begins.
        start: u64,
        /// Where the range ends.
        end: u64,
        /// How long the torrent or file is.
        len: u64,
    },
    /// The torrent has no file of this number.
    #[error("the torrent has no file {0}")]
    NoSuchFile(u32),
    /// Some piece of the range is not verified yet.
    #[error("these bytes are not there yet")]
    Missing,
    /// Too many reads wait already.
    #[error("too many reads at the same time")]
    Busy,
    /// The storage could not read.
    #[error("{0}")]
    Disk(DiskError),
    /// The torrent or the session is gone.
    #[error("{0}")]
    Gone(#[from] Gone),
}

/// Why a torrent file could not be fetched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The text is no http or https URL.
    #[error("{url} is not an http or https URL")]
    BadUrl {
        /// As it was given.
        url: String,
    },
    /// The server answered with a status that is not success.
    #[error("{url} answered with HTTP status {status}")]
    Status {
        /// As it was given.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// The file is larger than [`crate::FETCH_BYTES_MAX`].
    #[error("{url} is larger than {max} bytes, too large for a torrent file")]
    TooLarge {
        /// As it was given.
        url: String,
        /// The limit.
        max: usize,
    },
    /// The exchange failed.
    #[error("cannot fetch {url}: {error}")]
    Failed {
        /// As it was given.
        url: String,
        /// What went wrong.
        error: String,
    },
}
