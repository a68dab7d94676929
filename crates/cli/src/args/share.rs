//! The options of `share`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::create::PieceLength;
use super::transfer::{minutes, ratio, seconds};
use crate::text::address::Listen;
use crate::text::size::{Rate, parse_rate};

/// `superseed share`.
#[derive(Args, Clone, Debug)]
pub(crate) struct ShareArgs {
    /// The file or directory to share, or a torrent of it: a .torrent file, a URL of one, or `-`
    #[arg(value_name = "PATH|TORRENT")]
    pub(crate) source: OsString,

    /// Where the data of a TORRENT lies
    #[arg(
        short,
        long,
        value_name = "DIR",
        default_value = ".",
        alias = "dir",
        help_heading = "Files"
    )]
    pub(crate) data: PathBuf,
    /// Make a v1 torrent, which every client knows; the default
    #[arg(long, conflicts_with = "hybrid", help_heading = "Files")]
    pub(crate) v1: bool,
    /// Make a torrent that is both v1 and v2
    #[arg(long, help_heading = "Files")]
    pub(crate) hybrid: bool,
    /// The length of pieces, `1M` for example, or `auto`
    #[arg(
        short = 'l',
        long,
        value_name = "SIZE",
        default_value = "auto",
        help_heading = "Files"
    )]
    pub(crate) piece_length: PieceLength,
    /// Let peers come from this tracker only (BEP 27)
    #[arg(short, long, help_heading = "Files")]
    pub(crate) private: bool,

    /// Serve the torrent and its tracker here
    ///
    /// A port alone means IPv4 and IPv6. Without this option the first free
    /// port from 6969 on is taken.
    #[arg(long, value_name = "ADDR:PORT", help_heading = "Network")]
    pub(crate) listen: Option<Listen>,
    /// Take peers at this port, not the first free one from 6881 on; 0 lets the system choose
    #[arg(long, value_name = "PORT", help_heading = "Network")]
    pub(crate) peer_port: Option<u16>,
    /// Most bytes per second to all peers; 0 is unlimited
    #[arg(short = 'u', long, value_name = "RATE", default_value = "0", value_parser = parse_rate, help_heading = "Network")]
    pub(crate) max_upload_limit: Rate,
    /// Most peers
    #[arg(long, value_name = "N", default_value = "200", value_parser = clap::value_parser!(u16).range(1..), help_heading = "Network")]
    pub(crate) max_peers: u16,
    /// Send every piece once before any twice (BEP 16)
    #[arg(long, help_heading = "Network")]
    pub(crate) super_seed: bool,

    /// End when somebody has everything and nobody is connected any more
    #[arg(long, help_heading = "Ending")]
    pub(crate) once: bool,
    /// End when this many times the size was uploaded; 0 sets no such goal
    #[arg(long, value_name = "R", value_parser = ratio, help_heading = "Ending")]
    pub(crate) seed_ratio: Option<f64>,
    /// End after this many minutes; 0 sets no such goal
    #[arg(long, value_name = "MIN", value_parser = minutes, help_heading = "Ending")]
    pub(crate) seed_time: Option<Duration>,

    /// Seconds between two tables of who fetches where the output is no terminal; 0 prints none
    #[arg(long, value_name = "SEC", default_value = "10", value_parser = seconds, help_heading = "Output")]
    pub(crate) summary_interval: Duration,
}
