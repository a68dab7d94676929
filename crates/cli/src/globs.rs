//! `--include` and `--exclude`: which files are meant.

use std::path::Path;

use globset::{Glob, GlobSet, GlobSetBuilder};

use crate::exit::Failure;

/// The globs of a command line. A glob that fits a directory fits all that is
/// in it.
#[derive(Clone, Debug)]
pub(crate) struct Globs {
    /// `None` includes everything.
    include: Option<GlobSet>,
    exclude: GlobSet,
}

impl Globs {
    /// Takes both lists; an empty `include` includes everything.
    pub(crate) fn new(include: &[Glob], exclude: &[Glob]) -> Result<Self, Failure> {
        Ok(Self {
            include: match include {
                [] => None,
                some => Some(set(some)?),
            },
            exclude: set(exclude)?,
        })
    }

    /// Whether a file is meant. It is known by several paths, since a glob may
    /// name the directory of the torrent or leave it out.
    pub(crate) fn choose(&self, paths: &[&Path]) -> bool {
        let fits = |set: &GlobSet| {
            let mut all = paths.iter().flat_map(|path| path.ancestors());
            all.any(|path| !path.as_os_str().is_empty() && set.is_match(path))
        };
        self.include.as_ref().is_none_or(fits) && !fits(&self.exclude)
    }
}

fn set(globs: &[Glob]) -> Result<GlobSet, Failure> {
    let mut set = GlobSetBuilder::new();
    for glob in globs {
        set.add(glob.clone());
    }
    // Each glob was read before; together they can only be too large.
    set.build()
        .map_err(|error| Failure::usage(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(include: &[&str], exclude: &[&str]) -> Vec<&'static str> {
        let globs = |texts: &[&str]| -> Vec<Glob> {
            texts.iter().map(|text| Glob::new(text).unwrap()).collect()
        };
        let globs = Globs::new(&globs(include), &globs(exclude)).unwrap();
        let paths = ["a.mkv", "extra/b.srt", "extra/.git/config"];
        let mut paths = paths.to_vec();
        paths.retain(|path| globs.choose(&[Path::new(path), &Path::new("films").join(path)]));
        paths
    }

    #[test]
    fn globs_fit_files_and_what_is_in_directories() {
        assert_eq!(chosen(&[], &[]).len(), 3);
        assert_eq!(chosen(&["*.srt", "*.mkv"], &[]), ["a.mkv", "extra/b.srt"]);
        assert_eq!(chosen(&["extra"], &["**/.git"]), ["extra/b.srt"]);
        assert_eq!(chosen(&["films/a.*"], &[]), ["a.mkv"]);
        assert_eq!(chosen(&[], &["films"]), [""; 0]);
    }
}
