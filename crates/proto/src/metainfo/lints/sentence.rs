//! Lints in words.

use std::fmt;

use super::{Lint, PrivateSign};

impl fmt::Display for Lint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PieceLenOdd(len) => {
                write!(f, "the piece length of {len} bytes is not a power of two")
            }
            Self::PieceLenShort(len) => write!(
                f,
                "the piece length of {len} bytes is below 16 KiB, which some clients refuse"
            ),
            Self::PieceLenLong(len) => write!(
                f,
                "the piece length of {len} bytes is above 128 MiB, which some clients refuse"
            ),
            Self::ManyPieces { count, piece_len } => write!(
                f,
                "there are {count} pieces of {piece_len} bytes; longer pieces would make a smaller torrent file"
            ),
            Self::FewPieces { count, piece_len } => write!(
                f,
                "there are only {count} pieces of {piece_len} bytes; shorter pieces spread faster"
            ),
            Self::PrivateFlagMissing(PrivateSign::Source(source)) => write!(
                f,
                "the source tag '{source}' is that of a private tracker, but the private flag is missing"
            ),
            Self::PrivateFlagMissing(PrivateSign::Passkey(host)) => write!(
                f,
                "the tracker at {host} is asked with a personal key, but the private flag is missing"
            ),
            Self::PrivateWithoutTracker => {
                f.write_str("the torrent is private but has no tracker, so no peer can be found")
            }
            Self::PrivateWithNodes => {
                f.write_str("the torrent is private but names DHT nodes, which are not asked")
            }
            Self::TrackerScheme(scheme) if scheme.is_empty() => {
                f.write_str("a tracker's address is not a URL")
            }
            Self::TrackerScheme(scheme) => {
                write!(f, "trackers by '{scheme}' are not known")
            }
            Self::UnsafeName { raw, name } => {
                write!(f, "the name '{raw}' is not safe and is read as '{name}'")
            }
            Self::DuplicateName { path, name } => write!(
                f,
                "a second file has the path '{path}' and is called '{name}'"
            ),
            Self::CaseDuplicate { path, name } => write!(
                f,
                "the path '{path}' differs from another in upper and lower case only, and the file is called '{name}'"
            ),
            Self::FileIsDirectory { path, name } => write!(
                f,
                "the path '{path}' is a file and a directory at once, and the file is called '{name}'"
            ),
            Self::MoreNames(count) => write!(f, "{count} more names were changed"),
            Self::LinkRefused(path) => write!(
                f,
                "the symbolic link '{path}' does not lead to a file of the torrent and is not made"
            ),
            Self::MoreLinks(count) => write!(f, "{count} more symbolic links are not made"),
            Self::LayersMissing(1) => {
                f.write_str("the piece layer of a file is missing and must come from peers")
            }
            Self::LayersMissing(count) => write!(
                f,
                "the piece layers of {count} files are missing and must come from peers"
            ),
            Self::NonCanonicalInfo => f.write_str(
                "the info dictionary is not canonical bencode, which some clients refuse",
            ),
            Self::NonCanonicalOuter => {
                f.write_str("the torrent file is not canonical bencode, which some clients refuse")
            }
            Self::TrailingBytes(1) => f.write_str("a byte follows the end of the torrent"),
            Self::TrailingBytes(len) => write!(f, "{len} bytes follow the end of the torrent"),
            Self::Encoding(encoding) => write!(
                f,
                "the torrent's text is said to be in {encoding} and is read as UTF-8"
            ),
        }
    }
}
