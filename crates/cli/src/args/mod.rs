//! The command line: one definition for parsing, help, completions, man pages
//! and the configuration.
//!
//! Parsing has no side effects; what is parsed here is the plan that the
//! commands carry out.

pub(crate) mod command;
pub(crate) mod create;
pub(crate) mod encryption;
pub(crate) mod files;
pub(crate) mod network;
pub(crate) mod share;
pub(crate) mod transfer;

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand};

use crate::env::Colour;
use crate::log::Level;
use crate::text::address::Listen;
use crate::text::size::parse_size;
pub(crate) use create::CreateArgs;
pub(crate) use files::{EditArgs, MagnetArgs, ShowArgs, VerifyArgs};
pub(crate) use share::ShareArgs;
pub(crate) use transfer::{DownloadArgs, SeedArgs, TransferArgs};

/// Everything the user asked for.
#[derive(Debug, Parser)]
#[command(
    name = "superseed",
    version,
    about = "Moves files between machines over BitTorrent",
    subcommand_required = true,
    arg_required_else_help = true,
    infer_subcommands = false,
    max_term_width = 100
)]
pub struct Plan {
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Plan {
    /// How much the library is to say.
    pub fn log_level(&self) -> Level {
        match (self.global.quiet, self.global.verbose) {
            (true, _) => Level::Errors,
            (false, 0) => Level::Warnings,
            (false, 1) => Level::Info,
            (false, 2) => Level::Debug,
            (false, _) => Level::Trace,
        }
    }

    /// When to use colour.
    pub fn colour(&self) -> Colour {
        self.global.color
    }
}

/// Options that every command has.
#[derive(Args, Clone, Debug)]
pub(crate) struct GlobalArgs {
    /// Print JSON, one object per line where something is live
    #[arg(long, global = true, help_heading = "Output")]
    pub(crate) json: bool,
    /// Say nothing but failures
    #[arg(short, long, global = true, help_heading = "Output")]
    pub(crate) quiet: bool,
    /// Say what happens; twice: why; three times: every step
    #[arg(short, long, global = true, action = ArgAction::Count, help_heading = "Output")]
    pub(crate) verbose: u8,
    /// When to use colour
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "WHEN",
        default_value = "auto",
        help_heading = "Output"
    )]
    pub(crate) color: Colour,
    /// Read this configuration instead of the user's and the machine's
    #[arg(long, global = true, value_name = "FILE", help_heading = "Output")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Download torrents; the default command
    ///
    /// `superseed X.torrent` is `superseed download X.torrent`. Exits when all
    /// are complete unless asked to seed. Data that is there is verified and
    /// never downloaded again.
    #[command(visible_alias = "get")]
    Download(DownloadArgs),
    /// Serve torrents whose data is there
    Seed(SeedArgs),
    /// Hand files to other machines: torrent, tracker and seeder in one
    ///
    /// Prints a magnet link and the line that fetches the files on another
    /// machine; nothing else is needed there. Trackers and web seeds of a
    /// TORRENT are left out. This side is found by its own tracker only; those
    /// who fetch use the DHT, peer exchange and local discovery as they always
    /// do, unless --private is given.
    Share(ShareArgs),
    /// Make a torrent file of a file or directory
    ///
    /// Prints the path of the torrent file. The same input and options make
    /// the same bytes but for the creation date, which --no-date leaves out
    /// and SOURCE_DATE_EPOCH sets.
    Create(Box<CreateArgs>),
    /// Show what a torrent file or magnet link says
    #[command(visible_alias = "info")]
    Show(ShowArgs),
    /// Check data against a torrent file, byte range by byte range
    ///
    /// Ends with 32 if anything is missing or wrong.
    #[command(visible_alias = "check")]
    Verify(VerifyArgs),
    /// Change the trackers, comment, source or privacy of torrent files
    ///
    /// What is not named stays as it is, byte for byte. A change of the
    /// info-hash is refused unless --new-infohash is given.
    Edit(Box<EditArgs>),
    /// Print the magnet link of a torrent
    Magnet(MagnetArgs),
    /// Run a tracker over HTTP and UDP
    Tracker(TrackerArgs),
    /// Prove that this installation works: move random data over loopback
    Bench(BenchArgs),
    /// Print the completions of a shell
    Completions {
        /// Which shell
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Show the options in force, and where they come from
    Config {
        #[command(subcommand)]
        action: ConfigAction,
    },
    /// Print the man page, or write the pages of all commands to a directory
    Man {
        /// Where to write `superseed.1`, `superseed-download.1`, …
        dir: Option<PathBuf>,
    },
}

#[derive(Args, Clone, Debug)]
pub(crate) struct TrackerArgs {
    /// Where to listen for HTTP and, with the same port, UDP; repeatable
    ///
    /// A port alone means IPv4 and IPv6.
    #[arg(long, value_name = "ADDR:PORT", default_value = "6969")]
    pub(crate) listen: Vec<Listen>,
    /// Seconds between two announces of a client
    #[arg(long, value_name = "SEC", default_value = "1800")]
    pub(crate) interval: u32,
}

#[derive(Args, Clone, Debug)]
pub(crate) struct BenchArgs {
    /// How much random data to move to each leecher
    #[arg(long, value_name = "SIZE", default_value = "256M", value_parser = parse_size)]
    pub(crate) size: u64,
    /// How many leechers
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u16).range(1..=50))]
    pub(crate) peers: u16,
    /// Make the temporary directory in this one; with --policies, write the
    /// document and its plots there instead of printing the document
    #[arg(short, long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// Compare the chokers and pickers in simulated swarms instead
    #[arg(long, conflicts_with_all = ["size", "peers"])]
    pub(crate) policies: bool,
    /// How often each swarm is simulated with each policy [default: 20, or 5 with --quick]
    #[arg(long, value_name = "N", requires = "policies", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) seeds: Option<u16>,
    /// A few small swarms, in which the figures mean little
    #[arg(long, requires = "policies")]
    pub(crate) quick: bool,
}

#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum ConfigAction {
    /// Print every option with its value and where it comes from
    Show,
    /// Print where the configuration is looked for
    Path,
    /// Check the configuration and the environment
    Check,
}
