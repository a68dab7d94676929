//! The options of `show`, `verify`, `edit` and `magnet`: what is done with a
//! torrent file that exists.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;

use super::create::{Tier, url, web_seed};
use crate::text::address::HostPort;
use crate::text::ranges::Ranges;

/// `superseed show`.
#[derive(Args, Clone, Debug)]
pub(crate) struct ShowArgs {
    /// A .torrent file, a URL of one, `-` for standard input, a magnet link or an info-hash
    #[arg(value_name = "TORRENT|MAGNET")]
    pub(crate) torrent: OsString,
    /// List the files only, one per line, with their numbers
    #[arg(long, conflicts_with_all = ["tree", "trackers", "magnet"], help_heading = "What to show")]
    pub(crate) files: bool,
    /// Draw the tree of files only
    #[arg(long, conflicts_with_all = ["trackers", "magnet"], help_heading = "What to show")]
    pub(crate) tree: bool,
    /// List the trackers only: tier, URL
    #[arg(long, conflicts_with = "magnet", help_heading = "What to show")]
    pub(crate) trackers: bool,
    /// Print the magnet link only
    #[arg(long, help_heading = "What to show")]
    pub(crate) magnet: bool,
    /// Print sizes as numbers of bytes
    #[arg(short, long, help_heading = "What to show")]
    pub(crate) bytes: bool,
}

/// `superseed verify`.
#[derive(Args, Clone, Debug)]
pub(crate) struct VerifyArgs {
    /// A .torrent file, a URL of one, or `-` for standard input
    #[arg(value_name = "TORRENT")]
    pub(crate) torrent: OsString,
    /// The data, or the directory that holds it
    ///
    /// PATH/NAME is taken if it exists. Without PATH the data is looked for in
    /// the current directory, then in that of the torrent file.
    #[arg(value_name = "PATH")]
    pub(crate) path: Option<PathBuf>,
    /// How many threads hash; all cores if not given
    #[arg(short, long, value_name = "N")]
    pub(crate) threads: Option<NonZeroUsize>,
}

/// `superseed edit`.
#[derive(Args, Clone, Debug)]
pub(crate) struct EditArgs {
    /// .torrent files, or `-` for standard input
    #[arg(value_name = "TORRENT", required = true)]
    pub(crate) torrents: Vec<OsString>,
    /// Put these trackers in the place of all there are; repeat for more tiers, commas within a tier
    #[arg(short, long, value_name = "URL[,URL]", help_heading = "Trackers")]
    pub(crate) announce: Vec<Tier>,
    /// Add a tracker, in a tier of its own; repeatable
    #[arg(long, value_name = "URL", value_parser = url, alias = "add", help_heading = "Trackers")]
    pub(crate) add_tracker: Vec<String>,
    /// Remove a tracker; repeatable
    #[arg(long, value_name = "URL", aliases = ["remove", "delete"], help_heading = "Trackers")]
    pub(crate) remove_tracker: Vec<String>,
    /// Put one tracker in the place of another; repeatable
    #[arg(
        long,
        value_names = ["OLD", "NEW"],
        num_args = 2,
        alias = "replace",
        help_heading = "Trackers"
    )]
    pub(crate) replace_tracker: Vec<String>,
    /// Remove all trackers
    #[arg(long, conflicts_with = "announce", help_heading = "Trackers")]
    pub(crate) no_trackers: bool,
    /// Put these web seeds in the place of all there are; repeatable
    #[arg(short, long, value_name = "URL", value_parser = web_seed, help_heading = "Around the files")]
    pub(crate) web_seed: Vec<String>,
    /// Remove all web seeds
    #[arg(long, conflicts_with = "web_seed", help_heading = "Around the files")]
    pub(crate) no_web_seeds: bool,
    /// Set the comment; empty removes it
    #[arg(short, long, value_name = "TEXT", help_heading = "Around the files")]
    pub(crate) comment: Option<String>,
    /// Remove the comment
    #[arg(long, conflicts_with = "comment", help_heading = "Around the files")]
    pub(crate) no_comment: bool,
    /// Set the source, which changes the info-hash; empty removes it
    #[arg(short, long, value_name = "TEXT", help_heading = "Info-hash")]
    pub(crate) source: Option<String>,
    /// Remove the source, which changes the info-hash
    #[arg(long, conflicts_with = "source", help_heading = "Info-hash")]
    pub(crate) no_source: bool,
    /// Make the torrent private or public, which changes the info-hash
    #[arg(
        short,
        long,
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        hide_possible_values = true,
        help_heading = "Info-hash"
    )]
    pub(crate) private: Option<bool>,
    /// Allow the info-hash to change: it becomes another torrent
    #[arg(long, help_heading = "Info-hash")]
    pub(crate) new_infohash: bool,
    /// Write the result here, `-` is standard output; without it the file is replaced
    #[arg(short, long, value_name = "FILE", help_heading = "Output")]
    pub(crate) output: Option<PathBuf>,
    /// Overwrite the file that --output names
    #[arg(short, long, help_heading = "Output")]
    pub(crate) force: bool,
    /// Say what would change and write nothing
    #[arg(long, help_heading = "Output")]
    pub(crate) dry_run: bool,
}

/// `superseed magnet`.
#[derive(Args, Clone, Debug)]
pub(crate) struct MagnetArgs {
    /// A .torrent file, a URL of one, `-` for standard input, an info-hash or a magnet link
    #[arg(value_name = "TORRENT|INFOHASH|MAGNET")]
    pub(crate) torrent: OsString,
    /// Only these files, by number (BEP 53)
    #[arg(long, value_name = "1-3,7", value_parser = Ranges::parse)]
    pub(crate) select_only: Option<Ranges>,
    /// Name this peer in the link; repeatable
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) peer: Vec<HostPort>,
    /// Add this tracker to the link; repeatable
    #[arg(long, value_name = "URL", value_parser = url)]
    pub(crate) tracker: Vec<String>,
    /// Leave out the torrent's own trackers
    #[arg(long)]
    pub(crate) no_trackers: bool,
}
