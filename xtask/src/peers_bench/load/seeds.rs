//! Seeds, as many as connect to their addresses: each answers what it is asked
//! at its rate, or at once. Once a second the process says how many of them sent
//! something in it, and how much all did. Nobody is unchoked before all are
//! connected, so that what is measured is so many peers and not their coming.

use std::collections::VecDeque;
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token};
use superseed_proto::Bitfield;
use superseed_proto::metainfo::Info;

use super::conn::Conn;
use super::{PORT, peer_id};
use crate::interop::scripted::wire::{self, BITFIELD, INTERESTED, PIECE, REQUEST, UNCHOKE};

const LISTENER: Token = Token(usize::MAX);

/// What a connection has at most that its socket did not take, bytes. It holds
/// any number of requests: who asks is the one that is measured.
const BACKLOG_MAX: usize = 64 << 10;
/// The longest block that is sent, bytes.
const BLOCK_LEN_MAX: u32 = 128 << 10;

/// How often seeds are looked at that wait for their rate.
const TICK: Duration = Duration::from_millis(10);
/// What a seed that was not asked may send at once, later.
const CATCH_UP: Duration = Duration::from_millis(100);

/// What all seeds have in common.
struct Common<'i> {
    info: &'i Info,
    info_hash: [u8; 20],
    file: File,
    /// How many there are to be.
    count: usize,
    /// Of each seed; none is as fast as the socket.
    rate_bytes_per_s: Option<f64>,
}

struct Seed {
    conn: Conn,
    greeted: bool,
    /// The other side wants to be unchoked.
    waits: bool,
    /// Piece, begin and length.
    requests: VecDeque<[u32; 3]>,
    /// When its rate allows the next block.
    next_at: Instant,
    /// The last second in which it sent something.
    active_in: Option<u64>,
}

/// What happened in a second.
#[derive(Default)]
struct Second {
    number: u64,
    active: usize,
    bytes: u64,
}

/// Serves until killed. Says that it listens, and then each second's figures:
/// its number, how many seeds sent something, and how many bytes.
pub(super) fn run(
    info: &Info,
    info_hash: [u8; 20],
    content: &Path,
    count: usize,
    rate_bytes_per_s: Option<f64>,
) -> Result<()> {
    let common = Common {
        info,
        info_hash,
        file: File::open(content)?,
        count,
        rate_bytes_per_s,
    };
    let mut listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, PORT)))?;
    let (mut poll, mut events) = (Poll::new()?, Events::with_capacity(1024));
    poll.registry()
        .register(&mut listener, LISTENER, Interest::READABLE)?;
    println!("listening");
    let mut seeds: Vec<Option<Seed>> = Vec::new();
    let (start, mut second) = (Instant::now(), Second::default());
    let (mut ticked, mut all_came) = (start, false);
    loop {
        poll.poll(&mut events, Some(TICK))?;
        let number = start.elapsed().as_secs();
        if number > second.number {
            println!("{} {} {}", second.number, second.active, second.bytes);
            second = Second {
                number,
                ..Second::default()
            };
        }
        for event in &events {
            if event.token() == LISTENER {
                while let Ok((mut stream, _)) = listener.accept() {
                    stream.set_nodelay(true)?;
                    let interest = Interest::READABLE | Interest::WRITABLE;
                    let token = Token(seeds.len());
                    poll.registry().register(&mut stream, token, interest)?;
                    seeds.push(Some(Seed::new(stream)));
                }
                continue;
            }
            let number = event.token().0;
            serve(&mut seeds[number], |seed| {
                seed.take_in(&common, u16::try_from(number)?)?;
                seed.answer(&common, &mut second)
            })?;
        }
        let greeted = |slot: &&Option<Seed>| slot.as_ref().is_some_and(|seed| seed.greeted);
        all_came = all_came || seeds.iter().filter(greeted).count() >= common.count;
        for slot in seeds.iter_mut().filter(|_| all_came) {
            serve(slot, Seed::unchoke_if_waiting)?;
        }
        if rate_bytes_per_s.is_some() && ticked.elapsed() >= TICK {
            ticked = Instant::now();
            for slot in &mut seeds {
                serve(slot, |seed| seed.answer(&common, &mut second))?;
            }
        }
    }
}

