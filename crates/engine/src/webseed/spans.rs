//! Which bytes of which file a run of a torrent's bytes begins with.

use std::ops::Range;

use superseed_proto::layout::FileIndex;
use superseed_proto::metainfo::FileEntry;

/// Bytes of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) file: FileIndex,
    /// Where in the file.
    pub(crate) bytes: Range<u64>,
    /// They are zero, and nobody has them as a file (BEP 47).
    pub(crate) padding: bool,
}

impl Span {
    pub(crate) fn len(&self) -> u64 {
        self.bytes.end - self.bytes.start
    }
}

/// The first span of a run of a torrent's bytes; none if it is empty or past
/// the end.
pub(crate) fn first(files: &[FileEntry], run: Range<u64>) -> Option<Span> {
    let at = files.partition_point(|file| file.offset + file.len <= run.start);
    let file = files.get(at)?;
    let end = run.end.min(file.offset + file.len);
    (run.start >= file.offset && run.start < end).then(|| Span {
        file: FileIndex(at as u32),
        bytes: run.start - file.offset..end - file.offset,
        padding: file.padding,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(lens: &[(u64, bool)]) -> Vec<FileEntry> {
        let mut offset = 0;
        let mut entry = |&(len, padding): &(u64, bool)| {
            let file = FileEntry {
                path: vec!["f".to_owned()],
                len,
                offset,
                padding,
                executable: false,
                hidden: false,
                symlink: None,
                pieces_root: None,
            };
            offset += len;
            file
        };
        lens.iter().map(&mut entry).collect()
    }

    fn span(file: u32, bytes: Range<u64>, padding: bool) -> Option<Span> {
        let file = FileIndex(file);
        Some(Span {
            file,
            bytes,
            padding,
        })
    }

    #[test]
    fn a_run_is_cut_where_a_file_ends() {
        let files = files(&[(10, false), (0, false), (6, true), (20, false)]);
        assert_eq!(first(&files, 3..30), span(0, 3..10, false));
        assert_eq!(first(&files, 3..8), span(0, 3..8, false));
        assert_eq!(first(&files, 10..30), span(2, 0..6, true));
        assert_eq!(first(&files, 16..30), span(3, 0..14, false));
        assert_eq!(first(&files, 30..30), None);
        assert_eq!(first(&files, 36..40), None);
    }
}
