//! Reading files in large portions, one file and one buffer at a time.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};

use super::Content;
use crate::os;

/// How much is read at once, in bytes.
pub(super) const READ_LEN: usize = 1 << 20;

/// What the kernel copies fastest to begins at a page.
const PAGE_LEN: usize = 4096;

/// The file that a worker is reading, and what it has read of it.
///
/// Keeps one file open, so that as many descriptors are taken as there are
/// workers, however many files there are.
pub(super) struct Reader<'c, C: Content> {
    content: &'c C,
    buffer: Vec<u8>,
    /// Where the first page in `buffer` begins.
    align: usize,
    open: Option<Open>,
}

struct Open {
    file: u32,
    /// `None` if it cannot be read.
    handle: Option<File>,
    /// How far it may have holes, in bytes; 0 if it has none. What lies beyond
    /// the end of a file is not zero but missing.
    sparse_len: u64,
    /// What is in the buffer: the offset in the file, and the length.
    held: (u64, usize),
}

impl<'c, C: Content> Reader<'c, C> {
    pub(super) fn new(content: &'c C) -> Self {
        let buffer = vec![0; READ_LEN + PAGE_LEN];
        // An allocator may decline to say; then it is the buffer's own start.
        let align = buffer.as_ptr().align_offset(PAGE_LEN).min(PAGE_LEN);
        Self {
            content,
            buffer,
            align,
            open: None,
        }
    }

    /// The next bytes of a file from `offset` on: at least one and at most
    /// `len`, or `None` if they cannot be read. `end` is how far the file is
    /// going to be read: nothing beyond it is.
    pub(super) fn bytes(
        &mut self,
        file: u32,
        offset: u64,
        len: u64,
        end: u64,
    ) -> Result<Option<&[u8]>, C::Stop> {
        let content = self.content;
        let room = &mut self.buffer[self.align..][..READ_LEN];
        let open = open(content, &mut self.open, file)?;
        let Some(handle) = &open.handle else {
            return Ok(None);
        };
        let (start, held) = open.held;
        if offset < start || offset - start >= held as u64 {
            open.held = (offset, 0);
            let wanted = usize::try_from(end - offset).map_or(READ_LEN, |len| len.min(READ_LEN));
            match read_at(handle, &mut room[..wanted], offset) {
                Ok(0) => {
                    content.unreadable(file, io::ErrorKind::UnexpectedEof.into())?;
                    return Ok(None);
                }
                Ok(read) => open.held.1 = read,
                Err(error) => {
                    content.unreadable(file, error)?;
                    return Ok(None);
                }
            }
            let next = offset + wanted as u64;
            if next < end {
                os::prefetch(handle, next, (end - next).min(READ_LEN as u64));
            }
        }
        let (start, held) = open.held;
        let from = (offset - start) as usize;
        let to = usize::try_from(len).map_or(held, |len| held.min(from.saturating_add(len)));
        Ok(Some(&room[from..to]))
    }

    /// Whether a run of a file is known to be zeroes without reading it.
    pub(super) fn is_hole(&mut self, file: u32, offset: u64, len: u64) -> Result<bool, C::Stop> {
        let open = open(self.content, &mut self.open, file)?;
        Ok(offset + len <= open.sparse_len
            && open
                .handle
                .as_ref()
                .is_some_and(|handle| os::is_hole(handle, offset, len)))
    }
}

/// Opens a file, unless it is the one that is open.
fn open<'o, C: Content>(
    content: &C,
    current: &'o mut Option<Open>,
    file: u32,
) -> Result<&'o mut Open, C::Stop> {
    if current.as_ref().is_none_or(|open| open.file != file) {
        // The old one is closed first, so that a worker has one at a time.
        *current = None;
        let handle = content.open(file)?;
        *current = Some(Open {
            file,
            sparse_len: handle.as_ref().map_or(0, sparse_len),
            handle,
            held: (0, 0),
        });
    }
    Ok(current.as_mut().expect("it was opened above"))
}

/// The length of a file that takes less of the disk than it is long, or 0.
/// Looking for holes in each piece of a file that has none would be in vain.
fn sparse_len(file: &File) -> u64 {
    /// What `st_blocks` counts in (POSIX leaves it open; Linux and the BSDs agree).
    const BLOCK_LEN: u64 = 512;
    let is_sparse =
        |metadata: &Metadata| metadata.blocks().saturating_mul(BLOCK_LEN) < metadata.len();
    let metadata = file.metadata().ok().filter(is_sparse);
    metadata.map_or(0, |metadata| metadata.len())
}

/// Fills `buf`, or as much of it as the file has.
fn read_at(file: &File, buf: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buf.len() {
        match file.read_at(&mut buf[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // What was read before the bad sector is still good.
            Err(_) if filled > 0 => break,
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
