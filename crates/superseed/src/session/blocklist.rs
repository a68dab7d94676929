//! Whom a session does not speak with: the user's blocklists.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flate2::bufread::MultiGzDecoder;
use superseed_engine::filter::{Filter, FilterBuilder, TooManyRules};
use superseed_proto::blocklist::{BlocklistReader, BrokenLine, LINE_LEN_MAX};

/// What a file in gzip form begins with (RFC 1952).
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Addresses that a session does not speak with, whatever names them: no peer, no
/// tracker. The default is nobody's. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Blocklist(pub(crate) Arc<Filter>);

impl Blocklist {
    /// Reads lists in the forms P2P (`name:first-last`), DAT (`first - last ,
    /// level , name`) and CIDR, plain or compressed by gzip, as one. Blocks
    /// until all is read.
    ///
    /// # Errors
    ///
    /// If a file cannot be read, or a line of it: a list that is obeyed in part
    /// would look as if it were obeyed.
    pub fn read<P: AsRef<Path>>(
        paths: impl IntoIterator<Item = P>,
    ) -> Result<Self, BlocklistError> {
        let mut rules = FilterBuilder::new();
        for path in paths {
            read_file(path.as_ref(), &mut rules)?;
        }
        Ok(Self(Arc::new(rules.build())))
    }

    /// The number of ranges that the rules came to: what overlaps or touches is
    /// one.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nobody is blocked.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Why a blocklist was not read.
#[derive(Debug, thiserror::Error)]
pub enum BlocklistError {
    /// A file cannot be read.
    #[error("cannot read the blocklist {}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said, or why it is no gzip.
        error: io::Error,
    },
    /// A line is no rule.
    #[error("the blocklist {}, {broken}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, by its number.
        broken: BrokenLine,
    },
    /// There are more rules than anybody has.
    #[error("the blocklist {}: {error}", path.display())]
    TooMany {
        /// The file whose rules were too many.
        path: PathBuf,
        /// How many there may be.
        error: TooManyRules,
    },
}

fn read_file(path: &Path, rules: &mut FilterBuilder) -> Result<(), BlocklistError> {
    let failed = |error| BlocklistError::Io {
        path: path.to_owned(),
        error,
    };
    let mut file = BufReader::with_capacity(1 << 18, File::open(path).map_err(failed)?);
    let is_gzip = file.fill_buf().map_err(failed)?.starts_with(&GZIP);
    let mut text: Box<dyn BufRead> = match is_gzip {
        true => Box::new(BufReader::with_capacity(1 << 18, MultiGzDecoder::new(file))),
        false => Box::new(file),
    };
    let mut reader = BlocklistReader::new();
    let mut line = Vec::new();
    loop {
        line.clear();
        // With its end, one that is too long is longer than the longest.
        let mut one = (&mut *text).take(LINE_LEN_MAX as u64 + 1);
        if one.read_until(b'\n', &mut line).map_err(failed)? == 0 {
            return Ok(());
        }
        let rule = reader.line(&line).map_err(|broken| BlocklistError::Line {
            path: path.to_owned(),
            broken,
        })?;
        if let Some(range) = rule {
            rules
                .block(range)
                .map_err(|error| BlocklistError::TooMany {
                    path: path.to_owned(),
                    error,
                })?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(text).unwrap();
        gzip.finish().unwrap()
    }

    #[test]
    fn files_of_all_forms_plain_and_compressed_are_read_as_one() {
        let dir = tempfile::tempdir().unwrap();
        let members = [gzip(b"1.2.4.0/24\n"), gzip(b"n:::1-::2\n")].concat();
        let files: [(&str, &[u8]); 3] = [
            ("a", b"# remark\r\nName:1.2.3.0-1.2.3.9\r\n"),
            ("b", b"001.002.003.010 - 001.002.003.255 , 000 , Name"),
            ("c", &members),
        ];
        let paths = files.map(|(name, bytes)| {
            let path = dir.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            path
        });
        let list = Blocklist::read(&paths).unwrap();
        assert_eq!(list.len(), 2);
        for blocked in ["1.2.3.0", "1.2.3.255", "1.2.4.255", "::1"] {
            assert!(list.0.blocks(blocked.parse().unwrap()), "{blocked}");
        }
        assert!(!list.0.blocks("1.2.5.0".parse().unwrap()));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_file_and_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("list");
        let read = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            Blocklist::read([&path]).unwrap_err().to_string()
        };
        let named = format!("the blocklist {}, line 3: the range ", path.display());
        let text = b"1.2.3.4\n\nn:1.2.3.5-1.2.3.4\n";
        for bytes in [text.to_vec(), gzip(text)] {
            assert_eq!(read(&bytes), format!("{named}ends before it begins"));
        }
        let long = [&[b'x'; LINE_LEN_MAX + 9][..], b"\n"].concat();
        assert!(read(&long).ends_with("line 1: the line is longer than 4096 bytes"));
        let cut = gzip(text)[..20].to_vec();
        assert!(read(&cut).starts_with("cannot read the blocklist"));
        std::fs::remove_file(&path).unwrap();
        let missing = Blocklist::read([&path]).unwrap_err();
        assert!(
            matches!(missing, BlocklistError::Io { error, .. } if error.kind() == io::ErrorKind::NotFound)
        );
    }
}
