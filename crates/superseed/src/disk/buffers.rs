//! The memory of what is read for peers, used again.
//!
//! Memory fresh from the system is a fault and a cleared page for every 4 KiB,
//! and what comes from the allocator is cleared as well: up to a fifth of what
//! serving from the page cache cost, and a quarter of the memory of a seed.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

/// How many free buffers are kept: 4 MiB of the runs that the engine reads.
const FREE_MAX: usize = 8;
/// The longest buffer that is kept, in bytes: the engine reads no longer run
/// for peers, and what a handle reads may be a whole piece.
const KEPT_LEN_MAX: usize = 512 << 10;

/// Free buffers, the last that was given back on top: it is the most likely to
/// lie in a cache of the processor.
#[derive(Clone, Debug, Default)]
pub(super) struct ReadBuffers {
    free: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl ReadBuffers {
    /// A buffer of this length, filled by `fill`. It comes back when the last
    /// slice of it is dropped, or when `fill` fails.
    pub(super) fn filled<E>(
        &self,
        len: usize,
        fill: impl FnOnce(&mut [u8]) -> Result<(), E>,
    ) -> Result<Bytes, E> {
        let mut lent = Lent {
            bytes: self.take(),
            len,
            home: self.clone(),
        };
        if lent.bytes.len() < len {
            lent.bytes.resize(len, 0);
        }
        fill(&mut lent.bytes[..len])?;
        Ok(Bytes::from_owner(lent))
    }

    fn take(&self) -> Vec<u8> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        free.pop().unwrap_or_default()
    }

    fn give(&self, bytes: Vec<u8>) {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        if bytes.len() <= KEPT_LEN_MAX && free.len() < FREE_MAX {
            free.push(bytes);
        }
    }
}

/// A buffer that is out.
struct Lent {
    bytes: Vec<u8>,
    /// How much of it was asked for.
    len: usize,
    home: ReadBuffers,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.home.give(std::mem::take(&mut self.bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(buffers: &ReadBuffers, len: usize, byte: u8) -> Bytes {
        let filled = buffers.filled(len, |buf| {
            buf.fill(byte);
            Ok::<_, ()>(())
        });
        filled.unwrap()
    }

    #[test]
    fn memory_comes_back_with_the_last_slice_and_shows_nothing_of_its_past() {
        let buffers = ReadBuffers::default();
        let long = read(&buffers, 1_000, 1);
        let memory = long.as_ptr();
        let slice = long.slice(10..20);
        drop(long);
        assert_ne!(read(&buffers, 1_000, 2).as_ptr(), memory, "a slice is out");
        assert!(slice.iter().all(|byte| *byte == 1));
        drop(slice);
        let short = read(&buffers, 500, 3);
        assert_eq!(short.as_ptr(), memory);
        assert_eq!(short, vec![3; 500]);
    }

    #[test]
    fn a_read_that_fails_keeps_nothing() {
        let buffers = ReadBuffers::default();
        assert_eq!(buffers.filled(1_000, |_| Err("no")), Err("no"));
        assert_eq!(buffers.free.lock().unwrap().len(), 1);
    }

    #[test]
    fn neither_many_nor_long_buffers_are_kept() {
        let buffers = ReadBuffers::default();
        let out: Vec<_> = (0..2 * FREE_MAX).map(|_| read(&buffers, 10, 1)).collect();
        drop(out);
        assert_eq!(buffers.free.lock().unwrap().len(), FREE_MAX);
        buffers.free.lock().unwrap().clear();
        drop(read(&buffers, KEPT_LEN_MAX + 1, 1));
        assert!(buffers.free.lock().unwrap().is_empty());
    }
}
