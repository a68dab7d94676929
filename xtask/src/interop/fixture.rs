//! The data that cases move, made once and kept below target/interop.
//!
//! Content is a function of the path, so that a lost or swapped byte shows;
//! torrents are libtorrent's work, so that ours is not its own judge.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, ensure};

use super::stage::{link_tree, python, script};
use crate::process;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

/// Raised when the sets change, so that old data is not taken for new.
const VERSION: u32 = 2;

/// Parts of names, one or more per script.
const WORDS: &[&str] = &[
    "readme",
    "Übung",
    "résumé",
    "книга",
    "μουσική",
    "音楽",
    "한글",
    "ملف",
    "קובץ",
    "हिन्दी",
    "ไทย",
    "naïve 🌱",
    "two words",
    "semi;colon",
    "dot.ted",
];

/// A kind of torrent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Set {
    /// One file that ends in mid-block; pieces of 256 KiB.
    Single,
    /// Many small and empty files with names in several scripts; pieces of 16 KiB.
    Scripts,
    /// Three files that share pieces of 16 MiB.
    LargePieces,
    /// 5,000 files in a tree, every seventh of them empty.
    Tree,
    /// One file long enough to be interrupted.
    Medium,
    /// One file that takes many seconds.
    Large,
    /// One file of 2 GiB.
    TwoGib,
    /// One file of 64 MiB for a swarm of slow uplinks; pieces of 256 KiB.
    Swarm,
    /// One file of 256 MiB for one fast line; pieces of 256 KiB.
    Line,
}

/// A set's data and its torrent.
#[derive(Clone, Debug)]
pub(crate) struct Fixture {
    /// The file or directory that the torrent names.
    pub(crate) content: PathBuf,
    /// The torrent, without trackers.
    pub(crate) torrent: PathBuf,
    /// The v1 info-hash as libtorrent computed it.
    pub(crate) info_hash: [u8; 20],
    /// The sum of all files, bytes.
    pub(crate) total_len: u64,
    /// Bytes.
    pub(crate) piece_len: u64,
}

impl Set {
    /// What cases are called after.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::Scripts => "scripts",
            Self::LargePieces => "large-pieces",
            Self::Tree => "tree",
            Self::Medium => "medium",
            Self::Large => "large",
            Self::TwoGib => "two-gib",
            Self::Swarm => "swarm",
            Self::Line => "line",
        }
    }

    fn piece_len(self) -> u64 {
        match self {
            Self::Single | Self::Swarm | Self::Line => 256 * KIB,
            Self::Scripts => 16 * KIB,
            Self::LargePieces => 16 * MIB,
            Self::Tree => 64 * KIB,
            Self::Medium | Self::Large => MIB,
            Self::TwoGib => 2 * MIB,
        }
    }

    /// The paths below the torrent's name with their sizes; a single file's path is empty.
    fn files(self) -> Vec<(String, u64)> {
        let single = |len| vec![(String::new(), len)];
        match self {
            Self::Single => single(48 * MIB + 7_777),
            Self::Scripts => (0..150)
                .map(|i| (path(i), small_len(i, 5, 90 * KIB)))
                .collect(),
            Self::LargePieces => vec![
                ("a".to_owned(), 30 * MIB + 1),
                ("b".to_owned(), 0),
                ("c".to_owned(), 70 * MIB + 12_345),
                ("d".to_owned(), 100),
            ],
            Self::Tree => (0..5_000)
                .map(|i| (path(i), small_len(i, 7, 32 * KIB)))
                .collect(),
            Self::Medium => single(192 * MIB + 1),
            Self::Large => single(1 << 30),
            Self::TwoGib => single(2 << 30),
            Self::Swarm => single(64 * MIB),
            Self::Line => single(256 * MIB),
        }
    }

    /// The set's data, made if it is not there.
    pub(crate) fn fixture(self) -> Result<Fixture> {
        let dir = super::dir().join(format!("fixtures/{}-{VERSION}", self.name()));
        let torrent = dir.join("torrent");
        let files = self.files();
        let content = dir.join(match self {
            Self::Scripts | Self::Tree => format!("{} — собрание 集", self.name()),
            _ => self.name().to_owned(),
        });
        Fixture::of(content, torrent, &files, self.piece_len())
    }
}

impl Fixture {
    /// Puts the content into a directory: a copy that costs no space.
    pub(crate) fn link_into(&self, dir: &Path) -> Result<()> {
        let name = self.content.file_name().context("content has a name")?;
        link_tree(&self.content, &dir.join(name))
    }

    /// One file of `len` bytes in `dir`, made if it is not there.
    pub(crate) fn single(dir: &Path, len: u64, piece_len: u64) -> Result<Self> {
        let files = [(String::new(), len)];
        Self::of(dir.join("content"), dir.join("torrent"), &files, piece_len)
    }

