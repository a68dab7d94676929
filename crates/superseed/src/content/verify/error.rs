//! Why files cannot be checked at all.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::content::hash::Cancelled;

/// Why nothing can be said of a torrent's files.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// Nothing is at the path that was named.
    #[error("{0}: there is no such file or directory")]
    NotFound(PathBuf),
    /// The torrent has several files, and what was named is no directory.
    #[error("{0}: is not a directory, and the torrent has several files")]
    NotADirectory(PathBuf),
    /// What was named cannot be looked into.
    #[error("{path}: cannot be read: {error}")]
    Io {
        /// The path that was named.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// [`Progress::cancelled`](crate::content::Progress::cancelled) said so.
    #[error("verifying was cancelled")]
    Cancelled,
}

impl From<Cancelled> for VerifyError {
    fn from(_: Cancelled) -> Self {
        Self::Cancelled
    }
}
