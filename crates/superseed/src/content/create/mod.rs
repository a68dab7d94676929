//! Making a torrent of a file or directory.
//!
//! [`scan`] finds the files, puts them in order and refuses what no torrent
//! can say; [`Scan::hash`] reads them. That what is made also loads, under the
//! same names, is no hope: the torrent is made once with invented hashes and
//! read by the one parser that there is, before the first byte is hashed.

mod error;
mod options;
mod piece_len;
mod rehearsal;
mod scan;
mod torrent;
mod walk;

#[cfg(test)]
pub(in crate::content) mod tests;

pub use error::CreateError;
pub use options::{CreateOptions, Filter, SortKey, Symlinks};
pub use piece_len::{PIECE_LEN_AUTO_MAX, PIECE_LEN_MIN, piece_len_auto};
pub use scan::{Scan, ScannedFile, scan};
pub use walk::FILE_COUNT_MAX;

pub(in crate::content) use walk::link_target;
