//! The options of the ways to peers beside trackers, a struct for each.

use clap::Args;

/// Who is near.
#[derive(Args, Clone, Debug)]
pub(crate) struct NearArgs {
    /// Tell no neighbours of torrents, and hear none of theirs (BEP 14)
    ///
    /// A private torrent is never told of.
    #[arg(long, help_heading = "Network")]
    pub(crate) no_lsd: bool,
}
