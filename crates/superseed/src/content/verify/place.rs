//! Where a torrent's files should be, and what is there.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use superseed_proto::layout::FileIndex;
use superseed_proto::metainfo::{Info, Symlink};

use super::error::VerifyError;
use super::report::Verdict;
use crate::content::create::link_target;
use crate::os::{self, Access, BeneathError, FileKind};

/// The one place where the files are looked for.
#[derive(Debug)]
pub(super) enum Place {
    /// This is the only file; the user named it, so it may be a link.
    File(PathBuf),
    /// The files are below this directory, no link of which is followed.
    Dir(File),
}

impl Place {
    pub(super) fn open(info: &Info, content: &Path) -> Result<Self, VerifyError> {
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => VerifyError::NotFound(content.to_owned()),
            _ => VerifyError::Io {
                path: content.to_owned(),
                error,
            },
        };
        let metadata = fs::metadata(content).map_err(failed)?;
        if metadata.is_dir() {
            os::open_dir(content).map(Self::Dir).map_err(failed)
        } else if info.multi_file {
            Err(VerifyError::NotADirectory(content.to_owned()))
        } else {
            Ok(Self::File(content.to_owned()))
        }
    }

    /// What can be said of a file without reading it. What has nothing wrong
    /// is [`Verdict::Ok`].
    pub(super) fn look_at(&self, info: &Info, file: FileIndex) -> Verdict {
        let entry = info.file(file);
        match &entry.symlink {
            _ if entry.padding => Verdict::Ok,
            None => match self.stat(info, file) {
                Ok(Some((kind, len))) => judge(kind, len, entry.len),
                Ok(None) => Verdict::Missing,
                Err(reason) => Verdict::Unreadable(reason),
            },
            Some(Symlink::Inside(target)) => self.look_at_link(info, file, target),
            // What must not be made cannot be missed.
            Some(Symlink::Refused) => Verdict::Ok,
        }
    }

    fn look_at_link(&self, info: &Info, file: FileIndex, target: &[String]) -> Verdict {
        match self.stat(info, file) {
            Ok(None) => return Verdict::Missing,
            Ok(Some((kind, _))) if kind != FileKind::Link => return Verdict::WrongLink,
            Ok(Some(_)) => {}
            Err(reason) => return Verdict::Unreadable(reason),
        }
        let Self::Dir(dir) = self else {
            return Verdict::WrongLink;
        };
        match os::read_link_beneath(dir.as_fd(), &relative(info, file)) {
            Ok(text) => {
                let path = info.file(file).path.join("/");
                match link_target(&path, &text) {
                    Some(leads) if leads.split('/').eq(target) => Verdict::Ok,
                    _ => Verdict::WrongLink,
                }
            }
            Err(error) => Verdict::Unreadable(explain(&error)),
        }
    }

    /// Opens a file to read it.
    pub(super) fn open_file(&self, info: &Info, file: FileIndex) -> Result<File, String> {
        match self {
            Self::File(path) => File::open(path).map_err(|error| error.to_string()),
            Self::Dir(dir) => os::open_beneath(dir.as_fd(), &relative(info, file), Access::Read)
                .map_err(|error| explain(&error)),
        }
    }

    /// What is at a file's path, and how long it is in bytes.
    fn stat(&self, info: &Info, file: FileIndex) -> Result<Option<(FileKind, u64)>, String> {
        match self {
            // What is no file must not be opened: a pipe would make us wait.
            Self::File(path) => match fs::metadata(path) {
                Ok(found) if found.is_file() => Ok(Some((FileKind::Regular, found.len()))),
                Ok(_) => Ok(Some((FileKind::Other, 0))),
                Err(error) => Err(error.to_string()),
            },
            Self::Dir(dir) => match os::stat_beneath(dir.as_fd(), &relative(info, file)) {
                Err(BeneathError::NotADirectory(_)) => Ok(None),
                Ok(stat) => Ok(stat.map(|stat| (stat.kind, stat.len))),
                Err(error) => Err(explain(&error)),
            },
        }
    }
}

/// A file's path below the directory that holds the files.
fn relative(info: &Info, file: FileIndex) -> PathBuf {
    info.file(file).path.iter().collect()
}

fn judge(kind: FileKind, len: u64, expected_len: u64) -> Verdict {
    match kind {
        FileKind::Regular if len < expected_len => Verdict::TooShort { len },
        FileKind::Regular if len > expected_len => Verdict::TooLong { len },
        FileKind::Regular => Verdict::Ok,
        FileKind::Directory | FileKind::Link | FileKind::Other => Verdict::NotAFile,
    }
}

fn explain(error: &BeneathError) -> String {
    match error {
        BeneathError::Link(path) => format!(
            "{} is a symbolic link, and links are not followed",
            path.display()
        ),
        BeneathError::NotADirectory(path) => format!("{} is not a directory", path.display()),
        BeneathError::Io(error) => error.to_string(),
    }
}
