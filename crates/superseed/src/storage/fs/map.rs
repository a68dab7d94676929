//! Which files a run of the torrent's bytes lies in.

use std::ops::Range;

use crate::storage::StorageFile;

/// The part of a run that lies in one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    /// The file's index.
    pub(super) file: usize,
    /// Where in the file the part begins, in bytes.
    pub(super) offset: u64,
    /// Its length in bytes; never zero.
    pub(super) len: u64,
}

/// Where each file begins in the torrent's bytes.
#[derive(Debug)]
pub(super) struct FileMap {
    /// One entry per file and one for the end.
    starts: Vec<u64>,
}

impl FileMap {
    pub(super) fn new(files: &[StorageFile]) -> Self {
        let mut starts = Vec::with_capacity(files.len() + 1);
        let mut at = 0u64;
        for file in files {
            starts.push(at);
            at = at.saturating_add(file.len);
        }
        starts.push(at);
        Self { starts }
    }

    /// The bytes of all files.
    pub(super) fn total_len(&self) -> u64 {
        self.starts.last().copied().unwrap_or(0)
    }

    /// The bytes of one file.
    pub(super) fn range(&self, file: usize) -> Range<u64> {
        self.starts[file]..self.starts[file + 1]
    }

    /// The parts of a run, in order, without files that have no bytes in it.
    /// What lies beyond the end is left out.
    pub(super) fn spans(&self, run: Range<u64>) -> impl Iterator<Item = Span> + '_ {
        let end = run.end.min(self.total_len());
        let first = self
            .starts
            .partition_point(|start| *start <= run.start)
            .saturating_sub(1);
        (first..self.starts.len() - 1)
            .take_while(move |file| self.starts[*file] < end)
            .filter_map(move |file| {
                let bytes = self.range(file);
                let part = bytes.start.max(run.start)..bytes.end.min(end);
                (!part.is_empty()).then(|| Span {
                    file,
                    offset: part.start - bytes.start,
                    len: part.end - part.start,
                })
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::path::PathBuf;

    fn files(lens: &[u64]) -> Vec<StorageFile> {
        lens.iter()
            .map(|len| StorageFile {
                path: PathBuf::from("f"),
                len: *len,
                ..StorageFile::default()
            })
            .collect()
    }

    #[test]
    fn empty_files_have_no_part() {
        let map = FileMap::new(&files(&[0, 5, 0, 0, 7, 0]));
        let spans: Vec<_> = map.spans(3..9).collect();
        let expected = [
            Span {
                file: 1,
                offset: 3,
                len: 2,
            },
            Span {
                file: 4,
                offset: 0,
                len: 4,
            },
        ];
        assert_eq!(spans, expected);
        assert_eq!(map.spans(12..20).count(), 0);
    }

    proptest! {
        #[test]
        fn the_parts_cover_the_run_once_and_in_order(
            lens in prop::collection::vec(0u64..50, 1..40),
            start in 0u64..500,
            len in 0u64..500,
        ) {
            let map = FileMap::new(&files(&lens));
            let mut at = start;
            for span in map.spans(start..start + len) {
                prop_assert_eq!(map.range(span.file).start + span.offset, at);
                prop_assert!(span.offset + span.len <= lens[span.file]);
                prop_assert!(span.len > 0);
                at += span.len;
            }
            prop_assert_eq!(at.max(start), (start + len).min(map.total_len()).max(start));
        }
    }
}
