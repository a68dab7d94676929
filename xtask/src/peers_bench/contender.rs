//! The clients that are measured, started as their users start them: without a
//! word more than they say by themselves, which would be paid for per block.

use std::process::Command;

use anyhow::Result;

pub(super) use crate::contender::Contender;
use crate::interop::clients::{
    Job, Running, aria2, libtorrent, rqbit, rtorrent, superseed, transmission,
};
use crate::interop::stage::Stage;

impl Contender {
    /// Starts a download.
    pub(super) fn leech(self, stage: &Stage, job: &Job<'_>) -> Result<Running> {
        match self {
            Self::Superseed => self.until_exit(stage, superseed_command(stage, "download", job)),
            Self::Libtorrent => {
                self.until_exit(stage, libtorrent::command(job, libtorrent::Role::Download))
            }
            Self::Aria2 => self.until_exit(stage, quiet_aria2(aria2::download_command(job))),
            Self::Rqbit => self.until_exit(stage, quiet_rqbit(rqbit::download_command(job))),
            Self::Transmission => transmission::start(stage, job, "--log-error"),
            Self::Rtorrent => rtorrent::start(stage, job),
        }
    }

    /// Starts a seed of data that is there, which ends when dropped. It does
    /// not serve at once: see `ready`.
    pub(super) fn seed(self, stage: &Stage, job: &Job<'_>) -> Result<Running> {
        match self {
            Self::Superseed => self.until_exit(stage, superseed_command(stage, "seed", job)),
            Self::Libtorrent => {
                self.until_exit(stage, libtorrent::command(job, libtorrent::Role::Seed))
            }
            Self::Aria2 => self.until_exit(stage, quiet_aria2(aria2::seed_command(job))),
            Self::Rqbit => self.until_exit(stage, quiet_rqbit(rqbit::seed_command(job))),
            Self::Transmission => transmission::start(stage, job, "--log-error"),
            Self::Rtorrent => rtorrent::start(stage, job),
        }
    }

    /// Starts a command of this client.
    pub(super) fn until_exit(self, stage: &Stage, command: Command) -> Result<Running> {
        // A seed and a leecher of one kind may be on one stage.
        let (mut n, mut name) = (1, self.name().to_owned());
        while stage.path(&format!("{name}.command")).exists() {
            n += 1;
            name = format!("{}-{n}", self.name());
        }
        Running::until_exit(stage, &name, command)
    }
}

/// `superseed VERB` on a job.
pub(super) fn superseed_command(stage: &Stage, verb: &str, job: &Job<'_>) -> Command {
    let mut command = superseed::program(stage);
    command.arg(verb);
    superseed::arguments(&mut command, job);
    superseed::keep_to_itself(&mut command);
    command
}

/// At `info`, aria2 writes a line for every message of every peer.
fn quiet_aria2(mut command: Command) -> Command {
    command.arg("--console-log-level=error");
    command
}

fn quiet_rqbit(mut command: Command) -> Command {
    command.env("RQBIT_LOG_LEVEL_CONSOLE", "error");
    command
}
