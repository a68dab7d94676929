//! Linux: `openat2`, `pwritev`, `fallocate`, `SEEK_DATA` and `posix_fadvise`; the
//! table of routes.

use std::fs::File;
use std::io::{self, IoSlice};
use std::net::Ipv4Addr;
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

/// Lets a socket use one interface only.
pub(crate) fn bind_to_interface(socket: &socket2::Socket, name: &str) -> io::Result<()> {
    socket.bind_device(Some(name.as_bytes()))
}

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

/// The IPv4 router that leads to the outside, if there is one.
pub(crate) fn default_gateway() -> Option<Ipv4Addr> {
    let routes = std::fs::read_to_string("/proc/net/route").ok()?;
    gateway_of(&routes)
}

/// The gateway of the best default route in a table as `/proc/net/route` has it:
/// a line for each, with interface, destination, gateway, flags, three counters
/// (the last is the metric) and mask; addresses as the machine's own words.
fn gateway_of(routes: &str) -> Option<Ipv4Addr> {
    /// The route is up, and leads to a gateway (route.h).
    const UP_BY_GATEWAY: u16 = 0x1 | 0x2;
    let default = routes.lines().skip(1).filter_map(|line| {
        let fields: Vec<_> = line.split_ascii_whitespace().collect();
        let word = |at: usize| u32::from_str_radix(fields.get(at)?, 16).ok();
        let flags = u16::from_str_radix(fields.get(3)?, 16).ok()?;
        let is_default = word(1)? == 0 && word(7)? == 0;
        let metric: u32 = fields.get(6)?.parse().ok()?;
        let gateway = Ipv4Addr::from(word(2)?.to_ne_bytes());
        (is_default && flags & UP_BY_GATEWAY == UP_BY_GATEWAY).then_some((metric, gateway))
    });
    let best = default.min_by_key(|(metric, _)| *metric)?;
    Some(best.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str =
        "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n";

    fn route(destination: [u8; 4], gateway: [u8; 4], flags: u16, metric: u32) -> String {
        let word = u32::from_ne_bytes;
        format!(
            "eth0\t{:08X}\t{:08X}\t{flags:04X}\t0\t0\t{metric}\t{:08X}\t0\t0\t0\n",
            word(destination),
            word(gateway),
            word(destination),
        )
    }

    #[test]
    fn the_default_route_of_the_least_metric_leads_to_the_gateway() {
        let table = [
            HEADER.to_owned(),
            route([0; 4], [10, 0, 0, 1], 3, 200),
            route([0; 4], [192, 168, 1, 254], 3, 100),
            route([10, 0, 0, 0], [0; 4], 1, 0),
            "a line that is none".to_owned(),
        ];
        let gateway = Some(Ipv4Addr::new(192, 168, 1, 254));
        assert_eq!(gateway_of(&table.concat()), gateway);
    }

    #[test]
    fn without_a_default_route_that_is_up_there_is_no_gateway() {
        let on_link = route([0; 4], [0; 4], 1, 0);
        for table in [
            String::new(),
            HEADER.to_owned(),
            HEADER.to_owned() + &on_link,
        ] {
            assert_eq!(gateway_of(&table), None);
        }
    }
}
