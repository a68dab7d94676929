//! The clients, each behind the same two verbs.

pub(crate) mod aria2;
pub(crate) mod libtorrent;
pub(crate) mod rqbit;
pub(crate) mod rtorrent;
pub(crate) mod superseed;
pub(crate) mod transmission;

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail, ensure};

use super::compare::Strictness;
use super::install::Tool;
use super::stage::{Process, Stage, wait_until};

pub(super) use libtorrent::uploaded;
pub(super) use superseed::{
    command as superseed_command, download_command as superseed_download,
    program as superseed_program, start_encrypting as superseed_encrypting,
};

/// The port that every client listens on, each at its own address.
pub(crate) const PORT: u16 = 7002;

/// A BitTorrent client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Client {
    Superseed,
    /// As a seed that seems to have nothing (BEP 16).
    SuperSeed,
    Aria2,
    Transmission,
    /// Without uTP and encryption, which would only delay it here.
    Libtorrent,
    /// With the settings it is shipped with.
    LibtorrentAsShipped,
}

/// What another client is to want of encryption, as far as it knows such a choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Theirs {
    Plain,
    Prefer,
    Require,
}

impl Theirs {
    /// What cases are called after.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Prefer => "prefer",
            Self::Require => "require",
        }
    }
}

/// What a client is to work on.
#[derive(Clone, Debug)]
pub(crate) struct Job<'a> {
    /// With the trackers in it. To download, a magnet link will do.
    pub(crate) torrent: &'a Path,
    /// Where the content is or comes.
    pub(crate) dir: &'a Path,
    pub(crate) ip: IpAddr,
    /// Peers to connect to beside the tracker's; aria2 and Transmission know no such option.
    pub(crate) peers: &'a [SocketAddr],
    /// Bytes per second.
    pub(crate) upload_limit: Option<u64>,
}

impl Job<'_> {
    /// Where it listens.
    pub(super) fn listen(&self) -> SocketAddr {
        SocketAddr::new(self.ip, PORT)
    }
}

/// A client at work.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) process: Process,
    pub(crate) done: Done,
}

/// How a client says that it is complete.
#[derive(Debug)]
pub(crate) enum Done {
    /// It ends, with 0.
    Exit,
    /// It makes this file.
    File(PathBuf),
}

impl Client {
    /// What cases are called after.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Superseed => "superseed",
            Self::SuperSeed => "super-seed",
            Self::Aria2 => "aria2",
            Self::Transmission => "transmission",
            Self::Libtorrent => "libtorrent",
            Self::LibtorrentAsShipped => "libtorrent-as-shipped",
        }
    }

    /// What must be installed for it.
    pub(super) fn tool(self) -> Option<Tool> {
        match self {
            Self::Superseed | Self::SuperSeed => None,
            Self::Aria2 => Some(Tool::Aria2),
            Self::Transmission => Some(Tool::Transmission),
            Self::Libtorrent | Self::LibtorrentAsShipped => Some(Tool::Libtorrent),
        }
    }

    /// How exact its downloads are.
    pub(super) fn strictness(self) -> Strictness {
        match self {
            Self::Superseed | Self::SuperSeed => Strictness::Exact,
            Self::Transmission => Strictness::NoEmptyFiles,
            _ => Strictness::Extras,
        }
    }

    /// Serves content that is there, until killed.
    pub(super) fn seed(self, stage: &Stage, job: &Job<'_>) -> Result<Running> {
        match self {
            Self::Superseed => superseed::seed(stage, job, &[]),
            Self::SuperSeed => superseed::seed(stage, job, &["--super-seed"]),
            Self::Aria2 => aria2::seed(stage, job),
            Self::Transmission => transmission::seed(stage, job),
            Self::Libtorrent => libtorrent::seed(stage, job, false),
            Self::LibtorrentAsShipped => libtorrent::seed(stage, job, true),
        }
    }

    /// What starts it, with no way to peers but those of the job: the caller adds
    /// some, and the last word counts. Transmission is no single command.
    pub(super) fn command(self, stage: &Stage, job: &Job<'_>, is_seed: bool) -> Result<Command> {
        Ok(match self {
            Self::Superseed | Self::SuperSeed => {
                let verb = if is_seed { "seed" } else { "download" };
                let mut command = superseed::command(stage, verb);
                superseed::arguments(&mut command, job);
                command
            }
            Self::Aria2 if is_seed => aria2::seed_command(job),
            Self::Aria2 => aria2::download_command(job),
            Self::Libtorrent | Self::LibtorrentAsShipped => {
                libtorrent::command(job, libtorrent::Role::of(is_seed))
            }
            Self::Transmission => bail!("{} is no single command", self.name()),
        })
    }

    /// Serves content that is there, or downloads it, with what it is to want of
    /// encryption; only for those that know such a choice.
    pub(super) fn start_encrypting(
        self,
        stage: &Stage,
        job: &Job<'_>,
        is_seed: bool,
        encryption: Theirs,
    ) -> Result<Running> {
        match self {
            Self::Transmission => {
                let wants = transmission::Wants {
                    encryption,
                    ..transmission::Wants::default()
                };
                transmission::start_wanting(stage, job, "--log-debug", &wants)
            }
            Self::Libtorrent => {
                libtorrent::start_encrypting(stage, job, libtorrent::Role::of(is_seed), encryption)
            }
            other => bail!("{} has no such choice", other.name()),
        }
    }

    /// Downloads.
    pub(super) fn download(self, stage: &Stage, job: &Job<'_>) -> Result<Running> {
        match self {
            Self::Superseed | Self::SuperSeed => superseed::download(stage, job),
            Self::Aria2 => aria2::download(stage, job),
            Self::Transmission => transmission::download(stage, job),
            Self::Libtorrent => libtorrent::download(stage, job, false),
            Self::LibtorrentAsShipped => libtorrent::download(stage, job, true),
        }
    }
}

impl Running {
    /// Starts a client that ends when it is complete.
    pub(crate) fn until_exit(stage: &Stage, name: &str, mut command: Command) -> Result<Self> {
        Ok(Self {
            process: stage.spawn(name, &mut command)?,
            done: Done::Exit,
        })
    }

    /// Whether the download is complete already.
    pub(super) fn is_complete(&mut self) -> Result<bool> {
        match &self.done {
            Done::Exit => Ok(self.process.ended()?.is_some()),
            Done::File(file) => Ok(file.exists()),
        }
    }

    /// Waits until the download is complete.
    pub(crate) fn wait_complete(&mut self, limit: Duration) -> Result<()> {
        match &self.done {
            Done::Exit => self.process.wait_success(limit),
            Done::File(file) => {
                let what = format!("{} to be complete", self.process.name());
                wait_until(limit, &what, || {
                    let done = file.exists();
                    ensure!(
                        done || self.process.ended()?.is_none(),
                        "{} ended",
                        self.process.name()
                    );
                    Ok(done)
                })
            }
        }
    }
}
