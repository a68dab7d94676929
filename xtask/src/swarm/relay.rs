//! A line between two hosts in user space: a delay and a rate for each
//! direction, as not every kernel can delay packets.
//!
//! Every byte is read when the line has room for it and written when it has
//! arrived. A sender that is faster than the line is held up by its socket; the
//! relay itself buffers what is under way. What a real line would add to it, the
//! round trip of TCP's own handshake and its slow start, is not there.
//!
//! It is a process of its own with real-time priority: a line is not slower
//! because the hosts at its ends are busy.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};

use crate::interop::stage::{Process, Stage};
use crate::process::whole_lines;

/// How much is read at a time, bytes: 0.6 ms of the line of the bench.
const READ_LEN: usize = 32 << 10;
/// What is under way at most, in reads: many times the line's contents.
const UNDER_WAY_MAX: usize = 4_096;
/// How late a thread may wake without the line's rate suffering from it.
const CATCH_UP: Duration = Duration::from_millis(5);

/// How often it says what went by.
const REPORT: Duration = Duration::from_millis(20);

/// What a line is like, both ways.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    /// One way.
    pub(super) delay: Duration,
    pub(super) rate_bytes_per_s: u64,
}

/// The line of the bench: a round trip of 100 ms, 50 MiB/s each way.
pub(super) const LINE: Line = Line {
    delay: Duration::from_millis(50),
    rate_bytes_per_s: 50 << 20,
};

/// Starts a relay of every connection to `listen` to `to`, and waits until it
/// listens. All connections share the line.
pub(super) fn start(
    stage: &Stage,
    name: &str,
    listen: SocketAddr,
    to: SocketAddr,
) -> Result<Process> {
    let mut command = Command::new("chrt");
    command
        .args(["--fifo", "1"])
        .arg(std::env::current_exe()?)
        .args(["swarm", "--relay", &listen.to_string(), &to.to_string()]);
    let mut relay = stage.spawn(name, &mut command)?;
    relay.wait_line(Duration::from_secs(10), "the relay")?;
    Ok(relay)
}

/// The process that `start` starts. Says at once that it listens, and then,
/// each time that it has changed, what went by: see [`Passed`].
pub(super) fn serve(listen: SocketAddr, to: SocketAddr) -> Result<()> {
    let listener = TcpListener::bind(listen)?;
    let (up, down) = (Direction::new(LINE), Direction::new(LINE));
    println!("{}", Passed::default());
    let (up_seen, down_seen) = (up.clone(), down.clone());
    thread::spawn(move || report(&up_seen, &down_seen));
    for near in listener.incoming().flatten() {
        let (up, down) = (up.clone(), down.clone());
        // An end that hangs up has its reasons.
        thread::spawn(move || connect(&near, to, &up, &down));
    }
    Ok(())
}

/// What had gone by at some time. Displays as a line of the relay's output.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Passed {
    /// Seconds since the Unix epoch.
    pub(super) at_s: f64,
    /// To the seed, bytes of all connections.
    pub(super) up: u64,
    /// From the seed.
    pub(super) down: u64,
}

impl Passed {
    /// All that a relay has said.
    pub(super) fn all(relay: &Process) -> Result<Vec<Self>> {
        let output = relay.output()?;
        whole_lines(&output).map(Self::parse).collect()
    }

    fn parse(line: &str) -> Result<Self> {
        let mut words = line.split(' ');
        let mut word = || words.next().context("a relay's line is short");
        Ok(Self {
            at_s: word()?.parse()?,
            up: word()?.parse()?,
            down: word()?.parse()?,
        })
    }
}

impl fmt::Display for Passed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3} {} {}", self.at_s, self.up, self.down)
    }
}

fn report(up: &Direction, down: &Direction) -> ! {
    let mut said = (0, 0);
    loop {
        thread::sleep(REPORT);
        let passed = (up.passed.load(Relaxed), down.passed.load(Relaxed));
        if passed != said {
            said = passed;
            let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
            let line = Passed {
                at_s: since_epoch.unwrap_or_default().as_secs_f64(),
                up: passed.0,
                down: passed.1,
            };
            println!("{line}");
        }
    }
}

