//! Checking files against a torrent.
//!
//! Each file is looked at first; then all that is there is hashed in one pass,
//! and the verdicts of pieces become those of files and of ranges in them.

mod blame;
mod error;
mod place;
mod report;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use superseed_proto::layout::FileIndex;
use superseed_proto::metainfo::Metainfo;

pub use error::VerifyError;
pub use report::{FileReport, Verdict, VerifyReport};

use super::Progress;
use super::hash::{self, Algorithms, Content, Plan};
use place::Place;

/// How [`verify`] works.
#[derive(Clone, Debug, Default)]
pub struct VerifyOptions {
    /// How many threads hash; one for each core if it is `None`.
    pub threads: Option<NonZeroUsize>,
}

/// Checks files against a torrent, and says file by file what is there.
///
/// `content` is the directory that holds the torrent's files, or the file of a
/// torrent that is one file; for that its directory will do, too. No link in
/// the directory is followed. Nothing is changed.
///
/// A hybrid is checked by both of its halves. Bytes of a sparse file that were
/// never written are known to be zero and not read.
///
/// # Errors
///
/// If nothing is at `content` or it cannot be looked into, or `progress`
/// cancels. What is wrong with single files is in the report.
pub fn verify(
    metainfo: &Metainfo,
    content: &Path,
    options: &VerifyOptions,
    progress: &dyn Progress,
) -> Result<VerifyReport, VerifyError> {
    let info = &metainfo.info;
    let place = Place::open(info, content)?;
    let mut seen: Vec<Verdict> = info
        .files_indexed()
        .map(|(file, _)| place.look_at(info, file))
        .collect();
    let format = info.format();
    let algorithms = Algorithms {
        sha1: format.has_v1(),
        merkle: format.has_v2(),
    };
    let plan = Plan::new(info, algorithms);
    let there = There {
        metainfo,
        place: &place,
        seen: &seen,
        failed: Mutex::default(),
    };
    let digests = hash::hash(&plan, &there, options.threads, progress)?;
    let failed = there.failed.into_inner();
    for (file, reason) in failed.unwrap_or_else(PoisonError::into_inner) {
        seen[file as usize] = Verdict::Unreadable(reason);
    }
    Ok(blame::report(metainfo, &plan, &digests, seen))
}

/// The files that are there.
struct There<'v> {
    metainfo: &'v Metainfo,
    place: &'v Place,
    seen: &'v [Verdict],
    /// What could not be read, and why it failed first.
    failed: Mutex<HashMap<u32, String>>,
}

impl There<'_> {
    fn fail(&self, file: u32, reason: String) {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.entry(file).or_insert(reason);
    }
}

impl Content for There<'_> {
    type Stop = VerifyError;

    fn open(&self, file: u32) -> Result<Option<File>, VerifyError> {
        if !self.seen[file as usize].has_bytes() {
            return Ok(None);
        }
        match self.place.open_file(&self.metainfo.info, FileIndex(file)) {
            Ok(file) => Ok(Some(file)),
            Err(reason) => {
                self.fail(file, reason);
                Ok(None)
            }
        }
    }

    fn unreadable(&self, file: u32, error: io::Error) -> Result<(), VerifyError> {
        let is_end = error.kind() == io::ErrorKind::UnexpectedEof;
        if is_end && matches!(self.seen[file as usize], Verdict::TooShort { .. }) {
            return Ok(());
        }
        self.fail(
            file,
            match is_end {
                true => "the file became shorter while it was read".to_owned(),
                false => error.to_string(),
            },
        );
        Ok(())
    }
}
