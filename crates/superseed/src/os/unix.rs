//! The walk from component to component, for every Unix, and the plain forms
//! of what Linux does better.

use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;

use super::{Access, BeneathError, FileKind, FileStat};

/// A directory only has to be passed through, which Linux allows without the
/// right to list it.
#[cfg(target_os = "linux")]
const PASS: OFlags = OFlags::PATH;
#[cfg(not(target_os = "linux"))]
const PASS: OFlags = OFlags::RDONLY;

/// Permissions of a new directory, less what the user's umask takes.
const DIR_MODE: Mode = Mode::from_raw_mode(0o777);

/// Permissions of a new file, less what the user's umask takes.
pub(super) const FILE_MODE: Mode = Mode::from_raw_mode(0o666);

/// The flags of an access. A pipe in the way must not make the open wait.
pub(super) fn flags(access: Access) -> OFlags {
    let flags = OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    flags
        | match access {
            Access::Read => OFlags::RDONLY,
            Access::Write => OFlags::RDWR,
            Access::Create => OFlags::RDWR | OFlags::CREATE,
        }
}

/// Walks to the directory that holds the last component of `path`, and makes
/// the missing ones where asked. No component may be a link or lead upwards.
pub(super) fn walk<'p>(
    root: BorrowedFd<'_>,
    path: &'p Path,
    make: bool,
) -> Result<(OwnedFd, &'p OsStr), BeneathError> {
    let mut components = path.components();
    let Some(Component::Normal(name)) = components.next_back() else {
        return Err(Errno::INVAL.into());
    };
    let mut dir = root.try_clone_to_owned().map_err(BeneathError::Io)?;
    let mut passed = PathBuf::new();
    for component in components {
        let Component::Normal(component) = component else {
            return Err(Errno::INVAL.into());
        };
        passed.push(component);
        dir = match enter(dir.as_fd(), component, PASS) {
            Err(Errno::NOENT) if make => {
                match rustix::fs::mkdirat(&dir, component, DIR_MODE) {
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(errno) => return Err(errno.into()),
                }
                enter(dir.as_fd(), component, PASS)
            }
            other => other,
        }
        .map_err(|errno| blame(dir.as_fd(), component, &passed, errno))?;
    }
    Ok((dir, name))
}

fn enter(dir: BorrowedFd<'_>, component: &OsStr, access: OFlags) -> Result<OwnedFd, Errno> {
    let flags = access | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(dir, component, flags, Mode::empty())
}

/// Says what is at `name` if that is why it could not be opened: systems do
/// not agree on the number for a link (`ELOOP`, `ENOTDIR`, `EMLINK`).
fn blame(dir: BorrowedFd<'_>, name: &OsStr, passed: &Path, errno: Errno) -> BeneathError {
    match rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => match FileStat::from_raw(&stat).kind {
            FileKind::Link => BeneathError::Link(passed.to_owned()),
            _ if errno == Errno::NOTDIR => BeneathError::NotADirectory(passed.to_owned()),
            _ => errno.into(),
        },
        Err(_) => errno.into(),
    }
}

/// Opens a directory below `root` in a way that it can be synced.
pub(super) fn open_dir_beneath(root: BorrowedFd<'_>, path: &Path) -> Result<OwnedFd, BeneathError> {
    if path == Path::new(".") {
        return Ok(enter(root, OsStr::new("."), OFlags::RDONLY)?);
    }
    let (dir, name) = walk(root, path, false)?;
    enter(dir.as_fd(), name, OFlags::RDONLY).map_err(|errno| blame(dir.as_fd(), name, path, errno))
}

/// Opens a file below `root`.
pub(super) fn open_beneath(
    root: BorrowedFd<'_>,
    path: &Path,
    access: Access,
) -> Result<File, BeneathError> {
    let (dir, name) = walk(root, path, false)?;
    rustix::io::retry_on_intr(|| rustix::fs::openat(&dir, name, flags(access), FILE_MODE))
        .map(File::from)
        .map_err(|errno| blame(dir.as_fd(), name, path, errno))
}

/// What is at a path below `root`.
pub(super) fn stat_beneath(root: BorrowedFd<'_>, path: &Path) -> Result<FileStat, BeneathError> {
    let (dir, name) = walk(root, path, false)?;
    let stat = rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW)?;
    Ok(FileStat::from_raw(&stat))
}

#[cfg(not(target_os = "linux"))]
mod plain {
    use std::fs::File;
    use std::io::{self, IoSlice};
    use std::net::Ipv4Addr;
    use std::os::unix::fs::FileExt;

    /// Writes all of `bufs`, one after the other.
    pub(crate) fn write_all_at(
        file: &File,
        bufs: &mut [IoSlice<'_>],
        mut offset: u64,
    ) -> io::Result<()> {
        for buf in bufs {
            file.write_all_at(buf, offset)?;
            offset += buf.len() as u64;
        }
        Ok(())
    }

    /// Reserves nothing: there is no portable way that does not write.
    pub(crate) fn allocate(_file: &File, _len: u64) -> io::Result<()> {
        Ok(())
    }

    /// Leaves it to the system to read ahead.
    pub(crate) fn prefetch(_file: &File, _offset: u64, _len: u64) {}

    /// There is no portable way.
    pub(crate) fn sync_file_system(_dir: &File) -> io::Result<bool> {
        Ok(false)
    }

    /// There is no portable way.
    pub(crate) fn bind_to_interface(_socket: &socket2::Socket, _name: &str) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Takes every byte for written.
    pub(crate) fn data_len(_file: &File, len: u64) -> u64 {
        len
    }

    /// There is no portable way.
    pub(crate) fn default_gateway() -> Option<Ipv4Addr> {
        None
    }

    /// Does not know of holes.
    pub(crate) fn is_hole(_file: &File, _offset: u64, _len: u64) -> bool {
        false
    }
}
#[cfg(not(target_os = "linux"))]
pub(crate) use plain::{
    allocate, bind_to_interface, data_len, default_gateway, is_hole, prefetch, sync_file_system,
    write_all_at,
};
