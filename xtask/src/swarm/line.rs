//! One leecher behind a long line: the share of the line's rate that it gets,
//! from the start of its process to the last byte on the disk.
//!
//! Runs inside the namespaces of its run. The seed and the leecher know of each
//! other by the relay alone, which the leecher's tracker names.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};

use super::contender::Contender;
use super::leecher::Leecher;
use super::relay::{self, LINE, Passed};
use super::seed;
use crate::interop::clients::{Job, PORT};
use crate::interop::fixture::Set;
use crate::interop::metainfo::with_trackers;
use crate::interop::namespace::host;
use crate::interop::scripted::tracker_of_peers;
use crate::interop::stage::{Stage, wait_until};

const MIB: u64 = 1 << 20;

/// More than a handshake, a bitfield and what else comes before a block, bytes.
const BEFORE_DATA_MAX: u64 = 8 << 10;

/// How long the download may take.
pub(super) const LIMIT: Duration = Duration::from_secs(120);

/// What a stream of bytes must get of the line for a measurement to be worth
/// anything: less, and the machine is too busy for the relay.
const PROBE_SHARE_MIN: f64 = 0.98;
/// How many bytes that stream has.
const PROBE_LEN: u64 = 48 * MIB;
/// How many round trips are measured before.
const PROBE_ROUNDS: u32 = 5;

/// One run. Gives the share of the line, and what there is to say about it.
pub(super) fn run(stage: &Stage, contender: Contender) -> Result<(f64, String)> {
    let probe = Probe::take(stage)?;
    ensure!(
        probe.share() >= PROBE_SHARE_MIN,
        "the machine is too busy: {probe}"
    );

    let fixture = Set::Line.fixture()?;
    // Without a tracker: it must hear of nobody.
    let seed_ip = host(2);
    let mut seed = seed::start(stage, &fixture, &fixture.torrent, seed_ip, |it| it)?;
    let relay = SocketAddr::new(host(20), PORT);
    let line = relay::start(stage, "relay", relay, SocketAddr::new(seed_ip, PORT))?;
    let tracker = tracker_of_peers(host(9), &[relay])?;
    let torrent = with_trackers(&fixture, &[tracker], &stage.path("torrent"))?;

    let dir = stage.data("leecher")?;
    let job = Job {
        torrent: &torrent,
        dir: &dir,
        ip: host(3),
        peers: &[],
        upload_limit: None,
    };
    let command = contender.download(stage, &job)?;
    let (start, start_s) = (Instant::now(), since_epoch_s());
    let mut leecher = Leecher::start(stage, contender, "leecher", command, dir.clone())?;
    wait_until(LIMIT, "the leecher", || {
        seed.ensure_runs()?;
        leecher.is_complete()
    })?;
    // Before it ends: what it called complete has to be there.
    leecher.compare(&fixture)?;
    leecher.wait_ended()?;

    let complete_at = leecher.complete_at.context("complete without a time")?;
    let seconds = complete_at.duration_since(start).as_secs_f64();
    let at_line_rate = fixture.total_len as f64 / LINE.rate_bytes_per_s as f64;
    let phases = phases(&Passed::all(&line)?, start_s)?;
    let words =
        format!("{seconds:.2} s, at the line's rate {at_line_rate:.2} s; {phases}; {probe}");
    Ok((at_line_rate / seconds, words))
}

fn since_epoch_s() -> f64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
    since_epoch.unwrap_or_default().as_secs_f64()
}

/// When the leecher first spoke to the seed, and when payload came.
fn phases(passed: &[Passed], start_s: f64) -> Result<String> {
    let end = passed.last().context("the relay has said nothing")?.down;
    let since_start = |found: fn(&Passed, u64) -> bool| {
        let first = passed.iter().find(|passed| found(passed, end));
        first.map_or(f64::NAN, |passed| passed.at_s - start_s)
    };
    Ok(format!(
        "it spoke after {:.2} s, data came from {:.2} s to {:.2} s",
        since_start(|passed, _| passed.up > 0),
        since_start(|passed, _| passed.down > BEFORE_DATA_MAX),
        since_start(|passed, end| passed.down == end),
    ))
}

/// What a bare TCP connection gets of the line.
struct Probe {
    round_trip: Duration,
    rate_bytes_per_s: f64,
}

impl Probe {
    fn take(stage: &Stage) -> Result<Self> {
        let (source, relay) = (
            SocketAddr::new(host(30), PORT),
            SocketAddr::new(host(31), PORT),
        );
        let listener = TcpListener::bind(source)?;
        let serving = thread::spawn(move || serve_probe(&listener));
        let _relay = relay::start(stage, "probe", relay, source)?;
        let mut stream = TcpStream::connect(relay)?;
        stream.set_nodelay(true)?;
        let start = Instant::now();
        let mut byte = [0];
        for _ in 0..PROBE_ROUNDS {
            stream.write_all(&byte)?;
            stream.read_exact(&mut byte)?;
        }
        let round_trip = start.elapsed() / PROBE_ROUNDS;
        stream.write_all(&byte)?;
        let mut buf = vec![0; 1 << 20];
        stream.read_exact(&mut buf)?;
        let (start, mut left) = (Instant::now(), PROBE_LEN - MIB);
        while left > 0 {
            let len = stream.read(&mut buf)?;
            ensure!(len > 0, "the relay lost the connection");
            left -= len as u64;
        }
        let seconds = start.elapsed().as_secs_f64();
        serving
            .join()
            .map_err(|_| anyhow::anyhow!("the probe's other end panicked"))??;
        Ok(Self {
            round_trip,
            rate_bytes_per_s: (PROBE_LEN - MIB) as f64 / seconds,
        })
    }

    fn share(&self) -> f64 {
        self.rate_bytes_per_s / LINE.rate_bytes_per_s as f64
    }
}

/// Answers byte by byte, then sends all.
fn serve_probe(listener: &TcpListener) -> std::io::Result<()> {
    let (mut stream, _) = listener.accept()?;
    stream.set_nodelay(true)?;
    let mut byte = [0];
    for _ in 0..PROBE_ROUNDS {
        stream.read_exact(&mut byte)?;
        stream.write_all(&byte)?;
    }
    stream.read_exact(&mut byte)?;
    let buf = vec![0; 1 << 20];
    for _ in 0..PROBE_LEN / MIB {
        stream.write_all(&buf)?;
    }
    Ok(())
}

impl std::fmt::Display for Probe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "a bare stream gets {:.1} MiB/s at {:.1} ms",
            self.rate_bytes_per_s / MIB as f64,
            1e3 * self.round_trip.as_secs_f64()
        )
    }
}
