//! Seeds, as many as connect to their addresses: each answers what it is asked
//! at its rate, or at once. Once a second the process says how much of each the
//! other side has read. Nobody is unchoked before all are connected, so that
//! what is measured is so many peers and not their coming.

use std::collections::VecDeque;
use std::fs::File;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token};
use superseed_proto::Bitfield;
use superseed_proto::metainfo::Info;

use super::conn::Conn;
use super::passed::Teller;
use super::{PORT, peer_id};
use crate::interop::scripted::wire::{self, BITFIELD, INTERESTED, PIECE, REQUEST, UNCHOKE};
use crate::peers_bench::floor::read_torrent;
use crate::peers_bench::procfs;

const LISTENER: Token = Token(usize::MAX);

/// What a connection has at most that its socket did not take, bytes. It holds
/// any number of requests: who asks is the one that is measured.
const BACKLOG_MAX: usize = 64 << 10;
/// The longest block that is sent, bytes.
const BLOCK_LEN_MAX: u32 = 128 << 10;

/// How often seeds are looked at that wait for their rate.
pub(super) const TICK: Duration = Duration::from_millis(10);
/// What a seed that was not asked may send at once, later.
const CATCH_UP: Duration = Duration::from_millis(100);

/// What all seeds have in common.
pub(super) struct Common {
    info: Info,
    info_hash: [u8; 20],
    file: File,
    /// How many there are to be.
    pub(super) count: usize,
    /// Of each seed; none is as fast as the socket.
    rate_bytes_per_s: Option<f64>,
}

impl Common {
    /// Of the words of a command line.
    pub(super) fn of(
        count: &str,
        torrent: &str,
        content: &str,
        rate: Option<&str>,
    ) -> Result<Self> {
        let (info, info_hash) = read_torrent(torrent)?;
        Ok(Self {
            info,
            info_hash,
            file: File::open(content)?,
            count: count.parse()?,
            rate_bytes_per_s: rate.map(str::parse).transpose()?,
        })
    }
}

pub(super) struct Seed {
    /// Its own address.
    ip: IpAddr,
    pub(super) conn: Conn,
    /// It has said its handshake.
    spoke: bool,
    /// The other side has said its own.
    pub(super) greeted: bool,
    /// The other side wants to be unchoked.
    waits: bool,
    /// Piece, begin and length.
    requests: VecDeque<[u32; 3]>,
    /// When its rate allows the next block.
    next_at: Instant,
}

/// Serves until killed. Says that it listens, and then what has passed.
pub(super) fn run(common: &Common) -> Result<()> {
    let mut listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, PORT)))?;
    let (mut poll, mut events) = (Poll::new()?, Events::with_capacity(1024));
    poll.registry()
        .register(&mut listener, LISTENER, Interest::READABLE)?;
    println!("listening");
    let mut seeds: Vec<Option<Seed>> = Vec::new();
    let (mut teller, mut passed) = (Teller::new(), Vec::new());
    let (mut ticked, mut all_came) = (Instant::now(), false);
    loop {
        poll.poll(&mut events, Some(TICK))?;
        if teller.is_due() {
            count_passed(&seeds, &mut passed)?;
            teller.tell(&passed);
        }
        for event in &events {
            if event.token() == LISTENER {
                while let Ok((mut stream, _)) = listener.accept() {
                    stream.set_nodelay(true)?;
                    let interest = Interest::READABLE | Interest::WRITABLE;
                    let token = Token(seeds.len());
                    poll.registry().register(&mut stream, token, interest)?;
                    seeds.push(Some(Seed::new(stream)?));
                }
                continue;
            }
            let number = event.token().0;
            serve(&mut seeds[number], |seed| {
                seed.take_in(common, u16::try_from(number)?)?;
                seed.answer(common)
            })?;
        }
        let greeted = |slot: &&Option<Seed>| slot.as_ref().is_some_and(|seed| seed.greeted);
        all_came = all_came || seeds.iter().filter(greeted).count() >= common.count;
        for slot in seeds.iter_mut().filter(|_| all_came) {
            serve(slot, Seed::unchoke_if_waiting)?;
        }
        if common.rate_bytes_per_s.is_some() && ticked.elapsed() >= TICK {
            ticked = Instant::now();
            for slot in &mut seeds {
                serve(slot, |seed| seed.answer(common))?;
            }
        }
    }
}

/// What each seed's other side has read of it, bytes. Who is gone keeps its figure.
fn count_passed(seeds: &[Option<Seed>], passed: &mut Vec<u64>) -> Result<()> {
    let under_way = procfs::under_way(PORT)?;
    passed.resize(seeds.len(), 0);
    for (slot, passed) in seeds.iter().zip(passed) {
        if let Some(seed) = slot {
            let under_way = under_way.get(&seed.ip).copied().unwrap_or_default();
            *passed = seed.conn.sent_total().saturating_sub(under_way);
        }
    }
    Ok(())
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
    pub(super) fn new(stream: mio::net::TcpStream) -> Result<Self> {
        Ok(Self {
            ip: stream.local_addr()?.ip(),
            conn: Conn::new(stream),
            spoke: false,
            greeted: false,
            waits: false,
            requests: VecDeque::new(),
            next_at: Instant::now(),
        })
    }

    /// Says the handshake: who connects does so first.
    pub(super) fn speak(&mut self, common: &Common, number: u16) {
        if !std::mem::replace(&mut self.spoke, true) {
            let handshake = wire::handshake(common.info_hash, peer_id(number), false);
            self.conn.output().extend(handshake);
        }
    }

    pub(super) fn take_in(&mut self, common: &Common, number: u16) -> Result<()> {
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
                self.speak(common, number);
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

    pub(super) fn unchoke_if_waiting(&mut self) -> Result<()> {
        if self.waits {
            self.waits = false;
            self.conn.output().extend(wire::frame(UNCHOKE, &[])?);
            self.conn.flush()?;
        }
        Ok(())
    }

    /// Sends what was asked for, as much as its rate allows and the socket takes.
    pub(super) fn answer(&mut self, common: &Common) -> Result<()> {
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
            }
            self.conn.flush()?;
            if self.conn.backlog() > 0 || self.requests.is_empty() || self.next_at > now {
                return Ok(());
            }
        }
    }
}
