//! A connection that never blocks: bytes in, messages out, and back.

use std::io::{self, Read, Write};
use std::ops::Range;

use mio::net::TcpStream;
use superseed_proto::wire::HANDSHAKE_LEN;

use crate::interop::scripted::wire::MESSAGE_LEN_MAX;

/// How much is read at a time, bytes.
const READ_LEN: usize = 64 << 10;

/// One connection.
#[derive(Debug)]
pub(super) struct Conn {
    pub(super) stream: TcpStream,
    /// What came and was not understood yet, from `taken` on.
    input: Vec<u8>,
    taken: usize,
    /// What is to go, from `sent` on.
    output: Vec<u8>,
    sent: usize,
    received_total: u64,
    sent_total: u64,
}

impl Conn {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            input: Vec::new(),
            taken: 0,
            output: Vec::new(),
            sent: 0,
            received_total: 0,
            sent_total: 0,
        }
    }

    /// All that has come, bytes.
    pub(super) fn received_total(&self) -> u64 {
        self.received_total
    }

    /// All that the socket has taken, bytes.
    pub(super) fn sent_total(&self) -> u64 {
        self.sent_total
    }

    /// Where to put what is to go.
    pub(super) fn output(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    /// What waits to go, bytes.
    pub(super) fn backlog(&self) -> usize {
        self.output.len() - self.sent
    }

    /// Sends as much as the socket takes.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        while self.backlog() > 0 {
            match self.stream.write(&self.output[self.sent..]) {
                Ok(len) => {
                    self.sent += len;
                    self.sent_total += len as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                // Not connected yet; an event will say when.
                Err(error) if error.kind() == io::ErrorKind::NotConnected => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        self.output.clear();
        self.sent = 0;
        Ok(())
    }

    /// Reads once. Whether there may be more to read.
    pub(super) fn receive(&mut self) -> io::Result<bool> {
        self.input.drain(..self.taken);
        self.taken = 0;
        let before = self.input.len();
        self.input.resize(before + READ_LEN, 0);
        let result = self.stream.read(&mut self.input[before..]);
        let len = result.as_ref().copied().unwrap_or_default();
        self.input.truncate(before + len);
        self.received_total += len as u64;
        match result {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Takes a handshake, once it has come whole. Gives the info-hash.
    pub(super) fn handshake(&mut self) -> Option<[u8; 20]> {
        let bytes = self.input.get(self.taken..self.taken + HANDSHAKE_LEN)?;
        let info_hash = bytes[28..48].try_into().expect("twenty bytes");
        self.taken += HANDSHAKE_LEN;
        Some(info_hash)
    }

    /// Takes the next message that has come whole: its id and where its payload
    /// is until the next `receive`. Keep-alives are left out.
    pub(super) fn message(&mut self) -> io::Result<Option<(u8, Range<usize>)>> {
        loop {
            let Some(len) = self.input.get(self.taken..self.taken + 4) else {
                return Ok(None);
            };
            let len = u32::from_be_bytes(len.try_into().expect("four bytes"));
            let len = usize::try_from(len).map_err(io::Error::other)?;
            if len > MESSAGE_LEN_MAX {
                return Err(io::Error::other("a message that is too long"));
            }
            let (begin, end) = (self.taken + 4, self.taken + 4 + len);
            if self.input.len() < end {
                return Ok(None);
            }
            self.taken = end;
            if len > 0 {
                return Ok(Some((self.input[begin], begin + 1..end)));
            }
        }
    }

    /// The payload of a message.
    pub(super) fn payload(&self, range: Range<usize>) -> &[u8] {
        &self.input[range]
    }
}
