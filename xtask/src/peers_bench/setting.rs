//! What all runs of a bench share, and how their processes are told of it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::interop::fixture::Fixture;

const MIB: u64 = 1 << 20;

/// The length of a piece, bytes.
const PIECE_LEN: u64 = MIB;

/// What all runs of a bench share.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Setting {
    /// How much is moved, MiB.
    pub(super) mib: u64,
    /// How many idle torrents there are.
    pub(super) torrents: u32,
    /// How long they are watched, and limits at most.
    pub(super) watched: Duration,
    /// Where content and results lie, in memory.
    pub(super) place: PathBuf,
    /// This program, built with all optimisations.
    pub(super) program: PathBuf,
}

impl Setting {
    /// How much is moved, bytes.
    pub(super) fn total_len(&self) -> u64 {
        self.mib * MIB
    }

    /// The content that is moved, made if it is not there.
    pub(super) fn fixture(&self) -> Result<Fixture> {
        let dir = self.place.join(format!("content-{}", self.mib));
        Fixture::single(&dir, self.total_len(), PIECE_LEN)
    }

    /// For a command line.
    pub(super) fn words(&self) -> Result<[String; 5]> {
        Ok([
            self.mib.to_string(),
            self.torrents.to_string(),
            self.watched.as_secs().to_string(),
            path_text(&self.place)?.to_owned(),
            path_text(&self.program)?.to_owned(),
        ])
    }

    /// Of a command line.
    pub(super) fn of(words: &[&str]) -> Result<Self> {
        let [mib, torrents, watched_s, place, program] = words else {
            bail!("a setting has five words");
        };
        Ok(Self {
            mib: mib.parse()?,
            torrents: torrents.parse()?,
            watched: Duration::from_secs(watched_s.parse()?),
            place: PathBuf::from(place),
            program: PathBuf::from(program),
        })
    }
}

/// A path as a word of a command line.
pub(super) fn path_text(path: &Path) -> Result<&str> {
    let text = path.to_str();
    text.with_context(|| format!("{} is no text", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_survives_a_command_line() -> Result<()> {
        let setting = Setting {
            mib: 64,
            torrents: 3,
            watched: Duration::from_secs(9),
            place: "/dev/shm/a b".into(),
            program: "/bin/true".into(),
        };
        let words = setting.words()?;
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        assert_eq!(Setting::of(&words)?, setting);
        assert!(Setting::of(&words[1..]).is_err());
        Ok(())
    }
}
