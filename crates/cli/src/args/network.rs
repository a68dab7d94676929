//! The options of the ways to peers beside trackers, and of those that are kept
//! away, a struct for each.

use std::path::PathBuf;

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

/// With whom a session speaks, and by what way.
#[derive(Args, Clone, Debug)]
pub(crate) struct RouteArgs {
    /// Speak with nobody whom this list names; repeatable
    ///
    /// Lines of P2P (`name:first-last`), DAT (`first - last , level , name`) or
    /// CIDR form, plain or compressed by gzip. A line that cannot be read ends the
    /// program before anything is connected to.
    #[arg(long, value_name = "FILE", help_heading = "Network")]
    pub(crate) blocklist: Vec<PathBuf>,
}
