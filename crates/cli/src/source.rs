//! Where a torrent file comes from: a path, standard input or the web.

use std::ffi::OsStr;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use superseed::{FETCH_BYTES_MAX, Metainfo};

use crate::exit::{Exit, Failure};

/// A torrent file that was named and not read yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// A file.
    Path(PathBuf),
    /// Standard input.
    Stdin,
    /// An http or https URL.
    Url(String),
}

impl Source {
    /// Tells what the user means, without looking at the file.
    pub(crate) fn parse(given: &OsStr) -> Result<Self, Failure> {
        let Some(text) = given.to_str() else {
            return Ok(Self::Path(given.into()));
        };
        let lower = text.to_ascii_lowercase();
        if text == "-" {
            Ok(Self::Stdin)
        } else if lower.starts_with("http://") || lower.starts_with("https://") {
            Ok(Self::Url(text.to_owned()))
        } else if lower.starts_with("magnet:")
            || is_info_hash(text) && !PathBuf::from(text).exists()
        {
            Err(Failure::new(
                Exit::Magnet,
                format!(
                    "{text}: magnet links and info-hashes are not supported yet, \
                     only .torrent files and URLs of them"
                ),
            ))
        } else {
            Ok(Self::Path(PathBuf::from(text)))
        }
    }

    /// Reads the bytes of the torrent file.
    pub(crate) async fn read(&self, stdin: &mut (dyn Read + Send)) -> Result<Vec<u8>, Failure> {
        let bytes = match self {
            Self::Url(url) => return Ok(superseed::fetch_torrent(url).await?),
            Self::Stdin => capped(stdin),
            Self::Path(path) => File::open(path).and_then(|mut file| capped(&mut file)),
        };
        let bytes = bytes.map_err(|error| Failure::file("read", self, &error))?;
        if bytes.len() > FETCH_BYTES_MAX {
            return Err(Failure::new(
                Exit::Torrent,
                format!(
                    "{self} is larger than {FETCH_BYTES_MAX} bytes, too large for a torrent file"
                ),
            ));
        }
        Ok(bytes)
    }

    /// Reads and parses the torrent file; also tells its length in bytes.
    pub(crate) async fn load(
        &self,
        stdin: &mut (dyn Read + Send),
    ) -> Result<(Metainfo, usize), Failure> {
        let bytes = self.read(stdin).await?;
        let metainfo = Metainfo::parse(&bytes).map_err(|error| Failure::metainfo(self, &error))?;
        Ok((metainfo, bytes.len()))
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => path.display().fmt(f),
            Self::Stdin => f.write_str("standard input"),
            Self::Url(url) => f.write_str(url),
        }
    }
}

/// Reads at most one byte more than a torrent file may have.
fn capped(from: &mut dyn Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(FETCH_BYTES_MAX as u64 + 1)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Forty hex digits (v1), 32 base32 digits (v1) or 68 hex digits (v2, BEP 9).
fn is_info_hash(text: &str) -> bool {
    let hex = text.bytes().all(|b| b.is_ascii_hexdigit());
    let base32 = text
        .bytes()
        .all(|b| b.is_ascii_alphabetic() || (b'2'..=b'7').contains(&b));
    match text.len() {
        40 => hex,
        68 => hex && text.starts_with("1220"),
        32 => base32,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_told_apart_by_their_text() {
        let parse = |text: &str| Source::parse(OsStr::new(text));
        assert_eq!(parse("-"), Ok(Source::Stdin));
        assert_eq!(parse("a/b.torrent"), Ok(Source::Path("a/b.torrent".into())));
        let url = "HTTPS://a.example/x.torrent";
        assert_eq!(parse(url), Ok(Source::Url(url.to_owned())));
        let hash = "a".repeat(40);
        let magnet = format!("magnet:?xt=urn:btih:{hash}");
        let base32 = "B".repeat(32);
        for text in [hash, magnet, base32, format!("1220{}", "0".repeat(64))] {
            assert_eq!(parse(&text).unwrap_err().exit, Exit::Magnet, "{text}");
        }
    }
}
