//! Making torrents of files, and checking files against torrents.
//!
//! A blocking library that takes all cores: [`scan`] looks at a file or
//! directory and [`Scan::hash`] makes a torrent of it; [`verify`] says file by
//! file what of a torrent is there and what is damaged. It reads and never
//! writes, needs no session, and knows no peers. One pipeline hashes for both.
//!
//! ```
//! use superseed::content::{self, CreateOptions, VerifyOptions};
//! use superseed::Metainfo;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let dir = tempfile::tempdir()?;
//! let song = dir.path().join("song.flac");
//! std::fs::write(&song, [7; 100_000])?;
//!
//! let torrent = content::scan(&song, &CreateOptions::default())?.hash(&())?;
//! let metainfo = Metainfo::parse(&torrent)?;
//! assert_eq!(metainfo.name(), "song.flac");
//!
//! let report = content::verify(&metainfo, &song, &VerifyOptions::default(), &())?;
//! assert!(report.is_ok());
//! # Ok(())
//! # }
//! ```

mod create;
mod hash;
mod verify;

pub use create::{
    CreateError, CreateOptions, FILE_COUNT_MAX, Filter, PIECE_LEN_AUTO_MAX, PIECE_LEN_MIN, Scan,
    ScannedFile, SortKey, Symlinks, piece_len_auto, scan,
};
pub use verify::{FileReport, Verdict, VerifyError, VerifyOptions, VerifyReport, verify};

/// Is told how far hashing has come, and may stop it.
///
/// The methods are called from all workers at once, about once for each MiB
/// that is read, and should return at once. `()` watches nothing.
pub trait Progress: Send + Sync {
    /// So many more bytes of files are done. In the end the sum is the length
    /// of all files, whether they could be read or not; padding and links do
    /// not count.
    fn advance(&self, bytes: u64);

    /// Whether the work is to end with `Cancelled`.
    fn cancelled(&self) -> bool {
        false
    }
}

impl Progress for () {
    fn advance(&self, _bytes: u64) {}
}
