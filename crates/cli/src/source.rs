//! Where a torrent comes from: a file, standard input, the web, or a link that
//! only names it.

use std::ffi::OsStr;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use superseed::{FETCH_BYTES_MAX, Metainfo, Route};
use superseed_proto::magnet::{Magnet, MagnetError};

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
        if text == "-" {
            Ok(Self::Stdin)
        } else if starts_with(text, "http://") || starts_with(text, "https://") {
            Ok(Self::Url(text.to_owned()))
        } else if is_magnet(text) || is_info_hash(text) {
            Err(Failure::new(
                Exit::Magnet,
                format!(
                    "{text} only names a torrent; this needs a .torrent file or the URL of one"
                ),
            ))
        } else {
            Ok(Self::Path(PathBuf::from(text)))
        }
    }

    /// Reads the bytes of the torrent file.
    pub(crate) async fn read(&self, stdin: &mut (dyn Read + Send)) -> Result<Vec<u8>, Failure> {
        self.read_by(&Route::Direct, stdin).await
    }

    async fn read_by(
        &self,
        route: &Route,
        stdin: &mut (dyn Read + Send),
    ) -> Result<Vec<u8>, Failure> {
        let bytes = match self {
            Self::Url(url) => return Ok(superseed::fetch_torrent_by(route, url).await?),
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
        self.load_by(&Route::Direct, stdin).await
    }

    /// The same; what is fetched is fetched by this way.
    pub(crate) async fn load_by(
        &self,
        route: &Route,
        stdin: &mut (dyn Read + Send),
    ) -> Result<(Metainfo, usize), Failure> {
        let bytes = self.read_by(route, stdin).await?;
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

/// Something that tells of a torrent: its file, or a link that only names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Given {
    /// A torrent file that was not read yet.
    Torrent(Source),
    /// A magnet link, or what a bare info-hash says as one.
    Magnet(Box<Magnet>),
}

impl Given {
    /// Tells what the user means, and reads it if it is a link.
    pub(crate) fn parse(given: &OsStr) -> Result<Self, Failure> {
        let link = match given.to_str() {
            Some(text) if is_magnet(text) => Magnet::parse(text),
            Some(text) if is_info_hash(text) => Magnet::from_info_hash(text),
            _ => return Source::parse(given).map(Self::Torrent),
        };
        let failed = |error: MagnetError| Failure::new(Exit::Magnet, error.to_string());
        link.map(Box::new).map(Self::Magnet).map_err(failed)
    }
}

fn starts_with(text: &str, scheme: &str) -> bool {
    let start = text.get(..scheme.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(scheme))
}

fn is_magnet(text: &str) -> bool {
    starts_with(text, "magnet:")
}

/// Whether text is an info-hash and not the name of a file.
fn is_info_hash(text: &str) -> bool {
    // No other length is one, and a long text need not be looked at.
    let fits = matches!(text.len(), 32 | 40 | 64 | 68);
    fits && Magnet::from_info_hash(text).is_ok() && !PathBuf::from(text).exists()
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
        let v2 = "0".repeat(64);
        for text in [hash, magnet, base32, format!("1220{v2}"), v2] {
            assert_eq!(parse(&text).unwrap_err().exit, Exit::Magnet, "{text}");
            let given = Given::parse(OsStr::new(&text)).unwrap();
            assert!(matches!(given, Given::Magnet(_)), "{text}");
        }
        let given = Given::parse(OsStr::new("x.torrent")).unwrap();
        assert_eq!(given, Given::Torrent(Source::Path("x.torrent".into())));
    }
}
