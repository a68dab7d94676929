//! What torrents are made of here: the shapes of data in which creators go
//! wrong, small enough to try each with every format.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::interop::fixture::Noise;

const BLOCK: usize = 16 << 10;

/// What is at a path.
enum Entry {
    File(usize),
    Executable(usize),
    /// The text of the link.
    Link(&'static str),
}

use Entry::{Executable, File, Link};

/// A file or directory of data.
pub(super) struct Shape {
    /// Unique, and the torrent's name.
    pub(super) name: &'static str,
    /// Paths below the name; empty for a single file.
    entries: &'static [(&'static str, Entry)],
    /// The lengths of pieces to try, bytes.
    pub(super) piece_lens: &'static [u32],
    /// Whether mktorrent makes the same of it: there are no attributes and no
    /// links, and whole paths sort as their elements do.
    pub(super) is_plain: bool,
}

const SHORT: &[u32] = &[16 << 10];
const SOME: &[u32] = &[16 << 10, 64 << 10, 1 << 20];

/// Every shape.
pub(super) const SHAPES: &[Shape] = &[
    plain("one-byte", &[("", File(1))], SHORT),
    plain("less-than-a-block", &[("", File(BLOCK - 1))], SOME),
    plain("one-block", &[("", File(BLOCK))], SOME),
    plain("a-block-and-a-byte", &[("", File(BLOCK + 1))], SOME),
    plain("whole-pieces", &[("", File(64 * BLOCK))], SOME),
    plain(
        "a-byte-short-of-pieces",
        &[("", File(64 * BLOCK - 1))],
        SOME,
    ),
    plain(
        "five-pieces-and-a-bit",
        &[("", File(5 * BLOCK + 777))],
        SOME,
    ),
    plain("имя файла — 名前 🌱.bin", &[("", File(100_000))], SHORT),
    plain(
        "several",
        &[
            ("a", File(40_000)),
            ("b", File(1)),
            ("c", File(3 * BLOCK)),
            ("d", File(70_001)),
        ],
        SOME,
    ),
    plain(
        "nested",
        &[
            ("a/a/a", File(10)),
            ("a/a/b", File(BLOCK)),
            ("a/z", File(90_000)),
            ("b/x/y/z/deep", File(5)),
            ("c", File(BLOCK * 4)),
        ],
        SOME,
    ),
    plain(
        "empty-among-them",
        &[
            ("0-empty", File(0)),
            ("a", File(BLOCK)),
            ("b-empty", File(0)),
            ("c", File(2 * BLOCK)),
            ("z-empty", File(0)),
        ],
        SOME,
    ),
    plain(
        "scripts",
        &[
            ("Ä", File(5)),
            ("a", File(BLOCK + 3)),
            ("книга/глава 1", File(33_000)),
            ("音楽", File(2 * BLOCK)),
            ("🌱", File(7)),
        ],
        SHORT,
    ),
    plain(
        "exact-pieces-each",
        &[
            ("a", File(4 * BLOCK)),
            ("b", File(4 * BLOCK)),
            ("c", File(8 * BLOCK)),
        ],
        SOME,
    ),
    plain(
        "hidden",
        &[
            (".config", File(100)),
            (".d/.e", File(BLOCK + 1)),
            ("f", File(9)),
        ],
        SHORT,
    ),
    Shape {
        name: "name-begins-name",
        entries: &[
            ("a/z", File(90_000)),
            ("a.b/c", File(20_000)),
            ("a b", File(BLOCK)),
        ],
        piece_lens: SOME,
        is_plain: false,
    },
    Shape {
        name: "executable",
        entries: &[
            ("bin/run", Executable(20_000)),
            ("lib", File(BLOCK)),
            ("run.sh", Executable(9)),
        ],
        piece_lens: SOME,
        is_plain: false,
    },
    Shape {
        name: "links",
        entries: &[
            ("data/file", File(50_000)),
            ("data/near", Link("file")),
            ("far", Link("data/file")),
            ("other/up", Link("../data/file")),
            ("z", File(8)),
        ],
        piece_lens: SHORT,
        is_plain: false,
    },
];

const fn plain(
    name: &'static str,
    entries: &'static [(&'static str, Entry)],
    piece_lens: &'static [u32],
) -> Shape {
    Shape {
        name,
        entries,
        piece_lens,
        is_plain: true,
    }
}

impl Shape {
    /// Writes the data into `dir`; gives the file or directory that the
    /// torrent is to be made of.
    pub(super) fn write(&self, dir: &Path) -> Result<PathBuf> {
        let root = dir.join(self.name);
        for (path, entry) in self.entries {
            let full = if path.is_empty() {
                root.clone()
            } else {
                root.join(path)
            };
            fs::create_dir_all(full.parent().context("a path without a parent")?)?;
            match entry {
                Link(text) => symlink(text, &full)?,
                File(len) | Executable(len) => {
                    let mut bytes = vec![0; len.next_multiple_of(8)];
                    Noise::new(path.as_bytes()).fill(&mut bytes);
                    fs::write(&full, &bytes[..*len])?;
                    let mode = match entry {
                        Executable(_) => 0o755,
                        _ => 0o644,
                    };
                    fs::set_permissions(&full, fs::Permissions::from_mode(mode))?;
                }
            }
        }
        Ok(root)
    }
}
