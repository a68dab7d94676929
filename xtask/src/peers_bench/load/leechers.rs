//! Leechers that stay close together: each a little behind the one before it,
//! all within a window, so that a seeder that reads once can serve everyone.
//!
//! Every byte that comes is compared with the content. Once a second the process
//! says how much has come to each.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use mio::{Events, Interest, Poll, Token};
use socket2::{Domain, Socket, Type};
use superseed_proto::BLOCK_LEN;
use superseed_proto::metainfo::Info;

use super::conn::Conn;
use super::passed::Teller;
use super::{ip, peer_id};
use crate::interop::scripted::wire::{self, CHOKE, INTERESTED, PIECE, REQUEST, UNCHOKE};

/// How far apart they may be, bytes.
const WINDOW: u64 = 16 << 20;
/// How many blocks each asks for ahead.
const AHEAD: usize = 32;
/// How long nothing may come for.
const SILENCE_MAX: Duration = Duration::from_secs(90);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Block {
    Missing,
    Asked,
    Here,
}

/// One of them.
struct Leecher {
    conn: Conn,
    greeted: bool,
    unchoked: bool,
    blocks: Vec<Block>,
    /// All before it are here.
    low: usize,
    /// All before it are here or asked for.
    next: usize,
    asked: usize,
    /// How far it may be ahead of the last of all, blocks.
    lead: usize,
}

/// Downloads a torrent as often as told. Says the seconds, and the MiB by which
/// the first was ever ahead of the last.
pub(super) fn run(
    info: &Info,
    info_hash: [u8; 20],
    content: &Path,
    count: u16,
    seed: SocketAddr,
) -> Result<String> {
    ensure!(count > 0, "there must be a leecher");
    let content = fs::read(content)?;
    let piece_len = info.layout.piece_len_nominal() as usize;
    ensure!(
        piece_len.is_multiple_of(BLOCK_LEN as usize),
        "blocks of such pieces are not in one row"
    );
    let (mut poll, mut events) = (Poll::new()?, Events::with_capacity(1024));
    let mut leechers = Vec::new();
    for n in 0..count {
        let mut leecher = Leecher::start(n, count, content.len(), info_hash, seed)?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        let stream = &mut leecher.conn.stream;
        poll.registry()
            .register(stream, Token(n.into()), interest)?;
        leechers.push(leecher);
    }
    let torrent = Torrent { content, piece_len };
    let (start, mut heard) = (Instant::now(), Instant::now());
    let (mut last, mut apart) = (0, 0);
    let mut teller = Teller::new();
    while last < torrent.blocks() {
        poll.poll(&mut events, Some(teller.due_in()))?;
        if teller.is_due() {
            let received = leechers.iter().map(|leecher| leecher.conn.received_total());
            teller.tell(&received.collect::<Vec<_>>());
        }
        ensure!(heard.elapsed() < SILENCE_MAX, "nothing came for long");
        for event in &events {
            let leecher = &mut leechers[event.token().0];
            if leecher.take_in(&torrent)? {
                heard = Instant::now();
            }
            leecher.ask(last, &torrent)?;
        }
        let lows = || leechers.iter().map(|leecher| leecher.low);
        let now_last = lows().min().context("nobody is left")?;
        apart = apart.max(lows().max().unwrap_or_default() - now_last);
        if now_last > last {
            last = now_last;
            for leecher in &mut leechers {
                leecher.ask(last, &torrent)?;
            }
        }
    }
    let apart_mib = apart as f64 * f64::from(BLOCK_LEN) / f64::from(1 << 20);
    let seconds = start.elapsed().as_secs_f64();
    Ok(format!("{seconds:.3} {apart_mib:.2}"))
}

struct Torrent {
    content: Vec<u8>,
    piece_len: usize,
}

impl Torrent {
    fn blocks(&self) -> usize {
        self.content.len().div_ceil(BLOCK_LEN as usize)
    }

    /// Piece, begin and length.
    fn numbers(&self, block: usize) -> Result<[u32; 3]> {
        let at = block * BLOCK_LEN as usize;
        let len = (self.content.len() - at).min(BLOCK_LEN as usize);
        let numbers = [at / self.piece_len, at % self.piece_len, len];
        Ok([
            numbers[0].try_into()?,
            numbers[1].try_into()?,
            numbers[2].try_into()?,
        ])
    }
}

