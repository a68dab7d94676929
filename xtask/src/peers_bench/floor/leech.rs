//! Receives a torrent: `recv` to where the bytes stay, SHA-1 of whole pieces,
//! `pwrite`. No allocation, no copy, no thought.
//!
//! It asks one peer for whole pieces, takes their blocks in whatever order they
//! come and understands nothing else.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::File;
use std::io::{IoSliceMut, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

use anyhow::{Context, Result, anyhow, bail, ensure};
use superseed_proto::hash::Sha1Hash;
use superseed_proto::layout::PieceIndex;
use superseed_proto::metainfo::Info;

use crate::interop::scripted::wire::{self, CHOKE, INTERESTED, PIECE, REQUEST, UNCHOKE};

const BLOCK_LEN: usize = 16 << 10;
/// Length, id, piece and begin of a PIECE.
const HEADER_LEN: usize = 13;
/// How much is asked for ahead, bytes: enough for a seeder to be busy.
const AHEAD: usize = 8 << 20;
/// How many pieces may lie between the two threads.
const BETWEEN: usize = 4;

const PEER_ID: [u8; 20] = *b"-XT0001-floor-leech-";

/// Downloads all of `info` from `peer` to `out`, with hashing and writing on the
/// thread that receives, or on a second one.
pub(super) fn run(
    info: &Info,
    info_hash: [u8; 20],
    out: &Path,
    peer: SocketAddr,
    threads: usize,
) -> Result<()> {
    let file = File::create(out).with_context(|| format!("cannot make {}", out.display()))?;
    let mut stream = Stream::open(info, info_hash, peer)?;
    match threads {
        1 => {
            while let Some((index, piece)) = stream.next_piece()? {
                keep(info, &file, index, &piece)?;
                stream.spare.push(piece);
            }
            Ok(())
        }
        2 => thread::scope(|scope| {
            let (full, filled) = sync_channel(BETWEEN);
            let (empty, emptied) = channel();
            let keeping = scope.spawn(|| keep_all(info, &file, filled, empty));
            let received = receive_all(&mut stream, full, &emptied);
            let kept = keeping.join().map_err(|_| anyhow!("a thread panicked"))?;
            kept.and(received)
        }),
        _ => bail!("one thread or two"),
    }
}

type Piece = (PieceIndex, Vec<u8>);

fn receive_all(
    stream: &mut Stream<'_>,
    full: SyncSender<Piece>,
    emptied: &Receiver<Vec<u8>>,
) -> Result<()> {
    while let Some(piece) = stream.next_piece()? {
        full.send(piece)?;
        stream.spare.extend(emptied.try_iter());
    }
    Ok(())
}

fn keep_all(
    info: &Info,
    file: &File,
    filled: Receiver<Piece>,
    empty: Sender<Vec<u8>>,
) -> Result<()> {
    for (index, piece) in filled {
        keep(info, file, index, &piece)?;
        // After the last piece nobody takes it.
        let _ = empty.send(piece);
    }
    Ok(())
}

fn keep(info: &Info, file: &File, index: PieceIndex, piece: &[u8]) -> Result<()> {
    let is_right = info.sha1(index) == Some(Sha1Hash::of(piece));
    ensure!(is_right, "piece {} is wrong", index.0);
    file.write_all_at(piece, info.layout.piece_offset(index))?;
    Ok(())
}

/// A piece on its way.
struct Partial {
    bytes: Vec<u8>,
    blocks_left: usize,
}

/// What comes from the seeder.
struct Stream<'i> {
    info: &'i Info,
    stream: TcpStream,
    /// What has been asked for, in pieces.
    asked: u32,
    partial: BTreeMap<u32, Partial>,
    /// Buffers of pieces that are done with.
    spare: Vec<Vec<u8>>,
    /// Of the next block, where one is due.
    header: [u8; HEADER_LEN],
}

