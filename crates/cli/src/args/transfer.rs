//! The options of `download` and `seed`.

use std::ffi::OsString;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use globset::Glob;

use super::encryption::EncryptionArgs;
use super::network::{DhtArgs, ExchangeArgs, NearArgs, RouteArgs};
use crate::text::address::{HostPort, IndexPath, Listen};
use crate::text::ranges::Ranges;
use crate::text::size::{Rate, parse_rate};

/// `superseed download`.
#[derive(Args, Clone, Debug)]
pub(crate) struct DownloadArgs {
    /// .torrent files, `-` for standard input, http(s) URLs of torrent files,
    /// magnet links or info-hashes
    #[arg(value_name = "SRC")]
    pub(crate) sources: Vec<OsString>,
    #[command(flatten)]
    pub(crate) transfer: TransferArgs,
    /// Only fetch the torrent file of a magnet link, and save it
    ///
    /// As NAME.torrent in the directory, or under the name of --out.
    #[arg(long, alias = "bt-metadata-only", help_heading = "Files")]
    pub(crate) metadata_only: bool,
    /// Stop (successfully) after this many pieces were verified in this run
    #[arg(long, value_name = "N", help_heading = "Ending", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_pieces: Option<u32>,
    /// Give up when no data came for this long; 0 never does
    #[arg(long, value_name = "SEC", default_value = "0", alias = "bt-stop-timeout", value_parser = seconds, help_heading = "Ending")]
    pub(crate) stop_timeout: Duration,
    /// Go on seeding when complete, until interrupted or a goal is reached
    #[arg(long, help_heading = "Ending")]
    pub(crate) seed: bool,
}

/// `superseed seed`.
#[derive(Args, Clone, Debug)]
pub(crate) struct SeedArgs {
    /// .torrent files, `-` for standard input, or http(s) URLs of torrent files
    #[arg(value_name = "TORRENT")]
    pub(crate) sources: Vec<OsString>,
    #[command(flatten)]
    pub(crate) transfer: TransferArgs,
    /// Send every piece once before any twice (BEP 16): for a swarm's only seed
    #[arg(long, help_heading = "Network")]
    pub(crate) super_seed: bool,
}

