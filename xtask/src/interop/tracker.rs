//! The trackers: opentracker and our own, each over HTTP and UDP.

use std::fs;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::namespace::host;
use super::stage::{Process, Stage, superseed, wait_until};

/// The tracker's host and port.
const HOST: u8 = 9;
const PORT: u16 = 6969;

/// How long a tracker may take to answer first, and to hear of a seed.
const PATIENCE: Duration = Duration::from_secs(15);

/// Which tracker, and by which protocol clients are to speak to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Via {
    OpentrackerHttp,
    OpentrackerUdp,
    SuperseedHttp,
    SuperseedUdp,
}

impl Via {
    /// For a case's figures.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::OpentrackerHttp => "opentracker, HTTP",
            Self::OpentrackerUdp => "opentracker, UDP",
            Self::SuperseedHttp => "own tracker, HTTP",
            Self::SuperseedUdp => "own tracker, UDP",
        }
    }

    fn is_udp(self) -> bool {
        matches!(self, Self::OpentrackerUdp | Self::SuperseedUdp)
    }

    /// Starts it on IPv4 and waits until it answers.
    pub(super) fn start(self, stage: &Stage, info_hash: [u8; 20]) -> Result<Tracker> {
        self.start_at(stage, info_hash, host(HOST))
    }

    /// Starts it on an address and waits until it answers.
    pub(crate) fn start_at(
        self,
        stage: &Stage,
        info_hash: [u8; 20],
        ip: IpAddr,
    ) -> Result<Tracker> {
        let addr = SocketAddr::new(ip, PORT);
        let process = match self {
            Self::OpentrackerHttp | Self::OpentrackerUdp => opentracker(stage, addr, info_hash)?,
            Self::SuperseedHttp | Self::SuperseedUdp => stage.spawn(
                "tracker",
                Command::new(superseed()).args(["tracker", "--listen", &addr.to_string()]),
            )?,
        };
        let url = match self.is_udp() {
            true => format!("udp://{addr}/announce"),
            false => format!("http://{addr}/announce"),
        };
        let mut tracker = Tracker {
            process,
            addr,
            url,
            info_hash,
        };
        wait_until(PATIENCE, "the tracker", || {
            tracker.process.ensure_runs()?;
            Ok(tracker.scrape().is_ok())
        })?;
        Ok(tracker)
    }
}

/// Debian's opentracker serves only the hashes of its whitelist.
fn opentracker(stage: &Stage, addr: SocketAddr, info_hash: [u8; 20]) -> Result<Process> {
    let hex: String = info_hash.iter().map(|byte| format!("{byte:02x}")).collect();
    // It changes its root to the directory, and its user to nobody.
    let dir = stage.path("opentracker");
    fs::create_dir_all(&dir)?;
    fs::write(dir.join("whitelist"), format!("{hex}\n"))?;
    let (ip, port) = (addr.ip().to_string(), addr.port().to_string());
    let mut command = Command::new("opentracker");
    command
        .args(["-i", &ip, "-p", &port, "-P", &port, "-w", "whitelist", "-d"])
        .arg(&dir);
    stage.spawn("tracker", command.current_dir(&dir))
}

/// A running tracker.
#[derive(Debug)]
pub(crate) struct Tracker {
    process: Process,
    addr: SocketAddr,
    /// What a torrent calls it.
    pub(crate) url: String,
    info_hash: [u8; 20],
}

impl Tracker {
    /// Waits until a peer has announced itself: a leecher that asks earlier
    /// would get no peer and come again much later.
    ///
    /// A seeder that is still checking its data counts: it may announce itself
    /// as incomplete.
    pub(crate) fn wait_for_peer(&mut self) -> Result<()> {
        wait_until(PATIENCE, "the seeder's announce", || {
            self.process.ensure_runs()?;
            let scrape = self.scrape().unwrap_or_default();
            Ok(figure(&scrape, "8:completei") + figure(&scrape, "10:incompletei") > 0)
        })
    }

    /// The answer to a scrape over HTTP, as text.
    fn scrape(&self) -> Result<String> {
        let timeout = Duration::from_secs(1);
        let mut stream = TcpStream::connect_timeout(&self.addr, timeout)?;
        stream.set_read_timeout(Some(timeout))?;
        let hash: String = self
            .info_hash
            .iter()
            .map(|byte| format!("%{byte:02x}"))
            .collect();
        let host = self.addr;
        write!(
            stream,
            "GET /scrape?info_hash={hash} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        )?;
        let mut answer = Vec::new();
        stream
            .read_to_end(&mut answer)
            .context("cannot read the scrape")?;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        ensure!(
            answer.starts_with("HTTP/1.1 200") || answer.starts_with("HTTP/1.0 200"),
            "{answer}"
        );
        Ok(answer)
    }
}

/// The bencoded number after `key`, or 0.
fn figure(scrape: &str, key: &str) -> u32 {
    let digits = scrape
        .split(key)
        .nth(1)
        .and_then(|rest| rest.split('e').next());
    digits
        .and_then(|digits| digits.parse().ok())
        .unwrap_or_default()
}
