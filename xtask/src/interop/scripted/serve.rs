//! One connection of a scripted peer.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use super::log::{Log, Seen};
use super::peer::{Script, Sin};
use super::wire::{self, BITFIELD, CANCEL, CHOKE, INTERESTED, PIECE, REJECT, REQUEST, UNCHOKE};

/// Shakes hands and serves until the other side closes.
pub(super) fn connection(
    stream: TcpStream,
    addr: SocketAddr,
    script: &Script,
    log: &Log,
    sinned: &AtomicBool,
) -> io::Result<()> {
    let mut stream = stream;
    stream.set_nodelay(true)?;
    let mut peer_id = *b"-XT0001-000000000000";
    let digits = format!("{:0>12}", addr.ip().to_string().replace(['.', ':'], ""));
    peer_id[8..].copy_from_slice(&digits.as_bytes()[digits.len() - 12..]);
    let fast = wire::shake_hands(&mut stream, script.info_hash, peer_id, script.fast)?;
    log.add(Seen::Connected);
    let mut bitfield = vec![0; script.content.piece_count().div_ceil(8)];
    for piece in 0..script.content.piece_count() {
        bitfield[piece / 8] |= 0x80 >> (piece % 8);
    }
    wire::send(&mut stream, BITFIELD, &[&bitfield])?;

    let (sender, messages) = mpsc::channel();
    let mut reader = stream.try_clone()?;
    let reader_log = log.clone();
    thread::spawn(move || {
        while let Ok(message) = wire::receive(&mut reader) {
            if sender.send(message).is_err() {
                break;
            }
        }
        reader_log.add(Seen::Closed);
    });
    let mut connection = Connection {
        stream,
        script,
        log,
        sinned,
        messages,
        queue: VecDeque::new(),
        fast,
        served: 0,
        next_send: Instant::now(),
    };
    connection.serve()
}

struct Connection<'a> {
    stream: TcpStream,
    script: &'a Script,
    log: &'a Log,
    /// Shared by the peer's connections: the sin is committed once.
    sinned: &'a AtomicBool,
    messages: Receiver<(u8, Vec<u8>)>,
    queue: VecDeque<[u32; 3]>,
    fast: bool,
    /// Blocks given to the socket on this connection.
    served: usize,
    /// When the rate allows the next block.
    next_send: Instant,
}

