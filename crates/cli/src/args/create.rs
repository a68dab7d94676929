//! The options of `create`.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;

use clap::builder::ArgPredicate;
use clap::{Args, ValueEnum};
use globset::Glob;

use super::transfer::glob;
use crate::text::address::HostPort;
use crate::text::date::parse_date;
use crate::text::size::parse_size;

/// `superseed create`.
#[derive(Args, Clone, Debug)]
pub(crate) struct CreateArgs {
    /// The file, or the directory of all files
    #[arg(value_name = "PATH")]
    pub(crate) path: PathBuf,

    /// Make a v1 torrent, which every client knows; the default
    // What is named beats what the configuration turned on.
    #[arg(
        long,
        conflicts_with_all = ["v2", "hybrid"],
        default_value_ifs = [("v2", "true", "false"), ("hybrid", "true", "false")],
        help_heading = "Pieces"
    )]
    pub(crate) v1: bool,
    /// Make a v2 torrent (BEP 52): per-file hash trees, SHA-256
    #[arg(
        long,
        conflicts_with = "hybrid",
        default_value_ifs = [("v1", "true", "false"), ("hybrid", "true", "false")],
        help_heading = "Pieces"
    )]
    pub(crate) v2: bool,
    /// Make a torrent that is both v1 and v2
    #[arg(
        long,
        default_value_ifs = [("v1", "true", "false"), ("v2", "true", "false")],
        help_heading = "Pieces"
    )]
    pub(crate) hybrid: bool,
    /// The length of pieces, `1M` for example, or `auto`
    #[arg(
        short = 'l',
        long,
        value_name = "SIZE",
        default_value = "auto",
        help_heading = "Pieces"
    )]
    pub(crate) piece_length: PieceLength,

    /// Announce to this tracker; repeat for more tiers, commas within a tier
    #[arg(short, long, value_name = "URL[,URL]", help_heading = "Swarm")]
    pub(crate) announce: Vec<Tier>,
    /// Name a web seed (BEP 19); repeatable
    #[arg(short, long, value_name = "URL", value_parser = web_seed, help_heading = "Swarm")]
    pub(crate) web_seed: Vec<String>,
    /// Name a DHT node to ask first (BEP 5); repeatable
    #[arg(long, value_name = "HOST:PORT", help_heading = "Swarm")]
    pub(crate) node: Vec<HostPort>,
    /// Let peers come from the trackers only (BEP 27)
    #[arg(short, long, help_heading = "Swarm")]
    pub(crate) private: bool,
    /// Set the source, by which private trackers tell their torrents from others'
    #[arg(short, long, value_name = "TEXT", help_heading = "Swarm")]
    pub(crate) source: Option<String>,

    /// Only files whose path matches; repeatable
    #[arg(long, value_name = "GLOB", value_parser = glob, help_heading = "Files")]
    pub(crate) include: Vec<Glob>,
    /// No file whose path matches; repeatable
    #[arg(long, value_name = "GLOB", value_parser = glob, help_heading = "Files")]
    pub(crate) exclude: Vec<Glob>,
    /// The order of files in a v1 torrent; alone it means by path, the default
    #[arg(
        long,
        value_enum,
        value_name = "BY",
        num_args = 0..=1,
        require_equals = true,
        default_value = "path",
        default_missing_value = "path",
        help_heading = "Files"
    )]
    pub(crate) sort: Sort,
    /// What to do with symbolic links
    #[arg(
        long,
        value_enum,
        value_name = "HOW",
        default_value = "keep",
        help_heading = "Files"
    )]
    pub(crate) symlinks: SymlinkChoice,

    /// Another name than that of PATH
    #[arg(short, long, value_name = "NAME", help_heading = "Description")]
    pub(crate) name: Option<String>,
    /// Set the comment
    #[arg(short, long, value_name = "TEXT", help_heading = "Description")]
    pub(crate) comment: Option<String>,
    /// Write no creation date
    #[arg(
        long,
        conflicts_with = "creation_date",
        default_value_if("creation_date", ArgPredicate::IsPresent, "false"),
        help_heading = "Description"
    )]
    pub(crate) no_date: bool,
    /// Write this creation date instead of the present: seconds since 1970, or 2026-11-21T07:30:00Z
    ///
    /// Without it SOURCE_DATE_EPOCH counts where it is set.
    #[arg(long, value_name = "DATE", value_parser = parse_date, help_heading = "Description")]
    pub(crate) creation_date: Option<i64>,
    /// Do not name superseed in the torrent
    #[arg(long, help_heading = "Description")]
    pub(crate) no_created_by: bool,

    /// Write the torrent here, `-` is standard output; without it NAME.torrent in the current directory
    #[arg(short, long, value_name = "FILE", help_heading = "Output")]
    pub(crate) output: Option<PathBuf>,
    /// Overwrite the torrent file that is there
    #[arg(short, long, help_heading = "Output")]
    pub(crate) force: bool,
    /// Print the magnet link too
    #[arg(long, help_heading = "Output")]
    pub(crate) magnet: bool,
    /// Say what would be made; hash and write nothing
    #[arg(long, help_heading = "Output")]
    pub(crate) dry_run: bool,
    /// How many threads hash; all cores if not given
    #[arg(short, long, value_name = "N", help_heading = "Output")]
    pub(crate) threads: Option<NonZeroUsize>,
}