/// What `download` and `seed` have in common.
#[derive(Args, Clone, Debug)]
pub(crate) struct TransferArgs {
    /// Where the files go, or are
    #[arg(
        short,
        long,
        value_name = "DIR",
        default_value = ".",
        help_heading = "Files"
    )]
    pub(crate) dir: PathBuf,
    /// Another name for the torrent's only file, or its directory
    #[arg(short, long, value_name = "NAME", help_heading = "Files")]
    pub(crate) out: Option<String>,
    /// Another path for file N, relative to the directory; repeatable
    #[arg(short = 'O', long, value_name = "N=PATH", help_heading = "Files")]
    pub(crate) index_out: Vec<IndexPath>,
    /// List the files with their numbers and exit
    #[arg(short = 'S', long, help_heading = "Files")]
    pub(crate) show_files: bool,
    /// Only these files, by number
    #[arg(long, value_name = "1-3,7", value_parser = Ranges::parse, help_heading = "Files")]
    pub(crate) select_file: Option<Ranges>,
    /// Only files whose path matches; repeatable
    #[arg(long, value_name = "GLOB", value_parser = glob, help_heading = "Files")]
    pub(crate) include: Vec<Glob>,
    /// No file whose path matches; repeatable
    #[arg(long, value_name = "GLOB", value_parser = glob, help_heading = "Files")]
    pub(crate) exclude: Vec<Glob>,
    /// Ask for pieces in order
    #[arg(long, help_heading = "Files")]
    pub(crate) sequential: bool,
    /// Reserve the disk space at once
    #[arg(long, help_heading = "Files")]
    pub(crate) preallocate: bool,
    /// Overwrite files that are in the way and are not the torrent's
    #[arg(long, help_heading = "Files")]
    pub(crate) allow_overwrite: bool,
    /// Hash all data first, whatever is known about it
    #[arg(long, alias = "check-integrity", help_heading = "Files")]
    pub(crate) recheck: bool,
    /// Read more sources from a file, one per line; `-` is standard input
    #[arg(short, long, value_name = "FILE", help_heading = "Files")]
    pub(crate) input_file: Option<PathBuf>,

    /// Download at most this many torrents at the same time
    #[arg(short = 'j', long, value_name = "N", default_value = "5", value_parser = clap::value_parser!(u16).range(1..), help_heading = "Ending")]
    pub(crate) max_concurrent_downloads: u16,
    /// Run this shell command when a torrent is complete
    ///
    /// It finds SUPERSEED_NAME, SUPERSEED_HASH, SUPERSEED_PATH and
    /// SUPERSEED_SIZE in its environment. Its failure is reported and changes
    /// nothing else.
    #[arg(long, value_name = "CMD", help_heading = "Ending")]
    pub(crate) on_complete: Option<String>,
    /// Seed until this many times the size was uploaded; 0 sets no such goal
    #[arg(long, value_name = "R", value_parser = ratio, help_heading = "Ending")]
    pub(crate) seed_ratio: Option<f64>,
    /// Seed for this many minutes; 0 does not seed at all
    #[arg(long, value_name = "MIN", value_parser = minutes, help_heading = "Ending")]
    pub(crate) seed_time: Option<Duration>,

    /// Listen here, announce this port and connect from this address; repeatable
    ///
    /// A port alone means IPv4 and IPv6. Without this option the first free
    /// port from 6881 on is taken.
    #[arg(long, value_name = "ADDR:PORT", help_heading = "Network")]
    pub(crate) listen: Vec<Listen>,
    /// Tell trackers this address of ours
    #[arg(
        long,
        value_name = "IP",
        alias = "bt-external-ip",
        help_heading = "Network"
    )]
    pub(crate) announce_ip: Option<IpAddr>,
    /// Try this peer first; repeatable
    #[arg(long, value_name = "HOST:PORT", help_heading = "Network")]
    pub(crate) peer: Vec<HostPort>,
    /// Ask this tracker too; repeatable
    #[arg(long, value_name = "URL", alias = "bt-tracker", value_parser = tracker, help_heading = "Network")]
    pub(crate) tracker: Vec<String>,
    /// Fetch from this web server too, which has the torrent's files (BEP 19); repeatable
    #[arg(long, value_name = "URL", value_parser = web_seed, help_heading = "Network")]
    pub(crate) web_seed: Vec<String>,
    #[command(flatten)]
    pub(crate) route: RouteArgs,
    /// Most bytes per second from peers, for each torrent; 0 is unlimited
    #[arg(long, value_name = "RATE", default_value = "0", value_parser = parse_rate, help_heading = "Network")]
    pub(crate) max_download_limit: Rate,
    /// Most bytes per second to peers, for each torrent; 0 is unlimited
    #[arg(short = 'u', long, value_name = "RATE", default_value = "0", value_parser = parse_rate, help_heading = "Network")]
    pub(crate) max_upload_limit: Rate,
    /// Most bytes per second from peers, for all torrents together
    #[arg(long, value_name = "RATE", default_value = "0", value_parser = parse_rate, help_heading = "Network")]
    pub(crate) max_overall_download_limit: Rate,
    /// Most bytes per second to peers, for all torrents together
    #[arg(long, value_name = "RATE", default_value = "0", value_parser = parse_rate, help_heading = "Network")]
    pub(crate) max_overall_upload_limit: Rate,
    /// Most peers of one torrent
    ///
    /// Fewer are taken, with a warning, where the process may open too few files (`ulimit -n`).
    #[arg(long, value_name = "N", default_value = "200", alias = "bt-max-peers", value_parser = clap::value_parser!(u16).range(1..), help_heading = "Network")]
    pub(crate) max_peers: u16,
    #[command(flatten)]
    pub(crate) near: NearArgs,
    #[command(flatten)]
    pub(crate) dht: DhtArgs,
    #[command(flatten)]
    pub(crate) encryption: EncryptionArgs,
    #[command(flatten)]
    pub(crate) exchange: ExchangeArgs,
    /// The start of our peer id, at most twelve bytes
    #[arg(long, value_name = "TEXT", default_value = "-SS0100-", value_parser = peer_id_prefix, help_heading = "Network")]
    pub(crate) peer_id_prefix: String,
    /// What HTTP trackers see as our User-Agent
    #[arg(long, value_name = "TEXT", default_value = concat!("superseed/", env!("CARGO_PKG_VERSION")), help_heading = "Network")]
    pub(crate) user_agent: String,

    /// Seconds between two progress lines where the output is no terminal; 0 prints none
    #[arg(long, value_name = "SEC", default_value = "60", value_parser = seconds, help_heading = "Output")]
    pub(crate) summary_interval: Duration,
    /// Show every peer with its client, rates and states
    #[arg(long, help_heading = "Output")]
    pub(crate) peers_table: bool,
}

