//! What one operating system does differently from another, and nothing else.
//!
//! Everything below a download directory is opened through this module, so
//! that no path of a torrent leaves it: no component may be a link and none
//! may lead upwards. Linux does that in one `openat2`; elsewhere, and on
//! kernels without it, the components are walked one by one with `O_NOFOLLOW`.
//! It must never know of torrents, pieces or errors meant for the user.

#[cfg(target_os = "linux")]
mod linux;
mod unix;

#[cfg(test)]
mod tests;

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::Stat;

#[cfg(target_os = "linux")]
use linux as imp;
#[cfg(not(target_os = "linux"))]
use unix as imp;

pub(crate) use imp::{
    allocate, bind_to_interface, data_len, default_gateway, is_hole, prefetch, sync_file_system,
    write_all_at,
};

/// The bytes of a path, as they are written down.
pub(crate) fn path_bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_bytes()
}

/// The path that was written down.
pub(crate) fn path_of_bytes(bytes: &[u8]) -> PathBuf {
    OsStr::from_bytes(bytes).into()
}

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// To read.
    Read,
    /// To read and write what exists.
    Write,
    /// To read and write, made if it is missing; its directory must exist.
    Create,
}

/// Why something below a directory could not be reached.
#[derive(Debug)]
pub(crate) enum BeneathError {
    /// This component is a symbolic link.
    Link(PathBuf),
    /// This component should be a directory and is not.
    NotADirectory(PathBuf),
    /// The operating system says no.
    Io(io::Error),
}

impl From<rustix::io::Errno> for BeneathError {
    fn from(errno: rustix::io::Errno) -> Self {
        Self::Io(errno.into())
    }
}

/// What kind of thing a path names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileKind {
    /// A regular file.
    Regular,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// A device, pipe or socket.
    Other,
}

/// When a file was last written, as its file system tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mtime {
    /// Seconds since 1970.
    pub(crate) seconds: i64,
    /// Nanoseconds of the second.
    pub(crate) nanoseconds: u32,
}

/// What the file system says of a file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FileStat {
    /// What it is.
    pub(crate) kind: FileKind,
    /// Its length in bytes.
    pub(crate) len: u64,
    /// When it was last written.
    pub(crate) mtime: Mtime,
    /// Bytes of the disk that it holds: fewer than `len` if it has holes.
    pub(crate) allocated: u64,
    /// The device it is on.
    pub(crate) device: u64,
    /// Its number on the device.
    pub(crate) inode: u64,
}

impl FileStat {
    // The widths of these fields differ from system to system.
    #[allow(clippy::unnecessary_cast)]
    fn from_raw(stat: &Stat) -> Self {
        let kind = match rustix::fs::FileType::from_raw_mode(stat.st_mode) {
            rustix::fs::FileType::RegularFile => FileKind::Regular,
            rustix::fs::FileType::Directory => FileKind::Directory,
            rustix::fs::FileType::Symlink => FileKind::Link,
            _ => FileKind::Other,
        };
        Self {
            kind,
            len: stat.st_size as u64,
            mtime: Mtime {
                seconds: stat.st_mtime as i64,
                nanoseconds: stat.st_mtime_nsec as u32,
            },
            allocated: stat.st_blocks as u64 * 512,
            device: stat.st_dev as u64,
            inode: stat.st_ino as u64,
        }
    }
}

/// Opens a directory that the user named; it may be reached through links.
pub(crate) fn open_dir(path: &Path) -> io::Result<File> {
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?.into())
}

/// Opens a file below `root`.
pub(crate) fn open_beneath(
    root: BorrowedFd<'_>,
    path: &Path,
    access: Access,
) -> Result<File, BeneathError> {
    imp::open_beneath(root, path, access)
}

