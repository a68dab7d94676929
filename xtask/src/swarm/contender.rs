//! The clients that the bench knows, as leechers.

use std::process::Command;

use anyhow::{Context, Result};

use crate::interop::clients::{Job, aria2, libtorrent, rqbit, superseed};
use crate::interop::install::Tool;
use crate::interop::stage::Stage;

/// A client that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Contender {
    Superseed,
    /// Without uTP and encryption, as its peers speak TCP.
    Libtorrent,
    Aria2,
    Rqbit,
}

impl Contender {
    /// In the order in which they run.
    pub(super) const ALL: [Self; 4] = [Self::Superseed, Self::Libtorrent, Self::Aria2, Self::Rqbit];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Superseed => "superseed",
            Self::Libtorrent => "libtorrent",
            Self::Aria2 => "aria2",
            Self::Rqbit => "rqbit",
        }
    }

    pub(super) fn named(name: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|one| one.name() == name);
        found.with_context(|| {
            let all = Self::ALL.map(Self::name).join(", ");
            format!("no client of the bench is called {name}; there are {all}")
        })
    }

    /// What must be installed for it.
    pub(super) fn tool(self) -> Option<Tool> {
        match self {
            Self::Superseed => None,
            Self::Libtorrent => Some(Tool::Libtorrent),
            Self::Aria2 => Some(Tool::Aria2),
            Self::Rqbit => Some(Tool::Rqbit),
        }
    }

    /// A download that ends when it is complete.
    pub(super) fn download(self, stage: &Stage, job: &Job<'_>) -> Command {
        match self {
            Self::Superseed => superseed::download_command(stage, job),
            Self::Libtorrent => libtorrent::command(job, libtorrent::Role::Download),
            Self::Aria2 => aria2::download_command(job),
            Self::Rqbit => rqbit::download_command(job),
        }
    }

    /// What it writes once every piece is verified and written; some take a
    /// while to end after that.
    pub(super) fn says_complete(self) -> &'static str {
        match self {
            Self::Superseed => r#""event":"complete""#,
            Self::Libtorrent => r#""state": "seeding""#,
            Self::Aria2 => "Download complete",
            Self::Rqbit => "All downloads completed",
        }
    }
}
