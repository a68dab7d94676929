//! What is to be done, and when it is done.

use std::time::Duration;

use superseed::SeedGoal;

use crate::args::{DownloadArgs, SeedArgs, TransferArgs};

/// What the user wants of every torrent of this call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Order {
    /// `superseed seed`: the data is expected to be there.
    pub(crate) is_seed: bool,
    /// Whether a complete torrent goes on seeding.
    pub(crate) seeds: bool,
    /// When a seeding torrent is done; never, where nothing is set.
    pub(crate) goal: SeedGoal,
    /// Save the torrent files of links, and nothing else.
    pub(crate) metadata_only: bool,
    /// Seed as if it had nothing (BEP 16).
    pub(crate) super_seed: bool,
    /// End (successfully) after this many pieces.
    pub(crate) max_pieces: Option<u32>,
    /// Give up after this long without data.
    pub(crate) stop_timeout: Option<Duration>,
}

impl Order {
    /// As the options of `download` say: no seeding unless asked for.
    pub(crate) fn of_download(args: &DownloadArgs) -> Self {
        let transfer = &args.transfer;
        let asked = args.seed || transfer.seed_ratio.is_some() || transfer.seed_time.is_some();
        Self {
            is_seed: false,
            seeds: asked && !declined(transfer),
            goal: goal(transfer),
            metadata_only: args.metadata_only,
            super_seed: false,
            max_pieces: args.max_pieces,
            stop_timeout: Some(args.stop_timeout).filter(|timeout| !timeout.is_zero()),
        }
    }

    /// As the options of `seed` say.
    pub(crate) fn of_seed(args: &SeedArgs) -> Self {
        Self {
            is_seed: true,
            seeds: !declined(&args.transfer),
            goal: goal(&args.transfer),
            metadata_only: false,
            super_seed: args.super_seed,
            max_pieces: None,
            stop_timeout: None,
        }
    }
}

/// `--seed-time 0`, as in aria2.
fn declined(args: &TransferArgs) -> bool {
    args.seed_time == Some(Duration::ZERO)
}

fn goal(args: &TransferArgs) -> SeedGoal {
    SeedGoal {
        ratio: args.seed_ratio.filter(|ratio| *ratio > 0.0),
        time: args.seed_time.filter(|time| !time.is_zero()),
    }
}