/// Lets a seed act; it is gone if the other side is.
fn serve(slot: &mut Option<Seed>, act: impl FnOnce(&mut Seed) -> Result<()>) -> Result<()> {
    if let Some(seed) = slot
        && let Err(error) = act(seed)
    {
        // Whoever is complete hangs up; all else is a fault.
        if error.downcast_ref::<std::io::Error>().is_none() {
            return Err(error);
        }
        *slot = None;
    }
    Ok(())
}

impl Seed {
    fn new(stream: mio::net::TcpStream) -> Self {
        Self {
            conn: Conn::new(stream),
            greeted: false,
            waits: false,
            requests: VecDeque::new(),
            next_at: Instant::now(),
            active_in: None,
        }
    }

    fn take_in(&mut self, common: &Common<'_>, number: u16) -> Result<()> {
        while self.conn.receive()? {
            if !self.greeted {
                let Some(theirs) = self.conn.handshake() else {
                    continue;
                };
                ensure!(
                    theirs == common.info_hash,
                    "a handshake for another torrent"
                );
                self.greeted = true;
                let handshake = wire::handshake(common.info_hash, peer_id(number), false);
                self.conn.output().extend(handshake);
                let mut all = Vec::new();
                Bitfield::full(common.info.layout.piece_count()).write_wire(&mut all);
                let bitfield = wire::frame(BITFIELD, &[&all])?;
                self.conn.output().extend(bitfield);
            }
            while let Some((id, payload)) = self.conn.message()? {
                match id {
                    INTERESTED => self.waits = true,
                    REQUEST => {
                        let numbers = wire::numbers(self.conn.payload(payload));
                        self.requests.push_back(numbers.context("a short request")?);
                    }
                    // What else a leecher says is no matter here.
                    _ => {}
                }
            }
        }
        Ok(())
    }

    fn unchoke_if_waiting(&mut self) -> Result<()> {
        if self.waits {
            self.waits = false;
            self.conn.output().extend(wire::frame(UNCHOKE, &[])?);
            self.conn.flush()?;
        }
        Ok(())
    }

    /// Sends what was asked for, as much as its rate allows and the socket takes.
    fn answer(&mut self, common: &Common<'_>, second: &mut Second) -> Result<()> {
        let now = Instant::now();
        let earliest = now.checked_sub(CATCH_UP).unwrap_or(now);
        loop {
            while self.conn.backlog() < BACKLOG_MAX
                && self.next_at <= now
                && let Some([piece, begin, len]) = self.requests.pop_front()
            {
                ensure!(len <= BLOCK_LEN_MAX, "a request for too much");
                let layout = common.info.layout;
                let index = layout.piece(piece).context("no such piece")?;
                let output = self.conn.output();
                output.extend((9 + len).to_be_bytes());
                output.push(PIECE);
                output.extend([piece, begin].map(u32::to_be_bytes).as_flattened());
                let block = output.len();
                output.resize(block + len as usize, 0);
                let at = layout.piece_offset(index) + u64::from(begin);
                common.file.read_exact_at(&mut output[block..], at)?;
                if let Some(rate) = common.rate_bytes_per_s {
                    let took = Duration::from_secs_f64(f64::from(len) / rate);
                    self.next_at = self.next_at.max(earliest) + took;
                }
                second.bytes += u64::from(len);
                if self.active_in != Some(second.number) {
                    self.active_in = Some(second.number);
                    second.active += 1;
                }
            }
            self.conn.flush()?;
            if self.conn.backlog() > 0 || self.requests.is_empty() || self.next_at > now {
                return Ok(());
            }
        }
    }
}
