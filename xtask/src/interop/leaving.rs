//! What leaves by an interface of a machine, as tcpdump counts it.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::lan::Machine;
use super::stage::{Process, Stage, wait_until};

/// How long tcpdump has to begin.
const PATIENCE: Duration = Duration::from_secs(30);
/// The kernel answers whoever asks for its hardware address; it asks only where
/// somebody sends something.
const NO_ANSWER: &str = "not (arp and arp[6:2] = 2)";

/// A capture that goes on until it is dropped.
pub(super) struct Leaving {
    pub(super) interface: &'static str,
    file: PathBuf,
    _tcpdump: Process,
}

impl Leaving {
    /// Catches what leaves by an interface, but for what the kernel says by itself.
    pub(super) fn start(stage: &Stage, machine: &Machine, interface: &'static str) -> Result<Self> {
        let file = stage.path(&format!("{interface}.pcap"));
        // What an earlier capture left is another one's.
        let _ = fs::remove_file(&file);
        let mut tcpdump = Command::new("tcpdump");
        tcpdump.args(["-n", "-U", "-Q", "out", "-i", interface, "-w"]);
        tcpdump.arg(&file).arg(NO_ANSWER);
        let name = format!("tcpdump-{interface}");
        let tcpdump = stage.spawn(&name, &mut machine.command(&tcpdump))?;
        // It writes the header when it has begun to listen.
        wait_until(PATIENCE, "tcpdump", || {
            Ok(fs::metadata(&file).is_ok_and(|metadata| metadata.len() > 0))
        })?;
        Ok(Self {
            interface,
            file,
            _tcpdump: tcpdump,
        })
    }

    /// How many packets left so far.
    pub(super) fn count(&self) -> Result<usize> {
        self.count_of("")
    }

    /// How many packets left so far that fit a filter of tcpdump.
    pub(super) fn count_of(&self, filter: &str) -> Result<usize> {
        let mut tcpdump = Command::new("tcpdump");
        let output = tcpdump.args(["-n", "-r"]).arg(&self.file).arg(filter);
        let output = output.output().context("cannot start tcpdump")?;
        ensure!(output.status.success(), "{} is no capture", self.interface);
        Ok(String::from_utf8_lossy(&output.stdout).lines().count())
    }
}