impl<'i> Stream<'i> {
    fn open(info: &'i Info, info_hash: [u8; 20], peer: SocketAddr) -> Result<Self> {
        let mut stream = TcpStream::connect(peer).context("cannot connect to the seeder")?;
        stream.set_nodelay(true)?;
        wire::greet(&mut stream, info_hash, PEER_ID)?;
        wire::send(&mut stream, INTERESTED, &[])?;
        while wire::receive(&mut stream)?.0 != UNCHOKE {}
        let mut this = Self {
            info,
            stream,
            asked: 0,
            partial: BTreeMap::new(),
            spare: Vec::new(),
            header: [0; HEADER_LEN],
        };
        this.ask_ahead()?;
        this.stream.read_exact(&mut this.header)?;
        Ok(this)
    }

    /// Asks for pieces as long as few are on their way.
    fn ask_ahead(&mut self) -> Result<()> {
        let (block_len, nominal) = (BLOCK_LEN as u32, self.info.layout.piece_len_nominal());
        let ahead = (AHEAD / nominal as usize).max(2);
        let mut bytes = Vec::new();
        while self.asked < self.info.layout.piece_count() && self.partial.len() < ahead {
            let len = self.info.piece_len(PieceIndex(self.asked));
            for begin in (0..len).step_by(BLOCK_LEN) {
                let numbers = [self.asked, begin, block_len.min(len - begin)];
                let numbers = numbers.map(u32::to_be_bytes);
                bytes.extend(wire::frame(REQUEST, &[numbers.as_flattened()])?);
            }
            let mut buf = self.spare.pop().unwrap_or_default();
            buf.resize(len as usize, 0);
            let partial = Partial {
                blocks_left: buf.len().div_ceil(BLOCK_LEN),
                bytes: buf,
            };
            self.partial.insert(self.asked, partial);
            self.asked += 1;
        }
        self.stream.write_all(&bytes)?;
        Ok(())
    }

    /// Receives blocks until a piece is whole; none after the last one.
    fn next_piece(&mut self) -> Result<Option<Piece>> {
        self.ask_ahead()?;
        while !self.partial.is_empty() {
            let index = self.receive_block()?;
            if let Entry::Occupied(entry) = self.partial.entry(index)
                && entry.get().blocks_left == 0
            {
                return Ok(Some((PieceIndex(index), entry.remove().bytes)));
            }
        }
        Ok(None)
    }

    /// A number of the header.
    fn word(&self, at: usize) -> u32 {
        let bytes = self.header[at..at + 4].try_into();
        u32::from_be_bytes(bytes.expect("four bytes"))
    }

    /// Passes over messages that are shorter than the header of a block: the
    /// seeder unchokes more than once.
    fn skip_short(&mut self) -> Result<()> {
        while self.word(0) < (HEADER_LEN - 4) as u32 {
            let len = 4 + self.word(0) as usize;
            let id = self.header[4];
            ensure!(len == 4 || id != CHOKE, "the seeder choked");
            self.header.copy_within(len.., 0);
            let rest = &mut self.header[HEADER_LEN - len..];
            self.stream.read_exact(rest)?;
        }
        Ok(())
    }

    /// Receives the block whose header is there to its place, and the header
    /// of the one after it. Gives its piece.
    fn receive_block(&mut self) -> Result<u32> {
        self.skip_short()?;
        let (len, index, begin) = (self.word(0), self.word(5), self.word(9) as usize);
        let id = self.header[4];
        ensure!(id == PIECE, "a message {id} instead of a block");
        let others_left = self.partial.len() > 1;
        let partial = self.partial.get_mut(&index).context("a foreign piece")?;
        let rest = partial.bytes.get_mut(begin..).unwrap_or_default();
        let block_len = rest.len().min(BLOCK_LEN);
        let is_asked_for = block_len > 0 && len as usize == 9 + block_len;
        ensure!(is_asked_for && partial.blocks_left > 0, "a foreign block");
        partial.blocks_left -= 1;
        let header_len = match others_left || partial.blocks_left > 0 {
            true => HEADER_LEN,
            false => 0,
        };
        let mut slices = [
            IoSliceMut::new(&mut rest[..block_len]),
            IoSliceMut::new(&mut self.header[..header_len]),
        ];
        let mut left = slices.as_mut_slice();
        while !left.is_empty() {
            let len = self.stream.read_vectored(left)?;
            ensure!(len > 0, "the seeder hung up");
            IoSliceMut::advance_slices(&mut left, len);
        }
        Ok(index)
    }
}