/// The order of files in a v1 torrent; BEP 52 leaves no choice to the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sort {
    /// By path, byte by byte.
    Path,
    /// The smallest first.
    Size,
    /// The largest first.
    SizeDescending,
}

/// What to do with symbolic links.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SymlinkChoice {
    /// Keep links as links (BEP 47).
    Keep,
    /// Take what they lead to.
    Follow,
}

/// How long pieces are to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PieceLength {
    /// As the size of the content asks for.
    Auto,
    /// So many bytes.
    Bytes(u32),
}

impl FromStr for PieceLength {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.eq_ignore_ascii_case("auto") {
            return Ok(Self::Auto);
        }
        match parse_size(text)? {
            0 => Err("a piece has at least one byte".to_owned()),
            bytes => u32::try_from(bytes)
                .map(Self::Bytes)
                .map_err(|_| format!("pieces of {text} are too long")),
        }
    }
}

/// The trackers of one tier (BEP 12).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tier(pub(crate) Vec<String>);

impl FromStr for Tier {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut urls: Vec<String> = Vec::new();
        for part in text.split(',') {
            match urls.last_mut() {
                _ if part.trim().is_empty() => {
                    return Err(format!("{text:?} has a comma without a URL beside it"));
                }
                // A comma may be part of a URL; what follows is then no URL.
                Some(before) if !part.contains("://") => {
                    before.push(',');
                    before.push_str(part);
                }
                _ => urls.push(part.trim().to_owned()),
            }
        }
        urls.iter()
            .map(|text| url(text))
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

/// A tracker's URL, of any kind that some client speaks.
pub(crate) fn url(text: &str) -> Result<String, String> {
    of_scheme(text, &["http://", "https://", "udp://", "ws://", "wss://"])
        .ok_or_else(|| format!("{text:?} is not an http, https, udp, ws or wss URL"))
}

/// A web seed's URL.
pub(super) fn web_seed(text: &str) -> Result<String, String> {
    of_scheme(text, &["http://", "https://", "ftp://"])
        .ok_or_else(|| format!("{text:?} is not an http, https or ftp URL"))
}

fn of_scheme(text: &str, schemes: &[&str]) -> Option<String> {
    let fits = |scheme: &&str| {
        let start = text.get(..scheme.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(scheme)) && text.len() > scheme.len()
    };
    let clean = !text.contains(|c: char| c.is_control() || c.is_whitespace());
    (clean && schemes.iter().any(fits)).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_part_the_trackers_of_a_tier_but_not_a_url() {
        let tier = |text: &str| text.parse::<Tier>().map(|tier| tier.0);
        assert_eq!(
            tier("http://a/x,udp://b:1/y").unwrap(),
            ["http://a/x", "udp://b:1/y"]
        );
        assert_eq!(tier("http://a/x?k=1,2").unwrap(), ["http://a/x?k=1,2"]);
        for wrong in [
            "",
            "a",
            "http://a,",
            "file:///etc/passwd",
            "http://",
            "http://a b",
        ] {
            assert!(tier(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_piece_length_is_a_size_or_auto() {
        let read = |text: &str| text.parse::<PieceLength>();
        assert_eq!(read("AUTO"), Ok(PieceLength::Auto));
        assert_eq!(read("256K"), Ok(PieceLength::Bytes(262_144)));
        for wrong in ["0", "0K", "4G", "x", "-1", ""] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
    }
}