    fn of(
        content: PathBuf,
        torrent: PathBuf,
        files: &[(String, u64)],
        piece_len: u64,
    ) -> Result<Self> {
        if !torrent.exists() {
            for (path, len) in files {
                let path = if path.is_empty() {
                    content.clone()
                } else {
                    content.join(path)
                };
                write_file(&path, *len)
                    .with_context(|| format!("cannot write {}", path.display()))?;
            }
            let mut command = Command::new(python());
            command.arg(script("make_torrent.py")).arg(&content);
            process::run(command.arg(piece_len.to_string()).arg(&torrent))?;
        }
        Ok(Self {
            info_hash: read_hash(&torrent)?,
            content,
            torrent,
            total_len: files.iter().map(|(_, len)| len).sum(),
            piece_len,
        })
    }
}

/// Makes the data of some sets if it is not there: what is slow and shared by
/// many cases happens before their clocks run.
pub(crate) fn make(sets: &[Set]) -> Result<()> {
    // Cases side by side want the same sets.
    static MAKING: Mutex<()> = Mutex::new(());
    let _making = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    for set in sets {
        set.fixture()
            .with_context(|| format!("cannot make the data of {}", set.name()))?;
    }
    Ok(())
}

/// The path of file `i`: some at the top, some in directories of up to three levels.
fn path(i: u64) -> String {
    let word = |n: u64| WORDS[usize::try_from(n).unwrap_or_default() % WORDS.len()];
    // No name ends in a dot: Transmission would take the dot away.
    let name = format!(
        "{} {i}{}",
        word(i),
        if i.is_multiple_of(3) { ".txt" } else { "" }
    );
    match i % 4 {
        0 => name,
        1 => format!("{}/{name}", word(i / 10)),
        2 => format!("{}/{}/{name}", word(i / 10), word(i / 100)),
        _ => format!("deep/{}/{}/{name}", word(i / 50), word(i / 7)),
    }
}

/// Every `empty`th file is empty, the others have up to `len_max` bytes.
fn small_len(i: u64, empty: u64, len_max: u64) -> u64 {
    if i.is_multiple_of(empty) {
        0
    } else {
        1 + i * 7_919 % len_max
    }
}

fn read_hash(torrent: &Path) -> Result<[u8; 20]> {
    parse_hash(fs::read_to_string(torrent.with_extension("hash"))?.trim())
}

/// An info-hash of forty digits.
pub(crate) fn parse_hash(hex: &str) -> Result<[u8; 20]> {
    ensure!(hex.is_ascii() && hex.len() == 40, "no info-hash: {hex}");
    let mut hash = [0; 20];
    for (byte, at) in hash.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(&hex[at..at + 2], 16).context("no info-hash")?;
    }
    Ok(hash)
}

fn write_file(path: &Path, len: u64) -> Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let mut file = File::create(path)?;
    let mut noise = Noise::new(path.to_string_lossy().as_bytes());
    let mut buf = vec![0; usize::try_from(MIB)?];
    let mut left = len;
    while left > 0 {
        let run = usize::try_from(left.min(MIB))?;
        noise.fill(&mut buf);
        file.write_all(&buf[..run])?;
        left -= u64::try_from(run)?;
    }
    Ok(())
}

/// Bytes that look random and are the same on every machine (xorshift64*).
#[derive(Debug)]
pub(super) struct Noise(u64);

impl Noise {
    /// Another stream for every seed.
    pub(super) fn new(seed: &[u8]) -> Self {
        // FNV-1a; the state must not be zero.
        let hash = seed.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
        });
        Self(hash | 1)
    }

    /// The next number.
    pub(super) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Fills `buf`, whose length is a multiple of eight.
    pub(super) fn fill(&mut self, buf: &mut [u8]) {
        for word in buf.chunks_exact_mut(8) {
            word.copy_from_slice(&self.next().to_le_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn paths_are_unique_and_no_name_is_one_that_a_client_changes() {
        for set in [Set::Scripts, Set::Tree, Set::LargePieces] {
            let files = set.files();
            let paths: BTreeSet<_> = files.iter().map(|(path, _)| path).collect();
            assert_eq!(paths.len(), files.len(), "{}", set.name());
            assert!(files.iter().any(|(_, len)| *len == 0));
            let mut names = paths.iter().flat_map(|path| path.split('/'));
            assert!(names.all(|name| !name.ends_with(['.', ' '])));
        }
    }

    #[test]
    fn noise_depends_on_its_seed_alone() {
        let (mut a, mut again, mut b) = (Noise::new(b"a"), Noise::new(b"a"), Noise::new(b"b"));
        assert_eq!(a.next(), again.next());
        assert_ne!(a.next(), b.next());
    }
}