impl Leecher {
    fn start(
        n: u16,
        count: u16,
        len: usize,
        info_hash: [u8; 20],
        seed: SocketAddr,
    ) -> Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.bind(&SocketAddr::new(ip(n), 0).into())?;
        socket
            .connect(&seed.into())
            .context("cannot connect to the seed")?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        let window = usize::try_from(WINDOW / u64::from(BLOCK_LEN))?;
        let behind = usize::from(n) * window / usize::from(count);
        let mut leecher = Self {
            conn: Conn::new(mio::net::TcpStream::from_std(socket.into())),
            greeted: false,
            unchoked: false,
            blocks: vec![Block::Missing; len.div_ceil(BLOCK_LEN as usize)],
            low: 0,
            next: 0,
            asked: 0,
            lead: window - behind,
        };
        let output = leecher.conn.output();
        output.extend(wire::handshake(info_hash, peer_id(n), false));
        output.extend(wire::frame(INTERESTED, &[])?);
        Ok(leecher)
    }

    /// Takes what has come. Whether there was a block.
    fn take_in(&mut self, torrent: &Torrent) -> Result<bool> {
        let mut had_block = false;
        while self.conn.receive()? {
            if !self.greeted {
                self.greeted = self.conn.handshake().is_some();
            }
            if !self.greeted {
                continue;
            }
            while let Some((id, payload)) = self.conn.message()? {
                match id {
                    UNCHOKE => self.unchoked = true,
                    CHOKE => self.forget_asked(),
                    PIECE => {
                        let payload = self.conn.payload(payload);
                        let block = check(payload, torrent)?;
                        ensure!(
                            self.blocks[block] == Block::Asked,
                            "a block nobody asked for"
                        );
                        self.blocks[block] = Block::Here;
                        self.asked -= 1;
                        had_block = true;
                    }
                    // What else a seed says is no matter here.
                    _ => {}
                }
            }
        }
        let here = |block: &&Block| **block == Block::Here;
        self.low += self.blocks[self.low..].iter().take_while(here).count();
        Ok(had_block)
    }

    /// A choked peer's requests are dropped.
    fn forget_asked(&mut self) {
        self.unchoked = false;
        self.asked = 0;
        for block in &mut self.blocks[self.low..self.next] {
            if *block == Block::Asked {
                *block = Block::Missing;
            }
        }
        self.next = self.low;
    }

    /// Asks for what is next, as far as the last of all allows.
    fn ask(&mut self, last: usize, torrent: &Torrent) -> Result<()> {
        let end = (last + self.lead).min(self.blocks.len());
        while self.unchoked && self.asked < AHEAD && self.next < end {
            if self.blocks[self.next] == Block::Missing {
                let numbers = torrent.numbers(self.next)?.map(u32::to_be_bytes);
                let request = wire::frame(REQUEST, &[numbers.as_flattened()])?;
                self.conn.output().extend(request);
                self.blocks[self.next] = Block::Asked;
                self.asked += 1;
            }
            self.next += 1;
        }
        self.conn.flush()?;
        Ok(())
    }
}

/// Compares a block with the content. Gives which one it is.
fn check(payload: &[u8], torrent: &Torrent) -> Result<usize> {
    let Some((numbers, bytes)) = payload.split_at_checked(8) else {
        bail!("a short block");
    };
    let word = |at: usize| {
        let bytes = numbers[at..at + 4].try_into().map_err(io::Error::other)?;
        usize::try_from(u32::from_be_bytes(bytes)).map_err(io::Error::other)
    };
    let (piece, begin): (usize, usize) = (word(0)?, word(4)?);
    let at = piece * torrent.piece_len + begin;
    let expected = torrent.content.get(at..at + bytes.len());
    ensure!(expected == Some(bytes), "a wrong block at byte {at}");
    let block_len = BLOCK_LEN as usize;
    let is_whole = at.is_multiple_of(block_len) && torrent.blocks() > at / block_len;
    ensure!(is_whole, "half a block at byte {at}");
    Ok(at / block_len)
}
