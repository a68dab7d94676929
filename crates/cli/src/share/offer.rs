//! What is shared: a torrent and where its data lies.
//!
//! Makes the torrent in memory where data was named. Writes nothing.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use superseed::Metainfo;
use superseed::content::{self, CreateOptions};
use superseed_proto::metainfo::Format;

use crate::args::create::PieceLength;
use crate::args::{GlobalArgs, ShareArgs};
use crate::env::Env;
use crate::exit::{Exit, Failure};
use crate::progress::hashing::{self, Task};
use crate::runtime::block_on;
use crate::source::Source;

/// A torrent with its data.
#[derive(Debug)]
pub(super) struct Offer {
    /// The torrent; who announces it where is decided later.
    pub(super) metainfo: Metainfo,
    /// The directory that holds its file or directory.
    pub(super) dir: PathBuf,
    /// What that is called, if not as the torrent says.
    pub(super) name: Option<String>,
}

/// What a user means by a path.
#[derive(Debug, PartialEq, Eq)]
enum Given {
    Torrent(Source),
    Data(PathBuf),
}

impl Given {
    /// Tells a torrent from data: by name, since a torrent file may itself be
    /// in a directory that is shared.
    fn parse(given: &OsStr) -> Result<Self, Failure> {
        let path = Path::new(given);
        let is_torrent_name = path
            .extension()
            .is_some_and(|extension| extension.eq_ignore_ascii_case("torrent"));
        match Source::parse(given) {
            Ok(Source::Path(path)) if !is_torrent_name || path.is_dir() => Ok(Self::Data(path)),
            Ok(source) => Ok(Self::Torrent(source)),
            // A file may be called like an info-hash, and a magnet link is none.
            Err(_) if path.exists() => Ok(Self::Data(path.to_owned())),
            Err(failure) => Err(failure),
        }
    }
}

impl Offer {
    /// Reads the torrent that was named, or makes one of the data.
    pub(super) fn prepare(
        args: &ShareArgs,
        global: &GlobalArgs,
        env: &mut Env,
    ) -> Result<Self, Failure> {
        match Given::parse(&args.source)? {
            Given::Torrent(source) => {
                let loaded = block_on(async {
                    tokio::select! {
                        loaded = source.load(&mut *env.stdin) => loaded,
                        () = env.interrupts.next() => Err(Failure::new(
                            Exit::Interrupted,
                            format!("{source}: interrupted before it was read"),
                        )),
                    }
                });
                Self::taken(loaded?.0, args)
            }
            Given::Data(path) => Self::make(&path, args, global, env),
        }
    }

    fn taken(metainfo: Metainfo, args: &ShareArgs) -> Result<Self, Failure> {
        let made = args.v1 || args.hybrid || args.private;
        if made || args.piece_length != PieceLength::Auto {
            return Err(Failure::usage(
                "--v1, --hybrid, --private and --piece-length are for a torrent that is made, \
                 and this one is there already",
            ));
        }
        let path = args.data.join(metainfo.name());
        if !path.exists() {
            return Err(Failure::new(
                Exit::NotFound,
                format!(
                    "cannot share {}: {} does not exist; --data names the directory that holds it",
                    metainfo.name(),
                    path.display()
                ),
            ));
        }
        Ok(Self {
            metainfo,
            dir: args.data.clone(),
            name: None,
        })
    }

    fn make(
        path: &Path,
        args: &ShareArgs,
        global: &GlobalArgs,
        env: &mut Env,
    ) -> Result<Self, Failure> {
        // A session opens nothing through links, and `.` has no name.
        let real = path
            .canonicalize()
            .map_err(|error| Failure::file("share", path.display(), &error))?;
        let (Some(dir), Some(file_name)) = (real.parent(), real.file_name()) else {
            return Err(Failure::usage(format!(
                "cannot share {}: it has no name",
                path.display()
            )));
        };
        let options = CreateOptions {
            format: if args.hybrid {
                Format::Hybrid
            } else {
                Format::V1
            },
            piece_len: match args.piece_length {
                PieceLength::Auto => None,
                PieceLength::Bytes(len) => Some(len),
            },
            private: args.private,
            ..CreateOptions::default()
        };
        let failed = |error| Failure::create(path.display(), &error);
        let scan = content::scan(path, &options).map_err(failed)?;
        let task = Task {
            verb: "hashing",
            name: scan.name().to_owned(),
            bytes: scan.total_len(),
        };
        let bytes = hashing::run(task, global, env, |meter| scan.hash(meter))?.map_err(failed)?;
        let metainfo =
            Metainfo::parse(&bytes).map_err(|error| Failure::metainfo(path.display(), &error))?;
        let file_name = file_name.to_string_lossy();
        Ok(Self {
            name: (file_name != metainfo.name()).then(|| file_name.into_owned()),
            metainfo,
            dir: dir.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torrent_is_told_from_data_by_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("x.torrent");
        std::fs::create_dir(&folder).unwrap();
        let parse = |text: &OsStr| Given::parse(text);
        assert_eq!(parse(folder.as_os_str()), Ok(Given::Data(folder.clone())));
        let table = [
            (
                "a/b.Torrent",
                Given::Torrent(Source::Path("a/b.Torrent".into())),
            ),
            ("-", Given::Torrent(Source::Stdin)),
            ("films", Given::Data("films".into())),
        ];
        for (text, expected) in table {
            assert_eq!(parse(OsStr::new(text)), Ok(expected), "{text}");
        }
        assert!(parse(OsStr::new("magnet:?xt=urn:btih:x")).is_err());
    }
}
