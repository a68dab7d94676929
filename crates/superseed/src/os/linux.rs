//! Linux: `openat2`, `pwritev`, `fallocate`, `SEEK_DATA` and `posix_fadvise`.

use std::fs::File;
use std::io::{self, IoSlice};
use std::num::NonZeroU64;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use rustix::fs::{Advice, FallocateFlags, Mode, OFlags, ResolveFlags, SeekFrom};
use rustix::io::Errno;

use super::{Access, BeneathError, FileStat, unix};

/// The most buffers that one `pwritev` takes (`UIO_MAXIOV`).
const IOV_MAX: usize = 1024;

/// How often a resolution is tried again that a concurrent rename disturbed
/// (`EAGAIN`, openat2(2)), before the walk takes over.
const RESOLVE_TRIES: usize = 8;

/// `openat2` beneath `root`; `None` where the walk must find out more: the
/// kernel or a sandbox does not know the call, or something is in the way.
fn resolve(
    root: BorrowedFd<'_>,
    path: &Path,
    flags: OFlags,
    mode: Mode,
) -> Option<Result<File, Errno>> {
    let how = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    for _ in 0..RESOLVE_TRIES {
        match rustix::fs::openat2(root, path, flags, mode, how) {
            Err(Errno::AGAIN | Errno::INTR) => {}
            // Old sandboxes answer calls that they do not know with EPERM.
            Err(Errno::NOSYS | Errno::PERM | Errno::LOOP | Errno::XDEV | Errno::NOTDIR) => {
                return None;
            }
            other => return Some(other.map(File::from)),
        }
    }
    None
}

/// Opens a file below `root`.
pub(super) fn open_beneath(
    root: BorrowedFd<'_>,
    path: &Path,
    access: Access,
) -> Result<File, BeneathError> {
    let mode = if access == Access::Create {
        unix::FILE_MODE
    } else {
        Mode::empty()
    };
    match resolve(root, path, unix::flags(access), mode) {
        Some(result) => Ok(result?),
        None => unix::open_beneath(root, path, access),
    }
}

/// What is at a path below `root`.
pub(super) fn stat_beneath(root: BorrowedFd<'_>, path: &Path) -> Result<FileStat, BeneathError> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match resolve(root, path, flags, Mode::empty()) {
        Some(file) => Ok(FileStat::from_raw(&rustix::fs::fstat(file?)?)),
        None => unix::stat_beneath(root, path),
    }
}

/// Writes all of `bufs` from `offset` on.
pub(crate) fn write_all_at(
    file: &File,
    mut bufs: &mut [IoSlice<'_>],
    mut offset: u64,
) -> io::Result<()> {
    IoSlice::advance_slices(&mut bufs, 0);
    while !bufs.is_empty() {
        let run = &bufs[..bufs.len().min(IOV_MAX)];
        match rustix::io::pwritev(file, run, offset) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => {
                IoSlice::advance_slices(&mut bufs, written);
                offset += written as u64;
            }
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(())
}

/// Reserves `len` bytes of disk for a file and makes it that long, where the
/// file system can.
pub(crate) fn allocate(file: &File, len: u64) -> io::Result<()> {
    let call = || rustix::fs::fallocate(file, FallocateFlags::empty(), 0, len);
    match rustix::io::retry_on_intr(call) {
        Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

/// Tells the kernel what will be read next; only a hint.
pub(crate) fn prefetch(file: &File, offset: u64, len: u64) {
    let _ = rustix::fs::fadvise(file.as_fd(), offset, NonZeroU64::new(len), Advice::WillNeed);
}

/// Whether the file system knows that a run of a file was never written.
///
/// Moves the file's position, which nothing here uses.
pub(crate) fn is_hole(file: &File, offset: u64, len: u64) -> bool {
    match rustix::fs::seek(file, SeekFrom::Data(offset)) {
        Ok(data) => data >= offset.saturating_add(len),
        // No data from here to the end.
        Err(Errno::NXIO) => true,
        Err(_) => false,
    }
}

/// Makes durable whatever was written to a directory's file system; `false`
/// if this kernel cannot say whether that worked.
///
/// A failure of the device is told once to each open directory (syncfs(2)), so
/// nobody who depends on it may share `dir`.
pub(crate) fn sync_file_system(dir: &File) -> io::Result<bool> {
    /// The first kernel whose `syncfs` tells of failed writes.
    const TELLS: (u32, u32) = (5, 8);
    let uname = rustix::system::uname();
    let release = uname.release().to_string_lossy();
    let mut numbers = release
        .split(['.', '-'])
        .map_while(|number| number.parse().ok());
    match (numbers.next(), numbers.next()) {
        (Some(major), Some(minor)) if (major, minor) >= TELLS => {}
        _ => return Ok(false),
    }
    rustix::fs::syncfs(dir)?;
    Ok(true)
}

/// How many of a file's first `len` bytes were written, as far as the file
/// system knows.
pub(crate) fn data_len(file: &File, len: u64) -> u64 {
    let (mut at, mut data_len) = (0, 0);
    while at < len {
        let start = match rustix::fs::seek(file, SeekFrom::Data(at)) {
            Ok(start) => start.min(len),
            Err(Errno::NXIO) => break,
            Err(_) => return len,
        };
        let end = rustix::fs::seek(file, SeekFrom::Hole(start)).map_or(len, |end| end.min(len));
        data_len += end.saturating_sub(start);
        at = end.max(start + 1);
    }
    data_len
}
