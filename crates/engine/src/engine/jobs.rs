//! Disk jobs on their way: what each was for.

use superseed_proto::layout::PieceIndex;

use super::memory::DeviceIndex;
use super::read_cache::RunKey;
use crate::ids::TorrentKey;
use crate::time::Time;
use crate::torrent::writing::Run;

/// A disk job that the host has and has not answered.
#[derive(Debug)]
pub(crate) struct Outstanding {
    pub(crate) job: Job,
    /// When the host was given it.
    pub(crate) since: Time,
}

/// A disk job and whose it is.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) torrent: TorrentKey,
    /// Where the torrent's files are, or the first if nobody knows yet.
    pub(crate) device: DeviceIndex,
    pub(crate) kind: JobKind,
}

/// What a disk job was for.
#[derive(Debug)]
pub(crate) enum JobKind {
    Open,
    /// A run of a piece in progress.
    Write(Run),
    HashBack(Run),
    /// What the hosts sent of a piece that is wrong.
    DigestWrong(Run),
    /// The right bytes of a piece that was wrong before.
    DigestRight(PieceIndex),
    /// Of this check of the torrent.
    Check(u64),
    Read(RunKey),
    /// Makes these pieces durable.
    Sync(Vec<PieceIndex>),
    Save,
    SetWanted,
    Keep,
    Sleep,
    Wake,
    Amend,
    Close,
}