/// The longest time an option takes: a hundred years.
const SECONDS_MAX: f64 = 3.2e9;

fn duration(text: &str, unit_s: f64, example: &str) -> Result<Duration, String> {
    match text.trim().parse::<f64>() {
        Ok(number) if (0.0..=SECONDS_MAX / unit_s).contains(&number) => {
            Ok(Duration::from_secs_f64(number * unit_s))
        }
        _ => Err(format!("{text:?} is not a number of {example}")),
    }
}

pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    duration(text, 1.0, "seconds")
}

pub(super) fn minutes(text: &str) -> Result<Duration, String> {
    duration(text, 60.0, "minutes")
}

pub(super) fn ratio(text: &str) -> Result<f64, String> {
    match text.trim().parse::<f64>() {
        Ok(ratio) if ratio.is_finite() && ratio >= 0.0 => Ok(ratio),
        _ => Err(format!("{text:?} is not a ratio such as 1.5")),
    }
}

pub(super) fn glob(text: &str) -> Result<Glob, String> {
    Glob::new(text).map_err(|error| error.kind().to_string())
}

fn tracker(text: &str) -> Result<String, String> {
    let known = ["http://", "https://", "udp://"];
    let lower = text.to_ascii_lowercase();
    if known.iter().any(|scheme| lower.starts_with(scheme)) {
        Ok(text.to_owned())
    } else {
        Err(format!("{text:?} is not an http, https or udp URL"))
    }
}

fn web_seed(text: &str) -> Result<String, String> {
    let known = ["http://", "https://"];
    let lower = text.to_ascii_lowercase();
    if known.iter().any(|scheme| lower.starts_with(scheme)) {
        Ok(text.to_owned())
    } else {
        Err(format!("{text:?} is not an http or https URL"))
    }
}

fn peer_id_prefix(text: &str) -> Result<String, String> {
    if text.len() <= 12 {
        Ok(text.to_owned())
    } else {
        Err(format!("{text:?} is longer than twelve bytes"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_seconds_or_minutes_and_never_negative() {
        assert_eq!(seconds("1.5"), Ok(Duration::from_millis(1500)));
        assert_eq!(minutes("2"), Ok(Duration::from_secs(120)));
        for text in ["-1", "x", "", "inf", "nan", "1e300"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }

    #[test]
    fn ratios_are_finite() {
        assert_eq!(ratio("0"), Ok(0.0));
        assert_eq!(ratio("1.5"), Ok(1.5));
        assert!(ratio("inf").is_err());
        assert!(ratio("-1").is_err());
    }

    #[test]
    fn trackers_are_of_a_known_scheme() {
        assert!(tracker("udp://a.example:1/announce").is_ok());
        assert!(tracker("HTTP://a.example/announce").is_ok());
        assert!(tracker("wss://a.example").is_err());
        assert!(web_seed("Https://a.example/files/").is_ok());
        assert!(web_seed("ftp://a.example/files/").is_err());
    }
}
