//! What takes turns: the clients, and what they are measured by.

use anyhow::{Context, Error, Result, anyhow};

use super::bound::{self, Files};
use super::contender::Contender;
use super::device::{self, Device};
use super::limits::{self, Limit};

/// One row of a bench.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    Client(Contender),
    /// superseed at both ends.
    Pair,
    /// A program that uses superseed's library, where its command is measured too.
    Library,
    /// superseed with one peer, where it has many else.
    OnePeer,
    /// superseed going over data that it has downloaded.
    Recheck,
    /// superseed with a rate limit.
    Limited(Limit),
    /// superseed with a torrent on a device that works or hangs.
    Device(Device),
    /// superseed that may open so many files.
    Files(Files),
    /// The least possible; where threads matter, on one.
    Floor,
    /// The least possible with hashing on a second thread.
    FloorTwo,
}

impl Entry {
    const OTHERS: [Self; 6] = [
        Self::Pair,
        Self::Library,
        Self::OnePeer,
        Self::Recheck,
        Self::Floor,
        Self::FloorTwo,
    ];

    /// superseed itself.
    pub(super) const OURS: Self = Self::Client(Contender::Superseed);

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Client(client) => client.name(),
            Self::Pair => "superseed-pair",
            Self::Library => "superseed-library",
            Self::OnePeer => "superseed-one-peer",
            Self::Recheck => "superseed-recheck",
            Self::Limited(limit) => limit.name,
            Self::Device(device) => device.name,
            Self::Files(files) => files.name,
            Self::Floor => "floor",
            Self::FloorTwo => "floor-2-threads",
        }
    }

    /// Every entry of every bench.
    fn all() -> impl Iterator<Item = Self> {
        let clients = Contender::ALL.into_iter().map(Self::Client);
        let limits = limits::ALL.into_iter().map(Self::Limited);
        let devices = device::ALL.into_iter().map(Self::Device);
        let files = bound::ALL.into_iter().map(Self::Files);
        let others = Self::OTHERS.into_iter().chain(limits);
        clients.chain(others).chain(devices).chain(files)
    }

    pub(super) fn named(name: &str) -> Result<Self> {
        Self::all()
            .find(|one| one.name() == name)
            .with_context(|| format!("nothing in the bench is called {name}"))
    }

    /// The entries of a bench that is about superseed alone, if that is asked for.
    pub(super) fn if_ours(
        clients: &[Contender],
        entries: impl IntoIterator<Item = Self>,
    ) -> Vec<Self> {
        let is_asked_for = clients.contains(&Contender::Superseed);
        entries.into_iter().filter(|_| is_asked_for).collect()
    }

    /// It is none of the bench that was given it.
    pub(super) fn misplaced(self) -> Error {
        anyhow!("{} has no place here", self.name())
    }

    /// The client that is measured, if it is one.
    pub(super) fn client(self) -> Option<Contender> {
        match self {
            Self::Client(client) => Some(client),
            Self::Floor | Self::FloorTwo => None,
            Self::Pair
            | Self::Library
            | Self::OnePeer
            | Self::Recheck
            | Self::Limited(_)
            | Self::Device(_)
            | Self::Files(_) => Some(Contender::Superseed),
        }
    }

    /// Whether it is a client of somebody else.
    pub(super) fn is_other_client(self) -> bool {
        matches!(self, Self::Client(client) if client != Contender::Superseed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_is_found_by_its_name() -> Result<()> {
        for entry in Entry::all() {
            assert_eq!(Entry::named(entry.name())?, entry);
        }
        assert!(Entry::named("floor-3-threads").is_err());
        Ok(())
    }
}
