//! Thousands of torrents and their data, which take no memory: all bytes are
//! zeros that no file system stores.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use superseed_proto::hash::Sha1Hash;
use superseed_proto::metainfo::{Metainfo, TorrentBuilder};

const PIECE_LEN: u32 = 16 << 10;

/// What each torrent is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// One file of four pieces.
    Small,
    /// Fifty files, 4,000 pieces.
    Large,
}

impl Shape {
    pub(super) fn pieces(self) -> u32 {
        match self {
            Self::Small => 4,
            Self::Large => 4_000,
        }
    }

    fn files(self) -> u32 {
        match self {
            Self::Small => 1,
            Self::Large => 50,
        }
    }

    /// Bytes of one torrent.
    pub(super) fn total_len(self) -> u64 {
        u64::from(self.pieces()) * u64::from(PIECE_LEN)
    }
}

/// Torrents of one shape.
#[derive(Debug)]
pub(super) struct Torrents {
    pub(super) shape: Shape,
    dir: PathBuf,
}

impl Torrents {
    /// So many of them below `place`, made if they are not there.
    pub(super) fn make(place: &Path, shape: Shape, count: u32) -> Result<Self> {
        let dir = place.join(format!("{shape:?}-{count}"));
        let this = Self { shape, dir };
        if !this.hashes().exists() {
            this.write(count)
                .with_context(|| format!("cannot make {count} torrents"))?;
        }
        Ok(this)
    }

    fn write(&self, count: u32) -> Result<()> {
        fs::create_dir_all(self.torrents())?;
        fs::create_dir_all(self.data())?;
        let zeros = Sha1Hash::of(&vec![0; PIECE_LEN as usize]);
        let (mut hashes, mut list) = (String::new(), String::new());
        for n in 0..count {
            let bytes = self.torrent(n, zeros)?;
            let hash = Metainfo::parse(&bytes)?.info_hashes.v1();
            for byte in hash.context("no v1 hash")?.0 {
                write!(hashes, "{byte:02x}")?;
            }
            hashes.push('\n');
            let path = self.torrents().join(format!("{n:05}.torrent"));
            fs::write(&path, bytes)?;
            writeln!(list, "{}", path.display())?;
        }
        fs::write(self.list(), list)?;
        // Last: whoever finds it finds all.
        fs::write(self.hashes(), hashes)?;
        Ok(())
    }

    /// Makes the files of torrent `n`. Gives its torrent file.
    fn torrent(&self, n: u32, zeros: Sha1Hash) -> Result<Vec<u8>> {
        let name = format!("torrent {n:05}");
        let (count, len) = (self.shape.files(), self.shape.total_len());
        let mut builder = TorrentBuilder::new(&name, PIECE_LEN);
        if count == 1 {
            builder = builder.single_file(len);
            File::create(self.data().join(&name))?.set_len(len)?;
        } else {
            let dir = self.data().join(&name);
            fs::create_dir(&dir)?;
            let len = len / u64::from(count);
            for file in 0..count {
                let file = format!("file {file:02} of a torrent that has many.bin");
                File::create(dir.join(&file))?.set_len(len)?;
                builder = builder.file([file], len);
            }
        }
        let hashes = vec![zeros; self.shape.pieces() as usize];
        Ok(builder.piece_hashes(hashes).build())
    }

    /// The directory of the torrent files.
    pub(super) fn torrents(&self) -> PathBuf {
        self.dir.join("torrents")
    }

    /// A list of the torrent files.
    pub(super) fn list(&self) -> PathBuf {
        self.dir.join("list")
    }

    /// Where the data of all is.
    pub(super) fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    /// The info-hashes of all, a line each.
    pub(super) fn hashes(&self) -> PathBuf {
        self.dir.join("hashes")
    }

    /// Where the records of superseed's library are.
    pub(super) fn state(&self) -> PathBuf {
        self.dir.join("state")
    }

    /// Where libtorrent's resume data are.
    pub(super) fn resume(&self) -> PathBuf {
        self.dir.join("resume")
    }

    /// The directory of all that.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Whether superseed has written its resume records.
    pub(super) fn has_records(&self) -> bool {
        self.dir.join("recorded").exists()
    }

    /// Notes that it has.
    pub(super) fn note_records(&self) -> Result<()> {
        fs::write(self.dir.join("recorded"), "").context("cannot note it")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn torrents_have_their_shape_and_differ() -> Result<()> {
        let place = tempfile::tempdir()?;
        for shape in [Shape::Small, Shape::Large] {
            let torrents = Torrents::make(place.path(), shape, 2)?;
            let hashes = fs::read_to_string(torrents.hashes())?;
            let hashes: Vec<&str> = hashes.lines().collect();
            assert_eq!(hashes.len(), 2);
            assert_ne!(hashes[0], hashes[1]);
            let bytes = fs::read(torrents.torrents().join("00001.torrent"))?;
            let info = Metainfo::parse(&bytes)?.info;
            assert_eq!(info.layout.piece_count(), shape.pieces());
            assert_eq!(info.files.len(), shape.files() as usize);
            for (file, _) in info.files_indexed() {
                let path = torrents.data().join(info.file_path(file));
                assert_eq!(fs::metadata(path)?.len(), info.file(file).len);
            }
        }
        Ok(())
    }
}
