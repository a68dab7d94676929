//! Moving bytes between sockets and the engine, with a bound per peer and turn
//! so that none keeps the others waiting.

use std::io::{self, IoSlice, Read, Write};

use superseed_engine::{ConnKey, Input, StreamEnd};

use super::host::Host;
use super::streams::{ReadEnd, WriteEnd};

/// Bytes read per peer and turn; also the size of the scratch buffer, which
/// should stay in the processor's cache. A seed and a leecher on one machine
/// spent a fifth less time in the kernel with 128 KiB than with 64 KiB, and no
/// less with 256 KiB.
pub(super) const READ_BYTES_PER_PEER: usize = 128 * 1024;
/// Peers read per turn; the others come first in the next.
const READ_PEERS_PER_TURN: usize = 128;
/// Bytes written per peer and turn.
const WRITE_BYTES_PER_PEER: usize = 256 * 1024;
/// Peers written per turn.
const WRITE_PEERS_PER_TURN: usize = 256;
/// Buffers gathered in one write: enough for 32 blocks with their headers.
const SLICES_PER_WRITE: usize = 64;

impl Host {
    pub(super) fn read_peers(&mut self) {
        for _ in 0..self.streams.readers().min(READ_PEERS_PER_TURN) {
            let Some(conn) = self.streams.next_reader() else {
                return;
            };
            self.read_peer(conn);
        }
    }

    fn read_peer(&mut self, conn: ConnKey) {
        let now = self.now();
        let allowed = self
            .engine
            .read_allowance(conn, now)
            .min(self.scratch.len());
        let Some(stream) = self.streams.get_mut(conn) else {
            return;
        };
        if allowed == 0 {
            return self.streams.read_done(conn, ReadEnd::Parked);
        }
        match stream.tcp.read(&mut self.scratch[..allowed]) {
            Ok(0) => self.lose(conn, StreamEnd::Eof),
            Ok(len) => {
                let end = if len == allowed {
                    ReadEnd::More
                } else {
                    ReadEnd::Short
                };
                self.streams.read_done(conn, end);
                let bytes = &self.scratch[..len];
                self.engine
                    .handle(Input::Received { conn, bytes }, now, &mut self.out);
            }
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock => self.streams.read_done(conn, ReadEnd::Empty),
                io::ErrorKind::Interrupted => self.streams.read_done(conn, ReadEnd::More),
                _ => self.lose(conn, StreamEnd::Reset),
            },
        }
    }

    pub(super) fn write_peers(&mut self) {
        for _ in 0..self.streams.writers().min(WRITE_PEERS_PER_TURN) {
            let Some(conn) = self.streams.next_writer() else {
                return;
            };
            match self.write_peer(conn) {
                Ok(end) => self.streams.write_done(conn, end),
                Err(error) => {
                    tracing::trace!(%error, "a peer takes no more bytes");
                    self.lose(conn, StreamEnd::Reset);
                }
            }
        }
    }

    fn write_peer(&mut self, conn: ConnKey) -> io::Result<WriteEnd> {
        let mut written = 0;
        while written < WRITE_BYTES_PER_PEER {
            match self.write_once(conn) {
                Ok(0) => return Ok(WriteEnd::Nothing),
                Ok(len) => {
                    written += len;
                    self.handle(Input::Sent { conn, len });
                }
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => return Ok(WriteEnd::Blocked),
                    io::ErrorKind::Interrupted => {}
                    _ => return Err(error),
                },
            }
        }
        Ok(WriteEnd::More)
    }

    /// Writes what the engine offers with one call. Zero if it offers nothing.
    fn write_once(&mut self, conn: ConnKey) -> io::Result<usize> {
        let now = self.now();
        let Some(stream) = self.streams.get_mut(conn) else {
            return Ok(0);
        };
        let mut slices = relabel(std::mem::take(&mut self.slices));
        self.engine.outgoing(conn, usize::MAX, now, &mut slices);
        let mut gathered = [IoSlice::new(&[]); SLICES_PER_WRITE];
        let mut count = 0;
        for (place, slice) in gathered
            .iter_mut()
            .zip(slices.iter().filter(|s| !s.is_empty()))
        {
            *place = IoSlice::new(slice);
            count += 1;
        }
        let result = match count {
            0 => Ok(0),
            // No bytes taken of some that were offered: as good as an error.
            _ => match stream.tcp.write_vectored(&gathered[..count]) {
                Ok(0) => Err(io::ErrorKind::WriteZero.into()),
                other => other,
            },
        };
        self.slices = relabel(slices);
        result
    }

    /// Forgets a stream that ended by itself.
    fn lose(&mut self, conn: ConnKey, end: StreamEnd) {
        self.streams.remove(self.poll.registry(), conn);
        self.handle(Input::Closed { conn, end });
    }

    /// Closes a stream for the engine, after a last attempt to write.
    pub(super) fn close(&mut self, conn: ConnKey) {
        let connecting = self
            .streams
            .get_mut(conn)
            .is_some_and(|stream| stream.connecting);
        if !connecting {
            // What does not fit now is lost, as the engine knows.
            let _ = self.write_once(conn);
        }
        if let Some(stream) = self.streams.remove(self.poll.registry(), conn) {
            self.hang_up(stream);
        }
    }
}

/// Empties a vector and lends its memory to slices of another lifetime: the
/// collection happens in place, so that a write allocates nothing.
fn relabel<'a>(mut slices: Vec<&[u8]>) -> Vec<&'a [u8]> {
    slices.clear();
    slices.into_iter().map(|_| -> &'a [u8] { &[] }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relabelled_memory_is_the_same_memory() {
        let bytes = vec![1, 2, 3];
        let mut slices = Vec::with_capacity(64);
        slices.push(bytes.as_slice());
        let memory = slices.as_ptr().cast::<u8>();
        let slices: Vec<&'static [u8]> = relabel(slices);
        assert!(slices.is_empty());
        assert_eq!(slices.capacity(), 64);
        assert_eq!(slices.as_ptr().cast::<u8>(), memory);
    }
}
