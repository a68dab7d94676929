//! The clients that benches measure beside each other.

use anyhow::{Context, Result};

use crate::interop::install::Tool;

/// A BitTorrent client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contender {
    Superseed,
    /// Without uTP and encryption, as its peers speak TCP.
    Libtorrent,
    Aria2,
    Rqbit,
    Transmission,
    Rtorrent,
}

impl Contender {
    /// In the order in which they run.
    pub(crate) const ALL: [Self; 6] = [
        Self::Superseed,
        Self::Libtorrent,
        Self::Aria2,
        Self::Rqbit,
        Self::Transmission,
        Self::Rtorrent,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Superseed => "superseed",
            Self::Libtorrent => "libtorrent",
            Self::Aria2 => "aria2",
            Self::Rqbit => "rqbit",
            Self::Transmission => "transmission",
            Self::Rtorrent => "rtorrent",
        }
    }

    /// The one of this name, of those that a bench has.
    pub(crate) fn named(name: &str, among: &[Self]) -> Result<Self> {
        let found = among.iter().find(|one| one.name() == name);
        found.copied().with_context(|| {
            let all: Vec<&str> = among.iter().map(|one| one.name()).collect();
            let all = all.join(", ");
            format!("no client of the bench is called {name}; there are {all}")
        })
    }

    /// What must be installed for it.
    pub(crate) fn tool(self) -> Option<Tool> {
        match self {
            Self::Superseed => None,
            Self::Libtorrent => Some(Tool::Libtorrent),
            Self::Aria2 => Some(Tool::Aria2),
            Self::Rqbit => Some(Tool::Rqbit),
            Self::Transmission => Some(Tool::Transmission),
            Self::Rtorrent => Some(Tool::Rtorrent),
        }
    }
}
