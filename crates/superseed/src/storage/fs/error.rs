//! From the operating system's errors to sentences with the path in them.

use std::io;
use std::path::Path;

use rustix::io::Errno;

use crate::os::BeneathError;
use crate::storage::{DiskError, DiskErrorKind};

/// What was tried: the verb of the sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attempt {
    Open,
    Create,
    Read,
    Write,
    Sync,
    Lock,
    Remove,
}

impl Attempt {
    fn verb(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Create => "create",
            Self::Read => "read",
            Self::Write => "write",
            Self::Sync => "sync",
            Self::Lock => "lock",
            Self::Remove => "remove",
        }
    }
}

/// What went wrong with a file.
pub(super) fn failed(attempt: Attempt, path: &Path, error: &io::Error) -> DiskError {
    let kind = kind_of(error);
    let message = format!(
        "cannot {} {}: {}",
        attempt.verb(),
        path.display(),
        reason(error)
    );
    DiskError { kind, message }
}

/// What went wrong on the way to a file; `dir` is the download directory.
pub(super) fn unreachable(
    attempt: Attempt,
    dir: &Path,
    path: &Path,
    error: &BeneathError,
) -> DiskError {
    match error {
        BeneathError::Link(link) => foreign(
            &dir.join(link),
            "is a symbolic link, and links inside a download directory are not followed",
        ),
        BeneathError::NotADirectory(file) => foreign(
            &dir.join(file),
            "is in the way of a directory of the torrent",
        ),
        BeneathError::Io(error) => failed(attempt, &dir.join(path), error),
    }
}

/// Something at a path is not the torrent's.
pub(super) fn foreign(path: &Path, what: &str) -> DiskError {
    let message = format!("{} {what}", path.display());
    DiskError {
        kind: DiskErrorKind::Foreign,
        message,
    }
}

/// An error of a kind with its sentence.
pub(super) fn error(kind: DiskErrorKind, message: String) -> DiskError {
    DiskError { kind, message }
}

fn kind_of(error: &io::Error) -> DiskErrorKind {
    match Errno::from_io_error(error) {
        Some(Errno::NOSPC | Errno::DQUOT | Errno::FBIG) => DiskErrorKind::Full,
        Some(Errno::ACCESS | Errno::PERM | Errno::ROFS) => DiskErrorKind::ReadOnly,
        _ => DiskErrorKind::Io,
    }
}

/// The system's words, without the number that std puts behind them.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.rfind(" (os error ")
        .map_or(text.clone(), |at| text[..at].to_owned())
}