impl Connection<'_> {
    fn serve(&mut self) -> io::Result<()> {
        loop {
            while let Ok(message) = self.messages.try_recv() {
                self.take(&message)?;
            }
            let wait = self.next_send.saturating_duration_since(Instant::now());
            if self.queue.is_empty() || self.script.sin == Sin::Silent || !wait.is_zero() {
                let idle = self.queue.is_empty() || self.script.sin == Sin::Silent;
                let patience = if idle {
                    Duration::from_secs(3600)
                } else {
                    wait
                };
                match self.messages.recv_timeout(patience) {
                    Ok(message) => self.take(&message)?,
                    Err(mpsc::RecvTimeoutError::Timeout) => {}
                    Err(mpsc::RecvTimeoutError::Disconnected) => return Ok(()),
                }
                continue;
            }
            if self.sin()? {
                return Ok(());
            }
            if let Some(request) = self.queue.pop_front() {
                self.send_block(request)?;
            }
        }
    }

    fn take(&mut self, (id, payload): &(u8, Vec<u8>)) -> io::Result<()> {
        match (*id, wire::numbers(payload)) {
            (INTERESTED, _) => wire::send(&mut self.stream, UNCHOKE, &[])?,
            (REQUEST, Some(request)) => {
                self.log.add(Seen::Requested((request[0], request[1])));
                self.queue.push_back(request);
            }
            (CANCEL, Some(request)) => {
                if let Some(at) = self.queue.iter().position(|queued| *queued == request) {
                    self.queue.remove(at);
                    if self.fast {
                        self.reject(request)?;
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Commits the script's sin if its time has come. Gives whether that ends the connection.
    fn sin(&mut self) -> io::Result<bool> {
        let first = |due: bool| due && !self.sinned.swap(true, Ordering::Relaxed);
        match self.script.sin {
            Sin::Chokes {
                every_blocks,
                pause,
            } if self.served % every_blocks == every_blocks - 1 => {
                self.log.add(Seen::Sinned);
                // Counts as served, so that the next choke is a period away.
                self.served += 1;
                self.choke_for(pause)?;
            }
            Sin::HangsUp { after_blocks } if first(self.served == after_blocks) => {
                self.log.add(Seen::Sinned);
                self.send_half_block()?;
                self.stream.shutdown(Shutdown::Write)?;
                // Unread requests would turn the end into a reset, which may
                // overtake blocks that count as delivered.
                while self.messages.recv().is_ok() {}
                return Ok(true);
            }
            Sin::HugeMessage { after_blocks } if first(self.served == after_blocks) => {
                self.log.add(Seen::Sinned);
                self.stream.write_all(&[0xff, 0xff, 0xff, 0xff, PIECE])?;
                let junk = vec![0; 1 << 16];
                // Ends with an error when the other side has closed.
                while self.stream.write_all(&junk).is_ok() {}
                let mut byte = [0];
                while self.stream.read(&mut byte).is_ok_and(|len| len > 0) {}
                return Ok(true);
            }
            _ => {}
        }
        Ok(false)
    }

    fn choke_for(&mut self, pause: Duration) -> io::Result<()> {
        wire::send(&mut self.stream, CHOKE, &[])?;
        let until = Instant::now() + pause;
        loop {
            // With BEP 6 every request is answered, without it a choke forgets them all.
            let forgotten = std::mem::take(&mut self.queue);
            if self.fast {
                for request in forgotten {
                    self.reject(request)?;
                }
            }
            let wait = until.saturating_duration_since(Instant::now());
            match self.messages.recv_timeout(wait) {
                Ok(message) => self.take(&message)?,
                Err(_) => break,
            }
        }
        wire::send(&mut self.stream, UNCHOKE, &[])
    }

    fn reject(&mut self, request: [u32; 3]) -> io::Result<()> {
        let [piece, begin, len] = request.map(u32::to_be_bytes);
        wire::send(&mut self.stream, REJECT, &[&piece, &begin, &len])
    }

    fn send_half_block(&mut self) -> io::Result<()> {
        let Some([piece, begin, len]) = self.queue.pop_front() else {
            return Ok(());
        };
        let Some(block) = self.script.content.block(piece, begin, len) else {
            return Ok(());
        };
        let bytes = wire::frame(PIECE, &[&piece.to_be_bytes(), &begin.to_be_bytes(), block])?;
        self.stream.write_all(&bytes[..bytes.len() / 2])
    }

    fn send_block(&mut self, [piece, begin, len]: [u32; 3]) -> io::Result<()> {
        let Some(block) = self.script.content.block(piece, begin, len) else {
            return Err(io::Error::other("a request for a block that is not there"));
        };
        let mut bytes = wire::frame(PIECE, &[&piece.to_be_bytes(), &begin.to_be_bytes(), block])?;
        let spoils = matches!(self.script.sin, Sin::BadBlock { at } if at == self.served)
            && !self.sinned.swap(true, Ordering::Relaxed);
        if spoils && let Some(byte) = bytes.last_mut() {
            *byte ^= 1;
        }
        self.stream.write_all(&bytes)?;
        self.log.add(match spoils {
            true => Seen::Spoilt((piece, begin)),
            false => Seen::Delivered((piece, begin)),
        });
        self.served += 1;
        if let Some(rate) = self.script.rate_bytes_per_s {
            let pause = Duration::from_secs_f64(f64::from(len) / rate as f64);
            self.next_send = self.next_send.max(Instant::now() - pause) + pause;
        }
        Ok(())
    }
}
