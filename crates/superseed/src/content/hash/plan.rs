//! What of a torrent's bytes is hashed, with what, and in which portions.

use std::ops::Range;

use superseed_proto::metainfo::Info;

/// How many bytes a worker takes at once, at least: enough that taking the
/// next job costs nothing, and that the reads of a worker follow each other.
const JOB_LEN: u32 = 4 << 20;

/// A run of a torrent's bytes that lies in one file, or is padding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stretch {
    /// Where it begins in the torrent's bytes.
    pub(crate) start: u64,
    /// How long it is, in bytes; never 0.
    pub(crate) len: u64,
    /// The number of the file, `None` for padding.
    pub(crate) file: Option<u32>,
    /// Where it begins in the file.
    pub(crate) file_offset: u64,
    /// The length of the file.
    pub(crate) file_len: u64,
}

/// Which hashes are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Algorithms {
    /// The SHA-1 of each piece (BEP 3).
    pub(crate) sha1: bool,
    /// The merkle root of each piece (BEP 52).
    pub(crate) merkle: bool,
}

/// The bytes of a torrent as the workers see them: files and padding in the
/// order of their offsets. Bytes that belong to neither are not hashed.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The length of a piece, in bytes.
    pub(crate) piece_len: u32,
    pub(crate) piece_count: u32,
    pub(crate) algorithms: Algorithms,
    /// Whole files.
    stretches: Vec<Stretch>,
}

impl Plan {
    pub(crate) fn new(info: &Info, algorithms: Algorithms) -> Self {
        let stretches = info.files_indexed().map(|(index, file)| Stretch {
            start: file.offset,
            len: file.len,
            file: (!file.padding).then_some(index.0),
            file_offset: 0,
            file_len: file.len,
        });
        Self {
            piece_len: info.layout.piece_len_nominal(),
            piece_count: info.layout.piece_count(),
            algorithms,
            stretches: stretches.filter(|stretch| stretch.len > 0).collect(),
        }
    }

    /// How many pieces make one job.
    pub(crate) fn pieces_per_job(&self) -> u32 {
        (JOB_LEN / self.piece_len.max(1)).max(1)
    }

    /// The parts of a run of pieces, in order: what belongs to several pieces
    /// is one part.
    pub(crate) fn parts(&self, pieces: Range<u32>) -> impl Iterator<Item = Stretch> + '_ {
        let start = u64::from(pieces.start) * u64::from(self.piece_len);
        let end = u64::from(pieces.end) * u64::from(self.piece_len);
        let first = self
            .stretches
            .partition_point(|stretch| stretch.start + stretch.len <= start);
        self.stretches[first..]
            .iter()
            .take_while(move |stretch| stretch.start < end)
            .map(move |stretch| stretch.cut(start, end))
    }
}

impl Stretch {
    /// What of it lies between two offsets in the torrent's bytes, which it
    /// must touch.
    fn cut(&self, start: u64, end: u64) -> Self {
        let from = self.start.max(start);
        let to = (self.start + self.len).min(end);
        Self {
            start: from,
            len: to - from,
            file_offset: self.file_offset + (from - self.start),
            ..*self
        }
    }

    /// The bytes of the file that it covers.
    pub(crate) fn file_range(&self) -> Range<u64> {
        self.file_offset..self.file_offset + self.len
    }
}
