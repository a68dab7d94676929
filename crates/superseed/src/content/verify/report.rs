//! What is said of a torrent's files.

use std::ops::Range;

use superseed_proto::layout::FileIndex;

/// The state of a torrent's files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyReport {
    /// All files and links in the torrent's order, padding left out.
    pub files: Vec<FileReport>,
}

/// The state of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileReport {
    /// Which file of the torrent.
    pub file: FileIndex,
    /// What there is to say of it in a word: the first of these that is true,
    /// in the order of [`Verdict`].
    pub verdict: Verdict,
    /// Ranges of the file's bytes that are not as they should be: parts of
    /// pieces that hashed wrong, clipped to the file and what there is of it,
    /// in order, without overlap, joined where they touch.
    ///
    /// A v1 piece that spans several files says only that one of them is
    /// wrong; the range is then given for each.
    pub damaged: Vec<Range<u64>>,
    /// Ranges of which nothing can be said, because other bytes of their
    /// pieces could not be read: a neighbour is missing, or the end of this
    /// file. Ordered and joined as `damaged`.
    pub unverifiable: Vec<Range<u64>>,
}

/// What there is to say of a file in a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing is there.
    Missing,
    /// There is a directory, link, device, pipe or socket in its place.
    NotAFile,
    /// It cannot be read, or not all of it; says why.
    Unreadable(String),
    /// The link does not lead where it should, or is none.
    WrongLink,
    /// It ends too early.
    TooShort {
        /// Its length in bytes.
        len: u64,
    },
    /// It goes on where it should end.
    TooLong {
        /// Its length in bytes.
        len: u64,
    },
    /// Its length is right, its bytes are not.
    Damaged,
    /// Nothing wrong was found, but some of it cannot be checked.
    Unverifiable,
    /// It is as it should be.
    Ok,
}

impl VerifyReport {
    /// Whether all files are as they should be.
    pub fn is_ok(&self) -> bool {
        self.files.iter().all(|file| file.verdict == Verdict::Ok)
    }
}

impl Verdict {
    /// Whether there are bytes to be read.
    pub(super) fn has_bytes(&self) -> bool {
        matches!(
            self,
            Self::Ok | Self::TooShort { .. } | Self::TooLong { .. }
        )
    }
}