fn connect(near: &TcpStream, to: SocketAddr, up: &Direction, down: &Direction) -> io::Result<()> {
    let far = TcpStream::connect(to)?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    up.carry(near.try_clone()?, far.try_clone()?);
    down.carry(far, near.try_clone()?);
    Ok(())
}

/// One direction of a line.
#[derive(Clone, Debug)]
struct Direction {
    delay: Duration,
    slots: Arc<Mutex<Slots>>,
    /// Bytes that have entered it.
    passed: Arc<AtomicU64>,
}

impl Direction {
    fn new(line: Line) -> Self {
        let slots = Slots {
            rate_bytes_per_s: line.rate_bytes_per_s,
            free_at: Instant::now(),
        };
        Self {
            delay: line.delay,
            slots: Arc::new(Mutex::new(slots)),
            passed: Arc::default(),
        }
    }

    fn carry(&self, from: TcpStream, to: TcpStream) {
        let (sender, receiver) = sync_channel(UNDER_WAY_MAX);
        let direction = self.clone();
        thread::spawn(move || direction.put_in(from, &sender));
        thread::spawn(move || take_out(to, &receiver));
    }

    fn put_in(&self, mut from: TcpStream, line: &SyncSender<Packet>) -> io::Result<()> {
        let mut buf = vec![0; READ_LEN];
        loop {
            let len = from.read(&mut buf)?;
            if len == 0 {
                return Ok(());
            }
            let sent_at = self
                .slots
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(len, Instant::now());
            sleep_until(sent_at);
            self.passed.fetch_add(len as u64, Relaxed);
            let packet = Packet {
                arrives_at: sent_at + self.delay,
                bytes: buf[..len].to_vec(),
            };
            if line.send(packet).is_err() {
                return from.shutdown(Shutdown::Both);
            }
        }
    }
}

/// Bytes that are under way.
#[derive(Debug)]
struct Packet {
    arrives_at: Instant,
    bytes: Vec<u8>,
}

fn take_out(mut to: TcpStream, line: &Receiver<Packet>) -> io::Result<()> {
    for packet in line {
        sleep_until(packet.arrives_at);
        to.write_all(&packet.bytes)?;
    }
    to.shutdown(Shutdown::Write)
}

/// When bytes may enter the line: one after the other, at its rate.
#[derive(Debug)]
struct Slots {
    rate_bytes_per_s: u64,
    free_at: Instant,
}

impl Slots {
    /// When the last of `len` bytes has entered a line that is asked `now`.
    fn take(&mut self, len: usize, now: Instant) -> Instant {
        let earliest = now.checked_sub(CATCH_UP).unwrap_or(now);
        let took = Duration::from_secs_f64(len as f64 / self.rate_bytes_per_s as f64);
        self.free_at = self.free_at.max(earliest) + took;
        self.free_at.max(now)
    }
}

fn sleep_until(at: Instant) {
    thread::sleep(at.saturating_duration_since(Instant::now()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_its_rate_whether_its_reader_is_late_or_not() {
        let begin = Instant::now();
        for late in [Duration::ZERO, Duration::from_micros(300)] {
            let mut slots = Slots {
                rate_bytes_per_s: 1 << 20,
                free_at: begin,
            };
            let mut now = begin;
            for _ in 0..1024 {
                now = slots.take(1024, now) + late;
            }
            let over = now.duration_since(begin).abs_diff(Duration::from_secs(1));
            assert!(
                over <= late + Duration::from_micros(10),
                "{late:?}: {over:?}"
            );
        }
    }

    #[test]
    fn what_a_relay_says_can_be_read() -> Result<()> {
        let passed = Passed {
            at_s: 1_795_837_167.354,
            up: 68,
            down: 1 << 40,
        };
        assert_eq!(Passed::parse(&passed.to_string())?, passed);
        assert!(Passed::parse("1.5 2").is_err());
        Ok(())
    }

    #[test]
    fn an_idle_line_saves_up_no_more_than_it_may_catch_up() {
        let begin = Instant::now();
        let mut slots = Slots {
            rate_bytes_per_s: 1 << 20,
            free_at: begin,
        };
        let later = begin + Duration::from_secs(10);
        let sent_at = slots.take(1 << 20, later);
        let took = sent_at.duration_since(later);
        assert_eq!(took, Duration::from_secs(1) - CATCH_UP);
    }
}