/// What is at a path below `root`; `None` if there is nothing.
pub(crate) fn stat_beneath(
    root: BorrowedFd<'_>,
    path: &Path,
) -> Result<Option<FileStat>, BeneathError> {
    match imp::stat_beneath(root, path) {
        Err(BeneathError::Io(error)) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}

/// Where a symbolic link below `root` says that it leads.
pub(crate) fn read_link_beneath(
    root: BorrowedFd<'_>,
    path: &Path,
) -> Result<PathBuf, BeneathError> {
    use std::os::unix::ffi::OsStringExt;
    let (dir, name) = unix::walk(root, path, false)?;
    let text = rustix::fs::readlinkat(dir, name, Vec::new())?;
    Ok(std::ffi::OsString::from_vec(text.into_bytes()).into())
}

/// Makes a symbolic link below `root`, and the directories that it needs. What
/// it says is not looked at.
pub(crate) fn link_beneath(
    root: BorrowedFd<'_>,
    path: &Path,
    text: &Path,
) -> Result<(), BeneathError> {
    let (dir, name) = unix::walk(root, path, true)?;
    Ok(rustix::fs::symlinkat(text, dir, name)?)
}

/// Whether making a link failed because the file system has no links, as FAT.
pub(crate) fn lacks_links(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let errno = Errno::from_io_error(error);
    matches!(errno, Some(Errno::PERM | Errno::NOTSUP | Errno::NOSYS))
}

/// Lets everyone execute a file who may read it.
pub(crate) fn make_executable(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mut permissions = file.metadata()?.permissions();
    let mode = permissions.mode();
    permissions.set_mode(mode | (mode & 0o444) >> 2);
    file.set_permissions(permissions)
}

/// Makes the directories that a path below `root` needs.
pub(crate) fn make_parents(root: BorrowedFd<'_>, path: &Path) -> Result<(), BeneathError> {
    unix::walk(root, path, true).map(drop)
}

/// Removes a file below `root`.
pub(crate) fn remove_beneath(root: BorrowedFd<'_>, path: &Path) -> Result<(), BeneathError> {
    let (dir, name) = unix::walk(root, path, false)?;
    Ok(rustix::fs::unlinkat(
        dir,
        name,
        rustix::fs::AtFlags::empty(),
    )?)
}

/// Makes the entries of a directory below `root` durable; the empty path is
/// `root` itself.
pub(crate) fn sync_dir_beneath(root: BorrowedFd<'_>, path: &Path) -> Result<(), BeneathError> {
    use rustix::io::Errno;
    let path = if path.as_os_str().is_empty() {
        Path::new(".")
    } else {
        path
    };
    let dir = unix::open_dir_beneath(root, path)?;
    match rustix::fs::fsync(dir) {
        // Some file systems have nothing to do for a directory and say so.
        Ok(()) | Err(Errno::INVAL | Errno::NOTSUP) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

/// What an open file is.
pub(crate) fn stat(file: impl AsFd) -> io::Result<FileStat> {
    Ok(FileStat::from_raw(&rustix::fs::fstat(file)?))
}

/// Bytes that may still be written to the file system of `dir`, by anyone.
pub(crate) fn space_available(dir: impl AsFd) -> io::Result<u64> {
    let stat = rustix::fs::fstatvfs(dir)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// The most file descriptors that are asked for: some systems name no limit,
/// and the kernel's tables grow with the number.
const FD_LIMIT_MAX: u64 = 1 << 20;

/// Raises the process's limit of open files as far as it may go, and returns
/// what it is now.
pub(crate) fn raise_fd_limit() -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let current = limit.current.unwrap_or(u64::MAX);
    let wanted = limit.maximum.unwrap_or(u64::MAX).min(FD_LIMIT_MAX);
    if current >= wanted {
        return current;
    }
    match setrlimit(
        Resource::Nofile,
        Rlimit {
            current: Some(wanted),
            maximum: limit.maximum,
        },
    ) {
        Ok(()) => wanted,
        Err(_) => current,
    }
}
