//! A torrent that waits for its turn.
//!
//! Every source is read at once, so that a wrong one is told at once. Of
//! thousands that takes more memory than seeding them: then those in files are
//! forgotten again, and read when it is their turn.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use superseed::{AddError, AddOptions, Magnet, Metainfo};

use super::order::Order;
use super::setup;
use crate::args::TransferArgs;
use crate::exit::{Exit, Failure};
use crate::source::Source;

/// How many torrents may wait in memory.
pub(super) const READ_MAX: usize = 100;

/// What it takes to add a torrent. The session has it from then on, and lets go
/// of most of it while the torrent sleeps.
#[derive(Debug)]
pub(crate) enum Waiting {
    /// All of it.
    Ready(Box<Ready>),
    /// Its file.
    Unread(PathBuf),
    /// A link: what it is comes from peers.
    Link(Box<Magnet>),
}

/// A torrent that can be added.
#[derive(Clone, Debug)]
pub(crate) struct Ready {
    /// What it is.
    pub(crate) metainfo: Arc<Metainfo>,
    /// How to add it.
    pub(crate) options: AddOptions,
}

impl Ready {
    /// Applies the options of the call to what was read.
    pub(super) fn new(
        source: &dyn fmt::Display,
        metainfo: Arc<Metainfo>,
        args: &TransferArgs,
        order: Order,
    ) -> Result<Self, Failure> {
        // What cannot run yet can still be listed.
        if let (Some(hash), false) = (metainfo.info_hashes.v2_only(), args.show_files) {
            return Err(Failure::add(source, &AddError::V2Only(hash)));
        }
        let options = setup::add_options(&metainfo, args, order)
            .map_err(|failure| Failure::new(failure.exit, format!("{source}: {failure}")))?;
        Ok(Self { metainfo, options })
    }

    /// Reads a torrent again that was forgotten.
    pub(super) async fn again(
        path: &Path,
        hash: &str,
        args: &TransferArgs,
        order: Order,
    ) -> Result<Self, Failure> {
        let source = Source::Path(path.to_owned());
        let (metainfo, _) = source.load(&mut std::io::empty()).await?;
        if metainfo.info_hashes.to_string() != hash {
            return Err(Failure::new(
                Exit::Torrent,
                format!("{source} has become another torrent since it was first read"),
            ));
        }
        Self::new(&source, Arc::new(metainfo), args, order)
    }
}
