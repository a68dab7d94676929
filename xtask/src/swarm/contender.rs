//! The clients of the bench as leechers.

use std::process::Command;

use anyhow::{Result, bail};

pub(super) use crate::contender::Contender;
use crate::interop::clients::{Job, aria2, libtorrent, rqbit, superseed};
use crate::interop::stage::Stage;

impl Contender {
    /// Those that end by themselves and say so, in the order in which they run.
    pub(super) const OF_SWARMS: [Self; 4] =
        [Self::Superseed, Self::Libtorrent, Self::Aria2, Self::Rqbit];

    /// A download that ends when it is complete.
    pub(super) fn download(self, stage: &Stage, job: &Job<'_>) -> Result<Command> {
        Ok(match self {
            Self::Superseed => superseed::download_command(stage, job),
            Self::Libtorrent => libtorrent::command(job, libtorrent::Role::Download),
            Self::Aria2 => aria2::download_command(job),
            Self::Rqbit => rqbit::download_command(job),
            Self::Transmission | Self::Rtorrent => bail!("{} does not end", self.name()),
        })
    }

    /// What it writes once every piece is verified and written; some take a
    /// while to end after that.
    pub(super) fn says_complete(self) -> Result<&'static str> {
        Ok(match self {
            Self::Superseed => r#""event":"complete""#,
            Self::Libtorrent => r#""state": "seeding""#,
            Self::Aria2 => "Download complete",
            Self::Rqbit => "All downloads completed",
            Self::Transmission | Self::Rtorrent => bail!("{} says nothing", self.name()),
        })
    }
}
