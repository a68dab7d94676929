//! Why no torrent can be made: one sentence each, for the user to read.

use std::io;
use std::path::PathBuf;

use superseed_proto::bencode::Limits;
use superseed_proto::metainfo::{MetainfoError, PIECE_LEN_MAX};
use thiserror::Error;

use super::walk::{FILE_COUNT_MAX, LINKED_DIRS_MAX};
use crate::content::hash::Cancelled;

/// Why no torrent can be made of a file or directory.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CreateError {
    /// Nothing is at the path that was named, or it vanished.
    #[error("{0}: there is no such file or directory")]
    NotFound(PathBuf),
    /// A file or directory could not be read.
    #[error("{path}: cannot be read: {error}")]
    Io {
        /// Which one.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// A device, pipe or socket. It is not left out silently: a filter does
    /// that on request.
    #[error("{0}: is a device, pipe or socket, which no torrent can hold")]
    NotAFile(PathBuf),
    /// There is no byte to share.
    #[error("{0}: holds nothing to share: there is no file, or all are empty")]
    Empty(PathBuf),
    /// The filter left nothing.
    #[error("{0}: none of the files in it was chosen")]
    NothingChosen(PathBuf),
    /// A name is not UTF-8, as names in torrents are (BEP 3).
    #[error("{0}: the name is not UTF-8, which torrents need")]
    NotUtf8(PathBuf),
    /// Loading would change a name for safety: control characters, invisible
    /// ones, separators, or more than 240 bytes.
    #[error("{path:?}: the name {name:?} would not be kept by those who load the torrent")]
    Name {
        /// The file.
        path: PathBuf,
        /// The element of its path, or the name that was asked for.
        name: String,
    },
    /// Loading would rename one of two files, which would be one where ASCII
    /// case does not count.
    #[error("{0}: another file has the same name but for upper and lower case")]
    Collision(PathBuf),
    /// A kept link leads out of the directory, or to what is not shared.
    #[error("{path}: the symbolic link leads to {target}, which is not in the torrent")]
    LinkOutside {
        /// The link.
        path: PathBuf,
        /// Where it leads.
        target: PathBuf,
    },
    /// A link to a directory that it is in, while links are followed.
    #[error("{0}: the symbolic link leads back to a directory that it is in")]
    LinkLoop(PathBuf),
    /// Directories are reached by so many links that following all of them may
    /// have no end.
    #[error("{0}: more than {LINKED_DIRS_MAX} symbolic links to directories would be followed")]
    TooManyLinks(PathBuf),
    /// There are more files than any torrent can list.
    #[error("{0}: holds more than {FILE_COUNT_MAX} files")]
    TooManyFiles(PathBuf),
    /// A piece length that no torrent may have.
    #[error("a piece length of {0} bytes is not between 1 and {PIECE_LEN_MAX} bytes")]
    PieceLen(u32),
    /// A piece length that is not one of BEP 52.
    #[error(
        "a piece length of {0} bytes is not a power of two of at least 16 KiB, \
         which v2 and hybrid torrents need"
    )]
    PieceLenV2(u32),
    /// Files of a v2 or hybrid torrent are ordered by path (BEP 52).
    #[error("v2 and hybrid torrents order their files by path; only v1 torrents can be sorted")]
    Order,
    /// The torrent would be refused by whoever loads it: too many pieces, too
    /// many files, too deep a directory.
    #[error("{path}: no torrent that others load can be made of it: {reason}")]
    Unloadable {
        /// What was scanned.
        path: PathBuf,
        /// Why it would be refused.
        reason: MetainfoError,
    },
    /// The .torrent file itself would be refused for its length.
    #[error(
        "{path}: the .torrent file would be {len} bytes long, and one of more than {max} is \
         refused by those who load it; longer pieces or fewer files make it shorter",
        max = Limits::TORRENT_FILE.bytes
    )]
    TorrentTooLarge {
        /// What was scanned.
        path: PathBuf,
        /// The length that the .torrent file would have, in bytes.
        len: usize,
    },
    /// A file is not any more what it was when it was found.
    #[error("{0}: the file changed while it was read")]
    Changed(PathBuf),
    /// [`Progress::cancelled`](crate::content::Progress::cancelled) said so.
    #[error("making the torrent was cancelled")]
    Cancelled,
}

impl CreateError {
    /// What could not be done with a path.
    pub(super) fn io(path: impl Into<PathBuf>, error: io::Error) -> Self {
        let path = path.into();
        match error.kind() {
            io::ErrorKind::NotFound => Self::NotFound(path),
            _ => Self::Io { path, error },
        }
    }
}

impl From<Cancelled> for CreateError {
    fn from(_: Cancelled) -> Self {
        Self::Cancelled
    }
}
